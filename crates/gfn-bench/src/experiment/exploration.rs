//! `[exploration]`: where the trajectories of a batch come from.

use super::ObjectiveConfig;
use anyhow::{Context as _, Result, bail};
use gfn_env::Environment;
use gfn_explore::{AuxiliaryReward, LocalSearchConfig, McmcConfig, ReplayConfig, Stored};
use gfn_train::{AdamConfig, AuxiliaryConfig, RegressionConfig, ThompsonConfig};
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
    /// [`gfn_train::ThompsonSampling`].
    Thompson {
        /// Heads of the ensemble.
        #[serde(default = "ten_heads")]
        heads: usize,
        /// Probability with which a head is trained on a trajectory.
        #[serde(default = "half")]
        mask_probability: f64,
        /// Factor of the fixed random logits of each head.
        #[serde(default = "one")]
        prior_scale: f64,
        /// Widths of the hidden layers of the perceptrons that give them.
        #[serde(default = "prior_hidden")]
        prior_hidden: Vec<usize>,
    },
    /// [`gfn_explore::Replay`].
    Replay(ReplayConfig),
    /// [`gfn_explore::LocalSearch`].
    LocalSearch(LocalSearchConfig),
    /// [`gfn_explore::Mcmc`].
    Mcmc(McmcConfig),
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

fn half() -> f64 {
    ThompsonConfig::default().mask_probability
}

fn ten_heads() -> usize {
    ThompsonConfig::default().heads
}

fn prior_hidden() -> Vec<usize> {
    ThompsonConfig::default().prior_hidden
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
            ObjectiveConfig::MaximumLikelihood { .. } => Some("maximum-likelihood"),
            _ => objective.on_policy_only(),
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

impl ExplorationConfig {
    /// Checks that sources which go back can.
    pub(super) fn fits<E: Environment>(&self, environment: &E) -> Result<()> {
        if environment.n_backward_actions() > 0 {
            return Ok(());
        }
        match self.sources.iter().position(|s| s.source.goes_back()) {
            Some(i) => bail!(
                "sources[{i}].source: `{}` goes back from objects, and this environment has no backward actions: \
                 replay `stored = \"trajectories\"`, or leave the source out",
                self.sources[i].source.name()
            ),
            None => Ok(()),
        }
    }
}

impl SourceConfig {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &[
        "auxiliary-agent",
        "thompson",
        "replay",
        "local-search",
        "mcmc",
    ];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AuxiliaryAgent { .. } => "auxiliary-agent",
            Self::Thompson { .. } => "thompson",
            Self::Replay(_) => "replay",
            Self::LocalSearch(_) => "local-search",
            Self::Mcmc(_) => "mcmc",
        }
    }

    /// Whether it goes back from objects.
    fn goes_back(&self) -> bool {
        match self {
            Self::AuxiliaryAgent { .. } | Self::Thompson { .. } => false,
            Self::Replay(config) => config.stored == Stored::Terminals,
            Self::LocalSearch(_) | Self::Mcmc(_) => true,
        }
    }

    /// The configuration of an auxiliary agent beside a main agent with these; none for another source.
    pub(crate) fn auxiliary(
        &self,
        batch_size: usize,
        regression: RegressionConfig,
        optimiser: AdamConfig,
    ) -> Option<AuxiliaryConfig> {
        match self {
            Self::AuxiliaryAgent {
                reward,
                objective: _,
                batch_size: own,
                period,
                reset_every,
            } => Some(AuxiliaryConfig {
                reward: reward.clone(),
                batch_size: own.unwrap_or(batch_size),
                regression,
                optimiser,
                period: *period,
                reset_every: *reset_every,
            }),
            Self::Thompson { .. } | Self::Replay(_) | Self::LocalSearch(_) | Self::Mcmc(_) => None,
        }
    }

    /// The configuration of an ensemble beside a main agent with these; none for another source.
    pub(crate) fn thompson(
        &self,
        regression: RegressionConfig,
        optimiser: AdamConfig,
    ) -> Option<ThompsonConfig> {
        match self {
            Self::Thompson {
                heads,
                mask_probability,
                prior_scale,
                prior_hidden,
            } => Some(ThompsonConfig {
                heads: *heads,
                mask_probability: *mask_probability,
                prior_scale: *prior_scale,
                prior_hidden: prior_hidden.clone(),
                regression,
                optimiser,
            }),
            _ => None,
        }
    }

    fn validate(&self, main: &ObjectiveConfig, batch_size: usize) -> Result<()> {
        let (reward, objective) = match self {
            Self::AuxiliaryAgent {
                reward, objective, ..
            } => (reward, objective),
            Self::Thompson { .. } => {
                let (regression, optimiser) = (RegressionConfig::default(), AdamConfig::default());
                return match self.thompson(regression, optimiser) {
                    Some(config) => Ok(config.validate()?),
                    None => Ok(()),
                };
            }
            Self::Replay(config) => return Ok(config.validate()?),
            Self::LocalSearch(config) => return Ok(config.validate()?),
            Self::Mcmc(config) => return Ok(config.validate()?),
        };
        let (regression, optimiser) = (RegressionConfig::default(), AdamConfig::default());
        if let Some(config) = self.auxiliary(batch_size, regression, optimiser) {
            config.validate()?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::{Action, BackwardAction, EnvironmentError, FeatureRow};

    /// One step to one of two objects, and no way back.
    struct NoWayBack;

    impl Environment for NoWayBack {
        type State = u8;

        fn source(&self) -> u8 {
            0
        }
        fn n_actions(&self) -> usize {
            2
        }
        fn n_backward_actions(&self) -> usize {
            0
        }
        fn max_len(&self) -> usize {
            1
        }
        fn n_features(&self) -> usize {
            1
        }
        fn is_terminal(&self, state: &u8) -> bool {
            *state > 0
        }
        fn forward_mask(&self, state: &u8, allowed: &mut [bool]) {
            allowed.fill(*state == 0);
        }
        fn backward_mask(&self, _state: &u8, _allowed: &mut [bool]) {}
        fn step(&self, state: &mut u8, action: Action) -> Result<BackwardAction, EnvironmentError> {
            *state = action.0 as u8 + 1;
            Ok(BackwardAction(0))
        }
        fn step_back(
            &self,
            state: &mut u8,
            action: BackwardAction,
        ) -> Result<Action, EnvironmentError> {
            Err(EnvironmentError::invalid_backward_action(action, state))
        }
        fn encode(&self, _state: &u8, row: &mut FeatureRow<'_>) {
            row.one(0);
        }
    }

    fn sources(source: &str) -> ExplorationConfig {
        let text =
            format!("on_policy = 0.5\nsources = [{{ share = 0.5, source = {{ {source} }} }}]");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn sources_that_go_back_are_refused_where_there_is_no_way_back() {
        for source in [
            "kind = \"local-search\", rounds = 2, back_track = { kind = \"steps\", steps = 1 }",
            "kind = \"mcmc\", chains = 2, back_track = { kind = \"steps\", steps = 1 }",
            "kind = \"replay\", capacity = 20, priority = { kind = \"uniform\" }",
        ] {
            let config = sources(source);
            let error = config.fits(&NoWayBack).unwrap_err().to_string();
            assert!(error.contains("no backward actions"), "{error}");
            assert!(error.contains(config.sources[0].source.name()), "{error}");
            assert!(config.fits(&gfn_env::Hypergrid::new(2, 3).unwrap()).is_ok());
        }
        let as_they_were = "kind = \"replay\", capacity = 20, stored = \"trajectories\", priority = { kind = \"uniform\" }";
        assert!(sources(as_they_were).fits(&NoWayBack).is_ok());
    }
}
