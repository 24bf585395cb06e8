//! The environment: [`Environment`] and [`Enumerable`].
//!
//! # What an environment is
//!
//! A pointed directed acyclic graph: one source, terminal states without children, and every complete trajectory a
//! path from the source to a terminal state. The reward is separate, see [`Reward`](crate::Reward).
//!
//! An environment is written for **one** state and changes it **in place**; batching, threads and vectors are made
//! around it. All methods are pure functions of their arguments.
//!
//! # The exit edge
//!
//! An environment in which every state may stop (the hypergrid) has an exit action. Its terminal states are "the
//! object, exited", and the only parent of such a state is the same object not exited. There exactly one backward
//! action is allowed, by convention index 0: it needs no logit of its own (its log-probability is a log-softmax over
//! one allowed entry, 0 exactly), and so `n_backward_actions` does not count it. An environment whose objects are
//! complete by themselves (a sequence of fixed length) has no exit action: a state is terminal when it is full.

use std::{fmt::Debug, hash::Hash, sync::Arc};

use rand_chacha::ChaCha8Rng;

use crate::{Action, BackwardAction, EnvironmentError, FeatureRow};

/// A deterministic, pointed directed acyclic graph.
///
/// [`check_environment`](crate::check_environment) tests an implementation against everything this page says.
///
/// # Examples
///
/// Subsets of three items, filled one by one until two are in:
///
/// ```
/// use gfn_env::{Action, BackwardAction, Environment, EnvironmentError, FeatureRow};
///
/// struct Pairs;
///
/// impl Environment for Pairs {
///     type State = u8; // bit i: item i is in
///
///     fn source(&self) -> u8 {
///         0
///     }
///     fn n_actions(&self) -> usize {
///         3
///     }
///     fn n_backward_actions(&self) -> usize {
///         3
///     }
///     fn max_len(&self) -> usize {
///         2
///     }
///     fn n_features(&self) -> usize {
///         3
///     }
///     fn is_terminal(&self, state: &u8) -> bool {
///         state.count_ones() == 2
///     }
///     fn forward_mask(&self, state: &u8, allowed: &mut [bool]) {
///         for (i, a) in allowed.iter_mut().enumerate() {
///             *a = !self.is_terminal(state) && state >> i & 1 == 0;
///         }
///     }
///     fn backward_mask(&self, state: &u8, allowed: &mut [bool]) {
///         for (i, a) in allowed.iter_mut().enumerate() {
///             *a = state >> i & 1 == 1;
///         }
///     }
///     fn step(&self, state: &mut u8, action: Action) -> Result<BackwardAction, EnvironmentError> {
///         if action.0 >= 3 || self.is_terminal(state) || *state >> action.0 & 1 == 1 {
///             return Err(EnvironmentError::invalid_action(action, state));
///         }
///         *state |= 1 << action.0;
///         Ok(BackwardAction(action.0))
///     }
///     fn step_back(&self, state: &mut u8, action: BackwardAction) -> Result<Action, EnvironmentError> {
///         if action.0 >= 3 || *state >> action.0 & 1 == 0 {
///             return Err(EnvironmentError::invalid_backward_action(action, state));
///         }
///         *state &= !(1 << action.0);
///         Ok(Action(action.0))
///     }
///     fn encode(&self, state: &u8, row: &mut FeatureRow<'_>) {
///         (0..3).filter(|i| state >> i & 1 == 1).for_each(|i| row.one(i));
///     }
/// }
///
/// let report = gfn_env::check_environment(&Pairs, 20, gfn_env::Streams::new(0))?;
/// assert_eq!(report.n_terminals, 3);
/// # Ok::<(), gfn_env::CheckError>(())
/// ```
pub trait Environment: Send + Sync {
    /// One node of the graph.
    type State: Clone + Eq + Hash + Debug + Send + Sync;

    /// The node every trajectory starts at.
    ///
    /// An environment whose reward depends on a condition has a graph, and a source, for each condition; this is the source
    /// of one of them, and [`draw_source`](Self::draw_source) says where a trajectory starts. See
    /// [`Conditional`](crate::Conditional).
    fn source(&self) -> Self::State;

    /// The source of one sampled trajectory; draws from `rng` only where there are several.
    fn draw_source(&self, _rng: &mut ChaCha8Rng) -> Self::State {
        self.source()
    }

    /// Whether trajectories may start at `state`.
    fn is_source(&self, state: &Self::State) -> bool {
        *state == self.source()
    }

    /// `A`, the number of forward action indices, the exit included where there is one.
    fn n_actions(&self) -> usize;

    /// `A_b`, the number of backward action indices, the exit edge not counted.
    fn n_backward_actions(&self) -> usize;

    /// Edges on the longest complete trajectory, the exit edge included.
    fn max_len(&self) -> usize;

    /// Width of an encoded state.
    fn n_features(&self) -> usize;

    /// Whether `state` has no children and carries a reward.
    fn is_terminal(&self, state: &Self::State) -> bool;

    /// Writes `true` for each forward action that exists at `state`; all `false` at terminal states.
    ///
    /// `allowed` has [`n_actions`](Self::n_actions) entries and every one is written.
    fn forward_mask(&self, state: &Self::State, allowed: &mut [bool]);

    /// Writes `true` for each backward action that exists at `state`; all `false` at the source.
    ///
    /// `allowed` has [`n_backward_actions`](Self::n_backward_actions) entries and every one is written.
    fn backward_mask(&self, state: &Self::State, allowed: &mut [bool]);

    /// Moves `state` to its child along `action`, and returns the backward action that leads back.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidAction`] where the mask forbids `action`; the state is then unchanged.
    fn step(
        &self,
        state: &mut Self::State,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError>;

    /// Moves `state` to its parent along `action`, and returns the forward action that leads back.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidBackwardAction`] where the mask forbids `action`; the state is then unchanged.
    fn step_back(
        &self,
        state: &mut Self::State,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError>;

    /// Writes the features of `state` into one row of [`n_features`](Self::n_features).
    ///
    /// Distinct non-terminal states have distinct encodings, and so have distinct terminal states. A terminal state may
    /// share the encoding of its parent (an exited hypergrid cell does): no policy is evaluated at a terminal state
    /// where there is a choice to make.
    fn encode(&self, state: &Self::State, row: &mut FeatureRow<'_>);

    /// The object as text, for tables; without commas and line ends where possible.
    fn describe(&self, state: &Self::State) -> String {
        format!("{state:?}")
    }
}

/// An environment whose terminal states can be listed.
///
/// `index_of(terminal(i)) = Some(i)` for each `i < n_terminal()`, and `index_of` is `None` for every other state;
/// [`check_enumerable`](crate::check_enumerable) tests this.
pub trait Enumerable: Environment {
    /// Number of terminal states.
    fn n_terminal(&self) -> usize;

    /// The terminal state of number `index`.
    ///
    /// # Panics
    ///
    /// If `index >= n_terminal()`.
    fn terminal(&self, index: usize) -> Self::State;

    /// The number of a terminal state; `None` for a state that is not terminal.
    fn index_of(&self, state: &Self::State) -> Option<usize>;
}

/// Forwards both traits through a pointer.
macro_rules! forward_through {
    ($($pointer:ty),+) => {$(
        impl<E: Environment + ?Sized> Environment for $pointer {
            type State = E::State;
            fn source(&self) -> Self::State {
                (**self).source()
            }
            fn draw_source(&self, rng: &mut ChaCha8Rng) -> Self::State {
                (**self).draw_source(rng)
            }
            fn is_source(&self, state: &Self::State) -> bool {
                (**self).is_source(state)
            }
            fn n_actions(&self) -> usize {
                (**self).n_actions()
            }
            fn n_backward_actions(&self) -> usize {
                (**self).n_backward_actions()
            }
            fn max_len(&self) -> usize {
                (**self).max_len()
            }
            fn n_features(&self) -> usize {
                (**self).n_features()
            }
            fn is_terminal(&self, state: &Self::State) -> bool {
                (**self).is_terminal(state)
            }
            fn forward_mask(&self, state: &Self::State, allowed: &mut [bool]) {
                (**self).forward_mask(state, allowed);
            }
            fn backward_mask(&self, state: &Self::State, allowed: &mut [bool]) {
                (**self).backward_mask(state, allowed);
            }
            fn step(
                &self,
                state: &mut Self::State,
                action: Action,
            ) -> Result<BackwardAction, EnvironmentError> {
                (**self).step(state, action)
            }
            fn step_back(
                &self,
                state: &mut Self::State,
                action: BackwardAction,
            ) -> Result<Action, EnvironmentError> {
                (**self).step_back(state, action)
            }
            fn encode(&self, state: &Self::State, row: &mut FeatureRow<'_>) {
                (**self).encode(state, row);
            }
            fn describe(&self, state: &Self::State) -> String {
                (**self).describe(state)
            }
        }

        impl<E: Enumerable + ?Sized> Enumerable for $pointer {
            fn n_terminal(&self) -> usize {
                (**self).n_terminal()
            }
            fn terminal(&self, index: usize) -> Self::State {
                (**self).terminal(index)
            }
            fn index_of(&self, state: &Self::State) -> Option<usize> {
                (**self).index_of(state)
            }
        }
    )+};
}

forward_through!(&E, Box<E>, Arc<E>);
