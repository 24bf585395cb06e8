//! The sources of trajectories that an experiment describes.

use super::policy::Maker;
use crate::experiment::{AuxiliaryObjective, Experiment, SourceConfig};
use crate::problem::{Problem, StateOf};
use anyhow::{Context as _, Result};
use gfn_env::Streams;
use gfn_explore::{Distance, LocalSearch, Mcmc, Replay, TrajectorySource};
use gfn_policy::Policy;
use gfn_train::{AuxiliaryAgent, Objective, Trainer, TrajectoryBalance};
use std::sync::Arc;

/// Makes the main agent's objective once more.
pub(super) type MakeObjective<'a, Q> = dyn Fn() -> Result<Box<dyn Objective<Q>>> + 'a;

/// `trainer` with the sources of `experiment`; `objective` makes the main agent's objective once more.
///
/// # Errors
///
/// If a source cannot be built; the message names its key.
pub(super) fn with_sources<P, Q, O>(
    mut trainer: Trainer<P::Environment, P::Reward, Q, O>,
    problem: &Arc<P>,
    experiment: &Experiment,
    make: &Maker<Q>,
    objective: &MakeObjective<'_, Q>,
) -> Result<Trainer<P::Environment, P::Reward, Q, O>>
where
    P: Problem,
    Q: Policy,
    O: Objective<Q>,
{
    for (i, entry) in experiment.exploration.sources.iter().enumerate() {
        let place = || format!("at `exploration.sources[{i}]`");
        let streams = Streams::new(experiment.seed).branch(i as u16);
        let source: Box<dyn TrajectorySource<P::Environment>> = match &entry.source {
            SourceConfig::Replay(config) => {
                let problem = Arc::clone(problem);
                let distance: Distance<StateOf<P>> = Box::new(move |a, b| problem.distance(a, b));
                let replay = Replay::with_distance(config.clone(), distance);
                Box::new(replay.with_context(place)?)
            }
            SourceConfig::LocalSearch(config) => {
                Box::new(LocalSearch::new(*config).with_context(place)?)
            }
            SourceConfig::Mcmc(config) => {
                let mcmc = Mcmc::<P::Environment>::new(*config);
                Box::new(mcmc.with_context(place)?)
            }
            source @ SourceConfig::AuxiliaryAgent {
                objective: kind, ..
            } => {
                let main = experiment.trainer();
                let config = source
                    .auxiliary(main.batch_size, main.regression, main.optimiser)
                    .context("an auxiliary agent has a configuration")?;
                let objective: Box<dyn Objective<Q>> = match kind {
                    AuxiliaryObjective::TrajectoryBalance => Box::new(TrajectoryBalance),
                    AuxiliaryObjective::Main => objective()?,
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
