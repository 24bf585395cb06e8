//! Balance against a guide.

use super::{Evaluation, Objective};
use crate::{Requirements, TrainingBatch};
use burn::tensor::{Tensor, TensorData};
use gfn_loss::{Regression, guided_trajectory_balance};
use gfn_policy::Policy;

/// Guided trajectory balance: `log Z + Σ log P_F = log R + α·log p(τ | x) + (1 − α)·Σ log P_B`, see
/// [`guided_trajectory_balance`]; for trainers with a guide, [`Trainer::with_guide`](crate::Trainer::with_guide).
///
/// A learned P_B follows the guide by [`BackwardTraining::Guided`](crate::BackwardTraining::Guided).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuidedTrajectoryBalance {
    alpha: f64,
}

impl GuidedTrajectoryBalance {
    /// `alpha` is the guide's share, from 0, trajectory balance, to 1, the guide alone; `None` for any other number.
    pub fn new(alpha: f64) -> Option<Self> {
        (0.0..=1.0).contains(&alpha).then_some(Self { alpha })
    }
}

impl<P: Policy> Objective<P> for GuidedTrajectoryBalance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let log_probs = batch.transitions.log_probs(policy);
        let log_guide = batch.log_guide.clone();
        let log_guide = log_guide.expect("the requirements name the guide");
        let n = log_guide.len();
        let log_guide = Tensor::from_data(TensorData::new(log_guide, [n]), &policy.device());
        let log_z = batch.transitions.log_z(policy);
        let residual = guided_trajectory_balance(&log_probs, log_guide, self.alpha, log_z);
        let trajectories = log_probs.segments.of_one_each();
        // What is watched is the log-weight under P_B, which is that of the guide where P_B follows it.
        Evaluation::of_residual(residual, regression, batch, &trajectories)
            .with_log_probs(log_probs)
    }

    fn requirements(&self) -> Requirements {
        Requirements {
            guide: true,
            ..Requirements::default()
        }
    }
}
