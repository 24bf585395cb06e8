//! Rewards of peptides: [`PeptideReward`].

use super::{Peptide, PeptideState, partition};
use crate::special::log_sigmoid;
use crate::{EnvironmentError, Reward, RewardError};

/// Letters of the longest chain whose rewards are summed: beyond it there are too many compositions to go through.
const MOST_SUMMED: usize = 30;

/// How a chain is rewarded.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "gates"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum PeptideRewardConfig {
    /// `R = g^exponent + floor`, `g` the product of the gates of [`PeptideReward`].
    Gates {
        /// Power of the gates, `β`.
        exponent: f64,
        /// Added to the power; 0 is allowed, `g` is positive.
        floor: f64,
    },
}

impl PeptideRewardConfig {
    /// Exponent 1, floor 1e-8.
    pub const fn gates() -> Self {
        Self::Gates {
            exponent: 1.0,
            floor: 1e-8,
        }
    }
}

/// Gates on entropy, length and net charge of a chain, each a logistic function `σ`.
///
/// ```text
/// g(x) = σ(10·(H/log k − ½)) · σ((n − 10)/2) · σ(2·(q − 3/2)) · σ(2·(19/2 − q))
/// R(x) = g(x)^β + floor
/// ```
///
/// - `H`, the entropy of the letters of the chain, over that of a uniform choice of the `k` letters of the alphabet: closed for
///   chains that repeat a few letters
/// - `n`, the number of letters: closed below 10
/// - `q`, the net charge at pH 7: `K` and `R` count +1, `D` and `E` −1, the ends of the chain cancel, and `H`, mostly neutral
///   there, counts 0. Open from +2 to +9, the range of cationic host-defence peptides
///
/// `log R` is computed in logarithms and is finite for every chain and exponent.
///
/// # Examples
///
/// ```
/// use gfn_env::{Peptide, PeptideReward, PeptideRewardConfig};
///
/// let env = Peptide::standard();
/// let reward = PeptideReward::new(&env, PeptideRewardConfig::gates())?;
/// let magainin = env.chain("GIGKFLHSAKKFGKAFVGEIMNS")?;
/// let repeated = env.chain("KKKKKKKKKKKKKKKKKKKKKKK")?;
/// assert!(reward.log_reward_of(&magainin) > -0.2);
/// assert!(reward.log_reward_of(&repeated) < -15.0);
/// assert!((reward.log_partition() - 88.628_554).abs() < 1e-6);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
///
/// # References
///
/// Charge of host-defence peptides: Hancock and Sahl (2006), <https://doi.org/10.1038/nbt1267>.
#[derive(Clone, Copy, Debug)]
pub struct PeptideReward {
    environment: Peptide,
    config: PeptideRewardConfig,
}

impl PeptideReward {
    /// The reward of the chains of `environment`.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless the exponent is positive and finite, the floor finite and not negative, and
    /// the longest chain has at most 30 letters.
    pub fn new(
        environment: &Peptide,
        config: PeptideRewardConfig,
    ) -> Result<Self, EnvironmentError> {
        if environment.max_length() > MOST_SUMMED {
            return Err(EnvironmentError::invalid_parameter(
                "max_length",
                &environment.max_length(),
                "it must be at most 30 for the gates, whose sum over all chains is taken by composition",
            ));
        }
        let PeptideRewardConfig::Gates { exponent, floor } = config;
        if !(exponent.is_finite() && exponent > 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "exponent",
                &exponent,
                "it must be positive and finite",
            ));
        }
        if !(floor.is_finite() && floor >= 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "floor",
                &floor,
                "it must be finite and not negative",
            ));
        }
        Ok(Self {
            environment: *environment,
            config,
        })
    }

    /// The description this reward was made from.
    pub fn config(&self) -> PeptideRewardConfig {
        self.config
    }

    /// `log R` of a chain, stopped or not.
    pub fn log_reward_of(&self, state: &PeptideState) -> f64 {
        let mut counts = [0u32; 256];
        for letter in state.letters() {
            counts[usize::from(*letter)] += 1;
        }
        let count_log_count = counts.iter().map(|n| x_log_x(*n)).sum();
        let charge = state.letters().iter().map(|letter| charge(*letter)).sum();
        self.log_reward_from(state.length(), count_log_count, charge)
    }

    /// `log Z = log Σ_x R(x)`, exact: chains are summed by how often each letter occurs, not listed.
    ///
    /// It takes a second or more for chains of up to 30 letters; the caller keeps the answer.
    pub fn log_partition(&self) -> f64 {
        self.log_moments()[0]
    }

    /// `log Σ_x R(x)` and `log Σ_x R(x)²`, exact as [`log_partition`](Self::log_partition) is.
    ///
    /// The difference, second less first, is the logarithm of the mean reward of a perfect sampler.
    pub fn log_moments(&self) -> [f64; 2] {
        partition::log_moments(&self.environment, self)
    }

    /// `log R` of any chain of `length` letters with `Σ c log c = count_log_count` over the counts `c` of its letters, and net
    /// charge `charge`.
    pub(super) fn log_reward_from(&self, length: usize, count_log_count: f64, charge: i32) -> f64 {
        let n = length as f64;
        let q = f64::from(charge);
        // H = −Σ (c/n) log(c/n) = log n − Σ c log c / n; the empty chain has none.
        let entropy = if length == 0 {
            0.0
        } else {
            n.ln() - count_log_count / n
        };
        let share = entropy / (self.environment.alphabet().len() as f64).ln();
        let log_gates = log_sigmoid(10.0 * (share - 0.5))
            + log_sigmoid(0.5 * (n - 10.0))
            + log_sigmoid(2.0 * (q - 1.5))
            + log_sigmoid(2.0 * (9.5 - q));
        let PeptideRewardConfig::Gates { exponent, floor } = self.config;
        log_add_exp(exponent * log_gates, floor.ln())
    }
}

impl Reward<PeptideState> for PeptideReward {
    /// Chains that have not stopped have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[PeptideState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = if state.is_stopped() {
                self.log_reward_of(state)
            } else {
                f64::NAN
            };
        }
        Ok(())
    }
}

/// Charge of an amino acid at pH 7.
pub(super) fn charge(letter: u8) -> i32 {
    match letter {
        b'K' | b'R' => 1,
        b'D' | b'E' => -1,
        _ => 0,
    }
}

/// `n log n`, 0 at 0.
pub(super) fn x_log_x(n: u32) -> f64 {
    if n < 2 {
        0.0
    } else {
        f64::from(n) * f64::from(n).ln()
    }
}

/// `log(e^a + e^b)`; `a` is finite, `b` may be `−∞`.
pub(super) fn log_add_exp(a: f64, b: f64) -> f64 {
    a.max(b) + (-(a - b).abs()).exp().ln_1p()
}
