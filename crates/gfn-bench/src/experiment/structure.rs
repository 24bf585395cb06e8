//! The data and scores of `environment.kind = "bayesian-network"`.

use crate::files::{read_table, read_text};
use crate::problem::BayesianNetworkProblem;
use anyhow::{Context as _, Result, bail};
use gfn_env::bayesian_network::{
    Baseline, BayesianNetworkReward, BdeScore, BgeScore, ContinuousData, DataTransform,
    DiscreteData, DiscreteNetwork, LinearGaussian, LocalScore, StructurePrior, edges_from_table,
    sachs, sachs_interventional,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Observations of the nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StructureDataConfig {
    /// Drawn from a linear-Gaussian model on a random graph, [`gfn_env::bayesian_network::LinearGaussian`].
    LinearGaussian {
        /// `d`, the number of nodes.
        n_nodes: usize,
        /// Expected number of edges over the number of nodes.
        #[serde(default = "default_edges_per_node")]
        edges_per_node: f64,
        /// Number of observations without intervention.
        #[serde(default = "default_rows")]
        n_rows: usize,
        /// Number of observations under an intervention on each node.
        #[serde(default, skip_serializing_if = "is_zero")]
        interventional_rows: usize,
        /// Variance of what the parents do not explain.
        #[serde(default = "default_noise_variance")]
        noise_variance: f64,
        /// Seed of the graph, the weights and the data; apart from the run's.
        #[serde(default)]
        seed: u64,
    },
    /// The protein data of Sachs et al., [`gfn_env::bayesian_network::sachs`].
    Sachs {
        /// What is done to the columns first.
        #[serde(default)]
        transform: DataTransform,
        /// With the cells under interventions, [`gfn_env::bayesian_network::sachs_interventional`].
        #[serde(default, skip_serializing_if = "is_false")]
        interventional: bool,
    },
    /// Drawn from a network in the Bayesian interchange format, [`gfn_env::bayesian_network::DiscreteNetwork`].
    Bif {
        /// The file.
        path: PathBuf,
        /// Number of observations.
        #[serde(default = "default_drawn_rows")]
        n_rows: usize,
        /// Seed of the observations; apart from the run's.
        #[serde(default)]
        seed: u64,
    },
    /// A CSV file with a column for each node and a header of their names.
    Csv {
        /// The file.
        path: PathBuf,
        /// What is done to the columns first; numbers alone.
        #[serde(default)]
        transform: DataTransform,
        /// A CSV file with the columns `from` and `to`: the edges that are known, for figures alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edges: Option<PathBuf>,
        /// Name of the column that is no node, but says which nodes were intervened on in a row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interventions: Option<String>,
    },
}

/// How well a node's parents explain it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StructureScoreConfig {
    /// [`gfn_env::bayesian_network::BgeScore`].
    Bge {
        /// `α_μ`.
        #[serde(default = "default_alpha_mu")]
        alpha_mu: f64,
        /// `α_w − d`.
        #[serde(default = "default_alpha_w_excess")]
        alpha_w_excess: f64,
    },
    /// [`gfn_env::bayesian_network::BdeScore`].
    Bde {
        /// Equivalent sample size.
        #[serde(default = "default_sample_size")]
        equivalent_sample_size: f64,
        /// Numbers are cut into so many levels; without it the values themselves are the categories.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        levels: Option<usize>,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

fn default_edges_per_node() -> f64 {
    1.0
}

fn default_rows() -> usize {
    100
}

fn default_drawn_rows() -> usize {
    1000
}

fn default_noise_variance() -> f64 {
    0.1
}

fn default_alpha_mu() -> f64 {
    1.0
}

fn default_alpha_w_excess() -> f64 {
    2.0
}

fn default_sample_size() -> f64 {
    1.0
}

impl Default for StructureScoreConfig {
    fn default() -> Self {
        Self::Bge {
            alpha_mu: default_alpha_mu(),
            alpha_w_excess: default_alpha_w_excess(),
        }
    }
}

/// Columns of numbers, or of texts where these are the categories of a discrete score.
enum Observations {
    Continuous(ContinuousData),
    Discrete(DiscreteData),
}

impl Observations {
    fn names(&self) -> &[String] {
        match self {
            Self::Continuous(data) => data.names(),
            Self::Discrete(data) => data.names(),
        }
    }
}

impl StructureDataConfig {
    /// Data, and the parents of each node where they are known.
    fn load(&self, as_categories: bool) -> Result<(Observations, Option<Vec<u32>>)> {
        match self {
            Self::LinearGaussian {
                n_nodes,
                edges_per_node,
                n_rows,
                interventional_rows,
                noise_variance,
                seed,
            } => {
                let drawn = LinearGaussian {
                    n_nodes: *n_nodes,
                    edges_per_node: *edges_per_node,
                    n_rows: *n_rows,
                    interventional_rows: *interventional_rows,
                    noise_variance: *noise_variance,
                    seed: *seed,
                };
                let known = drawn.draw()?;
                Ok((Observations::Continuous(known.data), Some(known.parents)))
            }
            Self::Sachs {
                transform,
                interventional,
            } => {
                let known = if *interventional {
                    sachs_interventional()
                } else {
                    sachs()
                };
                let data = known.data.transformed(*transform)?;
                Ok((Observations::Continuous(data), Some(known.parents)))
            }
            Self::Bif { path, n_rows, seed } => {
                if !as_categories {
                    bail!(
                        "a network in this format has categories: set score = {{ kind = \"bde\" }}, without levels"
                    );
                }
                if !(2..=1_000_000).contains(n_rows) {
                    bail!("n_rows = {n_rows}: must be between 2 and 1,000,000");
                }
                let in_file = || format!("in {}", path.display());
                let network = DiscreteNetwork::parse(&read_text(path)?).with_context(in_file)?;
                let data = network.draw(*n_rows, *seed).with_context(in_file)?;
                Ok((Observations::Discrete(data), Some(network.parents())))
            }
            Self::Csv {
                path,
                transform,
                edges,
                interventions,
            } => {
                let table = read_table(path)?;
                let in_file = || format!("in {}", path.display());
                let interventions = interventions.as_deref();
                let data = if as_categories {
                    if *transform != DataTransform::None {
                        bail!("transform is for numbers: leave it out, or set score.levels");
                    }
                    let data = DiscreteData::from_table(&table, interventions);
                    Observations::Discrete(data.with_context(in_file)?)
                } else {
                    let numbers = ContinuousData::from_table(&table, interventions);
                    let numbers = numbers.with_context(in_file)?;
                    let numbers = numbers.transformed(*transform).with_context(in_file)?;
                    Observations::Continuous(numbers)
                };
                let known = match edges {
                    None => None,
                    Some(edges) => {
                        let parents = edges_from_table(&read_table(edges)?, data.names())
                            .with_context(|| format!("in {}", edges.display()))?;
                        Some(parents)
                    }
                };
                Ok((data, known))
            }
        }
    }
}

/// The problem of some data.
pub(super) fn problem(
    data: &StructureDataConfig,
    score: StructureScoreConfig,
    prior: StructurePrior,
    baseline: Baseline,
) -> Result<BayesianNetworkProblem> {
    let as_categories = matches!(score, StructureScoreConfig::Bde { levels: None, .. });
    let (observations, known_parents) =
        data.load(as_categories).context("at `environment.data`")?;
    let names = observations.names().to_vec();
    let score = local_score(observations, score).context("at `environment.score`")?;
    let reward = BayesianNetworkReward::new(score, prior, baseline).context("at `environment`")?;
    Ok(BayesianNetworkProblem::new(reward, names, known_parents))
}

fn local_score(
    observations: Observations,
    score: StructureScoreConfig,
) -> Result<Box<dyn LocalScore>> {
    match (score, observations) {
        (
            StructureScoreConfig::Bge {
                alpha_mu,
                alpha_w_excess,
            },
            Observations::Continuous(data),
        ) => Ok(Box::new(BgeScore::new(&data, alpha_mu, alpha_w_excess)?)),
        (
            StructureScoreConfig::Bde {
                equivalent_sample_size,
                levels: Some(levels),
            },
            Observations::Continuous(data),
        ) => {
            if !(2..=100).contains(&levels) {
                bail!("levels = {levels}: must be between 2 and 100");
            }
            let data = data.discretised(levels)?;
            Ok(Box::new(BdeScore::new(data, equivalent_sample_size)?))
        }
        (
            StructureScoreConfig::Bde {
                equivalent_sample_size,
                ..
            },
            Observations::Discrete(data),
        ) => Ok(Box::new(BdeScore::new(data, equivalent_sample_size)?)),
        (StructureScoreConfig::Bde { .. }, Observations::Continuous(_)) => bail!(
            "`bde` scores categories, and these data are numbers: set levels = 3 to cut them, or use kind = \"bge\""
        ),
        (StructureScoreConfig::Bge { .. }, Observations::Discrete(_)) => {
            bail!("`bge` scores numbers: use kind = \"bde\"")
        }
    }
}
