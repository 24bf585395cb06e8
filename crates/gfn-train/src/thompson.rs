//! An ensemble whose members take turns at sampling: Thompson sampling of forward policies.

use crate::auxiliary::mean;
use crate::learner::Learner;
use crate::optimiser::{Adam, AdamConfig};
use crate::{
    Evaluation, Objective as _, RegressionConfig, TrainError, TrainingBatch, TrajectoryBalance,
};
use burn::module::{Module, ModuleDisplay};
use gfn_env::rand::RngExt as _;
use gfn_env::{Environment, Purpose, Streams, Trajectories};
use gfn_explore::{
    OnPolicy, RangeError, SavedSource, SourceContext, SourceError, TrainedBatch, TrajectorySource,
};
use gfn_loss::Regression;
use gfn_policy::{Policy, RandomizedPriorPolicy, RolloutKey, TransitionBatch, rollout};

const NAME: &str = "thompson";

/// The most heads of an ensemble.
const MOST_HEADS: usize = 1024;

/// Branch of the first prior's weights; those of the heads are the branches from 0.
const PRIORS: u16 = 0x8000;

/// What an ensemble needs beside its policies.
#[derive(Clone, Debug, PartialEq)]
pub struct ThompsonConfig {
    /// Heads K, from 2 to 1024.
    pub heads: usize,
    /// Probability p with which a head is trained on a trajectory, in (0, 1].
    pub mask_probability: f64,
    /// Factor β of the fixed random logits of each head, not negative.
    pub prior_scale: f64,
    /// Widths of the hidden layers of the perceptrons that give them.
    pub prior_hidden: Vec<usize>,
    /// The function applied to the residuals of the heads.
    pub regression: RegressionConfig,
    /// The optimiser of each head.
    pub optimiser: AdamConfig,
}

impl Default for ThompsonConfig {
    /// Ten heads, each trained on half of the trajectories, with priors of scale 1 and two layers of 128.
    fn default() -> Self {
        Self {
            heads: 10,
            mask_probability: 0.5,
            prior_scale: 1.0,
            prior_hidden: vec![128, 128],
            regression: RegressionConfig::default(),
            optimiser: AdamConfig::default(),
        }
    }
}

/// A configuration that makes no ensemble.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThompsonError {
    /// A number of the ensemble.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The regression or the optimiser.
    #[error(transparent)]
    Training(Box<TrainError>),
}

impl From<TrainError> for ThompsonError {
    fn from(error: TrainError) -> Self {
        Self::Training(Box::new(error))
    }
}

impl ThompsonConfig {
    /// Checks ranges.
    ///
    /// # Errors
    ///
    /// Names what is out of range.
    pub fn validate(&self) -> Result<(), ThompsonError> {
        let check = |holds: bool, name, value: f64, remedy| {
            if holds {
                return Ok(());
            }
            Err(RangeError {
                name,
                value,
                remedy,
            })
        };
        let (k, p, beta) = (self.heads, self.mask_probability, self.prior_scale);
        check(
            (2..=MOST_HEADS).contains(&k),
            "heads",
            k as f64,
            "an ensemble has between 2 and 1024 heads",
        )?;
        check(
            p > 0.0 && p <= 1.0,
            "mask_probability",
            p,
            "a head is trained on a trajectory with a probability above 0 and at most 1",
        )?;
        check(
            beta >= 0.0 && beta <= f64::from(f32::MAX),
            "prior_scale",
            beta,
            "it must not be negative, and finite; 0 is an ensemble without priors",
        )?;
        check(
            !self.prior_hidden.contains(&0),
            "prior_hidden",
            0.0,
            "a layer has at least one unit",
        )?;
        self.regression.validate().map_err(TrainError::from)?;
        Adam::new(self.optimiser.clone()).map_err(TrainError::from)?;
        Ok(())
    }
}

/// One member: a policy on top of its prior, and its optimiser.
type Head<P> = Learner<RandomizedPriorPolicy<P>>;

/// Figures of the latest update.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Latest {
    loss: f64,
    trained: f64,
}

/// Thompson sampling as a source of trajectories: an ensemble of K policies, of which one is chosen uniformly for each
/// trajectory and samples it on-policy.
///
/// A head has the logits `f_k(s) + β·f*_k(s)` with a fixed random `f*_k`, see [`RandomizedPriorPolicy`], and a P_B, a log Z and
/// an optimiser of its own. In each iteration every head is trained with trajectory balance on the trajectories of the whole
/// batch, those of the agent and of other sources included, that its mask lets through: each with probability p,
/// independently for every trajectory and head. The loss is the mean over these; a head whose mask lets none through keeps its
/// parameters.
///
/// Heads agree where they have seen much and disagree where they have seen little, so that a head drawn at random is a draw
/// from what the policy may yet turn out to be. The main agent learns from their trajectories under its own policy and keeps
/// its target.
#[derive(Debug)]
pub struct ThompsonSampling<P: Module> {
    heads: Vec<Head<P>>,
    config: ThompsonConfig,
    streams: Streams,
    latest: Option<Latest>,
}

fn failed(message: impl std::fmt::Display) -> SourceError {
    SourceError::training(NAME, message)
}

fn damaged(reason: impl std::fmt::Display) -> SourceError {
    SourceError::saved(NAME, reason)
}

/// One update of a head; returns the loss before it.
fn train<E: Environment, P: Policy>(
    head: &mut Learner<P>,
    environment: &E,
    trajectories: &Trajectories<E::State>,
    regression: &Regression,
    iteration: u64,
) -> Result<f64, SourceError> {
    let backward = head.policy.backward_policy();
    let batch = TrainingBatch::from(TransitionBatch::new(environment, trajectories, backward));
    let Evaluation { loss, .. } = TrajectoryBalance.evaluate(&head.policy, &batch, regression);
    let names = ["loss of a head", "gradient norm of a head"];
    head.descend(loss, iteration, names).map_err(failed)
}

impl<P: Policy + ModuleDisplay> ThompsonSampling<P> {
    /// An ensemble that has learned nothing; `make` builds the policy of a head with weights of the streams that it is given.
    ///
    /// `streams` are those of the source, [`Streams::branch`] of the trainer's seed, apart from those of the main agent.
    ///
    /// # Errors
    ///
    /// If a number of `config` is out of range.
    pub fn new<E: Environment>(
        environment: &E,
        make: impl Fn(Streams) -> P,
        config: ThompsonConfig,
        streams: Streams,
    ) -> Result<Self, ThompsonError> {
        config.validate()?;
        let head = |k: u16| -> Result<Head<P>, ThompsonError> {
            let (hidden, scale) = (&config.prior_hidden, config.prior_scale as f32);
            let of_prior = streams.branch(PRIORS + k);
            let policy = make(streams.branch(k));
            let policy = RandomizedPriorPolicy::new(policy, environment, hidden, scale, of_prior);
            Ok(Learner::new(policy, config.optimiser.clone())?)
        };
        let heads = (0..config.heads as u16).map(head);
        Ok(Self {
            heads: heads.collect::<Result<_, _>>()?,
            config,
            streams,
            latest: None,
        })
    }

    /// The policies of the heads, priors included.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &RandomizedPriorPolicy<P>> {
        self.heads.iter().map(|head| &head.policy)
    }

    /// The head that samples each of the `n` trajectories drawn in an iteration, uniform over all heads, `[n]`.
    #[must_use]
    pub fn acting(&self, iteration: u32, n: usize) -> Vec<usize> {
        let mut rng = self.streams.rng(Purpose::Objects, iteration, 0);
        (0..n)
            .map(|_| rng.random_range(0..self.heads.len()))
            .collect()
    }

    /// Whether each head is trained on trajectory `b` of the batch of an iteration, `[K]`.
    #[must_use]
    pub fn mask(&self, iteration: u32, b: usize) -> Vec<bool> {
        let mut rng = self.streams.rng(Purpose::Replay, iteration, b as u16);
        let mut draw = || rng.random::<f64>() < self.config.mask_probability;
        self.heads.iter().map(|_| draw()).collect()
    }
}

impl<E: Environment, P: Policy + ModuleDisplay> TrajectorySource<E> for ThompsonSampling<P> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn draw(
        &mut self,
        context: &SourceContext<'_, E>,
        n: usize,
    ) -> Result<Trajectories<E::State>, SourceError> {
        let acting = self.acting(context.iteration, n);
        let (env, reward) = (context.environment, context.reward);
        let mut trajectories = Trajectories::new();
        for (k, head) in self.heads.iter().enumerate() {
            let n = acting.iter().filter(|acts| **acts == k).count();
            if n == 0 {
                continue;
            }
            let key = RolloutKey {
                streams: self.streams.branch(k as u16),
                purpose: Purpose::Rollout,
                iteration: context.iteration,
            };
            let sampler = head.policy.sampler();
            let of_head = rollout(env, reward, sampler.as_ref(), &OnPolicy, key, n)?;
            trajectories.append(of_head);
        }
        Ok(trajectories)
    }

    fn observe(
        &mut self,
        environment: &E,
        batch: &TrainedBatch<'_, E::State>,
    ) -> Result<(), SourceError> {
        let n = batch.trajectories.len();
        let masks: Vec<Vec<bool>> = (0..n).map(|b| self.mask(batch.iteration, b)).collect();
        let iteration = u64::from(batch.iteration);
        let regression = self.config.regression.at(iteration);
        let (mut losses, mut trained) = (Vec::new(), 0);
        for (k, head) in self.heads.iter_mut().enumerate() {
            let mut seen = Trajectories::new();
            for (b, mask) in masks.iter().enumerate() {
                if mask[k] {
                    seen.push_copy(batch.trajectories.trajectory(b));
                }
            }
            if seen.is_empty() {
                continue;
            }
            trained += seen.len();
            losses.push(train(head, environment, &seen, &regression, iteration)?);
        }
        if !losses.is_empty() {
            self.latest = Some(Latest {
                loss: mean(&losses),
                trained: trained as f64 / self.heads.len() as f64,
            });
        }
        Ok(())
    }

    fn save(&self) -> SavedSource {
        let mut saved = SavedSource::default();
        for (k, head) in self.heads.iter().enumerate() {
            head.save(&format!("head.{k}."), &mut saved);
        }
        if let Some(Latest { loss, trained }) = self.latest {
            let bytes = [loss, trained].into_iter().flat_map(f64::to_le_bytes);
            saved.bytes.insert("latest".to_owned(), bytes.collect());
        }
        saved
    }

    fn restore(&mut self, _environment: &E, saved: &SavedSource) -> Result<(), SourceError> {
        let mut heads = Vec::with_capacity(self.heads.len());
        for (k, head) in self.heads.iter().enumerate() {
            let restored = head.restored(&format!("head.{k}."), saved);
            heads.push(restored.map_err(|reason| damaged(format!("head {k}: {reason}")))?);
        }
        let latest = match saved.bytes.get("latest") {
            Some(bytes) => {
                let number = |at: usize| {
                    let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
                    Some(f64::from_le_bytes(bytes))
                };
                let latest = number(0).zip(number(8)).filter(|_| bytes.len() == 16);
                let (loss, trained) =
                    latest.ok_or_else(|| damaged("`latest` is not two numbers"))?;
                Some(Latest { loss, trained })
            }
            None => None,
        };
        self.heads = heads;
        self.latest = latest;
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let log_z = self.policies().map(|policy| policy.log_z());
        let log_z: Vec<f64> = log_z.map(|z| f64::from(z.into_scalar::<f32>())).collect();
        let centre = mean(&log_z);
        let squares: Vec<f64> = log_z.iter().map(|z| (z - centre).powi(2)).collect();
        let mut figures = vec![
            ("log_z", centre),
            ("log_z_deviation", mean(&squares).sqrt()),
        ];
        if let Some(Latest { loss, trained }) = self.latest {
            figures.push(("loss", loss));
            figures.push(("trained", trained));
        }
        figures
    }
}
