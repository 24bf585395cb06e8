//! Graphs that are written down.

use super::{KnownTarget, Problem, Sampling, StateOf, uniform_terminals};
use crate::picture::{GraphPicture, PictureEdge, PictureNode};
use anyhow::Result;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Environment as _, ListedGraph, ListedGraphReward, NodeState};
use std::collections::BTreeMap;

/// Graphs of more nodes are not drawn: nobody could read the names.
const MOST_DRAWN: usize = 64;

/// A graph that is written down; the distance of two nodes is 0 or 1. There are no modes.
#[derive(Clone, Debug)]
pub struct ListedGraphProblem {
    environment: ListedGraph,
    reward: ListedGraphReward,
}

impl ListedGraphProblem {
    /// A graph with its rewards.
    pub fn new(environment: ListedGraph) -> Self {
        Self {
            reward: ListedGraphReward(environment.clone()),
            environment,
        }
    }
}

impl Problem for ListedGraphProblem {
    type Environment = ListedGraph;
    type Reward = ListedGraphReward;

    fn environment(&self) -> &ListedGraph {
        &self.environment
    }

    fn reward(&self) -> &ListedGraphReward {
        &self.reward
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        f64::from(u8::from(a != b))
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }

    /// How many of the samples pass each edge, with nodes in the column of their longest path from the source.
    fn picture(&self, sample: Sampling<'_, NodeState>) -> Result<Option<GraphPicture>> {
        let env = &self.environment;
        if env.n_nodes() > MOST_DRAWN {
            return Ok(None);
        }
        let samples = sample()?;
        let mut counts: BTreeMap<(usize, usize), usize> =
            env.edges().map(|edge| (edge, 0)).collect();
        for trajectory in samples.iter() {
            for step in trajectory.states.windows(2) {
                *counts
                    .entry((step[0].0 as usize, step[1].0 as usize))
                    .or_default() += 1;
            }
        }
        let n = samples.len() as f64;
        let nodes = env.layers().iter().enumerate().map(|(node, layer)| {
            let name = env.describe(&NodeState(node as u32));
            PictureNode {
                name,
                layer: Some(*layer),
            }
        });
        Ok(Some(GraphPicture {
            panels: vec!["share of the samples".to_owned()],
            nodes: nodes.collect(),
            edges: counts
                .into_iter()
                .map(|((from, to), count)| PictureEdge {
                    from,
                    to,
                    weights: vec![count as f64 / n],
                    known: None,
                })
                .collect(),
        }))
    }

    fn known_target(&self) -> Option<KnownTarget> {
        let log_z = self.reward.log_power_sum(1.0);
        Some(KnownTarget {
            log_z,
            mean_reward: (self.reward.log_power_sum(2.0) - log_z).exp(),
        })
    }
}
