//! `[condition]`: what the reward depends on beside the object.

use anyhow::{Result, bail};
use gfn_env::ConditionSet;
use serde::{Deserialize, Serialize};

use super::{BackwardTrainingConfig, Experiment, ObjectiveConfig, PolicyConfig};
use crate::experiment::policy::ChildrenConfig;

/// What the reward depends on, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ConditionConfig {
    /// An inverse temperature `β`, drawn for each trajectory: the reward is `R(x)^β`.
    Temperature {
        /// The values, each drawn as often.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<Vec<f64>>,
        /// Or a range, drawn from uniformly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        range: Option<TemperatureRange>,
        /// Where the run is measured exactly; the values, or both ends of the range and its middle.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        measured: Option<Vec<f64>>,
        /// Widths of the hidden layers of the network for log Z.
        #[serde(default = "default_log_z_hidden")]
        log_z_hidden: Vec<usize>,
    },
}

/// Ends of a range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemperatureRange {
    /// The smallest.
    pub from: f64,
    /// The largest.
    pub to: f64,
}

fn default_log_z_hidden() -> Vec<usize> {
    vec![64]
}

impl ConditionConfig {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &["temperature"];

    /// The conditions that occur.
    ///
    /// # Errors
    ///
    /// Unless there are values or a range, and not both.
    pub(crate) fn set(&self) -> Result<ConditionSet> {
        let Self::Temperature { values, range, .. } = self;
        match (values, range) {
            (Some(values), None) => Ok(ConditionSet::Values(values.clone())),
            (None, Some(TemperatureRange { from, to })) => Ok(ConditionSet::Range {
                from: *from,
                to: *to,
            }),
            _ => bail!("a temperature has either `values` or a `range`: give one of them"),
        }
    }

    /// The conditions at which the run is measured.
    pub(crate) fn measured(&self) -> Vec<f64> {
        let Self::Temperature {
            values,
            range,
            measured,
            ..
        } = self;
        let of_range = range.map(|TemperatureRange { from, to }| vec![from, 0.5 * (from + to), to]);
        let default = values.clone().or(of_range).unwrap_or_default();
        measured.clone().unwrap_or(default)
    }

    /// Widths of the hidden layers of the network for log Z.
    pub(crate) fn log_z_hidden(&self) -> &[usize] {
        let Self::Temperature { log_z_hidden, .. } = self;
        log_z_hidden
    }

    /// Checks it by itself and against the rest of `experiment`.
    pub(super) fn validate(&self, experiment: &Experiment) -> Result<()> {
        let in_set: Vec<f64> = match self.set()? {
            ConditionSet::Values(values) => values,
            ConditionSet::Range { from, to } => vec![from, to],
            _ => Vec::new(),
        };
        for value in in_set.iter().chain(&self.measured()) {
            if !(*value >= 0.0 && value.is_finite()) {
                bail!("{value}: an inverse temperature is finite and not negative");
            }
        }
        if self.measured().is_empty() {
            bail!(
                "`measured` is empty: name at least one inverse temperature, or leave the key out"
            );
        }
        if self.log_z_hidden().contains(&0) {
            bail!(
                "log_z_hidden = {:?}: a layer has at least one unit",
                self.log_z_hidden()
            );
        }
        self.suits_objective(&experiment.objective)?;
        suits_policy(&experiment.policy)?;
        match experiment.backward_training {
            BackwardTrainingConfig::WithObjective
            | BackwardTrainingConfig::TrajectoryLikelihood { .. } => {}
            _ => bail!(
                "backward_training keeps trajectories or counts paths of one graph, and each condition has its own: use \
                 \"with-objective\" or \"trajectory-likelihood\""
            ),
        }
        if let Some(entry) = experiment.exploration.sources.first() {
            bail!(
                "sources of trajectories go on from one start, and each condition has its own: leave {} out of \
                 exploration.sources",
                entry.source.name()
            );
        }
        let best = experiment.evaluation.best.as_deref();
        let stopping = experiment.budget.early_stopping.as_ref();
        for metric in best.into_iter().chain(stopping.map(|s| s.metric.as_str())) {
            let unmeasured = metric.starts_with("exact.") && metric != "exact.tv";
            if unmeasured || metric.starts_with("window.") {
                bail!(
                    "{metric} is not measured under conditions: use exact.tv, the largest of all"
                );
            }
        }
        Ok(())
    }

    fn suits_objective(&self, objective: &ObjectiveConfig) -> Result<()> {
        match objective {
            ObjectiveConfig::TrajectoryBalance {}
            | ObjectiveConfig::RelativeTrajectoryBalance { .. } => Ok(()),
            ObjectiveConfig::LogPartitionVariance {} => {
                let Self::Temperature { range, .. } = self;
                if range.is_some() {
                    bail!(
                        "log-partition-variance compares trajectories of one condition, and a `range` gives each its own: \
                         use `values`, or the objective trajectory-balance"
                    );
                }
                Ok(())
            }
            _ => bail!(
                "the objective has no log Z of a condition: use trajectory-balance, log-partition-variance or \
                 relative-trajectory-balance"
            ),
        }
    }
}

fn suits_policy(policy: &PolicyConfig) -> Result<()> {
    match policy {
        PolicyConfig::Mlp {
            children: ChildrenConfig::Separate,
            ..
        } => Ok(()),
        _ => {
            bail!("the policy cannot see a condition: use policy.kind = \"mlp\" without `children`")
        }
    }
}
