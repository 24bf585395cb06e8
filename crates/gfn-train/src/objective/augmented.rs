//! Flows that leave along the way, in proportion to how new a state is.

use super::{Evaluation, Objective};
use crate::{Requirements, TrainingBatch};
use burn::tensor::{Tensor, TensorData};
use gfn_loss::{Regression, augmented_trajectory_balance};
use gfn_policy::FlowPolicy;

/// Trajectory balance with intrinsic rewards of edges and objects, see [`augmented_trajectory_balance`]; for trainers with
/// intrinsic rewards, [`Trainer::with_intrinsic_rewards`](crate::Trainer::with_intrinsic_rewards).
///
/// The target is `R/Z` where the intrinsic rewards are 0, and another one where they are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AugmentedTrajectoryBalance;

impl<P: FlowPolicy> Objective<P> for AugmentedTrajectoryBalance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let (log_probs, log_flow) = batch.transitions.log_probs_and_log_flow(policy);
        let log_intrinsic = batch.log_intrinsic.clone();
        let log_intrinsic = log_intrinsic.expect("the requirements name the intrinsic rewards");
        let n = log_intrinsic.len();
        let log_intrinsic = TensorData::new(log_intrinsic, [n]);
        let log_intrinsic = Tensor::from_data(log_intrinsic, &log_flow.device());
        let log_z = batch.transitions.log_z(policy);
        let residual = augmented_trajectory_balance(&log_probs, log_flow, log_intrinsic, log_z);
        let trajectories = log_probs.segments.of_one_each();
        // What is watched is the log-weight under P_B and R alone, those of the target.
        Evaluation::of_residual(residual, regression, batch, &trajectories)
            .with_log_probs(log_probs)
    }

    fn requirements(&self) -> Requirements {
        Requirements {
            intrinsic: true,
            ..Requirements::default()
        }
    }
}
