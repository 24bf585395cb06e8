//! Exploration of an environment into a [`StateGraph`].

use std::{fmt::Debug, hash::Hash};

use super::{ExactError, Index, RawEdge, StateGraph};
use crate::{Action, Environment};

/// States and edges in the order in which they are found, breadth first.
struct Found<S> {
    states: Vec<S>,
    index: Index<S>,
    terminal: Vec<bool>,
    edges: Vec<RawEdge>,
    /// `len + 1` numbers: edges are found parent by parent.
    edge_offsets: Vec<usize>,
}

impl<S: Clone + Eq + Hash + Debug + Send + Sync> StateGraph<S> {
    /// Visits every state that can be reached from the source.
    ///
    /// # Errors
    ///
    /// - [`ExactError::TooManyStates`] where there are more than `max_states`
    /// - [`ExactError::Cycle`], [`ExactError::DeadEnd`], [`ExactError::Refused`] where the environment is not a pointed
    ///   acyclic graph, or its mask and its steps disagree
    ///
    /// # Panics
    ///
    /// If there are more than `u32::MAX` states or edges.
    pub fn explore<E: Environment<State = S>>(
        env: &E,
        max_states: usize,
    ) -> Result<Self, ExactError> {
        let found = Found::explore(env, max_states)?;
        let order = found.topological_order()?;
        Ok(found.renumber(&order, env.n_actions(), env.n_backward_actions()))
    }
}

impl<S: Clone + Eq + Hash + Debug + Send + Sync> Found<S> {
    fn explore<E: Environment<State = S>>(env: &E, max_states: usize) -> Result<Self, ExactError> {
        let source = env.source();
        let mut found = Self {
            states: vec![source.clone()],
            index: Index::from_iter([(source, 0)]),
            terminal: Vec::new(),
            edges: Vec::new(),
            edge_offsets: vec![0],
        };
        let mut allowed = vec![false; env.n_actions()];
        let mut parent = 0;
        while parent < found.states.len() {
            if found.states.len() > max_states {
                return Err(ExactError::TooManyStates {
                    found: found.states.len(),
                    max_states,
                });
            }
            let state = found.states[parent].clone();
            let terminal = env.is_terminal(&state);
            if !terminal {
                env.forward_mask(&state, &mut allowed);
                found.expand(env, parent, &state, &allowed)?;
            }
            found.terminal.push(terminal);
            found.edge_offsets.push(found.edges.len());
            parent += 1;
        }
        Ok(found)
    }

    fn expand<E: Environment<State = S>>(
        &mut self,
        env: &E,
        parent: usize,
        state: &S,
        allowed: &[bool],
    ) -> Result<(), ExactError> {
        let before = self.edges.len();
        for action in (0..allowed.len()).filter(|&a| allowed[a]) {
            let action = action as u32;
            let mut child = state.clone();
            let backward_action = env
                .step(&mut child, Action(action))
                .map_err(|source| ExactError::Refused { source })?
                .0;
            let n = self.states.len();
            assert!(
                n < u32::MAX as usize && self.edges.len() < u32::MAX as usize,
                "more than u32::MAX states or edges"
            );
            let child = match self.index.get(&child) {
                Some(&i) => i,
                None => {
                    self.index.insert(child.clone(), n as u32);
                    self.states.push(child);
                    n as u32
                }
            };
            self.edges.push(RawEdge {
                parent: parent as u32,
                child,
                action,
                backward_action,
            });
        }
        if self.edges.len() == before {
            return Err(ExactError::DeadEnd {
                state: format!("{state:?}"),
            });
        }
        Ok(())
    }

    fn edges_of(&self, i: usize) -> &[RawEdge] {
        &self.edges[self.edge_offsets[i]..self.edge_offsets[i + 1]]
    }

    /// Kahn's algorithm, first in first out; terminal states are set aside and come last, which is a topological order
    /// too because nothing leaves them.
    fn topological_order(&self) -> Result<Vec<u32>, ExactError> {
        let mut open_parents = vec![0u32; self.states.len()];
        for e in &self.edges {
            open_parents[e.child as usize] += 1;
        }
        let mut order = Vec::with_capacity(self.states.len());
        let mut terminals = Vec::new();
        if open_parents[0] == 0 {
            order.push(0);
        }
        let mut next = 0;
        while next < order.len() {
            for e in self.edges_of(order[next] as usize) {
                let child = e.child as usize;
                open_parents[child] -= 1;
                if open_parents[child] == 0 {
                    let list = if self.terminal[child] {
                        &mut terminals
                    } else {
                        &mut order
                    };
                    list.push(e.child);
                }
            }
            next += 1;
        }
        order.append(&mut terminals);
        match open_parents.iter().position(|&n| n > 0) {
            Some(i) => Err(ExactError::Cycle {
                state: format!("{:?}", self.states[i]),
            }),
            None => Ok(order),
        }
    }

    /// Puts states and edges in the order `order` (old numbers in new places).
    fn renumber(self, order: &[u32], n_actions: usize, n_backward_actions: usize) -> StateGraph<S> {
        let n = order.len();
        let mut new = vec![0u32; n];
        for (place, &old) in order.iter().enumerate() {
            new[old as usize] = place as u32;
        }
        let states: Vec<S> = order
            .iter()
            .map(|&old| self.states[old as usize].clone())
            .collect();
        let mut index = self.index;
        for (place, state) in states.iter().enumerate() {
            index.insert(state.clone(), place as u32);
        }
        let n_non_terminal = self.terminal.iter().filter(|t| !**t).count();

        let mut edges = Vec::with_capacity(self.edges.len());
        let mut edge_offsets = vec![0];
        let mut incoming_offsets = vec![0usize; n + 1];
        for &old in &order[..n_non_terminal] {
            let old = old as usize;
            for e in &self.edges[self.edge_offsets[old]..self.edge_offsets[old + 1]] {
                let child = new[e.child as usize];
                incoming_offsets[child as usize + 1] += 1;
                edges.push(RawEdge {
                    parent: new[old],
                    child,
                    ..*e
                });
            }
            edge_offsets.push(edges.len());
        }
        for i in 0..n {
            incoming_offsets[i + 1] += incoming_offsets[i];
        }
        let mut fill = incoming_offsets.clone();
        let mut incoming = vec![0u32; edges.len()];
        for (i, e) in edges.iter().enumerate() {
            let place = &mut fill[e.child as usize];
            incoming[*place] = i as u32;
            *place += 1;
        }
        StateGraph {
            states,
            index,
            n_actions,
            n_backward_actions,
            n_non_terminal,
            terminals: (n_non_terminal..n).collect(),
            edges,
            edge_offsets,
            incoming,
            incoming_offsets,
        }
    }
}
