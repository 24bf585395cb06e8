//! Training P_B by itself, beside the objective of P_F.
//!
//! The objective then takes `log P_B` as given. Each iteration trains P_B first, then P_F with what P_B says now.

mod buffer;
mod path_counts;
mod policy_gradient;

pub use policy_gradient::BackwardTarget;

use crate::average::move_towards;
use crate::error::require_finite;
use crate::optimiser::{Adam, AdamConfig, AdamState};
use crate::{CriticConfig, CriticState, RegressionConfig, TrainError, TrainerConfig};
use buffer::Buffer;
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use gfn_env::{Environment, Purpose, StateGraph, Streams, Trajectories};
use gfn_explore::Schedule;
use gfn_loss::{guided_backward, trajectory_likelihood};
use gfn_policy::{
    BackwardPolicy, NamedTensor, Policy, TransitionBatch, named_parameters, with_parameters,
};
use path_counts::PathCounts;
use policy_gradient::BackwardAgent;
use std::collections::BTreeMap;

/// How P_B is trained.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum BackwardTraining {
    /// With the objective: P_B is what the policy says, uniform or learned by the loss of P_F.
    #[default]
    WithObjective,
    /// Trajectory-likelihood maximisation: P_B descends `−Σ_t log P_B` on the trajectories of P_F before P_F is trained, and
    /// P_F is trained with a slow copy of it, `P̄_B ← P̄_B + rate·(P_B − P̄_B)` in its parameters.
    ///
    /// Gritsaev et al. (2025), <https://arxiv.org/abs/2410.15474>, with a rate of 0.25, a learning rate that decays by .999
    /// a step, and a P_B that starts uniform.
    TrajectoryLikelihood {
        /// How fast the slow copy follows, in `(0, 1]`; 1 is no copy.
        target_rate: f64,
        /// Learning rate of P_B.
        learning_rate: Schedule,
    },
    /// Pessimistic: P_B descends `−Σ_t log P_B` on trajectories drawn from the latest batches, so that flow gathers where
    /// observed objects came from.
    ///
    /// Jang et al. (2024), <https://arxiv.org/abs/2405.16012>, with 20 batches.
    Pessimistic {
        /// Batches that are kept, first in, first out.
        batches: usize,
        /// Learning rate of P_B.
        learning_rate: Schedule,
    },
    /// By the guide of guided trajectory balance: P_B descends `g(log p(τ | x) − Σ_t log P_B)` on the trajectories of P_F, with
    /// the regression loss `g` of the objective, before P_F is trained.
    ///
    /// Shen et al. (2023), <https://arxiv.org/abs/2305.07170>.
    Guided {
        /// Learning rate of P_B.
        learning_rate: Schedule,
    },
    /// By policy gradients of its own: from each object of the batch P_B draws a way back, and descends the cost
    /// `Σ_t (log P_B − log G)` of it, with a critic of its own, before P_F is trained.
    ///
    /// Niu et al. (2024), <https://arxiv.org/abs/2408.05885>.
    PolicyGradient {
        /// `G`.
        target: BackwardTarget,
        /// Learning rate of P_B.
        learning_rate: Schedule,
        /// The critic; of its losses the costs to go.
        critic: CriticConfig,
    },
    /// Maximum entropy: `P_B(s | s') = n(s)/n(s')` with the numbers of paths from the source, counted exactly.
    ///
    /// Mohammadpour et al. (2024), <https://arxiv.org/abs/2312.14331>.
    MaximumEntropy {
        /// Largest number of states that are counted.
        max_states: usize,
    },
    /// Maximum entropy where the states cannot be counted: `log n(s)` is a network of its own, which descends
    /// `(log n(s') − log Σ n(s))²` over the parents `s` of sampled states, and `P_B(s | s') = n(s)/Σ n`.
    LearnedMaximumEntropy {
        /// Widths of the network's hidden layers; none for an affine map, which is a table where each state has a feature of
        /// its own.
        hidden: Vec<usize>,
        /// Learning rate of the network.
        learning_rate: Schedule,
    },
}

/// What continues the training of a P_B that is trained by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackwardState {
    /// State of its optimiser.
    pub optimiser: Option<AdamState>,
    /// Parameters of the slow copy, or of the network of path counts.
    pub target: BTreeMap<String, NamedTensor>,
    /// Actions of the trajectories in the buffer, batch by batch.
    pub buffer: Vec<Vec<Vec<u32>>>,
    /// Its critic, where there is one.
    pub critic: Option<CriticState>,
}

/// A batch of which P_B is trained.
pub(crate) struct BackwardBatch<'a, S> {
    pub(crate) transitions: &'a TransitionBatch,
    pub(crate) trajectories: &'a Trajectories<S>,
    /// `log p(τ | x)` of every trajectory, where there is a guide.
    pub(crate) log_guide: Option<&'a [f32]>,
    /// `log p` of every edge of given trajectories under the guide.
    pub(crate) log_edge_guide: &'a OfTrajectories<'a, S, f64>,
    /// `log R` of the state before each transition of given trajectories, as if they had stopped there.
    pub(crate) object_log_reward: &'a OfTrajectories<'a, S, f32>,
}

/// Numbers of the transitions of trajectories.
pub(crate) type OfTrajectories<'a, S, T> =
    dyn Fn(&Trajectories<S>) -> Result<Vec<T>, TrainError> + 'a;

/// Trains P_B as [`BackwardTraining`] says.
#[derive(Debug)]
pub(crate) struct BackwardTrainer<S, P> {
    method: Method<S, P>,
    seed: u64,
}

#[derive(Debug)]
enum Method<S, P> {
    WithObjective,
    TrajectoryLikelihood {
        optimiser: Adam,
        rate: f64,
        /// A copy of the policy whose backward parameters follow slowly; none before the first iteration.
        target: Option<P>,
    },
    Pessimistic {
        optimiser: Adam,
        buffer: Buffer<S>,
    },
    Guided {
        optimiser: Adam,
        regression: RegressionConfig,
    },
    PolicyGradient(Box<BackwardAgent>),
    MaximumEntropy {
        graph: StateGraph<S>,
        log_counts: Vec<f64>,
    },
    LearnedMaximumEntropy(PathCounts),
}

impl<S, P> BackwardTrainer<S, P>
where
    S: Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync,
    P: Policy,
{
    pub(crate) fn new<E: Environment<State = S>>(
        env: &E,
        policy: &P,
        config: &TrainerConfig,
    ) -> Result<Self, TrainError> {
        let own_parameters = policy.has_own_backward_parameters();
        let adam = |learning_rate: &Schedule| -> Result<Adam, TrainError> {
            let config = AdamConfig {
                learning_rate: *learning_rate,
                weight_decay: None,
                clip_norm: None,
                ..config.optimiser.clone()
            };
            Ok(Adam::new(config)?.with_kernels(policy.kernels()))
        };
        let optimiser = |learning_rate: &Schedule| {
            if own_parameters {
                adam(learning_rate)
            } else {
                Err(TrainError::SharedBackward)
            }
        };
        let method = match &config.backward {
            BackwardTraining::WithObjective => Method::WithObjective,
            BackwardTraining::TrajectoryLikelihood {
                target_rate,
                learning_rate,
            } => {
                if !(*target_rate > 0.0 && *target_rate <= 1.0) {
                    return Err(TrainError::OutOfRange {
                        name: "target_rate",
                        range: "above 0 and at most 1",
                    });
                }
                Method::TrajectoryLikelihood {
                    optimiser: optimiser(learning_rate)?,
                    rate: *target_rate,
                    target: None,
                }
            }
            BackwardTraining::Pessimistic {
                batches,
                learning_rate,
            } => {
                if *batches == 0 {
                    return Err(TrainError::OutOfRange {
                        name: "batches",
                        range: "at least 1",
                    });
                }
                Method::Pessimistic {
                    optimiser: optimiser(learning_rate)?,
                    buffer: Buffer::new(*batches),
                }
            }
            BackwardTraining::Guided { learning_rate } => Method::Guided {
                optimiser: optimiser(learning_rate)?,
                regression: config.regression.clone(),
            },
            BackwardTraining::PolicyGradient {
                target,
                learning_rate,
                critic,
            } => {
                let adam = (optimiser(learning_rate)?, &config.optimiser);
                let agent = BackwardAgent::new(env, policy, *target, adam, critic, config.seed)?;
                Method::PolicyGradient(Box::new(agent))
            }
            BackwardTraining::MaximumEntropy { max_states } => {
                if policy.backward_policy() == BackwardPolicy::Learned {
                    return Err(TrainError::UnusedBackward);
                }
                let graph = StateGraph::explore(env, *max_states)?;
                Method::MaximumEntropy {
                    log_counts: graph.log_path_counts(),
                    graph,
                }
            }
            BackwardTraining::LearnedMaximumEntropy {
                hidden,
                learning_rate,
            } => {
                if policy.backward_policy() == BackwardPolicy::Learned {
                    return Err(TrainError::UnusedBackward);
                }
                let adam = (adam(learning_rate)?, policy.kernels());
                let (seed, device) = (config.seed, policy.device());
                let counts = PathCounts::new(env, hidden, adam, seed, &device);
                Method::LearnedMaximumEntropy(counts)
            }
        };
        Ok(Self {
            method,
            seed: config.seed,
        })
    }

    /// Whether it changes the policy's parameters.
    pub(crate) fn trains(&self) -> bool {
        match &self.method {
            Method::TrajectoryLikelihood { .. }
            | Method::Pessimistic { .. }
            | Method::Guided { .. }
            | Method::PolicyGradient(_) => true,
            Method::WithObjective
            | Method::MaximumEntropy { .. }
            | Method::LearnedMaximumEntropy(_) => false,
        }
    }

    /// Whether it needs the guide's probabilities.
    pub(crate) fn is_guided(&self) -> bool {
        matches!(self.method, Method::Guided { .. })
    }

    /// `log P_B` of the transitions as the objective takes it now, where it takes it as given.
    ///
    /// # Errors
    ///
    /// If the environment refuses a backward action that its mask allows.
    pub(crate) fn given<E: Environment<State = S>>(
        &self,
        env: &E,
        policy: &P,
        batch: &TransitionBatch,
        trajectories: &Trajectories<S>,
        iteration: u64,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        let given = match &self.method {
            Method::LearnedMaximumEntropy(counts) => {
                Some(counts.log_pb(env, trajectories, iteration)?)
            }
            Method::WithObjective => None,
            Method::MaximumEntropy { graph, log_counts } => {
                Some(log_path_ratios(graph, log_counts, trajectories))
            }
            Method::TrajectoryLikelihood { target, .. } => {
                Some(log_pb(batch, target.as_ref().unwrap_or(policy)))
            }
            Method::Pessimistic { .. } | Method::Guided { .. } | Method::PolicyGradient(_) => {
                Some(log_pb(batch, policy))
            }
        };
        Ok(given)
    }

    /// One update of P_B on `batch`; returns the policy where it has changed, and `log P_B` of the transitions where the
    /// objective takes it as given.
    pub(crate) fn step<E: Environment<State = S>>(
        &mut self,
        env: &E,
        policy: &P,
        given: BackwardBatch<'_, S>,
        iteration: u64,
    ) -> Result<(Option<P>, Option<Vec<f32>>), TrainError> {
        let BackwardBatch {
            transitions: batch,
            trajectories,
            log_guide,
            ..
        } = given;
        match &mut self.method {
            Method::WithObjective | Method::MaximumEntropy { .. } => {
                let given = self.given(env, policy, batch, trajectories, iteration)?;
                Ok((None, given))
            }
            Method::LearnedMaximumEntropy(counts) => {
                counts.step(env, trajectories, iteration)?;
                Ok((None, Some(counts.log_pb(env, trajectories, iteration)?)))
            }
            Method::TrajectoryLikelihood {
                optimiser,
                rate,
                target,
            } => {
                // Cloned, not taken: a step that fails leaves the copy that was there.
                let slow = target.clone().unwrap_or_else(|| policy.clone());
                let loss = trajectory_likelihood(&batch.log_probs(policy));
                let policy = descend(optimiser, policy.clone(), loss, iteration)?;
                let slow = move_towards(slow, &policy, *rate)?;
                let log_pb = log_pb(batch, &slow);
                *target = Some(slow);
                Ok((Some(policy), Some(log_pb)))
            }
            Method::Pessimistic { optimiser, buffer } => {
                buffer.push(trajectories.clone());
                let step =
                    u32::try_from(iteration).map_err(|_too_large| TrainError::OutOfRange {
                        name: "iteration",
                        range: "at most 2^32 - 1, the number of random streams of a lane",
                    })?;
                let mut rng = Streams::new(self.seed).rng(Purpose::Replay, step, 0);
                let drawn = buffer.draw(trajectories.len(), &mut rng);
                let drawn = TransitionBatch::new(env, &drawn, BackwardPolicy::Learned);
                let loss = trajectory_likelihood(&drawn.log_probs(policy));
                let policy = descend(optimiser, policy.clone(), loss, iteration)?;
                let log_pb = log_pb(batch, &policy);
                Ok((Some(policy), Some(log_pb)))
            }
            Method::Guided {
                optimiser,
                regression,
            } => {
                let log_guide = log_guide.ok_or(TrainError::NoGuide)?.to_vec();
                let n = log_guide.len();
                let log_guide = TensorData::new(log_guide, [n]);
                let log_guide = Tensor::from_data(log_guide, &policy.device());
                let residual = guided_backward(&batch.log_probs(policy), log_guide);
                let loss = residual.loss(&regression.at(iteration));
                let policy = descend(optimiser, policy.clone(), loss, iteration)?;
                let log_pb = log_pb(batch, &policy);
                Ok((Some(policy), Some(log_pb)))
            }
            Method::PolicyGradient(agent) => {
                let policy = agent.step(env, policy, &given, iteration)?;
                let log_pb = log_pb(batch, &policy);
                Ok((Some(policy), Some(log_pb)))
            }
        }
    }

    pub(crate) fn state(&self) -> BackwardState {
        match &self.method {
            Method::WithObjective | Method::MaximumEntropy { .. } => BackwardState::default(),
            Method::TrajectoryLikelihood {
                optimiser, target, ..
            } => BackwardState {
                optimiser: Some(optimiser.state()),
                target: target.as_ref().map(named_parameters).unwrap_or_default(),
                ..BackwardState::default()
            },
            Method::Pessimistic { optimiser, buffer } => BackwardState {
                optimiser: Some(optimiser.state()),
                buffer: buffer.actions(),
                ..BackwardState::default()
            },
            Method::LearnedMaximumEntropy(counts) => counts.state(),
            Method::PolicyGradient(agent) => {
                let (optimiser, critic) = agent.state();
                BackwardState {
                    optimiser: Some(optimiser),
                    critic: Some(critic),
                    ..BackwardState::default()
                }
            }
            Method::Guided { optimiser, .. } => BackwardState {
                optimiser: Some(optimiser.state()),
                ..BackwardState::default()
            },
        }
    }

    /// Continues from a saved state under `policy`; nothing is changed where it does not fit.
    pub(crate) fn restore<E: Environment<State = S>>(
        &mut self,
        env: &E,
        policy: &P,
        state: &BackwardState,
    ) -> Result<(), TrainError> {
        let saved = state.optimiser.clone().unwrap_or(AdamState {
            step: 0,
            first: BTreeMap::new(),
            second: BTreeMap::new(),
        });
        match &mut self.method {
            Method::WithObjective | Method::MaximumEntropy { .. } => {}
            Method::TrajectoryLikelihood {
                optimiser, target, ..
            } => {
                let slow = if state.target.is_empty() {
                    None
                } else {
                    Some(with_parameters(policy.clone(), &state.target)?)
                };
                optimiser.restore(policy, &saved)?;
                *target = slow;
            }
            Method::Pessimistic { optimiser, buffer } => {
                let restored = buffer.replayed(env, &state.buffer)?;
                optimiser.restore(policy, &saved)?;
                *buffer = restored;
            }
            Method::Guided { optimiser, .. } => optimiser.restore(policy, &saved)?,
            Method::LearnedMaximumEntropy(counts) => counts.restore(state, &saved)?,
            Method::PolicyGradient(agent) => {
                agent.restore(policy, &saved, state.critic.as_ref())?;
            }
        }
        Ok(())
    }
}

fn log_pb<P: Policy>(batch: &TransitionBatch, policy: &P) -> Vec<f32> {
    let log_pb = batch.log_probs(policy).log_pb.detach();
    log_pb.into_data().iter::<f32>().collect()
}

/// One step of `P_B` down its loss.
fn descend<P: Policy>(
    optimiser: &mut Adam,
    policy: P,
    loss: Tensor<1>,
    iteration: u64,
) -> Result<P, TrainError> {
    let value = f64::from(loss.clone().into_scalar::<f32>());
    require_finite(iteration, "loss of P_B", value)?;
    let gradients = GradientsParams::from_grads(loss.backward(), &policy);
    let (policy, norm) = optimiser.step(policy, gradients, iteration);
    require_finite(iteration, "gradient norm of P_B", norm.global)?;
    Ok(policy)
}

/// `log n(s) − log n(s')` of every transition.
fn log_path_ratios<S: Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync>(
    graph: &StateGraph<S>,
    log_counts: &[f64],
    trajectories: &Trajectories<S>,
) -> Vec<f32> {
    let count = |state: &S| {
        let i = graph.index_of(state);
        log_counts[i.expect("a sampled state can be reached from the source")]
    };
    let mut ratios = Vec::with_capacity(trajectories.n_transitions());
    for trajectory in trajectories.iter() {
        let edges = trajectory.states.windows(2);
        ratios.extend(edges.map(|edge| (count(&edge[0]) - count(&edge[1])) as f32));
    }
    ratios
}
