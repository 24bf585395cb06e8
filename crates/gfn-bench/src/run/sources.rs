//! The sources of trajectories that an experiment describes.

use super::any_policy::AnyPolicy;
use super::objective;
use super::policy::Maker;
use crate::experiment::{AuxiliaryObjective, Experiment, SourceConfig};
use crate::problem::{AnyEnvironment, AnyProblem, AnyReward, Problem as _, State};
use anyhow::{Context as _, Result};
use gfn_env::Streams;
use gfn_explore::{Distance, LocalSearch, Mcmc, Replay, TrajectorySource};
use gfn_train::{AuxiliaryAgent, Objective, ThompsonSampling, Trainer, TrajectoryBalance};
use std::sync::Arc;

type AnyTrainer<S, O> = Trainer<AnyEnvironment<S>, AnyReward<S>, AnyPolicy, O>;

/// `trainer` with the sources of `experiment`.
///
/// # Errors
///
/// If a source cannot be built; the message names its key.
pub(super) fn with_sources<S: State, O: Objective<AnyPolicy>>(
    mut trainer: AnyTrainer<S, O>,
    problem: &AnyProblem<S>,
    experiment: &Experiment,
    make: &Maker,
) -> Result<AnyTrainer<S, O>> {
    for (i, entry) in experiment.exploration.sources.iter().enumerate() {
        let place = || format!("at `exploration.sources[{i}]`");
        let streams = Streams::new(experiment.seed).branch(i as u16);
        let source: Box<dyn TrajectorySource<AnyEnvironment<S>>> = match &entry.source {
            SourceConfig::Replay(config) => {
                let problem = Arc::clone(problem);
                let distance: Distance<S> = Box::new(move |a, b| problem.distance(a, b));
                let replay = Replay::with_distance(config.clone(), distance);
                Box::new(replay.with_context(place)?)
            }
            SourceConfig::LocalSearch(config) => {
                Box::new(LocalSearch::new(*config).with_context(place)?)
            }
            SourceConfig::Mcmc(config) => {
                let mcmc = Mcmc::<AnyEnvironment<S>>::new(*config);
                Box::new(mcmc.with_context(place)?)
            }
            source @ SourceConfig::Thompson { .. } => {
                let main = experiment.trainer();
                let config = source.thompson(main.regression, main.optimiser);
                let config = config.context("an ensemble has a configuration")?;
                let env = trainer.environment();
                let ensemble = ThompsonSampling::new(env, make.as_ref(), config, streams);
                Box::new(ensemble.with_context(place)?)
            }
            source @ SourceConfig::AuxiliaryAgent {
                objective: kind, ..
            } => {
                let main = experiment.trainer();
                let config = source
                    .auxiliary(main.batch_size, main.regression, main.optimiser)
                    .context("an auxiliary agent has a configuration")?;
                let objective: Box<dyn Objective<AnyPolicy>> = match kind {
                    AuxiliaryObjective::TrajectoryBalance => Box::new(TrajectoryBalance),
                    AuxiliaryObjective::Main => objective::objective(&experiment.objective, None)?,
                };
                let make = Arc::clone(make);
                let make = move |streams| make(streams);
                let env = trainer.environment();
                let agent = AuxiliaryAgent::new(env, make, objective, config, streams);
                Box::new(agent.with_context(place)?)
            }
        };
        trainer = trainer
            .with_source(source, entry.share)
            .with_context(place)?;
    }
    Ok(trainer)
}
