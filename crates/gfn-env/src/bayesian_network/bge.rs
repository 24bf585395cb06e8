//! The BGe score: [`BgeScore`].

use std::f64::consts::PI;

use super::LocalScore;
use super::data::ContinuousData;
use crate::EnvironmentError;
use crate::special::ln_gamma;

/// Log-marginal likelihood of linear-Gaussian data under a normal-Wishart prior, the Bayesian Gaussian equivalent score.
///
/// With `N` rows, `d` nodes, `a = α_w − d`, `T = t·I`, `t = α_μ·(a − 1)/(α_μ + 1)`, prior mean 0 and
/// `R = T + Σ(x − x̄)(x − x̄)ᵀ + (N·α_μ/(N + α_μ))·x̄x̄ᵀ`, a node `j` with the `l` parents `P` scores
///
/// ```text
/// ½ log(α_μ/(N + α_μ)) + log Γ((N + a + l + 1)/2) − log Γ((a + l + 1)/2) − (N/2) log π + ((a + 2l + 1)/2) log t
///   + ((N + a + l)/2) log|R_P| − ((N + a + l + 1)/2) log|R_{P ∪ j}|
/// ```
///
/// One Cholesky factorisation of `R_{P ∪ j}` with `j` last gives both determinants.
#[derive(Clone, Debug)]
pub struct BgeScore {
    n_nodes: usize,
    n_rows: f64,
    alpha_mu: f64,
    /// `α_w − d`.
    excess: f64,
    log_t: f64,
    /// `R`, row by row.
    r: Vec<f64>,
}

impl BgeScore {
    /// The score of `data` with `α_μ = alpha_mu` and `α_w = d + excess`; published 1 and 2.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `alpha_mu` is positive, and `excess` above 1.
    pub fn new(
        data: &ContinuousData,
        alpha_mu: f64,
        excess: f64,
    ) -> Result<Self, EnvironmentError> {
        if !(alpha_mu.is_finite() && alpha_mu > 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "alpha_mu",
                &alpha_mu,
                "it must be positive and finite",
            ));
        }
        if !(excess.is_finite() && excess > 1.0) {
            return Err(EnvironmentError::invalid_parameter(
                "alpha_w_excess",
                &excess,
                "it must be above 1 and finite: alpha_w is the number of nodes and this",
            ));
        }
        let (d, n) = (data.n_nodes(), data.n_rows() as f64);
        let t = alpha_mu * (excess - 1.0) / (alpha_mu + 1.0);
        let means: Vec<f64> = (0..d)
            .map(|j| data.column(j).iter().sum::<f64>() / n)
            .collect();
        let mut r = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..=i {
                let pairs = data.column(i).iter().zip(data.column(j));
                let scatter: f64 = pairs.map(|(x, y)| (x - means[i]) * (y - means[j])).sum();
                let shift = n * alpha_mu / (n + alpha_mu) * means[i] * means[j];
                let value = scatter + shift + if i == j { t } else { 0.0 };
                r[i * d + j] = value;
                r[j * d + i] = value;
            }
        }
        Ok(Self {
            n_nodes: d,
            n_rows: n,
            alpha_mu,
            excess,
            log_t: t.ln(),
            r,
        })
    }
}

impl LocalScore for BgeScore {
    fn n_nodes(&self) -> usize {
        self.n_nodes
    }

    fn local_score(&self, node: usize, parents: u32) -> f64 {
        let d = self.n_nodes;
        let mut nodes: Vec<usize> = (0..d).filter(|i| parents >> i & 1 == 1).collect();
        nodes.push(node);
        // Cholesky: the logarithms of the squared pivots sum to those of the determinants. R is T plus sums of squares, and
        // T is positive, so that every pivot is.
        let n = nodes.len();
        let mut factor = vec![0.0; n * n];
        let (mut log_determinant, mut log_last) = (0.0, 0.0);
        for i in 0..n {
            for j in 0..=i {
                let products = (0..j).map(|k| factor[i * n + k] * factor[j * n + k]);
                let rest = self.r[nodes[i] * d + nodes[j]] - products.sum::<f64>();
                if i == j {
                    factor[i * n + i] = rest.sqrt();
                    log_last = rest.ln();
                    log_determinant += log_last;
                } else {
                    factor[i * n + j] = rest / factor[j * n + j];
                }
            }
        }
        let (rows, a, l) = (self.n_rows, self.excess, n as f64 - 1.0);
        0.5 * (self.alpha_mu / (rows + self.alpha_mu)).ln() + ln_gamma(0.5 * (rows + a + l + 1.0))
            - ln_gamma(0.5 * (a + l + 1.0))
            - 0.5 * rows * PI.ln()
            + 0.5 * (a + 2.0 * l + 1.0) * self.log_t
            + 0.5 * (rows + a + l) * (log_determinant - log_last)
            - 0.5 * (rows + a + l + 1.0) * log_determinant
    }
}
