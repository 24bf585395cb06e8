//! Rewards of bags: [`BagReward`].

use std::sync::Arc;

use rand::RngExt as _;

use super::{Bag, BagState};
use crate::{
    Enumerable as _, EnvironmentError, Purpose, Reward, RewardError, SequenceState, Streams,
    log_partition,
};

/// Largest number of multisets whose rewards are listed.
const MAX_MULTISETS: usize = 1_000_000;

/// What is an object: a multiset of letters, or a string of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum BagOrder {
    /// Multisets, [`Bag`].
    #[default]
    Multiset,
    /// Strings that are appended to, [`Sequence`](crate::Sequence): each order of the letters is an object of its own.
    Append,
}

/// What multisets are worth.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "repeated-letter"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum BagRewardConfig {
    /// `poor`, but where a letter is in `threshold` times or more, `rich`, or, for some of these, `mode`.
    ///
    /// One uniform draw for each multiset that has such a letter, in the order of their numbers, from the stream
    /// `(Problem, 0, 0)` of `seed`: it is a mode where the draw is below `mode_probability`.
    RepeatedLetter {
        /// How often a letter has to be in.
        threshold: usize,
        /// Reward of all other multisets.
        poor: f64,
        /// Reward of most multisets with such a letter.
        rich: f64,
        /// Reward of the modes.
        mode: f64,
        /// Probability that one of these multisets is a mode.
        mode_probability: f64,
        /// Seed of the draws.
        #[cfg_attr(feature = "serde", serde(default))]
        seed: u64,
    },
}

impl BagRewardConfig {
    /// The published values: 0.01, 10 from seven of a letter on, and 30 for a quarter of these.
    pub const fn repeated_letter() -> Self {
        Self::RepeatedLetter {
            threshold: 7,
            poor: 0.01,
            rich: 10.0,
            mode: 30.0,
            mode_probability: 0.25,
            seed: 0,
        }
    }

    /// The same with another threshold.
    #[must_use]
    pub const fn with_threshold(self, threshold: usize) -> Self {
        let Self::RepeatedLetter {
            poor,
            rich,
            mode,
            mode_probability,
            seed,
            ..
        } = self;
        Self::RepeatedLetter {
            threshold,
            poor,
            rich,
            mode,
            mode_probability,
            seed,
        }
    }

    fn check(&self) -> Result<(), EnvironmentError> {
        let Self::RepeatedLetter {
            threshold,
            poor,
            rich,
            mode,
            mode_probability,
            ..
        } = *self;
        if threshold == 0 {
            return Err(EnvironmentError::invalid_parameter(
                "threshold",
                &threshold,
                "it must be at least 1",
            ));
        }
        for (name, value) in [("poor", poor), ("rich", rich), ("mode", mode)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(EnvironmentError::invalid_parameter(
                    name,
                    &value,
                    "it must be positive and finite",
                ));
            }
        }
        if !(0.0..=1.0).contains(&mode_probability) {
            return Err(EnvironmentError::invalid_parameter(
                "mode_probability",
                &mode_probability,
                "it must be between 0 and 1",
            ));
        }
        Ok(())
    }
}

/// The reward of a multiset of letters, and of a string by the multiset of its letters.
///
/// # Examples
///
/// ```
/// use gfn_env::{Bag, BagOrder, BagReward, BagRewardConfig};
///
/// // AA, AB and BB; a letter twice is worth 10, never 30.
/// let env = Bag::new(2, 2)?;
/// let config = BagRewardConfig::RepeatedLetter {
///     threshold: 2,
///     poor: 0.01,
///     rich: 10.0,
///     mode: 30.0,
///     mode_probability: 0.0,
///     seed: 0,
/// };
/// let reward = BagReward::new(&env, config)?;
/// assert!((reward.log_partition(BagOrder::Multiset) - 20.01f64.ln()).abs() < 1e-12);
/// // As strings AB and BA are two.
/// assert!((reward.log_partition(BagOrder::Append) - 20.02f64.ln()).abs() < 1e-12);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BagReward {
    env: Bag,
    /// By number of the multiset.
    log_rewards: Arc<[f64]>,
    modes: Arc<[bool]>,
}

impl BagReward {
    /// The reward that `config` describes, for multisets of `env` and for strings of as many of its letters.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `env` has at most 1,000,000 objects, the threshold is at least 1, the
    /// rewards are positive and finite, and the probability is one.
    pub fn new(env: &Bag, config: BagRewardConfig) -> Result<Self, EnvironmentError> {
        config.check()?;
        let BagRewardConfig::RepeatedLetter {
            threshold,
            poor,
            rich,
            mode,
            mode_probability,
            seed,
        } = config;
        if env.n_terminal() > MAX_MULTISETS {
            return Err(EnvironmentError::invalid_parameter(
                "size",
                &env.size(),
                "there must be at most 1,000,000 multisets: take fewer letters",
            ));
        }
        let mut rng = Streams::new(seed).rng(Purpose::Problem, 0, 0);
        let mut values = || {
            let draw: f64 = rng.random();
            if draw < mode_probability {
                (mode.ln(), true)
            } else {
                (rich.ln(), false)
            }
        };
        let (log_rewards, modes): (Vec<f64>, Vec<bool>) = (0..env.n_terminal())
            .map(|i| {
                let counts = env.terminal(i).counts().iter().max().copied();
                if usize::from(counts.unwrap_or(0)) >= threshold {
                    values()
                } else {
                    (poor.ln(), false)
                }
            })
            .unzip();
        Ok(Self {
            env: *env,
            log_rewards: log_rewards.into(),
            modes: modes.into(),
        })
    }

    /// Whether a multiset is a mode.
    pub fn is_mode(&self, state: &BagState) -> bool {
        self.env.index_of(state).is_some_and(|i| self.modes[i])
    }

    /// The multiset of the letters of a string; `None` where it has other letters, or more than an object.
    pub fn multiset_of(&self, string: &SequenceState) -> Option<BagState> {
        let mut letters = string.letters().to_vec();
        letters.sort_unstable();
        let text: Option<String> = letters
            .iter()
            .map(|b| b.checked_add(b'A').map(char::from))
            .collect();
        self.env.bag(&text?).ok()
    }

    /// Number of modes; of multisets, or of strings.
    pub fn n_modes(&self, order: BagOrder) -> f64 {
        let modes = (0..self.modes.len()).filter(|i| self.modes[*i]);
        modes
            .map(|i| self.log_multiplicity(i, order).exp().round())
            .sum()
    }

    /// `log Z`, by a sum over the multisets.
    pub fn log_partition(&self, order: BagOrder) -> f64 {
        self.log_power_sum(1.0, order)
    }

    /// `Σ R²/Z`, the mean reward of a perfect sampler.
    pub fn mean_reward(&self, order: BagOrder) -> f64 {
        (self.log_power_sum(2.0, order) - self.log_power_sum(1.0, order)).exp()
    }

    fn log_power_sum(&self, power: f64, order: BagOrder) -> f64 {
        let log_rewards = self.log_rewards.iter().enumerate();
        let terms: Vec<f64> = log_rewards
            .map(|(i, l)| power * l + self.log_multiplicity(i, order))
            .collect();
        log_partition(&terms)
    }

    /// Logarithm of the number of objects of multiset `index`: 1, or the strings of its letters, `n!/Π c!`.
    fn log_multiplicity(&self, index: usize, order: BagOrder) -> f64 {
        if order == BagOrder::Multiset {
            return 0.0;
        }
        let log_factorial = |n: usize| (1..=n).map(|i| (i as f64).ln()).sum::<f64>();
        let state = self.env.terminal(index);
        let counts = state.counts().iter();
        let orders_within: f64 = counts.map(|c| log_factorial(usize::from(*c))).sum();
        log_factorial(self.env.size()) - orders_within
    }

    fn log_reward_of(&self, state: &BagState) -> f64 {
        // A part of an object has no reward.
        let index = self.env.index_of(state);
        index.map_or(f64::NAN, |i| self.log_rewards[i])
    }
}

impl Reward<BagState> for BagReward {
    /// Multisets that are not full have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[BagState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = self.log_reward_of(state);
        }
        Ok(())
    }
}

impl Reward<SequenceState> for BagReward {
    /// Strings of other letters, or not of the size of the multisets, have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[SequenceState], out: &mut [f64]) -> Result<(), RewardError> {
        for (string, o) in terminals.iter().zip(out) {
            let multiset = self.multiset_of(string);
            *o = multiset.map_or(f64::NAN, |state| self.log_reward_of(&state));
        }
        Ok(())
    }
}
