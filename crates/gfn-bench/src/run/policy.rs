//! The policy that an experiment describes, on its problem.

use super::child_policy::ChildPolicy;
use crate::experiment::{ChildrenConfig, Experiment, PolicyConfig};
use crate::problem::{
    ConditionalProblem, IndexedProblem, Problem, ProblemVisitor, UniqueChildrenProblem,
};
use anyhow::{Context as _, Result};
use burn::tensor::Device;
use gfn_env::{ChildFeatures, Streams};
use gfn_policy::{
    AggregatedPolicy, ConditionalPolicy, EdgeFlowPolicy, FlowPolicy, MlpFlowPolicy, MlpPolicy,
    Policy, TabularFlowPolicy, TabularPolicy,
};

/// Code that works on any problem and policy.
pub(super) trait PolicyVisitor {
    /// Result.
    type Output;

    /// Called where the objective asks for no flows.
    fn without_flows<P: Problem, Q: Policy + Send>(
        self,
        problem: P,
        policy: Q,
    ) -> Result<Self::Output>;

    /// Called where the objective asks for flows.
    fn with_flows<P: Problem, Q: FlowPolicy + Send>(
        self,
        problem: P,
        policy: Q,
    ) -> Result<Self::Output>;
}

/// Builds problem and policy of `experiment` on `device` and hands them to `visitor`.
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

/// Hands a policy on distinct children to `visitor`.
fn on_children<V: PolicyVisitor, P: Problem>(
    visitor: V,
    problem: UniqueChildrenProblem<P>,
    policy: ChildPolicy,
    flows: bool,
) -> Result<V::Output> {
    if flows {
        visitor.with_flows(problem, policy)
    } else {
        visitor.without_flows(problem, policy)
    }
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
        let streams = Streams::new(experiment.seed);
        let flows = experiment.objective.demands().flows;
        match &experiment.policy {
            PolicyConfig::EdgeFlow { .. } => {
                let config = experiment.policy.edge_flow();
                let config = config.context("edge flows have a shape")?;
                let problem = UniqueChildrenProblem::new(problem, ChildFeatures::Encodings);
                let policy = EdgeFlowPolicy::new(&config, problem.environment(), streams, device);
                on_children(visitor, problem, ChildPolicy::EdgeFlow(policy), flows)
            }
            PolicyConfig::Mlp {
                children: ChildrenConfig::Aggregated,
                ..
            } => {
                let config = experiment.policy.mlp();
                let config = config.context("a perceptron has a shape")?;
                let problem = UniqueChildrenProblem::new(problem, ChildFeatures::Actions);
                let env = problem.environment();
                let policy = if flows {
                    let policy = MlpFlowPolicy::new(&config, env.inner(), streams, device);
                    ChildPolicy::AggregatedWithFlow(AggregatedPolicy::new(policy, env))
                } else {
                    let policy = MlpPolicy::new(&config, env.inner(), streams, device);
                    ChildPolicy::Aggregated(AggregatedPolicy::new(policy, env))
                };
                on_children(visitor, problem, policy, flows)
            }
            PolicyConfig::Mlp { .. } => {
                let config = experiment.policy.mlp();
                let config = config.context("a perceptron has a shape")?;
                if let Some(condition) = &experiment.condition {
                    let set = condition.set()?;
                    let problem = ConditionalProblem::new(problem, set, condition.measured())
                        .context("at `condition`")?;
                    let env = problem.environment();
                    let policy = MlpPolicy::new(&config, env, streams, device);
                    let hidden = condition.log_z_hidden();
                    let policy = ConditionalPolicy::new(policy, env, hidden, streams, device);
                    return visitor.without_flows(problem, policy);
                }
                let env = problem.environment();
                if flows {
                    let policy = MlpFlowPolicy::new(&config, env, streams, device);
                    visitor.with_flows(problem, policy)
                } else {
                    let policy = MlpPolicy::new(&config, env, streams, device);
                    visitor.without_flows(problem, policy)
                }
            }
            PolicyConfig::Tabular { .. } => {
                let backward = experiment.policy.backward();
                let problem = IndexedProblem::new(problem, experiment.evaluation.exact_max_states)
                    .context("a tabular policy numbers all states (raise evaluation.exact_max_states or use kind = \"mlp\")")?;
                let env = problem.environment();
                if flows {
                    let policy = TabularFlowPolicy::new(env, backward, device);
                    visitor.with_flows(problem, policy)
                } else {
                    let policy = TabularPolicy::new(env, backward, device);
                    visitor.without_flows(problem, policy)
                }
            }
        }
    }
}
