//! Sampling trajectories on the host, forward from the source and backward from terminal states.
//!
//! Lanes are split into groups whose size depends on the batch alone; a group runs all its lanes to their ends on one
//! thread, evaluating only those still alive (`group.rs`). Where the policy samples actions on its device, the lanes of
//! the batch, or of half of it, go on step by step together (`on_device.rs`). Each lane draws from a stream keyed by
//! (purpose, iteration, lane), so the same seed gives the same trajectories whatever the batch size, the thread count or
//! the backend.

mod group;
mod on_device;

use crate::kernels::mlp::host::Activations;
use crate::{Behaviour, HostPolicy, LaneKey, Recording};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    Environment, EnvironmentError, Features, Purpose, Reward, RewardError, Streams, Trajectories,
    checked_log_reward,
};
use group::{Group, Lane};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

/// Which random numbers a rollout uses.
#[derive(Clone, Copy, Debug)]
pub struct RolloutKey {
    /// The run's streams.
    pub streams: Streams,
    /// What the trajectories are for.
    pub purpose: Purpose,
    /// Iteration (or round) that owns them.
    pub iteration: u32,
}

impl RolloutKey {
    fn lane(&self, lane: usize, n_lanes: usize) -> LaneKey {
        LaneKey {
            streams: self.streams,
            purpose: self.purpose,
            iteration: self.iteration,
            lane,
            n_lanes,
        }
    }
}

/// Why a rollout stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RolloutError {
    /// The policy wrote NaN or infinite logits.
    #[error(
        "the policy's logits are not finite in state {state} (lane {lane}): the parameters have diverged; lower the \
         learning rate or clip gradients"
    )]
    NonFiniteLogits {
        /// Lane of the batch.
        lane: usize,
        /// `Debug` form of the state.
        state: String,
    },
    /// No action is allowed in a state that is not terminal, or none leads back from one that is not the source.
    #[error(
        "no {direction} action is allowed in state {state}: the environment's mask is wrong there (see gfn_env::check)"
    )]
    DeadEnd {
        /// `forward` or `backward`.
        direction: &'static str,
        /// `Debug` form of the state.
        state: String,
    },
    /// A trajectory got longer than the environment's `max_len`.
    #[error(
        "a trajectory passed the environment's max_len of {max_len}: correct max_len or the masks"
    )]
    TooLong {
        /// Declared maximum.
        max_len: usize,
    },
    /// A behaviour that moves logits meets a policy without a hidden layer.
    #[error(
        "the behaviour moves logits from the last hidden layer, and the policy has none: use a perceptron with at least \
         one hidden layer, or another behaviour"
    )]
    NoHiddenLayer,
    /// More lanes than a stream key can tell apart.
    #[error("a batch has at most 65536 trajectories, not {0}")]
    TooManyLanes(usize),
    /// Masks and steps disagree.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The reward failed or returned NaN or an infinity.
    #[error(transparent)]
    Reward(#[from] RewardError),
}

/// Samples `n` complete trajectories with `behaviour` on top of `policy`, and their rewards.
///
/// # Errors
///
/// See [`RolloutError`].
pub fn rollout<E: Environment, R: Reward<E::State> + ?Sized>(
    env: &E,
    reward: &R,
    policy: &dyn HostPolicy,
    behaviour: &dyn Behaviour,
    key: RolloutKey,
    n: usize,
) -> Result<Trajectories<E::State>, RolloutError> {
    let (trajectories, _) = sample(env, reward, Actor { policy, behaviour }, key, n, false)?;
    Ok(trajectories)
}

/// [`rollout`], and what the policy's network computed on the way, for
/// [`TransitionBatch::recorded`](crate::TransitionBatch::recorded).
///
/// The recording is empty where the policy keeps no activations.
///
/// # Errors
///
/// See [`RolloutError`].
pub fn record_rollout<E: Environment, R: Reward<E::State> + ?Sized>(
    env: &E,
    reward: &R,
    policy: &dyn HostPolicy,
    behaviour: &dyn Behaviour,
    key: RolloutKey,
    n: usize,
) -> Result<(Trajectories<E::State>, Recording), RolloutError> {
    sample(env, reward, Actor { policy, behaviour }, key, n, true)
}

/// Who chooses actions.
#[derive(Clone, Copy)]
struct Actor<'a> {
    policy: &'a dyn HostPolicy,
    behaviour: &'a dyn Behaviour,
}

fn sample<E: Environment, R: Reward<E::State> + ?Sized>(
    env: &E,
    reward: &R,
    actor: Actor<'_>,
    key: RolloutKey,
    n: usize,
    record: bool,
) -> Result<(Trajectories<E::State>, Recording), RolloutError> {
    let groups = run_lanes(env, |_, rng| env.draw_source(rng), actor, key, n, record)?;
    let mut recording = Recording::default();
    let mut lanes: Vec<Lane<E::State>> = Vec::with_capacity(n);
    for (of_group, features, activations) in groups {
        // A policy that keeps no activations leaves none.
        if let Some(features) = features
            && activations.n_rows() == features.n_rows()
        {
            let rows = of_group.iter().flat_map(|lane| lane.rows.iter().copied());
            recording.push(&features, rows, activations);
        }
        lanes.extend(of_group);
    }
    let terminals: Vec<_> = lanes.iter().map(|lane| lane.current.clone()).collect();
    let mut log_reward = vec![0.0; n];
    checked_log_reward(reward, &terminals, &mut log_reward)?;
    let mut trajectories = Trajectories::new();
    for (lane, log_reward) in lanes.into_iter().zip(log_reward) {
        trajectories.push(
            lane.states,
            &lane.actions,
            &lane.backward_actions,
            log_reward,
        );
    }
    Ok((trajectories, recording))
}

/// Goes on from each of the `beginnings` with `behaviour` on top of `policy` until it is complete.
///
/// A beginning is a path from the source that need not end in a terminal state; its log-reward is not read. Lane `i`
/// goes on from beginning `i`.
///
/// # Errors
///
/// See [`RolloutError`].
pub fn complete<E: Environment, R: Reward<E::State> + ?Sized>(
    env: &E,
    reward: &R,
    policy: &dyn HostPolicy,
    behaviour: &dyn Behaviour,
    beginnings: &Trajectories<E::State>,
    key: RolloutKey,
) -> Result<Trajectories<E::State>, RolloutError> {
    let (n, actor) = (beginnings.len(), Actor { policy, behaviour });
    let start = |lane: usize, _: &mut ChaCha8Rng| beginnings.terminal(lane).clone();
    let groups = run_lanes(env, start, actor, key, n, false)?;
    let lanes: Vec<_> = groups.into_iter().flat_map(|(lanes, ..)| lanes).collect();
    let terminals: Vec<_> = lanes.iter().map(|lane| lane.current.clone()).collect();
    let mut log_reward = vec![0.0; n];
    checked_log_reward(reward, &terminals, &mut log_reward)?;
    let mut trajectories = Trajectories::new();
    for ((lane, beginning), log_reward) in lanes.into_iter().zip(beginnings.iter()).zip(log_reward)
    {
        let actions = [beginning.actions, &lane.actions].concat();
        if actions.len() > env.max_len() {
            return Err(RolloutError::TooLong {
                max_len: env.max_len(),
            });
        }
        trajectories.push(
            beginning
                .states
                .iter()
                .cloned()
                .chain(lane.states.into_iter().skip(1)),
            &actions,
            &[beginning.backward_actions, &lane.backward_actions].concat(),
            log_reward,
        );
    }
    Ok(trajectories)
}

/// Lanes of a group, and what was recorded of them.
type RunLanes<S> = (Vec<Lane<S>>, Option<Features>, Activations);

/// Runs `n` lanes forward from `start`, which may draw from the lane's stream, to their ends, group by group.
fn run_lanes<E: Environment>(
    env: &E,
    start: impl Fn(usize, &mut ChaCha8Rng) -> E::State + Sync,
    actor: Actor<'_>,
    key: RolloutKey,
    n: usize,
    record: bool,
) -> Result<Vec<RunLanes<E::State>>, RolloutError> {
    if n > usize::from(u16::MAX) + 1 {
        return Err(RolloutError::TooManyLanes(n));
    }
    if let Some(actions) = actor.policy.device_actions(n)
        && let Some(mixtures) = on_device::mixtures(actor.behaviour, key, n)
    {
        let groups = on_device::run_lanes(env, start, (actions, &mixtures), key, n)?;
        let lanes = groups.into_iter().map(|group| group.lanes);
        return Ok(lanes
            .map(|lanes| (lanes, None, Activations::default()))
            .collect());
    }
    let size = actor.policy.group_size(n).max(1);
    (0..n.div_ceil(size))
        .into_par_iter()
        .map(|g| {
            let lanes = g * size..((g + 1) * size).min(n);
            let mut group = Group::new(env, lanes, &start, key, record);
            group.run_forward(actor.policy, actor.behaviour, n)?;
            Ok((group.lanes, group.recorded, group.workspace.activations))
        })
        // In order: which of several errors is told must not depend on the threads.
        .collect::<Vec<Result<_, RolloutError>>>()
        .into_iter()
        .collect()
}

/// Samples one trajectory into each terminal state with P_B, from the terminal back to the source.
///
/// `log_reward` is stored with the trajectories as it is; lane `i` ends in `terminals[i]`.
///
/// # Errors
///
/// See [`RolloutError`].
///
/// # Panics
///
/// If `terminals` and `log_reward` differ in length.
pub fn rollout_backward<E: Environment>(
    env: &E,
    policy: &dyn HostPolicy,
    terminals: &[E::State],
    log_reward: &[f64],
    key: RolloutKey,
) -> Result<Trajectories<E::State>, RolloutError> {
    let n = terminals.len();
    assert_eq!(n, log_reward.len(), "one log-reward per terminal state");
    if n > usize::from(u16::MAX) + 1 {
        return Err(RolloutError::TooManyLanes(n));
    }
    let size = policy.group_size(n).max(1);
    let groups = (0..n.div_ceil(size))
        .into_par_iter()
        .map(|g| {
            let lanes = g * size..((g + 1) * size).min(n);
            let start = |lane: usize, _: &mut ChaCha8Rng| terminals[lane].clone();
            let mut group = Group::new(env, lanes, start, key, false);
            group.run_backward(policy)?;
            Ok(group.lanes)
        })
        .collect::<Vec<Result<_, RolloutError>>>()
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let mut trajectories = Trajectories::new();
    for (mut lane, &log_reward) in groups.into_iter().flatten().zip(log_reward) {
        lane.states.reverse();
        lane.actions.reverse();
        lane.backward_actions.reverse();
        trajectories.push(
            lane.states,
            &lane.actions,
            &lane.backward_actions,
            log_reward,
        );
    }
    Ok(trajectories)
}
