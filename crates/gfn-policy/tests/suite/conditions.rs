//! Log Z of a condition, and rollouts from several sources.

use crate::common::{drawn, key};
use burn::tensor::Device;
use gfn_env::{
    ConditionSet, Conditional, Environment as _, Hypergrid, HypergridReward, Streams,
    TemperedReward,
};
use gfn_policy::{
    BackwardPolicy, ConditionalPolicy, MlpConfig, MlpPolicy, OnPolicy, Policy as _,
    TransitionBatch, rollout, rollout_backward,
};

type Env = Conditional<Hypergrid>;

fn env() -> Env {
    let grid = Hypergrid::new(2, 4).unwrap();
    Conditional::new(grid, ConditionSet::Values(vec![0.5, 1.0, 2.0])).unwrap()
}

fn policy(env: &Env) -> ConditionalPolicy<MlpPolicy> {
    let device = Device::flex();
    let config = MlpConfig {
        hidden: vec![16],
        log_z_init: 1.5,
        ..MlpConfig::default()
    };
    let policy = MlpPolicy::new(&config, env, Streams::new(1), &device);
    ConditionalPolicy::new(policy, env, &[8], Streams::new(1), &device)
}

#[test]
fn log_z_starts_as_one_number_and_depends_on_the_condition_alone() {
    let env = env();
    let fresh = policy(&env);
    for beta in [0.5, 1.0, 2.0] {
        assert_eq!(fresh.log_z_of(&env.at(beta)), 1.5);
    }
    let drawn = drawn(fresh, 5, 0.8);
    let of: Vec<f64> = [0.5, 1.0, 2.0]
        .iter()
        .map(|beta| drawn.log_z_of(&env.at(*beta)))
        .collect();
    assert!(of[0] != of[1] && of[1] != of[2], "{of:?}");

    let reward = HypergridReward::original(env.inner(), 0.1, 0.5, 2.0).unwrap();
    let reward = TemperedReward(reward);
    let batch = rollout(
        &env,
        &reward,
        drawn.sampler().as_ref(),
        &OnPolicy,
        key(3),
        30,
    )
    .unwrap();
    batch.validate(&env).unwrap();
    let laid_out = TransitionBatch::new(&env, &batch, BackwardPolicy::Learned);
    let log_z: Vec<f32> = laid_out.log_z(&drawn).into_data().iter::<f32>().collect();
    let groups = laid_out.source_groups();
    let mut seen = [0; 3];
    for b in 0..30 {
        let condition = batch.terminal(b).condition.value();
        let i = [0.5, 1.0, 2.0]
            .iter()
            .position(|beta| *beta == condition)
            .unwrap();
        seen[i] += 1;
        assert!((f64::from(log_z[b]) - of[i]).abs() < 1e-6);
        for other in 0..30 {
            let same = batch.terminal(other).condition.value() == condition;
            assert_eq!(groups[b] == groups[other], same);
        }
    }
    assert!(seen.iter().all(|n| *n > 0), "{seen:?}");
}

#[test]
fn log_z_depends_on_every_number_of_a_condition() {
    let set = ConditionSet::Simplex {
        concentration: vec![1.0; 3],
    };
    let env = Conditional::new(Hypergrid::new(2, 4).unwrap(), set).unwrap();
    let drawn = drawn(policy(&env), 5, 0.8);
    let at = |w: [f64; 3]| drawn.log_z_of(&env.at(w));
    let conditions = [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]].map(at);
    assert!(conditions[0] != conditions[1] && conditions[1] != conditions[2]);
    assert_eq!(at([0.6, 0.2, 0.2]), conditions[0]);
}

#[test]
fn a_backward_rollout_ends_at_the_source_of_its_condition() {
    let env = env();
    let policy = policy(&env);
    let mut terminals = Vec::new();
    for beta in [2.0, 0.5] {
        let mut state = env.at(beta).source();
        for action in [0, 1, 0, 2] {
            env.step(&mut state, gfn_env::Action(action)).unwrap();
        }
        terminals.push(state);
    }
    let batch = rollout_backward(
        &env,
        policy.sampler().as_ref(),
        &terminals,
        &[0.0; 2],
        key(4),
    );
    let batch = batch.unwrap();
    batch.validate(&env).unwrap();
    for (b, beta) in [2.0, 0.5].into_iter().enumerate() {
        assert_eq!(batch.trajectory(b).states[0], env.at(beta).source());
    }
}

#[test]
fn the_condition_of_a_lane_does_not_depend_on_the_batch() {
    let env = env();
    let policy = policy(&env);
    let reward = TemperedReward(HypergridReward::original(env.inner(), 0.1, 0.5, 2.0).unwrap());
    let sample = |n| {
        rollout(
            &env,
            &reward,
            policy.sampler().as_ref(),
            &OnPolicy,
            key(3),
            n,
        )
        .unwrap()
    };
    let (few, many) = (sample(5), sample(70));
    for b in 0..5 {
        assert_eq!(few.trajectory(b), many.trajectory(b));
    }
}
