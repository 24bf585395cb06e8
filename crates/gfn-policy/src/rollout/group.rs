//! Lanes that go on together: a group that one thread runs to their ends.

use super::{RolloutError, RolloutKey};
use crate::sampling::uniform_number;
use crate::{BackwardPolicy, Behaviour, HostPolicy, Workspace, masked_softmax, sample_index};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Action, BackwardAction, Environment, EnvironmentError, Features};
use std::ops::Range;

/// One trajectory on its way.
pub(super) struct Lane<S> {
    pub(super) current: S,
    pub(super) states: Vec<S>,
    pub(super) actions: Vec<Action>,
    pub(super) backward_actions: Vec<BackwardAction>,
    /// Where the states were recorded.
    pub(super) rows: Vec<u32>,
    rng: ChaCha8Rng,
}

impl<S: Clone> Lane<S> {
    fn step<E: Environment<State = S>>(
        &mut self,
        env: &E,
        action: Action,
    ) -> Result<(), EnvironmentError> {
        let backward = env.step(&mut self.current, action)?;
        self.actions.push(action);
        self.backward_actions.push(backward);
        self.states.push(self.current.clone());
        Ok(())
    }
}

/// Lanes that one thread runs to their ends, or that go on with others while a device chooses their actions.
pub(super) struct Group<'e, E: Environment> {
    env: &'e E,
    pub(super) first_lane: usize,
    key: RolloutKey,
    pub(super) lanes: Vec<Lane<E::State>>,
    /// Lanes of the group that have not ended.
    pub(super) alive: Vec<usize>,
    steps: usize,
    /// Encoded states of the lanes alive.
    pub(super) features: Features,
    /// Their allowed actions, `[lanes alive, A]`.
    pub(super) allowed: Vec<bool>,
    pub(super) workspace: Workspace,
    logits: Vec<f32>,
    pub(super) recorded: Option<Features>,
}

impl<'e, E: Environment> Group<'e, E> {
    /// Lanes at the states that `start` gives them.
    pub(super) fn new(
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
            steps: 0,
            features: Features::new(env.n_features()),
            allowed: Vec::new(),
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

    /// Counts a step of the lanes alive.
    fn count_step(&mut self) -> Result<(), RolloutError> {
        let max_len = self.env.max_len();
        if self.steps == max_len {
            return Err(RolloutError::TooLong { max_len });
        }
        self.steps += 1;
        Ok(())
    }

    /// Leaves lanes that have ended out.
    pub(super) fn keep_unfinished(&mut self) {
        self.alive
            .retain(|&lane| !self.env.is_terminal(&self.lanes[lane].current));
    }

    /// Features and masks of the lanes alive, for a step forward.
    pub(super) fn prepare(&mut self) -> Result<(), RolloutError> {
        let n_actions = self.env.n_actions();
        self.allowed.resize(self.alive.len() * n_actions, false);
        if self.alive.is_empty() {
            self.features.clear();
            return Ok(());
        }
        self.count_step()?;
        self.encode_alive();
        let masks = self.allowed.chunks_exact_mut(n_actions);
        for (&lane, mask) in self.alive.iter().zip(masks) {
            self.env.forward_mask(&self.lanes[lane].current, mask);
        }
        Ok(())
    }

    /// A uniform number of each lane alive: the one that [`sample_index`] would draw.
    pub(super) fn draw(&mut self) -> impl Iterator<Item = f64> + '_ {
        let lanes = &mut self.lanes;
        let alive = self.alive.iter();
        alive.map(|&lane| uniform_number(&mut lanes[lane].rng))
    }

    /// An error where a lane alive has no allowed action.
    pub(super) fn require_ways_on(&self) -> Result<(), RolloutError> {
        let masks = self.allowed.chunks_exact(self.env.n_actions());
        let mut dead = self.alive.iter().zip(masks);
        match dead.find(|(_, mask)| !mask.contains(&true)) {
            Some((&lane, _)) => Err(dead_end("forward", &self.lanes[lane].current)),
            None => Ok(()),
        }
    }

    /// A step of each lane alive with its action; `None` where its logits were not finite.
    pub(super) fn follow(&mut self, actions: &[Option<Action>]) -> Result<(), RolloutError> {
        for (&index, action) in self.alive.iter().zip(actions) {
            let lane = &mut self.lanes[index];
            let action =
                action.ok_or_else(|| not_finite(self.first_lane + index, &lane.current))?;
            lane.step(self.env, action)?;
        }
        self.keep_unfinished();
        Ok(())
    }

    pub(super) fn run_forward(
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
        let mut probabilities = vec![0.0; n_actions];
        self.keep_unfinished();
        while !self.alive.is_empty() {
            self.prepare()?;
            if let Some(recorded) = &mut self.recorded {
                for (row, &lane) in (recorded.n_rows() as u32..).zip(&self.alive) {
                    self.lanes[lane].rows.push(row);
                }
                recorded.append(&self.features);
            }
            policy.allowed_forward_logits(
                &self.features,
                &self.allowed,
                &mut self.workspace,
                &mut self.logits,
            );
            if moves_logits {
                self.move_logits(&of_lane)?;
            }
            let rows = self.logits.chunks_exact(n_actions);
            let rows = rows.zip(self.allowed.chunks_exact(n_actions));
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
                lane.step(env, action)?;
            }
            self.keep_unfinished();
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

    pub(super) fn run_backward(&mut self, policy: &dyn HostPolicy) -> Result<(), RolloutError> {
        let env = self.env;
        let n_actions = env.n_backward_actions();
        let mut allowed = vec![false; n_actions];
        let mut probabilities = vec![0.0; n_actions];
        let learned = policy.backward_policy() == BackwardPolicy::Learned;
        let zeros = vec![0.0; n_actions];
        self.alive
            .retain(|&lane| !env.is_source(&self.lanes[lane].current));
        while !self.alive.is_empty() {
            self.count_step()?;
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
    Err(not_finite(lane, state))
}

fn not_finite<S: std::fmt::Debug>(lane: usize, state: &S) -> RolloutError {
    RolloutError::NonFiniteLogits {
        lane,
        state: format!("{state:?}"),
    }
}

fn dead_end<S: std::fmt::Debug>(direction: &'static str, state: &S) -> RolloutError {
    RolloutError::DeadEnd {
        direction,
        state: format!("{state:?}"),
    }
}
