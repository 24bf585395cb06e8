//! Soft Q-learning with a target network.

use super::{Evaluation, LogZSource, Objective};
use crate::{Requirements, TrainError, TrainingBatch};
use gfn_loss::{LogProbs, Munchausen, Regression, SoftTarget, TransitionNormalisation, soft_q};
use gfn_policy::Policy;

/// Soft DQN, and with `munchausen.alpha > 0` Munchausen DQN, see [`soft_q`]: the forward logits times `τ = 1/(1 − α)` are the
/// action values, and a slow copy of the policy gives the values of the states after.
///
/// It learns from any trajectories. `P_B` is taken as given, and log Z is the log-sum-exp of the logits at the source; with
/// Munchausen's addition the values are others, and it is learned nowhere.
///
/// # References
///
/// Tiapkin et al. (2024), *Generative flow networks as entropy-regularized RL*, <https://arxiv.org/abs/2310.12934>, with a
/// Huber loss, `α = 0.15`, `l_0 = −100` (−25 on bit sequences), a rate of 0.25 on grids and prioritised replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftDqn {
    /// Munchausen's addition to the reward.
    pub munchausen: Munchausen,
    /// How fast the target network follows, in (0, 1]; 1 is the policy of the iteration before.
    pub target_rate: f64,
    /// How transitions are weighted.
    pub normalisation: TransitionNormalisation,
    /// Whether an edge is rewarded with `log P_B`. Without, it is soft Q-learning of the log-reward, the optimum of discrete
    /// soft actor-critic: a baseline that does **not** sample from `R/Z` but in proportion to `n(x)·R(x)`, with the number
    /// `n(x)` of trajectories into `x`.
    pub corrected: bool,
}

impl Default for SoftDqn {
    /// Without Munchausen's addition, at the rate 0.25.
    fn default() -> Self {
        Self {
            munchausen: Munchausen {
                alpha: 0.0,
                least_log_p: -100.0,
            },
            target_rate: 0.25,
            normalisation: TransitionNormalisation::default(),
            corrected: true,
        }
    }
}

impl SoftDqn {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// If one is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let check = |ok: bool, name, range| {
            if ok {
                Ok(())
            } else {
                Err(TrainError::OutOfRange { name, range })
            }
        };
        let Munchausen { alpha, least_log_p } = self.munchausen;
        let share = (0.0..1.0).contains(&alpha);
        check(share, "munchausen", "at least 0 and below 1")?;
        let least = least_log_p < 0.0 && least_log_p.is_finite();
        check(least, "least_log_p", "negative and finite")?;
        let rate = self.target_rate > 0.0 && self.target_rate <= 1.0;
        check(rate, "target_rate", "above 0 and at most 1")
    }
}

impl<P: Policy> Objective<P> for SoftDqn {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let (log_probs, log_outflow) = batch.transitions.log_probs_and_log_outflow(policy);
        let target = batch.target.as_ref();
        let target = target.expect("the requirements name the target network");
        let temperature = self.munchausen.temperature();
        let q = (log_probs.log_pf.clone() + log_outflow).mul_scalar(temperature);
        let target = SoftTarget {
            values: target.log_outflow.clone().mul_scalar(temperature),
            log_p: target.log_pf.clone(),
        };
        let rewarded = if self.corrected {
            log_probs.clone()
        } else {
            LogProbs {
                log_pb: log_probs.log_pb.zeros_like(),
                ..log_probs.clone()
            }
        };
        let residual = soft_q(&rewarded, q, target, self.munchausen, self.normalisation);
        let edges = log_probs.segments.clone();
        Evaluation::of_residual(residual, regression, batch, &edges).with_log_probs(log_probs)
    }

    fn requirements(&self) -> Requirements {
        Requirements {
            target_rate: Some(self.target_rate),
            ..Requirements::default()
        }
    }

    fn log_z(&self) -> LogZSource {
        if self.corrected && self.munchausen.alpha == 0.0 {
            LogZSource::SourceOutflow
        } else {
            LogZSource::NotLearned
        }
    }
}
