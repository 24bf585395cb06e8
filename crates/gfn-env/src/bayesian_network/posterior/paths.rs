//! The probability that a directed path leads from one node to another.

use super::{DagPosterior, SignedSum, partitions};

/// `log (e^a − e^b)` for `a ≥ b` up to rounding.
fn log_difference(a: f64, b: f64) -> f64 {
    if b == f64::NEG_INFINITY {
        return a;
    }
    a + (-(b - a).exp_m1()).max(0.0).ln()
}

impl DagPosterior {
    /// `P(i ⇝ j)`, entry `i·d + j`, `[d, d]`: the share of the graphs in which a directed path leads from `i` to `j`; 0 on the
    /// diagonal. `O(d·4^d)` steps.
    ///
    /// The graphs in which `i` reaches the nodes `D` and no others sum to
    ///
    /// ```text
    /// Z(U)·A_i(U)·F(D ∪ i),    U = all but D and i
    /// F(S) = Σ_{∅ ≠ T ⊆ S∖i} (−1)^{|T| + 1}·F(S∖T)·Π_{j ∈ T} (A_j(U ∪ S∖T) − A_j(U)),    F({i}) = 1
    /// ```
    ///
    /// The nodes of `U` have no parent outside `U`, or `i` would reach them, and `i` none in `D`, which would close a cycle.
    /// Among `D` and `i` every node but `i` has a parent: from it one gets back to `i`, and so `i` reaches it. `T` are nodes
    /// without children, and each of theirs is a set of parents that is not within `U`.
    pub fn path_marginals(&self) -> Vec<f64> {
        let d = self.n_nodes;
        let all = (1_usize << d) - 1;
        let sums = Self::sums(d, &self.terms);
        let slices: Vec<&[f64]> = sums.iter().map(Vec::as_slice).collect();
        let z: Vec<f64> = partitions(d, &slices)
            .into_iter()
            .map(SignedSum::ln)
            .collect();
        let mut marginals = vec![0.0; d * d];
        let mut f = vec![SignedSum::ZERO; all + 1];
        let mut factors = vec![0.0; d];
        let mut products = vec![0.0; all + 1];
        for from in 0..d {
            let others = all ^ 1 << from;
            for u in subsets(others) {
                let reached = others ^ u;
                let log_f = log_sum_of_reached(
                    &slices,
                    (from, u, reached),
                    (&mut f, &mut factors, &mut products),
                );
                let share = (z[u] + sums[from][u] + log_f - z[all]).exp();
                for to in (0..d).filter(|to| reached >> to & 1 == 1) {
                    marginals[from * d + to] += share;
                }
            }
        }
        marginals
    }
}

/// `log F` of `reached` and `from`, with room for `F` and the factors of nodes and sets.
fn log_sum_of_reached(
    sums: &[&[f64]],
    (from, u, reached): (usize, usize, usize),
    (f, factors, products): (&mut [SignedSum], &mut [f64], &mut [f64]),
) -> f64 {
    // Entry `s` is `F` of `s` and `from`.
    subsets(reached).for_each(|s| f[s] = SignedSum::ZERO);
    f[0].add(0.0, 1.0);
    for s in subsets(reached) {
        let log_f = f[s].ln();
        let rest = reached ^ s;
        for (node, factor) in factors.iter_mut().enumerate() {
            if rest >> node & 1 == 1 {
                *factor = log_difference(sums[node][u | s | 1 << from], sums[node][u]);
            }
        }
        for t in subsets(rest).skip(1) {
            let lowest = t.trailing_zeros() as usize;
            let without = t & (t - 1);
            let before = if without == 0 { 0.0 } else { products[without] };
            products[t] = before + factors[lowest];
            let sign = if t.count_ones() % 2 == 1 { 1.0 } else { -1.0 };
            f[s | t].add(log_f + products[t], sign);
        }
    }
    f[reached].ln()
}

/// The subsets of a set in increasing order, the empty one first.
fn subsets(set: usize) -> impl Iterator<Item = usize> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let subset: usize = next?;
        next = (subset != set).then(|| (subset | !set).wrapping_add(1) & set);
        Some(subset)
    })
}
