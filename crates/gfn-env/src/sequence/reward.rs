//! Rewards of sequences: [`SequenceReward`].

use super::{Sequence, SequenceState};
use crate::normal::standard_normals;
use crate::{
    Environment as _, EnvironmentError, PartialEnergy, Reward, RewardError, log_partition,
};

/// Where the log-weights of `log R(x) = Σ_i w[i][x_i]` are from, one for each position and letter.
///
/// `z`, `f` and `g` are standard normal draws from the stream `(Problem, 0, 0)` of `seed`.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "additive-normal"`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum SequenceRewardConfig {
    /// A table.
    Additive {
        /// `w[i][b]`: a row of `D` for each of `L` positions.
        log_weights: Vec<Vec<f64>>,
    },
    /// `w[i][b] = scale·z[i][b]`, drawn position by position: letters are worth different things at different places.
    AdditiveNormal {
        /// Standard deviation of the log-weights.
        scale: f64,
        /// Seed of the draws.
        #[cfg_attr(feature = "serde", serde(default))]
        seed: u64,
    },
    /// `w[i][b] = scale·g[i]·f[b]`, the `D` values `f` drawn first: every position ranks the letters alike or the other
    /// way round.
    SeparableNormal {
        /// Factor of the products.
        scale: f64,
        /// Seed of the draws.
        #[cfg_attr(feature = "serde", serde(default))]
        seed: u64,
    },
}

/// The reward of a string, `R(x) = Π_i e^{w[i][x_i]}`.
///
/// # Examples
///
/// ```
/// use gfn_env::sequence::SequenceRewardConfig;
/// use gfn_env::{Sequence, SequenceReward};
///
/// let env = Sequence::new(2, 2)?;
/// let log_weights = vec![vec![1f64.ln(), 2f64.ln()], vec![3f64.ln(), 4f64.ln()]];
/// let reward = SequenceReward::new(&env, SequenceRewardConfig::Additive { log_weights })?;
/// // (1 + 2)·(3 + 4)
/// assert!((reward.log_partition() - 21f64.ln()).abs() < 1e-12);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SequenceReward {
    env: Sequence,
    log_weights: Vec<Vec<f64>>,
}

impl SequenceReward {
    /// The reward that `config` describes, for strings of `env`.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless the table has `L` rows of `D` finite log-weights, or the scale is
    /// finite and not negative.
    pub fn new(env: &Sequence, config: SequenceRewardConfig) -> Result<Self, EnvironmentError> {
        let (length, n_letters) = (env.length(), env.n_letters());
        let log_weights = match config {
            SequenceRewardConfig::Additive { log_weights } => {
                let whole =
                    |row: &Vec<f64>| row.len() == n_letters && row.iter().all(|w| w.is_finite());
                if log_weights.len() != length || !log_weights.iter().all(whole) {
                    return Err(EnvironmentError::invalid_parameter(
                        "log_weights",
                        &log_weights,
                        "there must be a row for each position, each of one finite number for each letter",
                    ));
                }
                log_weights
            }
            SequenceRewardConfig::AdditiveNormal { scale, seed } => {
                let mut draws = standard_normals(scale, seed)?;
                let mut row = || (0..n_letters).map(|_| scale * draws()).collect();
                (0..length).map(|_| row()).collect()
            }
            SequenceRewardConfig::SeparableNormal { scale, seed } => {
                let mut draws = standard_normals(scale, seed)?;
                let letters: Vec<f64> = (0..n_letters).map(|_| draws()).collect();
                let row = |g: f64| letters.iter().map(|f| scale * g * f).collect();
                (0..length).map(|_| row(draws())).collect()
            }
        };
        Ok(Self {
            env: *env,
            log_weights,
        })
    }

    /// `w[i][b]` of letter `b` at position `i`, `L` rows of `D`.
    pub fn log_weights(&self) -> &[Vec<f64>] {
        &self.log_weights
    }

    /// `log Z` in closed form, without enumeration: `Σ_i log Σ_b e^{w[i][b]}`.
    pub fn log_partition(&self) -> f64 {
        self.log_weights.iter().map(|row| log_partition(row)).sum()
    }

    fn log_weight(&self, state: &SequenceState) -> f64 {
        let letters = state.placed();
        letters
            .map(|(i, b)| self.log_weights[i][usize::from(b)])
            .sum()
    }
}

impl Reward<SequenceState> for SequenceReward {
    /// Strings that are not complete have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[SequenceState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            let terminal = self.env.is_terminal(state);
            *o = if terminal {
                self.log_weight(state)
            } else {
                f64::NAN
            };
        }
        Ok(())
    }
}

/// The energy of the letters that are there, `E(s) = −Σ_i w[i][s_i]`; 0 at the source.
impl PartialEnergy<SequenceState> for SequenceReward {
    fn energy(&self, states: &[SequenceState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in states.iter().zip(out) {
            *o = -self.log_weight(state);
        }
        Ok(())
    }
}
