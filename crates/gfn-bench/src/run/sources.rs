//! The sources of trajectories that an experiment describes.

use super::policy::Maker;
use crate::experiment::{AuxiliaryObjective, Experiment, SourceConfig};
use anyhow::{Context as _, Result};
use gfn_env::{Environment, Reward, Streams};
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
pub(super) fn with_sources<E, R, Q, O>(
    mut trainer: Trainer<E, R, Q, O>,
    experiment: &Experiment,
    make: &Maker<Q>,
    objective: &MakeObjective<'_, Q>,
) -> Result<Trainer<E, R, Q, O>>
where
    E: Environment + 'static,
    R: Reward<E::State>,
    Q: Policy,
    O: Objective<Q>,
{
    for (i, entry) in experiment.exploration.sources.iter().enumerate() {
        let place = || format!("at `exploration.sources[{i}]`");
        let streams = Streams::new(experiment.seed).branch(i as u16);
        let source = match &entry.source {
            source @ SourceConfig::AuxiliaryAgent {
                objective: kind, ..
            } => {
                let main = experiment.trainer();
                let config = source.auxiliary(main.batch_size, main.regression, main.optimiser);
                let objective: Box<dyn Objective<Q>> = match kind {
                    AuxiliaryObjective::TrajectoryBalance => Box::new(TrajectoryBalance),
                    AuxiliaryObjective::Main => objective()?,
                };
                let make = Arc::clone(make);
                let make = move |streams| make(streams);
                let env = trainer.environment();
                AuxiliaryAgent::new(env, make, objective, config, streams).with_context(place)?
            }
        };
        trainer = trainer
            .with_source(Box::new(source), entry.share)
            .with_context(place)?;
    }
    Ok(trainer)
}
