//! Rewards of sequences from a table: [`SequenceTableReward`].

use std::sync::Arc;

use super::{Sequence, SequenceState};
use crate::{
    Enumerable as _, Environment as _, EnvironmentError, Reward, RewardError, Table, TableError,
    log_partition,
};

/// Private index from a string to its natural-log reward.
#[expect(clippy::disallowed_types, reason = "a private index, never iterated")]
type Index = std::collections::HashMap<SequenceState, f64>;

/// `R = max(scale·v^exponent, floor)` of the value `v` in a table.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct RewardScale {
    /// Power of a value.
    pub exponent: f64,
    /// Factor after the power.
    pub scale: f64,
    /// Smallest reward; 0 for none. Values that are not positive need one.
    pub floor: f64,
}

impl Default for RewardScale {
    fn default() -> Self {
        Self {
            exponent: 1.0,
            scale: 1.0,
            floor: 0.0,
        }
    }
}

impl RewardScale {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless exponent and scale are positive and finite, and the floor finite and not
    /// negative.
    pub fn validate(&self) -> Result<(), EnvironmentError> {
        for (name, value) in [("exponent", self.exponent), ("scale", self.scale)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(EnvironmentError::invalid_parameter(
                    name,
                    &value,
                    "it must be positive and finite",
                ));
            }
        }
        if !(self.floor.is_finite() && self.floor >= 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "floor",
                &self.floor,
                "it must be finite and not negative",
            ));
        }
        Ok(())
    }

    /// Natural-log reward of the logarithm of a value; `-inf` for what is not positive and has no floor.
    pub fn log_reward(&self, log_value: f64) -> f64 {
        let scaled = self.scale.ln() + self.exponent * log_value;
        scaled.max(self.floor.ln())
    }
}

/// The reward of the strings in a table, and one for all others where there is one.
///
/// # Examples
///
/// ```
/// use gfn_env::sequence::{RewardScale, SequenceTableReward};
/// use gfn_env::{Sequence, Table};
///
/// let env = Sequence::new(2, 4)?.with_alphabet("ACGU")?;
/// let table = Table::parse("string,reward\nAC,2\nGU,5\n")?;
/// let reward = SequenceTableReward::new(&env, &table, RewardScale::default(), Some(0.5))?;
/// assert!((reward.log_power_sum(1.0).unwrap() - (2.0 + 5.0 + 14.0 * 0.5f64).ln()).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SequenceTableReward {
    env: Sequence,
    log_rewards: Arc<Index>,
    missing: Option<f64>,
}

impl SequenceTableReward {
    /// The rewards in the columns `string` and `reward`, or `log_reward` for natural logarithms; strings that are not listed
    /// have the reward `missing`.
    ///
    /// # Errors
    ///
    /// [`TableError`] for a missing column, text that is no string of `env`, a string that stands twice, a value that is no
    /// number or has no positive reward, strings that are missing where there is no reward for them, and a `missing` that is not
    /// positive and finite.
    pub fn new(
        env: &Sequence,
        table: &Table,
        scale: RewardScale,
        missing: Option<f64>,
    ) -> Result<Self, TableError> {
        let strings = table.column("string")?;
        let (values, logarithms) = match table.column("log_reward") {
            Ok(column) => (column, true),
            Err(_no_logarithms) => (table.column("reward")?, false),
        };
        let wrong = |problem: String| TableError::Column {
            column: "string".to_owned(),
            problem,
        };
        if let Some(reward) = missing.filter(|r| !(r.is_finite() && *r > 0.0)) {
            return Err(wrong(format!(
                "the reward of strings that are missing is {reward}, but it must be positive and finite"
            )));
        }
        let mut log_rewards = Index::with_capacity(table.n_rows());
        for row in 0..table.n_rows() {
            let Some(string) = env.parse(table.field(row, strings)) else {
                let length = env.length();
                let requirement = format!("it must have {length} characters of the alphabet");
                return Err(table.refuse(row, strings, requirement));
            };
            let value = table.number(row, values)?;
            let log_value = match (logarithms, value > 0.0) {
                (true, _) => value,
                (false, true) => value.ln(),
                (false, false) => f64::NEG_INFINITY,
            };
            let log_reward = scale.log_reward(log_value);
            if !log_reward.is_finite() {
                let requirement =
                    "its reward must be positive and finite: set a floor for values that are not";
                return Err(table.refuse(row, values, requirement));
            }
            if log_rewards.insert(string, log_reward).is_some() {
                return Err(table.refuse(row, strings, "it stands in an earlier line already"));
            }
        }
        if missing.is_none() && log_rewards.len() < env.n_terminal() {
            // There are no more rows than strings to look through before one is found.
            let absent = (0..env.n_terminal())
                .map(|i| env.terminal(i))
                .find(|x| !log_rewards.contains_key(x));
            let name = absent.map(|x| env.describe(&x)).unwrap_or_default();
            return Err(wrong(format!(
                "{} of {} strings are there, and {name} is not; add it, or set `missing` to the reward of those",
                log_rewards.len(),
                env.n_terminal()
            )));
        }
        Ok(Self {
            env: *env,
            log_rewards: Arc::new(log_rewards),
            missing: missing.map(f64::ln),
        })
    }

    /// `log Σ R^power` over all strings; `None` where these are more than a `usize` holds.
    pub fn log_power_sum(&self, power: f64) -> Option<f64> {
        let n = self.env.n_terminal();
        if n == usize::MAX {
            return None;
        }
        // Sorted, so that the sum does not depend on the order of the index.
        let mut logs: Vec<f64> = self.log_rewards.values().map(|l| power * l).collect();
        logs.sort_unstable_by(f64::total_cmp);
        let others = (n - logs.len()) as f64;
        if let Some(missing) = self.missing.filter(|_| others > 0.0) {
            logs.push(others.ln() + power * missing);
        }
        Some(log_partition(&logs))
    }
}

impl Reward<SequenceState> for SequenceTableReward {
    /// Strings that are not complete have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[SequenceState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = if self.env.is_terminal(state) {
                let known = self.log_rewards.get(state).copied();
                known.or(self.missing).unwrap_or(f64::NAN)
            } else {
                f64::NAN
            };
        }
        Ok(())
    }
}
