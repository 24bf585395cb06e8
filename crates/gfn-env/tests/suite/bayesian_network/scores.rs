//! BGe and BDe against programs that are written in other ways, and what every such score has to satisfy.

use super::{all_graphs, bge, drawn, reward};
use gfn_env::bayesian_network::{
    Baseline, BdeScore, BgeScore, ContinuousData, DiscreteData, LinearGaussian, LocalScore as _,
    StructurePrior,
};
use gfn_env::{BayesianNetwork, BayesianNetworkReward, DagState, Environment as _, Reward as _};
use std::collections::BTreeMap;
use std::f64::consts::PI;

/// `log Γ` by Lanczos' approximation, another one than the crate's.
fn ln_gamma(x: f64) -> f64 {
    const G: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        return (PI / (PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let t = x + 7.5;
    let sum: f64 = (1..9).map(|i| G[i] / (x + i as f64)).sum();
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + (G[0] + sum).ln()
}

/// Determinant by Gaussian elimination with pivots.
fn determinant(mut m: Vec<Vec<f64>>) -> f64 {
    let n = m.len();
    let mut product = 1.0;
    for k in 0..n {
        let best = (k..n)
            .max_by(|a, b| m[*a][k].abs().total_cmp(&m[*b][k].abs()))
            .unwrap();
        if best != k {
            m.swap(best, k);
            product = -product;
        }
        product *= m[k][k];
        for i in k + 1..n {
            let factor = m[i][k] / m[k][k];
            let pivot = m[k].clone();
            for (value, above) in m[i].iter_mut().zip(pivot).skip(k) {
                *value -= factor * above;
            }
        }
    }
    product
}

fn subset(data: &ContinuousData, set: u32) -> Vec<&[f64]> {
    let nodes = (0..data.n_nodes()).filter(|i| set >> i & 1 == 1);
    nodes.map(|i| data.column(i)).collect()
}

/// `log p` of the columns of a set, from the normalising constants of the normal-Wishart distribution before and after.
pub(super) fn marginal_by_constants(data: &ContinuousData, set: u32, excess: f64) -> f64 {
    let columns = subset(data, set);
    let (l, n) = (columns.len() as f64, data.n_rows() as f64);
    // Of d variables α_w = d + excess; of the l of the set, α_w − d + l.
    let (alpha_mu, alpha) = (1.0, excess + l);
    let t = alpha_mu * (excess - 1.0) / (alpha_mu + 1.0);
    let log_multi_gamma = |a: f64| {
        let factors = (0..columns.len()).map(|i| ln_gamma(a - i as f64 / 2.0));
        l * (l - 1.0) / 4.0 * PI.ln() + factors.sum::<f64>()
    };
    let mean = |c: &[f64]| c.iter().sum::<f64>() / n;
    // Sums of products about 0, then moved: not the centred sums of the crate.
    let entry = |a: &[f64], b: &[f64]| {
        let products: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
        products - n * mean(a) * mean(b) * (1.0 - alpha_mu / (n + alpha_mu))
    };
    let r: Vec<Vec<f64>> = (0..columns.len())
        .map(|i| {
            let row = (0..columns.len()).map(|j| {
                let diagonal = if i == j { t } else { 0.0 };
                entry(columns[i], columns[j]) + diagonal
            });
            row.collect()
        })
        .collect();
    l / 2.0 * (alpha_mu / (n + alpha_mu)).ln() - l * n / 2.0 * PI.ln()
        + log_multi_gamma((n + alpha) / 2.0)
        - log_multi_gamma(alpha / 2.0)
        + alpha / 2.0 * l * t.ln()
        - (n + alpha) / 2.0 * determinant(r).ln()
}

/// `log p` of the columns of a set, row by row: each is a multivariate t under the posterior of the rows before.
pub(super) fn marginal_by_prediction(data: &ContinuousData, set: u32, excess: f64) -> f64 {
    let columns = subset(data, set);
    let l = columns.len();
    let (mut kappa, mut alpha) = (1.0, excess + l as f64);
    let t = kappa * (excess - 1.0) / (kappa + 1.0);
    let mut mean = vec![0.0; l];
    let mut scale: Vec<Vec<f64>> = (0..l)
        .map(|i| (0..l).map(|j| if i == j { t } else { 0.0 }).collect())
        .collect();
    let mut sum = 0.0;
    let rows = (0..data.n_rows()).map(|row| columns.iter().map(|c| c[row]).collect::<Vec<_>>());
    for row in rows {
        let off: Vec<f64> = row.iter().zip(&mean).map(|(x, m)| x - m).collect();
        let shrink = kappa / (kappa + 1.0);
        let mut next = scale.clone();
        for i in 0..l {
            for j in 0..l {
                next[i][j] += shrink * off[i] * off[j];
            }
        }
        // Wishart of α degrees: the predictive has α − l + 1, and |S + c·ee'| = |S|·(1 + c·e'S⁻¹e).
        let before = determinant(scale);
        let after = determinant(next.clone());
        sum += ln_gamma((alpha + 1.0) / 2.0) - ln_gamma((alpha + 1.0 - l as f64) / 2.0)
            + l as f64 / 2.0 * (shrink / PI).ln()
            + alpha / 2.0 * before.ln()
            - (alpha + 1.0) / 2.0 * after.ln();
        scale = next;
        for i in 0..l {
            mean[i] += off[i] / (kappa + 1.0);
        }
        kappa += 1.0;
        alpha += 1.0;
    }
    sum
}

#[test]
fn bge_is_that_of_two_other_programs() {
    for (n_nodes, n_rows, excess) in [(3, 4, 2.0), (5, 40, 2.0), (6, 9, 3.5)] {
        let data = drawn(n_nodes, n_rows).draw().unwrap().data;
        let score = BgeScore::new(&data, 1.0, excess).unwrap();
        for node in 0..n_nodes {
            for parents in (0..1_u32 << n_nodes).filter(|p| p >> node & 1 == 0) {
                let found = score.local_score(node, parents);
                for marginal in [marginal_by_constants, marginal_by_prediction] {
                    let of = |set| {
                        if set == 0 {
                            0.0
                        } else {
                            marginal(&data, set, excess)
                        }
                    };
                    let expected = of(parents | 1 << node) - of(parents);
                    let tolerance = 1e-9 * expected.abs().max(1.0);
                    assert!(
                        (found - expected).abs() < tolerance,
                        "node {node}, parents {parents:b}: {found}, not {expected}"
                    );
                }
            }
        }
    }
}

/// A node without parents has a normal-gamma prior: `λ ~ Gamma(α/2, t/2)` and `μ ~ N(0, 1/(α_μ·λ))`.
#[test]
fn bge_of_one_node_is_an_integral() {
    let columns = vec![vec![0.3, -1.2, 0.8], vec![0.0, 1.0, 2.0]];
    let data = ContinuousData::new(vec!["a".into(), "b".into()], columns).unwrap();
    let (alpha_mu, excess) = (0.7, 2.5);
    let score = BgeScore::new(&data, alpha_mu, excess).unwrap();
    let t = alpha_mu * (excess - 1.0) / (alpha_mu + 1.0);
    let shape = (excess + 1.0) / 2.0;
    // Over μ and log λ by sums of small squares; both tails are below 1e-12.
    let (n_mu, n_lambda) = (2_000, 2_000);
    let mut sum = 0.0;
    for i in 0..n_lambda {
        let log_lambda = -14.0 + 20.0 * (f64::from(i) + 0.5) / f64::from(n_lambda);
        let lambda = log_lambda.exp();
        let gamma =
            shape * (t / 2.0).ln() - ln_gamma(shape) + shape * log_lambda - t / 2.0 * lambda;
        // μ in units of its own deviation about the prior mean, 0.
        let deviation = (alpha_mu * lambda).sqrt().recip();
        for j in 0..n_mu {
            let u = -14.0 + 28.0 * (f64::from(j) + 0.5) / f64::from(n_mu);
            let mu = u * deviation;
            let likelihood: f64 = data
                .column(0)
                .iter()
                .map(|x| 0.5 * (lambda / (2.0 * PI)).ln() - 0.5 * lambda * (x - mu).powi(2))
                .sum();
            let prior = -0.5 * u * u - 0.5 * (2.0 * PI).ln();
            sum += (gamma + prior + likelihood).exp();
        }
    }
    let cell = 20.0 / f64::from(n_lambda) * 28.0 / f64::from(n_mu);
    let expected = (sum * cell).ln();
    let found = score.local_score(0, 0);
    assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
}

/// Skeleton and immoralities: graphs that share both are Markov equivalent.
fn equivalence_class(state: &DagState, n: usize) -> (Vec<(usize, usize)>, Vec<[usize; 3]>) {
    let joined = |i, j| state.has_edge(i, j) || state.has_edge(j, i);
    let pairs = (0..n).flat_map(|j| (0..j).map(move |i| (i, j)));
    let skeleton: Vec<_> = pairs.clone().filter(|(i, j)| joined(*i, *j)).collect();
    let apart = pairs.filter(|(i, j)| !joined(*i, *j));
    let immoralities = apart.flat_map(|(i, j)| {
        let common = move |k: &usize| state.has_edge(i, *k) && state.has_edge(j, *k);
        (0..n).filter(common).map(move |k| [i, j, k])
    });
    (skeleton, immoralities.collect())
}

fn check_score_equivalence(reward: &BayesianNetworkReward, n: usize, n_classes: usize) {
    let mut classes = BTreeMap::new();
    for state in all_graphs(n) {
        let score = reward.log_score(&state);
        let first = *classes.entry(equivalence_class(&state, n)).or_insert(score);
        assert!((score - first).abs() < 1e-9, "{state:?}: {score}, {first}");
    }
    assert_eq!(classes.len(), n_classes);
    let mut scores: Vec<f64> = classes.into_values().collect();
    scores.sort_by(f64::total_cmp);
    scores.dedup_by(|a, b| (*a - *b).abs() < 1e-7);
    assert_eq!(scores.len(), n_classes, "classes have different scores");
}

#[test]
fn markov_equivalent_graphs_score_alike() {
    let uniform = StructurePrior::Uniform {};
    // The published numbers of classes are 2, 11 and 185.
    for (n, n_classes) in [(2, 2), (3, 11), (4, 185)] {
        check_score_equivalence(&reward(bge(drawn(n, 30), 2.0), uniform), n, n_classes);
        let data = drawn(n, 30).draw().unwrap().data.discretised(3).unwrap();
        let score = BdeScore::new(data, 1.5).unwrap();
        check_score_equivalence(&reward(score, uniform), n, n_classes);
    }
}

#[test]
fn bde_is_the_product_of_predictions() {
    let text = |levels: &[&str]| levels.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let data = DiscreteData::new(
        text(&["a", "b", "c"]),
        vec![
            text(&["x", "y", "x", "z", "y", "x", "x"]),
            text(&["0", "1", "1", "0", "1", "1", "0"]),
            text(&["u", "u", "v", "v", "u", "v", "u"]),
        ],
    )
    .unwrap();
    let ess = 2.5;
    let score = BdeScore::new(data.clone(), ess).unwrap();
    for node in 0..3 {
        for parents in (0..8_u32).filter(|p| p >> node & 1 == 0) {
            let nodes: Vec<usize> = (0..3).filter(|i| parents >> i & 1 == 1).collect();
            let q: usize = nodes.iter().map(|i| data.categories(*i).len()).product();
            let r = data.categories(node).len();
            // Each row by the counts of the rows before: (n_ck + s/(qr))/(n_c + s/q).
            let mut expected = 0.0;
            for row in 0..data.n_rows() {
                let alike = |other: &usize| {
                    let same = |i: &usize| data.column(*i)[*other] == data.column(*i)[row];
                    nodes.iter().all(same)
                };
                let before: Vec<usize> = (0..row).filter(alike).collect();
                let same = before
                    .iter()
                    .filter(|o| data.column(node)[**o] == data.column(node)[row]);
                let cell = ess / (q * r) as f64;
                expected +=
                    ((same.count() as f64 + cell) / (before.len() as f64 + ess / q as f64)).ln();
            }
            let found = score.local_score(node, parents);
            assert!((found - expected).abs() < 1e-12, "{node} {parents:b}");
        }
    }
}

#[test]
fn deltas_are_differences_of_whole_scores() {
    // Five nodes in a table, 14 in a cache.
    for n in [5, 14] {
        let reward = reward(bge(drawn(n, 50), 2.0), StructurePrior::Edge { beta: 0.5 });
        let env = reward.environment();
        let mut state = env.source();
        let mut sum = 0.0;
        for (i, j) in [(3, 0), (0, 1), (3, 1), (1, 4), (2, 4)] {
            let before = reward.log_score(&state);
            let delta = reward.delta(&state, i, j);
            env.step(&mut state, env.edge(i, j)).unwrap();
            assert!((reward.log_score(&state) - before - delta).abs() < 1e-9);
            sum += delta;
        }
        env.step(&mut state, env.exit()).unwrap();
        let mut out = [0.0];
        reward.log_reward(&[state], &mut out).unwrap();
        assert!((out[0] - sum).abs() < 1e-9);
        reward.log_reward(&[env.source()], &mut out).unwrap();
        assert!(out[0].is_nan(), "not complete");
    }
}

#[test]
fn tables_and_caches_agree() {
    // The same columns among 12 and among 13: BGe of a set does not depend on the others.
    let data = drawn(13, 40).draw().unwrap().data;
    let columns = |n: usize| (0..n).map(|i| data.column(i).to_vec()).collect::<Vec<_>>();
    let part = ContinuousData::new(data.names()[..12].to_vec(), columns(12)).unwrap();
    let uniform = StructurePrior::Uniform {};
    let [small, large] =
        [&part, &data].map(|data| reward(BgeScore::new(data, 1.0, 2.0).unwrap(), uniform));
    for _ in 0..2 {
        for (node, parents) in [(0, 0b10), (3, 0b1000_0000_0111), (11, 0b110)] {
            assert_eq!(small.term(node, parents), large.term(node, parents));
        }
    }
}

#[test]
fn priors_are_those_of_their_formulas() {
    let drawn = drawn(4, 20);
    let log_prior = |prior: StructurePrior, state: &DagState| {
        let flat = reward(bge(drawn, 2.0), StructurePrior::Uniform {});
        let with = reward(bge(drawn, 2.0), prior);
        with.log_score(state) - flat.log_score(state)
    };
    let env = BayesianNetwork::new(4).unwrap();
    let state = env.object(&[(0, 1), (2, 1), (3, 1), (0, 2)]).unwrap();
    // Relative to the empty graph: four of the edges are in.
    let p: f64 = 2.0 * 0.75 / 3.0;
    let expected = 4.0 * (p / (1.0 - p)).ln();
    let found = log_prior(
        StructurePrior::ErdosRenyi {
            edges_per_node: 0.75,
        },
        &state,
    );
    assert!((found - expected).abs() < 1e-9);
    let found = log_prior(StructurePrior::Edge { beta: 0.2 }, &state);
    assert!((found - 4.0 * 0.2f64.ln()).abs() < 1e-9);
    // In-degrees 0, 3, 1, 0: 1/C(3,3) and 1/C(3,1).
    let found = log_prior(StructurePrior::Fair {}, &state);
    assert!((found + 3f64.ln()).abs() < 1e-9);
}

#[test]
fn baselines_move_every_score_alike() {
    let score = || Box::new(bge(drawn(4, 60), 2.0));
    let prior = StructurePrior::Fair {};
    let with = |baseline| BayesianNetworkReward::new(score(), prior, baseline).unwrap();
    let [none, empty, best] = [Baseline::None, Baseline::EmptyGraph, Baseline::BestGraph].map(with);
    let graphs = all_graphs(4);
    let first = &graphs[0];
    for state in &graphs {
        for other in [&empty, &best] {
            let moved = none.log_score(state) - other.log_score(state);
            let base = none.log_score(first) - other.log_score(first);
            assert!((moved - base).abs() < 1e-9);
        }
    }
    let scores = graphs.iter().map(|state| best.log_score(state));
    assert!(scores.fold(f64::NEG_INFINITY, f64::max).abs() < 1e-9);
    let far = Box::new(bge(LinearGaussian::published(13, 0), 2.0));
    let error = BayesianNetworkReward::new(far, prior, Baseline::BestGraph).unwrap_err();
    assert!(error.to_string().contains("at most 12 nodes"), "{error}");
}

#[test]
fn bad_parameters_are_refused() {
    let data = drawn(3, 10).draw().unwrap().data;
    let says = |error: gfn_env::EnvironmentError, name: &str| {
        assert!(error.to_string().contains(name), "{error}");
    };
    for (alpha_mu, excess, name) in [
        (0.0, 2.0, "alpha_mu"),
        (f64::NAN, 2.0, "alpha_mu"),
        (1.0, 1.0, "alpha_w_excess"),
    ] {
        says(BgeScore::new(&data, alpha_mu, excess).unwrap_err(), name);
    }
    let levels = data.discretised(3).unwrap();
    says(
        BdeScore::new(levels, 0.0).unwrap_err(),
        "equivalent_sample_size",
    );
    for (prior, name) in [
        (StructurePrior::Edge { beta: -1.0 }, "beta"),
        (
            StructurePrior::ErdosRenyi {
                edges_per_node: 1.0,
            },
            "edges_per_node",
        ),
    ] {
        let score = Box::new(bge(drawn(3, 10), 2.0));
        says(
            BayesianNetworkReward::new(score, prior, Baseline::None).unwrap_err(),
            name,
        );
    }
    let good = LinearGaussian::published(3, 0);
    for (bad, name) in [
        (LinearGaussian { n_nodes: 1, ..good }, "n_nodes"),
        (LinearGaussian { n_rows: 1, ..good }, "n_rows"),
        (
            LinearGaussian {
                noise_variance: 0.0,
                ..good
            },
            "noise_variance",
        ),
        (
            LinearGaussian {
                edges_per_node: 1.1,
                ..good
            },
            "edges_per_node",
        ),
    ] {
        says(bad.draw().unwrap_err(), name);
    }
}
