//! The policy that an experiment describes, on its problem.

use super::any_policy::AnyPolicy;
use crate::experiment::{ChildrenConfig, Experiment, PolicyConfig};
use crate::problem::{
    AnyProblem, IndexedProblem, Problem, ProblemVisitor, State, UniqueChildrenProblem, erase,
};
use anyhow::{Context as _, Result};
use burn::tensor::Device;
use gfn_env::{ChildFeatures, Streams};
use gfn_policy::{
    AggregatedPolicy, ConditionalPolicy, EdgeFlowPolicy, MlpFlowPolicy, MlpPolicy,
    TabularFlowPolicy, TabularPolicy, TransformerFlowPolicy, TransformerPolicy,
};
use std::sync::Arc;

/// Builds a policy of the shape that the experiment describes, with weights of the streams.
pub(super) type Maker = Arc<dyn Fn(Streams) -> AnyPolicy + Send + Sync>;

/// Code that works on any problem.
pub(super) trait PolicyVisitor {
    /// Result.
    type Output;

    /// Called with the problem, in the form that the policy sees, and what makes policies with flows where the objective asks
    /// for them.
    fn visit<S: State>(self, problem: AnyProblem<S>, make: Maker) -> Result<Self::Output>;
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
            PolicyConfig::EdgeFlow { .. } => {
                let config = experiment.policy.edge_flow();
                let config = config.context("edge flows have a shape")?;
                let problem = UniqueChildrenProblem::new(problem, ChildFeatures::Encodings);
                let (env, device) = (problem.environment().clone(), device.clone());
                let make =
                    move |s| AnyPolicy::EdgeFlow(EdgeFlowPolicy::new(&config, &env, s, &device));
                visitor.visit(erase(problem), Arc::new(make))
            }
            PolicyConfig::Mlp {
                children: ChildrenConfig::Aggregated,
                ..
            } => {
                let config = experiment.policy.mlp();
                let config = config.context("a perceptron has a shape")?;
                let problem = UniqueChildrenProblem::new(problem, ChildFeatures::Actions);
                let (env, device) = (problem.environment().clone(), device.clone());
                let make = move |s| {
                    if flows {
                        let policy = MlpFlowPolicy::new(&config, env.inner(), s, &device);
                        AnyPolicy::AggregatedFlow(AggregatedPolicy::new(policy, &env))
                    } else {
                        let policy = MlpPolicy::new(&config, env.inner(), s, &device);
                        AnyPolicy::Aggregated(AggregatedPolicy::new(policy, &env))
                    }
                };
                visitor.visit(erase(problem), Arc::new(make))
            }
            PolicyConfig::Mlp { .. } => {
                let config = experiment.policy.mlp();
                let config = config.context("a perceptron has a shape")?;
                if let Some(condition) = &experiment.condition {
                    let problem = condition.problem(problem).context("at `condition`")?;
                    let (env, device) = (problem.environment().clone(), device.clone());
                    let hidden = condition.log_z_hidden().to_vec();
                    let make = move |s| {
                        let policy = MlpPolicy::new(&config, &env, s, &device);
                        let policy = ConditionalPolicy::new(policy, &env, &hidden, s, &device);
                        AnyPolicy::Conditional(policy)
                    };
                    return visitor.visit(erase(problem), Arc::new(make));
                }
                let (env, device) = (problem.environment().clone(), device.clone());
                let make = move |s| {
                    if flows {
                        AnyPolicy::MlpFlow(MlpFlowPolicy::new(&config, &env, s, &device))
                    } else {
                        AnyPolicy::Mlp(MlpPolicy::new(&config, &env, s, &device))
                    }
                };
                visitor.visit(erase(problem), Arc::new(make))
            }
            PolicyConfig::Transformer { .. } => {
                let config = experiment.policy.transformer();
                let config = config.context("a Transformer has a shape")?;
                let (env, device) = (problem.environment().clone(), device.clone());
                config.check(&env).context("at `policy`")?;
                let make = move |s| {
                    const CHECKED: &str = "the environment has been checked";
                    if flows {
                        let policy = TransformerFlowPolicy::new(&config, &env, s, &device);
                        AnyPolicy::TransformerFlow(policy.expect(CHECKED))
                    } else {
                        let policy = TransformerPolicy::new(&config, &env, s, &device);
                        AnyPolicy::Transformer(policy.expect(CHECKED))
                    }
                };
                visitor.visit(erase(problem), Arc::new(make))
            }
            PolicyConfig::Tabular { .. } => {
                let backward = experiment.policy.backward();
                let problem = IndexedProblem::new(problem, experiment.evaluation.exact_max_states)
                    .context("a tabular policy numbers all states (raise evaluation.exact_max_states or use kind = \"mlp\")")?;
                let (env, device) = (problem.environment().clone(), device.clone());
                // Tables start at 0 whatever the streams.
                let make = move |_| {
                    if flows {
                        AnyPolicy::TabularFlow(TabularFlowPolicy::new(&env, backward, &device))
                    } else {
                        AnyPolicy::Tabular(TabularPolicy::new(&env, backward, &device))
                    }
                };
                visitor.visit(erase(problem), Arc::new(make))
            }
        }
    }
}
