//! Exact figures at each condition.

use super::exact::TargetOf;
use super::{Figures, push};
use crate::problem::Problem;
use anyhow::Result;
use burn::tensor::Device;
use gfn_env::{Condition, Environment as _, Features, total_variation};
use gfn_policy::{FeatureBatch, Policy};

/// What a problem is under one condition.
#[derive(Debug)]
pub struct ConditionTarget<P: Problem> {
    condition: Condition,
    environment: P::Environment,
    target: TargetOf<P>,
}

impl<P: Problem> ConditionTarget<P> {
    /// The target of every condition at which `problem` is measured; empty where a graph has more than `max_states` states.
    ///
    /// # Errors
    ///
    /// If the environment is wrong or the reward fails.
    pub fn explore(problem: &P, max_states: usize) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for (condition, environment) in problem.conditions() {
            let Some(target) = TargetOf::<P>::explore_from(problem, &environment, max_states)?
            else {
                return Ok(Vec::new());
            };
            found.push(Self {
                condition,
                environment,
                target,
            });
        }
        Ok(found)
    }

    /// The same with another target.
    ///
    /// # Errors
    ///
    /// What `change` returns.
    pub fn map_target(
        self,
        change: impl FnOnce(TargetOf<P>) -> Result<TargetOf<P>>,
    ) -> Result<Self> {
        Ok(Self {
            target: change(self.target)?,
            ..self
        })
    }

    /// `condition.0.5.tv`, or `condition.0.25_0.75.tv` under several numbers.
    fn name(&self, figure: &str) -> String {
        let numbers = self.condition.to_string().replace(' ', "_");
        format!("condition.{numbers}.{figure}")
    }

    fn log_z<Q: Policy>(&self, policy: &Q, device: &Device) -> f64 {
        let mut features = Features::new(self.environment.n_features());
        let source = self.environment.source();
        self.environment.encode(&source, &mut features.push_row());
        let log_z = policy.log_z_at(&FeatureBatch::new(features, device.clone()));
        f64::from(log_z.into_scalar::<f32>())
    }
}

/// `condition.C.tv`, `condition.C.log_z` and `condition.C.log_z_error` at each condition `C`, its numbers with `_` between,
/// and the largest of them as
/// `exact.tv` and `log_z_error`.
///
/// # Errors
///
/// If the policy's probabilities do not sum to one.
pub fn conditional_figures<P: Problem, Q: Policy>(
    problem: &P,
    targets: &[ConditionTarget<P>],
    policy: &Q,
    learns_log_z: bool,
) -> Result<Figures> {
    let mut figures = Figures::new();
    let (mut largest_tv, mut largest_error) = (0.0f64, 0.0f64);
    let sampler = policy.sampler();
    for at in targets {
        let learned = at.target.learned(problem, sampler.as_ref())?;
        let tv = total_variation(&learned, at.target.target());
        largest_tv = largest_tv.max(tv);
        push(&mut figures, &at.name("tv"), tv);
        if learns_log_z {
            let log_z = at.log_z(policy, &policy.device());
            let error = (log_z - at.target.log_z()).abs();
            largest_error = largest_error.max(error);
            push(&mut figures, &at.name("log_z"), log_z);
            push(&mut figures, &at.name("log_z_error"), error);
        }
    }
    if !targets.is_empty() {
        push(&mut figures, "exact.tv", largest_tv);
        if learns_log_z {
            push(&mut figures, "log_z_error", largest_error);
        }
    }
    Ok(figures)
}
