//! Derivatives of logits along a direction, against differences of a plain program in double precision.

use crate::common::{config, drawn, sample};
use burn::tensor::{Device, Tensor};
use gfn_env::{ChildFeatures, UniqueChildren};
use gfn_env::{Environment as _, Features, Hypergrid, Indexed, Streams, Trajectories};
use gfn_policy::{
    AggregatedPolicy, BackwardPolicy, FORBIDDEN, MlpFlowPolicy, MlpPolicy, Policy, TabularPolicy,
    TransitionBatch, Trunk, ValueNetwork, masked_log_softmax_f64, named_parameters,
};

fn entries(tensor: Tensor<2>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Outputs of the perceptron `prefix` in f64, its parameters moved by `step` along `direction`.
fn outputs<P: Policy>(policy: &P, direction: &P, prefix: &str, step: f64, x: &[f32]) -> Vec<f64> {
    let (at, along) = (named_parameters(policy), named_parameters(direction));
    let moved = |name: &str| -> Vec<f64> {
        let pairs = at[name].values.iter().zip(&along[name].values);
        pairs
            .map(|(a, v)| f64::from(*a) + step * f64::from(*v))
            .collect()
    };
    let mut h: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
    for layer in 0.. {
        let name = format!("{prefix}.layers.{layer}.weight");
        let Some(shape) = at.get(&name).map(|t| t.shape.clone()) else {
            break;
        };
        if layer > 0 {
            h.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        let (w, b) = (
            moved(&name),
            moved(&format!("{prefix}.layers.{layer}.bias")),
        );
        let output = |o: usize| {
            let terms = h.iter().enumerate().map(|(i, v)| v * w[i * shape[1] + o]);
            b[o] + terms.sum::<f64>()
        };
        h = (0..shape[1]).map(output).collect();
    }
    h
}

fn check<P: Policy>(
    env: &Hypergrid,
    (policy, direction): (&P, &P),
    prefix: &str,
    trajectories: &Trajectories<gfn_env::HypergridState>,
) {
    let batch = TransitionBatch::new(env, trajectories, policy.backward_policy());
    let found = entries(
        batch
            .forward_tangent(policy, direction)
            .expect("a perceptron"),
    );
    let (n_actions, mut row) = (env.n_actions(), 0);
    let (mut allowed, h) = (vec![false; n_actions], 1e-6);
    for trajectory in trajectories.iter() {
        for state in &trajectory.states[..trajectory.actions.len()] {
            let mut features = Features::new(env.n_features());
            env.encode(state, &mut features.push_row());
            let x = features.to_dense();
            env.forward_mask(state, &mut allowed);
            let up = outputs(policy, direction, prefix, h, &x);
            let down = outputs(policy, direction, prefix, -h, &x);
            for a in 0..n_actions {
                let expected = if allowed[a] {
                    (up[a] - down[a]) / (2.0 * h)
                } else {
                    0.0
                };
                let found = found[row * n_actions + a];
                assert!(
                    (found - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                    "{prefix}, {state:?}, action {a}: {found} is not {expected}"
                );
            }
            row += 1;
        }
    }
}

#[test]
fn tangents_of_perceptrons_are_central_differences() {
    let device = Device::flex().autodiff();
    let env = Hypergrid::new(2, 5).unwrap();
    for hidden in [&[] as &[usize], &[7], &[24, 16, 9]] {
        for (trunk, backward) in [
            (Trunk::Shared, BackwardPolicy::Learned),
            (Trunk::Separate, BackwardPolicy::Uniform),
        ] {
            let config = config(hidden, trunk, backward);
            let make = |seed| {
                let policy = MlpPolicy::new(&config, &env, Streams::new(2), &device);
                drawn(policy, seed, 0.7)
            };
            let (policy, direction) = (make(3), make(4));
            let trajectories = sample(&env, &policy, 8);
            check(&env, (&policy, &direction), "forward", &trajectories);
            let make = |seed| {
                let policy = MlpFlowPolicy::new(&config, &env, Streams::new(2), &device);
                drawn(policy, seed, 0.7)
            };
            let pair = (make(3), make(4));
            check(&env, (&pair.0, &pair.1), "policy.forward", &trajectories);
        }
    }
}

#[test]
fn the_tangent_of_a_table_is_the_direction() {
    let device = Device::flex().autodiff();
    let env = Indexed::new(Hypergrid::new(2, 4).unwrap(), 100).unwrap();
    let table = || TabularPolicy::new(&env, BackwardPolicy::Uniform, &device);
    let (policy, direction) = (drawn(table(), 1, 1.0), drawn(table(), 2, 1.0));
    let trajectories = sample(&env, &policy, 8);
    let batch = TransitionBatch::new(&env, &trajectories, BackwardPolicy::Uniform);
    let along = entries(batch.forward_tangent(&policy, &direction).expect("a table"));
    let logits = entries(batch.forward_logits(&direction));
    for (tangent, logit) in along.iter().zip(&logits) {
        let expected = if *logit == f64::from(FORBIDDEN) {
            0.0
        } else {
            *logit
        };
        assert_eq!(*tangent, expected);
    }
    // A policy without a forward-mode pass says so.
    let grid = UniqueChildren::new(Hypergrid::new(2, 4).unwrap(), ChildFeatures::Actions);
    let config = config(&[8], Trunk::Shared, BackwardPolicy::Uniform);
    let inner = MlpPolicy::new(&config, grid.inner(), Streams::new(0), &device);
    let policy = AggregatedPolicy::new(inner, &grid);
    let trajectories = sample(&grid, &policy, 2);
    let batch = TransitionBatch::new(&grid, &trajectories, BackwardPolicy::Uniform);
    assert!(batch.forward_tangent(&policy, &policy).is_none());
}

#[test]
fn distributions_and_values_are_those_of_the_states() {
    let device = Device::flex().autodiff();
    let env = Hypergrid::new(2, 4).unwrap();
    let config = config(&[8], Trunk::Separate, BackwardPolicy::Learned);
    let policy = MlpPolicy::new(&config, &env, Streams::new(2), &device);
    let trajectories = sample(&env, &policy, 8);
    let batch = TransitionBatch::new(&env, &trajectories, BackwardPolicy::Learned);
    let found = entries(batch.forward_log_probabilities(&policy));
    let taken: Vec<f64> = batch.log_probs(&policy).log_pf.into_data().iter().collect();
    let critic = ValueNetwork::new(&env, &[6], Streams::new(9), &device);
    let read = |t: Tensor<1>| -> Vec<f64> { t.into_data().iter().collect() };
    let values = read(batch.values(&critic, &policy));
    let of_children = read(batch.child_values(&critic, &policy));
    let choices = batch.n_backward_choices();
    let (a, sampler) = (env.n_actions(), policy.sampler());
    let (mut allowed, mut n) = (vec![false; a], 0);
    for trajectory in trajectories.iter() {
        for (t, action) in trajectory.actions.iter().enumerate() {
            let state = &trajectory.states[t];
            let mut features = Features::new(env.n_features());
            env.encode(state, &mut features.push_row());
            let (mut logits, mut workspace) = (Vec::new(), gfn_policy::Workspace::default());
            sampler.forward_logits(&features, &mut workspace, &mut logits);
            env.forward_mask(state, &mut allowed);
            let mut expected = vec![0.0; a];
            masked_log_softmax_f64(&logits, &allowed, &mut expected);
            for i in (0..a).filter(|&i| allowed[i]) {
                assert!((found[n * a + i] - expected[i]).abs() < 1e-5);
            }
            assert!((0..a).all(|i| allowed[i] || found[n * a + i] < -1e8));
            assert!((taken[n] - expected[action.0 as usize]).abs() < 1e-5);
            let states = gfn_policy::FeatureBatch::new(features, device.clone());
            let value = read(critic.values(&states, policy.kernels()))[0];
            assert!((values[n] - value).abs() < 1e-5);
            // The state after one transition is that before the next.
            if t > 0 {
                assert_eq!(of_children[n - 1], values[n]);
            }
            let mut parents = vec![false; env.n_backward_actions()];
            env.backward_mask(&trajectory.states[t + 1], &mut parents);
            assert_eq!(choices[n], parents.iter().filter(|ok| **ok).count());
            n += 1;
        }
    }
}
