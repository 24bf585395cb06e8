//! The BDe score: [`BdeScore`].

use super::LocalScore;
use super::data::DiscreteData;
use crate::EnvironmentError;
use crate::special::ln_gamma;

/// Log-marginal likelihood of discrete data under Dirichlet priors of one equivalent sample size, the Bayesian Dirichlet
/// equivalent uniform score.
///
/// A node with `r` categories whose parents have `q` configurations scores
/// `Σ_c [log Γ(s/q) − log Γ(s/q + n_c) + Σ_k (log Γ(s/(qr) + n_ck) − log Γ(s/(qr)))]`, `s` the equivalent sample size. A
/// configuration that never occurs adds 0, and is not looked at. Counts are over the rows in which the node was not intervened on.
#[derive(Clone, Debug)]
pub struct BdeScore {
    data: DiscreteData,
    equivalent_sample_size: f64,
}

impl BdeScore {
    /// The score of `data`; the published equivalent sample size is 1.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless it is positive and finite.
    pub fn new(data: DiscreteData, equivalent_sample_size: f64) -> Result<Self, EnvironmentError> {
        if !(equivalent_sample_size.is_finite() && equivalent_sample_size > 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "equivalent_sample_size",
                &equivalent_sample_size,
                "it must be positive and finite",
            ));
        }
        Ok(Self {
            data,
            equivalent_sample_size,
        })
    }
}

impl BdeScore {
    /// A number for each row, the same for rows in which all of `nodes` have the same categories.
    fn configurations(&self, nodes: &[usize]) -> Vec<u64> {
        let mut keys = vec![0_u64; self.data.n_rows()];
        let mut range = 1_u64;
        for node in nodes {
            let n_categories = self.data.categories(*node).len() as u64;
            for (key, category) in keys.iter_mut().zip(self.data.column(*node)) {
                *key = *key * n_categories + u64::from(*category);
            }
            range *= n_categories;
            // Before they overflow, keys give way to their ranks: there are no more of these than rows.
            if range > 1 << 40 {
                let mut sorted = keys.clone();
                sorted.sort_unstable();
                sorted.dedup();
                for key in &mut keys {
                    *key = sorted.partition_point(|other| other < key) as u64;
                }
                range = sorted.len() as u64;
            }
        }
        keys
    }
}

impl LocalScore for BdeScore {
    fn n_nodes(&self) -> usize {
        self.data.n_nodes()
    }

    fn local_score(&self, node: usize, parents: u32) -> f64 {
        let parents: Vec<usize> = (0..self.n_nodes())
            .filter(|i| parents >> i & 1 == 1)
            .collect();
        let n_categories = |i: usize| self.data.categories(i).len() as f64;
        let q: f64 = parents.iter().map(|i| n_categories(*i)).product();
        let r = self.data.categories(node).len();
        let of_configuration = self.equivalent_sample_size / q;
        let of_cell = of_configuration / r as f64;
        // Rows by the configuration of the parents: those of one stand together.
        let keys = self.configurations(&parents);
        let mut rows = self.data.interventions().rows_without(node);
        rows.sort_unstable_by_key(|row| keys[*row]);
        let column = self.data.column(node);
        let mut counts = vec![0_u32; r];
        let mut score = 0.0;
        for group in rows.chunk_by(|a, b| keys[*a] == keys[*b]) {
            counts.fill(0);
            for row in group {
                counts[usize::from(column[*row])] += 1;
            }
            score += ln_gamma(of_configuration) - ln_gamma(of_configuration + group.len() as f64);
            for count in counts.iter().filter(|count| **count > 0) {
                score += ln_gamma(of_cell + f64::from(*count)) - ln_gamma(of_cell);
            }
        }
        score
    }
}
