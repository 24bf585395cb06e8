//! From an experiment to a trainer: problem, policy, objective, sources and targets.

use super::any_policy::AnyPolicy;
use super::energy::{Learned, learned};
use super::folder::finished;
use super::objective;
use super::policy::{Maker, PolicyVisitor, visit_policy};
use super::runner::{Run, RunOptions};
use super::sources::with_sources;
use super::{Manifest, file};
use crate::device::DeviceSpec;
use crate::experiment::{Experiment, ObjectiveConfig};
use crate::metrics::conditional::ConditionTarget;
use crate::metrics::exact::{ExactTarget, TargetOf};
use crate::problem::{AnyProblem, Problem as _, State};
use crate::summary::RunSummary;
use anyhow::{Context as _, Result};
use gfn_env::Streams;
use gfn_policy::Policy;
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

/// The target, and that of each condition.
type Targets<S> = (
    Option<TargetOf<AnyProblem<S>>>,
    Vec<ConditionTarget<AnyProblem<S>>>,
);

impl PolicyVisitor for Start<'_, '_> {
    type Output = RunSummary;

    fn visit<S: State>(self, problem: AnyProblem<S>, make: Maker) -> Result<RunSummary> {
        let config = &self.experiment.objective;
        let policy = make(Streams::new(self.experiment.seed));
        let prior = objective::prior(config, &policy)?;
        let target = self.target(&problem, prior.as_ref())?;
        let conditions = self.conditions(&problem, prior.as_ref())?;
        let objective = objective::objective(config, prior)?;
        self.train(problem, (target, conditions), (policy, make), objective)
    }
}

impl Start<'_, '_> {
    /// What the objective promises to sample from, where it can be enumerated.
    fn target<S: State>(
        &self,
        problem: &AnyProblem<S>,
        prior: Option<&AnyPolicy>,
    ) -> Result<Option<TargetOf<AnyProblem<S>>>> {
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
    fn conditions<S: State>(
        &self,
        problem: &AnyProblem<S>,
        prior: Option<&AnyPolicy>,
    ) -> Result<Vec<ConditionTarget<AnyProblem<S>>>> {
        let max_states = self.experiment.evaluation.exact_max_states;
        let targets = ConditionTarget::explore(problem, max_states)?.into_iter();
        targets
            .map(|at| at.map_target(|target| self.promised(problem, prior, target)))
            .collect()
    }

    fn promised<S: State>(
        &self,
        problem: &AnyProblem<S>,
        prior: Option<&AnyPolicy>,
        target: TargetOf<AnyProblem<S>>,
    ) -> Result<TargetOf<AnyProblem<S>>> {
        match self.experiment.objective {
            ObjectiveConfig::RelativeTrajectoryBalance { .. } => {
                let prior = prior.map(Policy::sampler);
                target.relative_to(problem, prior.as_deref())
            }
            _ => Ok(target),
        }
    }

    fn train<S: State>(
        self,
        problem: AnyProblem<S>,
        (target, conditions): Targets<S>,
        (policy, make): (AnyPolicy, Maker),
        objective: Box<dyn Objective<AnyPolicy>>,
    ) -> Result<RunSummary> {
        let behaviour = self.experiment.behaviour.build();
        let learned = learned(self.experiment, &problem)?;
        let reward = learned.as_ref().map(|learned| Arc::clone(&learned.reward));
        let mut trainer = Trainer::new(
            problem.environment().clone(),
            reward.unwrap_or_else(|| problem.reward().clone()),
            policy,
            objective,
            self.experiment.trainer(),
        )?
        .with_behaviour(behaviour.context("at `behaviour`")?);
        if let Some(energy) = problem.energy() {
            trainer = trainer.with_partial_energy(energy);
        }
        if let Some(objects) = objective::objects(self.experiment, &problem, target.as_ref())? {
            trainer = trainer.with_objects(objects);
        }
        if let Some(guide) = objective::guide(self.experiment, &problem)? {
            trainer = trainer.with_guide(guide);
        }
        if let ObjectiveConfig::AugmentedTrajectoryBalance { intrinsic, weight } =
            &self.experiment.objective
        {
            let with = trainer.with_intrinsic_rewards(intrinsic, *weight);
            trainer = with.context("at `objective`")?;
        }
        let noisy = trainer.with_reward_noise(self.experiment.reward_noise);
        trainer = noisy.context("at `reward_noise`")?;
        if let Some(Learned { source, share, .. }) = learned {
            let with = trainer.with_source(source, share);
            trainer = with.context("at `energy_learning`")?;
        }
        trainer = with_sources(trainer, &problem, self.experiment, &make)?;
        if self.experiment.evaluation.health {
            trainer = trainer.with_observation();
        }
        let mut run = Run::new(self.experiment, self.folder, problem, target, trainer)?;
        run.conditions = conditions;
        run.finish(self.options)
    }
}
