//! Tabular encodings: [`Indexed`].

use rand_chacha::ChaCha8Rng;

use crate::{
    Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow,
    exact::{ExactError, StateGraph},
};

/// An environment whose encoding is the one-hot of the state's number in its [`StateGraph`].
///
/// With it a linear policy is a table: one free row of logits per state. Everything but the features is as in the
/// wrapped environment.
///
/// # Examples
///
/// ```
/// use gfn_env::{Environment as _, Features, Hypergrid, Indexed};
///
/// let grid = Indexed::new(Hypergrid::new(2, 3)?, 100)?;
/// assert_eq!(grid.n_features(), 18); // nine cells, and nine exited ones
/// let mut features = Features::new(grid.n_features());
/// grid.encode(&grid.source(), &mut features.push_row());
/// assert_eq!(features.indices(), [0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Indexed<E: Environment> {
    env: E,
    graph: StateGraph<E::State>,
}

impl<E: Environment> Indexed<E> {
    /// Explores `env`, which has at most `max_states` states.
    ///
    /// # Errors
    ///
    /// As [`StateGraph::explore`].
    pub fn new(env: E, max_states: usize) -> Result<Self, ExactError> {
        let graph = StateGraph::explore(&env, max_states)?;
        Ok(Self { env, graph })
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The graph that numbers the states.
    pub fn graph(&self) -> &StateGraph<E::State> {
        &self.graph
    }
}

impl<E: Environment> Environment for Indexed<E> {
    type State = E::State;

    fn source(&self) -> Self::State {
        self.env.source()
    }

    fn draw_source(&self, rng: &mut ChaCha8Rng) -> Self::State {
        self.env.draw_source(rng)
    }

    fn is_source(&self, state: &Self::State) -> bool {
        self.env.is_source(state)
    }

    fn n_actions(&self) -> usize {
        self.env.n_actions()
    }

    fn n_backward_actions(&self) -> usize {
        self.env.n_backward_actions()
    }

    fn max_len(&self) -> usize {
        self.env.max_len()
    }

    fn n_features(&self) -> usize {
        self.graph.len()
    }

    fn is_terminal(&self, state: &Self::State) -> bool {
        self.env.is_terminal(state)
    }

    fn forward_mask(&self, state: &Self::State, allowed: &mut [bool]) {
        self.env.forward_mask(state, allowed);
    }

    fn backward_mask(&self, state: &Self::State, allowed: &mut [bool]) {
        self.env.backward_mask(state, allowed);
    }

    fn step(
        &self,
        state: &mut Self::State,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        self.env.step(state, action)
    }

    fn step_back(
        &self,
        state: &mut Self::State,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        self.env.step_back(state, action)
    }

    /// One 1, at the number of `state`; a row of zeros where `state` cannot be reached from the source.
    fn encode(&self, state: &Self::State, row: &mut FeatureRow<'_>) {
        if let Some(i) = self.graph.index_of(state) {
            row.one(i);
        }
    }

    fn describe(&self, state: &Self::State) -> String {
        self.env.describe(state)
    }
}

impl<E: Enumerable> Enumerable for Indexed<E> {
    fn n_terminal(&self) -> usize {
        self.env.n_terminal()
    }

    fn terminal(&self, index: usize) -> Self::State {
        self.env.terminal(index)
    }

    fn index_of(&self, state: &Self::State) -> Option<usize> {
        self.env.index_of(state)
    }
}
