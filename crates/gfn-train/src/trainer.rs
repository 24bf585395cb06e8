//! The training loop: roll out, evaluate, go backward, update.

mod gradient;
mod guide;
mod intrinsic;
mod log_z;
mod noise;
mod sources;
mod state;
mod target;
mod update;

pub use gradient::GradientVariance;
pub use guide::KeptObject;
pub use state::TrainerState;

use crate::backward::{BackwardBatch, BackwardTrainer, BackwardTraining};
use crate::batch::{Source, TrainingBatch};
use crate::error::TrainError;
use crate::observation::Observation;
use crate::optimiser::{Adam, AdamConfig};
use crate::policy_gradient::Agent;
use crate::{Objective, Objects, RegressionConfig};
use gfn_env::{
    Environment, Guide, PartialEnergy, Purpose, Reward, SeenObjects, StateGraph, Streams,
    Trajectories, target_distribution, total_variation,
};
use gfn_explore::{Behaviour, OnPolicy, TrajectorySource};
use gfn_policy::{
    HostPolicy, Policy, Recording, RolloutKey, TransitionBatch, exact_terminal_distribution,
    record_rollout, rollout,
};
use intrinsic::IntrinsicRewards;
use sources::{Drawn, Sources};
use std::time::{Duration, Instant};
use update::Updated;

/// What a trainer needs beside environment, reward, policy and objective.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerConfig {
    /// Trajectories per iteration.
    pub batch_size: usize,
    /// Seed of the rollouts.
    pub seed: u64,
    /// The function `g` applied to the residuals.
    pub regression: RegressionConfig,
    /// Factor on the loss, for parity with other code.
    pub loss_scale: f64,
    /// The optimiser.
    pub optimiser: AdamConfig,
    /// How P_B is trained.
    pub backward: BackwardTraining,
}

impl Default for TrainerConfig {
    /// Batch 16, squared residuals, Adam at 1e-3 and 1e-1 for log Z: the field's usual start.
    fn default() -> Self {
        Self {
            batch_size: 16,
            seed: 0,
            regression: RegressionConfig::default(),
            loss_scale: 1.0,
            optimiser: AdamConfig::default(),
            backward: BackwardTraining::WithObjective,
        }
    }
}

/// Wall time of the parts of one iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phases {
    /// Sampling trajectories and rewards, those of sources included.
    pub rollout: Duration,
    /// Encoding, the pass over all states, and the loss value.
    pub evaluation: Duration,
    /// Gradients.
    pub backward: Duration,
    /// Parameter update, and what sources learn from the batch.
    pub optimiser: Duration,
}

/// Figures of one iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Iterations made, this one included.
    pub iteration: u64,
    /// Loss before the update.
    pub loss: f64,
    /// How many trajectories the agent has sampled itself: the first of the batch.
    pub n_own: usize,
    /// Transitions of the batch, exit edges included.
    pub n_transitions: usize,
    /// Mean log-reward of the batch.
    pub mean_log_reward: f64,
    /// Global gradient norm before clipping.
    pub gradient_norm: f64,
    /// log Z's part of it.
    pub log_z_gradient_norm: f64,
    /// Whether the gradient was scaled down to the clip norm.
    pub clipped: bool,
    /// Log-weights and log Z, see [`Trainer::with_observation`].
    pub observation: Option<Observation>,
    /// Wall time.
    pub phases: Phases,
}

/// Trains a policy on an environment.
///
/// Random numbers are keyed by (seed, iteration, lane): there is no generator to save, and a trainer that continues
/// from a [`TrainerState`] makes the numbers that the first would have made.
pub struct Trainer<E: Environment, R, P, O> {
    environment: E,
    reward: R,
    policy: P,
    objective: O,
    behaviour: Box<dyn Behaviour>,
    energy: Option<Box<dyn PartialEnergy<E::State>>>,
    objects: Option<Objects<E::State>>,
    guide: Option<Box<dyn Guide<E::State>>>,
    seen: SeenObjects<E::State>,
    intrinsic: Option<IntrinsicRewards>,
    /// Standard deviation of what is added to log-rewards.
    reward_noise: f64,
    backward: BackwardTrainer<E::State, P>,
    /// What updates the policy by policy gradients, where the objective asks for it.
    agent: Option<Agent>,
    /// The target network, where the objective asks for one; none before the first update.
    target: Option<P>,
    sources: Sources<E>,
    config: TrainerConfig,
    optimiser: Adam,
    observes: bool,
    iteration: u64,
}

impl<E: Environment, R, P: std::fmt::Debug, O> std::fmt::Debug for Trainer<E, R, P, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("policy", &self.policy)
            .field("config", &self.config)
            .field("iteration", &self.iteration)
            .finish_non_exhaustive()
    }
}

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// A trainer at iteration 0 that samples on-policy.
    ///
    /// `policy` must live on a device with autodiff.
    ///
    /// # Errors
    ///
    /// If a number of `config` is out of range.
    pub fn new(
        environment: E,
        reward: R,
        policy: P,
        objective: O,
        config: TrainerConfig,
    ) -> Result<Self, TrainError> {
        config.regression.validate()?;
        if config.batch_size == 0 || config.batch_size > usize::from(u16::MAX) + 1 {
            return Err(TrainError::OutOfRange {
                name: "batch_size",
                range: "between 1 and 65536",
            });
        }
        if !(config.loss_scale > 0.0 && config.loss_scale.is_finite()) {
            return Err(TrainError::OutOfRange {
                name: "loss_scale",
                range: "positive and finite",
            });
        }
        let optimiser = Adam::new(config.optimiser.clone())?.with_kernels(policy.kernels());
        let backward = BackwardTrainer::new(&environment, &policy, &config)?;
        let agent = objective.policy_gradient().map(|of_agent| {
            Agent::new(
                of_agent,
                &environment,
                &policy,
                &config.optimiser,
                config.seed,
            )
        });
        Ok(Self {
            agent: agent.transpose()?,
            target: None,
            environment,
            reward,
            policy,
            objective,
            behaviour: Box::new(OnPolicy),
            energy: None,
            objects: None,
            guide: None,
            seen: SeenObjects::new(0),
            intrinsic: None,
            reward_noise: 0.0,
            backward,
            sources: Sources::default(),
            config,
            optimiser,
            observes: false,
            iteration: 0,
        })
    }

    /// The same trainer with another behaviour policy.
    #[must_use]
    pub fn with_behaviour(mut self, behaviour: impl Behaviour + 'static) -> Self {
        self.behaviour = Box::new(behaviour);
        self
    }

    /// The same trainer with the energies of partial objects, for forward-looking objectives.
    #[must_use]
    pub fn with_partial_energy(mut self, energy: impl PartialEnergy<E::State> + 'static) -> Self {
        self.energy = Some(Box::new(energy));
        self
    }

    /// The same trainer on given objects: each batch is made of backward trajectories from some of them, and the
    /// behaviour plays no part.
    #[must_use]
    pub fn with_objects(mut self, objects: Objects<E::State>) -> Self {
        self.objects = Some(objects);
        self
    }

    /// The same trainer with a share of each batch from `source`; the agent samples the share that no source has.
    ///
    /// A batch is made of the agent's own trajectories, then those of each source in the order in which they were given.
    /// All are scored under the current policy, in one pass. The numbers are those of [`counts_of_shares`]; what a source
    /// does not offer, the agent samples itself. Source `i` draws from `Streams::branch(i)` of the trainer's seed, so that
    /// the lanes of the agent's own trajectories keep their numbers.
    ///
    /// [`counts_of_shares`]: gfn_explore::counts_of_shares
    ///
    /// # Errors
    ///
    /// If the share is not in `(0, 1]`, the shares of all sources exceed 1, or the objective is right on-policy alone.
    pub fn with_source(
        mut self,
        source: Box<dyn TrajectorySource<E>>,
        share: f64,
    ) -> Result<Self, TrainError> {
        if !self.objective.learns_off_policy() {
            return Err(TrainError::OnPolicyOnly {
                source_name: source.name(),
            });
        }
        self.sources.push(source, share)?;
        Ok(self)
    }

    /// The same trainer, whose step reports hold an [`Observation`] where the objective has one to give.
    ///
    /// It is read with the loss, from numbers that the step has anyhow: no pass over the network is added, and no
    /// number of the training changes.
    #[must_use]
    pub fn with_observation(self) -> Self {
        Self {
            observes: true,
            ..self
        }
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The objective.
    pub fn objective(&self) -> &O {
        &self.objective
    }

    /// The environment.
    pub fn environment(&self) -> &E {
        &self.environment
    }

    /// The reward.
    pub fn reward(&self) -> &R {
        &self.reward
    }

    /// Iterations made.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// The learned log Z.
    pub fn log_z(&self) -> f64 {
        f64::from(self.policy.log_z().into_scalar::<f32>())
    }

    /// One iteration: a batch of trajectories and one update.
    ///
    /// # Errors
    ///
    /// See [`TrainError`]; the policy keeps its parameters then.
    pub fn step(&mut self) -> Result<(StepReport, Trajectories<E::State>), TrainError> {
        // P_B may be trained before the loss of P_F turns out to be unusable, and a source may fail after the update.
        let keeps = self.backward.trains() || !self.sources.is_empty();
        let before = keeps.then(|| self.policy.clone());
        // A critic takes its step before the update of the policy turns out to be unusable.
        let agent = self.agent.clone();
        let outcome = self.try_step();
        if outcome.is_err() {
            self.agent = agent;
            if let Some(before) = before {
                self.policy = before;
            }
        }
        outcome
    }

    fn try_step(&mut self) -> Result<(StepReport, Trajectories<E::State>), TrainError> {
        let start = Instant::now();
        let Drawn {
            trajectories,
            recording,
            n_own,
            of_sources,
        } = self.draw()?;
        let sampled = Instant::now();
        let measured = self.as_measured(&trajectories)?;
        let transitions = TransitionBatch::recorded(
            &self.environment,
            &measured,
            self.policy.backward_policy(),
            recording,
        );
        let mut batch = self.prepare(transitions, &measured)?;
        batch.by_trajectory = !self.sources.is_empty();
        let asks = self.objective.requirements().target_rate.is_some();
        let before = asks.then(|| self.policy.clone());
        let Updated {
            loss,
            norm,
            mut observation,
            view,
            asked,
            evaluated,
            differentiated,
        } = if self.agent.is_some() {
            self.update_by_policy_gradient(&batch, &measured)?
        } else {
            self.update_by_gradient(&batch, &measured)?
        };
        if let Some(observation) = &mut observation
            && n_own > 0
        {
            observation.log_weights.truncate(n_own);
        }
        self.tell_sources(&trajectories, n_own, of_sources, &view, &asked)?;
        self.follow(before)?;
        self.train_intrinsic(&trajectories);
        self.iteration += 1;
        self.seen.add(&measured);
        let report = StepReport {
            iteration: self.iteration,
            loss,
            n_own,
            n_transitions: trajectories.n_transitions(),
            mean_log_reward: trajectories.log_reward().iter().sum::<f64>()
                / trajectories.len() as f64,
            gradient_norm: norm.global,
            log_z_gradient_norm: norm.log_z,
            clipped: norm.clipped,
            observation,
            phases: Phases {
                rollout: sampled - start,
                evaluation: evaluated - sampled,
                backward: differentiated - evaluated,
                optimiser: differentiated.elapsed(),
            },
        };
        Ok((report, trajectories))
    }

    /// Trains a P_B that is trained by itself, and lays out what the objective asks for.
    fn prepare(
        &mut self,
        transitions: TransitionBatch,
        trajectories: &Trajectories<E::State>,
    ) -> Result<TrainingBatch, TrainError> {
        let log_guide = self.log_guide(trajectories)?;
        let source = Source {
            environment: &self.environment,
            reward: &self.reward,
            energy: None,
            iteration: self.iteration,
        };
        let guide = (self.guide.as_deref(), &self.seen);
        let given = BackwardBatch {
            transitions: &transitions,
            trajectories,
            log_guide: log_guide.as_deref(),
            log_edge_guide: &|of| guide::log_edge_guide(guide, of, self.iteration),
            object_log_reward: &|of| source.object_log_reward(of),
        };
        let (changed, log_pb) =
            self.backward
                .step(&self.environment, &self.policy, given, self.iteration)?;
        if let Some(policy) = changed {
            self.policy = policy;
        }
        self.lay_out(transitions, trajectories, log_pb, log_guide)
    }

    /// What the objective asks for, with `log P_B` as given or the policy's own.
    fn lay_out(
        &self,
        transitions: TransitionBatch,
        trajectories: &Trajectories<E::State>,
        log_pb: Option<Vec<f32>>,
        log_guide: Option<Vec<f32>>,
    ) -> Result<TrainingBatch, TrainError> {
        let transitions = match log_pb {
            Some(log_pb) => transitions.with_log_pb(log_pb),
            None => transitions,
        };
        let source = Source {
            environment: &self.environment,
            reward: &self.reward,
            energy: self.energy.as_deref(),
            iteration: self.iteration,
        };
        let target = self.target_of(&transitions);
        let batch = source.batch(transitions, trajectories, self.objective.requirements())?;
        Ok(TrainingBatch {
            log_guide,
            target,
            log_intrinsic: self.log_intrinsic(trajectories)?,
            ..batch
        })
    }

    fn wait(&self, iteration: u64) -> Result<(), TrainError> {
        self.policy
            .device()
            .sync()
            .map_err(|error| TrainError::Device {
                iteration,
                message: format!("{error:?}"),
            })
    }

    /// A batch of the agent alone.
    fn sample(&self) -> Result<(Trajectories<E::State>, Recording), TrainError> {
        let sampler = self.policy.sampler();
        let n = self.config.batch_size;
        self.sample_for(sampler.as_ref(), Purpose::Rollout, n, self.records())
    }

    /// Whether a rollout records: where the training pass is fused, it goes on from the activations under the same
    /// parameters.
    fn records(&self) -> bool {
        self.policy.kernels().run_on_host(&self.policy.device())
    }

    /// The iteration as a part of stream keys.
    fn step_key(&self) -> Result<u32, TrainError> {
        u32::try_from(self.iteration).map_err(|_too_large| TrainError::OutOfRange {
            name: "iteration",
            range: "at most 2^32 - 1, the number of random streams of a lane",
        })
    }

    fn sample_for(
        &self,
        sampler: &dyn HostPolicy,
        purpose: Purpose,
        n: usize,
        record: bool,
    ) -> Result<(Trajectories<E::State>, Recording), TrainError> {
        let iteration = self.iteration;
        let key = RolloutKey {
            streams: Streams::new(self.config.seed),
            purpose,
            iteration: self.step_key()?,
        };
        let behaviour = self.behaviour.as_ref();
        if let Some(objects) = &self.objects {
            let trajectories = objects.trajectories(&self.environment, sampler, key, n);
            let trajectories =
                trajectories.map_err(|source| TrainError::Rollout { iteration, source })?;
            return Ok((trajectories, Recording::default()));
        }
        let (env, reward) = (&self.environment, &self.reward);
        if record {
            record_rollout(env, reward, sampler, behaviour, key, n)
        } else {
            rollout(env, reward, sampler, behaviour, key, n)
                .map(|trajectories| (trajectories, Recording::default()))
        }
        .map_err(|source| TrainError::Rollout { iteration, source })
    }

    /// Iterates until `iterations` are made in all, telling `observer` of each.
    ///
    /// # Errors
    ///
    /// The first error of a step.
    ///
    /// # Examples
    ///
    /// See the crate's front page.
    pub fn run(
        &mut self,
        iterations: u64,
        mut observer: impl FnMut(&StepReport, &Trajectories<E::State>),
    ) -> Result<(), TrainError> {
        while self.iteration < iterations {
            let (report, trajectories) = self.step()?;
            observer(&report, &trajectories);
        }
        Ok(())
    }

    /// Exact total variation `½ Σ_x |P_T(x) − R(x)/Z|`, by dynamic programming over at most `max_states` states.
    ///
    /// # Errors
    ///
    /// If there are more states, the reward fails somewhere, or the policy gives no distribution.
    pub fn exact_total_variation(&self, max_states: usize) -> Result<f64, TrainError> {
        let graph = StateGraph::explore(&self.environment, max_states)?;
        let target = target_distribution(&graph.log_rewards(&self.reward)?);
        let sampler = self.policy.sampler();
        let learned = exact_terminal_distribution(&self.environment, &graph, sampler.as_ref())?;
        Ok(total_variation(&learned, &target))
    }

    /// What the sources tell of themselves, as `source.<name>.<figure>`.
    pub fn source_figures(&self) -> Vec<(String, f64)> {
        self.sources.figures()
    }

    /// What policy gradients tell of their last update, as `policy_gradient.<figure>`: the critic's loss, and of a trust
    /// region the divergence and the share of the full step.
    pub fn policy_gradient_figures(&self) -> Vec<(String, f64)> {
        self.agent.as_ref().map(Agent::figures).unwrap_or_default()
    }
}
