//! Structures of Bayesian networks: directed acyclic graphs, one edge at a time, with the posterior probability given data.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | the edges of a graph on `d` nodes, the transitive closure of them, and whether it has stopped |
//! | source | the graph without edges |
//! | action `i·(d − 1) + j − [j > i]` | add the edge `i → j`, where it is not there and closes no cycle |
//! | action `d·(d − 1)` | stop: every graph may |
//! | backward action | the same index: remove the edge; 0 at a graph that has stopped |
//! | features | the adjacency matrix without its diagonal, `d·(d − 1)` |
//! | `max_len` | `d·(d − 1)/2 + 1` |
//! | objects | all graphs: 3, 25, 543, 29,281 for 2 to 5 nodes |
//!
//! A graph with `m` edges has `m!` trajectories: every subset of its edges is acyclic.
//!
//! # References
//!
//! - Deleu et al. (2022), *Bayesian structure learning with generative flow networks*, <https://arxiv.org/abs/2202.13903>
//! - Geiger and Heckerman (2002), *Parameter priors for directed acyclic graphical models and the characterization of several
//!   probability distributions*; Kuipers, Moffa and Heckerman (2014), <https://arxiv.org/abs/1402.6863>: the BGe score
//! - Heckerman, Geiger and Chickering (1995), *Learning Bayesian networks*: the BDe score
//! - Cooper and Yoo (1999), *Causal discovery from a mixture of experimental and observational data*,
//!   <https://arxiv.org/abs/1301.6686>: scores of data in which some nodes were intervened on
//! - Tian and He (2009), *Computing posterior probabilities of structural features in Bayesian networks*: sums over all graphs

mod bde;
mod bge;
mod bif;
mod data;
mod environment;
mod interventions;
mod metrics;
mod posterior;
mod prior;
mod reward;
mod state;
mod synthetic;

pub use bde::BdeScore;
pub use bge::BgeScore;
pub use bif::DiscreteNetwork;
pub use data::{ContinuousData, DataTransform, DiscreteData, edges_from_table};
pub use environment::BayesianNetwork;
pub use interventions::Interventions;
pub use metrics::{
    ancestors_of, area_under_roc, edge_frequencies, expected_edges,
    expected_structural_hamming_distance, path_frequencies, structural_hamming_distance,
};
pub use posterior::DagPosterior;
pub use prior::StructurePrior;
pub use reward::{Baseline, BayesianNetworkReward, LocalScore};
pub use state::DagState;
pub use synthetic::{KnownStructure, LinearGaussian, sachs, sachs_interventional};
