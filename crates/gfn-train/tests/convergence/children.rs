//! Policies on distinct children reach the exact distribution of an environment with duplicate actions.

use crate::either_end::EitherEnd;
use crate::trained::{self, Budget};
use burn::module::ModuleDisplay;
use burn::tensor::Device;
use gfn_env::{ChildFeatures, Environment, Indexed, LogRewardFn, Streams, UniqueChildren};
use gfn_policy::{
    AggregatedPolicy, BackwardPolicy, EdgeFlowConfig, EdgeFlowPolicy, MlpConfig, MlpPolicy, Policy,
    TabularPolicy,
};
use gfn_train::{
    DetailedBalance, FlowMatching, LogZSource, Objective, SubTrajectoryBalance, TrainerConfig,
    TrajectoryBalance,
};

/// A reward that is no function of the letters' counts.
fn log_reward(object: &str) -> f64 {
    let letters = object.bytes().enumerate();
    letters
        .map(|(i, letter)| {
            if letter == b'a' {
                0.7 * (i + 1) as f64
            } else {
                -0.3
            }
        })
        .sum()
}

/// Exact total variation after training.
fn distance<E, P, O>(env: &E, policy: P, objective: O, rate: f64) -> f64
where
    E: Environment<State = String>,
    P: Policy,
    O: Objective<P>,
{
    let learns_log_z = objective.log_z() == LogZSource::Parameter;
    let budget = Budget {
        iterations: 1_000,
        batch_size: TrainerConfig::default().batch_size,
        rate,
        log_z_rate: 0.1,
        epsilon: 0.1,
    };
    let reward = LogRewardFn(|x: &String| log_reward(x));
    let [tv, error] = trained::distance(env, &reward, policy, objective, budget);
    assert!(!learns_log_z || error <= 0.02, "error of log Z {error}");
    tv
}

fn edge_flow(env: &UniqueChildren<EitherEnd>, backward: BackwardPolicy) -> EdgeFlowPolicy {
    let config = EdgeFlowConfig {
        hidden: vec![32],
        scorer_hidden: vec![32],
        backward,
        ..EdgeFlowConfig::default()
    };
    EdgeFlowPolicy::new(&config, env, Streams::new(0), &Device::flex().autodiff())
}

fn check(name: &str, tv: f64) {
    assert!(tv <= 0.01, "{name}: total variation {tv}");
}

#[test]
fn edge_flows_reach_the_exact_distribution() {
    let env = UniqueChildren::new(EitherEnd, ChildFeatures::Encodings);
    for backward in [BackwardPolicy::Uniform, BackwardPolicy::Learned] {
        let name = format!("{backward:?}");
        let policy = || edge_flow(&env, backward);
        check(&name, distance(&env, policy(), TrajectoryBalance, 5e-3));
        // State flows are the sums of the edge flows.
        let objective = DetailedBalance::default();
        check(&name, distance(&env, policy(), objective, 5e-3));
        let objective = SubTrajectoryBalance {
            lambda: 0.9,
            normalisation: gfn_loss::SubTrajectoryNormalisation::Batch {},
        };
        check(&name, distance(&env, policy(), objective, 5e-3));
    }
    let policy = edge_flow(&env, BackwardPolicy::Uniform);
    check("FM", distance(&env, policy, FlowMatching::default(), 5e-3));
}

fn aggregated<E, P>(env: &UniqueChildren<E>, policy: P, rate: f64) -> f64
where
    E: Environment<State = String>,
    P: Policy + ModuleDisplay,
{
    let policy = AggregatedPolicy::new(policy, env);
    distance(env, policy, TrajectoryBalance, rate)
}

#[test]
fn aggregated_logits_reach_the_exact_distribution() {
    let device = Device::flex().autodiff();
    let env = UniqueChildren::new(EitherEnd, ChildFeatures::Actions);
    let tables = Indexed::new(EitherEnd, 100).expect("15 states");
    let tables = UniqueChildren::new(tables, ChildFeatures::Actions);
    for backward in [BackwardPolicy::Uniform, BackwardPolicy::Learned] {
        let config = MlpConfig {
            hidden: vec![32, 32],
            backward,
            ..MlpConfig::default()
        };
        let policy = MlpPolicy::new(&config, &EitherEnd, Streams::new(0), &device);
        check("perceptron", aggregated(&env, policy, 5e-3));
        let policy = TabularPolicy::new(tables.inner(), backward, &device);
        check("table", aggregated(&tables, policy, 0.05));
    }
}
