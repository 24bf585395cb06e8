//! Policies with a fixed random function added to their logits.

use crate::common::{configs, drawn, gradients, key, sample};
use burn::tensor::Device;
use gfn_env::{Environment as _, HypergridState};
use gfn_env::{Features, Hypergrid, Indexed, LogRewardFn, StateGraph, Streams};
use gfn_policy::{
    BackwardPolicy, FeatureBatch, MlpPolicy, OnPolicy, Policy, RandomizedPriorPolicy,
    TabularPolicy, TransitionBatch, Workspace, masked_log_softmax_f64, named_parameters,
    record_rollout,
};

const SCALE: f32 = 3.0;

fn all_states(env: &Hypergrid) -> Features {
    let graph = StateGraph::explore(env, 1_000).unwrap();
    let mut features = Features::new(env.n_features());
    for state in graph.states() {
        env.encode(state, &mut features.push_row());
    }
    features
}

fn forward<P: Policy>(policy: &P, features: &Features) -> Vec<f32> {
    let states = FeatureBatch::new(features.clone(), policy.device());
    let logits = policy.logits(&states).forward.tensor();
    logits.into_data().iter::<f32>().collect()
}

fn on_host<P: Policy>(policy: &P, features: &Features, allowed: Option<&[bool]>) -> Vec<f32> {
    let (sampler, mut logits) = (policy.sampler(), Vec::new());
    let mut workspace = Workspace::default();
    match allowed {
        None => sampler.forward_logits(features, &mut workspace, &mut logits),
        Some(a) => sampler.allowed_forward_logits(features, a, &mut workspace, &mut logits),
    }
    logits
}

#[test]
fn logits_are_the_sum_on_the_device_and_on_the_host() {
    let env = Hypergrid::new(2, 5).unwrap();
    let features = all_states(&env);
    let allowed = vec![true; features.n_rows() * env.n_actions()];
    for config in configs() {
        let policy = drawn(
            MlpPolicy::new(&config, &env, Streams::new(0), &Device::flex().autodiff()),
            5,
            0.5,
        );
        let sum = RandomizedPriorPolicy::new(policy.clone(), &env, &[20], SCALE, Streams::new(7));
        let (f, prior) = (forward(&policy, &features), forward(sum.prior(), &features));
        let expected: Vec<f32> = f.iter().zip(&prior).map(|(f, p)| f + SCALE * p).collect();
        assert!(prior.iter().any(|p| (SCALE * p).abs() > 0.3), "{prior:?}");
        assert_eq!(forward(&sum, &features), expected);
        for allowed in [None, Some(&allowed[..])] {
            for (host, expected) in on_host(&sum, &features, allowed).iter().zip(&expected) {
                assert!((host - expected).abs() < 1e-5, "{host} {expected}");
            }
        }
        let (mut own, mut within) = (Vec::new(), Vec::new());
        sum.sampler()
            .backward_logits(&features, &mut Workspace::default(), &mut own);
        policy
            .sampler()
            .backward_logits(&features, &mut Workspace::default(), &mut within);
        assert_eq!(own, within, "P_B has no prior");
        let without = RandomizedPriorPolicy::new(policy, &env, &[20], 0.0, Streams::new(7));
        assert_eq!(forward(&without, &features), f);
    }
}

#[test]
fn another_stream_is_another_prior_and_none_is_a_parameter() {
    let env = Hypergrid::new(2, 5).unwrap();
    let device = Device::flex();
    let config = &configs()[0];
    let make = |stream| {
        let policy = MlpPolicy::new(config, &env, Streams::new(0), &device);
        RandomizedPriorPolicy::new(policy, &env, &[20], SCALE, Streams::new(stream))
    };
    let (a, same, b) = (make(1), make(1), make(2));
    let prior = |policy: &RandomizedPriorPolicy<MlpPolicy>| named_parameters(policy.prior());
    assert_eq!(prior(&a), prior(&same));
    assert_ne!(prior(&a), prior(&b));
    assert_eq!(named_parameters(&a), named_parameters(&b));
    assert_eq!(
        named_parameters(&a).len(),
        named_parameters(a.inner()).len()
    );
}

#[test]
fn a_recorded_rollout_is_evaluated_as_any_other() {
    let env = Hypergrid::new(2, 5).unwrap();
    for config in configs() {
        let policy = MlpPolicy::new(&config, &env, Streams::new(3), &Device::flex().autodiff());
        let policy = RandomizedPriorPolicy::new(policy, &env, &[20], SCALE, Streams::new(7));
        let reward = LogRewardFn(|_: &HypergridState| 0.0);
        let sampler = policy.sampler();
        let (batch, recording) =
            record_rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key(2), 9).unwrap();
        let backward = policy.backward_policy();
        let recorded = TransitionBatch::recorded(&env, &batch, backward, recording);
        let anew = TransitionBatch::new(&env, &batch, backward);
        let log_pf = |batch: TransitionBatch| -> Vec<f32> {
            let log_pf = batch.log_probs(&policy).log_pf;
            log_pf.into_data().iter::<f32>().collect()
        };
        for (a, b) in log_pf(recorded).iter().zip(log_pf(anew)) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}

#[test]
fn the_gradient_of_a_table_is_that_of_a_softmax_around_the_prior() {
    let env = Indexed::new(Hypergrid::new(2, 4).unwrap(), 100).unwrap();
    let device = Device::flex().autodiff();
    let table = TabularPolicy::new(&env, BackwardPolicy::Uniform, &device);
    let policy = RandomizedPriorPolicy::new(table, &env, &[8], SCALE, Streams::new(1));
    let batch = sample(&env, &policy, 6);
    let transitions = TransitionBatch::new(&env, &batch, BackwardPolicy::Uniform);
    let loss = transitions.log_probs(&policy).log_pf.sum();
    let found = gradients(&policy, loss);
    let found = &found["policy.forward"];
    let a = env.n_actions();
    let mut expected = vec![0.0; found.len()];
    for trajectory in batch.iter() {
        for (state, action) in trajectory.states.iter().zip(trajectory.actions) {
            let mut features = Features::new(env.n_features());
            env.encode(state, &mut features.push_row());
            let row = features.row(0).0[0] as usize;
            let logits: Vec<f32> = forward(policy.prior(), &features)
                .iter()
                .map(|p| SCALE * p)
                .collect();
            let mut allowed = vec![false; a];
            env.forward_mask(state, &mut allowed);
            let mut log_p = vec![0.0; a];
            masked_log_softmax_f64(&logits, &allowed, &mut log_p);
            for action in 0..a {
                expected[row * a + action] -= log_p[action].exp();
            }
            expected[row * a + action.0 as usize] += 1.0;
        }
    }
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    assert!(expected.iter().filter(|g| g.abs() > 0.1).count() > 10);
}
