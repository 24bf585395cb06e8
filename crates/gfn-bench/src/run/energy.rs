//! The energy that an experiment learns beside its agent.

use crate::experiment::{EnergyDataConfig, Experiment};
use crate::files::read_table;
use crate::problem::{AnyEnvironment, AnyProblem, AnyReward, LearnableEnergy, Problem as _, State};
use anyhow::{Context as _, Result};
use gfn_env::LogLinearReward;
use gfn_explore::{EnergyLearning, TrajectorySource};
use std::sync::Arc;

/// A reward whose parameters change, and the source that changes them, with its share of a batch.
pub(super) struct Learned<S: State> {
    pub(super) reward: AnyReward<S>,
    pub(super) source: Box<dyn TrajectorySource<AnyEnvironment<S>>>,
    pub(super) share: f64,
}

/// What `experiment` learns of the energy of `problem`; none where it learns nothing of it.
///
/// # Errors
///
/// If the environment has nothing to learn, or the data cannot be read.
pub(super) fn learned<S: State>(
    experiment: &Experiment,
    problem: &AnyProblem<S>,
) -> Result<Option<Learned<S>>> {
    let Some(config) = &experiment.energy_learning else {
        return Ok(None);
    };
    let energy = problem.learnable_energy();
    let energy = energy.context("at `energy_learning`: there are no parameters to learn")?;
    let data = data(&config.data, energy.as_ref()).context("at `energy_learning.data`")?;
    let reward = LogLinearReward::new(energy.model());
    let env = problem.environment();
    let source = EnergyLearning::new(env, reward.clone(), data, config.learning())
        .and_then(|source| source.with_truth(energy.truth()))
        .context("at `energy_learning`")?;
    Ok(Some(Learned {
        reward: Arc::new(reward),
        source: Box::new(source),
        share: config.share,
    }))
}

fn data<S>(config: &EnergyDataConfig, energy: &dyn LearnableEnergy<S>) -> Result<Vec<S>> {
    match config {
        EnergyDataConfig::Drawn {
            count,
            sweeps,
            seed,
        } => Ok(energy.draw(*count, *sweeps, *seed)?),
        EnergyDataConfig::File { path } => {
            let table = read_table(path)?;
            let in_file = || format!("in {}", path.display());
            let column = table.column("object").with_context(in_file)?;
            let object = |row| {
                let found = energy.parse(table.field(row, column));
                found.map_err(|requirement| table.refuse(row, column, requirement))
            };
            let objects: Result<Vec<S>, _> = (0..table.n_rows()).map(object).collect();
            objects.with_context(in_file)
        }
    }
}
