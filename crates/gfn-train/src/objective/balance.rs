//! Balance conditions of edges, sub-trajectories and trajectories.

use super::{Evaluation, LogZSource, Objective};
use crate::{Requirements, TrainingBatch};
use burn::tensor::{Tensor, TensorData};
use gfn_loss::{
    Regression, SubTrajectoryNormalisation, TransitionNormalisation, detailed_balance,
    log_partition_variance, modified_detailed_balance, sub_trajectory_balance, trajectory_balance,
};
use gfn_policy::{FlowPolicy, Policy};

/// Trajectory balance: `log Z + Σ log P_F = log R + Σ log P_B`, see [`trajectory_balance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrajectoryBalance;

impl<P: Policy> Objective<P> for TrajectoryBalance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let log_probs = batch.transitions.log_probs(policy);
        let residual = trajectory_balance(&log_probs, policy.log_z());
        let trajectories = log_probs.segments.of_one_each();
        Evaluation::of_residual(residual, regression, batch, &trajectories)
            .with_log_probs(log_probs)
    }
}

/// Log-partition variance (VarGrad): trajectory balance with log Z estimated from the batch, see
/// [`log_partition_variance`]. The policy's own log Z is not trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogPartitionVariance;

impl<P: Policy> Objective<P> for LogPartitionVariance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let log_probs = batch.transitions.log_probs(policy);
        let residual = log_partition_variance(&log_probs);
        let trajectories = log_probs.segments.of_one_each();
        Evaluation::of_residual(residual, regression, batch, &trajectories)
            .with_log_probs(log_probs)
    }

    fn log_z(&self) -> LogZSource {
        LogZSource::NotLearned
    }
}

/// Detailed balance on every edge: `log F(s) + log P_F = log F(s') + log P_B`, see [`detailed_balance`].
///
/// `log F(source)` is the policy's log Z and `log F(x) = log R(x)` at terminal states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetailedBalance {
    /// How edges are weighted.
    pub normalisation: TransitionNormalisation,
}

impl<P: FlowPolicy> Objective<P> for DetailedBalance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let (log_probs, log_flow) = batch.transitions.log_probs_and_log_flow(policy);
        let residual = detailed_balance(&log_probs, log_flow, self.normalisation);
        let edges = log_probs.segments.clone();
        Evaluation::of_residual(residual, regression, batch, &edges).with_log_probs(log_probs)
    }
}

/// Sub-trajectory balance(λ) on all pairs of states of a trajectory, see [`sub_trajectory_balance`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubTrajectoryBalance {
    /// Weight `λ^{length}` of a sub-trajectory; may exceed one.
    pub lambda: f64,
    /// How sub-trajectories are weighted.
    pub normalisation: SubTrajectoryNormalisation,
}

impl<P: FlowPolicy> Objective<P> for SubTrajectoryBalance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let (log_probs, log_flow) = batch.transitions.log_probs_and_log_flow(policy);
        let residual =
            sub_trajectory_balance(&log_probs, log_flow, self.lambda, self.normalisation);
        let parts = log_probs.segments.of_sub_trajectories();
        Evaluation::of_residual(residual, regression, batch, &parts).with_log_probs(log_probs)
    }
}

/// Modified detailed balance, where every state may stop: flows are `R(s) / P_F(exit | s)`, so that neither flows nor log Z
/// are learned; see [`modified_detailed_balance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModifiedDetailedBalance {
    /// How edges are weighted.
    pub normalisation: TransitionNormalisation,
}

impl<P: Policy> Objective<P> for ModifiedDetailedBalance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let (log_probs, log_exit) = batch.transitions.log_probs_and_log_exit(policy);
        let log_reward = batch.object_log_reward.clone();
        let log_reward = log_reward.expect("the requirements name the rewards of objects");
        let n = log_reward.len();
        let log_reward = Tensor::from_data(TensorData::new(log_reward, [n]), &log_exit.device());
        let residual =
            modified_detailed_balance(&log_probs, log_exit, log_reward, self.normalisation);
        let edges = log_probs.segments.clone();
        Evaluation::of_residual(residual, regression, batch, &edges).with_log_probs(log_probs)
    }

    fn requirements(&self) -> Requirements {
        Requirements {
            object_rewards: true,
            ..Requirements::default()
        }
    }

    fn log_z(&self) -> LogZSource {
        LogZSource::NotLearned
    }
}
