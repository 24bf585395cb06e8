//! Likelihood of given objects.

use super::{Evaluation, LogZSource, Objective};
use crate::TrainingBatch;
use gfn_loss::{Regression, maximum_likelihood};
use gfn_policy::Policy;

/// Maximum likelihood: `−Σ log P_F` of trajectories that P_B draws into given objects, see [`maximum_likelihood`].
///
/// For trainers with [`Objects`](crate::Objects): on sampled trajectories it would only make the policy surer of itself.
/// The regression loss and log Z play no part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaximumLikelihood;

impl<P: Policy> Objective<P> for MaximumLikelihood {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, _regression: &Regression) -> Evaluation {
        let log_probs = batch.transitions.log_probs(policy);
        Evaluation::new(maximum_likelihood(&log_probs), log_probs)
    }

    fn learns_off_policy(&self) -> bool {
        false
    }

    fn log_z(&self) -> LogZSource {
        LogZSource::NotLearned
    }
}
