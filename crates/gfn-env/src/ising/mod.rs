//! The Ising model: spins of ±1 on a lattice or a graph, set in any order.
//!
//! The environment is that of [`BitSequence`](crate::BitSequence) with words of one bit: bit `i` is site `i`, 1 for spin +1.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | the spins of some sites |
//! | source | no spins |
//! | action `2·i + b` | give site `i` the spin `2b − 1`; with the order of sites given, action `b` for the next one |
//! | backward action `i` | take the spin of site `i` away; with the order given, action 0 |
//! | terminal | every site has a spin; there is no exit |
//! | site of a lattice | `row·width + column` |
//! | energy | `E(x) = −Σ_{(i, j)} J_ij·s_i·s_j − Σ_i h_i·s_i`, each bond once, and `log R(x) = −β·E(x)` |
//!
//! # References
//!
//! - Onsager (1944) and Kaufman (1949), *Crystal statistics*: the partition function of the torus, which the tests use
//! - Zhang et al. (2022), *Generative flow networks for discrete probabilistic modeling*, <https://arxiv.org/abs/2202.01361>

mod config;
mod couplings;
mod partition;
mod reward;
mod sampling;

pub use config::IsingConfig;
pub use couplings::PairCouplings;
pub use reward::IsingReward;
