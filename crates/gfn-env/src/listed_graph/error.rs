//! What a written graph may not be: [`ListedGraphError`].

use crate::TableError;

/// Why a list of edges and rewards is no environment.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ListedGraphError {
    /// A row of a table that is neither an edge nor a reward.
    #[error(transparent)]
    Table(#[from] TableError),
    /// No edges.
    #[error("there are no edges; list at least one, [from, to]")]
    NoEdges,
    /// An edge that stands twice.
    #[error("the edge {from} -> {to} stands twice; list it once")]
    Twice {
        /// Where it starts.
        from: String,
        /// Where it ends.
        to: String,
    },
    /// The source is no node of the graph.
    #[error("the source {source_name} has no edge; name a node that an edge leaves")]
    UnknownSource {
        /// The name that was given.
        source_name: String,
    },
    /// A path that comes back.
    #[error("the edges {path} form a cycle; take one of them out")]
    Cycle {
        /// Its nodes, with the first again at the end.
        path: String,
    },
    /// An edge into the source.
    #[error(
        "an edge leads from {from} into the source {source_name}; take it out, or name another source"
    )]
    IntoSource {
        /// Where it starts.
        from: String,
        /// The source.
        source_name: String,
    },
    /// A node that no path from the source enters.
    #[error(
        "the node {node} cannot be reached from the source {source_name}; add an edge to it, or take it out"
    )]
    Unreachable {
        /// The node.
        node: String,
        /// The source.
        source_name: String,
    },
    /// A node without children that has no reward.
    #[error("the node {node} has no children and no reward; give it one")]
    MissingReward {
        /// The node.
        node: String,
    },
    /// A reward of a node that has children.
    #[error(
        "the node {node} has a reward and children; only nodes without children have rewards: add a child for the stop"
    )]
    RewardOfInnerNode {
        /// The node.
        node: String,
    },
    /// A reward of a node that is in no edge.
    #[error("the node {node} has a reward, but no edge leads to it")]
    UnknownNode {
        /// The node.
        node: String,
    },
    /// A reward that is not positive and finite, or that stands twice.
    #[error("the reward of {node} is {value}; it must be one positive finite number")]
    BadReward {
        /// The node.
        node: String,
        /// The reward.
        value: String,
    },
}
