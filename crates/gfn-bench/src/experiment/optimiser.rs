//! `[optimiser]`: Adam or AdamW, its rates and clipping.

use gfn_explore::Schedule;
use gfn_train::{AdamConfig, WeightDecay};
use serde::{Deserialize, Serialize};

/// Adam's hyper-parameters; see [`AdamConfig`] for their meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimiserConfig {
    /// Rate of every parameter but log Z.
    pub learning_rate: Schedule,
    /// Rate of log Z.
    pub log_z_learning_rate: Schedule,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay, `{ kind = "decoupled", rate = 1e-5 }` for AdamW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<WeightDecay>,
    /// Largest global gradient norm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
}

impl Default for OptimiserConfig {
    fn default() -> Self {
        let AdamConfig {
            learning_rate,
            log_z_learning_rate,
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            clip_norm,
        } = AdamConfig::default();
        Self {
            learning_rate,
            log_z_learning_rate,
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            clip_norm,
        }
    }
}

impl OptimiserConfig {
    /// The optimiser's own configuration.
    pub fn adam(&self) -> AdamConfig {
        AdamConfig {
            learning_rate: self.learning_rate,
            log_z_learning_rate: self.log_z_learning_rate,
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
        }
    }
}
