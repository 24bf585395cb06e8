//! Directed acyclic graphs in bit sets.

use std::fmt;

use crate::EnvironmentError;

/// Most nodes: the parents of a node are the bits of a word.
pub(super) const MAX_NODES: usize = 32;

/// A directed acyclic graph, and whether it is complete.
///
/// With the feature `serde` it is the list of its edges `[from, to]`, and whether it has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "Edges", into = "Edges")
)]
pub struct DagState {
    /// Bit `i` of entry `j`: the edge `i → j`.
    parents: [u32; MAX_NODES],
    /// Bit `i` of entry `j`: a path from `i` to `j`. The transitive closure of the parents.
    ancestors: [u32; MAX_NODES],
    stopped: bool,
}

impl DagState {
    /// No edges.
    pub(super) fn empty() -> Self {
        Self {
            parents: [0; MAX_NODES],
            ancestors: [0; MAX_NODES],
            stopped: false,
        }
    }

    /// Bit `i`: the edge `i → node`.
    ///
    /// # Panics
    ///
    /// If `node >= 32`.
    pub fn parents(&self, node: usize) -> u32 {
        self.parents[node]
    }

    /// Bit `i`: a path from `i` to `node`.
    ///
    /// # Panics
    ///
    /// If `node >= 32`.
    pub fn ancestors(&self, node: usize) -> u32 {
        self.ancestors[node]
    }

    /// Whether there is the edge `from → to`.
    ///
    /// # Panics
    ///
    /// If `to >= 32`.
    pub fn has_edge(&self, from: usize, to: usize) -> bool {
        self.parents[to] >> from & 1 == 1
    }

    /// Number of edges.
    pub fn n_edges(&self) -> usize {
        let in_degrees = self.parents.iter().map(|p| p.count_ones() as usize);
        in_degrees.sum()
    }

    /// The edges `(from, to)`, by `from` and then `to`.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        let leave = self.parents.iter().fold(0, |bits, parents| bits | parents);
        let froms = (0..MAX_NODES).filter(move |i| leave >> i & 1 == 1);
        let pairs = froms.flat_map(|i| (0..MAX_NODES).map(move |j| (i, j)));
        pairs.filter(|(i, j)| self.has_edge(*i, *j))
    }

    /// Whether the graph is complete.
    pub fn has_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// Whether the edge can be added: it is not there and closes no cycle.
    pub(super) fn accepts(&self, from: usize, to: usize) -> bool {
        from != to && !self.has_edge(from, to) && self.ancestors[from] >> to & 1 == 0
    }

    /// Adds an edge that [`accepts`](Self::accepts) allows.
    pub(super) fn add(&mut self, from: usize, to: usize) {
        self.parents[to] |= 1 << from;
        // All that reaches `from`, and itself, now reaches `to` and what `to` reaches.
        let gained = self.ancestors[from] | 1 << from;
        for (node, ancestors) in self.ancestors.iter_mut().enumerate() {
            if node == to || *ancestors >> to & 1 == 1 {
                *ancestors |= gained;
            }
        }
    }

    /// Removes an edge that is there.
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        self.parents[to] &= !(1 << from);
        // A path may have others beside it, so the closure is made anew, by Warshall's algorithm.
        self.ancestors = self.parents;
        for via in 0..MAX_NODES {
            let through = self.ancestors[via];
            if through == 0 {
                continue;
            }
            for ancestors in &mut self.ancestors {
                if *ancestors >> via & 1 == 1 {
                    *ancestors |= through;
                }
            }
        }
    }

    /// The graph of some edges.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for a node beyond `n_nodes`, an edge that stands twice, and a cycle.
    pub(super) fn with_edges(
        n_nodes: usize,
        edges: &[(usize, usize)],
    ) -> Result<Self, EnvironmentError> {
        let mut state = Self::empty();
        for &(from, to) in edges {
            let inside = from < n_nodes && to < n_nodes;
            if !inside || !state.accepts(from, to) {
                return Err(EnvironmentError::invalid_parameter(
                    "edges",
                    &edges,
                    "each must lead from one node of the graph to another, stand once, and close no cycle",
                ));
            }
            state.add(from, to);
        }
        Ok(state)
    }
}

impl fmt::Display for DagState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.n_edges() == 0 {
            return f.write_str("no edges");
        }
        for (n, (from, to)) in self.edges().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{from}>{to}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for DagState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stopped = if self.stopped { ", stopped" } else { "" };
        write!(f, "[{self}{stopped}]")
    }
}

/// A graph as it is written.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Edges {
    edges: Vec<[usize; 2]>,
    stopped: bool,
}

#[cfg(feature = "serde")]
impl From<DagState> for Edges {
    fn from(state: DagState) -> Self {
        Self {
            edges: state.edges().map(|(from, to)| [from, to]).collect(),
            stopped: state.stopped,
        }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Edges> for DagState {
    type Error = EnvironmentError;

    fn try_from(edges: Edges) -> Result<Self, EnvironmentError> {
        let pairs: Vec<_> = edges.edges.iter().map(|[i, j]| (*i, *j)).collect();
        let mut state = Self::with_edges(MAX_NODES, &pairs)?;
        state.stopped = edges.stopped;
        Ok(state)
    }
}
