//! Graphs that a problem draws of its samples: what a run keeps of them.

use serde::{Deserialize, Serialize};

/// A graph with weights on its edges, one for each panel of its picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphPicture {
    /// What the weights of an edge are, panel by panel.
    pub panels: Vec<String>,
    /// The nodes.
    pub nodes: Vec<PictureNode>,
    /// The edges.
    pub edges: Vec<PictureEdge>,
}

/// A node of a [`GraphPicture`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureNode {
    /// Its name.
    pub name: String,
    /// Its column, from the left; where no node has one, nodes lie on a circle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
}

/// An edge of a [`GraphPicture`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureEdge {
    /// Number of the node that it leaves.
    pub from: usize,
    /// Number of the node that it enters.
    pub to: usize,
    /// From 0 to 1, one for each panel.
    pub weights: Vec<f64>,
    /// Whether it is among the edges that are known to be right, where any are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
}
