//! Sampling trajectories on the host, forward from the source and backward from terminal states.
//!
//! Lanes are split into groups whose size depends on the batch alone; a group runs all its lanes to their ends on one
//! thread, evaluating only those still alive. Each lane draws from a stream keyed by (purpose, iteration, lane), so
//! the same seed gives the same trajectories whatever the batch size, the thread count or the backend.

use crate::kernels::mlp::host::Activations;
use crate::{
    BackwardPolicy, Behaviour, HostPolicy, LaneKey, Recording, Workspace, masked_softmax,
    sample_index,
};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    Action, BackwardAction, Environment, EnvironmentError, Features, Purpose, Reward, RewardError,
    Streams, Trajectories, checked_log_reward,
};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use std::ops::Range;

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

/// Lanes of one group: small enough to give every thread work, large enough for matrix products.
fn group_size(n_lanes: usize) -> usize {
    n_lanes.div_ceil(2).clamp(8, 64)
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
    let size = group_size(n);
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
    let size = group_size(n);
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

struct Lane<S> {
    current: S,
    states: Vec<S>,
    actions: Vec<Action>,
    backward_actions: Vec<BackwardAction>,
    /// Where the states were recorded.
    rows: Vec<u32>,
    rng: ChaCha8Rng,
}

/// Lanes that one thread runs to their ends.
struct Group<'e, E: Environment> {
    env: &'e E,
    first_lane: usize,
    key: RolloutKey,
    lanes: Vec<Lane<E::State>>,
    alive: Vec<usize>,
    features: Features,
    workspace: Workspace,
    logits: Vec<f32>,
    recorded: Option<Features>,
}

impl<'e, E: Environment> Group<'e, E> {
    /// Lanes at the states that `start` gives them.
    fn new(
        env: &'e E,
        lanes: Range<usize>,
        start: impl Fn(usize, &mut ChaCha8Rng) -> E::State,
        key: RolloutKey,
        record: bool,
    ) -> Self {
        let first_lane = lanes.start;
        let lanes: Vec<_> = lanes
            .map(|lane| {
                let mut rng = key.streams.rng(key.purpose, key.iteration, lane as u16);
                let start = start(lane, &mut rng);
                Lane {
                    states: vec![start.clone()],
                    current: start,
                    actions: Vec::new(),
                    backward_actions: Vec::new(),
                    rows: Vec::new(),
                    rng,
                }
            })
            .collect();
        Self {
            env,
            first_lane,
            key,
            alive: (0..lanes.len()).collect(),
            features: Features::new(env.n_features()),
            workspace: if record {
                // Memory that is not touched costs nothing; memory that grows is copied.
                Workspace::recording(lanes.len() * env.max_len().min(64))
            } else {
                Workspace::default()
            },
            lanes,
            logits: Vec::new(),
            recorded: record.then(|| Features::new(env.n_features())),
        }
    }

    fn encode_alive(&mut self) {
        self.features.clear();
        for &lane in &self.alive {
            self.env
                .encode(&self.lanes[lane].current, &mut self.features.push_row());
        }
    }

    fn too_long(&self, steps: usize) -> Result<(), RolloutError> {
        let max_len = self.env.max_len();
        if steps < max_len {
            return Ok(());
        }
        Err(RolloutError::TooLong { max_len })
    }

    fn run_forward(
        &mut self,
        policy: &dyn HostPolicy,
        behaviour: &dyn Behaviour,
        n_lanes: usize,
    ) -> Result<(), RolloutError> {
        let env = self.env;
        let n_actions = env.n_actions();
        let own: Vec<_> = (self.first_lane..self.first_lane + self.lanes.len())
            .map(|lane| behaviour.for_lane(self.key.lane(lane, n_lanes)))
            .collect();
        let of_lane: Vec<&dyn Behaviour> = own
            .iter()
            .map(|own| own.as_deref().unwrap_or(behaviour))
            .collect();
        let moves_logits = of_lane.iter().any(|behaviour| behaviour.moves_logits());
        let mut masks = Vec::new();
        let mut probabilities = vec![0.0; n_actions];
        self.alive
            .retain(|&lane| !env.is_terminal(&self.lanes[lane].current));
        for step in 0.. {
            if self.alive.is_empty() {
                break;
            }
            self.too_long(step)?;
            self.encode_alive();
            if let Some(recorded) = &mut self.recorded {
                for (row, &lane) in (recorded.n_rows() as u32..).zip(&self.alive) {
                    self.lanes[lane].rows.push(row);
                }
                recorded.append(&self.features);
            }
            masks.resize(self.alive.len() * n_actions, false);
            for (&lane, mask) in self.alive.iter().zip(masks.chunks_exact_mut(n_actions)) {
                env.forward_mask(&self.lanes[lane].current, mask);
            }
            policy.allowed_forward_logits(
                &self.features,
                &masks,
                &mut self.workspace,
                &mut self.logits,
            );
            if moves_logits {
                self.move_logits(&of_lane)?;
            }
            let rows = self.logits.chunks_exact(n_actions);
            let rows = rows.zip(masks.chunks_exact(n_actions));
            for (&index, (logits, allowed)) in self.alive.iter().zip(rows) {
                let lane = &mut self.lanes[index];
                check_finite(logits, self.first_lane + index, &lane.current)?;
                if !allowed.contains(&true) {
                    return Err(dead_end("forward", &lane.current));
                }
                of_lane[index].probabilities(
                    logits,
                    allowed,
                    u64::from(self.key.iteration),
                    &mut probabilities,
                );
                let action = Action(sample_index(&probabilities, &mut lane.rng) as u32);
                let backward = env.step(&mut lane.current, action)?;
                lane.actions.push(action);
                lane.backward_actions.push(backward);
                lane.states.push(lane.current.clone());
            }
            self.alive
                .retain(|&lane| !env.is_terminal(&self.lanes[lane].current));
        }
        Ok(())
    }

    fn move_logits(&mut self, of_lane: &[&dyn Behaviour]) -> Result<(), RolloutError> {
        let n_rows = self.alive.len();
        let hidden = self.workspace.last_hidden(n_rows);
        let hidden = hidden.ok_or(RolloutError::NoHiddenLayer)?;
        let rows = hidden.chunks_exact(hidden.len() / n_rows);
        let logits = self.logits.chunks_exact_mut(self.env.n_actions());
        for ((&index, hidden), logits) in self.alive.iter().zip(rows).zip(logits) {
            if of_lane[index].moves_logits() {
                of_lane[index].move_logits(hidden, u64::from(self.key.iteration), logits);
            }
        }
        Ok(())
    }

    fn run_backward(&mut self, policy: &dyn HostPolicy) -> Result<(), RolloutError> {
        let env = self.env;
        let n_actions = env.n_backward_actions();
        let mut allowed = vec![false; n_actions];
        let mut probabilities = vec![0.0; n_actions];
        let learned = policy.backward_policy() == BackwardPolicy::Learned;
        let zeros = vec![0.0; n_actions];
        self.alive
            .retain(|&lane| !env.is_source(&self.lanes[lane].current));
        for step in 0.. {
            if self.alive.is_empty() {
                break;
            }
            self.too_long(step)?;
            if learned {
                self.encode_alive();
                policy.backward_logits(&self.features, &mut self.workspace, &mut self.logits);
            }
            for (row, &index) in self.alive.iter().enumerate() {
                let lane = &mut self.lanes[index];
                let logits = if learned {
                    &self.logits[row * n_actions..][..n_actions]
                } else {
                    &zeros[..]
                };
                check_finite(logits, self.first_lane + index, &lane.current)?;
                env.backward_mask(&lane.current, &mut allowed);
                if !allowed.contains(&true) {
                    return Err(dead_end("backward", &lane.current));
                }
                masked_softmax(logits, &allowed, &mut probabilities);
                let backward = BackwardAction(sample_index(&probabilities, &mut lane.rng) as u32);
                let action = env.step_back(&mut lane.current, backward)?;
                lane.actions.push(action);
                lane.backward_actions.push(backward);
                lane.states.push(lane.current.clone());
            }
            self.alive
                .retain(|&lane| !env.is_source(&self.lanes[lane].current));
        }
        Ok(())
    }
}

fn check_finite<S: std::fmt::Debug>(
    logits: &[f32],
    lane: usize,
    state: &S,
) -> Result<(), RolloutError> {
    // Without a way out of the loop, which the compiler then makes vector instructions of.
    let largest = logits.iter().fold(0, |max, l| max.max(l.to_bits() << 1));
    if largest < f32::INFINITY.to_bits() << 1 {
        return Ok(());
    }
    Err(RolloutError::NonFiniteLogits {
        lane,
        state: format!("{state:?}"),
    })
}

fn dead_end<S: std::fmt::Debug>(direction: &'static str, state: &S) -> RolloutError {
    RolloutError::DeadEnd {
        direction,
        state: format!("{state:?}"),
    }
}
