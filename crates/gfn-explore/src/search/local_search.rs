//! Local search around what the agent has just sampled.

use super::moves::{BackTrack, Mover, Objects};
use crate::{RangeError, SavedSource, SourceContext, SourceError, TrainedBatch, TrajectorySource};
use gfn_env::rand::RngExt as _;
use gfn_env::{Environment, Purpose, Trajectories};
use gfn_policy::{OnPolicy, RolloutKey, rollout};

/// Which candidates the next round starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Filter {
    /// Those of a higher reward, `R(x') > R(x)`.
    #[default]
    Deterministic,
    /// With probability `min(1, ratio)`, as the paper has it.
    MetropolisHastings,
    /// With probability `ratio/(1 + ratio)`, as the paper's code has it.
    Sigmoid,
}

impl Filter {
    /// The probability that a candidate is accepted, from the logarithms of `R(x')/R(x)` and of the Metropolis-Hastings
    /// ratio.
    pub fn acceptance(self, log_reward_ratio: f64, log_ratio: f64) -> f64 {
        match self {
            Self::Deterministic => f64::from(u8::from(log_reward_ratio > 0.0)),
            Self::MetropolisHastings => log_ratio.min(0.0).exp(),
            Self::Sigmoid => 1.0 / (1.0 + (-log_ratio).exp()),
        }
    }
}

/// A local search.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct LocalSearchConfig {
    /// Rounds of an iteration.
    pub rounds: usize,
    /// How far each goes back.
    pub back_track: BackTrack,
    /// Where the next one starts.
    #[cfg_attr(feature = "serde", serde(default))]
    pub filter: Filter,
}

impl LocalSearchConfig {
    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// Names the key that is out of range.
    pub fn validate(&self) -> Result<(), RangeError> {
        RangeError::unless(
            (1..=60_000).contains(&self.rounds),
            "rounds",
            self.rounds as f64,
            "between 1 and 60000",
        )?;
        self.back_track.validate()
    }
}

/// Local search (Kim et al., 2024, <https://arxiv.org/abs/2310.02710>) as a source of trajectories.
///
/// `n` trajectories in `I` rounds: `⌈n/I⌉` chains start from the first objects of the agent's own batch (from all of them in
/// turn where there are fewer). Each round takes a trajectory into each object, drawn with P_B, back by some edges
/// ([`BackTrack`]) and completes it with P_F. ALL candidates are returned, accepted or not; the [`Filter`] decides whether
/// the next round of a chain starts from the candidate or from where it was. The last round is cut short where `n` is no
/// multiple. A batch without own trajectories gives it no start: it then samples some on-policy, which are not returned.
///
/// Nothing is kept from one iteration to the next.
///
/// # Examples
///
/// ```
/// use gfn_explore::{BackTrack, Filter, LocalSearch, LocalSearchConfig};
///
/// // 28 of a batch of 32, from 4 own trajectories, as published for TFBind8.
/// let config = LocalSearchConfig {
///     rounds: 7,
///     back_track: BackTrack::Steps { steps: 4 },
///     filter: Filter::Deterministic,
/// };
/// let search = LocalSearch::new(config)?;
/// # let _ = search;
/// # Ok::<(), gfn_explore::RangeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LocalSearch {
    config: LocalSearchConfig,
    accepted: Option<f64>,
}

/// Branch of the streams that starts are sampled with where the batch has none; rounds are counted from 0.
const STARTS: u16 = u16::MAX;

impl LocalSearch {
    /// A local search.
    ///
    /// # Errors
    ///
    /// If a number is out of range.
    pub fn new(config: LocalSearchConfig) -> Result<Self, RangeError> {
        config.validate()?;
        Ok(Self {
            config,
            accepted: None,
        })
    }

    fn starts<E: Environment>(
        context: &SourceContext<'_, E>,
        n: usize,
    ) -> Result<Objects<E::State>, SourceError> {
        let sampled;
        let own = if context.own.is_empty() {
            let key = RolloutKey {
                streams: context.streams.branch(STARTS),
                purpose: Purpose::Rollout,
                iteration: context.iteration,
            };
            let (env, reward, policy) = (context.environment, context.reward, context.policy);
            sampled = rollout(env, reward, policy, &OnPolicy, key, n)?;
            &sampled
        } else {
            context.own
        };
        let of_chain = |chain: usize| chain % own.len();
        Ok(Objects {
            terminals: (0..n).map(|c| own.terminal(of_chain(c)).clone()).collect(),
            log_reward: (0..n).map(|c| own.log_reward()[of_chain(c)]).collect(),
        })
    }
}

impl<E: Environment> TrajectorySource<E> for LocalSearch {
    fn name(&self) -> &'static str {
        "local-search"
    }

    fn draw(
        &mut self,
        context: &SourceContext<'_, E>,
        n: usize,
    ) -> Result<Trajectories<E::State>, SourceError> {
        let n_chains = n.div_ceil(self.config.rounds);
        let mut objects = Self::starts(context, n_chains)?;
        let mover = Mover {
            environment: context.environment,
            reward: context.reward,
            proposal: context.policy,
            back_track: self.config.back_track,
        };
        let mut found = Trajectories::new();
        let mut n_accepted = 0;
        let mut round = 0;
        while found.len() < n {
            let left = (n - found.len()).min(n_chains);
            objects.terminals.truncate(left);
            objects.log_reward.truncate(left);
            let streams = context.streams.branch(round);
            let candidates = mover.candidates(&objects, streams, context.iteration)?;
            for (chain, candidate) in candidates.trajectories.iter().enumerate() {
                let gain = candidate.log_reward - objects.log_reward[chain];
                let probability =
                    (self.config.filter).acceptance(gain, candidates.log_ratios[chain]);
                let mut rng = streams.rng(Purpose::Objects, context.iteration, chain as u16);
                if rng.random::<f64>() < probability {
                    objects.terminals[chain] = candidates.trajectories.terminal(chain).clone();
                    objects.log_reward[chain] = candidate.log_reward;
                    n_accepted += 1;
                }
                found.push_copy(candidate);
            }
            round += 1;
        }
        self.accepted = (n > 0).then(|| f64::from(n_accepted) / n as f64);
        Ok(found)
    }

    fn observe(
        &mut self,
        _environment: &E,
        _batch: &TrainedBatch<'_, E::State>,
    ) -> Result<(), SourceError> {
        Ok(())
    }

    fn save(&self) -> SavedSource {
        SavedSource::default()
    }

    fn restore(&mut self, _environment: &E, _saved: &SavedSource) -> Result<(), SourceError> {
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let accepted = self.accepted.map(|share| ("accepted_share", share));
        accepted.into_iter().collect()
    }
}
