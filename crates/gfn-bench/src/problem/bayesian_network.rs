//! Structures of Bayesian networks.

use super::{KnownTarget, Problem, Sampling, StateOf};
use crate::picture::{GraphPicture, PictureEdge, PictureNode};
use anyhow::Result;
use gfn_env::bayesian_network::{
    ancestors_of, area_under_roc, edge_frequencies, expected_edges,
    expected_structural_hamming_distance, path_frequencies, structural_hamming_distance,
};
use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Action, BayesianNetwork, BayesianNetworkReward, DagState, Environment as _};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Structures of Bayesian networks; the distance is the structural Hamming distance. There are no modes.
#[derive(Clone, Debug)]
pub struct BayesianNetworkProblem {
    environment: BayesianNetwork,
    reward: BayesianNetworkReward,
    names: Vec<String>,
    /// Bit `i` of entry `j`: the edge `i → j` is known.
    known_parents: Option<Vec<u32>>,
    exact: Arc<OnceLock<Option<Exact>>>,
}

/// What sums over all graphs say, where these are few enough nodes.
#[derive(Debug)]
struct Exact {
    target: KnownTarget,
    marginals: Vec<f64>,
    paths: Vec<f64>,
}

impl BayesianNetworkProblem {
    /// The graphs of `reward` with the names of its nodes, and the edges that are known to be right, for figures.
    ///
    /// # Panics
    ///
    /// If there are not as many names as nodes.
    pub fn new(
        reward: BayesianNetworkReward,
        names: Vec<String>,
        known_parents: Option<Vec<u32>>,
    ) -> Self {
        let environment = reward.environment();
        assert_eq!(names.len(), environment.n_nodes(), "a name for each node");
        Self {
            environment,
            names,
            reward,
            known_parents,
            exact: Arc::default(),
        }
    }

    fn exact(&self) -> Option<&Exact> {
        let sums = || {
            let posterior = self.reward.posterior()?;
            let log_z = posterior.log_partition();
            let squares = self.reward.tempered_posterior(2.0)?.log_partition();
            Some(Exact {
                target: KnownTarget {
                    log_z,
                    mean_reward: (squares - log_z).exp(),
                },
                marginals: posterior.edge_marginals(),
                paths: posterior.path_marginals(),
            })
        };
        self.exact.get_or_init(sums).as_ref()
    }
}

impl Problem for BayesianNetworkProblem {
    type Environment = BayesianNetwork;
    type Reward = BayesianNetworkReward;

    fn environment(&self) -> &BayesianNetwork {
        &self.environment
    }

    fn reward(&self) -> &BayesianNetworkReward {
        &self.reward
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let parents: Vec<u32> = (0..self.environment.n_nodes())
            .map(|node| b.parents(node))
            .collect();
        structural_hamming_distance(a, &parents) as f64
    }

    /// Distinct graphs: edges in random order, up to a number of them that is uniform.
    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let env = &self.environment;
        let mut allowed = vec![false; env.n_actions()];
        let mut chosen: BTreeMap<String, DagState> = BTreeMap::new();
        // Of few nodes there may be fewer graphs than are asked for.
        for _ in 0..64 * size.max(1024) {
            if chosen.len() >= size {
                break;
            }
            let mut state = env.source();
            for _ in 0..rng.random_range(0..env.max_len()) {
                env.forward_mask(&state, &mut allowed);
                let edges: Vec<usize> = (0..allowed.len() - 1).filter(|i| allowed[*i]).collect();
                if edges.is_empty() {
                    break;
                }
                let edge = Action(edges[rng.random_range(0..edges.len())] as u32);
                if env.step(&mut state, edge).is_err() {
                    break;
                }
            }
            if env.step(&mut state, env.exit()).is_ok() {
                chosen.insert(env.describe(&state), state);
            }
        }
        chosen.into_values().collect()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        // Of many observations the rewards may overflow; then only log Z says something.
        self.exact().map(|exact| exact.target)
    }

    /// Edges, paths, distance to the known graph and areas under the curve of the samples, beside those of the posterior.
    fn sample_figures(&self, terminals: &[&StateOf<Self>]) -> Vec<(&'static str, f64)> {
        let d = self.environment.n_nodes();
        let frequencies = edge_frequencies(terminals, d);
        let path_frequencies = path_frequencies(terminals, d);
        let mut figures = vec![("samples.expected_edges", expected_edges(&frequencies))];
        let exact = self.exact();
        if let Some(exact) = exact {
            let mean_difference = |frequencies: &[f64], marginals: &[f64]| {
                let pairs = frequencies.iter().zip(marginals);
                let differences: f64 = pairs.map(|(f, m)| (f - m).abs()).sum();
                differences / self.environment.n_features() as f64
            };
            let edges = expected_edges(&exact.marginals);
            figures.push(("samples.expected_edges_target", edges));
            let error = mean_difference(&frequencies, &exact.marginals);
            figures.push(("samples.edge_marginal_error", error));
            let error = mean_difference(&path_frequencies, &exact.paths);
            figures.push(("samples.path_marginal_error", error));
        }
        let Some(truth) = &self.known_parents else {
            return figures;
        };
        let shd = |marginals: &[f64]| expected_structural_hamming_distance(marginals, truth);
        figures.push(("samples.expected_shd", shd(&frequencies)));
        let ancestors = ancestors_of(truth);
        let areas = [
            ("samples.auroc", &frequencies, truth),
            ("samples.path_auroc", &path_frequencies, &ancestors),
        ];
        let of_target = exact.map(|exact| {
            figures.push(("samples.expected_shd_target", shd(&exact.marginals)));
            [
                ("samples.auroc_target", &exact.marginals, truth),
                ("samples.path_auroc_target", &exact.paths, &ancestors),
            ]
        });
        for (name, marginals, truth) in areas.into_iter().chain(of_target.into_iter().flatten()) {
            if let Some(auroc) = area_under_roc(marginals, truth) {
                figures.push((name, auroc));
            }
        }
        figures
    }

    /// The edges of the samples, beside those of the posterior, where they are known.
    fn picture(&self, sample: Sampling<'_, DagState>) -> Result<Option<GraphPicture>> {
        let samples = sample()?;
        let d = self.environment.n_nodes();
        let terminals: Vec<&DagState> = samples.terminals().collect();
        let frequencies = edge_frequencies(&terminals, d);
        let exact = self.exact().map(|exact| exact.marginals.as_slice());
        let mut panels = vec!["share of the samples".to_owned()];
        panels.extend(exact.map(|_| "exact probability".to_owned()));
        let mut edges = Vec::new();
        for from in 0..d {
            for to in (0..d).filter(|to| *to != from) {
                let place = from * d + to;
                let weights = [Some(frequencies[place]), exact.map(|exact| exact[place])];
                edges.push(PictureEdge {
                    from,
                    to,
                    weights: weights.into_iter().flatten().collect(),
                    known: self
                        .known_parents
                        .as_ref()
                        .map(|parents| parents[to] >> from & 1 == 1),
                });
            }
        }
        let names = self.names.iter().cloned();
        Ok(Some(GraphPicture {
            panels,
            nodes: names
                .map(|name| PictureNode { name, layer: None })
                .collect(),
            edges,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::bayesian_network::{Baseline, BgeScore, LinearGaussian, StructurePrior};
    use gfn_env::{Purpose, StateGraph, Streams, log_partition, target_distribution};

    fn problem(n_nodes: usize) -> BayesianNetworkProblem {
        let known = LinearGaussian::published(n_nodes, 0).draw().unwrap();
        let score = BgeScore::new(&known.data, 1.0, 2.0).unwrap();
        let prior = StructurePrior::Uniform {};
        let reward = BayesianNetworkReward::new(Box::new(score), prior, Baseline::BestGraph);
        let names = known.data.names().to_vec();
        BayesianNetworkProblem::new(reward.unwrap(), names, Some(known.parents))
    }

    #[test]
    fn figures_are_those_of_the_listed_graphs() {
        let problem = problem(4);
        let graph = StateGraph::explore(problem.environment(), 10_000).unwrap();
        let log_rewards = graph.log_rewards(problem.reward()).unwrap();
        let known = problem.known_target().unwrap();
        let p = target_distribution(&log_rewards);
        assert!((known.log_z - log_partition(&log_rewards)).abs() < 1e-9);
        let mean: f64 = p.iter().zip(&log_rewards).map(|(p, l)| p * l.exp()).sum();
        assert!((known.mean_reward / mean - 1.0).abs() < 1e-9);
        let states = graph.terminal_states().iter().collect::<Vec<_>>();
        let figures: BTreeMap<_, _> = problem.sample_figures(&states).into_iter().collect();
        let mean = |f: &dyn Fn(&DagState) -> f64| {
            states.iter().map(|x| f(x)).sum::<f64>() / states.len() as f64
        };
        let target = |f: &dyn Fn(&DagState) -> f64| {
            states.iter().zip(&p).map(|(x, p)| p * f(x)).sum::<f64>()
        };
        let truth = problem.known_parents.clone().unwrap();
        let edges = |x: &DagState| x.n_edges() as f64;
        let shd = |x: &DagState| structural_hamming_distance(x, &truth) as f64;
        for (name, expected) in [
            ("samples.expected_edges", mean(&edges)),
            ("samples.expected_edges_target", target(&edges)),
            ("samples.expected_shd", mean(&shd)),
            ("samples.expected_shd_target", target(&shd)),
        ] {
            assert!((figures[name] - expected).abs() < 1e-9, "{name}");
        }
        // Of all graphs alike, every edge is as frequent as any other, and every path: the curves are the diagonal.
        assert!((figures["samples.auroc"] - 0.5).abs() < 1e-9);
        assert!((figures["samples.path_auroc"] - 0.5).abs() < 1e-9);
        assert!(figures["samples.edge_marginal_error"] > 0.0);
        // 543 graphs of equal weight against the posterior, pair by pair.
        let pairs = (0..4).flat_map(|i| (0..4).map(move |j| (i, j)));
        let differences = pairs.map(|(i, j)| {
            let is = |x: &DagState| f64::from(u8::from(x.ancestors(j) >> i & 1 == 1));
            (mean(&is) - target(&is)).abs()
        });
        let expected = differences.sum::<f64>() / 12.0;
        assert!((figures["samples.path_marginal_error"] - expected).abs() < 1e-9);
        // The posterior of 100 rows ranks most paths of the truth above the others.
        let auroc = figures["samples.path_auroc_target"];
        assert!(auroc > 0.6 && auroc <= 1.0, "{auroc}");
    }

    #[test]
    fn the_picture_has_every_edge_with_its_share_and_its_probability() {
        let problem = problem(3);
        let env = problem.environment();
        let mut samples = gfn_env::Trajectories::new();
        // 0 → 1 in both, 1 → 2 in one of them.
        for actions in [
            vec![env.edge(0, 1), env.exit()],
            vec![env.edge(1, 2), env.edge(0, 1), env.exit()],
        ] {
            let (states, back) = gfn_env::walk(env, &actions).unwrap();
            samples.push(states, &actions, &back, 0.0);
        }
        let picture = problem.picture(&|| Ok(samples.clone())).unwrap().unwrap();
        assert_eq!((picture.nodes.len(), picture.panels.len()), (3, 2));
        assert_eq!(picture.edges.len(), 6);
        let exact = problem.exact().unwrap();
        let truth = problem.known_parents.as_ref().unwrap();
        for edge in &picture.edges {
            let share = match (edge.from, edge.to) {
                (0, 1) => 1.0,
                (1, 2) => 0.5,
                _ => 0.0,
            };
            assert_eq!(
                edge.weights,
                [share, exact.marginals[3 * edge.from + edge.to]]
            );
            assert_eq!(edge.known, Some(truth[edge.to] >> edge.from & 1 == 1));
        }
    }

    #[test]
    fn distances_and_test_sets() {
        let problem = problem(3);
        let mut rng = Streams::new(0).rng(Purpose::Problem, 2, 0);
        let all = problem.test_set(500, &mut rng);
        assert_eq!(all.len(), 25);
        assert_eq!(problem.test_set(7, &mut rng).len(), 7);
        for a in &all {
            for b in &all {
                assert_eq!(problem.distance(a, b), problem.distance(b, a));
                assert_eq!(problem.distance(a, b) == 0.0, a == b);
            }
        }
    }
}
