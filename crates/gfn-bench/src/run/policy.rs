//! The policy that an experiment describes, on its problem.

use crate::experiment::{Experiment, PolicyConfig};
use crate::problem::{IndexedProblem, Problem, ProblemVisitor};
use anyhow::{Context as _, Result};
use burn::tensor::Device;
use gfn_env::Streams;
use gfn_policy::{FlowPolicy, MlpFlowPolicy, MlpPolicy, Policy, TabularFlowPolicy, TabularPolicy};
use std::sync::Arc;

/// Builds a policy of the shape that the experiment describes, with weights of the streams.
pub(super) type Maker<Q> = Arc<dyn Fn(Streams) -> Q + Send + Sync>;

/// Code that works on any problem and policy.
pub(super) trait PolicyVisitor {
    /// Result.
    type Output;

    /// Called where the objective asks for no flows.
    fn without_flows<P: Problem, Q: Policy + Send>(
        self,
        problem: P,
        make: Maker<Q>,
    ) -> Result<Self::Output>;

    /// Called where the objective asks for flows.
    fn with_flows<P: Problem, Q: FlowPolicy + Send>(
        self,
        problem: P,
        make: Maker<Q>,
    ) -> Result<Self::Output>;
}

/// Builds the problem of `experiment`, and hands it to `visitor` with what makes policies on `device`.
///
/// # Errors
///
/// If one of them cannot be built, or what the visitor returns.
pub(super) fn visit_policy<V: PolicyVisitor>(
    experiment: &Experiment,
    device: &Device,
    visitor: V,
) -> Result<V::Output> {
    experiment.environment.visit(Build {
        experiment,
        device,
        visitor,
    })?
}

struct Build<'a, V> {
    experiment: &'a Experiment,
    device: &'a Device,
    visitor: V,
}

impl<V: PolicyVisitor> ProblemVisitor for Build<'_, V> {
    type Output = Result<V::Output>;

    fn visit<P: Problem>(self, problem: P) -> Result<V::Output> {
        let Self {
            experiment,
            device,
            visitor,
        } = self;
        let flows = experiment.objective.demands().flows;
        match &experiment.policy {
            PolicyConfig::Mlp { .. } => {
                let config = experiment.policy.mlp();
                let config = config.context("a perceptron has a shape")?;
                let (env, device) = (problem.environment().clone(), device.clone());
                if flows {
                    let make = move |s| MlpFlowPolicy::new(&config, &env, s, &device);
                    visitor.with_flows(problem, Arc::new(make))
                } else {
                    let make = move |s| MlpPolicy::new(&config, &env, s, &device);
                    visitor.without_flows(problem, Arc::new(make))
                }
            }
            PolicyConfig::Tabular { .. } => {
                let backward = experiment.policy.backward();
                let problem = IndexedProblem::new(problem, experiment.evaluation.exact_max_states)
                    .context("a tabular policy numbers all states (raise evaluation.exact_max_states or use kind = \"mlp\")")?;
                let (env, device) = (problem.environment().clone(), device.clone());
                // Tables start at 0 whatever the streams.
                if flows {
                    let make = move |_| TabularFlowPolicy::new(&env, backward, &device);
                    visitor.with_flows(problem, Arc::new(make))
                } else {
                    let make = move |_| TabularPolicy::new(&env, backward, &device);
                    visitor.without_flows(problem, Arc::new(make))
                }
            }
        }
    }
}
