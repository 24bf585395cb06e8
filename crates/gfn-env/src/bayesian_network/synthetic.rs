//! Data of known graphs: [`LinearGaussian`], and the protein data of Sachs et al.

use std::sync::LazyLock;

use rand::RngExt as _;

use super::Interventions;
use super::data::{ContinuousData, edges_from_table, node_names};
use crate::normal::standard_normal;
use crate::{EnvironmentError, Purpose, Streams, Table};

/// A linear-Gaussian model on a graph drawn from the Erdős–Rényi model: `x_j = Σ_i w_ij·x_i + ε`, `ε` with variance
/// `noise_variance`.
///
/// The nodes are shuffled, and each pair of them is joined, from the earlier to the later, with probability
/// `2·edges_per_node/(d − 1)`; weights are standard normal. All of it comes from the stream `(Problem, 0, 0)` of `seed`, the
/// data from `(Problem, 1, 0)`: first the rows without intervention, then for node 0, 1, .. those in which this one node is
/// standard normal whatever its parents are.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct LinearGaussian {
    /// `d`, the number of nodes.
    pub n_nodes: usize,
    /// Expected number of edges over the number of nodes.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub edges_per_node: f64,
    /// Number of observations without intervention.
    #[cfg_attr(feature = "serde", serde(default = "hundred"))]
    pub n_rows: usize,
    /// Number of observations under an intervention on each node, one node at a time.
    #[cfg_attr(feature = "serde", serde(default))]
    pub interventional_rows: usize,
    /// Variance of what the parents do not explain.
    #[cfg_attr(feature = "serde", serde(default = "tenth"))]
    pub noise_variance: f64,
    /// Seed of the graph, the weights and the data.
    #[cfg_attr(feature = "serde", serde(default))]
    pub seed: u64,
}

#[cfg(feature = "serde")]
fn one() -> f64 {
    1.0
}

#[cfg(feature = "serde")]
fn hundred() -> usize {
    100
}

#[cfg(feature = "serde")]
fn tenth() -> f64 {
    0.1
}

/// Data with the graph that they are from: for each node the bits of its parents.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownStructure {
    /// Observations.
    pub data: ContinuousData,
    /// Bit `i` of entry `j`: the edge `i → j`.
    pub parents: Vec<u32>,
}

impl LinearGaussian {
    /// The published values of five nodes: one edge for each on average, 100 observations, noise of variance 0.1.
    pub const fn published(n_nodes: usize, seed: u64) -> Self {
        Self {
            n_nodes,
            edges_per_node: 1.0,
            n_rows: 100,
            interventional_rows: 0,
            noise_variance: 0.1,
            seed,
        }
    }

    /// Draws the graph and the data.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `2 <= n_nodes <= 32`, `0 <= edges_per_node <= (d − 1)/2`,
    /// `2 <= n_rows <= 1,000,000`, there are at most 1,000,000 rows with those under interventions, and the variance is positive
    /// and finite.
    pub fn draw(&self) -> Result<KnownStructure, EnvironmentError> {
        let d = self.n_nodes;
        let names = node_names(d)?;
        let probability = 2.0 * self.edges_per_node / (d as f64 - 1.0);
        if !(0.0..=1.0).contains(&probability) {
            return Err(EnvironmentError::invalid_parameter(
                "edges_per_node",
                &self.edges_per_node,
                "it must be between 0 and (n_nodes - 1)/2, where the graph is complete",
            ));
        }
        if !(2..=1_000_000).contains(&self.n_rows) {
            return Err(EnvironmentError::invalid_parameter(
                "n_rows",
                &self.n_rows,
                "it must be between 2 and 1,000,000",
            ));
        }
        let interventional = self.interventional_rows.saturating_mul(d);
        if interventional > 1_000_000 - self.n_rows {
            return Err(EnvironmentError::invalid_parameter(
                "interventional_rows",
                &self.interventional_rows,
                "for all nodes together, with n_rows, there must be at most 1,000,000",
            ));
        }
        if !(self.noise_variance.is_finite() && self.noise_variance > 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "noise_variance",
                &self.noise_variance,
                "it must be positive and finite",
            ));
        }
        let mut rng = Streams::new(self.seed).rng(Purpose::Problem, 0, 0);
        let mut order: Vec<usize> = (0..d).collect();
        for i in (1..d).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        let mut parents = vec![0_u32; d];
        let mut weights = vec![vec![0.0; d]; d];
        for (place, &to) in order.iter().enumerate() {
            for &from in &order[..place] {
                let joined = rng.random::<f64>() < probability;
                let weight = standard_normal(&mut rng);
                if joined {
                    parents[to] |= 1 << from;
                    weights[to][from] = weight;
                }
            }
        }
        let mut rng = Streams::new(self.seed).rng(Purpose::Problem, 1, 0);
        let mut targets = vec![0_u32; self.n_rows];
        for node in 0..d {
            targets.resize(targets.len() + self.interventional_rows, 1 << node);
        }
        let mut columns = vec![Vec::with_capacity(targets.len()); d];
        let mut row = vec![0.0; d];
        for target in &targets {
            for &to in &order {
                let mean: f64 = row.iter().zip(&weights[to]).map(|(x, w)| x * w).sum();
                let noise = standard_normal(&mut rng);
                row[to] = if target >> to & 1 == 1 {
                    noise
                } else {
                    mean + self.noise_variance.sqrt() * noise
                };
            }
            for (column, x) in columns.iter_mut().zip(&mut row) {
                column.push(std::mem::take(x));
            }
        }
        // A variance at the end of the range of numbers overflows, or leaves nothing of the draws.
        let data = ContinuousData::new(names, columns)
            .and_then(|data| data.with_interventions(Interventions::new(targets, d)?));
        let data = data.map_err(|_unusable| {
            EnvironmentError::invalid_parameter(
                "noise_variance",
                &self.noise_variance,
                "the observations that it gives must be finite and differ",
            )
        })?;
        Ok(KnownStructure { data, parents })
    }
}

static SACHS: LazyLock<KnownStructure> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the files are part of this crate")]
    let (data, parents) = {
        let table = Table::parse(include_str!("sachs.csv")).expect("a table");
        let data = ContinuousData::from_table(&table, None).expect("numbers");
        let edges = Table::parse(include_str!("sachs_edges.csv")).expect("a table");
        let parents = edges_from_table(&edges, data.names()).expect("edges");
        (data, parents)
    };
    KnownStructure { data, parents }
});

static SACHS_INTERVENTIONAL: LazyLock<KnownStructure> = LazyLock::new(|| {
    let known = sachs();
    #[expect(clippy::expect_used, reason = "the file is part of this crate")]
    let data = {
        let table = Table::parse(include_str!("sachs_interventional.csv")).expect("a table");
        let further = ContinuousData::from_table(&table, Some("intervention")).expect("numbers");
        known.data.followed_by(&further).expect("as many columns")
    };
    KnownStructure { data, ..known }
});

/// 853 observations of eleven proteins and phospholipids in single cells without intervention, and the 18 edges that are
/// held to be known. These have the cycle PIP3 → plcg → PIP2 → PIP3. `sachs.md` says where both are from.
pub fn sachs() -> KnownStructure {
    SACHS.clone()
}

/// Those observations, then 6,613 under eight further conditions, of which six act on one of the eleven: 7,466 in all. `sachs.md`
/// says which condition acts on what, and what is not known for certain.
pub fn sachs_interventional() -> KnownStructure {
    SACHS_INTERVENTIONAL.clone()
}
