//! The likelihood under the model of Jukes and Cantor, by pruning.

use std::collections::BTreeMap;

use super::alignment::Alignment;
use super::state::ForestState;

/// Sites that are alike in all taxa are computed once.
#[derive(Clone, Debug)]
pub(super) struct JukesCantor {
    n_taxa: usize,
    /// The sets of the taxa at a site, and how many sites have them.
    patterns: Vec<(Vec<u8>, f64)>,
    /// Probability of the same nucleotide at the other end of a branch, and of each other one.
    same: f64,
    other: f64,
}

type Likelihoods = Vec<[f64; 4]>;

impl JukesCantor {
    pub(super) fn new(alignment: &Alignment, branch_length: f64) -> Self {
        let mut patterns: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
        for site in 0..alignment.n_sites() {
            let taxa = 0..alignment.n_taxa();
            let pattern = taxa.map(|taxon| alignment.sequence(taxon)[site]).collect();
            *patterns.entry(pattern).or_default() += 1.0;
        }
        let decay = (-4.0 * branch_length / 3.0).exp();
        Self {
            n_taxa: alignment.n_taxa(),
            patterns: patterns.into_iter().collect(),
            same: 0.25 + 0.75 * decay,
            other: 0.25 - 0.25 * decay,
        }
    }

    /// `log P(sequences ∣ trees)` of a forest whose branches have one length, trees independent.
    pub(super) fn log_likelihood(&self, state: &ForestState) -> f64 {
        let leaf = |taxon: usize| -> Likelihoods {
            let of = |(pattern, _): &(Vec<u8>, f64)| {
                [0, 1, 2, 3].map(|base| f64::from(pattern[taxon] >> base & 1))
            };
            self.patterns.iter().map(of).collect()
        };
        // By the first taxon of a tree that is merged so far.
        let mut trees: Vec<Likelihoods> = (0..self.n_taxa).map(leaf).collect();
        let mut log_scale = vec![0.0; self.patterns.len()];
        for clade in state.clades() {
            let [left, right] = state.parts_of(*clade);
            let [left, right] = [left, right].map(|part| part.trailing_zeros() as usize);
            let other = std::mem::take(&mut trees[right]);
            let sites = trees[left].iter_mut().zip(&other).zip(&mut log_scale);
            for ((a, b), log_scale) in sites {
                let [up_a, up_b] = [*a, *b].map(|below| self.along_branch(below));
                let product = [0, 1, 2, 3].map(|base| up_a[base] * up_b[base]);
                // Divided by the largest, so that deep trees do not underflow.
                let largest = product.iter().copied().fold(0.0, f64::max);
                *a = product.map(|p| p / largest);
                *log_scale += largest.ln();
            }
        }
        let mut sum = 0.0;
        for tree in trees.iter().filter(|tree| !tree.is_empty()) {
            for (root, (_, n_sites)) in tree.iter().zip(&self.patterns) {
                sum += n_sites * (0.25 * root.iter().sum::<f64>()).ln();
            }
        }
        let scales = log_scale.iter().zip(&self.patterns);
        sum + scales
            .map(|(scale, (_, n_sites))| n_sites * scale)
            .sum::<f64>()
    }

    /// `Σ_b P(a → b)·below[b]` for each `a`.
    fn along_branch(&self, below: [f64; 4]) -> [f64; 4] {
        let total: f64 = below.iter().sum();
        below.map(|b| self.other * total + (self.same - self.other) * b)
    }
}
