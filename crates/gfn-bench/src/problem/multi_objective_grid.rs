//! The multi-objective grid.

use super::{BoxedGuide, KnownTarget, Problem, StateOf, guide_on, uniform_terminals};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    Hypergrid, MultiObjectiveGridReward, Objectives, PartialEnergy, SubstructureGuideConfig,
};
use std::sync::Arc;

/// The multi-objective grid; the distance is L1 between coordinates, there are no modes.
#[derive(Clone, Debug)]
pub struct MultiObjectiveGridProblem {
    /// Dynamics.
    pub environment: Hypergrid,
    /// Rewards and their fixed weights.
    pub reward: MultiObjectiveGridReward,
}

impl Problem for MultiObjectiveGridProblem {
    type Environment = Hypergrid;
    type Reward = MultiObjectiveGridReward;

    fn environment(&self) -> &Hypergrid {
        &self.environment
    }

    fn reward(&self) -> &MultiObjectiveGridReward {
        &self.reward
    }

    fn objectives(&self) -> Option<Arc<dyn Objectives<StateOf<Self>>>> {
        let several = self.reward.objectives().len() > 1;
        several.then(|| -> Arc<dyn Objectives<_>> { Arc::new(self.reward.clone()) })
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        Some(Arc::new(self.reward.clone()))
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        guide_on(self.environment, config)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let pairs = a.coordinates().iter().zip(b.coordinates());
        pairs.map(|(x, y)| f64::from(x.abs_diff(*y))).sum()
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }

    fn known_target(&self) -> Option<KnownTarget> {
        Some(KnownTarget {
            log_z: self.reward.log_partition(),
            mean_reward: self.reward.mean_reward(),
        })
    }

    fn cell(&self, terminal: &StateOf<Self>) -> Option<(usize, usize)> {
        match terminal.coordinates() {
            [row, column] => Some((usize::from(*row), usize::from(*column))),
            _ => None,
        }
    }
}
