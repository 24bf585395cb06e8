//! Divergences between trajectories of the model and of the target.

use super::{Evaluation, LogZSource, Objective};
use crate::TrainingBatch;
use burn::tensor::Tensor;
use gfn_loss::Regression;
use gfn_loss::divergences::{ControlVariate, Divergence};
use gfn_policy::Policy;

/// What lowers the variance of a divergence's gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum DivergenceControl {
    /// Nothing.
    #[default]
    None,
    /// [`ControlVariate::LeaveOneOut`].
    LeaveOneOut,
    /// Both of the paper's: leave-one-out for `f·∇log p_F`, and from `∇f` its part along `∇log p_F`, with the coefficient
    /// of [`batch_coefficient`](gfn_loss::divergences::batch_coefficient); two more passes over the batch.
    Batch,
}

/// A divergence of trajectories, minimised by an estimate of its gradient; see [`gfn_loss::divergences`].
///
/// The trajectories have to be sampled from the policy as it is, without exploration. The regression loss and log Z play
/// no part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DivergenceObjective {
    /// Which divergence.
    pub divergence: Divergence,
    /// What is subtracted from its gradient.
    pub control_variate: DivergenceControl,
}

impl<P: Policy> Objective<P> for DivergenceObjective {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, _regression: &Regression) -> Evaluation {
        let log_probs = batch.transitions.log_probs(policy);
        let control = match self.control_variate {
            DivergenceControl::None => ControlVariate::None {},
            DivergenceControl::LeaveOneOut | DivergenceControl::Batch => {
                ControlVariate::LeaveOneOut {}
            }
        };
        let loss = self.divergence.loss(&log_probs, control);
        Evaluation::new(loss, log_probs)
    }

    fn score_control(&self, policy: &P, batch: &TrainingBatch) -> Option<[Tensor<1>; 2]> {
        // The ∇f of forward KL does not depend on P_F: nothing of it lies along the score.
        let forward_kl = matches!(self.divergence, Divergence::ForwardKl {});
        if self.control_variate != DivergenceControl::Batch || forward_kl {
            return None;
        }
        // Losses of one pass share a graph, which the first to go backward frees.
        let terms = || {
            let log_probs = batch.transitions.log_probs(policy);
            self.divergence.terms(&log_probs, ControlVariate::None {})
        };
        Some([terms().divergence_loss, terms().score_loss])
    }

    fn learns_off_policy(&self) -> bool {
        false
    }

    fn log_z(&self) -> LogZSource {
        LogZSource::NotLearned
    }
}
