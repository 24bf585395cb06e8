//! Priors over graphs: [`StructurePrior`].

use crate::EnvironmentError;
use crate::special::ln_gamma;

/// `log P(G)` up to a constant, a sum over nodes of a function of the number of their parents.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "edge"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum StructurePrior {
    /// 0: every graph alike.
    Uniform {},
    /// `k·log p + (d − 1 − k)·log(1 − p)` for a node with `k` parents, `p = 2·edges_per_node/(d − 1)`.
    ErdosRenyi {
        /// Expected number of edges over the number of nodes.
        edges_per_node: f64,
    },
    /// `k·log β`.
    Edge {
        /// Factor of each edge.
        beta: f64,
    },
    /// `−log C(d − 1, k)`: every number of parents alike.
    Fair {},
}

impl Default for StructurePrior {
    fn default() -> Self {
        Self::Uniform {}
    }
}

impl StructurePrior {
    /// The term of a node with `k` parents, for `k = 0..d`.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `0 < p < 1`, and `beta` is positive and finite.
    pub fn by_number_of_parents(self, n_nodes: usize) -> Result<Vec<f64>, EnvironmentError> {
        let others = n_nodes as f64 - 1.0;
        let each: Box<dyn Fn(f64) -> f64> = match self {
            Self::Uniform {} => Box::new(|_| 0.0),
            Self::ErdosRenyi { edges_per_node } => {
                let p = 2.0 * edges_per_node / others;
                if !(p > 0.0 && p < 1.0) {
                    return Err(EnvironmentError::invalid_parameter(
                        "edges_per_node",
                        &edges_per_node,
                        "it must be above 0 and below (n_nodes - 1)/2",
                    ));
                }
                Box::new(move |k| k * p.ln() + (others - k) * (-p).ln_1p())
            }
            Self::Edge { beta } => {
                if !(beta.is_finite() && beta > 0.0) {
                    return Err(EnvironmentError::invalid_parameter(
                        "beta",
                        &beta,
                        "it must be positive and finite",
                    ));
                }
                Box::new(move |k| k * beta.ln())
            }
            Self::Fair {} => Box::new(move |k| {
                ln_gamma(k + 1.0) + ln_gamma(others - k + 1.0) - ln_gamma(others + 1.0)
            }),
        };
        Ok((0..n_nodes).map(|k| each(k as f64)).collect())
    }
}
