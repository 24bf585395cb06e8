//! Search around objects: back some edges, and forward again.

mod local_search;
mod mcmc;
mod moves;
mod uniform;

pub use local_search::{Filter, LocalSearch, LocalSearchConfig};
pub use mcmc::{Mcmc, McmcConfig};
pub use moves::BackTrack;
