//! A graph that is written down: nodes by name, edges and rewards, for tests, for teaching and for graphs of one's own.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | state | a node |
//! | source | the node that is named, or else the one that the first edge leaves |
//! | action `k` | go along the `k`-th edge of the node, in the order in which they are listed |
//! | backward action `k` | back along the `k`-th edge that enters the node, in the same order |
//! | terminal | the nodes that no edge leaves, each with a reward; there is no exit |
//! | features | one-hot of the node |
//! | `max_len` | edges of the longest path |
//!
//! Every node is reached from the source and no path comes back; the error names the node where this is not so.

mod environment;
mod error;
mod reward;

pub use environment::{ListedGraph, NodeState};
pub use error::ListedGraphError;
pub use reward::{ListedGraphReward, TreeRewardConfig};
