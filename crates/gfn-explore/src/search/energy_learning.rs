//! Learning the energy beside the agent: trajectories into data, and contrastive divergence.

use super::moves::{BackTrack, Mover, Objects};
use crate::codec::{Reader, Writer};
use crate::{
    RangeError, SavedSource, Schedule, ScheduleError, SourceContext, SourceError, TrainedBatch,
    TrajectorySource,
};
use gfn_env::rand::RngExt as _;
use gfn_env::{
    Environment, EnvironmentError, LogLinearReward, Purpose, Trajectories, checked_log_reward,
};
use gfn_policy::{RolloutError, RolloutKey, rollout_backward};

const NAME: &str = "energy-learning";
const MAGIC: [u8; 8] = *b"gfn-eln1";
const SAVED: &str = "parameters";

/// Decay of the means of Adam.
const BETAS: [f64; 2] = [0.9, 0.999];
/// Added to what Adam divides by.
const EPSILON: f64 = 1e-8;

/// Where the samples of the model come from, whose statistics stand against those of the data.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Negatives {
    /// The objects of the agent's own trajectories in the batch, as they are. They stand for the model as far as the agent
    /// samples from it, and the statistics of the data are those of all data.
    Policy {},
    /// From each object of the data in the batch one move with the agent: back some edges with its P_B, and forward again with
    /// its P_F. They stand against the statistics of the same objects of the data.
    BackAndForth {
        /// How far a move goes back.
        back_track: BackTrack,
        /// Whether a move is accepted by the rule of Metropolis and Hastings, so that moves keep the model whatever the agent
        /// does; otherwise every move is.
        #[cfg_attr(feature = "serde", serde(default = "yes"))]
        metropolis_hastings: bool,
    },
}

#[cfg(feature = "serde")]
fn yes() -> bool {
    true
}

/// How the energy is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnergyLearningConfig {
    /// Learning rate of the parameters, under Adam.
    pub learning_rate: Schedule,
    /// Factor of `Σ_k |θ_k|`, which is taken from the log-likelihood.
    pub l1: f64,
    /// Where samples of the model come from.
    pub negatives: Negatives,
}

/// An energy that cannot be learned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnergyLearningError {
    /// There are no data.
    #[error("there are no data to learn from")]
    Empty,
    /// An observation is no object.
    #[error("the data hold {state}, which is no complete object of the environment")]
    NotTerminal {
        /// `Debug` form of the state.
        state: String,
    },
    /// A number.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The learning rate.
    #[error("learning_rate: {0}")]
    LearningRate(#[from] ScheduleError),
    /// Parameters to compare with.
    #[error(transparent)]
    Truth(#[from] EnvironmentError),
}

impl EnergyLearningConfig {
    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// Names the key that is out of range.
    pub fn validate(&self) -> Result<(), EnergyLearningError> {
        self.learning_rate.validate(0.0, 1e3)?;
        RangeError::unless(
            self.l1 >= 0.0 && self.l1.is_finite(),
            "l1",
            self.l1,
            "finite and not negative",
        )?;
        if let Negatives::BackAndForth { back_track, .. } = self.negatives {
            back_track.validate()?;
        }
        Ok(())
    }
}

/// Learns the parameters of a [`LogLinearReward`] from data, and gives the agent trajectories into them: an energy-based
/// GFlowNet (Zhang et al. 2022, <https://arxiv.org/abs/2202.01361>).
///
/// `n` objects of the data are drawn uniformly, and a trajectory into each with the agent's P_B joins the batch. After the
/// update of the agent the parameters take a step of Adam up `mean φ(data) − mean φ(model) − l1·Σ|θ|`, the gradient of the
/// log-likelihood less a penalty, where samples of the model come from the agent ([`Negatives`]).
///
/// Other sources change what an agent learns from; this one changes what it learns. The reward of the trainer has to be a clone
/// of the one given here. Nothing may keep log-rewards from one iteration to the next: no replay, no chains, no guide that looks
/// at objects.
pub struct EnergyLearning<E: Environment> {
    config: EnergyLearningConfig,
    reward: LogLinearReward<E::State>,
    data: Vec<E::State>,
    /// Mean `φ` of all data.
    of_data: Vec<f64>,
    truth: Option<Vec<f64>>,
    adam: Adam,
    pending: Option<Pending>,
    latest: Latest,
}

/// Mean `φ` of the data and of the model, where the draw has made them.
type Pending = (Vec<f64>, Option<Vec<f64>>);

/// Moments of the parameters' gradients.
#[derive(Clone, Debug, PartialEq)]
struct Adam {
    step: u64,
    first: Vec<f64>,
    second: Vec<f64>,
}

/// Figures of the latest step.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    accepted: Option<f64>,
    gradient_norm: Option<f64>,
}

impl<E: Environment> std::fmt::Debug for EnergyLearning<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnergyLearning")
            .field("config", &self.config)
            .field("reward", &self.reward)
            .field("data", &self.data.len())
            .finish_non_exhaustive()
    }
}

fn failed(message: impl std::fmt::Display) -> SourceError {
    SourceError::training(NAME, message)
}

impl<E: Environment> EnergyLearning<E> {
    /// What learns the parameters of `reward` from `data`, from where they stand.
    ///
    /// # Errors
    ///
    /// If there are no data, one of them is no complete object, or a number is out of range.
    pub fn new(
        environment: &E,
        reward: LogLinearReward<E::State>,
        data: Vec<E::State>,
        config: EnergyLearningConfig,
    ) -> Result<Self, EnergyLearningError> {
        config.validate()?;
        if data.is_empty() {
            return Err(EnergyLearningError::Empty);
        }
        if let Some(state) = data.iter().find(|state| !environment.is_terminal(state)) {
            return Err(EnergyLearningError::NotTerminal {
                state: format!("{state:?}"),
            });
        }
        let n = reward.parameters().len();
        Ok(Self {
            of_data: reward.mean_statistics(&data),
            adam: Adam {
                step: 0,
                first: vec![0.0; n],
                second: vec![0.0; n],
            },
            config,
            reward,
            data,
            truth: None,
            pending: None,
            latest: Latest::default(),
        })
    }

    /// The same, with the parameters that the data are from, for figures alone.
    ///
    /// # Errors
    ///
    /// If there is not one number for each parameter.
    pub fn with_truth(mut self, truth: Vec<f64>) -> Result<Self, EnergyLearningError> {
        let n = self.of_data.len();
        if truth.len() != n {
            return Err(EnvironmentError::invalid_parameter(
                "truth",
                &truth.len(),
                "there must be one for each parameter",
            )
            .into());
        }
        self.truth = Some(truth);
        Ok(self)
    }

    /// The log-rewards of some data, which the trainer's reward has to agree with.
    fn log_reward_of(
        &self,
        context: &SourceContext<'_, E>,
        terminals: &[E::State],
    ) -> Result<Vec<f64>, SourceError> {
        let mut log_reward = vec![0.0; terminals.len()];
        checked_log_reward(&self.reward, terminals, &mut log_reward).map_err(RolloutError::from)?;
        let Some(first) = terminals.first() else {
            return Err(failed(
                "its share of the batch is no trajectory: raise the share or the batch size",
            ));
        };
        let mut of_trainer = [f64::NAN];
        let given = context
            .reward
            .log_reward(std::slice::from_ref(first), &mut of_trainer);
        given.map_err(RolloutError::from)?;
        if of_trainer[0] != log_reward[0] {
            return Err(failed(
                "the trainer has another reward than the one that is learned: give it a clone",
            ));
        }
        Ok(log_reward)
    }

    /// One move from each object; the mean `φ` of where they lead.
    fn moved(
        &mut self,
        context: &SourceContext<'_, E>,
        mut objects: Objects<E::State>,
        (back_track, metropolis_hastings): (BackTrack, bool),
    ) -> Result<Vec<f64>, SourceError> {
        let mover = Mover {
            environment: context.environment,
            reward: &self.reward,
            proposal: context.policy,
            back_track,
        };
        let streams = context.streams.branch(0);
        let candidates = mover.candidates(&objects, streams, context.iteration)?;
        let mut n_accepted = 0_u32;
        for (lane, log_ratio) in candidates.log_ratios.iter().enumerate() {
            let mut rng = streams.rng(Purpose::Objects, context.iteration, lane as u16);
            if !metropolis_hastings || rng.random::<f64>() < log_ratio.min(0.0).exp() {
                objects.terminals[lane] = candidates.trajectories.terminal(lane).clone();
                n_accepted += 1;
            }
        }
        self.latest.accepted = Some(f64::from(n_accepted) / objects.terminals.len() as f64);
        Ok(self.reward.mean_statistics(&objects.terminals))
    }

    /// A step of Adam up the penalised log-likelihood.
    fn ascend(
        &mut self,
        of_data: &[f64],
        of_model: &[f64],
        iteration: u64,
    ) -> Result<(), SourceError> {
        let rate = self.config.learning_rate.at(iteration);
        let mut parameters = self.reward.parameters();
        self.adam.step += 1;
        let [first, second] = BETAS.map(|beta| 1.0 - beta.powf(self.adam.step as f64));
        let mut squares = 0.0;
        for (k, parameter) in parameters.iter_mut().enumerate() {
            // The sign of 0 is 0, so that what the data say nothing of stays there.
            let sign = if *parameter == 0.0 {
                0.0
            } else {
                parameter.signum()
            };
            let gradient = of_data[k] - of_model[k] - self.config.l1 * sign;
            squares += gradient * gradient;
            let (m, v) = (&mut self.adam.first[k], &mut self.adam.second[k]);
            *m = BETAS[0] * *m + (1.0 - BETAS[0]) * gradient;
            *v = BETAS[1] * *v + (1.0 - BETAS[1]) * gradient * gradient;
            *parameter += rate * (*m / first) / ((*v / second).sqrt() + EPSILON);
        }
        self.latest.gradient_norm = Some(squares.sqrt());
        let set = self.reward.set_parameters(parameters);
        set.map_err(|error| failed(format!("iteration {iteration}: {error}")))
    }

    /// Root of the mean squared difference of the parameters from those that the data are from.
    fn root_mean_squared_error(&self) -> Option<f64> {
        let truth = self.truth.as_ref()?;
        let parameters = self.reward.parameters();
        let pairs = parameters.iter().zip(truth);
        let squares: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
        Some((squares / truth.len() as f64).sqrt())
    }
}

impl<E: Environment> TrajectorySource<E> for EnergyLearning<E> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn draw(
        &mut self,
        context: &SourceContext<'_, E>,
        n: usize,
    ) -> Result<Trajectories<E::State>, SourceError> {
        let mut rng = context.streams.rng(Purpose::Objects, context.iteration, 0);
        let drawn = (0..n).map(|_| self.data[rng.random_range(0..self.data.len())].clone());
        let terminals: Vec<E::State> = drawn.collect();
        let log_reward = self.log_reward_of(context, &terminals)?;
        let key = RolloutKey {
            streams: context.streams,
            purpose: Purpose::Backward,
            iteration: context.iteration,
        };
        let (env, policy) = (context.environment, context.policy);
        let trajectories = rollout_backward(env, policy, &terminals, &log_reward, key)?;
        self.pending = Some(match self.config.negatives {
            Negatives::Policy {} => (self.of_data.clone(), None),
            Negatives::BackAndForth {
                back_track,
                metropolis_hastings,
            } => {
                let of_data = self.reward.mean_statistics(&terminals);
                let objects = Objects {
                    terminals,
                    log_reward,
                };
                let of_model = self.moved(context, objects, (back_track, metropolis_hastings))?;
                (of_data, Some(of_model))
            }
        });
        Ok(trajectories)
    }

    fn observe(
        &mut self,
        _environment: &E,
        batch: &TrainedBatch<'_, E::State>,
    ) -> Result<(), SourceError> {
        let Some((of_data, of_model)) = self.pending.take() else {
            return Ok(());
        };
        let of_model = match of_model {
            Some(of_model) => of_model,
            None if batch.n_own == 0 => {
                return Err(failed(
                    "the agent samples nothing itself: lower the share, or let negatives go back and forth",
                ));
            }
            None => {
                let own = batch.trajectories.terminals().take(batch.n_own);
                self.reward.mean_statistics(own)
            }
        };
        self.ascend(&of_data, &of_model, u64::from(batch.iteration))
    }

    fn save(&self) -> SavedSource {
        let mut writer = Writer::default();
        writer.whole(self.of_data.len() as u64);
        writer.whole(self.adam.step);
        let parameters = self.reward.parameters();
        for values in [&parameters, &self.adam.first, &self.adam.second] {
            values.iter().for_each(|value| writer.real(*value));
        }
        let mut saved = SavedSource::default();
        saved.bytes.insert(SAVED.to_owned(), writer.finish(MAGIC));
        saved
    }

    fn restore(&mut self, _environment: &E, saved: &SavedSource) -> Result<(), SourceError> {
        let damaged = |reason: String| SourceError::saved(NAME, reason);
        let bytes = saved.bytes.get(SAVED);
        let bytes = bytes.ok_or_else(|| damaged("it holds no parameters".to_owned()))?;
        let n = self.of_data.len();
        let read = || {
            let mut reader = Reader::new(bytes, MAGIC)?;
            let (found, step) = (reader.whole()?, reader.whole()?);
            if found != n as u64 {
                return Err(format!("it holds {found} parameters, and there are {n}"));
            }
            let mut reals = || {
                (0..n)
                    .map(|_| reader.real())
                    .collect::<Result<Vec<f64>, String>>()
            };
            let [parameters, first, second] = [reals()?, reals()?, reals()?];
            reader.finish()?;
            Ok((
                parameters,
                Adam {
                    step,
                    first,
                    second,
                },
            ))
        };
        let (parameters, adam) = read().map_err(damaged)?;
        let set = self.reward.set_parameters(parameters);
        set.map_err(|error| damaged(error.to_string()))?;
        self.adam = adam;
        self.pending = None;
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let error = self.root_mean_squared_error();
        let figures = [
            ("rmse", error),
            ("negative_log_rmse", error.map(|error| -error.ln())),
            ("accepted_share", self.latest.accepted),
            ("gradient_norm", self.latest.gradient_norm),
        ];
        figures
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}
