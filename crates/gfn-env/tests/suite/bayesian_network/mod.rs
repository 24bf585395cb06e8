//! Structures of Bayesian networks: graphs, scores, data, interventions, exact sums.

mod bif;
mod data;
mod graphs;
mod interventions;
mod posterior;
mod scores;

use gfn_env::bayesian_network::{Baseline, BgeScore, LinearGaussian, LocalScore, StructurePrior};
use gfn_env::{BayesianNetwork, BayesianNetworkReward, DagState, StateGraph};

/// Every graph on `n` nodes, complete.
fn all_graphs(n: usize) -> Vec<DagState> {
    let env = BayesianNetwork::new(n).unwrap();
    let graph = StateGraph::explore(&env, 100_000).unwrap();
    graph.terminal_states().to_vec()
}

fn bge(drawn: LinearGaussian, excess: f64) -> BgeScore {
    BgeScore::new(&drawn.draw().unwrap().data, 1.0, excess).unwrap()
}

fn reward(score: impl LocalScore + 'static, prior: StructurePrior) -> BayesianNetworkReward {
    BayesianNetworkReward::new(Box::new(score), prior, Baseline::EmptyGraph).unwrap()
}

/// Few or many observations, so that the posterior is flat or sharp.
fn drawn(n_nodes: usize, n_rows: usize) -> LinearGaussian {
    LinearGaussian {
        n_rows,
        edges_per_node: if n_nodes == 2 { 0.4 } else { 1.0 },
        ..LinearGaussian::published(n_nodes, 3)
    }
}
