//! Policy gradients: an update of its own instead of one gradient of one loss.
//!
//! The objective says how the policy is updated and what lowers the variance; a trainer makes an [`Agent`] of it, which
//! holds the critic and takes each batch.

mod agent;
mod config;
mod critic;
mod trust_region;

pub(crate) use agent::{Agent, AgentUpdate, read, upload_f64};
pub use config::{Baseline, Costs, CriticConfig, CriticLoss, PolicyUpdate};
pub(crate) use critic::Critic;
pub use critic::CriticState;

use crate::{Evaluation, LogZSource, Objective, TrainError, TrainingBatch};
use burn::tensor::Tensor;
use gfn_loss::policy_gradients::{forward_costs, leave_one_out, log_z_surrogate, surrogate};
use gfn_loss::{LogProbs, Regression};
use gfn_policy::Policy;

/// Training by policy gradients, see [`gfn_loss::policy_gradients`].
///
/// Each iteration the critic takes its step first, then the policy and log Z. The trajectories have to be sampled from
/// the policy as it is; `P_B` is taken as given, uniform or trained by itself
/// ([`BackwardTraining`](crate::BackwardTraining)). The regression loss plays no part. The loss that is reported is the mean
/// cost of a trajectory, an estimate of `KL(P_F‖p_B) + log Z − log Z*`.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use gfn_env::{Hypergrid, HypergridReward, Streams};
/// use gfn_policy::{BackwardPolicy, MlpConfig, MlpPolicy};
/// use gfn_train::{PolicyGradient, Trainer, TrainerConfig};
///
/// let env = Hypergrid::new(2, 4)?;
/// let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0)?;
/// let device = Device::flex().autodiff();
/// let network = MlpConfig { hidden: vec![32], backward: BackwardPolicy::Uniform, ..MlpConfig::default() };
/// let policy = MlpPolicy::new(&network, &env, Streams::new(0), &device);
/// let objective = PolicyGradient::default();
/// let mut trainer = Trainer::new(env, reward, policy, objective, TrainerConfig::default())?;
/// trainer.run(10, |_report, _trajectories| {})?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Niu et al. (2024), *GFlowNet training by policy gradients*, <https://arxiv.org/abs/2408.05885>.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyGradient {
    /// What the policy is to pay for.
    pub costs: Costs,
    /// How the policy is updated.
    pub update: PolicyUpdate,
    /// What is subtracted from the costs.
    pub baseline: Baseline,
}

impl PolicyGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// If one is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        self.costs.validate()?;
        self.update.validate()?;
        self.baseline.validate()
    }
}

impl<P: Policy> Objective<P> for PolicyGradient {
    /// REINFORCE with the mean of the other trajectories as baseline: what a trainer does without the critic.
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, _regression: &Regression) -> Evaluation {
        let log_probs = batch.transitions.log_probs(policy);
        let log_z = batch.transitions.log_z(policy);
        let (priced, of_log_z) = self.costs.of(&log_probs, log_z.clone());
        let costs = read(forward_costs(&priced, of_log_z));
        let coefficients = leave_one_out(&costs, &log_probs.segments);
        let log_z = self.costs.hold_log_z().then_some(log_z);
        let loss = actor_loss(&log_probs, &coefficients, log_z, &costs);
        Evaluation::new(loss, log_probs)
    }

    fn log_z(&self) -> LogZSource {
        if self.costs.hold_log_z() {
            LogZSource::Parameter
        } else {
            LogZSource::NotLearned
        }
    }

    fn learns_off_policy(&self) -> bool {
        false
    }

    fn policy_gradient(&self) -> Option<&PolicyGradient> {
        Some(self)
    }
}

/// The loss of P_F, and of log Z where it is learned; its value is the mean cost of a trajectory then and 0 else.
fn actor_loss(
    log_probs: &LogProbs,
    advantages: &[f64],
    log_z: Option<Tensor<1>>,
    costs: &[f64],
) -> Tensor<1> {
    let segments = &log_probs.segments;
    let device = log_probs.log_pf.device();
    let advantages = upload_f64(advantages, &device);
    let old = log_probs.log_pf.clone().detach();
    let of_policy = surrogate(log_probs.log_pf.clone(), old, advantages, segments);
    // The value of the surrogate means nothing.
    let no_value = of_policy.clone().detach();
    let of_policy = of_policy - no_value;
    match log_z {
        Some(log_z) => {
            let costs = upload_f64(&sums(costs, segments), &device);
            of_policy + log_z_surrogate(log_z, costs)
        }
        None => of_policy,
    }
}

/// The sum of each trajectory.
fn sums(costs: &[f64], segments: &gfn_loss::Segments) -> Vec<f64> {
    let ends = segments.offsets().windows(2);
    ends.map(|ends| costs[ends[0]..ends[1]].iter().sum())
        .collect()
}
