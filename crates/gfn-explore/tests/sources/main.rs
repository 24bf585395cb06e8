//! Sources of trajectories against exact probabilities, by G-tests at fixed seeds and a level of 1e-4.

mod chains;
#[path = "../common/mod.rs"]
mod common;
mod replay;
mod toys;
