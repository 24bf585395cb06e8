//! Transformer policies: what must not matter to them, and against a plain program in f64 (`reference.rs`).

mod reference;

use crate::common::{drawn, gradients, key, sample};
use burn::tensor::{Device, Tensor};
use gfn_env::sequence::SequenceOrder;
use gfn_env::set::Stopping;
use gfn_env::{
    BayesianNetwork, BitSequence, BuildOrder, Environment, Features, Hypergrid, LogRewardFn,
    Parentheses, Peptide, Phylogeny, Sequence, Set, Streams, TfBind8,
};
use gfn_loss::{Regression, trajectory_balance};
use gfn_policy::{
    Attention, BackwardPolicy, FeatureBatch, FlowPolicy as _, HostPolicy, OnPolicy, Policy,
    Sampling, TransformerConfig, TransformerError, TransformerFlowPolicy, TransformerPolicy,
    TransitionBatch, Trunk, Workspace, named_parameters, record_rollout, rollout,
};

/// Largest difference between two ways to compute a logit in f32.
const CLOSE: f32 = 1e-5;

fn config(attention: Attention, trunk: Trunk, backward: BackwardPolicy) -> TransformerConfig {
    TransformerConfig {
        attention,
        layers: 2,
        heads: 2,
        width: 4,
        feed_forward: 5,
        trunk,
        backward,
        log_z_init: 0.75,
        ..TransformerConfig::default()
    }
}

fn shared(attention: Attention) -> TransformerConfig {
    config(attention, Trunk::Shared, BackwardPolicy::Learned)
}

/// A policy with parameters far from those it starts with.
fn policy<E: Environment>(config: &TransformerConfig, env: &E) -> TransformerPolicy {
    let device = Device::flex().autodiff();
    let policy = TransformerPolicy::new(config, env, Streams::new(2), &device).unwrap();
    drawn(policy, 21, 0.8)
}

/// Sets of up to four of five elements, with an exit: states of different sizes.
fn sets() -> Set {
    Set::new(5, 4, Stopping::AnySize).unwrap()
}

/// Peptides of one to four residues of three kinds: lanes that end at different times.
fn peptides() -> Peptide {
    Peptide::new(1, 4, "KAD").unwrap()
}

fn encoded<E: Environment>(env: &E, states: &[E::State]) -> Features {
    let mut features = Features::new(env.n_features());
    for state in states {
        env.encode(state, &mut features.push_row());
    }
    features
}

/// All states of some trajectories that are not terminal.
fn states_of<E: Environment>(env: &E, n: usize) -> Vec<E::State> {
    let reward = LogRewardFn(|_: &E::State| 0.0);
    let uniform = TransformerPolicy::new(
        &shared(Attention::Bidirectional),
        env,
        Streams::new(0),
        &Device::flex(),
    );
    let sampler = uniform.unwrap().sampler();
    let batch = rollout(env, &reward, sampler.as_ref(), &OnPolicy, key(5), n).unwrap();
    let states = batch.iter().flat_map(|path| path.states.iter().cloned());
    states.filter(|state| !env.is_terminal(state)).collect()
}

/// Forward logits, then backward logits, of each row, by the module.
fn by_module<P: Policy>(policy: &P, features: &Features) -> Vec<Vec<f32>> {
    let logits = policy.logits(&FeatureBatch::new(features.clone(), policy.device()));
    let forward = logits.forward.tensor();
    let mut rows = rows(forward);
    if let Some(backward) = logits.backward {
        let backward = self::rows(backward.tensor());
        rows.iter_mut()
            .zip(backward)
            .for_each(|(row, more)| row.extend(more));
    }
    rows
}

fn rows(tensor: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, width] = tensor.dims();
    let values: Vec<f32> = tensor.into_data().iter().collect();
    values.chunks_exact(width).map(<[f32]>::to_vec).collect()
}

/// The same by the host copy.
fn by_host(
    policy: &dyn HostPolicy,
    features: &Features,
    workspace: &mut Workspace,
) -> Vec<Vec<f32>> {
    let n = features.n_rows();
    let (mut forward, mut backward) = (Vec::new(), Vec::new());
    policy.forward_logits(features, workspace, &mut forward);
    policy.backward_logits(features, workspace, &mut backward);
    let row = |i: usize| {
        let of = |values: &[f32]| values[i * values.len() / n..(i + 1) * values.len() / n].to_vec();
        [of(&forward), of(&backward)].concat()
    };
    (0..n).map(row).collect()
}

fn assert_close(what: &str, found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len(), "{what}: rows");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}: logits of row {i}");
        for (a, b) in found.iter().zip(expected) {
            assert!(
                (a - b).abs() <= CLOSE * (1.0 + b.abs()),
                "{what}: {a} and {b} in row {i}"
            );
        }
    }
}

#[test]
fn an_untrained_policy_is_uniform() {
    let device = Device::flex();
    for attention in [Attention::Bidirectional, Attention::Causal] {
        for trunk in [Trunk::Shared, Trunk::Separate] {
            let config = config(attention, trunk, BackwardPolicy::Learned);
            let env = peptides();
            let policy = TransformerFlowPolicy::new(&config, &env, Streams::new(2), &device);
            let policy = policy.unwrap();
            let features = encoded(&env, &states_of(&env, 10));
            let batch = FeatureBatch::new(features.clone(), device.clone());
            let (logits, flow) = policy.logits_and_log_flow(&batch);
            let zero = |tensor: Tensor<2>| rows(tensor).concat().iter().all(|v| *v == 0.0);
            assert!(zero(logits.forward.tensor()) && zero(flow.tensor()));
            assert!(zero(logits.backward.unwrap().tensor()));
            let host = by_host(
                policy.sampler().as_ref(),
                &features,
                &mut Workspace::default(),
            );
            assert!(host.concat().iter().all(|v| *v == 0.0));
            assert_eq!(policy.log_z().into_scalar::<f32>(), 0.75);
        }
    }
}

/// Whatever else is in the batch, and so however much a state is padded, its logits stay.
fn other_rows_do_not_matter<E: Environment>(env: &E, attention: Attention) {
    let policy = policy(&shared(attention), env);
    let sampler = policy.sampler();
    let features = encoded(env, &states_of(env, 12));
    let together = by_module(&policy, &features);
    let host = by_host(sampler.as_ref(), &features, &mut Workspace::default());
    assert_close("host and module", &host, &together);
    let mut alone = Vec::new();
    for (i, expected) in host.iter().enumerate() {
        let mut row = Features::new(features.width());
        let mut to = row.push_row();
        features.row(i).0.iter().for_each(|&j| to.one(j as usize));
        alone.extend(by_module(&policy, &row));
        // To the last bit on the host.
        let found = by_host(sampler.as_ref(), &row, &mut Workspace::default());
        assert_eq!(found, std::slice::from_ref(expected), "row {i} alone");
    }
    assert_close("alone and together", &alone, &together);
    // The states are not all alike.
    let first = &together[0];
    assert!(
        together
            .iter()
            .any(|row| row.iter().zip(first).any(|(a, b)| (a - b).abs() > 0.01))
    );
}

#[test]
fn logits_do_not_depend_on_the_other_rows() {
    other_rows_do_not_matter(&sets(), Attention::Bidirectional);
    other_rows_do_not_matter(&peptides(), Attention::Bidirectional);
    other_rows_do_not_matter(&peptides(), Attention::Causal);
}

#[test]
fn the_order_of_tokens_matters_to_causal_attention_alone() {
    let env = peptides();
    let (mut forward, mut backward) = (Features::new(12), Features::new(12));
    for tokens in [&[0, 4, 8, 10][..], &[2, 3], &[1, 5, 7]] {
        let (mut to, mut reversed) = (forward.push_row(), backward.push_row());
        tokens.iter().for_each(|&i| to.one(i));
        tokens.iter().rev().for_each(|&i| reversed.one(i));
    }
    let policy_of = |attention| policy(&shared(attention), &env);
    let bidirectional = policy_of(Attention::Bidirectional);
    assert_close(
        "reversed",
        &by_module(&bidirectional, &backward),
        &by_module(&bidirectional, &forward),
    );
    let causal = policy_of(Attention::Causal);
    let pairs = by_module(&causal, &backward).concat();
    let mut pairs = pairs.iter().zip(by_module(&causal, &forward).concat());
    assert!(pairs.any(|(a, b)| (a - b).abs() > 0.1));
}

#[test]
fn later_tokens_do_not_change_earlier_outputs() {
    let env = peptides();
    let policy = policy(&shared(Attention::Causal), &env);
    let of = |rows: &[&[usize]]| {
        let mut features = Features::new(12);
        for row in rows {
            let mut to = features.push_row();
            row.iter().for_each(|&i| to.one(i));
        }
        by_module(&policy, &features)
    };
    // All of one trajectory, in one sequence, and each state by itself.
    let path: &[&[usize]] = &[&[], &[1], &[1, 5], &[1, 5, 6]];
    let alone: Vec<_> = path.iter().flat_map(|row| of(&[row])).collect();
    assert_close("a trajectory", &of(path), &alone);
    // Another end.
    let other = of(&[&[], &[1], &[1, 5], &[1, 5, 8]]);
    assert_close("another end", &other[..3], &alone[..3]);
    assert!(
        other[3]
            .iter()
            .zip(&alone[3])
            .any(|(a, b)| (a - b).abs() > 0.01)
    );
}

#[test]
fn a_sampler_that_keeps_keys_and_values_gives_the_logits_of_whole_states() {
    for trunk in [Trunk::Shared, Trunk::Separate] {
        let env = peptides();
        let policy = policy(
            &config(Attention::Causal, trunk, BackwardPolicy::Learned),
            &env,
        );
        let sampler = policy.sampler();
        let batch = sample(&env, &policy, 40);
        let mut lengths: Vec<usize> = batch.iter().map(|path| path.actions.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        assert!(lengths.len() >= 3, "lanes end at different times");
        // The steps of a rollout, with one workspace.
        let mut workspace = Workspace::default();
        let mut forward = Vec::new();
        for t in 0.. {
            let alive = batch.iter().filter(|path| t < path.actions.len());
            let states: Vec<_> = alive.map(|path| path.states[t]).collect();
            if states.is_empty() {
                break;
            }
            let features = encoded(&env, &states);
            sampler.forward_logits(&features, &mut workspace, &mut forward);
            let fresh = by_host(sampler.as_ref(), &features, &mut Workspace::default());
            let whole = by_module(&policy, &features);
            let kept = forward.chunks_exact(env.n_actions());
            for (i, kept) in kept.enumerate() {
                // Equal to the last bit on the host.
                assert_eq!(kept, &fresh[i][..env.n_actions()], "step {t}, row {i}");
            }
            assert_close("whole states", &fresh, &whole);
        }
    }
}

/// The same trajectories in batches of every size, on every number of threads, and with tensor operations.
fn rollouts_agree<E: Environment>(env: &E, attention: Attention) {
    let policy = policy(&shared(attention), env);
    let reward = LogRewardFn(|_: &E::State| 0.0);
    let run =
        |sampler: &dyn HostPolicy, n| rollout(env, &reward, sampler, &OnPolicy, key(7), n).unwrap();
    let sampler = policy.sampler();
    let all = run(sampler.as_ref(), 70);
    all.validate(env).unwrap();
    for n in [1, 2, 19] {
        let some = run(sampler.as_ref(), n);
        for b in 0..n {
            assert_eq!(
                some.trajectory(b).states,
                all.trajectory(b).states,
                "{n} lanes"
            );
        }
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    assert_eq!(pool.install(|| run(sampler.as_ref(), 70)), all);
    // No activations are recorded: there are none to go on from.
    let (again, recording) =
        record_rollout(env, &reward, sampler.as_ref(), &OnPolicy, key(7), 70).unwrap();
    assert_eq!(again, all);
    let laid_out = TransitionBatch::recorded(env, &all, BackwardPolicy::Learned, recording);
    assert_eq!(laid_out.n_transitions(), all.n_transitions());
    let on_device = policy.with_sampling(Sampling::Device).sampler();
    assert!(on_device.device_actions(1).is_some());
    assert_eq!(run(on_device.as_ref(), 70), all);
}

#[test]
fn rollouts_depend_on_neither_batch_nor_threads_nor_place() {
    rollouts_agree(&sets(), Attention::Bidirectional);
    rollouts_agree(&peptides(), Attention::Causal);
}

#[test]
fn every_parameter_but_the_biases_of_keys_gets_a_gradient() {
    let env = sets();
    for trunk in [Trunk::Shared, Trunk::Separate] {
        let policy = policy(
            &config(Attention::Bidirectional, trunk, BackwardPolicy::Learned),
            &env,
        );
        let batch = TransitionBatch::new(&env, &sample(&env, &policy, 16), BackwardPolicy::Learned);
        let gradients = gradients(&policy, tb_loss(&policy, &batch));
        for name in named_parameters(&policy).keys() {
            // A softmax does not change where the same is added to all scores.
            if name.ends_with("mha.key.bias") {
                continue;
            }
            let gradient = gradients.get(name);
            assert!(
                gradient.is_some_and(|g| g.iter().any(|v| v.abs() > 1e-6)),
                "no gradient reaches {name}"
            );
        }
        assert!(gradients.contains_key("networks.log_z"));
    }
}

fn tb_loss<P: Policy>(policy: &P, batch: &TransitionBatch) -> Tensor<1> {
    trajectory_balance(&batch.log_probs(policy), policy.log_z()).loss(&Regression::Squared {})
}

#[test]
fn environments_that_append_features_can_be_read_causally() {
    let causal = TransformerConfig {
        attention: Attention::Causal,
        ..TransformerConfig::default()
    };
    let bag = gfn_env::Bag::new(3, 4).unwrap();
    assert_eq!(causal.check(&peptides()), Ok(()));
    assert_eq!(causal.check(&TfBind8::new()), Ok(()));
    assert_eq!(causal.check(&Sequence::new(4, 3).unwrap()), Ok(()));
    assert_eq!(causal.check(&Parentheses::new(8, 2).unwrap()), Ok(()));
    let strings = |order| BitSequence::new(6, 2, order).unwrap();
    assert_eq!(causal.check(&strings(BuildOrder::Autoregressive)), Ok(()));

    fn refused<E: Environment>(config: &TransformerConfig, env: &E) {
        let error = config.check(env).unwrap_err();
        assert!(
            matches!(error, TransformerError::NotAppending { .. }),
            "{error}"
        );
        let built = TransformerPolicy::new(config, env, Streams::new(0), &Device::flex());
        assert_eq!(built.err(), Some(error));
        let bidirectional = TransformerConfig::default();
        assert_eq!(bidirectional.check(env), Ok(()));
    }
    refused(&causal, &strings(BuildOrder::AnyPosition));
    refused(&causal, &sets());
    refused(&causal, &Set::new(4, 2, Stopping::AtSize).unwrap());
    refused(&causal, &Hypergrid::new(2, 4).unwrap());
    refused(&causal, &bag);
    refused(&causal, &BayesianNetwork::new(3).unwrap());
    for order in [SequenceOrder::EitherEnd, SequenceOrder::AnyPosition] {
        refused(&causal, &Sequence::new(3, 3).unwrap().with_order(order));
    }
}

#[test]
fn numbers_that_do_not_fit_and_features_that_are_no_tokens_are_refused() {
    let env = Hypergrid::new(2, 4).unwrap();
    let error = |config: TransformerConfig| config.check(&env).unwrap_err().to_string();
    let start = TransformerConfig::default;
    assert!(
        error(TransformerConfig {
            layers: 0,
            ..start()
        })
        .starts_with("layers = 0")
    );
    assert!(
        error(TransformerConfig {
            heads: 0,
            ..start()
        })
        .starts_with("heads = 0")
    );
    assert!(
        error(TransformerConfig {
            width: 0,
            ..start()
        })
        .starts_with("width = 0")
    );
    let feed_forward = TransformerConfig {
        feed_forward: 0,
        ..start()
    };
    assert!(error(feed_forward).starts_with("feed_forward = 0"));
    assert!(
        error(TransformerConfig {
            heads: 3,
            ..start()
        })
        .contains("no multiple of heads = 3")
    );

    let error = start().check(&Phylogeny::new(4).unwrap()).unwrap_err();
    assert!(
        matches!(error, TransformerError::NotBinary { value, .. } if value == 0.5),
        "{error}"
    );
}
