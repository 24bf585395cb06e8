//! Phylogenetic trees: rooted binary trees over taxa with aligned sequences, made by merging two trees at a time.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | a forest: the clades, sets of taxa with a common root, that have more than one taxon |
//! | source | every taxon a tree of its own |
//! | action of a pair `i < j` | merge the trees whose first taxa are `i` and `j`; pairs are numbered `(0, 1), (0, 2), .., (1, 2), ..` |
//! | backward action `i` | split the tree whose first taxon is `i` at its root |
//! | terminal | one tree; there is no exit |
//! | features | for each pair, the size of the smallest clade that has both over `n`, 0 where none has |
//! | `max_len` | `n − 1` |
//! | objects | `(2n − 3)!!` rooted trees: 3, 15, 105, 945 for 3 to 6 taxa |
//!
//! # References
//!
//! - Zhou et al. (2024), *PhyloGFN: phylogenetic inference with generative flow networks*, <https://arxiv.org/abs/2310.08774>
//! - Fitch (1971), *Toward defining the course of evolution*: parsimony
//! - Jukes and Cantor (1969), *Evolution of protein molecules*; Felsenstein (1981), *Evolutionary trees from DNA sequences*

mod alignment;
mod environment;
mod likelihood;
mod parsimony;
mod reward;
mod state;

pub use alignment::{Alignment, FastaError, SimulatedAlignment};
pub use environment::Phylogeny;
pub use reward::{Gaps, PUBLISHED_CONSTANTS, PhylogenyReward, PhylogenyRewardConfig};
pub use state::ForestState;
