//! Complete trajectories, ragged and flat: [`Trajectories`].
//!
//! ```text
//! trajectory         0                1            B - 1
//! actions        [ a a a ][ a a ] ... [ a ]         N entries, N = total transitions
//! states         [ s s s s ][ s s s ] ... [ s s ]   N + B entries, the terminal state last
//! offsets        0       3      5 ...      N         B + 1 entries, counted in transitions
//! ```
//!
//! Transition `t` of trajectory `b` is entry `offsets[b] + t` of the actions and goes from entry
//! `offsets[b] + b + t` of the states to the next. Nothing is padded: work is done for visited states only.

use crate::{Action, BackwardAction, Environment, EnvironmentError};
use std::ops::Range;

/// A batch of `B` complete trajectories with `N` transitions in all.
///
/// # Examples
///
/// ```
/// use gfn_env::{Action, BackwardAction, Trajectories};
///
/// let mut batch = Trajectories::new();
/// batch.push(["", "a", "ab"], &[Action(0), Action(1)], &[BackwardAction(0); 2], 0.5);
/// assert_eq!((batch.len(), batch.n_transitions()), (1, 2));
/// assert_eq!(*batch.terminal(0), "ab");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectories<S> {
    offsets: Vec<usize>,
    states: Vec<S>,
    actions: Vec<Action>,
    backward_actions: Vec<BackwardAction>,
    log_reward: Vec<f64>,
}

/// One trajectory of a [`Trajectories`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrajectoryRef<'a, S> {
    /// Visited states, source first, terminal state last: `length + 1`.
    pub states: &'a [S],
    /// Forward action of each transition.
    pub actions: &'a [Action],
    /// Backward action of each transition: the one that leads from its child to its parent.
    pub backward_actions: &'a [BackwardAction],
    /// Natural-log reward of the terminal state.
    pub log_reward: f64,
}

/// Why a trajectory is not one of an environment.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrajectoryError {
    /// The first state is not the source.
    #[error("trajectory {trajectory} starts at {state}, which is not the source")]
    NotTheSource {
        /// Index in the batch.
        trajectory: usize,
        /// `Debug` form of the first state.
        state: String,
    },
    /// The environment refuses an action.
    #[error("transition {step} of trajectory {trajectory}: {source}")]
    Refused {
        /// Index in the batch.
        trajectory: usize,
        /// Transition within the trajectory.
        step: usize,
        /// What the environment says.
        source: EnvironmentError,
    },
    /// The recorded child is not the one that the action leads to.
    #[error(
        "transition {step} of trajectory {trajectory} leads to {expected}, but {found} is recorded"
    )]
    OtherState {
        /// Index in the batch.
        trajectory: usize,
        /// Transition within the trajectory.
        step: usize,
        /// Where the action leads.
        expected: String,
        /// What is recorded.
        found: String,
    },
    /// The recorded backward action is not the one of the edge.
    #[error(
        "transition {step} of trajectory {trajectory} has backward action {expected}, but {found} is recorded"
    )]
    OtherBackwardAction {
        /// Index in the batch.
        trajectory: usize,
        /// Transition within the trajectory.
        step: usize,
        /// Backward action of the edge.
        expected: u32,
        /// What is recorded.
        found: u32,
    },
    /// The last state is not terminal.
    #[error("trajectory {trajectory} ends at {state}, which is not terminal")]
    NotTerminal {
        /// Index in the batch.
        trajectory: usize,
        /// `Debug` form of the last state.
        state: String,
    },
}

impl<S> Default for Trajectories<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Trajectories<S> {
    /// No trajectories.
    pub fn new() -> Self {
        Self {
            offsets: vec![0],
            states: Vec::new(),
            actions: Vec::new(),
            backward_actions: Vec::new(),
            log_reward: Vec::new(),
        }
    }

    /// `B`, the number of trajectories.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are no trajectories.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `N`, the number of transitions of all trajectories.
    pub fn n_transitions(&self) -> usize {
        self.actions.len()
    }

    /// Where each trajectory starts, counted in transitions, and at the end `N`: `[B + 1]`.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Forward action of each transition, `[N]`.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Backward action of each transition, `[N]`.
    pub fn backward_actions(&self) -> &[BackwardAction] {
        &self.backward_actions
    }

    /// Visited states, `[N + B]`; see the module page for the layout.
    pub fn states(&self) -> &[S] {
        &self.states
    }

    /// Natural-log reward of each terminal state, `[B]`.
    pub fn log_reward(&self) -> &[f64] {
        &self.log_reward
    }

    /// Replaces the log-rewards, `[B]`.
    ///
    /// # Panics
    ///
    /// If `log_reward` does not have one entry per trajectory.
    pub fn set_log_reward(&mut self, log_reward: Vec<f64>) {
        assert_eq!(
            log_reward.len(),
            self.len(),
            "one log-reward per trajectory"
        );
        self.log_reward = log_reward;
    }

    /// Appends one trajectory: `length + 1` states, `length` actions and backward actions.
    ///
    /// # Panics
    ///
    /// If there are not as many backward actions as actions, or not one state more.
    pub fn push(
        &mut self,
        states: impl IntoIterator<Item = S>,
        actions: &[Action],
        backward_actions: &[BackwardAction],
        log_reward: f64,
    ) {
        assert_eq!(
            actions.len(),
            backward_actions.len(),
            "one backward action per action"
        );
        let before = self.states.len();
        self.states.extend(states);
        assert_eq!(
            self.states.len() - before,
            actions.len() + 1,
            "one state more than actions"
        );
        self.actions.extend_from_slice(actions);
        self.backward_actions.extend_from_slice(backward_actions);
        self.offsets.push(self.actions.len());
        self.log_reward.push(log_reward);
    }

    /// Appends a copy of a trajectory.
    pub fn push_copy(&mut self, trajectory: TrajectoryRef<'_, S>)
    where
        S: Clone,
    {
        self.push(
            trajectory.states.iter().cloned(),
            trajectory.actions,
            trajectory.backward_actions,
            trajectory.log_reward,
        );
    }

    /// A copy of the trajectories `range`.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_env::Trajectories;
    ///
    /// let mut batch = Trajectories::new();
    /// batch.push(["a"], &[], &[], 0.0);
    /// batch.push(["b"], &[], &[], 1.0);
    /// assert_eq!(batch.part(1..2).terminal(0), &"b");
    /// ```
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self
    where
        S: Clone,
    {
        let mut part = Self::new();
        range.for_each(|b| part.push_copy(self.trajectory(b)));
        part
    }

    /// Appends the trajectories of `other`.
    pub fn append(&mut self, other: Self) {
        let shift = self.actions.len();
        self.offsets
            .extend(other.offsets[1..].iter().map(|o| o + shift));
        self.states.extend(other.states);
        self.actions.extend(other.actions);
        self.backward_actions.extend(other.backward_actions);
        self.log_reward.extend(other.log_reward);
    }

    /// Trajectory `b`.
    ///
    /// # Panics
    ///
    /// If `b >= len()`.
    pub fn trajectory(&self, b: usize) -> TrajectoryRef<'_, S> {
        let (start, end) = (self.offsets[b], self.offsets[b + 1]);
        TrajectoryRef {
            states: &self.states[start + b..=end + b],
            actions: &self.actions[start..end],
            backward_actions: &self.backward_actions[start..end],
            log_reward: self.log_reward[b],
        }
    }

    /// Number of transitions of trajectory `b`.
    ///
    /// # Panics
    ///
    /// If `b >= len()`.
    pub fn length(&self, b: usize) -> usize {
        self.offsets[b + 1] - self.offsets[b]
    }

    /// Terminal state of trajectory `b`.
    ///
    /// # Panics
    ///
    /// If `b >= len()`.
    pub fn terminal(&self, b: usize) -> &S {
        &self.states[self.offsets[b + 1] + b]
    }

    /// The terminal states in order.
    pub fn terminals(&self) -> impl ExactSizeIterator<Item = &S> {
        (0..self.len()).map(|b| self.terminal(b))
    }

    /// The trajectories in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TrajectoryRef<'_, S>> {
        (0..self.len()).map(|b| self.trajectory(b))
    }

    /// Replays every trajectory in `env`: source, actions, children, backward actions, terminal state.
    ///
    /// # Errors
    ///
    /// [`TrajectoryError`] for the first transition that `env` does not have.
    pub fn validate<E: Environment<State = S>>(&self, env: &E) -> Result<(), TrajectoryError>
    where
        S: Clone + PartialEq + std::fmt::Debug,
    {
        for (trajectory, path) in self.iter().enumerate() {
            if !env.is_source(&path.states[0]) {
                return Err(TrajectoryError::NotTheSource {
                    trajectory,
                    state: format!("{:?}", path.states[0]),
                });
            }
            let mut state = path.states[0].clone();
            for (step, &action) in path.actions.iter().enumerate() {
                let backward =
                    env.step(&mut state, action)
                        .map_err(|source| TrajectoryError::Refused {
                            trajectory,
                            step,
                            source,
                        })?;
                if state != path.states[step + 1] {
                    return Err(TrajectoryError::OtherState {
                        trajectory,
                        step,
                        expected: format!("{state:?}"),
                        found: format!("{:?}", path.states[step + 1]),
                    });
                }
                if backward != path.backward_actions[step] {
                    return Err(TrajectoryError::OtherBackwardAction {
                        trajectory,
                        step,
                        expected: backward.0,
                        found: path.backward_actions[step].0,
                    });
                }
            }
            if !env.is_terminal(&state) {
                return Err(TrajectoryError::NotTerminal {
                    trajectory,
                    state: format!("{state:?}"),
                });
            }
        }
        Ok(())
    }
}

/// The states of the path that `actions` take from the source, the source first, and its backward actions.
///
/// # Errors
///
/// If the environment refuses an action.
///
/// # Examples
///
/// ```
/// use gfn_env::{Action, Environment as _, Hypergrid, walk};
///
/// let grid = Hypergrid::new(2, 4)?;
/// let (states, backward_actions) = walk(&grid, &[Action(0), Action(2)])?;
/// assert_eq!((states.len(), backward_actions.len()), (3, 2));
/// assert!(grid.is_terminal(&states[2]));
/// assert!(walk(&grid, &[Action(9)]).is_err());
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
pub fn walk<E: Environment>(
    env: &E,
    actions: &[Action],
) -> Result<(Vec<E::State>, Vec<BackwardAction>), EnvironmentError> {
    let mut state = env.source();
    let mut states = Vec::with_capacity(actions.len() + 1);
    states.push(state.clone());
    let mut backward_actions = Vec::with_capacity(actions.len());
    for &action in actions {
        backward_actions.push(env.step(&mut state, action)?);
        states.push(state.clone());
    }
    Ok((states, backward_actions))
}
