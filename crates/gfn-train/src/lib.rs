//! GFlowNet training: the trainer, its optimiser, checkpoints and exact resume.
//!
//! The one decision of this crate: **a run is a function of its configuration and seed.** Random numbers are keyed by
//! (purpose, iteration, lane), so a checkpoint holds parameters, moments and counters and nothing else, and a run that
//! was killed and resumed makes the numbers of one that was not.
//!
//! # Examples
//!
//! ```
//! use burn::tensor::Device;
//! use gfn_env::{Hypergrid, HypergridReward, Streams};
//! use gfn_policy::{MlpConfig, MlpPolicy};
//! use gfn_train::{Trainer, TrainerConfig, TrajectoryBalance};
//!
//! let env = Hypergrid::new(2, 4)?;
//! let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0)?;
//! let device = Device::flex().autodiff();
//! let policy = MlpPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &device);
//! let mut trainer = Trainer::new(env, reward, policy, TrajectoryBalance, TrainerConfig::default())?;
//! trainer.run(300, |_report, _trajectories| {})?;
//! assert!(trainer.exact_total_variation(1_000)? < 0.1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `serde`: configuration enums for experiment files. `flex`, `ndarray`, `wgpu`, `vulkan`, `cuda`, `cpu`: burn's
//! backends, none on by default.

mod auxiliary;
mod average;
mod awake;
mod backward;
mod batch;
mod checkpoint;
mod error;
mod files;
mod gradient_norm;
mod gradients;
pub mod health;
mod learner;
mod objective;
mod objects;
mod observation;
mod optimiser;
mod policy_gradient;
mod regression;
mod thompson;
mod trainer;

pub use auxiliary::{AuxiliaryAgent, AuxiliaryConfig, AuxiliaryError};
pub use awake::AwakeThreads;
pub use backward::{BackwardState, BackwardTarget, BackwardTraining};
pub use batch::{Requirements, TargetNetwork, TrainingBatch};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use error::TrainError;
pub use files::{FileError, write_atomically};
pub use gradient_norm::GradientNorm;
pub use health::{Diagnosis, Health};
pub use objective::{
    AugmentedTrajectoryBalance, DetailedBalance, DivergenceControl, DivergenceObjective,
    Evaluation, FlowMatching, ForwardLookingDetailedBalance, ForwardLookingSubTrajectoryBalance,
    GuidedTrajectoryBalance, LogPartitionVariance, LogZSource, MaximumLikelihood,
    ModifiedDetailedBalance, Objective, RelativeTrajectoryBalance, SoftDqn, SubTrajectoryBalance,
    TrajectoryBalance,
};
pub use objects::{Objects, ObjectsError};
pub use observation::{LogZ, Observation};
pub use optimiser::{Adam, AdamConfig, AdamState, OptimiserError, WeightDecay};
pub use policy_gradient::{
    Baseline, Costs, CriticConfig, CriticLoss, CriticState, PolicyGradient, PolicyUpdate,
};
pub use regression::{RegressionConfig, RegressionConfigError};
pub use thompson::{ThompsonConfig, ThompsonError, ThompsonSampling};
pub use trainer::{
    GradientVariance, KeptObject, Phases, StepReport, Trainer, TrainerConfig, TrainerState,
};
