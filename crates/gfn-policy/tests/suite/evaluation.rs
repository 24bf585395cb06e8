//! Evaluation of whole batches on a device against one state at a time on the host.

use crate::common::{configs, drawn, sample};
use burn::tensor::{Device, Tensor};
use gfn_env::{
    BitSequence, BuildOrder, Environment, Features, Hypergrid, Indexed, StateGraph, Streams,
    TfBind8, Trajectories,
};
use gfn_policy::{
    BackwardPolicy, HostPolicy, MlpFlowPolicy, MlpPolicy, Policy, TabularFlowPolicy, TabularPolicy,
    TransitionBatch, Workspace, exact_terminal_distribution, masked_log_softmax_f64,
    score_trajectories,
};

fn read(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// `log P_F` and `log P_B` of every transition, one network pass for each state.
fn one_by_one<E: Environment>(
    env: &E,
    policy: &dyn HostPolicy,
    batch: &Trajectories<E::State>,
) -> (Vec<f64>, Vec<f64>) {
    let row = |state: &E::State| {
        let mut features = Features::new(env.n_features());
        env.encode(state, &mut features.push_row());
        features
    };
    let mut workspace = Workspace::default();
    let mut logits = Vec::new();
    let (mut log_pf, mut log_pb) = (Vec::new(), Vec::new());
    for trajectory in batch.iter() {
        for (t, action) in trajectory.actions.iter().enumerate() {
            let mut allowed = vec![false; env.n_actions()];
            let mut out = vec![0.0; env.n_actions()];
            env.forward_mask(&trajectory.states[t], &mut allowed);
            policy.forward_logits(&row(&trajectory.states[t]), &mut workspace, &mut logits);
            masked_log_softmax_f64(&logits, &allowed, &mut out);
            log_pf.push(out[action.index()]);
        }
        for (t, action) in trajectory.backward_actions.iter().enumerate() {
            let mut allowed = vec![false; env.n_backward_actions()];
            let mut out = vec![0.0; env.n_backward_actions()];
            env.backward_mask(&trajectory.states[t + 1], &mut allowed);
            policy.backward_logits(&row(&trajectory.states[t + 1]), &mut workspace, &mut logits);
            if policy.backward_policy() == BackwardPolicy::Uniform {
                assert!(logits.is_empty(), "a uniform P_B has no logits");
                logits.resize(env.n_backward_actions(), 0.0);
            }
            masked_log_softmax_f64(&logits, &allowed, &mut out);
            log_pb.push(out[action.index()]);
        }
    }
    (log_pf, log_pb)
}

fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * (1.0 + e.abs()),
            "{what} {i}: {f} is not {e}"
        );
    }
}

fn sums(values: &[f64], offsets: &[usize]) -> Vec<f64> {
    let ends = offsets.windows(2);
    ends.map(|w| values[w[0]..w[1]].iter().sum()).collect()
}

fn check<E: Environment, P: Policy>(env: &E, policy: &P) {
    let batch = sample(env, policy, 17);
    batch.validate(env).unwrap();
    let sampler = policy.sampler();
    let (log_pf, log_pb) = one_by_one(env, sampler.as_ref(), &batch);

    let laid_out = TransitionBatch::new(env, &batch, policy.backward_policy());
    assert_eq!(laid_out.n_transitions(), batch.n_transitions());
    let x = laid_out.log_probs(policy);
    assert_close("log P_F", &read(x.log_pf), &log_pf, 1e-5);
    assert_close("log P_B", &read(x.log_pb), &log_pb, 1e-5);
    assert_eq!(read(x.log_reward), batch.log_reward());

    let scores = score_trajectories(env, sampler.as_ref(), &batch);
    let (f, b): (Vec<f64>, Vec<f64>) = scores.iter().map(|s| (s.log_pf, s.log_pb)).unzip();
    assert_close("score P_F", &f, &sums(&log_pf, batch.offsets()), 1e-12);
    assert_close("score P_B", &b, &sums(&log_pb, batch.offsets()), 1e-12);
    // Not a comparison of zeros: something is chosen on every trajectory.
    assert!(f.iter().all(|v| *v < -0.1), "{f:?}");
}

fn check_networks<E: Environment>(env: &E) {
    for config in configs() {
        let policy = MlpPolicy::new(&config, env, Streams::new(3), &Device::flex());
        check(env, &drawn(policy, 5, 0.5));
        let policy = MlpFlowPolicy::new(&config, env, Streams::new(3), &Device::flex());
        check(env, &drawn(policy, 6, 0.5));
    }
}

#[test]
fn hypergrid_on_device_equals_the_host() {
    check_networks(&Hypergrid::new(3, 5).unwrap());
}

#[test]
fn any_position_strings_on_device_equal_the_host() {
    // Complete strings have several parents here: a learned P_B is evaluated at terminal states.
    check_networks(&BitSequence::new(8, 2, BuildOrder::AnyPosition).unwrap());
}

#[test]
fn tfbind8_on_device_equals_the_host() {
    check_networks(&TfBind8::new());
}

#[test]
fn tables_on_device_equal_the_host() {
    for backward in [BackwardPolicy::Uniform, BackwardPolicy::Learned] {
        let env = Indexed::new(Hypergrid::new(2, 4).unwrap(), 100).unwrap();
        check(
            &env,
            &drawn(TabularPolicy::new(&env, backward, &Device::flex()), 2, 2.0),
        );
        let strings = BitSequence::new(3, 1, BuildOrder::AnyPosition).unwrap();
        let env = Indexed::new(strings, 100).unwrap();
        let policy = TabularFlowPolicy::new(&env, backward, &Device::flex());
        check(&env, &drawn(policy, 2, 2.0));
    }
}

#[test]
fn the_exit_edge_has_log_pb_exactly_zero() {
    let env = Hypergrid::new(2, 6).unwrap();
    for config in configs() {
        let policy = MlpPolicy::new(&config, &env, Streams::new(3), &Device::flex());
        let policy = drawn(policy, 5, 0.3);
        let batch = sample(&env, &policy, 32);
        let x = TransitionBatch::new(&env, &batch, policy.backward_policy()).log_probs(&policy);
        let log_pb = read(x.log_pb);
        for end in &batch.offsets()[1..] {
            assert_eq!(log_pb[end - 1], 0.0, "{:?}", config.backward);
        }
        assert!(log_pb.iter().any(|v| *v < 0.0), "other edges have a choice");
    }
}

#[test]
fn flows_along_a_trajectory_start_at_log_z_and_end_at_the_reward() {
    let env = Hypergrid::new(2, 5).unwrap();
    for config in configs() {
        let policy = MlpFlowPolicy::new(&config, &env, Streams::new(4), &Device::flex());
        let policy = drawn(policy, 9, 0.5);
        let batch = sample(&env, &policy, 9);
        let laid_out = TransitionBatch::new(&env, &batch, policy.backward_policy());
        let (x, log_flow) = laid_out.log_probs_and_log_flow(&policy);
        let log_flow = read(log_flow);
        assert_eq!(log_flow.len(), batch.states().len());
        let log_z = f64::from(policy.log_z().into_scalar::<f32>());
        let without = laid_out.log_probs(&policy);
        assert_eq!(read(x.log_pf), read(without.log_pf));
        assert_eq!(read(x.log_pb), read(without.log_pb));

        let mut at = 0;
        for trajectory in batch.iter() {
            for (t, state) in trajectory.states.iter().enumerate() {
                let expected = if t == 0 {
                    log_z
                } else if t == trajectory.actions.len() {
                    trajectory.log_reward
                } else {
                    network_flow(&env, &policy, state)
                };
                assert!(
                    (log_flow[at] - expected).abs() < 1e-5,
                    "state {t}: {} is not {expected}",
                    log_flow[at]
                );
                at += 1;
            }
        }
    }
}

fn network_flow<E: Environment>(env: &E, policy: &MlpFlowPolicy, state: &E::State) -> f64 {
    use gfn_policy::FlowPolicy as _;
    let mut features = Features::new(env.n_features());
    env.encode(state, &mut features.push_row());
    let batch = gfn_policy::FeatureBatch::new(features, policy.device());
    f64::from(
        policy
            .logits_and_log_flow(&batch)
            .1
            .tensor()
            .into_scalar::<f32>(),
    )
}

#[test]
fn probabilities_of_every_state_and_of_all_objects_sum_to_one() {
    fn check<E: Environment>(env: &E, policy: &dyn HostPolicy) {
        let graph = StateGraph::explore(env, 1_000).unwrap();
        let mut workspace = Workspace::default();
        let a = env.n_actions();
        for state in &graph.states()[..graph.n_non_terminal()] {
            let mut features = Features::new(env.n_features());
            env.encode(state, &mut features.push_row());
            let (mut logits, mut allowed, mut out) = (vec![], vec![false; a], vec![0.0; a]);
            policy.forward_logits(&features, &mut workspace, &mut logits);
            env.forward_mask(state, &mut allowed);
            masked_log_softmax_f64(&logits, &allowed, &mut out);
            let total: f64 = out.iter().map(|v| v.exp()).sum();
            assert!((total - 1.0).abs() < 1e-12, "{state:?}: {total}");
        }
        let p = exact_terminal_distribution(env, &graph, policy).unwrap();
        assert!(p.iter().all(|p| *p > 0.0), "every object is reached");
        let total: f64 = p.iter().sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");
    }
    let grid = Hypergrid::new(2, 6).unwrap();
    for config in configs() {
        let policy = MlpPolicy::new(&config, &grid, Streams::new(0), &Device::flex());
        check(&grid, drawn(policy, 8, 0.7).sampler().as_ref());
    }
    let indexed = Indexed::new(grid, 100).unwrap();
    let policy = TabularPolicy::new(&indexed, BackwardPolicy::Learned, &Device::flex());
    check(&indexed, drawn(policy, 8, 3.0).sampler().as_ref());
}

#[test]
fn exact_distribution_of_the_uniform_policy_by_hand() {
    // 00 has three actions: exit 1/3, to 10 and 01 1/3 each. Those have two: exit 1/3·1/2 = 1/6, and 1/6 each goes on to
    // 11, where all of 1/3 exits.
    let env = Indexed::new(Hypergrid::new(2, 2).unwrap(), 10).unwrap();
    let policy = TabularPolicy::new(&env, BackwardPolicy::Uniform, &Device::flex());
    let p = exact_terminal_distribution(&env, env.graph(), policy.sampler().as_ref()).unwrap();
    for (state, p) in env.graph().terminal_states().iter().zip(p) {
        let expected = match state.coordinates() {
            [0, 0] | [1, 1] => 1.0 / 3.0,
            _ => 1.0 / 6.0,
        };
        assert!((p - expected).abs() < 1e-12, "{state:?}: {p}");
    }
}
