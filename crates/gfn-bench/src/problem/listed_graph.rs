//! Graphs that are written down.

use super::{KnownTarget, Problem, StateOf, uniform_terminals};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{ListedGraph, ListedGraphReward};

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

    fn known_target(&self) -> Option<KnownTarget> {
        let log_z = self.reward.log_power_sum(1.0);
        Some(KnownTarget {
            log_z,
            mean_reward: (self.reward.log_power_sum(2.0) - log_z).exp(),
        })
    }
}
