//! A grid of nine objects with a policy that has preferences.

use burn::tensor::Device;
use gfn_env::rand::RngExt as _;
use gfn_env::{
    Action, Environment as _, Features, Hypergrid, Indexed, LogRewardFn, Purpose, Reward, Streams,
    Trajectories,
};
use gfn_explore::{OnPolicy, SourceContext, TrainedBatch};
use gfn_policy::{
    BackwardPolicy, HostPolicy, Policy as _, TabularPolicy, Workspace, masked_log_softmax_f64,
    named_parameters, with_parameters,
};

pub(crate) type Grid = Indexed<Hypergrid>;
pub(crate) type State = <Grid as gfn_env::Environment>::State;

pub(crate) const SIDE: u16 = 3;

pub(crate) fn grid() -> Grid {
    Indexed::new(Hypergrid::new(2, usize::from(SIDE)).unwrap(), 100).unwrap()
}

/// Tables uniform in ±1.5 for P_F and P_B.
pub(crate) fn policy(env: &Grid) -> Box<dyn HostPolicy> {
    let table = TabularPolicy::new(env, BackwardPolicy::Learned, &Device::flex());
    let mut tensors = named_parameters(&table);
    let mut rng = Streams::new(7).rng(Purpose::Init, 0, 0);
    for value in tensors.values_mut().flat_map(|t| &mut t.values) {
        *value = rng.random_range(-1.5..1.5);
    }
    with_parameters(table, &tensors).unwrap().sampler()
}

/// Number of an object.
pub(crate) fn number(state: &State) -> usize {
    let x = state.coordinates();
    usize::from(x[0] * SIDE + x[1])
}

/// Rewards between 1 and 9, no two alike and not in order.
pub(crate) fn reward_of(number: usize) -> f64 {
    [3.0, 1.0, 7.0, 2.0, 9.0, 4.0, 8.0, 5.0, 6.0][number]
}

pub(crate) fn reward() -> LogRewardFn<impl Fn(&State) -> f64 + Send + Sync> {
    LogRewardFn(|state: &State| reward_of(number(state)).ln())
}

/// Appends the path that goes right first and then up.
pub(crate) fn push_path(
    env: &Grid,
    batch: &mut Trajectories<State>,
    number: usize,
    log_reward: f64,
) {
    let (x, y) = (number / usize::from(SIDE), number % usize::from(SIDE));
    let actions = [vec![Action(0); x], vec![Action(1); y], vec![Action(2)]].concat();
    let (states, backward) = gfn_env::walk(env, &actions).unwrap();
    batch.push(states, &actions, &backward, log_reward);
}

/// Paths into these objects with their rewards.
pub(crate) fn batch_of(env: &Grid, numbers: &[usize]) -> Trajectories<State> {
    let mut batch = Trajectories::new();
    for &n in numbers {
        push_path(env, &mut batch, n, reward_of(n).ln());
    }
    batch
}

pub(crate) fn trained<'a>(
    trajectories: &'a Trajectories<State>,
    losses: &'a [f64],
) -> TrainedBatch<'a, State> {
    TrainedBatch {
        trajectories,
        n_own: trajectories.len(),
        drawn: 0..0,
        losses,
        residuals: &[],
        asked_losses: &[],
        asked_residuals: &[],
        iteration: 0,
    }
}

pub(crate) fn context<'a>(
    env: &'a Grid,
    reward: &'a dyn Reward<State>,
    policy: &'a dyn HostPolicy,
    own: &'a Trajectories<State>,
    [seed, iteration]: [u32; 2],
) -> SourceContext<'a, Grid> {
    SourceContext {
        environment: env,
        reward,
        policy,
        behaviour: &OnPolicy,
        streams: Streams::new(u64::from(seed)),
        iteration,
        own,
    }
}

/// How often each object is the end of one of the trajectories.
pub(crate) fn counts<'a>(terminals: impl Iterator<Item = &'a State>) -> Vec<u64> {
    let mut counts = vec![0; usize::from(SIDE * SIDE)];
    for terminal in terminals {
        counts[number(terminal)] += 1;
    }
    counts
}

/// Probabilities of the forward or the backward actions of a state, in f64; zero where forbidden.
pub(crate) fn probabilities(
    env: &Grid,
    policy: &dyn HostPolicy,
    state: &State,
    backward: bool,
) -> Vec<f64> {
    let n = if backward {
        env.n_backward_actions()
    } else {
        env.n_actions()
    };
    let (mut allowed, mut logits) = (vec![false; n], Vec::new());
    let mut features = Features::new(env.n_features());
    env.encode(state, &mut features.push_row());
    if backward {
        env.backward_mask(state, &mut allowed);
        policy.backward_logits(&features, &mut Workspace::default(), &mut logits);
    } else {
        env.forward_mask(state, &mut allowed);
        policy.forward_logits(&features, &mut Workspace::default(), &mut logits);
    }
    if logits.is_empty() {
        logits = vec![0.0; n];
    }
    let mut log_p = vec![0.0; n];
    masked_log_softmax_f64(&logits, &allowed, &mut log_p);
    let all = log_p.iter().zip(&allowed);
    all.map(|(l, ok)| if *ok { l.exp() } else { 0.0 }).collect()
}

pub(crate) fn normalised(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}
