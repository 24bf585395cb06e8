//! GFlowNet exploration: how trajectories are chosen while training.
//!
//! The one decision of this crate: **a behaviour only chooses actions.** It turns the logits of a state into the
//! probabilities that are sampled from; trajectories are then scored under the current policy, so a behaviour can never
//! change what an objective converges to, as long as it keeps every allowed action possible.
//!
//! | Behaviour | Probabilities |
//! |---|---|
//! | [`OnPolicy`] | `P_F` |
//! | [`EpsilonUniform`] | `(1 − ε) P_F + ε / #allowed` |
//! | [`Tempered`] | `∝ P_F^{1/T}` |
//! | [`NoisyLayers`] | `P_F` with noise on the weights of the last layer |
//! | [`Mixture`] | another of these in each lane of a batch |
//!
//! Further trajectories of a batch come from sources ([`TrajectorySource`]):
//!
//! | Source | Trajectories |
//! |---|---|
//! | [`Replay`] | of earlier batches, or into their objects |
//! | [`LocalSearch`] | around those of the batch: back some edges, and forward again |
//! | [`Mcmc`] | into the objects of Markov chains that keep `R/Z` |
//! | [`EnergyLearning`] | into data, from which it learns the energy as well |
//!
//! # Examples
//!
//! ```
//! use gfn_explore::{Behaviour as _, EpsilonUniform, OnPolicy, Schedule};
//!
//! let epsilon = Schedule::Linear { from: 1.0, to: 0.0, iterations: 1_000 };
//! let behaviour = EpsilonUniform::new(OnPolicy, epsilon)?;
//! let mut p = [0.0; 3];
//! behaviour.probabilities(&[5.0, 0.0, 0.0], &[true, true, false], 0, &mut p);
//! assert_eq!(p, [0.5, 0.5, 0.0]);
//! # Ok::<(), gfn_explore::ScheduleError>(())
//! ```
//!
//! # Features
//!
//! `serde`: configuration enums for experiment files.

mod auxiliary;
mod codec;
mod config;
mod epsilon_uniform;
mod intrinsic;
mod mixture;
mod noisy_layers;
mod range;
mod replay;
mod schedule;
mod search;
mod shares;
mod source;
mod tempered;

pub use auxiliary::{AuxiliaryReward, AuxiliaryRewardError, MainView, RewardScale};
pub use config::{BehaviourConfig, BehaviourError, WeightedBehaviour};
pub use epsilon_uniform::EpsilonUniform;
pub use gfn_policy::{Behaviour, OnPolicy};
pub use intrinsic::{
    Intrinsic, IntrinsicConfig, NoveltyOf, RandomNetworkDistillation, RewardConfigError,
    StateCounts,
};
pub use mixture::{Assignment, Mixture};
pub use noisy_layers::{NoisePeriod, NoisyLayers};
pub use range::RangeError;
pub use replay::{Distance, Eviction, Intake, Priority, Replay, ReplayConfig, Stored};
pub use schedule::{Schedule, ScheduleError};
pub use search::{
    BackTrack, EnergyLearning, EnergyLearningConfig, EnergyLearningError, Filter, LocalSearch,
    LocalSearchConfig, Mcmc, McmcConfig, Negatives,
};
pub use shares::counts_of_shares;
pub use source::{SavedSource, SourceContext, SourceError, TrainedBatch, TrajectorySource};
pub use tempered::Tempered;
