//! One batch: costs, advantages, the critic's step, and the update of the policy.

use super::config::{Baseline, CriticLoss, PolicyUpdate};
use super::critic::{Critic, CriticState};
use super::trust_region::{TrustRegion, TrustRegionStep};
use super::{PolicyGradient, actor_loss, sums};
use crate::TrainError;
use crate::error::require_finite;
use crate::gradient_norm::GradientNorm;
use crate::optimiser::{Adam, AdamConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use gfn_env::{Environment, Streams};
use gfn_loss::policy_gradients::{
    categorical_kl, centred, clipped_surrogate, evaluation_balance, forward_costs,
    generalised_advantages, leave_one_out, log_z_surrogate, value_loss, value_targets,
};
use gfn_loss::{LogProbs, Regression, SubTrajectoryNormalisation};
use gfn_policy::{Policy, TransitionBatch};

/// The streams of the critic's weights, apart from those of a policy.
const STREAMS: u16 = 0xC2;

/// Updates a policy by policy gradients, and holds the critic.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    config: PolicyGradient,
    critic: Option<Critic>,
    last: Option<TrustRegionStep>,
}

/// What an update has made.
pub(crate) struct AgentUpdate<P> {
    pub(crate) policy: P,
    /// Of the first gradient.
    pub(crate) norm: GradientNorm,
}

/// A batch under the policy that sampled it.
pub(crate) struct Sampled {
    pub(crate) log_probs: LogProbs,
    /// What the costs are those of.
    priced: LogProbs,
    /// As the costs hold it, 0 where they do not.
    log_z: Tensor<1>,
    costs: Vec<f64>,
    values: Vec<f64>,
    /// The same with the graph of the critic, whose one pass serves advantages and loss.
    tracked_values: Option<Tensor<1>>,
    advantages: Vec<f64>,
}

impl Sampled {
    /// The mean cost of a trajectory, `[1]`.
    pub(crate) fn mean_cost(&self) -> f64 {
        self.costs.iter().sum::<f64>() / self.log_probs.segments.n_segments() as f64
    }
}

impl Agent {
    pub(crate) fn new<E: Environment, P: Policy>(
        config: &PolicyGradient,
        env: &E,
        policy: &P,
        main: &AdamConfig,
        seed: u64,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let streams = Streams::new(seed).branch(STREAMS);
        let critic = match &config.baseline {
            Baseline::Critic(of_critic) => {
                Some(Critic::new(env, policy, of_critic, main, streams)?)
            }
            Baseline::LeaveOneOut {} => None,
        };
        Ok(Self {
            config: config.clone(),
            critic,
            last: None,
        })
    }

    /// Costs and advantages of `batch` under `policy`, which has sampled it.
    pub(crate) fn look<P: Policy>(&self, policy: &P, batch: &TransitionBatch) -> Sampled {
        let log_probs = batch.log_probs(policy);
        let (priced, log_z) = self.config.costs.of(&log_probs, batch.log_z(policy));
        let costs = read(forward_costs(&priced, log_z.clone()));
        let segments = &log_probs.segments;
        let tracked_values = self.critic.as_ref();
        let tracked_values = tracked_values.map(|critic| batch.values(&critic.network, policy));
        let values = tracked_values.clone().map(read).unwrap_or_default();
        let advantages = match &self.critic {
            Some(critic) => {
                let lambda = critic.config.lambda;
                centred(generalised_advantages(&costs, &values, segments, lambda))
            }
            None => leave_one_out(&costs, segments),
        };
        Sampled {
            log_probs,
            priced,
            log_z,
            costs,
            values,
            tracked_values,
            advantages,
        }
    }

    /// The loss whose gradient is the policy gradient, for P_F and log Z.
    pub(crate) fn loss(&self, sampled: &Sampled) -> Tensor<1> {
        actor_loss(
            &sampled.log_probs,
            &sampled.advantages,
            self.learned_log_z(sampled),
            &sampled.costs,
        )
    }

    fn learned_log_z(&self, sampled: &Sampled) -> Option<Tensor<1>> {
        let holds = self.config.costs.hold_log_z();
        holds.then(|| sampled.log_z.clone())
    }

    /// One step of the critic on a batch that it has looked at, as it was then.
    pub(crate) fn fit_critic(
        &mut self,
        sampled: &Sampled,
        iteration: u64,
    ) -> Result<(), TrainError> {
        let (Some(critic), Some(values)) = (&mut self.critic, &sampled.tracked_values) else {
            return Ok(());
        };
        let x = &sampled.priced;
        let values = values.clone();
        let loss = match critic.config.loss {
            CriticLoss::Returns { lambda } => {
                let targets = value_targets(&sampled.costs, &sampled.values, &x.segments, lambda);
                let targets = upload_f64(&targets, &values.device());
                value_loss(values, targets, &x.segments)
            }
            CriticLoss::EvaluationBalance { lambda } => {
                let normalisation = SubTrajectoryNormalisation::Trajectory {};
                let log_z = sampled.log_z.clone();
                evaluation_balance(x, log_z, values, lambda, normalisation)
                    .loss(&Regression::Squared {})
            }
        };
        critic.descend(loss, iteration)
    }

    /// The update of the policy and of log Z.
    pub(crate) fn update<P: Policy>(
        &mut self,
        policy: &P,
        batch: &TransitionBatch,
        sampled: Sampled,
        optimiser: &mut Adam,
        (iteration, loss_scale): (u64, f64),
    ) -> Result<AgentUpdate<P>, TrainError> {
        match self.config.update {
            PolicyUpdate::Gradient {} => {
                let loss = self.loss(&sampled).mul_scalar(loss_scale);
                step(optimiser, policy.clone(), loss, iteration)
            }
            PolicyUpdate::ProximalPolicy {
                epochs,
                clip,
                kl_weight,
            } => {
                let old = batch.forward_log_probabilities(policy).detach();
                let segments = &sampled.log_probs.segments;
                let device = policy.device();
                let advantages = upload_f64(&sampled.advantages, &device);
                let old_taken = sampled.log_probs.log_pf.clone().detach();
                let costs = upload_f64(&sums(&sampled.costs, segments), &device);
                let (mut policy, mut first) = (policy.clone(), None);
                for epoch in 0..epochs {
                    let log_pf = batch.log_probs(&policy).log_pf;
                    let taken = (log_pf, old_taken.clone(), advantages.clone());
                    let mut loss = clipped_surrogate(taken.0, taken.1, taken.2, clip, segments);
                    // At the old policy the divergence and its gradient are 0.
                    if kl_weight > 0.0 && epoch > 0 {
                        let new = batch.forward_log_probabilities(&policy);
                        let kl = categorical_kl(new, old.clone()).sum();
                        let n = segments.n_segments() as f64;
                        let weight = kl_weight * self.config.costs.temperature();
                        loss = loss + kl.mul_scalar(weight / n);
                    }
                    // The cost that log Z answers for was measured once.
                    if epoch == 0 && self.config.costs.hold_log_z() {
                        loss = loss + log_z_surrogate(batch.log_z(&policy), costs.clone());
                    }
                    let loss = loss.mul_scalar(loss_scale);
                    let update = step(optimiser, policy, loss, iteration)?;
                    policy = update.policy;
                    first.get_or_insert(update.norm);
                }
                let norm = first.unwrap_or_default();
                Ok(AgentUpdate { policy, norm })
            }
            PolicyUpdate::TrustRegion {
                delta,
                cg_iterations,
                line_search_steps,
            } => {
                let mut update = AgentUpdate {
                    policy: policy.clone(),
                    norm: GradientNorm::default(),
                };
                if let Some(log_z) = self.learned_log_z(&sampled) {
                    let costs = sums(&sampled.costs, &sampled.log_probs.segments);
                    let of_log_z = log_z_surrogate(log_z, upload_f64(&costs, &policy.device()));
                    update = step(optimiser, update.policy, of_log_z, iteration)?;
                }
                let AgentUpdate { policy, norm } = update;
                let region = TrustRegion {
                    batch,
                    advantages: upload_f64(&sampled.advantages, &policy.device()),
                    delta: delta.at(iteration),
                    cg_iterations,
                    line_search_steps,
                };
                let (policy, taken) = region.step(policy, iteration)?;
                let global = norm.global.hypot(taken.gradient_norm);
                self.last = Some(taken);
                Ok(AgentUpdate {
                    policy,
                    norm: GradientNorm { global, ..norm },
                })
            }
        }
    }

    /// What it tells of its last update.
    pub(crate) fn figures(&self) -> Vec<(String, f64)> {
        let mut figures = Vec::new();
        let mut push = |name: &str, value| figures.push((format!("policy_gradient.{name}"), value));
        if let Some(critic) = self.critic.as_ref().filter(|c| c.last_loss().is_finite()) {
            push("critic_loss", critic.last_loss());
        }
        if let Some(step) = &self.last {
            push("divergence", step.divergence);
            push("step_length", step.length);
        }
        figures
    }

    pub(crate) fn state(&self) -> Option<CriticState> {
        self.critic.as_ref().map(Critic::state)
    }

    /// Continues from a saved state; nothing is changed where it does not fit.
    pub(crate) fn restore(&mut self, state: Option<&CriticState>) -> Result<(), TrainError> {
        match (&mut self.critic, state) {
            (Some(critic), Some(state)) => critic.restore(state),
            (None, None) => Ok(()),
            _ => Err(TrainError::OtherCritic),
        }
    }
}

/// One step of `optimiser` down `loss`.
fn step<P: Policy>(
    optimiser: &mut Adam,
    policy: P,
    loss: Tensor<1>,
    iteration: u64,
) -> Result<AgentUpdate<P>, TrainError> {
    let gradients = GradientsParams::from_grads(loss.backward(), &policy);
    let (policy, norm) = optimiser.step(policy, gradients, iteration);
    require_finite(iteration, "gradient norm", norm.global)?;
    Ok(AgentUpdate { policy, norm })
}

pub(crate) fn read(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

pub(crate) fn upload_f64(values: &[f64], device: &Device) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}
