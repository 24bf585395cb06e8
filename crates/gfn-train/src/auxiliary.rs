//! A second agent that looks for trajectories the main agent should learn from.

use crate::learner::Learner;
use crate::optimiser::{Adam, AdamConfig};
use crate::{Evaluation, Objective, RegressionConfig, Requirements, TrainError, TrainingBatch};
use gfn_env::{Environment, Purpose, Streams, Trajectories};
use gfn_explore::{
    AuxiliaryReward, AuxiliaryRewardError, Intrinsic, MainView, OnPolicy, RewardScale, SavedSource,
    SourceContext, SourceError, TrainedBatch, TrajectorySource,
};
use gfn_policy::{Policy, Recording, RolloutKey, TransitionBatch, record_rollout, rollout};

const NAME: &str = "auxiliary-agent";

/// What an auxiliary agent needs beside its policy and objective.
#[derive(Clone, Debug, PartialEq)]
pub struct AuxiliaryConfig {
    /// What it is sent to look for.
    pub reward: AuxiliaryReward,
    /// Trajectories of its own that it is trained on; the first of them join the main batch.
    pub batch_size: usize,
    /// The function applied to its residuals.
    pub regression: RegressionConfig,
    /// Its optimiser.
    pub optimiser: AdamConfig,
    /// It is trained in the main agent's iterations `0, period, 2·period, …`.
    pub period: u64,
    /// After so many iterations it starts anew with other weights.
    pub reset_every: Option<u64>,
}

impl Default for AuxiliaryConfig {
    /// Loss-guided with λ = 1, as often trained as the main agent, with batches of 16.
    fn default() -> Self {
        Self {
            reward: AuxiliaryReward::LossGuided {
                lambda: gfn_explore::Schedule::constant(1.0),
                scale_decay: None,
            },
            batch_size: 16,
            regression: RegressionConfig::default(),
            optimiser: AdamConfig::default(),
            period: 1,
            reset_every: None,
        }
    }
}

/// A configuration that makes no auxiliary agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuxiliaryError {
    /// Its reward.
    #[error("reward: {0}")]
    Reward(#[from] AuxiliaryRewardError),
    /// A number, the regression or the optimiser.
    #[error(transparent)]
    Training(Box<TrainError>),
    /// An objective that asks for more than transitions.
    #[error(
        "the objective of an auxiliary agent needs nothing beside transitions: choose trajectory balance, detailed \
         balance or sub-trajectory balance"
    )]
    Objective,
}

impl From<TrainError> for AuxiliaryError {
    fn from(error: TrainError) -> Self {
        Self::Training(Box::new(error))
    }
}

impl AuxiliaryConfig {
    /// Checks ranges.
    ///
    /// # Errors
    ///
    /// Names what is out of range.
    pub fn validate(&self) -> Result<(), AuxiliaryError> {
        self.reward.validate()?;
        self.regression.validate().map_err(TrainError::from)?;
        Adam::new(self.optimiser.clone()).map_err(TrainError::from)?;
        let range = |name, ok: bool, range| {
            if ok {
                Ok(())
            } else {
                Err(TrainError::OutOfRange { name, range })
            }
        };
        let batch = (1..=usize::from(u16::MAX) + 1).contains(&self.batch_size);
        range("batch_size", batch, "between 1 and 65536")?;
        range("period", self.period > 0, "at least 1")?;
        range("reset_every", self.reset_every != Some(0), "at least 1")?;
        Ok(())
    }
}

/// Figures of the latest update.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Latest {
    loss: f64,
    log_reward: f64,
    main_loss: f64,
}

/// An auxiliary agent as a source of trajectories: a GFlowNet with networks, log Z and optimiser of its own, and a reward
/// made from what the main agent makes of its trajectories.
///
/// In each iteration it samples [`AuxiliaryConfig::batch_size`] trajectories on-policy. The first of them join the main
/// batch, as many as its share asks for. The loss of each under the main agent is taken before the main update, without
/// gradients; after the main update the agent is trained on all of its trajectories with the rewards made from it. The
/// main agent keeps its target: what is learned from changes, and not what is learned.
pub struct AuxiliaryAgent<E: Environment, P, O> {
    make: Box<dyn Fn(Streams) -> P + Send>,
    streams: Streams,
    learner: Learner<P>,
    objective: O,
    config: AuxiliaryConfig,
    intrinsic: Option<Intrinsic>,
    scale: RewardScale,
    pending: Option<Pending<E::State>>,
    latest: Option<Latest>,
}

/// A batch on its way from sampling to training.
struct Pending<S> {
    trajectories: Trajectories<S>,
    recording: Recording,
    /// Those that are not in the main batch.
    rest: Trajectories<S>,
}

impl<E: Environment, P: std::fmt::Debug, O> std::fmt::Debug for AuxiliaryAgent<E, P, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuxiliaryAgent")
            .field("policy", &self.learner.policy)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn failed(message: impl std::fmt::Display) -> SourceError {
    SourceError::training(NAME, message)
}

fn damaged(reason: impl std::fmt::Display) -> SourceError {
    SourceError::saved(NAME, reason)
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl<E: Environment, P: Policy, O: Objective<P>> AuxiliaryAgent<E, P, O> {
    /// An agent that has learned nothing; `make` builds its policy with weights of the streams that it is given.
    ///
    /// `streams` have to be apart from those of the main agent: `Streams::branch` makes such.
    ///
    /// # Errors
    ///
    /// If a number of `config` is out of range, or the objective needs more than transitions.
    pub fn new(
        environment: &E,
        make: impl Fn(Streams) -> P + Send + 'static,
        objective: O,
        config: AuxiliaryConfig,
        streams: Streams,
    ) -> Result<Self, AuxiliaryError> {
        config.validate()?;
        if objective.requirements() != Requirements::default() {
            return Err(AuxiliaryError::Objective);
        }
        let learner = Learner::new(make(streams.branch(0)), config.optimiser.clone())?;
        let intrinsic = config.reward.intrinsic().map(|intrinsic| {
            // Weights that no start of the policy shares.
            let streams = streams.branch(u16::MAX);
            Intrinsic::new(intrinsic, environment.n_features(), streams)
        });
        let intrinsic = intrinsic.transpose();
        Ok(Self {
            make: Box::new(make),
            streams,
            learner,
            objective,
            intrinsic: intrinsic.map_err(AuxiliaryRewardError::from)?,
            config,
            scale: RewardScale::default(),
            pending: None,
            latest: None,
        })
    }

    /// Its policy.
    pub fn policy(&self) -> &P {
        &self.learner.policy
    }

    /// Starts anew where it is time to.
    fn reset(&mut self, iteration: u32) -> Result<(), SourceError> {
        let Some(every) = self.config.reset_every else {
            return Ok(());
        };
        let iteration = u64::from(iteration);
        if iteration > 0 && iteration.is_multiple_of(every) {
            let start = (iteration / every) % u64::from(u16::MAX);
            let policy = (self.make)(self.streams.branch(start as u16));
            let learner = Learner::new(policy, self.config.optimiser.clone());
            self.learner = learner.map_err(failed)?;
        }
        Ok(())
    }

    /// The reward of each of its trajectories.
    fn rewards(
        &mut self,
        environment: &E,
        trajectories: &Trajectories<E::State>,
        batch: &TrainedBatch<'_, E::State>,
    ) -> Result<Vec<f64>, SourceError> {
        let joined = |of_batch: &[f64], asked: &[f64]| -> Vec<f64> {
            let drawn = of_batch.get(batch.drawn.clone()).unwrap_or(&[]);
            drawn.iter().chain(asked).copied().collect()
        };
        let losses = joined(batch.losses, batch.asked_losses);
        let residuals = joined(batch.residuals, batch.asked_residuals);
        if matches!(self.config.reward, AuxiliaryReward::AdaptiveTeacher { .. })
            && residuals.len() < trajectories.len()
        {
            return Err(failed(
                "the reward adaptive-teacher needs the main agent's log-probabilities, which its objective does not \
                 tell: choose the reward loss-guided, or another objective",
            ));
        }
        let novelty = match &mut self.intrinsic {
            Some(intrinsic) => {
                let novelty = intrinsic.novelty(environment, trajectories);
                intrinsic.train(environment, trajectories);
                novelty
            }
            None => Vec::new(),
        };
        let view = MainView {
            log_reward: trajectories.log_reward(),
            losses: &losses,
            residuals: &residuals,
            novelty: &novelty,
        };
        if let Some(decay) = self.config.reward.scale_decay() {
            self.scale.update(&view, decay);
        }
        let iteration = u64::from(batch.iteration);
        let reward = &self.config.reward;
        let log_reward = reward.log_reward(&view, self.scale.log_ratio(), iteration);
        if let Some(value) = log_reward.iter().find(|value| !value.is_finite()) {
            return Err(failed(format!(
                "iteration {iteration}: the log-reward of a trajectory is {value}: the main agent's loss is out of range"
            )));
        }
        self.latest = Some(Latest {
            loss: f64::NAN,
            log_reward: mean(&log_reward),
            main_loss: mean(&losses),
        });
        Ok(log_reward)
    }

    /// One update on trajectories with their rewards; returns the loss before it.
    fn train(
        &mut self,
        environment: &E,
        trajectories: &Trajectories<E::State>,
        recording: Recording,
        iteration: u64,
    ) -> Result<f64, SourceError> {
        let policy = &self.learner.policy;
        let backward = policy.backward_policy();
        let transitions = TransitionBatch::recorded(environment, trajectories, backward, recording);
        let batch = TrainingBatch::from(transitions);
        let regression = self.config.regression.at(iteration);
        let Evaluation { loss, .. } = self.objective.evaluate(policy, &batch, &regression);
        let names = ["loss", "gradient norm"];
        self.learner.descend(loss, iteration, names).map_err(failed)
    }
}

impl<E: Environment, P: Policy, O: Objective<P>> TrajectorySource<E> for AuxiliaryAgent<E, P, O> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn draw(
        &mut self,
        context: &SourceContext<'_, E>,
        n: usize,
    ) -> Result<Trajectories<E::State>, SourceError> {
        self.reset(context.iteration)?;
        let trains = u64::from(context.iteration).is_multiple_of(self.config.period);
        let n_all = if trains {
            self.config.batch_size.max(n)
        } else {
            n
        };
        let key = RolloutKey {
            streams: context.streams,
            purpose: Purpose::Rollout,
            iteration: context.iteration,
        };
        let (env, reward) = (context.environment, context.reward);
        let policy = &self.learner.policy;
        let sampler = policy.sampler();
        let records = trains && policy.kernels().run_on_host(&policy.device());
        let (trajectories, recording) = if records {
            record_rollout(env, reward, sampler.as_ref(), &OnPolicy, key, n_all)?
        } else {
            let trajectories = rollout(env, reward, sampler.as_ref(), &OnPolicy, key, n_all)?;
            (trajectories, Recording::default())
        };
        if !trains {
            return Ok(trajectories);
        }
        let first = trajectories.part(0..n);
        let rest = if self.config.reward.looks_at_the_main_agent() {
            trajectories.part(n..n_all)
        } else {
            Trajectories::new()
        };
        self.pending = Some(Pending {
            trajectories,
            recording,
            rest,
        });
        Ok(first)
    }

    fn asks(&self) -> Option<&Trajectories<E::State>> {
        self.pending.as_ref().map(|pending| &pending.rest)
    }

    fn observe(
        &mut self,
        environment: &E,
        batch: &TrainedBatch<'_, E::State>,
    ) -> Result<(), SourceError> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        let Pending {
            mut trajectories,
            recording,
            ..
        } = pending;
        let log_reward = self.rewards(environment, &trajectories, batch)?;
        trajectories.set_log_reward(log_reward);
        let iteration = u64::from(batch.iteration);
        let loss = self.train(environment, &trajectories, recording, iteration)?;
        if let Some(latest) = &mut self.latest {
            latest.loss = loss;
        }
        Ok(())
    }

    fn save(&self) -> SavedSource {
        let mut saved = SavedSource::default();
        self.learner.save("", &mut saved);
        let mut put = |name: &str, values: &[f64]| {
            let values = values.iter().flat_map(|v| v.to_le_bytes());
            saved.bytes.insert(name.to_owned(), values.collect());
        };
        if let Some(means) = self.scale.log_means {
            put("scale", &means);
        }
        if let Some(latest) = self.latest {
            put(
                "latest",
                &[latest.loss, latest.log_reward, latest.main_loss],
            );
        }
        if let Some(intrinsic) = &self.intrinsic {
            saved.bytes.insert("intrinsic".to_owned(), intrinsic.save());
        }
        saved
    }

    fn restore(&mut self, _environment: &E, saved: &SavedSource) -> Result<(), SourceError> {
        let learner = self.learner.restored("", saved).map_err(damaged)?;
        let scale = numbers(saved, "scale")?;
        let latest = numbers(saved, "latest")?;
        let mut intrinsic = self.intrinsic.clone();
        if let Some(intrinsic) = &mut intrinsic {
            let bytes = saved.bytes.get("intrinsic");
            bytes
                .and_then(|bytes| intrinsic.restore(bytes))
                .ok_or_else(|| damaged("`intrinsic` is of another size"))?;
        }
        self.learner = learner;
        self.intrinsic = intrinsic;
        self.scale = RewardScale { log_means: scale };
        self.latest = latest.map(|[loss, log_reward, main_loss]| Latest {
            loss,
            log_reward,
            main_loss,
        });
        self.pending = None;
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let log_z = f64::from(self.policy().log_z().into_scalar::<f32>());
        let mut figures = vec![("log_z", log_z)];
        if let Some(latest) = self.latest {
            figures.push(("loss", latest.loss));
            figures.push(("log_reward", latest.log_reward));
            if self.config.reward.looks_at_the_main_agent() {
                figures.push(("main_loss", latest.main_loss));
            }
        }
        figures
    }
}

/// The `N` numbers that were saved under a name, where there are any.
fn numbers<const N: usize>(
    saved: &SavedSource,
    name: &str,
) -> Result<Option<[f64; N]>, SourceError> {
    let Some(bytes) = saved.bytes.get(name) else {
        return Ok(None);
    };
    let words = bytes.chunks_exact(8).filter_map(|w| w.try_into().ok());
    let values: Vec<f64> = words.map(f64::from_le_bytes).collect();
    let values = values.try_into().ok().filter(|_| bytes.len() == 8 * N);
    match values {
        Some(values) => Ok(Some(values)),
        None => Err(damaged(format!("`{name}` is not {N} numbers"))),
    }
}
