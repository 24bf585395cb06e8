//! From an experiment to a trainer: problem, policy, objective, sources and targets.

use super::folder::finished;
use super::objective;
use super::policy::{Maker, PolicyVisitor, visit_policy};
use super::runner::{Run, RunOptions};
use super::sources::{MakeObjective, with_sources};
use super::{Manifest, file};
use crate::device::DeviceSpec;
use crate::experiment::{Experiment, ObjectiveConfig};
use crate::metrics::conditional::ConditionTarget;
use crate::metrics::exact::{ExactTarget, TargetOf};
use crate::problem::Problem;
use crate::summary::RunSummary;
use anyhow::{Context as _, Result};
use gfn_env::Streams;
use gfn_policy::{FlowPolicy, Policy};
use gfn_train::{Objective, Trainer, write_atomically};
use std::path::Path;
use std::sync::Arc;

/// Runs `experiment` in `folder`, unless it is finished there.
pub(super) fn start(
    experiment: &Experiment,
    folder: &Path,
    options: RunOptions<'_>,
) -> Result<RunSummary> {
    if let Some(summary) = finished(experiment, folder)? {
        return Ok(summary);
    }
    let spec: DeviceSpec = experiment.device.parse().context("at `device`")?;
    let device = spec.open().context("at `device`")?.autodiff();
    write_atomically(&folder.join(file::CONFIG), experiment.to_toml()?.as_bytes())?;
    let manifest = Manifest::collect(&spec.to_string(), options.threads);
    write_atomically(
        &folder.join(file::MANIFEST),
        &serde_json::to_vec_pretty(&manifest)?,
    )?;
    visit_policy(
        experiment,
        &device,
        Start {
            experiment,
            folder,
            options,
        },
    )
}

struct Start<'a, 'o> {
    experiment: &'a Experiment,
    folder: &'a Path,
    options: RunOptions<'o>,
}

impl PolicyVisitor for Start<'_, '_> {
    type Output = RunSummary;

    fn without_flows<P: Problem, Q: Policy + Send>(
        self,
        problem: P,
        make: Maker<Q>,
    ) -> Result<RunSummary> {
        let config = &self.experiment.objective;
        let problem = Arc::new(problem);
        let policy = make(Streams::new(self.experiment.seed));
        let prior = objective::prior(config, &policy)?;
        let target = self.target(&problem, prior.as_ref())?;
        let conditions = self.conditions(&problem, prior.as_ref())?;
        let objective = objective::without_flows(config, prior)?;
        let again = || objective::without_flows(config, None);
        let targets = (target, conditions);
        self.train(problem, targets, (policy, make), (objective, &again))
    }

    fn with_flows<P: Problem, Q: FlowPolicy + Send>(
        self,
        problem: P,
        make: Maker<Q>,
    ) -> Result<RunSummary> {
        let problem = Arc::new(problem);
        let policy = make(Streams::new(self.experiment.seed));
        let target = self.target(&problem, None::<&Q>)?;
        let objective = objective::with_flows(&self.experiment.objective)?;
        let again = || objective::with_flows(&self.experiment.objective);
        let targets = (target, Vec::new());
        self.train(problem, targets, (policy, make), (objective, &again))
    }
}

impl Start<'_, '_> {
    /// What the objective promises to sample from, where it can be enumerated.
    fn target<P: Problem, Q: Policy>(
        &self,
        problem: &P,
        prior: Option<&Q>,
    ) -> Result<Option<TargetOf<P>>> {
        if self.experiment.condition.is_some() {
            return Ok(None);
        }
        let max_states = self.experiment.evaluation.exact_max_states;
        let Some(target) = ExactTarget::explore(problem, max_states)? else {
            return Ok(None);
        };
        self.promised(problem, prior, target).map(Some)
    }

    /// [`Start::target`] under each condition.
    fn conditions<P: Problem, Q: Policy>(
        &self,
        problem: &P,
        prior: Option<&Q>,
    ) -> Result<Vec<ConditionTarget<P>>> {
        let max_states = self.experiment.evaluation.exact_max_states;
        let targets = ConditionTarget::explore(problem, max_states)?.into_iter();
        targets
            .map(|at| at.map_target(|target| self.promised(problem, prior, target)))
            .collect()
    }

    fn promised<P: Problem, Q: Policy>(
        &self,
        problem: &P,
        prior: Option<&Q>,
        target: TargetOf<P>,
    ) -> Result<TargetOf<P>> {
        match self.experiment.objective {
            ObjectiveConfig::RelativeTrajectoryBalance { .. } => {
                let prior = prior.map(Policy::sampler);
                target.relative_to(problem, prior.as_deref())
            }
            _ => Ok(target),
        }
    }

    fn train<P: Problem, Q: Policy>(
        self,
        problem: Arc<P>,
        (target, conditions): (Option<TargetOf<P>>, Vec<ConditionTarget<Arc<P>>>),
        (policy, make): (Q, Maker<Q>),
        (objective, again): (Box<dyn Objective<Q>>, &MakeObjective<'_, Q>),
    ) -> Result<RunSummary> {
        let behaviour = self.experiment.behaviour.build();
        let mut trainer = Trainer::new(
            problem.environment().clone(),
            problem.reward().clone(),
            policy,
            objective,
            self.experiment.trainer(),
        )?
        .with_behaviour(behaviour.context("at `behaviour`")?);
        if let Some(energy) = problem.energy() {
            trainer = trainer.with_partial_energy(energy);
        }
        if let Some(objects) =
            objective::objects(self.experiment, problem.as_ref(), target.as_ref())?
        {
            trainer = trainer.with_objects(objects);
        }
        if let Some(guide) = objective::guide(&self.experiment.objective, problem.as_ref())? {
            trainer = trainer.with_guide(guide);
        }
        trainer = with_sources(trainer, &problem, self.experiment, &make, again)?;
        if self.experiment.evaluation.health {
            trainer = trainer.with_observation();
        }
        let mut run = Run::new(self.experiment, self.folder, problem, target, trainer)?;
        run.conditions = conditions;
        run.finish(self.options)
    }
}
