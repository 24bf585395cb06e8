//! Sources of trajectories against exact probabilities, by G-tests at fixed seeds and a level of 1e-4.

#[cfg(test)]
mod chains;
#[path = "../common/mod.rs"]
#[cfg(test)]
mod common;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod toys;
