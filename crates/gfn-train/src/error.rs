//! Why training stops.

use crate::RegressionConfigError;
use crate::optimiser::OptimiserError;
use gfn_env::{ExactError, RewardError};
use gfn_explore::{RewardConfigError, ScheduleError, SourceError};
use gfn_policy::{ParametersError, RolloutError};

/// Why training stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A loss or gradient norm is NaN or infinite; the parameters are those before the iteration.
    #[error(
        "iteration {iteration}: the {quantity} is {value}; the parameters before this iteration are kept. Lower the \
         learning rate, start log Z nearer to its value, or use a regression loss that grows less steeply"
    )]
    NonFinite {
        /// Iteration, counted from 0.
        iteration: u64,
        /// What is not finite.
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// A rollout failed.
    #[error("iteration {iteration}: {source}")]
    Rollout {
        /// Iteration, counted from 0.
        iteration: u64,
        /// What went wrong.
        source: RolloutError,
    },
    /// The configuration makes no trainer.
    #[error("{0}")]
    Optimiser(#[from] OptimiserError),
    /// The regression loss has a parameter out of range.
    #[error("regression: {0}")]
    Regression(#[from] RegressionConfigError),
    /// A number of the configuration is out of range.
    #[error("{name} must be {range}")]
    OutOfRange {
        /// Which number.
        name: &'static str,
        /// What is allowed.
        range: &'static str,
    },
    /// A checkpoint does not fit the policy.
    #[error("{0}")]
    Parameters(#[from] ParametersError),
    /// The device failed while it computed gradients or the update.
    #[error("iteration {iteration}: the device failed: {message}")]
    Device {
        /// Iteration, counted from 0.
        iteration: u64,
        /// What the backend says.
        message: String,
    },
    /// log Z is set after training has begun.
    #[error(
        "log Z can be set before the first update alone, and {iterations} are made: set it on a trainer at iteration 0"
    )]
    LogZAfterTraining {
        /// Iterations made.
        iterations: u64,
    },
    /// There is no log Z to set.
    #[error("log Z cannot be set: {0}")]
    NoLogZ(&'static str),
    /// The environment cannot be enumerated.
    #[error(transparent)]
    Exact(#[from] ExactError),
    /// The reward fails on an object that was not sampled yet, or an energy cannot be computed.
    #[error(transparent)]
    Reward(#[from] RewardError),
    /// The objective looks forward, and there is nothing to look at.
    #[error(
        "the objective needs the energies of partial objects: give them with `Trainer::with_partial_energy`, or choose an \
         objective that is not forward-looking"
    )]
    NoEnergy,
    /// An energy is NaN or infinite.
    #[error("the energy of state {state} is {value}, and must be finite")]
    Energy {
        /// `Debug` form of the state.
        state: String,
        /// Its energy.
        value: f64,
    },
    /// The objective or P_B follows a guide, and there is none.
    #[error(
        "the objective or P_B follows a guide: give one with `Trainer::with_guide`, or choose trajectory balance"
    )]
    NoGuide,
    /// A trajectory that the guide cannot make.
    #[error(
        "the guide gives a trajectory into {state} the log-probability {value}, and must give every one a finite one: mix it \
         with a uniform choice"
    )]
    Guide {
        /// `Debug` form of the object.
        state: String,
        /// Its log-probability.
        value: f64,
    },
    /// The objective has intrinsic rewards, and there are none.
    #[error(
        "the objective asks for intrinsic rewards: give them with `Trainer::with_intrinsic_rewards`, or choose trajectory \
         balance"
    )]
    NoIntrinsic,
    /// A number of an intrinsic reward.
    #[error("intrinsic: {0}")]
    Intrinsic(#[from] RewardConfigError),
    /// Its weight.
    #[error("the weight of intrinsic rewards: {0}")]
    IntrinsicWeight(ScheduleError),
    /// A state of other intrinsic rewards.
    #[error(
        "the saved state of the intrinsic rewards is damaged, or of others than this trainer has"
    )]
    IntrinsicState,
    /// A state that cannot stop.
    #[error(
        "state {state} does not allow the exit, the last action: modified detailed balance needs an environment in which \
         every state may stop"
    )]
    NoExit {
        /// `Debug` form of the state.
        state: String,
    },
    /// P_B cannot be trained by itself.
    #[error(
        "P_B is trained by itself, but has no parameters of its own: use a learned P_B with a separate network"
    )]
    SharedBackward,
    /// A learned P_B that nothing would train.
    #[error("P_B is counted, not learned: use a policy with a uniform P_B, whose place it takes")]
    UnusedBackward,
    /// A source of trajectories cannot go on.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A state of other sources.
    #[error(
        "the saved state is of {found} sources of trajectories and not of {expected}: it belongs to another experiment"
    )]
    Sources {
        /// Sources in the state.
        found: usize,
        /// Sources of the trainer.
        expected: usize,
    },
    /// An objective that is right on-policy alone.
    #[error(
        "the objective is right for trajectories of the policy as it is alone, and cannot take part of a batch from \
         {source_name}: leave the source out, or choose an objective that learns from others"
    )]
    OnPolicyOnly {
        /// Name of the source.
        source_name: &'static str,
    },
    /// An objective that gives no loss for each trajectory.
    #[error(
        "the objective gives no loss for each trajectory, which sources of trajectories are told: choose another one"
    )]
    NoTrajectoryLosses,
    /// A policy without a forward-mode pass.
    #[error(
        "a trust region needs a policy with a forward-mode pass, and this one has none: use a perceptron or a table without \
         aggregated children, or the update `gradient` or `proximal-policy`"
    )]
    NoTangent,
    /// Noise on rewards beside rewards that have none.
    #[error(
        "the objective reads rewards of states along the way, which noise on the rewards of objects would leave exact: use an \
         objective that reads those of objects alone, or no noise"
    )]
    NoiseAlongTheWay,
    /// A critic where there is none, or none where there is one.
    #[error(
        "the saved state has a critic and the trainer none, or the reverse: it belongs to another experiment"
    )]
    OtherCritic,
    /// The trajectories of a checkpoint's buffer are not of this environment.
    #[error(
        "the checkpoint's buffer holds actions that the environment refuses: it belongs to another experiment"
    )]
    Buffer,
}

/// Refuses NaN and infinities.
pub(crate) fn require_finite(
    iteration: u64,
    quantity: &'static str,
    value: f64,
) -> Result<(), TrainError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(TrainError::NonFinite {
        iteration,
        quantity,
        value,
    })
}
