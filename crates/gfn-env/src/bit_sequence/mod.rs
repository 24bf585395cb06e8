//! Bit sequences: strings of `n` bits, built from words of `k` bits, rewarded by the distance to hidden modes.
//!
//! # Conventions
//!
//! | | autoregressive | any position |
//! |---|---|---|
//! | state | the first words of the string | any set of words at their slots |
//! | action | the next word `w` | `slot·2^k + w`, the slot empty |
//! | `n_actions` | `2^k` | `(n/k)·2^k` |
//! | backward action | 0: clear the last word | the slot to clear |
//! | parents | one | one for each filled slot |
//!
//! There is no exit: a state is terminal when all `n/k` slots are filled. Features are the one-hot of each word present,
//! `(n/k)·2^k` in all, word `w` in slot `j` at `j·2^k + w`; empty slots have none. Bit 0 of a string is its first, and the
//! most significant of the string read as a binary number, which is the index of a terminal state.
//!
//! # References
//!
//! Malkin et al. (2022), *Trajectory balance*, <https://arxiv.org/abs/2201.13259> (autoregressive);
//! Tiapkin et al. (2023), <https://arxiv.org/abs/2310.12934> (any position).

mod environment;
mod reward;

pub use environment::{BitSequence, BitSequenceState, BuildOrder};
pub use reward::{BitSequenceReward, HammingReward};
