//! TFBind8: DNA words of length 8 that a transcription factor binds.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | a word over `ACGT` of length 0 to 8 |
//! | source | the empty word |
//! | action `b < 4` | append letter `b` of `ACGT`; there is no exit, a word of length 8 is terminal |
//! | backward action 0 | take the last letter away: every state has one parent |
//! | features | one-hot of each letter present, 32; letter `b` at position `i` is `4·i + b`, the source has none |
//! | index of a terminal state | lexicographic, `A < C < G < T`: 65,536 words |
//!
//! The reward is a power of the measured binding activity `y ∈ [0, 1]`, see [`TfBind8Reward`]. The activity is
//! `y = (E + 0.47907)/(0.49105 + 0.47907)`, `E` the E-score of SIX6, and is the same for a word and its reverse complement.
//!
//! # References
//!
//! Data: Barrera et al. (2016), *Survey of variation in human transcription factors reveals prevalent DNA binding changes*,
//! Science 351; the file `six6_e_scores.md` beside the table says where it is from. As a GFlowNet benchmark:
//! Shen et al. (2023), <https://arxiv.org/abs/2305.07170>.

mod environment;
mod reward;
mod table;

pub use environment::{TfBind8, TfBind8State};
pub use reward::{TfBind8Reward, TfBind8RewardConfig};
