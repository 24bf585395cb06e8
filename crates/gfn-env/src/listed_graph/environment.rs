//! Dynamics of written graphs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ListedGraphError;
use crate::{Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow, Table};

/// Deepest perfect binary tree.
const MAX_DEPTH: usize = 20;

/// A graph that is written down; see the [module](crate::listed_graph) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{Environment as _, ListedGraph, StateGraph};
///
/// let edges = [("s", "a"), ("s", "b"), ("a", "x"), ("b", "x"), ("b", "y")];
/// let graph = ListedGraph::new(&edges, &[("x", 1.0), ("y", 3.0)], None)?;
/// assert_eq!((graph.n_actions(), graph.n_backward_actions(), graph.max_len()), (2, 2, 2));
/// let error = ListedGraph::new(&[("s", "a"), ("a", "s")], &[], None).unwrap_err();
/// assert_eq!(error.to_string(), "the edges s -> a -> s form a cycle; take one of them out");
/// # Ok::<(), gfn_env::listed_graph::ListedGraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ListedGraph {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    names: Vec<String>,
    children: Vec<Vec<u32>>,
    parents: Vec<Vec<u32>>,
    source: u32,
    /// Ascending.
    terminals: Vec<u32>,
    /// By node; NaN where it has children.
    log_rewards: Vec<f64>,
    /// Edges of the longest path from the source to each node.
    layers: Vec<usize>,
    max_len: usize,
    n_actions: usize,
    n_backward_actions: usize,
}

/// A node, by its number in the order in which the edges name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeState(pub u32);

impl ListedGraph {
    /// The graph of these edges `(from, to)`, with the rewards of the nodes without children.
    ///
    /// The source is the node of the first edge unless it is named.
    ///
    /// # Errors
    ///
    /// [`ListedGraphError`], which names the node: edges that stand twice or form a cycle, nodes that cannot be reached, and
    /// rewards that are missing, in the wrong place or not positive.
    pub fn new(
        edges: &[(&str, &str)],
        rewards: &[(&str, f64)],
        source: Option<&str>,
    ) -> Result<Self, ListedGraphError> {
        let Some((first, _)) = edges.first() else {
            return Err(ListedGraphError::NoEdges);
        };
        let source_name = source.unwrap_or(first).to_owned();
        let mut names: Vec<String> = Vec::new();
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let (mut children, mut parents): (Vec<Vec<u32>>, Vec<Vec<u32>>) = Default::default();
        for (from, to) in edges {
            let [from, to] = [*from, *to].map(|name| {
                *numbers.entry(name).or_insert_with(|| {
                    names.push(name.to_owned());
                    children.push(Vec::new());
                    parents.push(Vec::new());
                    (names.len() - 1) as u32
                })
            });
            if children[from as usize].contains(&to) {
                return Err(ListedGraphError::Twice {
                    from: names[from as usize].clone(),
                    to: names[to as usize].clone(),
                });
            }
            children[from as usize].push(to);
            parents[to as usize].push(from);
        }
        let source = match numbers.get(source_name.as_str()) {
            Some(source) => *source,
            None => return Err(ListedGraphError::UnknownSource { source_name }),
        };
        let order = topological_order(&names, &children, &parents)?;
        if let Some(from) = parents[source as usize].first() {
            return Err(ListedGraphError::IntoSource {
                from: names[*from as usize].clone(),
                source_name,
            });
        }
        // Edges of the longest path from the source.
        let mut longest: Vec<Option<usize>> = vec![None; names.len()];
        longest[source as usize] = Some(0);
        for node in order {
            let Some(length) = longest[node as usize] else {
                continue;
            };
            for child in &children[node as usize] {
                let known = &mut longest[*child as usize];
                *known = Some(known.map_or(length + 1, |l| l.max(length + 1)));
            }
        }
        let layers: Vec<usize> = longest.iter().flatten().copied().collect();
        if let Some(node) = longest.iter().position(Option::is_none) {
            return Err(ListedGraphError::Unreachable {
                node: names[node].clone(),
                source_name,
            });
        }
        let log_rewards = log_rewards(&names, &numbers, &children, rewards)?;
        let n_edges = |lists: &[Vec<u32>]| lists.iter().map(Vec::len).max().unwrap_or(0);
        let nodes = 0..names.len() as u32;
        Ok(Self {
            inner: Arc::new(Inner {
                source,
                terminals: nodes
                    .filter(|node| children[*node as usize].is_empty())
                    .collect(),
                log_rewards,
                max_len: layers.iter().copied().max().unwrap_or(0),
                layers,
                n_actions: n_edges(&children),
                n_backward_actions: n_edges(&parents),
                names,
                children,
                parents,
            }),
        })
    }

    /// The graph in a table with the columns `from`, `to` and `reward`: a row has the first two, an edge, or the first and the
    /// last, the reward of a node without children.
    ///
    /// # Errors
    ///
    /// [`ListedGraphError::Table`] for other rows, with line and column; otherwise as [`ListedGraph::new`].
    pub fn from_table(table: &Table) -> Result<Self, ListedGraphError> {
        let [from, to, reward] = ["from", "to", "reward"].map(|name| table.column(name));
        let (from, to, reward) = (from?, to?, reward?);
        let (mut edges, mut rewards) = (Vec::new(), Vec::new());
        for row in 0..table.n_rows() {
            let name = table.field(row, from);
            if name.is_empty() {
                return Err(table.refuse(row, from, "a node needs a name").into());
            }
            match (table.field(row, to), table.field(row, reward)) {
                ("", _) => rewards.push((name, table.number(row, reward)?)),
                (child, "") => edges.push((name, child)),
                _ => {
                    let requirement = "a row with `to` is an edge and has no reward; rewards have rows of their own";
                    return Err(table.refuse(row, reward, requirement).into());
                }
            }
        }
        Self::new(&edges, &rewards, None)
    }

    /// A tree of `2^{depth + 1} − 1` nodes: each that is not a leaf has the children `L` and `R` behind its name, and the
    /// source is called `0`. Leaves have these natural-log rewards, from left to right.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `1 <= depth <= 20` and there are `2^depth` finite log-rewards.
    pub fn perfect_binary_tree(
        depth: usize,
        log_rewards: &[f64],
    ) -> Result<Self, EnvironmentError> {
        if !(1..=MAX_DEPTH).contains(&depth) {
            return Err(EnvironmentError::invalid_parameter(
                "depth",
                &depth,
                "it must be between 1 and 20",
            ));
        }
        let n_inner = (1_usize << depth) - 1;
        if log_rewards.len() != n_inner + 1 || log_rewards.iter().any(|l| !l.is_finite()) {
            return Err(EnvironmentError::invalid_parameter(
                "rewards",
                &log_rewards.len(),
                "there must be one for each of the 2^depth leaves, all of them positive and finite",
            ));
        }
        let mut names = vec!["0".to_owned()];
        let mut parents = vec![Vec::new()];
        for node in 1..=2 * n_inner {
            let parent = (node - 1) / 2;
            let side = if node % 2 == 1 { 'L' } else { 'R' };
            names.push(format!("{}{side}", names[parent]));
            parents.push(vec![parent as u32]);
        }
        let children = (0..names.len()).map(|node| {
            if node < n_inner {
                vec![2 * node as u32 + 1, 2 * node as u32 + 2]
            } else {
                Vec::new()
            }
        });
        Ok(Self {
            inner: Arc::new(Inner {
                children: children.collect(),
                source: 0,
                terminals: (n_inner..names.len()).map(|node| node as u32).collect(),
                log_rewards: std::iter::repeat_n(f64::NAN, n_inner)
                    .chain(log_rewards.iter().copied())
                    .collect(),
                layers: (0..names.len())
                    .map(|node| (node + 1).ilog2() as usize)
                    .collect(),
                max_len: depth,
                n_actions: 2,
                n_backward_actions: 1,
                names,
                parents,
            }),
        })
    }

    /// Number of nodes.
    pub fn n_nodes(&self) -> usize {
        self.inner.names.len()
    }

    /// The edges as numbers of nodes, those that leave the first node first.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        let children = self.inner.children.iter().enumerate();
        children.flat_map(|(from, children)| children.iter().map(move |to| (from, *to as usize)))
    }

    /// Edges of the longest path from the source to each node.
    pub fn layers(&self) -> &[usize] {
        &self.inner.layers
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<NodeState> {
        let place = self.inner.names.iter().position(|known| known == name);
        place.map(|node| NodeState(node as u32))
    }

    /// Natural-log reward of a node; NaN where it has children, or is none of the graph.
    pub fn log_reward(&self, node: NodeState) -> f64 {
        let log_rewards = self.inner.log_rewards.get(node.0 as usize);
        log_rewards.copied().unwrap_or(f64::NAN)
    }

    fn children(&self, node: NodeState) -> &[u32] {
        self.inner
            .children
            .get(node.0 as usize)
            .map_or(&[], Vec::as_slice)
    }

    fn parents(&self, node: NodeState) -> &[u32] {
        self.inner
            .parents
            .get(node.0 as usize)
            .map_or(&[], Vec::as_slice)
    }
}

/// The nodes, parents before children; or a cycle by name.
fn topological_order(
    names: &[String],
    children: &[Vec<u32>],
    parents: &[Vec<u32>],
) -> Result<Vec<u32>, ListedGraphError> {
    let mut open: Vec<usize> = parents.iter().map(Vec::len).collect();
    let nodes = 0..names.len() as u32;
    let mut order: Vec<u32> = nodes.filter(|node| open[*node as usize] == 0).collect();
    let mut done = 0;
    while let Some(node) = order.get(done).copied() {
        done += 1;
        for child in &children[node as usize] {
            open[*child as usize] -= 1;
            if open[*child as usize] == 0 {
                order.push(*child);
            }
        }
    }
    let Some(stuck) = open.iter().position(|n| *n > 0) else {
        return Ok(order);
    };
    // Every node that is left has a parent that is left: going back, one has to come again.
    let mut path = vec![stuck as u32];
    loop {
        let node = path[path.len() - 1] as usize;
        let Some(parent) = parents[node].iter().find(|p| open[**p as usize] > 0) else {
            break;
        };
        let seen = path.iter().position(|node| node == parent);
        path.push(*parent);
        if let Some(start) = seen {
            path.drain(..start);
            break;
        }
    }
    path.reverse();
    // From the node that is named first.
    path.pop();
    let first = (0..path.len()).min_by_key(|i| path[*i]).unwrap_or(0);
    path.rotate_left(first);
    path.push(path[0]);
    let path: Vec<&str> = path.iter().map(|n| names[*n as usize].as_str()).collect();
    Err(ListedGraphError::Cycle {
        path: path.join(" -> "),
    })
}

fn log_rewards(
    names: &[String],
    numbers: &BTreeMap<&str, u32>,
    children: &[Vec<u32>],
    rewards: &[(&str, f64)],
) -> Result<Vec<f64>, ListedGraphError> {
    let mut log_rewards = vec![f64::NAN; names.len()];
    for (name, reward) in rewards {
        let node = (*name).to_owned();
        let Some(number) = numbers.get(name).map(|number| *number as usize) else {
            return Err(ListedGraphError::UnknownNode { node });
        };
        if !children[number].is_empty() {
            return Err(ListedGraphError::RewardOfInnerNode { node });
        }
        if !(reward.is_finite() && *reward > 0.0) {
            return Err(ListedGraphError::BadReward {
                node,
                value: reward.to_string(),
            });
        }
        if !log_rewards[number].is_nan() {
            return Err(ListedGraphError::BadReward {
                node,
                value: "given twice".to_owned(),
            });
        }
        log_rewards[number] = reward.ln();
    }
    let missing = |node: &usize| children[*node].is_empty() && log_rewards[*node].is_nan();
    match (0..names.len()).find(missing) {
        Some(node) => Err(ListedGraphError::MissingReward {
            node: names[node].clone(),
        }),
        None => Ok(log_rewards),
    }
}

/// The place of a number in a list.
fn place(list: &[u32], number: u32) -> u32 {
    list.iter().position(|other| *other == number).unwrap_or(0) as u32
}

impl Environment for ListedGraph {
    type State = NodeState;

    fn source(&self) -> NodeState {
        NodeState(self.inner.source)
    }

    fn n_actions(&self) -> usize {
        self.inner.n_actions
    }

    fn n_backward_actions(&self) -> usize {
        self.inner.n_backward_actions
    }

    fn max_len(&self) -> usize {
        self.inner.max_len
    }

    fn n_features(&self) -> usize {
        self.n_nodes()
    }

    fn is_terminal(&self, state: &NodeState) -> bool {
        self.children(*state).is_empty()
    }

    fn forward_mask(&self, state: &NodeState, allowed: &mut [bool]) {
        let n = self.children(*state).len();
        for (k, a) in allowed.iter_mut().enumerate() {
            *a = k < n;
        }
    }

    fn backward_mask(&self, state: &NodeState, allowed: &mut [bool]) {
        let n = self.parents(*state).len();
        for (k, a) in allowed.iter_mut().enumerate() {
            *a = k < n;
        }
    }

    fn step(
        &self,
        state: &mut NodeState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        let Some(child) = self.children(*state).get(action.index()) else {
            return Err(EnvironmentError::invalid_action(action, state));
        };
        let parent = std::mem::replace(&mut state.0, *child);
        Ok(BackwardAction(place(self.parents(*state), parent)))
    }

    fn step_back(
        &self,
        state: &mut NodeState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        let Some(parent) = self.parents(*state).get(action.index()) else {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        };
        let child = std::mem::replace(&mut state.0, *parent);
        Ok(Action(place(self.children(*state), child)))
    }

    fn encode(&self, state: &NodeState, row: &mut FeatureRow<'_>) {
        row.one(state.0 as usize);
    }

    /// The name of the node.
    fn describe(&self, state: &NodeState) -> String {
        match self.inner.names.get(state.0 as usize) {
            Some(name) => name.clone(),
            None => format!("{state:?}"),
        }
    }
}

impl Enumerable for ListedGraph {
    fn n_terminal(&self) -> usize {
        self.inner.terminals.len()
    }

    fn terminal(&self, index: usize) -> NodeState {
        NodeState(self.inner.terminals[index])
    }

    fn index_of(&self, state: &NodeState) -> Option<usize> {
        self.inner.terminals.binary_search(&state.0).ok()
    }
}
