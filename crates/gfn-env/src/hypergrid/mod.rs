//! The hypergrid: walk up the axes of a `D`-dimensional cube of side `H`, stop anywhere.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | coordinates `x ∈ {0, .., H−1}^D`, and whether the walk has exited |
//! | source | `x = 0`, not exited |
//! | action `d < D` | `x_d += 1`, where `x_d < H − 1` |
//! | action `D` | exit, allowed everywhere; the exited state is terminal |
//! | backward action `d` | `x_d −= 1`, where `x_d > 0`; at an exited state only index 0, which takes the exit back |
//! | features | one-hot of each coordinate, `D·H`; coordinate `d` is at `d·H + x_d` |
//! | longest trajectory | `D·(H − 1) + 1` |
//! | index of a terminal state | `Σ_d x_d·H^{D−1−d}`: the last coordinate counts fastest |
//!
//! Rewards are in [`HypergridReward`], which has the standard reward, its published presets, and other landscapes.
//!
//! # References
//!
//! Bengio et al. (2021), *Flow network based generative models*, <https://arxiv.org/abs/2106.04399>.

mod config;
mod environment;
mod landscape;
mod presets;
mod random;
mod reward;
mod tiers;

pub use config::{
    CoprimeTier, DigitOrder, HypergridRewardConfig, MultiscaleTier, ParityCheck, XorTier,
};
pub use environment::{Hypergrid, HypergridState, MAX_DIMENSIONS};
pub use presets::{Difficulty, RewardFamily};
pub use reward::HypergridReward;
