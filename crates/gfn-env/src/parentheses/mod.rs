//! Parentheses: strings of `(` and `)` of any length up to `L`, built by appending, of which the balanced ones are wanted
//! and short ones are a trap.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | the first words of a string, and whether the walk has exited |
//! | source | the empty string |
//! | action `w < 2^k` | append the word of `k` parentheses whose binary number is `w`, `(` for 0, the first for the highest bit |
//! | action `2^k` | exit, at any length; the only action at length `L` |
//! | backward action 0 | take the last word away, or undo the exit: every state has one parent |
//! | features | one-hot of each word present, `(L/k)·2^k` |
//! | `max_len` | `L/k + 1` |
//! | objects | `Σ_{j ≤ L/k} 2^{jk}`; shorter ones first, those of one length by their binary number |
//!
//! # References
//!
//! Malek et al. (2025), *Loss-guided auxiliary agents for overcoming mode collapse in GFlowNets*,
//! <https://arxiv.org/abs/2505.15251>, with `L = 32` and `k = 1`.

mod environment;
mod reward;

pub use environment::{Parentheses, ParenthesesState};
pub use reward::{ParenthesesClass, ParenthesesReward, ParenthesesRewardConfig};
