//! What rollouts promise: the same trajectories whatever the batch and the threads, and the right distribution.

use crate::common::{config, configs, drawn, key, refused, sample};
use burn::tensor::Device;
use gfn_env::{
    BitSequence, BuildOrder, Environment, Features, Hypergrid, HypergridState, LogRewardFn,
    Purpose, Streams, TfBind8, Trajectories,
};
use gfn_policy::{
    BackwardPolicy, DeviceSampler, HostPolicy, MlpPolicy, OnPolicy, Policy as _, RolloutKey, Trunk,
    Workspace, complete, masked_log_softmax_f64, rollout, rollout_backward, sample_index,
};
use std::collections::BTreeMap;

fn forward<E: Environment>(
    env: &E,
    policy: &dyn HostPolicy,
    key: RolloutKey,
    n: usize,
) -> Trajectories<E::State> {
    let reward = LogRewardFn(|_: &E::State| 0.0);
    rollout(env, &reward, policy, &OnPolicy, key, n).unwrap()
}

fn with_threads<T: Send>(n: usize, f: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build();
    pool.unwrap().install(f)
}

/// The first `n` trajectories.
fn first<S: Clone>(batch: &Trajectories<S>, n: usize) -> Trajectories<S> {
    let mut out = Trajectories::new();
    for t in batch.iter().take(n) {
        out.push(
            t.states.to_vec(),
            t.actions,
            t.backward_actions,
            t.log_reward,
        );
    }
    out
}

fn check_invariance<E: Environment>(env: &E) {
    for config in configs() {
        let policy = drawn(
            MlpPolicy::new(&config, env, Streams::new(3), &Device::flex()),
            4,
            0.5,
        );
        let sampler = policy.sampler();
        let whole = forward(env, sampler.as_ref(), key(7), 150);
        whole.validate(env).unwrap();
        for n in [1, 5, 16, 40] {
            for threads in [1, 2] {
                let part = with_threads(threads, || forward(env, sampler.as_ref(), key(7), n));
                assert_eq!(part, first(&whole, n), "{n} lanes, {threads} threads");
            }
        }

        let terminals: Vec<_> = whole.terminals().cloned().collect();
        let zeros = vec![0.0; terminals.len()];
        let back = |n: usize| {
            rollout_backward(env, sampler.as_ref(), &terminals[..n], &zeros[..n], key(8)).unwrap()
        };
        let whole = back(150);
        for n in [1, 5, 16, 40] {
            for threads in [1, 2] {
                let part = with_threads(threads, || back(n));
                assert_eq!(part, first(&whole, n), "{n} lanes, {threads} threads");
            }
        }
    }
}

#[test]
fn trajectories_do_not_depend_on_batch_size_or_threads() {
    check_invariance(&Hypergrid::new(2, 8).unwrap());
    check_invariance(&BitSequence::new(8, 2, BuildOrder::AnyPosition).unwrap());
}

#[test]
fn every_part_of_the_key_changes_the_trajectories() {
    let env = TfBind8::new();
    let policy = MlpPolicy::new(&configs()[0], &env, Streams::new(0), &Device::flex());
    let sampler = policy.sampler();
    let base = key(1);
    let keys = [
        base,
        key(2),
        RolloutKey {
            purpose: Purpose::Evaluation,
            ..base
        },
        RolloutKey {
            iteration: 1,
            ..base
        },
    ];
    let all = keys.map(|key| forward(&env, sampler.as_ref(), key, 8));
    for i in 0..all.len() {
        for j in 0..i {
            assert_ne!(all[i], all[j], "keys {i} and {j}");
        }
    }
    assert_ne!(
        all[0].terminal(0),
        all[0].terminal(1),
        "lanes have streams of their own"
    );
}

#[test]
fn first_trajectories_of_a_seed_are_stable() {
    // Values at a fixed seed do not change between releases, unless the changelog says so.
    fn objects<E: Environment>(env: &E) -> (Vec<String>, Vec<u32>) {
        let config = config(&[16], Trunk::Shared, BackwardPolicy::Learned);
        let policy = MlpPolicy::new(&config, env, Streams::new(42), &Device::flex());
        let batch = forward(env, policy.sampler().as_ref(), key(42), 3);
        let objects = batch.terminals().map(|x| env.describe(x)).collect();
        let actions = batch.trajectory(0).actions.iter().map(|a| a.0).collect();
        (objects, actions)
    }
    let (found, actions) = objects(&Hypergrid::new(2, 8).unwrap());
    assert_eq!(found, ["0 1", "0 0", "0 0"]);
    assert_eq!(actions, [1, 2]);
    let (found, actions) = objects(&BitSequence::new(8, 2, BuildOrder::AnyPosition).unwrap());
    assert_eq!(found, ["10110110", "10101011", "00011011"]);
    assert_eq!(actions, [9, 14, 2, 7]);
    let (found, actions) = objects(&TfBind8::new());
    assert_eq!(found, ["GTCTATAA", "TGTGTGGG", "TGAGGGTC"]);
    assert_eq!(actions, [2, 3, 1, 3, 0, 3, 0, 0]);
}

#[test]
fn the_device_sampler_makes_the_logits_of_the_host() {
    let env = BitSequence::new(8, 2, BuildOrder::AnyPosition).unwrap();
    for config in configs() {
        let device = Device::flex().autodiff();
        let policy = drawn(
            MlpPolicy::new(&config, &env, Streams::new(3), &device),
            4,
            0.5,
        );
        let (host, device) = (policy.sampler(), DeviceSampler::new(&policy));
        assert_eq!(host.backward_policy(), config.backward);
        assert_eq!(device.backward_policy(), config.backward);
        let batch = sample(&env, &policy, 8);
        let mut features = Features::new(env.n_features());
        for state in batch.states() {
            env.encode(state, &mut features.push_row());
        }
        let mut workspace = Workspace::default();
        let (mut a, mut b) = (vec![7.0], vec![7.0]);
        host.forward_logits(&features, &mut workspace, &mut a);
        device.forward_logits(&features, &mut workspace, &mut b);
        assert_eq!(a.len(), features.n_rows() * env.n_actions());
        close(&a, &b);
        host.backward_logits(&features, &mut workspace, &mut a);
        device.backward_logits(&features, &mut workspace, &mut b);
        let learned = usize::from(config.backward == BackwardPolicy::Learned);
        assert_eq!(
            a.len(),
            learned * features.n_rows() * env.n_backward_actions()
        );
        close(&a, &b);
        let from_device = forward(&env, &device, key(1), 8);
        assert_eq!(from_device.actions(), batch.actions());
    }
}

fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 1e-5 * (1.0 + a.abs()), "{a} {b}");
    }
}

#[test]
fn backward_trajectories_are_valid_and_keep_their_objects() {
    fn check<E: Environment>(env: &E) {
        for config in configs() {
            let policy = drawn(
                MlpPolicy::new(&config, env, Streams::new(3), &Device::flex()),
                4,
                0.5,
            );
            let objects = sample(env, &policy, 70);
            let terminals: Vec<_> = objects.terminals().cloned().collect();
            let back = rollout_backward(
                env,
                policy.sampler().as_ref(),
                &terminals,
                objects.log_reward(),
                key(3),
            )
            .unwrap();
            back.validate(env).unwrap();
            assert_eq!(back.log_reward(), objects.log_reward());
            assert_eq!(back.terminals().cloned().collect::<Vec<_>>(), terminals);
        }
    }
    check(&Hypergrid::new(3, 5).unwrap());
    check(&BitSequence::new(8, 2, BuildOrder::AnyPosition).unwrap());
    check(&TfBind8::new());
}

/// Every path into `state` as its cells from the end to the source, with its probability under `backward`.
fn paths(
    env: &Hypergrid,
    state: HypergridState,
    backward: &dyn Fn(&HypergridState) -> Vec<f64>,
) -> Vec<(Vec<HypergridState>, f64)> {
    if state == env.source() {
        return vec![(vec![state], 1.0)];
    }
    let mut found = Vec::new();
    for (action, p) in (0..).zip(backward(&state)) {
        let mut parent = state;
        if env
            .step_back(&mut parent, gfn_env::BackwardAction(action))
            .is_ok()
        {
            for (mut path, q) in paths(env, parent, backward) {
                path.insert(0, state);
                found.push((path, p * q));
            }
        }
    }
    found
}

/// How often each path was sampled in 4,000 backward trajectories into the far corner of a 3 by 3 grid.
fn backward_counts(
    env: &Hypergrid,
    policy: &dyn HostPolicy,
    paths: &[(Vec<HypergridState>, f64)],
) -> Vec<u64> {
    let corner = env.exited_cell(&[2, 2]).unwrap();
    let back = rollout_backward(env, policy, &[corner; 4_000], &[0.0; 4_000], key(11)).unwrap();
    let mut counts = BTreeMap::new();
    for trajectory in back.iter() {
        let reversed: Vec<_> = trajectory.states.iter().rev().copied().collect();
        *counts.entry(reversed).or_insert(0) += 1;
    }
    let counts: Vec<u64> = paths
        .iter()
        .map(|(path, _)| counts.remove(path).unwrap_or(0))
        .collect();
    assert_eq!(counts.iter().sum::<u64>(), 4_000, "no other path exists");
    counts
}

#[test]
fn uniform_backward_paths_have_their_probabilities() {
    let env = Hypergrid::new(2, 3).unwrap();
    let parents = |state: &HypergridState| {
        let n = state.coordinates().iter().filter(|x| **x > 0).count();
        let n = if state.has_exited() { 1 } else { n };
        vec![1.0 / n as f64; 2]
    };
    let corner = env.exited_cell(&[2, 2]).unwrap();
    let paths = paths(&env, corner, &parents);
    // Twice along an axis at once, 1/2·1/2, or around the middle in one of four ways, 1/2·1/2·1/2.
    let mut probabilities: Vec<f64> = paths.iter().map(|(_, p)| *p).collect();
    let config = config(&[16], Trunk::Shared, BackwardPolicy::Uniform);
    let policy = MlpPolicy::new(&config, &env, Streams::new(0), &Device::flex());
    let counts = backward_counts(&env, policy.sampler().as_ref(), &paths);
    assert!(
        !refused(&counts, &probabilities),
        "{counts:?} {probabilities:?}"
    );
    // The test can tell: equal shares for the six paths are refused.
    assert!(refused(&counts, &[1.0 / 6.0; 6]));
    probabilities.sort_by(f64::total_cmp);
    assert_eq!(probabilities, [0.125, 0.125, 0.125, 0.125, 0.25, 0.25]);
}

#[test]
fn learned_backward_paths_have_their_probabilities() {
    let env = Hypergrid::new(2, 3).unwrap();
    let config = config(&[16], Trunk::Separate, BackwardPolicy::Learned);
    let policy = MlpPolicy::new(&config, &env, Streams::new(0), &Device::flex());
    let sampler = drawn(policy, 3, 1.0).sampler();
    let probabilities = |state: &HypergridState| {
        let mut features = Features::new(env.n_features());
        env.encode(state, &mut features.push_row());
        let (mut logits, mut allowed, mut out) = (vec![], [false; 2], [0.0; 2]);
        sampler.backward_logits(&features, &mut Workspace::default(), &mut logits);
        env.backward_mask(state, &mut allowed);
        masked_log_softmax_f64(&logits, &allowed, &mut out);
        out.map(f64::exp).to_vec()
    };
    let paths = paths(&env, env.exited_cell(&[2, 2]).unwrap(), &probabilities);
    let expected: Vec<f64> = paths.iter().map(|(_, p)| *p).collect();
    assert!((expected.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let counts = backward_counts(&env, sampler.as_ref(), &paths);
    assert!(!refused(&counts, &expected), "{counts:?} {expected:?}");
    let uniform: Vec<f64> = paths
        .iter()
        .map(|(path, _)| {
            if path[3].coordinates().contains(&1) {
                0.125
            } else {
                0.25
            }
        })
        .collect();
    assert!(
        refused(&counts, &uniform),
        "not the uniform P_B: {counts:?}"
    );
}

#[test]
fn an_index_without_probability_is_never_drawn() {
    let mut rng = Streams::new(0).rng(Purpose::Check, 0, 0);
    let p = [0.0, 0.25, 0.0, 0.75, 0.0];
    let mut counts = [0u64; 5];
    for _ in 0..10_000 {
        counts[sample_index(&p, &mut rng)] += 1;
    }
    assert_eq!([counts[0], counts[2], counts[4]], [0; 3]);
    assert!(
        !refused(&[counts[1], counts[3]], &[0.25, 0.75]),
        "{counts:?}"
    );
    assert!(refused(&[counts[1], counts[3]], &[0.3, 0.7]), "{counts:?}");
    // The scale of the probabilities does not matter.
    let draws = |scale: f32| -> Vec<usize> {
        let mut rng = Streams::new(1).rng(Purpose::Check, 0, 0);
        let p = p.map(|p| p * scale);
        (0..100).map(|_| sample_index(&p, &mut rng)).collect()
    };
    assert_eq!(draws(1.0), draws(0.5));
}

#[test]
fn completing_the_source_is_a_rollout_and_other_beginnings_stay() {
    let env = Hypergrid::new(2, 6).unwrap();
    let policy = drawn(
        MlpPolicy::new(&configs()[1], &env, Streams::new(0), &Device::flex()),
        2,
        0.7,
    );
    let policy = policy.sampler();
    let reward = LogRewardFn(|_: &HypergridState| 0.0);
    let go_on = |beginnings: &Trajectories<HypergridState>| {
        complete(
            &env,
            &reward,
            policy.as_ref(),
            &OnPolicy,
            beginnings,
            key(3),
        )
        .unwrap()
    };
    let whole = forward(&env, policy.as_ref(), key(3), 40);
    let mut sources = Trajectories::new();
    (0..40).for_each(|_| sources.push([env.source()], &[], &[], 0.0));
    assert_eq!(go_on(&sources), whole);
    assert_eq!(go_on(&whole), whole, "nothing is added to what is complete");

    let mut beginnings = Trajectories::new();
    for t in whole.iter() {
        let n = t.actions.len() / 2;
        let states = t.states[..=n].to_vec();
        beginnings.push(states, &t.actions[..n], &t.backward_actions[..n], 0.0);
    }
    let completed = go_on(&beginnings);
    completed.validate(&env).unwrap();
    assert_eq!(completed, with_threads(1, || go_on(&beginnings)));
    assert_eq!(go_on(&first(&beginnings, 5)), first(&completed, 5));
    for (beginning, t) in beginnings.iter().zip(completed.iter()) {
        assert_eq!(beginning.actions, &t.actions[..beginning.actions.len()]);
    }
}
