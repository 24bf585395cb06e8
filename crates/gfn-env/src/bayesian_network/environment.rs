//! Dynamics of Bayesian-network structures.

use super::state::{DagState, MAX_NODES};
use crate::{Action, BackwardAction, Environment, EnvironmentError, FeatureRow, Substructure};

/// Directed acyclic graphs, one edge at a time; see the [module](crate::bayesian_network) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{BayesianNetwork, Environment as _};
///
/// let env = BayesianNetwork::new(3)?;
/// let mut state = env.source();
/// env.step(&mut state, env.edge(0, 1))?;
/// env.step(&mut state, env.edge(1, 2))?;
/// // 2 → 0 would close a cycle.
/// assert!(env.step(&mut state, env.edge(2, 0)).is_err());
/// env.step(&mut state, env.exit())?;
/// assert_eq!(env.describe(&state), "0>1 1>2");
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BayesianNetwork {
    n_nodes: usize,
}

impl BayesianNetwork {
    /// Graphs of `n_nodes` nodes.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `2 <= n_nodes <= 32`.
    pub fn new(n_nodes: usize) -> Result<Self, EnvironmentError> {
        if !(2..=MAX_NODES).contains(&n_nodes) {
            return Err(EnvironmentError::invalid_parameter(
                "n_nodes",
                &n_nodes,
                "it must be between 2 and 32",
            ));
        }
        Ok(Self { n_nodes })
    }

    /// `d`, the number of nodes.
    pub fn n_nodes(&self) -> usize {
        self.n_nodes
    }

    /// The exit action, the last one.
    pub fn exit(&self) -> Action {
        Action(self.n_edge_actions() as u32)
    }

    /// The action that adds the edge `from → to`.
    ///
    /// # Panics
    ///
    /// If a node is not below `d`, or both are the same.
    pub fn edge(&self, from: usize, to: usize) -> Action {
        assert!(
            from < self.n_nodes && to < self.n_nodes && from != to,
            "no edge {from} -> {to}"
        );
        let column = to - usize::from(to > from);
        Action((from * (self.n_nodes - 1) + column) as u32)
    }

    /// The nodes of an edge action.
    fn nodes(&self, index: usize) -> Option<(usize, usize)> {
        let (from, column) = (index / (self.n_nodes - 1), index % (self.n_nodes - 1));
        (from < self.n_nodes).then_some((from, column + usize::from(column >= from)))
    }

    /// The object of some edges `(from, to)`, complete.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for a node beyond `d`, an edge that stands twice, and a cycle.
    pub fn object(&self, edges: &[(usize, usize)]) -> Result<DagState, EnvironmentError> {
        let mut state = DagState::with_edges(self.n_nodes, edges)?;
        state.set_stopped(true);
        Ok(state)
    }

    fn n_edge_actions(&self) -> usize {
        self.n_nodes * (self.n_nodes - 1)
    }
}

impl Environment for BayesianNetwork {
    type State = DagState;

    fn source(&self) -> DagState {
        DagState::empty()
    }

    fn n_actions(&self) -> usize {
        self.n_edge_actions() + 1
    }

    fn n_backward_actions(&self) -> usize {
        self.n_edge_actions()
    }

    fn max_len(&self) -> usize {
        self.n_edge_actions() / 2 + 1
    }

    fn n_features(&self) -> usize {
        self.n_edge_actions()
    }

    fn is_terminal(&self, state: &DagState) -> bool {
        state.has_stopped()
    }

    fn forward_mask(&self, state: &DagState, allowed: &mut [bool]) {
        if state.has_stopped() {
            allowed.fill(false);
            return;
        }
        for (index, a) in allowed.iter_mut().enumerate() {
            *a = match self.nodes(index) {
                Some((from, to)) => state.accepts(from, to),
                None => true,
            };
        }
    }

    fn backward_mask(&self, state: &DagState, allowed: &mut [bool]) {
        for (index, a) in allowed.iter_mut().enumerate() {
            *a = if state.has_stopped() {
                index == 0
            } else {
                self.nodes(index)
                    .is_some_and(|(from, to)| state.has_edge(from, to))
            };
        }
    }

    fn step(
        &self,
        state: &mut DagState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        if !state.has_stopped() {
            if action == self.exit() {
                state.set_stopped(true);
                return Ok(BackwardAction(0));
            }
            let nodes = self.nodes(action.index());
            if let Some((from, to)) = nodes.filter(|(from, to)| state.accepts(*from, *to)) {
                state.add(from, to);
                return Ok(BackwardAction(action.0));
            }
        }
        Err(EnvironmentError::invalid_action(action, state))
    }

    fn step_back(
        &self,
        state: &mut DagState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        if state.has_stopped() && action.0 == 0 {
            state.set_stopped(false);
            return Ok(self.exit());
        }
        let nodes = self.nodes(action.index());
        match nodes.filter(|(from, to)| state.has_edge(*from, *to)) {
            Some((from, to)) if !state.has_stopped() => {
                state.remove(from, to);
                Ok(Action(action.0))
            }
            _ => Err(EnvironmentError::invalid_backward_action(action, state)),
        }
    }

    fn encode(&self, state: &DagState, row: &mut FeatureRow<'_>) {
        for (from, to) in state.edges() {
            row.one(self.edge(from, to).index());
        }
    }

    /// The edges `from>to`, with spaces between them.
    fn describe(&self, state: &DagState) -> String {
        state.to_string()
    }
}

/// All edges of the part are edges of the object; a graph that has stopped is a part of itself alone.
impl Substructure for BayesianNetwork {
    fn contains(&self, object: &DagState, part: &DagState) -> bool {
        let mut nodes = 0..self.n_nodes;
        if part.has_stopped() {
            part == object
        } else {
            nodes.all(|node| part.parents(node) & !object.parents(node) == 0)
        }
    }
}
