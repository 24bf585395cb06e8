//! Rewards of written graphs: [`ListedGraphReward`].

use super::{ListedGraph, NodeState};
use crate::normal::standard_normals;
use crate::{Enumerable as _, EnvironmentError, Reward, RewardError, log_partition};

/// Rewards of the leaves of a perfect binary tree, from left to right.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "log-normal"`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum TreeRewardConfig {
    /// A list.
    Listed {
        /// One for each leaf, positive.
        rewards: Vec<f64>,
    },
    /// `log R = scale·z`, standard normal draws from the stream `(Problem, 0, 0)` of `seed`.
    LogNormal {
        /// Standard deviation of the log-rewards.
        scale: f64,
        /// Seed of the draws.
        #[cfg_attr(feature = "serde", serde(default))]
        seed: u64,
    },
}

impl TreeRewardConfig {
    /// The tree of this depth.
    ///
    /// # Errors
    ///
    /// As [`ListedGraph::perfect_binary_tree`], and [`EnvironmentError::InvalidParameter`] for a scale that is not finite or
    /// is negative.
    pub fn tree(&self, depth: usize) -> Result<ListedGraph, EnvironmentError> {
        let log_rewards: Vec<f64> = match self {
            // What is not positive has no finite logarithm, and is refused with the rest.
            Self::Listed { rewards } => rewards.iter().map(|r| r.ln()).collect(),
            Self::LogNormal { scale, seed } => {
                let mut draws = standard_normals(*scale, *seed)?;
                let n_leaves = if depth <= 20 { 1 << depth } else { 0 };
                (0..n_leaves).map(|_| scale * draws()).collect()
            }
        };
        ListedGraph::perfect_binary_tree(depth, &log_rewards)
    }
}

/// The rewards that are listed with a graph.
#[derive(Clone, Debug)]
pub struct ListedGraphReward(pub ListedGraph);

impl ListedGraphReward {
    /// `log Σ R^power` over the nodes that have a reward.
    pub fn log_power_sum(&self, power: f64) -> f64 {
        let terminals = (0..self.0.n_terminal()).map(|i| self.0.terminal(i));
        let logs: Vec<f64> = terminals.map(|x| power * self.0.log_reward(x)).collect();
        log_partition(&logs)
    }
}

impl Reward<NodeState> for ListedGraphReward {
    /// Nodes with children have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[NodeState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = self.0.log_reward(*state);
        }
        Ok(())
    }
}
