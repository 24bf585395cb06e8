//! Rewards of parentheses: [`ParenthesesReward`].

use super::{Parentheses, ParenthesesState};
use crate::{EnvironmentError, Reward, RewardError, log_partition};

/// What strings are worth.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "deceptive-short"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum ParenthesesRewardConfig {
    /// One log-reward for balanced strings of the full length, one for short strings that are not, one for all others.
    DeceptiveShort {
        /// `log R` of a balanced string of the full length.
        log_balanced: f64,
        /// `log R` of any other string of at most `short_length` parentheses.
        log_short: f64,
        /// `log R` of all other strings, shorter balanced ones included.
        log_other: f64,
        /// Length of the longest short string.
        short_length: usize,
    },
}

impl ParenthesesRewardConfig {
    /// The published values: 0, −1.5 up to a length of 8, and −10.
    pub const fn deceptive_short() -> Self {
        Self::DeceptiveShort {
            log_balanced: 0.0,
            log_short: -1.5,
            log_other: -10.0,
            short_length: 8,
        }
    }
}

/// Which of the three log-rewards a string has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParenthesesClass {
    /// Balanced and of the full length.
    Balanced,
    /// Short and not balanced at the full length: the trap.
    Short,
    /// All others.
    Other,
}

/// The reward of a string of parentheses.
///
/// # Examples
///
/// ```
/// use gfn_env::parentheses::ParenthesesRewardConfig;
/// use gfn_env::{Parentheses, ParenthesesReward};
///
/// let env = Parentheses::new(4, 1)?;
/// let reward = ParenthesesReward::new(&env, ParenthesesRewardConfig::deceptive_short())?;
/// // 31 strings of at most 4, of which (()) and ()() are balanced and the others short.
/// let z: f64 = 2.0 + 29.0 * (-1.5f64).exp();
/// assert!((reward.log_partition() - z.ln()).abs() < 1e-12);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ParenthesesReward {
    env: Parentheses,
    log_balanced: f64,
    log_short: f64,
    log_other: f64,
    short_length: usize,
}

impl ParenthesesReward {
    /// The reward that `config` describes, for strings of `env`.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless the log-rewards are finite.
    pub fn new(
        env: &Parentheses,
        config: ParenthesesRewardConfig,
    ) -> Result<Self, EnvironmentError> {
        let ParenthesesRewardConfig::DeceptiveShort {
            log_balanced,
            log_short,
            log_other,
            short_length,
        } = config;
        for (name, value) in [
            ("log_balanced", log_balanced),
            ("log_short", log_short),
            ("log_other", log_other),
        ] {
            if !value.is_finite() {
                return Err(EnvironmentError::invalid_parameter(
                    name,
                    &value,
                    "it must be finite",
                ));
            }
        }
        Ok(Self {
            env: *env,
            log_balanced,
            log_short,
            log_other,
            short_length,
        })
    }

    /// Which of the three log-rewards a string has.
    pub fn class(&self, state: &ParenthesesState) -> ParenthesesClass {
        if state.length() == self.env.length() && state.is_balanced() {
            ParenthesesClass::Balanced
        } else if state.length() <= self.short_length {
            ParenthesesClass::Short
        } else {
            ParenthesesClass::Other
        }
    }

    /// Number of objects of each class: balanced, short, all others. Exact below `2^53`, and to the last bit of an f64 above.
    ///
    /// There are `C_{L/2}` balanced strings, a Catalan number, where `L` is even, and `2^n` strings of length `n`.
    pub fn class_sizes(&self) -> [f64; 3] {
        let (length, word) = (self.env.length(), self.env.word_bits());
        let balanced = if length.is_multiple_of(2) {
            catalan(length / 2)
        } else {
            0
        };
        let strings = |up_to: usize| -> u128 {
            let lengths = (0..=up_to.min(length)).step_by(word);
            lengths.map(|n| 1u128 << n).sum()
        };
        let balanced_short = if self.short_length >= length {
            balanced
        } else {
            0
        };
        let short = strings(self.short_length) - balanced_short;
        let other = strings(length) - balanced - short;
        [balanced, short, other].map(|n| n as f64)
    }

    /// `log Z` in closed form, without enumeration.
    pub fn log_partition(&self) -> f64 {
        self.log_power_sum(1.0)
    }

    /// `log Σ R^power`, without enumeration.
    fn log_power_sum(&self, power: f64) -> f64 {
        let [balanced, short, other] = self.class_sizes();
        log_partition(&[
            balanced.ln() + power * self.log_balanced,
            short.ln() + power * self.log_short,
            other.ln() + power * self.log_other,
        ])
    }

    /// `Σ R²/Z`, the mean reward of a perfect sampler.
    pub fn mean_reward(&self) -> f64 {
        (self.log_power_sum(2.0) - self.log_power_sum(1.0)).exp()
    }

    /// Probability of each class under `R/Z`.
    pub fn class_probabilities(&self) -> [f64; 3] {
        let [balanced, short, other] = self.class_sizes();
        let log_z = self.log_partition();
        [
            balanced * (self.log_balanced - log_z).exp(),
            short * (self.log_short - log_z).exp(),
            other * (self.log_other - log_z).exp(),
        ]
    }
}

/// The Catalan number `C_n`, the number of balanced strings of `n` pairs; `n` is at most 32.
fn catalan(n: usize) -> u128 {
    // C_{i+1} = C_i·2(2i + 1)/(i + 2), a whole number at each step.
    (0..n as u128).fold(1, |c, i| c * 2 * (2 * i + 1) / (i + 2))
}

impl Reward<ParenthesesState> for ParenthesesReward {
    /// Strings that have not exited have no reward: their entry is NaN.
    fn log_reward(
        &self,
        terminals: &[ParenthesesState],
        out: &mut [f64],
    ) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = match self.class(state) {
                _ if !state.has_exited() => f64::NAN,
                ParenthesesClass::Balanced => self.log_balanced,
                ParenthesesClass::Short => self.log_short,
                ParenthesesClass::Other => self.log_other,
            };
        }
        Ok(())
    }
}
