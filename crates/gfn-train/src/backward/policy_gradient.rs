//! P_B by policy gradients: backward trajectories from the objects of the batch, led towards P_F or a guide.
//!
//! From each object that P_F has sampled, P_B draws a way back to the source. An edge costs `log P_B(s∣s') − log G(s'∣s)`,
//! and the expected sum is `KL(P_B(τ∣x)‖G(τ))` up to a constant of `x`. The last edge into an object with one parent is no
//! choice of P_B, and left out.

use super::BackwardBatch;
use crate::TrainError;
use crate::error::require_finite;
use crate::optimiser::{Adam, AdamConfig};
use crate::policy_gradient::{Critic, CriticConfig, CriticState, read, upload_f64};
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, TensorData};
use gfn_env::{Environment, Purpose, Streams, Trajectories};
use gfn_loss::Segments;
use gfn_loss::policy_gradients::{
    centred, generalised_advantages, surrogate, value_loss, value_targets,
};
use gfn_policy::{BackwardPolicy, Policy, RolloutKey, TransitionBatch, rollout_backward};

/// The streams of the critic's weights and of the backward trajectories, apart from others.
const CRITIC_STREAMS: u16 = 0xC3;
const ROLLOUT_STREAMS: u16 = 0xC4;

/// By how much a log-reward may exceed the threshold of a suppressed exit: it was rounded to single precision.
const ROUNDING: f64 = 1e-6;

/// What P_B is led towards.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum BackwardTarget {
    /// P_F as it is: the coupled training of the paper's RL-B.
    ForwardPolicy,
    /// P_F with an exit that is rare where the reward is small: RL-G on hypergrids.
    ///
    /// Where `log R(s) ≤ log_reward`, the probability of the exit is at most `probability` before the others are
    /// normalised again. For environments in which every state may stop.
    SuppressedExit {
        /// The threshold.
        log_reward: f64,
        /// The largest probability, in (0, 1).
        probability: f64,
    },
    /// The trainer's guide, see [`Trainer::with_guide`](crate::Trainer::with_guide): RL-G of any other kind.
    Guide,
}

/// P_B with its optimiser and its critic.
#[derive(Clone, Debug)]
pub(super) struct BackwardAgent {
    target: BackwardTarget,
    optimiser: Adam,
    critic: Critic,
    streams: Streams,
}

impl BackwardAgent {
    pub(super) fn new<E: Environment, P: Policy>(
        env: &E,
        policy: &P,
        target: BackwardTarget,
        (optimiser, main): (Adam, &AdamConfig),
        critic: &CriticConfig,
        seed: u64,
    ) -> Result<Self, TrainError> {
        if let BackwardTarget::SuppressedExit {
            log_reward,
            probability,
        } = target
        {
            if !log_reward.is_finite() {
                return Err(TrainError::OutOfRange {
                    name: "log_reward of the suppressed exit",
                    range: "finite",
                });
            }
            if !(probability > 0.0 && probability < 1.0) {
                return Err(TrainError::OutOfRange {
                    name: "probability of the suppressed exit",
                    range: "above 0 and below 1",
                });
            }
        }
        let streams = Streams::new(seed);
        let critic_streams = streams.branch(CRITIC_STREAMS);
        Ok(Self {
            target,
            optimiser,
            critic: Critic::new(env, policy, critic, main, critic_streams)?,
            streams: streams.branch(ROLLOUT_STREAMS),
        })
    }

    /// One step of the critic, then one of P_B.
    pub(super) fn step<E: Environment, P: Policy>(
        &mut self,
        env: &E,
        policy: &P,
        given: &BackwardBatch<'_, E::State>,
        iteration: u64,
    ) -> Result<P, TrainError> {
        let trajectories = self.backward_trajectories(env, policy, given, iteration)?;
        let batch = TransitionBatch::new(env, &trajectories, BackwardPolicy::Learned);
        let (log_probs, log_target) = self.log_target(policy, &batch, &trajectories, given)?;
        let chosen = Chosen::new(&batch);
        let n = chosen.order.len();
        if n == 0 {
            return Ok(policy.clone());
        }
        let device = policy.device();
        let order = TensorData::new(chosen.order.clone(), [n]);
        let order: Tensor<1, Int> = Tensor::from_data(order, &device);
        let log_pb = log_probs.log_pb.select(0, order.clone());
        let of_policy = read(log_pb.clone());
        let of_target = chosen.order.iter().map(|&i| log_target[i as usize]);
        let costs: Vec<f64> = of_policy
            .iter()
            .zip(of_target)
            .map(|(b, g)| b - g)
            .collect();
        let mean = costs.iter().sum::<f64>() / chosen.segments.n_segments() as f64;
        require_finite(iteration, "cost of P_B", mean)?;
        let network = &self.critic.network;
        let values = batch.child_values(network, policy).select(0, order);
        let host_values = read(values.clone());
        let (segments, lambda) = (&chosen.segments, self.critic.config.lambda);
        let advantages = centred(generalised_advantages(
            &costs,
            &host_values,
            segments,
            lambda,
        ));
        let targets = value_targets(&costs, &host_values, segments, 1.0);
        let loss = value_loss(values, upload_f64(&targets, &device), segments);
        self.critic.descend(loss, iteration)?;
        let old = log_pb.clone().detach();
        let loss = surrogate(log_pb, old, upload_f64(&advantages, &device), segments);
        let gradients = GradientsParams::from_grads(loss.backward(), policy);
        let (policy, norm) = self.optimiser.step(policy.clone(), gradients, iteration);
        require_finite(iteration, "gradient norm of P_B", norm.global)?;
        Ok(policy)
    }

    /// A trajectory of P_B into the object of each trajectory of the batch.
    fn backward_trajectories<E: Environment, P: Policy>(
        &self,
        env: &E,
        policy: &P,
        given: &BackwardBatch<'_, E::State>,
        iteration: u64,
    ) -> Result<Trajectories<E::State>, TrainError> {
        let terminals: Vec<E::State> = given.trajectories.terminals().cloned().collect();
        let step = u32::try_from(iteration).map_err(|_too_large| TrainError::OutOfRange {
            name: "iteration",
            range: "at most 2^32 - 1, the number of random streams of a lane",
        })?;
        let key = RolloutKey {
            streams: self.streams,
            purpose: Purpose::Backward,
            iteration: step,
        };
        let sampler = policy.sampler();
        let log_reward = given.trajectories.log_reward();
        rollout_backward(env, sampler.as_ref(), &terminals, log_reward, key)
            .map_err(|source| TrainError::Rollout { iteration, source })
    }

    /// The log-probabilities of the batch, and `log G` of its transitions.
    fn log_target<P: Policy, S>(
        &self,
        policy: &P,
        batch: &TransitionBatch,
        trajectories: &Trajectories<S>,
        given: &BackwardBatch<'_, S>,
    ) -> Result<(gfn_loss::LogProbs, Vec<f64>), TrainError> {
        match self.target {
            BackwardTarget::ForwardPolicy => {
                let log_probs = batch.log_probs(policy);
                let log_pf = read(log_probs.log_pf.clone());
                Ok((log_probs, log_pf))
            }
            BackwardTarget::SuppressedExit {
                log_reward,
                probability,
            } => {
                let of_objects = (given.object_log_reward)(trajectories)?;
                let (log_probs, log_exit) = batch.log_probs_and_log_exit(policy);
                let (log_pf, log_exit) = (read(log_probs.log_pf.clone()), read(log_exit));
                let bound = log_reward + ROUNDING * (1.0 + log_reward.abs());
                let edges = log_pf.iter().zip(&log_exit).zip(&of_objects);
                // Exits are forced edges of P_B: what is asked here are moves.
                let suppressed = edges.map(|((&log_pf, &log_exit), &of_object)| {
                    if f64::from(of_object) <= bound && log_exit > probability.ln() {
                        log_pf - (probability - log_exit.exp_m1()).ln()
                    } else {
                        log_pf
                    }
                });
                let log_target = suppressed.collect();
                Ok((log_probs, log_target))
            }
            BackwardTarget::Guide => {
                let log_target = (given.log_edge_guide)(trajectories)?;
                Ok((batch.log_probs(policy), log_target))
            }
        }
    }

    pub(super) fn state(&self) -> (crate::AdamState, CriticState) {
        (self.optimiser.state(), self.critic.state())
    }

    /// Continues from a saved state; nothing is changed where it does not fit.
    pub(super) fn restore<P: Policy>(
        &mut self,
        policy: &P,
        optimiser: &crate::AdamState,
        critic: Option<&CriticState>,
    ) -> Result<(), TrainError> {
        let mut restored = self.clone();
        restored.optimiser.restore(policy, optimiser)?;
        restored
            .critic
            .restore(critic.ok_or(TrainError::OtherCritic)?)?;
        *self = restored;
        Ok(())
    }
}

/// The transitions that P_B has chosen, each trajectory from its object to the source.
struct Chosen {
    order: Vec<i32>,
    segments: Segments,
}

impl Chosen {
    fn new(batch: &TransitionBatch) -> Self {
        let choices = batch.n_backward_choices();
        let (mut order, mut lengths) = (Vec::new(), Vec::new());
        for ends in batch.segments().offsets().windows(2) {
            // One parent of the object: an exit, or the only way.
            let last = ends[1] - usize::from(choices[ends[1] - 1] == 1);
            order.extend((ends[0]..last).rev().map(|i| i as i32));
            lengths.push(last - ends[0]);
        }
        Self {
            order,
            segments: Segments::from_lengths(&lengths),
        }
    }
}
