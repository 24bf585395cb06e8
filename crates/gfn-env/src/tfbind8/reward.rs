//! Rewards of TFBind8: [`TfBind8Reward`].

use super::{TfBind8State, table};
use crate::{EnvironmentError, Reward, RewardError};

/// How the activity `y` becomes a reward. The papers differ in where the floor is, which gives different `Z`.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "floor-after-power"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum TfBind8RewardConfig {
    /// `R = max(scale·y^exponent, floor)`. Shen et al. (2023), <https://arxiv.org/abs/2305.07170>: 3, 10, 1e-3.
    FloorAfterPower {
        /// Power of the activity.
        exponent: f64,
        /// Factor of the power.
        scale: f64,
        /// Smallest reward.
        floor: f64,
    },
    /// `R = scale·max(y, floor)^exponent`. Niu et al. (2024), <https://arxiv.org/abs/2408.05885>: 3, 10, 1e-3.
    FloorBeforePower {
        /// Power of the activity.
        exponent: f64,
        /// Factor of the power.
        scale: f64,
        /// Smallest activity.
        floor: f64,
    },
}

impl TfBind8RewardConfig {
    /// Exponent 3, scale 10, floor 1e-3 on the reward.
    pub const fn floor_after_power() -> Self {
        Self::FloorAfterPower {
            exponent: 3.0,
            scale: 10.0,
            floor: 1e-3,
        }
    }

    /// Exponent 3, scale 10, floor 1e-3 on the activity.
    pub const fn floor_before_power() -> Self {
        Self::FloorBeforePower {
            exponent: 3.0,
            scale: 10.0,
            floor: 1e-3,
        }
    }
}

/// The reward of a word, a table of 65,536 logarithms.
///
/// # Examples
///
/// ```
/// use gfn_env::exact::log_partition;
/// use gfn_env::{TfBind8Reward, TfBind8RewardConfig};
///
/// let reward = TfBind8Reward::new(TfBind8RewardConfig::floor_after_power())?;
/// assert!((log_partition(reward.table()) - 11.462147).abs() < 1e-6);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TfBind8Reward {
    config: TfBind8RewardConfig,
    log_rewards: Vec<f64>,
}

impl TfBind8Reward {
    /// The reward that `config` describes.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless the exponent, the scale and the floor are positive and finite.
    pub fn new(config: TfBind8RewardConfig) -> Result<Self, EnvironmentError> {
        let (TfBind8RewardConfig::FloorAfterPower {
            exponent,
            scale,
            floor,
        }
        | TfBind8RewardConfig::FloorBeforePower {
            exponent,
            scale,
            floor,
        }) = config;
        for (name, value) in [("exponent", exponent), ("scale", scale), ("floor", floor)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(EnvironmentError::invalid_parameter(
                    name,
                    &value,
                    "it must be positive and finite",
                ));
            }
        }
        let log_reward = |y: &f64| match config {
            TfBind8RewardConfig::FloorAfterPower { .. } => {
                (scale * y.powf(exponent)).max(floor).ln()
            }
            TfBind8RewardConfig::FloorBeforePower { .. } => {
                scale.ln() + exponent * y.max(floor).ln()
            }
        };
        Ok(Self {
            config,
            log_rewards: table::activities().iter().map(log_reward).collect(),
        })
    }

    /// The description this reward was made from.
    pub fn config(&self) -> TfBind8RewardConfig {
        self.config
    }

    /// Natural-log reward of each word, in lexicographic order, `[65536]`.
    pub fn table(&self) -> &[f64] {
        &self.log_rewards
    }
}

impl Reward<TfBind8State> for TfBind8Reward {
    /// Words of less than eight letters have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[TfBind8State], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = state.index().map_or(f64::NAN, |i| self.log_rewards[i]);
        }
        Ok(())
    }
}
