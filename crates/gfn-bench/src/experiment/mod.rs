//! Experiment files: one TOML document that says everything a run depends on.
//!
//! ```toml
//! name = "hypergrid-8x8-tb"
//!
//! [environment]
//! kind = "hypergrid"
//! dimensions = 2
//! side = 8
//! reward = { kind = "original", r0 = 1e-3, r1 = 0.5, r2 = 2.0 }
//!
//! [objective]
//! kind = "trajectory-balance"
//!
//! [budget]
//! iterations = 1000
//! ```
//!
//! Unknown keys are refused and every error names its key.

mod backward;
mod budget;
mod condition;
mod energy_learning;
mod environment;
mod evaluation;
mod exploration;
mod listed_graph;
mod objective;
mod optimiser;
mod phylogeny;
mod policy;
mod sequence;
mod structure;

pub use backward::{BackwardTargetConfig, BackwardTrainingConfig};
pub use budget::{Budget, EarlyStopping};
pub use condition::{ConditionConfig, TemperatureRange};
pub use energy_learning::{EnergyDataConfig, LearnedEnergyConfig};
pub use environment::EnvironmentConfig;
pub use evaluation::{CorrelationConfig, EvaluationConfig};
pub use exploration::{AuxiliaryObjective, ExplorationConfig, SourceConfig, SourceShare};
pub use listed_graph::ListedGraphConfig;
pub use objective::{GuideConfig, ObjectiveConfig, ObjectsConfig, PriorConfig};
pub use optimiser::OptimiserConfig;
pub use phylogeny::AlignmentConfig;
pub use policy::{
    AttentionConfig, BackwardConfig, ChildrenConfig, LogZInit, PolicyConfig, TrunkConfig,
};
pub use sequence::SequenceRewardSource;
pub use structure::{StructureDataConfig, StructureScoreConfig};

use crate::device::DeviceSpec;
use crate::problem::{Problem, ProblemVisitor};
use anyhow::{Context as _, Result, bail};
use gfn_env::{Action, Environment, SubstructureGuideConfig};
use gfn_explore::BehaviourConfig;
use gfn_train::{PolicyUpdate, RegressionConfig, TrainerConfig};
use objective::Demands;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A run, fully described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Name of the run's folder and of its row in reports.
    pub name: String,
    /// One line for reports.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Seed of initial weights, rollouts and evaluation.
    #[serde(default)]
    pub seed: u64,
    /// Device by name, see [`DeviceSpec`].
    #[serde(default = "default_device")]
    pub device: String,
    /// Environment and reward.
    pub environment: EnvironmentConfig,
    /// Networks.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// Training objective.
    pub objective: ObjectiveConfig,
    /// The function applied to the residuals.
    #[serde(default)]
    pub regression: RegressionConfig,
    /// Factor on the loss, for parity with other code.
    #[serde(default = "one")]
    pub loss_scale: f64,
    /// Standard deviation of the noise on the log-rewards that training is given.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reward_noise: f64,
    /// The energy that is learned from data, and is the reward then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_learning: Option<LearnedEnergyConfig>,
    /// What the reward depends on beside the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionConfig>,
    /// How P_B is trained.
    #[serde(default)]
    pub backward_training: BackwardTrainingConfig,
    /// How the agent's own actions are chosen.
    #[serde(default)]
    pub behaviour: BehaviourConfig,
    /// Where the trajectories of a batch come from.
    #[serde(default, skip_serializing_if = "ExplorationConfig::is_default")]
    pub exploration: ExplorationConfig,
    /// Optimiser.
    #[serde(default)]
    pub optimiser: OptimiserConfig,
    /// How long to train.
    pub budget: Budget,
    /// What is measured, and when.
    #[serde(default)]
    pub evaluation: EvaluationConfig,
    /// What the run is expected to reach; reports give the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
}

/// A bound on a figure of the summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Name of the figure, for example `exact.tv`.
    pub metric: String,
    /// Largest acceptable median over seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// Smallest acceptable median over seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The published figure, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<f64>,
}

fn default_device() -> String {
    "flex".to_owned()
}

fn one() -> f64 {
    1.0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Experiment {
    /// Reads an experiment file and applies `key=value` overrides.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no TOML, or has an unknown, missing or wrong key; the message names file and key.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| {
                format!(
                    "cannot read experiment file {} (check the path; those of this project lie in experiments/)",
                    path.display()
                )
            })?;
        Self::parse(&text, overrides).with_context(|| format!("experiment file {}", path.display()))
    }

    /// Reads an experiment from TOML text and applies `key=value` overrides.
    ///
    /// # Errors
    ///
    /// As [`Experiment::load`].
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self> {
        let mut table: toml::Table = text.parse().context("not valid TOML")?;
        for assignment in overrides {
            set(&mut table, assignment)?;
        }
        let experiment: Self = serde_path_to_error::deserialize(toml::Value::Table(table))
            .map_err(|error| {
                let path = error.path().to_string();
                // Its text without the place, which the path names already.
                let message = error.into_inner().message().to_owned();
                anyhow::anyhow!("at `{path}`: {message}")
            })?;
        experiment.validate()?;
        Ok(experiment)
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    ///
    /// Names the key that is out of range.
    pub fn validate(&self) -> Result<()> {
        let name_ok = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(name_ok) || self.name.starts_with('.') {
            bail!(
                "at `name`: {:?} is not a folder name: use letters, digits, `-`, `_` and `.`",
                self.name
            );
        }
        if self.budget.iterations == 0 {
            bail!("at `budget.iterations`: must be at least 1");
        }
        if self.budget.batch_size == 0 || self.budget.batch_size > 1 << 16 {
            bail!("at `budget.batch_size`: must be between 1 and 65536");
        }
        if !(self.loss_scale > 0.0 && self.loss_scale.is_finite()) {
            bail!("at `loss_scale`: must be positive and finite");
        }
        self.device
            .parse::<DeviceSpec>()
            .map(drop)
            .context("at `device`")?;
        let demands = self.objective.demands();
        self.environment
            .visit(Meets(demands))?
            .context("at `objective`")?;
        self.regression.validate().context("at `regression`")?;
        self.behaviour.build().map(drop).context("at `behaviour`")?;
        self.objective.validate().context("at `objective`")?;
        self.exploration
            .validate(&self.objective, self.budget.batch_size)
            .context("at `exploration`")?;
        self.environment
            .visit(Fits(&self.exploration))?
            .context("at `exploration`")?;
        if let Some(objective) = self.objective.on_policy_only()
            && self.behaviour != (BehaviourConfig::OnPolicy {})
        {
            bail!(
                "at `behaviour`: the objective `{objective}` needs samples of the policy as it is: use \
                 behaviour = {{ kind = \"on-policy\" }}, or an objective that can learn from others"
            );
        }
        if let ObjectiveConfig::PolicyGradient { update, .. } = self.objective {
            if self.regression != RegressionConfig::default() {
                bail!(
                    "at `regression`: the objective `policy-gradient` has no residuals to apply it to: leave the table out"
                );
            }
            if matches!(update, PolicyUpdate::TrustRegion { .. }) && !self.policy.has_tangent() {
                bail!(
                    "at `objective.update`: a trust region needs a policy with a forward-mode pass: use policy.kind = \
                     \"mlp\" without aggregated children, or \"tabular\", or update = {{ kind = \"proximal-policy\" }}"
                );
            }
        }
        self.validate_noise().context("at `reward_noise`")?;
        if let Some(learned) = &self.energy_learning {
            let validated = learned.validate(self);
            validated
                .and_then(|()| self.environment.visit(Learns)?)
                .context("at `energy_learning`")?;
        }
        self.policy.validate().context("at `policy`")?;
        self.policy.check(&self.environment)?;
        if self.behaviour.needs_hidden_layer() && !self.policy.has_hidden_layer() {
            bail!(
                "at `behaviour`: `noisy-layers` needs a policy with a hidden layer: use policy.kind = \"mlp\" with at \
                 least one width in policy.hidden, or another behaviour"
            );
        }
        let demands = self.backward_training.demands();
        self.environment
            .visit(Meets(demands))?
            .context("at `backward_training`")?;
        self.backward_training
            .validate(&self.policy)
            .and_then(|()| self.backward_training.suits(&self.objective, &self.policy))
            .context("at `backward_training`")?;
        if let Some(condition) = &self.condition {
            self.environment
                .visit(UnderConditions(condition))?
                .context("at `condition`")?;
            condition.validate(self).context("at `condition`")?;
        }
        if let Some(objective) = self.objective.without_log_z()
            && self.policy.log_z_init() == LogZInit::FirstBatch
        {
            bail!(
                "at `policy.log_z_init`: \"first-batch\" sets log Z, but the objective {objective} trains none: leave \
                 the key out, or choose another objective"
            );
        }
        self.evaluation.validate().context("at `evaluation`")?;
        let groups = self.evaluation.gradient_groups;
        if groups == 1 || groups * self.budget.batch_size > 1 << 16 {
            bail!(
                "at `evaluation.gradient_groups`: {groups} must be 0, or at least 2 with at most 65536 trajectories in all"
            );
        }
        if let Some(stopping) = &self.budget.early_stopping {
            stopping
                .validate(&self.evaluation)
                .context("at `budget.early_stopping`")?;
        }
        gfn_train::Adam::new(self.optimiser.adam())
            .map(drop)
            .context("at `optimiser`")?;
        for expectation in &self.expect {
            if expectation.at_most.is_none() && expectation.at_least.is_none() {
                bail!(
                    "at `expect`: {} needs `at_most` or `at_least`",
                    expectation.metric
                );
            }
        }
        Ok(())
    }

    /// Checks that nothing beside the loss of the agent's own trajectories needs a reward.
    fn validate_noise(&self) -> Result<()> {
        if !(self.reward_noise >= 0.0 && self.reward_noise.is_finite()) {
            bail!("{} must be finite and not negative", self.reward_noise);
        }
        if self.reward_noise == 0.0 {
            return Ok(());
        }
        if let Some(entry) = self.exploration.sources.first() {
            bail!(
                "the rewards of trajectories from `{}` would be exact: leave `exploration` out, or the noise",
                entry.source.name()
            );
        }
        let demands = self.objective.demands();
        if demands.energies || demands.exits {
            bail!(
                "the objective reads rewards of states along the way, which would stay exact: use one that reads those of \
                 objects alone, such as trajectory-balance, or no noise"
            );
        }
        Ok(())
    }

    /// The trainer's part of the experiment.
    pub fn trainer(&self) -> TrainerConfig {
        TrainerConfig {
            batch_size: self.budget.batch_size,
            seed: self.seed,
            regression: self.regression.clone(),
            loss_scale: self.loss_scale,
            optimiser: self.optimiser.adam(),
            backward: self
                .backward_training
                .build(self.evaluation.exact_max_states),
        }
    }

    /// The experiment as TOML, every default written out.
    ///
    /// # Errors
    ///
    /// If a value has no TOML form (there is none today).
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("cannot write the experiment as TOML")
    }

    /// A hash of everything that decides a run's numbers, budget and device aside (64-bit FNV-1a, hexadecimal).
    ///
    /// A checkpoint continues the experiment with the same fingerprint; a longer budget continues a finished run.
    ///
    /// # Errors
    ///
    /// As [`Experiment::to_toml`].
    pub fn fingerprint(&self) -> Result<String> {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.neutral().to_toml()?.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        Ok(format!("{hash:016x}"))
    }

    /// The dotted keys in which two experiments with different fingerprints differ, with the values of `self` and `other`.
    ///
    /// # Errors
    ///
    /// As [`Experiment::to_toml`].
    pub fn differences(&self, other: &Self) -> Result<Vec<(String, String, String)>> {
        let flat = |experiment: &Self| -> Result<BTreeMap<String, String>> {
            let table = toml::Table::try_from(experiment.neutral())
                .context("cannot write the experiment as TOML")?;
            let mut entries = BTreeMap::new();
            flatten("", &toml::Value::Table(table), &mut entries);
            Ok(entries)
        };
        let (a, b) = (flat(self)?, flat(other)?);
        let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        let value = |entries: &BTreeMap<String, String>, key: &String| {
            entries.get(key).map_or("nothing", |v| v).to_owned()
        };
        Ok(keys
            .into_iter()
            .map(|key| (key.clone(), value(&a, key), value(&b, key)))
            .filter(|(_, a, b)| a != b)
            .collect())
    }

    /// The experiment without what does not decide its numbers.
    fn neutral(&self) -> Self {
        let mut neutral = self.clone();
        neutral.budget.iterations = 1;
        neutral.budget.early_stopping = None;
        neutral.device = String::new();
        neutral.title = String::new();
        neutral.expect = Vec::new();
        neutral
    }
}

/// Whether the sources fit the environment.
struct Fits<'a>(&'a ExplorationConfig);

impl ProblemVisitor for Fits<'_> {
    type Output = Result<()>;

    fn visit<P: Problem>(self, problem: P) -> Result<()> {
        self.0.fits(problem.environment())
    }
}

/// Builds a problem to see whether it can be built, and whether it has what the objective demands.
struct Meets(Demands);

impl ProblemVisitor for Meets {
    type Output = Result<()>;

    fn visit<P: Problem>(self, problem: P) -> Result<()> {
        let Self(demands) = self;
        if demands.energies && problem.energy().is_none() {
            bail!(
                "a forward-looking objective needs energies of partial objects, and this environment has none: choose \
                 `detailed-balance` or `sub-trajectory-balance`, or an environment with partial energies (hypergrid, \
                 bit-sequence)"
            );
        }
        let guide = SubstructureGuideConfig::default();
        if demands.substructures && problem.substructure_guide(guide).is_none() {
            bail!(
                "the guide asks which states are parts of an object, and this environment cannot tell: use \
                 guide = {{ kind = \"uniform\" }}, or another environment"
            );
        }
        if demands.exits && !starts_with_an_exit(problem.environment()) {
            bail!(
                "`modified-detailed-balance` and a `suppressed-exit` need an environment in which every state may stop, \
                 like the hypergrid: choose `detailed-balance`, or another target of P_B"
            );
        }
        Ok(())
    }
}

/// Builds a problem to see whether its energy can be learned.
struct Learns;

impl ProblemVisitor for Learns {
    type Output = Result<()>;

    fn visit<P: Problem>(self, problem: P) -> Result<()> {
        if problem.learnable_energy().is_none() {
            bail!(
                "this environment has no parameters that can be learned: use environment.kind = \"ising\""
            );
        }
        Ok(())
    }
}

/// Builds a problem under its conditions to see whether it can be built.
struct UnderConditions<'a>(&'a ConditionConfig);

impl ProblemVisitor for UnderConditions<'_> {
    type Output = Result<()>;

    fn visit<P: Problem>(self, problem: P) -> Result<()> {
        let Self(condition) = self;
        condition.problem(problem).map(drop)
    }
}

/// Whether the last action leads from the source to a terminal state.
fn starts_with_an_exit<E: Environment>(env: &E) -> bool {
    let mut state = env.source();
    let exit = Action((env.n_actions() - 1) as u32);
    env.step(&mut state, exit).is_ok() && env.is_terminal(&state)
}

/// Adds the entries of `value` under dotted keys.
fn flatten(key: &str, value: &toml::Value, entries: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(&key, value, entries);
            }
        }
        value => {
            entries.insert(key.to_owned(), value.to_string());
        }
    }
}

/// Sets the entry that `key=value` names; `key` is dotted, `value` is TOML, or a bare string.
fn set(table: &mut toml::Table, assignment: &str) -> Result<()> {
    let Some((key, value)) = assignment.split_once('=') else {
        bail!("--set {assignment:?}: write key=value, for example budget.iterations=100");
    };
    let (key, value) = (key.trim(), value.trim());
    let value = format!("value = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().filter(|part| !part.is_empty());
    let Some(last) = last else {
        bail!("--set {assignment:?}: the key is empty");
    };
    let mut current = table;
    for part in parts {
        current = current
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .with_context(|| format!("--set {assignment:?}: `{part}` is not a table"))?;
    }
    current.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{HypergridProblem, StateOf};
    use gfn_env::rand_chacha::ChaCha8Rng;
    use gfn_env::{Hypergrid, HypergridReward};

    /// A grid that does not say which states are parts of an object.
    struct NoParts(HypergridProblem);

    impl Problem for NoParts {
        type Environment = Hypergrid;
        type Reward = HypergridReward;

        fn environment(&self) -> &Hypergrid {
            self.0.environment()
        }

        fn reward(&self) -> &HypergridReward {
            self.0.reward()
        }

        fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
            self.0.distance(a, b)
        }

        fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
            self.0.test_set(size, rng)
        }
    }

    #[test]
    fn a_guide_by_substructures_needs_an_environment_that_has_them() {
        let grid = || {
            let environment = Hypergrid::new(2, 4).unwrap();
            let reward = HypergridReward::original(&environment, 0.1, 0.5, 2.0).unwrap();
            HypergridProblem {
                environment,
                reward,
            }
        };
        let demands =
            |guide| ObjectiveConfig::GuidedTrajectoryBalance { alpha: 1.0, guide }.demands();
        let substructure = demands(GuideConfig::default());
        assert!(Meets(substructure).visit(grid()).is_ok());
        let error = Meets(substructure).visit(NoParts(grid())).unwrap_err();
        assert!(error.to_string().contains("kind = \"uniform\""), "{error}");
        let uniform = demands(GuideConfig::Uniform {});
        assert!(Meets(uniform).visit(NoParts(grid())).is_ok());
    }
}
