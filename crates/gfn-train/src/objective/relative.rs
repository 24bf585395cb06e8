//! Balance against a prior policy.

use super::{Evaluation, Objective};
use crate::TrainingBatch;
use burn::tensor::{Tensor, TensorData};
use gfn_loss::{LogProbs, Regression, relative_trajectory_balance};
use gfn_policy::Policy;

/// Relative trajectory balance: `log Z + Σ log P_F = log r + Σ log P_0` with a fixed prior policy `P_0`, see
/// [`relative_trajectory_balance`].
///
/// The trained policy samples trajectories in proportion to `P_0(τ)·r(x)`, and objects in proportion to
/// `P_{0,T}(x)·r(x)`; `Z = Σ_x P_{0,T}(x)·r(x)`. A backward policy plays no part.
#[derive(Clone, Debug, Default)]
pub struct RelativeTrajectoryBalance<P> {
    /// The prior, none for a uniform choice among the allowed actions.
    pub prior: Option<P>,
}

impl<P: Policy + Send> Objective<P> for RelativeTrajectoryBalance<P> {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let log_probs = batch.transitions.log_probs(policy);
        let log_prior = match &self.prior {
            Some(prior) => batch.transitions.log_probs(prior).log_pf.detach(),
            None => {
                let uniform = batch.transitions.log_uniform();
                let n = uniform.len();
                Tensor::from_data(TensorData::new(uniform, [n]), &policy.device())
            }
        };
        let residual = relative_trajectory_balance(&log_probs, log_prior.clone(), policy.log_z());
        let trajectories = log_probs.segments.of_one_each();
        let against_prior = LogProbs {
            log_pb: log_prior,
            ..log_probs
        };
        Evaluation::of_residual(residual, regression, batch, &trajectories)
            .with_log_probs(against_prior)
    }
}
