//! Policies on distinct children, against plain f64 programs of the same formulas.

use crate::common::{drawn, gradients, key};
use crate::either_end::EitherEnd;
use burn::tensor::{Device, Tensor};
use gfn_env::{
    Action, ChildFeatures, Environment, Features, Hypergrid, LogRewardFn, Streams, Trajectories,
    UniqueChildren,
};
use gfn_loss::{Regression, trajectory_balance};
use gfn_policy::{
    AggregatedPolicy, BackwardPolicy, EdgeFlowConfig, EdgeFlowPolicy, FeatureBatch,
    FlowPolicy as _, MlpConfig, MlpPolicy, NamedTensor, OnPolicy, Policy, TransitionBatch,
    Workspace, named_parameters, record_rollout, rollout,
};
use std::collections::BTreeMap;

type Parameters = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// The layers `name.layers.0 ..` with ReLU between them.
fn mlp(parameters: &Parameters, name: &str, x: &[f64]) -> Vec<f64> {
    let mut h = x.to_vec();
    for layer in 0.. {
        let Some((shape, w)) = parameters.get(&format!("{name}.layers.{layer}.weight")) else {
            break;
        };
        let bias = &parameters[&format!("{name}.layers.{layer}.bias")].1;
        if layer > 0 {
            h.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        let output = |o: usize| {
            let terms = h.iter().enumerate().map(|(i, v)| v * w[i * shape[1] + o]);
            bias[o] + terms.sum::<f64>()
        };
        h = (0..shape[1]).map(output).collect();
    }
    h
}

fn encoding<E: Environment>(env: &E, state: &E::State) -> Vec<f64> {
    let mut features = Features::new(env.n_features());
    env.encode(state, &mut features.push_row());
    features.to_dense().into_iter().map(f64::from).collect()
}

/// Actions and children, duplicates included.
fn children<E: Environment>(env: &E, state: &E::State) -> Vec<(usize, E::State)> {
    let mut allowed = vec![false; env.n_actions()];
    env.forward_mask(state, &mut allowed);
    let step = |action: usize| {
        let mut child = state.clone();
        env.step(&mut child, Action(action as u32)).unwrap();
        (action, child)
    };
    (0..allowed.len())
        .filter(|&a| allowed[a])
        .map(step)
        .collect()
}

fn n_parents<E: Environment>(env: &E, state: &E::State) -> usize {
    let mut allowed = vec![false; env.n_backward_actions()];
    env.backward_mask(state, &mut allowed);
    allowed.iter().filter(|ok| **ok).count()
}

/// A score of every action of a state, from which the probability of a child follows.
type Scores<'a, E> =
    dyn Fn(&Parameters, &<E as Environment>::State) -> Vec<(f64, <E as Environment>::State)> + 'a;

/// `log (Σ over the entries of `child`) − log (Σ over all)` of the exponentials.
fn log_pf<S: PartialEq>(scores: &[(f64, S)], child: &S) -> f64 {
    let sum = |chosen: &dyn Fn(&S) -> bool| -> f64 {
        let terms = scores.iter().filter(|(_, c)| chosen(c));
        terms.map(|(l, _)| l.exp()).sum()
    };
    (sum(&|c| c == child) / sum(&|_| true)).ln()
}

/// Mean squared trajectory balance with a uniform P_B over the distinct parents.
fn tb<E: Environment>(
    env: &UniqueChildren<E>,
    batch: &Trajectories<E::State>,
    parameters: &Parameters,
    scores: &Scores<'_, E>,
) -> f64 {
    let square = |b: usize| {
        let path = batch.trajectory(b);
        let log_z = parameters.iter().find(|(name, _)| name.ends_with("log_z"));
        let mut t = path.log_reward - log_z.unwrap().1.1[0];
        for edge in path.states.windows(2) {
            t -= log_pf(&scores(parameters, &edge[0]), &edge[1]);
            t -= (n_parents(env, &edge[1]) as f64).ln();
        }
        t * t
    };
    (0..batch.len()).map(square).sum::<f64>() / batch.len() as f64
}

/// Loss and gradients of trajectory balance against central differences of the plain program.
fn check_gradients<E: Environment, P: Policy>(
    env: &UniqueChildren<E>,
    policy: &P,
    scores: &Scores<'_, E>,
) {
    let batch = sample(env, policy, 12);
    let laid_out = TransitionBatch::new(env, &batch, BackwardPolicy::Uniform);
    let loss = trajectory_balance(&laid_out.log_probs(policy), policy.log_z());
    let loss = loss.loss(&Regression::Squared {});
    let parameters: Parameters = named_parameters(policy)
        .into_iter()
        .map(|(name, NamedTensor { shape, values })| {
            (name, (shape, values.into_iter().map(f64::from).collect()))
        })
        .collect();
    let value = f64::from(loss.clone().into_scalar::<f32>());
    let expected = tb(env, &batch, &parameters, scores);
    assert!(
        (value - expected).abs() < 1e-4 * expected,
        "{value} {expected}"
    );
    let found = gradients(policy, loss);
    const H: f64 = 1e-6;
    let mut moving = 0;
    for (name, (_, values)) in &parameters {
        for i in 0..values.len() {
            let at = |h: f64| {
                let mut moved = parameters.clone();
                moved.get_mut(name).unwrap().1[i] += h;
                tb(env, &batch, &moved, scores)
            };
            let expected = (at(H) - at(-H)) / (2.0 * H);
            let found = found.get(name).map_or(0.0, |g| g[i]);
            assert!(
                (found - expected).abs() < 2e-4 * (1.0 + expected.abs()),
                "gradient of {name}[{i}] is {found}, not {expected}"
            );
            moving += usize::from(expected.abs() > 1e-3);
        }
    }
    assert!(moving > 20, "only {moving} gradients are not zero");
}

fn sample<E: Environment, P: Policy>(env: &E, policy: &P, n: usize) -> Trajectories<E::State> {
    let none = LogRewardFn(|_: &E::State| 0.0);
    let mut batch = rollout(env, &none, policy.sampler().as_ref(), &OnPolicy, key(1), n).unwrap();
    batch.set_log_reward((0..n).map(|b| 0.25 * b as f64 - 1.0).collect());
    batch
}

fn edge_flow_config(backward: BackwardPolicy) -> EdgeFlowConfig {
    EdgeFlowConfig {
        hidden: vec![5, 4],
        scorer_hidden: vec![3],
        backward,
        ..EdgeFlowConfig::default()
    }
}

fn edge_flow<E: Environment>(env: &UniqueChildren<E>, backward: BackwardPolicy) -> EdgeFlowPolicy {
    let device = Device::flex().autodiff();
    let policy = EdgeFlowPolicy::new(&edge_flow_config(backward), env, Streams::new(3), &device);
    drawn(policy, 21, 0.8)
}

fn aggregated<E: Environment>(
    env: &UniqueChildren<E>,
    hidden: &[usize],
) -> AggregatedPolicy<MlpPolicy> {
    let config = MlpConfig {
        hidden: hidden.to_vec(),
        backward: BackwardPolicy::Uniform,
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&config, env.inner(), Streams::new(3), &device);
    AggregatedPolicy::new(drawn(policy, 21, 0.8), env)
}

/// `log f` of every distinct child.
fn edge_scores<E: Environment>(
    env: &E,
    parameters: &Parameters,
    state: &E::State,
) -> Vec<(f64, E::State)> {
    let relu = |state: &E::State| -> Vec<f64> {
        let encoded = mlp(parameters, "encoder", &encoding(env, state));
        encoded.into_iter().map(|v| v.max(0.0)).collect()
    };
    let mut distinct: Vec<(f64, E::State)> = Vec::new();
    for (_, child) in children(env, state) {
        if distinct.iter().all(|(_, known)| *known != child) {
            let pair = [relu(state), relu(&child)].concat();
            distinct.push((mlp(parameters, "scorer", &pair)[0], child));
        }
    }
    distinct
}

#[test]
fn gradients_of_edge_flows_equal_central_differences_of_a_plain_program() {
    let strings = UniqueChildren::new(EitherEnd, ChildFeatures::Encodings);
    let policy = edge_flow(&strings, BackwardPolicy::Uniform);
    check_gradients(&strings, &policy, &|p, state| {
        edge_scores(&EitherEnd, p, state)
    });
    let grid = Hypergrid::new(2, 3).unwrap();
    let env = UniqueChildren::new(grid, ChildFeatures::Encodings);
    let policy = edge_flow(&env, BackwardPolicy::Uniform);
    check_gradients(&env, &policy, &|p, state| edge_scores(&grid, p, state));
}

#[test]
fn gradients_of_aggregated_logits_equal_central_differences_of_a_plain_program() {
    let strings = UniqueChildren::new(EitherEnd, ChildFeatures::Actions);
    let policy = aggregated(&strings, &[5, 4]);
    check_gradients(&strings, &policy, &|p, state| {
        let logits = mlp(p, "policy.forward", &encoding(&EitherEnd, state));
        let edges = children(&EitherEnd, state).into_iter();
        edges
            .map(|(action, child)| (logits[action], child))
            .collect()
    });
}

fn rows<E: Environment>(env: &E, states: &[E::State]) -> Features {
    let mut features = Features::new(env.n_features());
    for state in states {
        env.encode(state, &mut features.push_row());
    }
    features
}

/// Host and device put out the same logits where actions are allowed.
fn check_sampler<E: Environment, P: Policy>(env: &E, policy: &P, states: &[E::State]) {
    let features = rows(env, states);
    let batch = FeatureBatch::new(features.clone(), policy.device());
    let logits = policy.logits(&batch);
    let read = |tensor: Tensor<2>| -> Vec<f32> { tensor.into_data().iter::<f32>().collect() };
    let sampler = policy.sampler();
    let mut found = Vec::new();
    sampler.forward_logits(&features, &mut Workspace::default(), &mut found);
    let mut allowed = vec![false; env.n_actions()];
    let expected = read(logits.forward.tensor());
    assert_eq!(found.len(), expected.len());
    for (i, state) in states.iter().enumerate() {
        env.forward_mask(state, &mut allowed);
        for a in (0..allowed.len()).filter(|&a| allowed[a]) {
            let (found, expected) = (
                found[i * allowed.len() + a],
                expected[i * allowed.len() + a],
            );
            assert!(
                (found - expected).abs() < 1e-5,
                "{state:?} {a}: {found} {expected}"
            );
        }
    }
    let mut found = Vec::new();
    sampler.backward_logits(&features, &mut Workspace::default(), &mut found);
    let expected = logits
        .backward
        .map_or(Vec::new(), |head| read(head.tensor()));
    assert_eq!(found.len(), expected.len());
    assert!(
        found
            .iter()
            .zip(&expected)
            .all(|(a, b)| (a - b).abs() < 1e-5)
    );
    // A row alone has the logits that it has among others, to the last bit.
    let (mut alone, mut all) = (Vec::new(), Vec::new());
    sampler.forward_logits(&features, &mut Workspace::default(), &mut all);
    for (i, state) in states.iter().enumerate() {
        let features = rows(env, std::slice::from_ref(state));
        sampler.forward_logits(&features, &mut Workspace::default(), &mut alone);
        assert_eq!(
            alone,
            all[i * allowed.len()..][..allowed.len()],
            "{state:?}"
        );
    }
}

#[test]
fn samplers_compute_what_the_device_does() {
    let states = ["", "a", "ab", "bb", "aba", "b"].map(str::to_owned);
    let env = UniqueChildren::new(EitherEnd, ChildFeatures::Encodings);
    for backward in [BackwardPolicy::Uniform, BackwardPolicy::Learned] {
        check_sampler(&env, &edge_flow(&env, backward), &states);
    }
    let env = UniqueChildren::new(EitherEnd, ChildFeatures::Actions);
    check_sampler(&env, &aggregated(&env, &[24]), &states);
}

#[test]
fn a_child_has_the_probability_of_all_its_actions() {
    let env = UniqueChildren::new(EitherEnd, ChildFeatures::Actions);
    let policy = aggregated(&env, &[24]);
    let states = ["", "a", "ab", "bb"].map(str::to_owned);
    let mut logits = Vec::new();
    let sampler = policy.sampler();
    sampler.forward_logits(&rows(&env, &states), &mut Workspace::default(), &mut logits);
    // The same network on the plain environment.
    let plain = MlpPolicy::new(
        &MlpConfig {
            hidden: vec![24],
            backward: BackwardPolicy::Uniform,
            ..MlpConfig::default()
        },
        &EitherEnd,
        Streams::new(3),
        &Device::flex(),
    );
    let plain = drawn(plain, 21, 0.8);
    let mut all = Vec::new();
    let features = rows(&EitherEnd, &states);
    plain
        .sampler()
        .forward_logits(&features, &mut Workspace::default(), &mut all);
    let mut shared = 0;
    for (i, state) in states.iter().enumerate() {
        let of_actions: Vec<(f64, String)> = children(&EitherEnd, state)
            .into_iter()
            .map(|(a, child)| (f64::from(all[4 * i + a]), child))
            .collect();
        let of_children: Vec<(f64, String)> = children(&env, state)
            .into_iter()
            .map(|(a, child)| (f64::from(logits[4 * i + a]), child))
            .collect();
        shared += of_actions.len() - of_children.len();
        for (_, child) in &of_children {
            let (found, expected) = (log_pf(&of_children, child), log_pf(&of_actions, child));
            assert!(
                (found - expected).abs() < 1e-5,
                "{state} {child}: {found} {expected}"
            );
        }
    }
    assert_eq!(
        shared,
        2 + 1 + 1,
        "duplicates at the empty string, at a and at bb"
    );
}

#[test]
fn without_duplicates_aggregation_changes_nothing() {
    let grid = Hypergrid::new(2, 5).unwrap();
    let env = UniqueChildren::new(grid, ChildFeatures::Actions);
    let device = Device::flex().autodiff();
    for backward in [BackwardPolicy::Uniform, BackwardPolicy::Learned] {
        let config = MlpConfig {
            hidden: vec![24, 16],
            backward,
            ..MlpConfig::default()
        };
        let plain = MlpPolicy::new(&config, &grid, Streams::new(3), &device);
        let policy = AggregatedPolicy::new(plain.clone(), &env);
        let reward = LogRewardFn(|_: &gfn_env::HypergridState| 0.5);
        let (of_plain, recorded) = record_rollout(
            &grid,
            &reward,
            plain.sampler().as_ref(),
            &OnPolicy,
            key(1),
            20,
        )
        .unwrap();
        let (found, recorded_too) = record_rollout(
            &env,
            &reward,
            policy.sampler().as_ref(),
            &OnPolicy,
            key(1),
            20,
        )
        .unwrap();
        assert_eq!(found, of_plain);
        let bits =
            |x: Tensor<1>| -> Vec<u32> { x.into_data().iter::<f32>().map(f32::to_bits).collect() };
        let expected =
            TransitionBatch::recorded(&grid, &of_plain, backward, recorded).log_probs(&plain);
        let laid_out = TransitionBatch::recorded(&env, &found, backward, recorded_too);
        let found = laid_out.log_probs(&policy);
        assert_eq!(bits(found.log_pf), bits(expected.log_pf));
        assert_eq!(bits(found.log_pb), bits(expected.log_pb));
    }
}

#[test]
fn the_flow_of_a_state_is_that_of_its_edges() {
    let env = UniqueChildren::new(EitherEnd, ChildFeatures::Encodings);
    let policy = edge_flow(&env, BackwardPolicy::Learned);
    let states = ["", "a", "ab", "bb"].map(str::to_owned);
    let batch = FeatureBatch::new(rows(&env, &states), policy.device());
    let (logits, flow) = policy.logits_and_log_flow(&batch);
    let logits: Vec<f32> = logits.forward.tensor().into_data().iter::<f32>().collect();
    let flow: Vec<f32> = flow.tensor().into_data().iter::<f32>().collect();
    for (i, state) in states.iter().enumerate() {
        let sum: f32 = children(&env, state)
            .iter()
            .map(|(a, _)| logits[4 * i + a].exp())
            .sum();
        assert!((flow[i] - sum.ln()).abs() < 1e-5, "{state}");
    }
}
