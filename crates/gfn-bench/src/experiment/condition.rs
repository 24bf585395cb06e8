//! `[condition]`: what the reward depends on beside the object.

use crate::problem::{ConditionalProblem, Problem};
use anyhow::{Result, bail};
use gfn_env::{ConditionSet, PreferenceReward, check_preference};
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
    /// Weights `w` of several objectives, drawn for each trajectory: the reward is `(Σ_k w_k·R_k(x))^exponent`.
    Preference {
        /// The weights, each list drawn as often.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<Vec<Vec<f64>>>,
        /// Or the concentration of the Dirichlet distribution that they are drawn from, the same for each objective.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        concentration: Option<f64>,
        /// Power of the weighted sum.
        #[serde(default = "default_exponent")]
        exponent: f64,
        /// Where the run is measured exactly; the values, or each objective by itself and equal weights.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        measured: Option<Vec<Vec<f64>>>,
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

fn default_exponent() -> f64 {
    1.0
}

impl ConditionConfig {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &["temperature", "preference"];

    /// `problem` under the conditions.
    ///
    /// # Errors
    ///
    /// If the conditions contradict themselves, or the problem has no objectives that they could weigh.
    pub(crate) fn problem<P: Problem>(&self, problem: P) -> Result<ConditionalProblem<P>> {
        match self {
            Self::Temperature {
                values,
                range,
                measured,
                ..
            } => {
                let (set, default) = temperatures(values.as_deref(), *range)?;
                let measured = measured.as_ref().unwrap_or(&default);
                check_temperatures(&set, measured)?;
                Ok(ConditionalProblem::tempered(problem, set, measured)?)
            }
            Self::Preference {
                values,
                concentration,
                exponent,
                measured,
                ..
            } => {
                let Some(objectives) = problem.objectives() else {
                    bail!(
                        "the environment has one objective and a preference weighs several: use environment.kind = \
                         \"multi-objective-grid\" with at least two `objectives`, or kind = \"temperature\" here"
                    );
                };
                let n = objectives.n_objectives();
                let (set, default) = preferences(values.as_deref(), *concentration, n)?;
                let measured = measured.as_ref().unwrap_or(&default);
                check_preferences("measured", measured, n)?;
                let reward = PreferenceReward::new(objectives, *exponent)?;
                Ok(ConditionalProblem::preference(
                    problem, set, reward, measured,
                )?)
            }
        }
    }

    /// Widths of the hidden layers of the network for log Z.
    pub(crate) fn log_z_hidden(&self) -> &[usize] {
        match self {
            Self::Temperature { log_z_hidden, .. } | Self::Preference { log_z_hidden, .. } => {
                log_z_hidden
            }
        }
    }

    /// The key that gives each trajectory a condition of its own.
    fn continuous(&self) -> Option<&'static str> {
        match self {
            Self::Temperature { range, .. } => range.map(|_| "range"),
            Self::Preference { concentration, .. } => concentration.map(|_| "concentration"),
        }
    }

    /// Checks it against the rest of `experiment`; [`problem`](Self::problem) checks it against the problem.
    pub(super) fn validate(&self, experiment: &Experiment) -> Result<()> {
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
            ObjectiveConfig::LogPartitionVariance {} => match self.continuous() {
                Some(key) => bail!(
                    "log-partition-variance compares trajectories of one condition, and `{key}` gives each its own: use \
                     `values`, or the objective trajectory-balance"
                ),
                None => Ok(()),
            },
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

/// Which temperatures occur, and where they are measured where nothing else is said.
fn temperatures(
    values: Option<&[f64]>,
    range: Option<TemperatureRange>,
) -> Result<(ConditionSet, Vec<f64>)> {
    match (values, range) {
        (Some(values), None) => Ok((ConditionSet::Values(values.to_vec()), values.to_vec())),
        (None, Some(TemperatureRange { from, to })) => Ok((
            ConditionSet::Range { from, to },
            vec![from, 0.5 * (from + to), to],
        )),
        _ => bail!("a temperature has either `values` or a `range`: give one of them"),
    }
}

fn check_temperatures(set: &ConditionSet, measured: &[f64]) -> Result<()> {
    let in_set = match set {
        ConditionSet::Values(values) => values.clone(),
        ConditionSet::Range { from, to } => vec![*from, *to],
        _ => Vec::new(),
    };
    for value in in_set.iter().chain(measured) {
        if !(*value >= 0.0 && value.is_finite()) {
            bail!("{value}: an inverse temperature is finite and not negative");
        }
    }
    if measured.is_empty() {
        bail!("`measured` is empty: name at least one inverse temperature, or leave the key out");
    }
    Ok(())
}

/// Which preferences between `n` objectives occur, and where they are measured where nothing else is said.
fn preferences(
    values: Option<&[Vec<f64>]>,
    concentration: Option<f64>,
    n: usize,
) -> Result<(ConditionSet, Vec<Vec<f64>>)> {
    match (values, concentration) {
        (Some(values), None) => {
            check_preferences("values", values, n)?;
            Ok((ConditionSet::Vectors(values.to_vec()), values.to_vec()))
        }
        (None, Some(concentration)) => {
            let corner = |k: usize| (0..n).map(|i| f64::from(u8::from(i == k))).collect();
            let mut measured: Vec<Vec<f64>> = (0..n).map(corner).collect();
            measured.push(vec![1.0 / n as f64; n]);
            let concentration = vec![concentration; n];
            Ok((ConditionSet::Simplex { concentration }, measured))
        }
        _ => bail!("a preference has either `values` or a `concentration`: give one of them"),
    }
}

fn check_preferences(key: &'static str, preferences: &[Vec<f64>], n: usize) -> Result<()> {
    if preferences.is_empty() {
        bail!(
            "`{key}` is empty: name the weights of at least one preference, or leave the key out"
        );
    }
    for weights in preferences {
        check_preference(key, weights, n)?;
    }
    Ok(())
}
