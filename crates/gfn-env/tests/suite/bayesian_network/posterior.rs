//! Exact sums over all graphs against lists of them, and figures of samples.

use super::{all_graphs, bge, drawn, reward};
use gfn_env::bayesian_network::{
    LocalScore, StructurePrior, ancestors_of, area_under_roc, edge_frequencies, expected_edges,
    expected_structural_hamming_distance, path_frequencies, structural_hamming_distance,
};
use gfn_env::{BayesianNetwork, DagState, log_partition, target_distribution};

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

/// Whether a walk along edges leads from one node to another, found by trying.
fn is_reached(graph: &DagState, n: usize, from: usize, to: usize) -> bool {
    (0..n).any(|via| graph.has_edge(from, via) && (via == to || is_reached(graph, n, via, to)))
}

#[test]
fn path_marginals_are_those_of_all_graphs() {
    for (n, n_rows) in [(2, 10), (3, 8), (3, 200), (4, 12), (4, 3_000), (5, 20)] {
        for prior in [
            StructurePrior::Uniform {},
            StructurePrior::Edge { beta: 0.3 },
        ] {
            let reward = reward(bge(drawn(n, n_rows), 2.0), prior);
            let graphs = all_graphs(n);
            let scores: Vec<f64> = graphs.iter().map(|g| reward.log_score(g)).collect();
            let posterior = reward.posterior().unwrap();
            let (paths, edges) = (posterior.path_marginals(), posterior.edge_marginals());
            let p = target_distribution(&scores);
            for i in 0..n {
                for j in 0..n {
                    let with = graphs
                        .iter()
                        .zip(&p)
                        .filter(|(g, _)| is_reached(g, n, i, j));
                    let expected: f64 = with.map(|(_, p)| p).sum();
                    let found = paths[i * n + j];
                    assert!(
                        (found - expected).abs() < 1e-9,
                        "{n} {n_rows} {i} {j} {found} {expected}"
                    );
                    assert!(found + 1e-9 > edges[i * n + j], "an edge is a path");
                }
            }
        }
    }
}

/// Of all graphs alike `i ⇝ j` has the same share for every pair, and with ten nodes no list of them would end.
#[test]
fn path_marginals_of_ten_nodes_are_symmetric() {
    let uniform = StructurePrior::Uniform {};
    let paths = |n: usize| {
        let posterior = reward(Nothing(n), uniform).posterior().unwrap();
        posterior.path_marginals()
    };
    let found = paths(10);
    for i in 0..10 {
        for j in 0..10 {
            let expected = if i == j { 0.0 } else { found[1] };
            assert!((found[10 * i + j] - expected).abs() < 1e-9, "{i} {j}");
        }
    }
    // Most pairs of a large graph are joined by a path one way or the other, and never both.
    assert!(found[1] > 0.4 && found[1] < 0.5, "{}", found[1]);
    // Of the 25 graphs on three nodes: those with the edge are 8, and those with the path by way of the third node alone 1.
    assert!((paths(3)[1] - 9.0 / 25.0).abs() < 1e-12);
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
    // The paths 0 ⇝ 1, 1 ⇝ 2 and 0 ⇝ 2 of a, 1 ⇝ 0 of b.
    let paths = path_frequencies(&[&a, &b], 3);
    assert_eq!(paths, [0.0, 0.5, 0.5, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0]);
    assert_eq!(ancestors_of(&truth), [0, 0b1, 0b11]);
    // Three pairs with 1/2; others 1/2 and two of 0: 6 wins and 3 ties of 9 pairs.
    let auroc = area_under_roc(&paths, &ancestors_of(&truth));
    assert_eq!(auroc, Some(7.5 / 9.0));
    // On a cycle every node is an ancestor of every one, itself included.
    assert_eq!(
        ancestors_of(&[0b100, 0b1, 0b10, 0b10]),
        [0b111, 0b111, 0b111, 0b111]
    );
}
