//! Objectives: where a policy's log-probabilities and flows meet a loss of `gfn-loss`.

mod augmented;
mod balance;
mod divergence;
mod flow_matching;
mod forward_looking;
mod guided;
mod likelihood;
mod relative;
mod soft_dqn;

pub use augmented::AugmentedTrajectoryBalance;
pub use balance::{
    DetailedBalance, LogPartitionVariance, ModifiedDetailedBalance, SubTrajectoryBalance,
    TrajectoryBalance,
};
pub use divergence::{DivergenceControl, DivergenceObjective};
pub use flow_matching::FlowMatching;
pub use forward_looking::{ForwardLookingDetailedBalance, ForwardLookingSubTrajectoryBalance};
pub use guided::GuidedTrajectoryBalance;
pub use likelihood::MaximumLikelihood;
pub use relative::RelativeTrajectoryBalance;
pub use soft_dqn::SoftDqn;

use crate::{PolicyGradient, Requirements, TrainingBatch};
use burn::tensor::Tensor;
use gfn_loss::{LogProbs, Regression, Residual, Segments};
use gfn_policy::Policy;

/// Where an objective leaves what it learns of log Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogZSource {
    /// In the policy's parameter.
    Parameter,
    /// In the forward logits of the source: log Z is the log-sum-exp of those that are allowed.
    SourceOutflow,
    /// Nowhere.
    NotLearned,
}

/// A training objective for policies of type `P`.
///
/// Objectives that need state flows are implemented for [`FlowPolicy`](gfn_policy::FlowPolicy) alone:
///
/// ```
/// use gfn_policy::{MlpFlowPolicy, MlpPolicy, Policy};
/// use gfn_train::{Objective, SubTrajectoryBalance, TrajectoryBalance};
///
/// fn trains<P: Policy, O: Objective<P>>() {}
///
/// trains::<MlpPolicy, TrajectoryBalance>();
/// trains::<MlpFlowPolicy, TrajectoryBalance>();
/// trains::<MlpFlowPolicy, SubTrajectoryBalance>();
/// ```
///
/// Sub-trajectory balance with a policy that has no flows does not compile:
///
/// ```compile_fail,E0277
/// use gfn_policy::{MlpPolicy, Policy};
/// use gfn_train::{Objective, SubTrajectoryBalance};
///
/// fn trains<P: Policy, O: Objective<P>>() {}
///
/// trains::<MlpPolicy, SubTrajectoryBalance>();
/// ```
pub trait Objective<P: Policy>: Send + Sync {
    /// The loss of a batch under the current parameters, and what it was computed from.
    ///
    /// # Panics
    ///
    /// If the batch lacks what [`Objective::requirements`] asks for.
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation;

    /// What [`Objective::evaluate`] needs of a batch beside its transitions.
    fn requirements(&self) -> Requirements {
        Requirements::default()
    }

    /// Where log Z is learned.
    fn log_z(&self) -> LogZSource {
        LogZSource::Parameter
    }

    /// Whether trajectories that the policy did not sample itself lead to the same end: false for objectives that are
    /// right on-policy alone, which take no part of their batches from elsewhere.
    fn learns_off_policy(&self) -> bool {
        true
    }

    /// How the policy is updated where that takes more than one gradient of one loss: by policy gradients, with a critic and
    /// several steps perhaps. None for most objectives.
    fn policy_gradient(&self) -> Option<&PolicyGradient> {
        None
    }

    /// Two further losses, each of a pass of its own, whose gradients `g` and `h` say how much of `h` to take from the
    /// gradient of the loss: `⟨g, h⟩/‖h‖²` of it. None for most objectives.
    fn score_control(&self, _policy: &P, _batch: &TrainingBatch) -> Option<[Tensor<1>; 2]> {
        None
    }
}

/// A loss, and what it was computed from.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The loss, `[1]`.
    pub loss: Tensor<1>,
    /// Log-probabilities of the batch under the current parameters, with the `log P_B` that the objective balances
    /// against; without them a trainer is watched less closely, see [`health`](crate::health).
    pub log_probs: Option<LogProbs>,
    /// The loss of each trajectory by itself, `[B]` without gradients; there where [`TrainingBatch::by_trajectory`]
    /// asks for it and the objective has it to give.
    pub by_trajectory: Option<Tensor<1>>,
}

impl Evaluation {
    /// A loss alone.
    #[must_use]
    pub fn of_loss(loss: Tensor<1>) -> Self {
        Self {
            loss,
            log_probs: None,
            by_trajectory: None,
        }
    }

    /// The loss of `residual`, and that of each trajectory where `batch` asks for it; `residuals` says where those of
    /// each trajectory lie.
    #[must_use]
    pub fn of_residual(
        residual: Residual<1>,
        regression: &Regression,
        batch: &TrainingBatch,
        residuals: &Segments,
    ) -> Self {
        let by_trajectory = batch
            .by_trajectory
            .then(|| residual.by_trajectory(regression, residuals));
        Self {
            loss: residual.loss(regression),
            log_probs: None,
            by_trajectory,
        }
    }

    /// The same, computed from these log-probabilities.
    #[must_use]
    pub fn with_log_probs(self, log_probs: LogProbs) -> Self {
        Self {
            log_probs: Some(log_probs),
            ..self
        }
    }

    /// A loss of these log-probabilities.
    #[must_use]
    pub fn new(loss: Tensor<1>, log_probs: LogProbs) -> Self {
        Self {
            loss,
            log_probs: Some(log_probs),
            by_trajectory: None,
        }
    }
}

impl<P: Policy> Objective<P> for Box<dyn Objective<P>> {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        (**self).evaluate(policy, batch, regression)
    }

    fn requirements(&self) -> Requirements {
        (**self).requirements()
    }

    fn log_z(&self) -> LogZSource {
        (**self).log_z()
    }

    fn learns_off_policy(&self) -> bool {
        (**self).learns_off_policy()
    }

    fn policy_gradient(&self) -> Option<&PolicyGradient> {
        (**self).policy_gradient()
    }

    fn score_control(&self, policy: &P, batch: &TrainingBatch) -> Option<[Tensor<1>; 2]> {
        (**self).score_control(policy, batch)
    }
}
