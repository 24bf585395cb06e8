//! The gradient of a batch: what is taken from it, and how noisy it is.

use super::Trainer;
use crate::gradients::{flattened, subtracted};
use crate::{Objective, TrainError, TrainingBatch};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use gfn_env::{Environment, Purpose, Reward};
use gfn_loss::divergences::{batch_coefficient, gradient_variance};
use gfn_policy::{Policy, TransitionBatch};

/// How noisy the gradient of a batch is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientVariance {
    /// Trace of the covariance matrix of the gradient of one batch.
    pub variance: f64,
    /// Square of the norm of the mean gradient, noise included.
    pub mean_squared: f64,
}

/// Added to the square of a score gradient before it divides.
const CONTROL_EPSILON: f64 = 1e-12;

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// Gradients of `loss`, without what the objective's control takes from them.
    pub(super) fn gradients(&self, loss: Tensor<1>, batch: &TrainingBatch) -> GradientsParams {
        let of = |loss: Tensor<1>| GradientsParams::from_grads(loss.backward(), &self.policy);
        let gradients = of(loss);
        let Some([divergence, score]) = self.objective.score_control(&self.policy, batch) else {
            return gradients;
        };
        let (divergence, score) = (of(divergence), of(score));
        let flat = |gradients| flattened(&self.policy, gradients);
        let coefficient = batch_coefficient(&flat(&divergence), &flat(&score), CONTROL_EPSILON);
        let coefficient = f64::from(coefficient.into_scalar::<f32>());
        subtracted(&self.policy, gradients, &score, coefficient)
    }

    /// An estimate of the variance of a batch's gradient: the trace of its covariance matrix.
    ///
    /// `groups` batches of `group_size` trajectories are sampled as the agent samples its own (sources of trajectories play no
    /// part), with random numbers of their
    /// own, and each gives a gradient `g`; the answer is `Σ ‖g − ḡ‖²/(groups − 1)`, the variance of one batch of that size.
    /// Also returns `‖ḡ‖²`, to compare it with. Nothing is updated.
    ///
    /// # Errors
    ///
    /// If a rollout fails, or there are fewer than two groups or no trajectories in them.
    pub fn gradient_variance(
        &self,
        groups: usize,
        group_size: usize,
    ) -> Result<GradientVariance, TrainError> {
        if groups < 2 || group_size == 0 || groups * group_size > usize::from(u16::MAX) + 1 {
            return Err(TrainError::OutOfRange {
                name: "gradient_groups",
                range: "at least 2, with at most 65536 trajectories in all",
            });
        }
        let n = groups * group_size;
        let sampler = self.policy.sampler();
        let purpose = Purpose::GradientVariance;
        let (trajectories, _) = self.sample_for(sampler.as_ref(), purpose, n, false)?;
        let regression = self.config.regression.at(self.iteration);
        let mut rows = Vec::with_capacity(groups);
        for group in 0..groups {
            let part = trajectories.part(group * group_size..(group + 1) * group_size);
            let backward = self.policy.backward_policy();
            let transitions = TransitionBatch::new(&self.environment, &part, backward);
            let (env, policy) = (&self.environment, &self.policy);
            let given = self
                .backward
                .given(env, policy, &transitions, &part, self.iteration)?;
            let log_guide = self.log_guide(&part)?;
            let batch = self.lay_out(transitions, &part, given, log_guide)?;
            let loss = match &self.agent {
                Some(agent) => agent.loss(&agent.look(&self.policy, &batch.transitions)),
                None => {
                    self.objective
                        .evaluate(&self.policy, &batch, &regression)
                        .loss
                }
            };
            let loss = loss.mul_scalar(self.config.loss_scale);
            let gradients = self.gradients(loss, &batch);
            rows.push(flattened(&self.policy, &gradients).unsqueeze_dim::<2>(0));
        }
        let rows = Tensor::cat(rows, 0);
        let mean = rows.clone().mean_dim(0).square().sum();
        let of_mean = gradient_variance(rows);
        Ok(GradientVariance {
            // That of the mean over the groups, times their number: the variance of one.
            variance: f64::from(of_mean.into_scalar::<f32>()) * groups as f64,
            mean_squared: f64::from(mean.into_scalar::<f32>()),
        })
    }
}
