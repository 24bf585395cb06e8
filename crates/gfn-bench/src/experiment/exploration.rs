//! `[exploration]`: where the trajectories of a batch come from.

use super::ObjectiveConfig;
use anyhow::{Context as _, Result, bail};
use gfn_explore::AuxiliaryReward;
use gfn_train::{AdamConfig, AuxiliaryConfig, RegressionConfig};
use serde::{Deserialize, Serialize};

/// The agent's own share of a batch, and those of sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplorationConfig {
    /// Share of the agent's own trajectories, with `behaviour`.
    #[serde(default = "one")]
    pub on_policy: f64,
    /// Where the others come from, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceShare>,
}

/// A source with its share of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceShare {
    /// The share.
    pub share: f64,
    /// The source.
    pub source: SourceConfig,
}

/// A source of trajectories by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SourceConfig {
    /// [`gfn_train::AuxiliaryAgent`].
    AuxiliaryAgent {
        /// What it is sent to look for.
        reward: AuxiliaryReward,
        /// Its objective.
        #[serde(default)]
        objective: AuxiliaryObjective,
        /// Trajectories that it is trained on; as many as the main batch has where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_size: Option<usize>,
        /// It is trained in every `period`-th iteration.
        #[serde(default = "one_iteration")]
        period: u64,
        /// Iterations after which it starts anew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reset_every: Option<u64>,
    },
}

/// The objective of an auxiliary agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuxiliaryObjective {
    /// Trajectory balance.
    #[default]
    TrajectoryBalance,
    /// That of the main agent.
    Main,
}

fn one() -> f64 {
    1.0
}

fn one_iteration() -> u64 {
    1
}

impl Default for ExplorationConfig {
    fn default() -> Self {
        Self {
            on_policy: 1.0,
            sources: Vec::new(),
        }
    }
}

/// By how much shares may miss their sum.
const ROUNDING: f64 = 1e-9;

impl ExplorationConfig {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn validate(&self, objective: &ObjectiveConfig, batch_size: usize) -> Result<()> {
        if !(0.0..=1.0).contains(&self.on_policy) {
            bail!("on_policy = {} must be in [0, 1]", self.on_policy);
        }
        let mut sum = self.on_policy;
        for (i, entry) in self.sources.iter().enumerate() {
            let share = entry.share;
            if !(share > 0.0 && share <= 1.0) {
                bail!("sources[{i}].share = {share} must be above 0 and at most 1");
            }
            sum += share;
        }
        if (sum - 1.0).abs() > ROUNDING {
            bail!(
                "on_policy and the shares of the sources sum to {sum}, not to 1: on_policy = {}",
                (1.0 - (sum - self.on_policy)).max(0.0)
            );
        }
        let on_policy_only = match objective {
            ObjectiveConfig::Divergence { .. } => Some("divergence"),
            ObjectiveConfig::MaximumLikelihood { .. } => Some("maximum-likelihood"),
            _ => None,
        };
        if let (Some(name), Some(entry)) = (on_policy_only, self.sources.first()) {
            bail!(
                "the objective `{name}` cannot take part of a batch from {}: leave the sources out, or choose an \
                 objective that learns from others, like `trajectory-balance`",
                entry.source.name()
            );
        }
        for (i, entry) in self.sources.iter().enumerate() {
            let place = || format!("sources[{i}].source");
            entry
                .source
                .validate(objective, batch_size)
                .with_context(place)?;
        }
        Ok(())
    }
}

impl SourceConfig {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &["auxiliary-agent"];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AuxiliaryAgent { .. } => "auxiliary-agent",
        }
    }

    /// The configuration of an auxiliary agent beside a main agent with these.
    pub(crate) fn auxiliary(
        &self,
        batch_size: usize,
        regression: RegressionConfig,
        optimiser: AdamConfig,
    ) -> AuxiliaryConfig {
        match self {
            Self::AuxiliaryAgent {
                reward,
                objective: _,
                batch_size: own,
                period,
                reset_every,
            } => AuxiliaryConfig {
                reward: reward.clone(),
                batch_size: own.unwrap_or(batch_size),
                regression,
                optimiser,
                period: *period,
                reset_every: *reset_every,
            },
        }
    }

    fn validate(&self, main: &ObjectiveConfig, batch_size: usize) -> Result<()> {
        let Self::AuxiliaryAgent {
            reward, objective, ..
        } = self;
        let (regression, optimiser) = (RegressionConfig::default(), AdamConfig::default());
        self.auxiliary(batch_size, regression, optimiser)
            .validate()?;
        let is_balance = matches!(
            main,
            ObjectiveConfig::TrajectoryBalance {}
                | ObjectiveConfig::LogPartitionVariance {}
                | ObjectiveConfig::DetailedBalance { .. }
                | ObjectiveConfig::SubTrajectoryBalance { .. }
        );
        if *objective == AuxiliaryObjective::Main && !is_balance {
            bail!(
                "objective = \"main\" needs a main objective that asks for nothing beside transitions \
                 (trajectory-balance, log-partition-variance, detailed-balance, sub-trajectory-balance): use \
                 objective = \"trajectory-balance\""
            );
        }
        if matches!(reward, AuxiliaryReward::AdaptiveTeacher { .. })
            && matches!(main, ObjectiveConfig::FlowMatching { .. })
        {
            bail!(
                "reward: `adaptive-teacher` needs log-probabilities, which the objective `flow-matching` does not have: \
                 use the reward `loss-guided`"
            );
        }
        Ok(())
    }
}
