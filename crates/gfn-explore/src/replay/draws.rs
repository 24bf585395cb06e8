//! Which entries are drawn: positions with their probabilities.

use super::config::Priority;
use super::entries::Entries;
use gfn_env::rand::{Rng, RngExt as _};
use std::hash::Hash;

/// Draws `n` positions with replacement.
pub(super) fn draw<S: Clone + Eq + Hash>(
    entries: &mut Entries<S>,
    priority: &Priority,
    n: usize,
    rng: &mut impl Rng,
) -> Vec<usize> {
    let len = entries.len();
    match *priority {
        Priority::Uniform {} | Priority::DiversityCutoff { .. } => {
            (0..n).map(|_| rng.random_range(0..len)).collect()
        }
        Priority::RewardPrioritised { exponent } => {
            let logs = entries.iter().map(|e| exponent * e.log_reward).collect();
            weighted(logs, n, rng)
        }
        Priority::LossPrioritised { exponent } => {
            let logs: Vec<f64> = entries.iter().map(|e| exponent * e.loss.ln()).collect();
            if logs.iter().all(|&l| l == f64::NEG_INFINITY) {
                return (0..n).map(|_| rng.random_range(0..len)).collect();
            }
            weighted(logs, n, rng)
        }
        Priority::RankPrioritised { k } => {
            let kn = k * len as f64;
            let logs = (0..len).map(|rank| -(kn + rank as f64).ln()).collect();
            let ranks = weighted(logs, n, rng);
            positions(entries, &ranks)
        }
        Priority::Prt { percentile } => {
            let rewards: Vec<f64> = entries.rank().iter().map(|r| r.0).collect();
            let (upper, lower) = around(&rewards, percentile);
            let n_upper = n.div_ceil(2);
            let ranks: Vec<usize> = (0..n)
                .map(|i| {
                    if i < n_upper {
                        rng.random_range(0..upper)
                    } else {
                        rng.random_range(lower..len)
                    }
                })
                .collect();
            positions(entries, &ranks)
        }
    }
}

/// Positions of the entries of these ranks.
fn positions<S: Clone + Eq + Hash>(entries: &mut Entries<S>, ranks: &[usize]) -> Vec<usize> {
    let ids: Vec<u64> = {
        let ranking = entries.rank();
        ranks.iter().map(|&rank| ranking[rank].1).collect()
    };
    ids.into_iter()
        .map(|id| entries.position(id).expect("ranked entries are there"))
        .collect()
}

/// Splits descending rewards at a percentile, linear between neighbours: ranks `..upper` are at or above it, ranks
/// `lower..` at or below it.
fn around(descending: &[f64], percentile: f64) -> (usize, usize) {
    let last = descending.len() - 1;
    let at = percentile * last as f64;
    // From the other end: place `i` of the ascending order is place `last − i` of the descending one.
    let (above, below) = (
        descending[last - at.ceil() as usize],
        descending[last - at.floor() as usize],
    );
    // Between two different neighbours the percentile is strictly between them.
    (
        descending.partition_point(|&r| r >= above),
        descending.partition_point(|&r| r > below),
    )
}

/// Draws indices in proportion to the exponentials of `logs`, of which one at least is finite.
fn weighted(mut logs: Vec<f64>, n: usize, rng: &mut impl Rng) -> Vec<usize> {
    let max = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    let mut last = 0;
    for (i, log) in logs.iter_mut().enumerate() {
        let weight = (*log - max).exp();
        if weight > 0.0 {
            last = i;
        }
        total += weight;
        *log = total;
    }
    let cumulative = logs;
    (0..n)
        .map(|_| {
            let u = rng.random::<f64>() * total;
            // Rounding can leave `u` at the very end of the last interval.
            cumulative.partition_point(|&c| c <= u).min(last)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::around;

    #[test]
    fn both_groups_include_what_is_at_the_percentile() {
        // Ascending 1, 2, .., 11: the 90th percentile is at place 9, which is 10.
        let rewards: Vec<f64> = (1..=11).rev().map(f64::from).collect();
        assert_eq!(around(&rewards, 0.9), (2, 1));
        // Ascending 1, .., 10: place 8.1, between 9 and 10; nothing is at 9.1.
        let rewards: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        assert_eq!(around(&rewards, 0.9), (1, 1));
        // All equal: everything is on both sides.
        assert_eq!(around(&[0.5; 12], 0.9), (12, 0));
        // Ties at the percentile: ascending 1 × 7, 5 × 4, 9; place 9.9 between 5 and 5.
        let rewards = [9.0, 5.0, 5.0, 5.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(around(&rewards, 0.9), (5, 1));
    }
}
