//! The edges of `environment.kind = "listed-graph"`.

use crate::files::{read_table, read_text};
use crate::problem::ListedGraphProblem;
use anyhow::{Context as _, Result};
use gfn_env::ListedGraph;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A graph that is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ListedGraphConfig {
    /// Here.
    Inline {
        /// The node that all paths start at; the first edge's where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// Pairs `[from, to]`.
        edges: Vec<(String, String)>,
        /// Rewards of the nodes without children.
        rewards: BTreeMap<String, f64>,
    },
    /// In a TOML file with the keys of the former, or in a CSV file with the columns `from`, `to` and `reward`.
    File {
        /// The file, whose name ends in `.toml` or `.csv`.
        path: PathBuf,
    },
}

/// A graph in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    source: Option<String>,
    edges: Vec<(String, String)>,
    rewards: BTreeMap<String, f64>,
}

fn build(
    source: Option<&str>,
    edges: &[(String, String)],
    rewards: &BTreeMap<String, f64>,
) -> Result<ListedGraph> {
    let edges: Vec<(&str, &str)> = edges
        .iter()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .collect();
    let rewards: Vec<(&str, f64)> = rewards
        .iter()
        .map(|(name, r)| (name.as_str(), *r))
        .collect();
    Ok(ListedGraph::new(&edges, &rewards, source)?)
}

fn load(path: &Path) -> Result<ListedGraph> {
    if path.extension().is_some_and(|extension| extension == "csv") {
        return Ok(ListedGraph::from_table(&read_table(path)?)?);
    }
    let written: Written = toml::from_str(&read_text(path)?)?;
    build(written.source.as_deref(), &written.edges, &written.rewards)
}

/// The problem of a graph.
pub(super) fn problem(graph: &ListedGraphConfig) -> Result<ListedGraphProblem> {
    let graph = match graph {
        ListedGraphConfig::Inline {
            source,
            edges,
            rewards,
        } => build(source.as_deref(), edges, rewards),
        ListedGraphConfig::File { path } => {
            load(path).with_context(|| format!("in {}", path.display()))
        }
    };
    Ok(ListedGraphProblem::new(
        graph.context("at `environment.graph`")?,
    ))
}
