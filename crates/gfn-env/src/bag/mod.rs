//! Bag: multisets of letters, rewarded where one letter is there often enough.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | how often each of `D` letters is in |
//! | source | the empty multiset |
//! | action `b < D` | add letter `b`; there is no exit, a multiset of `n` letters is terminal |
//! | backward action `b < D` | take one letter `b` out: one parent for each letter that is in |
//! | features | one-hot of the count of each letter that is in, `D·n`; count `c` of letter `b` is `n·b + c − 1` |
//! | `max_len` | `n` |
//! | objects | `C(n + D − 1, n)`, numbered with the fewest of the first letter first, then of the second, and so on |
//!
//! A multiset of counts `c` has `n!/Π c!` trajectories. As strings that are appended to, each of which has one trajectory,
//! the letters are a [`Sequence`](crate::Sequence), and [`BagReward`] is a reward of it as well: [`BagOrder`].
//!
//! # References
//!
//! Shen et al. (2023), *Towards understanding and improving GFlowNet training*, <https://arxiv.org/abs/2305.07170>, with
//! 13 of seven letters.

mod environment;
mod reward;

pub use environment::{Bag, BagState};
pub use reward::{BagOrder, BagReward, BagRewardConfig};
