//! Search around objects: back some edges, and forward again.

mod energy_learning;
mod local_search;
mod mcmc;
mod moves;
mod uniform;

pub use energy_learning::{EnergyLearning, EnergyLearningConfig, EnergyLearningError, Negatives};
pub use local_search::{Filter, LocalSearch, LocalSearchConfig};
pub use mcmc::{Mcmc, McmcConfig};
pub use moves::BackTrack;
