//! Sequences: strings of fixed length over an alphabet, rewarded by a sum over positions or from a table.
//!
//! # Conventions
//!
//! | | [`SequenceOrder::Append`] | [`SequenceOrder::EitherEnd`] | [`SequenceOrder::AnyPosition`] |
//! |---|---|---|---|
//! | state | the first letters of a string of `L` | letters beside each other | letters at some of `L` positions |
//! | forward actions | `b`: append letter `b` | the same, and `D + b`: put `b` in front, but at the empty string | `D·i + b`: letter `b` at position `i` |
//! | backward actions | 0: take the last letter away | the same, and 1: the first, where there are two or more | `i`: the letter at `i` |
//! | parents | one | up to two; the same twice where all letters are alike | one for each letter |
//! | features | one-hot of each letter present, `L·D`; letter `b` at position `i` is `D·i + b` | the same, the first letter at 0 | the same |
//!
//! There is no exit: a string of `L` letters is terminal. Terminal states are numbered lexicographically: `D^L` strings.
//!
//! # References
//!
//! Da Silva et al. (2024), *On divergence measures for training GFlowNets*, <https://arxiv.org/abs/2410.09355>, with
//! `D = 8` and `L = 6`.

mod environment;
mod reward;
mod table;

pub use environment::{Sequence, SequenceOrder, SequenceState};
pub use reward::{SequenceReward, SequenceRewardConfig};
pub use table::{RewardScale, SequenceTableReward};
