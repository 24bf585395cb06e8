//! The exact distribution over graphs without a list of them: [`DagPosterior`].

mod paths;

use crate::special::log_add_exp;

/// Sums over all directed acyclic graphs by dynamic programming over sets of nodes, `O(3^d)`.
///
/// With `A_j(U) = Σ_{P ⊆ U} e^{term(j, P)}`, the graphs on the nodes `S` sum to
///
/// ```text
/// Z(S) = Σ_{∅ ≠ T ⊆ S} (−1)^{|T| + 1}·Z(S∖T)·Π_{j ∈ T} A_j(S∖T),    Z(∅) = 1
/// ```
///
/// where the nodes `T` have no children: every graph has such nodes, and inclusion and exclusion counts it once. A term is at
/// most `Z(S)`, so that at most `2^d` of them cancel and ten digits remain at 12 nodes.
#[derive(Clone, Debug)]
pub struct DagPosterior {
    n_nodes: usize,
    /// Entry `node·2^d + parents`; NaN where the node is among its parents.
    terms: Vec<f64>,
    baseline: f64,
    log_z: f64,
}

/// `log A_j(U)` at `U`, for all `U`.
fn log_sums_over_subsets(mut terms: Vec<f64>, n_nodes: usize) -> Vec<f64> {
    for bit in 0..n_nodes {
        for set in (0..terms.len()).filter(|set| set >> bit & 1 == 1) {
            terms[set] = log_add_exp(terms[set], terms[set ^ 1 << bit]);
        }
    }
    terms
}

/// A sum of terms with signs, given by their logarithms.
#[derive(Clone, Copy)]
struct SignedSum {
    log_scale: f64,
    sum: f64,
}

impl SignedSum {
    const ZERO: Self = Self {
        log_scale: f64::NEG_INFINITY,
        sum: 0.0,
    };

    fn add(&mut self, log_term: f64, sign: f64) {
        if log_term == f64::NEG_INFINITY {
            return;
        }
        if log_term > self.log_scale {
            self.sum *= (self.log_scale - log_term).exp();
            self.log_scale = log_term;
        }
        self.sum += sign * (log_term - self.log_scale).exp();
    }

    fn ln(self) -> f64 {
        // What cancels to nothing may be below it by rounding.
        self.log_scale + self.sum.max(0.0).ln()
    }
}

/// `log Z` of all nodes from `log A_j(U)`, entry `U` of that of `j`.
fn log_partition(n_nodes: usize, sums: &[&[f64]]) -> f64 {
    let all = (1_usize << n_nodes) - 1;
    partitions(n_nodes, sums)[all].ln()
}

/// `Z(S)` at `S`, for all `S`.
fn partitions(n_nodes: usize, sums: &[&[f64]]) -> Vec<SignedSum> {
    let all = (1_usize << n_nodes) - 1;
    let mut z = vec![SignedSum::ZERO; all + 1];
    z[0].add(0.0, 1.0);
    // Σ_{j ∈ T} log A_j(U) for each T.
    let mut products = vec![0.0; all + 1];
    for u in 0..=all {
        let log_z = z[u].ln();
        let rest = all ^ u;
        // The subsets of the rest, in increasing order.
        let mut t = 0;
        loop {
            t = (t | u).wrapping_add(1) & rest;
            if t == 0 {
                break;
            }
            let lowest = t.trailing_zeros() as usize;
            let without = t & (t - 1);
            let before = if without == 0 { 0.0 } else { products[without] };
            products[t] = before + sums[lowest][u];
            let sign = if t.count_ones() % 2 == 1 { 1.0 } else { -1.0 };
            z[u | t].add(log_z + products[t], sign);
        }
    }
    z
}

impl DagPosterior {
    /// From the terms of each node and set of parents, entry `node·2^d + parents`.
    pub(super) fn new(n_nodes: usize, terms: Vec<f64>, baseline: f64) -> Self {
        let terms: Vec<f64> = terms
            .into_iter()
            .map(|t| if t.is_nan() { f64::NEG_INFINITY } else { t })
            .collect();
        let sums = Self::sums(n_nodes, &terms);
        let sums: Vec<&[f64]> = sums.iter().map(Vec::as_slice).collect();
        Self {
            n_nodes,
            log_z: log_partition(n_nodes, &sums) - baseline,
            terms,
            baseline,
        }
    }

    fn sums(n_nodes: usize, terms: &[f64]) -> Vec<Vec<f64>> {
        let nodes = terms.chunks(1 << n_nodes);
        nodes
            .map(|node| log_sums_over_subsets(node.to_vec(), n_nodes))
            .collect()
    }

    /// `log Σ_G R(G)`.
    pub fn log_partition(&self) -> f64 {
        self.log_z
    }

    /// `P(i → j)`, entry `i·d + j`, `[d, d]`: the share of the graphs whose parents of `j` have `i`.
    pub fn edge_marginals(&self) -> Vec<f64> {
        let d = self.n_nodes;
        let sums = Self::sums(d, &self.terms);
        let mut marginals = vec![0.0; d * d];
        for (to, terms) in self.terms.chunks(1 << d).enumerate() {
            for from in (0..d).filter(|from| *from != to) {
                let with = terms.iter().enumerate().map(|(parents, term)| {
                    if parents >> from & 1 == 1 {
                        *term
                    } else {
                        f64::NEG_INFINITY
                    }
                });
                let with = log_sums_over_subsets(with.collect(), d);
                let mut sums: Vec<&[f64]> = sums.iter().map(Vec::as_slice).collect();
                sums[to] = &with;
                let log_z = log_partition(d, &sums) - self.baseline;
                marginals[from * d + to] = (log_z - self.log_z).exp();
            }
        }
        marginals
    }
}
