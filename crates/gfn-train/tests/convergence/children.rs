//! Policies on distinct children reach the exact distribution of an environment with duplicate actions.

use crate::either_end::EitherEnd;
use burn::module::ModuleDisplay;
use burn::tensor::Device;
use gfn_env::{
    ChildFeatures, Environment, Indexed, LogRewardFn, StateGraph, Streams, UniqueChildren,
    log_partition, target_distribution, total_variation,
};
use gfn_explore::{EpsilonUniform, OnPolicy, Schedule};
use gfn_policy::{
    AggregatedPolicy, BackwardPolicy, EdgeFlowConfig, EdgeFlowPolicy, MlpConfig, MlpPolicy, Policy,
    TabularPolicy, exact_terminal_distribution,
};
use gfn_train::{
    AdamConfig, DetailedBalance, FlowMatching, LogZSource, Objective, SubTrajectoryBalance,
    Trainer, TrainerConfig, TrajectoryBalance,
};

const ITERATIONS: u64 = 1_000;

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
    let down = |from: f64| Schedule::Cosine {
        from,
        to: from / 100.0,
        iterations: ITERATIONS,
    };
    let config = TrainerConfig {
        optimiser: AdamConfig {
            learning_rate: down(rate),
            log_z_learning_rate: down(0.1),
            ..AdamConfig::default()
        },
        ..TrainerConfig::default()
    };
    let reward = LogRewardFn(|x: &String| log_reward(x));
    let explore = EpsilonUniform::new(OnPolicy, Schedule::constant(0.1)).expect("in range");
    let mut trainer = Trainer::new(env, reward, policy, objective, config)
        .expect("a valid configuration")
        .with_behaviour(explore);
    trainer
        .run(ITERATIONS, |_report, _trajectories| {})
        .expect("finite losses");
    let graph = StateGraph::explore(env, 100).expect("15 states");
    let log_rewards = graph.log_rewards(&reward).expect("rewards");
    let sampler = trainer.policy().sampler();
    let learned = exact_terminal_distribution(env, &graph, sampler.as_ref()).expect("finite");
    if learns_log_z {
        let error = (trainer.log_z() - log_partition(&log_rewards)).abs();
        assert!(error <= 0.02, "error of log Z {error}");
    }
    total_variation(&learned, &target_distribution(&log_rewards))
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
