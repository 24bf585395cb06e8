//! Exact sums over all graphs against lists of them, and figures of samples.

use super::{all_graphs, bge, drawn, reward};
use gfn_env::bayesian_network::{
    LocalScore, StructurePrior, area_under_roc, edge_frequencies, expected_edges,
    expected_structural_hamming_distance, structural_hamming_distance,
};
use gfn_env::{BayesianNetwork, log_partition, target_distribution};

/// Every graph alike: `Z` is their number.
#[derive(Debug)]
struct Nothing(usize);

impl LocalScore for Nothing {
    fn n_nodes(&self) -> usize {
        self.0
    }
    fn local_score(&self, _node: usize, _parents: u32) -> f64 {
        0.0
    }
}

/// Robinson's recurrence in whole numbers.
fn numbers_of_graphs(up_to: usize) -> Vec<u128> {
    let mut counts: Vec<i128> = vec![1];
    for n in 1..=up_to {
        let mut choose = 1_i128;
        let mut sum = 0;
        for k in 1..=n {
            choose = choose * (n - k + 1) as i128 / k as i128;
            let sign = if k % 2 == 1 { 1 } else { -1 };
            sum += sign * choose * (1 << (k * (n - k))) * counts[n - k];
        }
        counts.push(sum);
    }
    counts.into_iter().map(|c| c as u128).collect()
}

#[test]
fn sums_of_equal_scores_are_numbers_of_graphs() {
    let counts = numbers_of_graphs(12);
    assert_eq!(counts[5], 29_281);
    assert_eq!(counts[12], 521_939_651_343_829_405_020_504_063);
    for (n, count) in counts.into_iter().enumerate().skip(2) {
        let posterior = reward(Nothing(n), StructurePrior::Uniform {})
            .posterior()
            .unwrap();
        let expected = (count as f64).ln();
        assert!((posterior.log_partition() - expected).abs() < 1e-11, "{n}");
    }
}

#[test]
fn sums_and_marginals_are_those_of_all_graphs() {
    for (n, n_rows) in [(2, 10), (4, 12), (4, 3_000), (5, 100)] {
        for prior in [
            StructurePrior::Uniform {},
            StructurePrior::Edge { beta: 0.3 },
        ] {
            let reward = reward(bge(drawn(n, n_rows), 2.0), prior);
            let graphs = all_graphs(n);
            let scores: Vec<f64> = graphs.iter().map(|g| reward.log_score(g)).collect();
            let posterior = reward.posterior().unwrap();
            let log_z = log_partition(&scores);
            assert!((posterior.log_partition() - log_z).abs() < 1e-9 * log_z.abs().max(1.0));
            let doubled: Vec<f64> = scores.iter().map(|s| 2.0 * s).collect();
            let tempered = reward.tempered_posterior(2.0).unwrap();
            let log_z = log_partition(&doubled);
            assert!((tempered.log_partition() - log_z).abs() < 1e-9 * log_z.abs().max(1.0));
            let marginals = posterior.edge_marginals();
            let p = target_distribution(&scores);
            for i in 0..n {
                for j in 0..n {
                    let with = graphs.iter().zip(&p).filter(|(g, _)| g.has_edge(i, j));
                    let expected: f64 = with.map(|(_, p)| p).sum();
                    let found = marginals[i * n + j];
                    assert!(
                        (found - expected).abs() < 1e-9,
                        "{i} {j} {found} {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn posteriors_of_more_nodes_are_not_listed() {
    assert!(
        reward(bge(drawn(13, 20), 2.0), StructurePrior::Uniform {})
            .posterior()
            .is_none()
    );
}

#[test]
fn expectations_from_marginals_are_means_over_graphs() {
    let n = 4;
    let reward = reward(bge(drawn(n, 20), 2.0), StructurePrior::Uniform {});
    let graphs = all_graphs(n);
    let scores: Vec<f64> = graphs.iter().map(|g| reward.log_score(g)).collect();
    let p = target_distribution(&scores);
    let marginals = reward.posterior().unwrap().edge_marginals();
    // The second has a cycle.
    for truth in [[0, 0b1, 0b1, 0b110], [0b10, 0b1, 0, 0b100]] {
        let pairs = graphs.iter().zip(&p);
        let shd: f64 = pairs
            .clone()
            .map(|(g, p)| p * structural_hamming_distance(g, &truth) as f64)
            .sum();
        let found = expected_structural_hamming_distance(&marginals, &truth);
        assert!((found - shd).abs() < 1e-9);
        let edges: f64 = pairs.map(|(g, p)| p * g.n_edges() as f64).sum();
        assert!((expected_edges(&marginals) - edges).abs() < 1e-9);
    }
}

#[test]
fn figures_by_hand() {
    let env = BayesianNetwork::new(3).unwrap();
    let a = env.object(&[(0, 1), (1, 2)]).unwrap();
    let b = env.object(&[(1, 0)]).unwrap();
    // Truth 0 → 1 → 2: b has one edge reversed, which counts once, and lacks one.
    let truth = [0, 0b1, 0b10];
    assert_eq!(structural_hamming_distance(&a, &truth), 0);
    assert_eq!(structural_hamming_distance(&b, &truth), 2);
    let frequencies = edge_frequencies(&[&a, &b], 3);
    assert_eq!(frequencies, [0.0, 0.5, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0]);
    // Edges have 1/2 and 1/2; others 1/2 and three of 0: 6 wins and 2 ties of 8 pairs.
    assert_eq!(area_under_roc(&frequencies, &truth), Some(7.0 / 8.0));
    assert_eq!(area_under_roc(&frequencies, &[0; 3]), None);
}
