//! `[policy]`: networks and the source of P_B.

use super::EnvironmentConfig;
use crate::problem::{Problem, ProblemVisitor};
use anyhow::{Context as _, Result, bail};
use gfn_policy::{
    Attention, BackwardPolicy, EdgeFlowConfig, Kernels, MlpConfig, TransformerConfig, Trunk,
};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A policy by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PolicyConfig {
    /// [`gfn_policy::MlpPolicy`].
    Mlp {
        /// Widths of the hidden layers.
        #[serde(default = "default_hidden")]
        hidden: Vec<usize>,
        /// Shared or separate hidden layers.
        #[serde(default)]
        trunk: TrunkConfig,
        /// Uniform or learned P_B.
        #[serde(default)]
        backward: BackwardConfig,
        /// Whether a separate backward network starts with a uniform P_B.
        #[serde(default)]
        uniform_backward_start: bool,
        /// Initial log Z.
        #[serde(default)]
        log_z_init: LogZInit,
        /// Fused operations where the device has them, or the composed reference.
        #[serde(default)]
        kernels: Kernels,
        /// Whether actions to one child count as one.
        #[serde(default, skip_serializing_if = "ChildrenConfig::is_default")]
        children: ChildrenConfig,
    },
    /// [`gfn_policy::EdgeFlowPolicy`]: a scorer on pairs of states.
    EdgeFlow {
        /// Widths of the encoder's layers.
        #[serde(default = "default_layer")]
        hidden: Vec<usize>,
        /// Widths of the scorer's hidden layers.
        #[serde(default = "default_layer")]
        scorer_hidden: Vec<usize>,
        /// Uniform or learned P_B.
        #[serde(default)]
        backward: BackwardConfig,
        /// Whether a learned P_B starts uniform.
        #[serde(default)]
        uniform_backward_start: bool,
        /// Initial log Z.
        #[serde(default)]
        log_z_init: LogZInit,
        /// Fused operations where the device has them, or the composed reference.
        #[serde(default)]
        kernels: Kernels,
    },
    /// [`gfn_policy::TransformerPolicy`]: a token for each active feature.
    Transformer {
        /// Which tokens a token attends to.
        #[serde(default)]
        attention: AttentionConfig,
        /// Blocks.
        #[serde(default = "default_layers")]
        layers: usize,
        /// Heads of attention.
        #[serde(default = "default_heads")]
        heads: usize,
        /// Length of a token's vector.
        #[serde(default = "default_width")]
        width: usize,
        /// Hidden units of the feed-forward networks.
        #[serde(default = "default_feed_forward")]
        feed_forward: usize,
        /// One encoder, or one for each of P_F, P_B and log F.
        #[serde(default)]
        trunk: TrunkConfig,
        /// Uniform or learned P_B.
        #[serde(default)]
        backward: BackwardConfig,
        /// Initial log Z.
        #[serde(default)]
        log_z_init: LogZInit,
        /// Fused operations where the device has them, or the composed reference.
        #[serde(default)]
        kernels: Kernels,
    },
    /// [`gfn_policy::TabularPolicy`]: one row of logits for each state.
    Tabular {
        /// Uniform or learned P_B.
        #[serde(default)]
        backward: BackwardConfig,
        /// Initial log Z.
        #[serde(default)]
        log_z_init: LogZInit,
    },
}

/// Which tokens a token attends to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionConfig {
    /// All tokens of the state.
    #[default]
    Bidirectional,
    /// Itself and those before it.
    Causal,
}

/// What two actions to the same child are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChildrenConfig {
    /// Two edges.
    #[default]
    Separate,
    /// One edge, whose probability is the sum: [`gfn_policy::AggregatedPolicy`].
    Aggregated,
}

impl ChildrenConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where log Z starts: a number, or `"first-batch"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LogZInit {
    /// The number.
    Value(f32),
    /// The mean log-weight of the first batch, see [`gfn_train::Trainer::initialise_log_z`].
    FirstBatch,
}

impl LogZInit {
    /// The number that a policy is built with.
    fn start(self) -> f32 {
        match self {
            Self::Value(value) => value,
            Self::FirstBatch => 0.0,
        }
    }
}

impl Default for LogZInit {
    fn default() -> Self {
        Self::Value(0.0)
    }
}

const FIRST_BATCH: &str = "first-batch";

impl Serialize for LogZInit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => serializer.serialize_f32(*value),
            Self::FirstBatch => serializer.serialize_str(FIRST_BATCH),
        }
    }
}

impl<'de> Deserialize<'de> for LogZInit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrWord;
        impl Visitor<'_> for NumberOrWord {
            type Value = LogZInit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number or {FIRST_BATCH:?}")
            }
            fn visit_f64<E>(self, value: f64) -> Result<LogZInit, E> {
                Ok(LogZInit::Value(value as f32))
            }
            fn visit_i64<E>(self, value: i64) -> Result<LogZInit, E> {
                Ok(LogZInit::Value(value as f32))
            }
            fn visit_u64<E>(self, value: u64) -> Result<LogZInit, E> {
                Ok(LogZInit::Value(value as f32))
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<LogZInit, E> {
                // Both spellings of the word, as files of other programs have it.
                if word == FIRST_BATCH || word == "first_batch" {
                    Ok(LogZInit::FirstBatch)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(NumberOrWord)
    }
}

/// Whether heads share their hidden layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrunkConfig {
    /// One network.
    #[default]
    Shared,
    /// A network for each head.
    Separate,
}

/// Where P_B comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackwardConfig {
    /// Uniform over the parents.
    Uniform,
    /// Trained with the objective.
    #[default]
    Learned,
}

fn default_hidden() -> Vec<usize> {
    vec![256, 256]
}

fn default_layer() -> Vec<usize> {
    vec![128]
}

fn default_layers() -> usize {
    TransformerConfig::default().layers
}

fn default_heads() -> usize {
    TransformerConfig::default().heads
}

fn default_width() -> usize {
    TransformerConfig::default().width
}

fn default_feed_forward() -> usize {
    TransformerConfig::default().feed_forward
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self::Mlp {
            hidden: default_hidden(),
            trunk: TrunkConfig::default(),
            backward: BackwardConfig::default(),
            uniform_backward_start: false,
            log_z_init: LogZInit::default(),
            kernels: Kernels::default(),
            children: ChildrenConfig::default(),
        }
    }
}

impl From<BackwardConfig> for BackwardPolicy {
    fn from(config: BackwardConfig) -> Self {
        match config {
            BackwardConfig::Uniform => Self::Uniform,
            BackwardConfig::Learned => Self::Learned,
        }
    }
}

impl From<TrunkConfig> for Trunk {
    fn from(config: TrunkConfig) -> Self {
        match config {
            TrunkConfig::Shared => Self::Shared,
            TrunkConfig::Separate => Self::Separate,
        }
    }
}

impl PolicyConfig {
    /// Whether there is a layer between the features and the outputs.
    pub(super) fn has_hidden_layer(&self) -> bool {
        matches!(self, Self::Mlp { hidden, .. } if !hidden.is_empty())
    }

    /// Whether it has a forward-mode pass.
    pub(super) fn has_tangent(&self) -> bool {
        match self {
            Self::Mlp { children, .. } => *children == ChildrenConfig::Separate,
            Self::Tabular { .. } => true,
            Self::EdgeFlow { .. } | Self::Transformer { .. } => false,
        }
    }

    /// The perceptron's shape, or `None` for another policy.
    pub fn mlp(&self) -> Option<MlpConfig> {
        let Self::Mlp {
            hidden,
            trunk,
            backward,
            uniform_backward_start,
            log_z_init,
            kernels,
            children: _,
        } = self
        else {
            return None;
        };
        Some(MlpConfig {
            hidden: hidden.clone(),
            trunk: (*trunk).into(),
            backward: (*backward).into(),
            uniform_backward_start: *uniform_backward_start,
            log_z_init: log_z_init.start(),
            kernels: *kernels,
        })
    }

    /// The shape of edge flows, or `None` for another policy.
    pub fn edge_flow(&self) -> Option<EdgeFlowConfig> {
        let Self::EdgeFlow {
            hidden,
            scorer_hidden,
            backward,
            uniform_backward_start,
            log_z_init,
            kernels,
        } = self
        else {
            return None;
        };
        Some(EdgeFlowConfig {
            hidden: hidden.clone(),
            scorer_hidden: scorer_hidden.clone(),
            backward: (*backward).into(),
            uniform_backward_start: *uniform_backward_start,
            log_z_init: log_z_init.start(),
            kernels: *kernels,
        })
    }

    /// Whether the policy can read the states of an environment.
    pub(super) fn check(&self, environment: &EnvironmentConfig) -> Result<()> {
        match self.transformer() {
            Some(config) => environment.visit(Reads(config))?.context("at `policy`"),
            None => Ok(()),
        }
    }

    /// The Transformer's shape, or `None` for another policy.
    pub fn transformer(&self) -> Option<TransformerConfig> {
        let Self::Transformer {
            attention,
            layers,
            heads,
            width,
            feed_forward,
            trunk,
            backward,
            log_z_init,
            kernels,
        } = self
        else {
            return None;
        };
        Some(TransformerConfig {
            attention: match attention {
                AttentionConfig::Bidirectional => Attention::Bidirectional,
                AttentionConfig::Causal => Attention::Causal,
            },
            layers: *layers,
            heads: *heads,
            width: *width,
            feed_forward: *feed_forward,
            trunk: (*trunk).into(),
            backward: (*backward).into(),
            log_z_init: log_z_init.start(),
            kernels: *kernels,
        })
    }

    /// Where P_B comes from.
    pub fn backward(&self) -> BackwardPolicy {
        match self {
            Self::Mlp { backward, .. }
            | Self::EdgeFlow { backward, .. }
            | Self::Transformer { backward, .. }
            | Self::Tabular { backward, .. } => (*backward).into(),
        }
    }

    /// Where log Z starts.
    pub fn log_z_init(&self) -> LogZInit {
        match self {
            Self::Mlp { log_z_init, .. }
            | Self::EdgeFlow { log_z_init, .. }
            | Self::Transformer { log_z_init, .. }
            | Self::Tabular { log_z_init, .. } => *log_z_init,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        if let Self::Mlp { hidden, .. } = self
            && hidden.contains(&0)
        {
            bail!("hidden = {hidden:?}: a layer has at least one unit");
        }
        if let Self::EdgeFlow {
            hidden,
            scorer_hidden,
            ..
        } = self
        {
            if hidden.is_empty() {
                bail!("hidden = []: the encoder of edge flows has at least one layer");
            }
            if hidden.contains(&0) || scorer_hidden.contains(&0) {
                bail!(
                    "hidden = {hidden:?}, scorer_hidden = {scorer_hidden:?}: a layer has at least one unit"
                );
            }
        }
        if let Some(config) = self.transformer() {
            config.check_shape()?;
        }
        if let LogZInit::Value(value) = self.log_z_init()
            && !value.is_finite()
        {
            bail!("log_z_init = {value} must be finite");
        }
        Ok(())
    }
}

/// Builds a problem to see whether a Transformer can read its states.
struct Reads(TransformerConfig);

impl ProblemVisitor for Reads {
    type Output = Result<()>;

    fn visit<P: Problem>(self, problem: P) -> Result<()> {
        Ok(self.0.check(problem.environment())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_z_starts_at_a_number_or_with_the_first_batch() {
        let read = |text: &str| {
            toml::from_str::<PolicyConfig>(&format!("kind = \"tabular\"\nlog_z_init = {text}"))
        };
        for (text, expected) in [
            ("2", LogZInit::Value(2.0)),
            ("-1.5", LogZInit::Value(-1.5)),
            ("\"first-batch\"", LogZInit::FirstBatch),
            ("\"first_batch\"", LogZInit::FirstBatch),
        ] {
            let policy = read(text).unwrap();
            assert_eq!(policy.log_z_init(), expected);
            let again = toml::from_str(&toml::to_string(&policy).unwrap());
            assert_eq!(again, Ok(policy));
        }
        for wrong in ["\"last-batch\"", "true", "[1]"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("a number or \"first-batch\""), "{error}");
        }
        assert!(read("inf").unwrap().validate().is_err());
    }
}
