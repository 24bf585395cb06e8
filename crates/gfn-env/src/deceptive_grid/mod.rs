//! Deceptive grid: a hypergrid that ends at its far sides, with a reward that draws to the corners and has its modes within.
//!
//! It is another graph than that of [`Hypergrid`](crate::Hypergrid): a walk ends by the exit, or as soon as any coordinate
//! is the last one. Most of the boundary of a hypergrid does not exist.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | a cell of the grid, and whether the walk has exited; the type is that of the hypergrid |
//! | source | the corner at 0 |
//! | action `i < D` | raise coordinate `i` by one |
//! | action `D` | exit, from any cell that is not at a far side |
//! | terminal | exited cells, and cells with one coordinate `H − 1`: there is no exit from these |
//! | backward action `i` | lower coordinate `i`; at a far side only the coordinate there, 0 at an exited cell |
//! | features | one-hot of each coordinate, `D·H`, as the hypergrid's |
//! | `max_len` | `D·(H − 2) + 1` |
//! | objects | `(H − 1)^D` exited cells, then `D·(H − 1)^{D−1}` cells of the far sides |
//!
//! # References
//!
//! Kim et al. (2025), *Adaptive teachers for amortized samplers*, <https://arxiv.org/abs/2410.01432>.

mod environment;
mod reward;

pub use environment::DeceptiveGrid;
pub use reward::{DeceptiveGridReward, DeceptiveGridRewardConfig};
