//! The objective that an experiment describes, with what it needs of files.

use super::any_policy::AnyPolicy;
use crate::experiment::{Experiment, ObjectiveConfig, ObjectsConfig, PriorConfig};
use crate::metrics::exact::TargetOf;
use crate::problem::{Problem, StateOf};
use anyhow::{Context as _, Result};
use gfn_env::rand::RngExt as _;
use gfn_env::{Environment as _, Guide, Purpose, Streams, UniformGuide};
use gfn_policy::{from_safetensors, with_parameters};
use gfn_train::{
    AugmentedTrajectoryBalance, DetailedBalance, DivergenceObjective, FlowMatching,
    ForwardLookingDetailedBalance, ForwardLookingSubTrajectoryBalance, GuidedTrajectoryBalance,
    LogPartitionVariance, MaximumLikelihood, ModifiedDetailedBalance, Objective, Objects,
    PolicyGradient, RelativeTrajectoryBalance, SubTrajectoryBalance, TrajectoryBalance,
};
use std::collections::BTreeMap;

/// The objective; `prior` is that of relative trajectory balance.
///
/// # Errors
///
/// If a parameter is out of range.
pub(super) fn objective(
    config: &ObjectiveConfig,
    prior: Option<AnyPolicy>,
) -> Result<Box<dyn Objective<AnyPolicy>>> {
    Ok(match *config {
        ObjectiveConfig::TrajectoryBalance {} => Box::new(TrajectoryBalance),
        ObjectiveConfig::LogPartitionVariance {} => Box::new(LogPartitionVariance),
        ObjectiveConfig::FlowMatching {
            epsilon,
            normalisation,
        } => Box::new(FlowMatching {
            epsilon,
            normalisation,
        }),
        ObjectiveConfig::ModifiedDetailedBalance { normalisation } => {
            Box::new(ModifiedDetailedBalance { normalisation })
        }
        ObjectiveConfig::RelativeTrajectoryBalance { .. } => {
            Box::new(RelativeTrajectoryBalance { prior })
        }
        ObjectiveConfig::GuidedTrajectoryBalance { alpha, .. } => {
            let objective = GuidedTrajectoryBalance::new(alpha);
            Box::new(objective.context("at `objective.alpha`: it must be between 0 and 1")?)
        }
        ObjectiveConfig::AugmentedTrajectoryBalance { .. } => Box::new(AugmentedTrajectoryBalance),
        ObjectiveConfig::Divergence {
            divergence,
            control_variate,
        } => Box::new(DivergenceObjective {
            divergence,
            control_variate,
        }),
        ObjectiveConfig::PolicyGradient {
            costs,
            update,
            ref baseline,
        } => Box::new(PolicyGradient {
            costs,
            update,
            baseline: baseline.clone(),
        }),
        ObjectiveConfig::SoftDqn { .. } => {
            let objective = config.soft_dqn();
            Box::new(objective.context("soft Q-learning has parameters")?)
        }
        ObjectiveConfig::MaximumLikelihood { .. } => Box::new(MaximumLikelihood),
        ObjectiveConfig::DetailedBalance { normalisation } => {
            Box::new(DetailedBalance { normalisation })
        }
        ObjectiveConfig::SubTrajectoryBalance {
            lambda,
            normalisation,
        } => Box::new(SubTrajectoryBalance {
            lambda,
            normalisation,
        }),
        ObjectiveConfig::ForwardLookingDetailedBalance { normalisation } => {
            Box::new(ForwardLookingDetailedBalance { normalisation })
        }
        ObjectiveConfig::ForwardLookingSubTrajectoryBalance {
            lambda,
            normalisation,
        } => Box::new(ForwardLookingSubTrajectoryBalance {
            lambda,
            normalisation,
        }),
    })
}

/// The prior of relative trajectory balance: a copy of `policy` with the parameters of a file, or none for a uniform one.
///
/// # Errors
///
/// If the file cannot be read or its parameters do not fit.
pub(super) fn prior(config: &ObjectiveConfig, policy: &AnyPolicy) -> Result<Option<AnyPolicy>> {
    let ObjectiveConfig::RelativeTrajectoryBalance {
        prior: PriorConfig::File { path },
    } = config
    else {
        return Ok(None);
    };
    let file = || format!("at `objective.prior.path`: {}", path.display());
    let bytes = std::fs::read(path).with_context(file)?;
    let (parameters, _) = from_safetensors(&bytes).with_context(file)?;
    let prior = with_parameters(policy.clone(), &parameters).with_context(|| {
        format!(
            "{}: the prior has the shape of the policy that is trained",
            file()
        )
    })?;
    Ok(Some(prior))
}

/// The guide of guided trajectory balance, or the one that P_B is led towards.
///
/// # Errors
///
/// If the environment has no substructures, or a parameter is out of range.
pub(super) fn guide<P: Problem>(
    experiment: &Experiment,
    problem: &P,
) -> Result<Option<Box<dyn Guide<StateOf<P>>>>> {
    let (guide, place) = match &experiment.objective {
        ObjectiveConfig::GuidedTrajectoryBalance { guide, .. } => (guide, "at `objective.guide`"),
        _ => match experiment.backward_training.guide() {
            Some(guide) => (guide, "at `backward_training.target.guide`"),
            None => return Ok(None),
        },
    };
    let Some(substructure) = guide.substructure() else {
        return Ok(Some(Box::new(UniformGuide(problem.environment().clone()))));
    };
    let guide = problem.substructure_guide(substructure);
    let guide = guide.with_context(|| format!("{place}: the environment has no substructures"))?;
    Ok(Some(guide.context(place)?))
}

/// The objects of maximum likelihood.
///
/// # Errors
///
/// If the environment is not enumerated, the file cannot be read, or it holds what is no object.
pub(super) fn objects<P: Problem>(
    experiment: &Experiment,
    problem: &P,
    target: Option<&TargetOf<P>>,
) -> Result<Option<Objects<StateOf<P>>>> {
    let ObjectiveConfig::MaximumLikelihood { objects } = &experiment.objective else {
        return Ok(None);
    };
    let target = target.context(
        "at `objective.objects`: the objects are looked up among all of the environment's, which has too many: raise \
         evaluation.exact_max_states or choose a smaller one",
    )?;
    let terminals = target.graph().terminal_states();
    let chosen = match objects {
        ObjectsConfig::Target { count, seed } => {
            let mut rng = Streams::new(*seed).rng(Purpose::Objects, u32::MAX, 0);
            let mut draw = || {
                let mut u: f64 = rng.random();
                let found = target.target().iter().position(|p| {
                    u -= p;
                    u < 0.0
                });
                terminals[found.unwrap_or(terminals.len() - 1)].clone()
            };
            (0..*count).map(|_| draw()).collect()
        }
        ObjectsConfig::File { path } => {
            let by_text: BTreeMap<String, &StateOf<P>> = terminals
                .iter()
                .map(|x| (problem.environment().describe(x), x))
                .collect();
            let file = || format!("at `objective.objects.path`: {}", path.display());
            let mut reader = csv::Reader::from_path(path).with_context(file)?;
            let mut found = Vec::new();
            for (line, record) in reader.records().enumerate() {
                let record = record.with_context(file)?;
                let text = record.get(0).unwrap_or_default();
                let object = by_text.get(text).with_context(|| {
                    format!("{}, record {}: {text:?} is no object", file(), line + 1)
                })?;
                found.push((*object).clone());
            }
            found
        }
    };
    let objects = Objects::new(problem.environment(), problem.reward(), chosen)
        .context("at `objective.objects`")?;
    Ok(Some(objects))
}
