//! Rollouts whose actions are sampled in tensor operations on the policy's device, against those of the host.

use crate::common::{config, drawn, key, refused};
use burn::tensor::Device;
use gfn_env::{
    BitSequence, BuildOrder, Environment, Hypergrid, HypergridState, LogRewardFn, StateGraph,
    Streams, Trajectories,
};
use gfn_policy::{
    BackwardPolicy, Behaviour, DeviceSampler, HostPolicy, Kernels, MlpConfig, MlpPolicy, OnPolicy,
    Policy as _, RolloutError, Sampling, SoftmaxMixture, Trunk, complete,
    exact_terminal_distribution, named_parameters, record_rollout, rollout, with_parameters,
};
use std::collections::BTreeMap;

/// A behaviour that is nothing but its closed form.
#[derive(Clone, Copy)]
struct Mixed(SoftmaxMixture);

impl Behaviour for Mixed {
    fn probabilities(&self, logits: &[f32], allowed: &[bool], _: u64, probabilities: &mut [f32]) {
        self.0.probabilities(logits, allowed, probabilities);
    }

    fn closed_form(&self, _iteration: u64) -> Option<SoftmaxMixture> {
        Some(self.0)
    }
}

fn mixed() -> Mixed {
    Mixed(SoftmaxMixture {
        inverse_temperature: 0.6,
        epsilon: 0.2,
        fixed_action: None,
    })
}

fn devices() -> Vec<Device> {
    let mut devices = vec![Device::flex()];
    #[cfg(feature = "ndarray")]
    {
        #[expect(deprecated, reason = "kept while burn 0.22 has it")]
        devices.push(Device::ndarray());
    }
    devices
}

fn shape(kernels: Kernels) -> MlpConfig {
    MlpConfig {
        kernels,
        ..config(&[24, 16], Trunk::Shared, BackwardPolicy::Learned)
    }
}

fn policy<E: Environment>(env: &E, kernels: Kernels, device: &Device) -> MlpPolicy {
    let policy = MlpPolicy::new(&shape(kernels), env, Streams::new(3), device);
    drawn(policy, 4, 0.5)
}

fn sample<E: Environment>(
    env: &E,
    sampler: &dyn HostPolicy,
    behaviour: &dyn Behaviour,
    n: usize,
) -> Trajectories<E::State> {
    let reward = LogRewardFn(|_: &E::State| 0.0);
    rollout(env, &reward, sampler, behaviour, key(7), n).unwrap()
}

fn with_threads<T: Send>(n: usize, f: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build();
    pool.unwrap().install(f)
}

fn check_against_host<E: Environment>(env: &E) {
    for device in devices() {
        for kernels in [Kernels::Fused, Kernels::Composed] {
            let policy = policy(env, kernels, &device);
            let host = policy.clone().with_sampling(Sampling::Host).sampler();
            let on_device = policy.with_sampling(Sampling::Device).sampler();
            assert!(host.device_actions(4096).is_none() && on_device.device_actions(1).is_some());
            for behaviour in [&OnPolicy as &dyn Behaviour, &mixed()] {
                // Of the last, the lanes step in two parts.
                for n in [1, 3, 17, 300, 1100] {
                    let expected = sample(env, host.as_ref(), behaviour, n);
                    let found = sample(env, on_device.as_ref(), behaviour, n);
                    found.validate(env).unwrap();
                    assert_eq!(found, expected, "{n} lanes, {kernels:?}");
                }
            }
        }
    }
}

#[test]
fn the_device_samples_the_trajectories_of_the_host() {
    check_against_host(&Hypergrid::new(2, 8).unwrap());
    check_against_host(&BitSequence::new(8, 2, BuildOrder::AnyPosition).unwrap());
}

#[test]
fn threads_and_parts_change_nothing() {
    let env = Hypergrid::new(2, 8).unwrap();
    let policy = policy(&env, Kernels::Composed, &Device::flex());
    let sampler = policy.with_sampling(Sampling::Device).sampler();
    let parts = |n| sampler.device_actions(n).map(|actions| actions.n_parts(n));
    assert_eq!([parts(300), parts(1100)], [Some(1), Some(2)]);
    let one = with_threads(1, || sample(&env, sampler.as_ref(), &mixed(), 1100));
    let two = with_threads(2, || sample(&env, sampler.as_ref(), &mixed(), 1100));
    assert_eq!(one, two);
}

#[test]
fn the_sampler_of_any_module_samples_on_its_device_where_it_is_told_to() {
    let env = BitSequence::new(8, 2, BuildOrder::AnyPosition).unwrap();
    let policy = policy(&env, Kernels::Fused, &Device::flex());
    let plain = DeviceSampler::new(&policy);
    assert!(plain.device_actions(5000).is_none(), "host memory");
    let told = DeviceSampler::new(&policy).sampling_on_device();
    assert!(told.device_actions(1).is_some());
    let expected = sample(&env, &plain, &mixed(), 40);
    assert_eq!(sample(&env, &told, &mixed(), 40), expected);
}

#[test]
fn a_behaviour_without_a_closed_form_is_sampled_on_the_host() {
    /// The uniform behaviour.
    struct Uniform;
    impl Behaviour for Uniform {
        fn probabilities(&self, _: &[f32], allowed: &[bool], _: u64, p: &mut [f32]) {
            let share = 1.0 / allowed.iter().filter(|ok| **ok).count() as f32;
            for (p, &ok) in p.iter_mut().zip(allowed) {
                *p = if ok { share } else { 0.0 };
            }
        }
    }
    let env = Hypergrid::new(2, 8).unwrap();
    let policy = policy(&env, Kernels::Fused, &Device::flex());
    let expected = sample(&env, policy.sampler().as_ref(), &Uniform, 90);
    let told = DeviceSampler::new(&policy).sampling_on_device();
    assert_eq!(sample(&env, &told, &Uniform, 90), expected);
    let told = policy.with_sampling(Sampling::Device).sampler();
    assert_eq!(sample(&env, told.as_ref(), &Uniform, 90), expected);
}

#[test]
fn beginnings_are_completed_and_nothing_is_recorded_on_the_device() {
    let env = Hypergrid::new(2, 8).unwrap();
    let policy = policy(&env, Kernels::Fused, &Device::flex());
    let (host, device) = (
        policy.sampler(),
        policy.clone().with_sampling(Sampling::Device).sampler(),
    );
    let reward = LogRewardFn(|_: &HypergridState| 0.0);
    let mut beginnings = Trajectories::new();
    for _ in 0..9 {
        beginnings.push(vec![env.source()], &[], &[], 0.0);
    }
    let of = |sampler: &dyn HostPolicy| {
        complete(&env, &reward, sampler, &mixed(), &beginnings, key(2)).unwrap()
    };
    assert_eq!(of(device.as_ref()), of(host.as_ref()));
    let (trajectories, recording) =
        record_rollout(&env, &reward, device.as_ref(), &OnPolicy, key(7), 20).unwrap();
    assert_eq!(trajectories, sample(&env, host.as_ref(), &OnPolicy, 20));
    let batch = gfn_policy::TransitionBatch::recorded(
        &env,
        &trajectories,
        BackwardPolicy::Learned,
        recording,
    );
    assert_eq!(batch.n_transitions(), trajectories.n_transitions());
}

/// Objects of 20,000 trajectories against the exact distribution of the policy: a sampler that is right fails for one seed
/// in ten thousand, and the seed is fixed.
#[test]
fn objects_sampled_on_the_device_have_their_probabilities() {
    let env = Hypergrid::new(2, 4).unwrap();
    let policy = policy(&env, Kernels::Composed, &Device::flex());
    let graph = StateGraph::explore(&env, 1_000).unwrap();
    let exact = exact_terminal_distribution(&env, &graph, policy.sampler().as_ref()).unwrap();
    let states: Vec<_> = graph.terminal_states().to_vec();
    let sampler = policy.with_sampling(Sampling::Device).sampler();
    let counts = |behaviour: &dyn Behaviour| {
        let mut counts = BTreeMap::new();
        for object in sample(&env, sampler.as_ref(), behaviour, 20_000).terminals() {
            *counts.entry(*object).or_insert(0) += 1;
        }
        states
            .iter()
            .map(|state| counts.get(state).copied().unwrap_or(0))
            .collect::<Vec<u64>>()
    };
    assert!(!refused(&counts(&OnPolicy), &exact));
    // The test can tell.
    assert!(refused(&counts(&mixed()), &exact));
}

/// First actions of 20,000 trajectories against the mixture at the source, by the same test.
#[test]
fn first_actions_with_temperature_and_epsilon_have_their_probabilities() {
    let env = BitSequence::new(4, 2, BuildOrder::AnyPosition).unwrap();
    let policy = policy(&env, Kernels::Composed, &Device::flex());
    let mut features = gfn_env::Features::new(env.n_features());
    env.encode(&env.source(), &mut features.push_row());
    let (mut logits, mut allowed) = (Vec::new(), vec![false; env.n_actions()]);
    env.forward_mask(&env.source(), &mut allowed);
    let host = policy.sampler();
    host.forward_logits(
        &features,
        &mut gfn_policy::Workspace::default(),
        &mut logits,
    );
    let sampler = policy.with_sampling(Sampling::Device).sampler();
    let mut counts = vec![0u64; env.n_actions()];
    for trajectory in sample(&env, sampler.as_ref(), &mixed(), 20_000).iter() {
        counts[trajectory.actions[0].index()] += 1;
    }
    let of = |mixture: SoftmaxMixture| {
        let mut p = vec![0.0; logits.len()];
        mixture.probabilities(&logits, &allowed, &mut p);
        p.into_iter().map(f64::from).collect::<Vec<_>>()
    };
    let Mixed(mixture) = mixed();
    assert!(!refused(&counts, &of(mixture)), "{counts:?}");
    for other in [
        SoftmaxMixture {
            epsilon: 0.0,
            ..mixture
        },
        SoftmaxMixture {
            inverse_temperature: 1.0,
            ..mixture
        },
    ] {
        assert!(refused(&counts, &of(other)), "the test can tell");
    }
}

#[test]
fn logits_that_are_not_finite_name_lane_and_state() {
    let env = Hypergrid::new(2, 3).unwrap();
    let reward = LogRewardFn(|_: &HypergridState| 0.0);
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let good = policy(&env, Kernels::Composed, &Device::flex());
        let mut tensors = named_parameters(&good);
        tensors.get_mut("forward.layers.2.bias").unwrap().values[1] = value;
        let bad = with_parameters(good, &tensors).unwrap();
        let sampler = bad.with_sampling(Sampling::Device).sampler();
        let error = rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key(0), 130).unwrap_err();
        assert!(
            matches!(&error, RolloutError::NonFiniteLogits { lane: 0, state } if state == "[0, 0]"),
            "{error}"
        );
    }
}
