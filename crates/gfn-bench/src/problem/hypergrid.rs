//! Hypergrids.

use super::{BoxedGuide, Problem, StateOf, guide_on, uniform_terminals};
use gfn_env::SubstructureGuideConfig;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Hypergrid, HypergridReward, PartialEnergy};
use std::sync::Arc;

/// Hypergrid; the distance is L1 between coordinates, a mode is a connected region of maximal reward.
#[derive(Clone, Debug)]
pub struct HypergridProblem {
    /// Dynamics.
    pub environment: Hypergrid,
    /// Reward.
    pub reward: HypergridReward,
}

impl HypergridProblem {
    fn cell_index(&self, state: &StateOf<Self>) -> u64 {
        let side = self.environment.side() as u64;
        state
            .coordinates()
            .iter()
            .fold(0, |i, &x| i * side + u64::from(x))
    }
}

impl Problem for HypergridProblem {
    type Environment = Hypergrid;
    type Reward = HypergridReward;

    fn environment(&self) -> &Hypergrid {
        &self.environment
    }

    fn reward(&self) -> &HypergridReward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        if let Some(component) = self.reward.mode_component(terminal) {
            return Some(component as u64);
        }
        // Rewards without box-shaped regions: every cell of maximal reward is a mode.
        (self.reward.band_counts().is_none() && self.reward.is_mode(terminal))
            .then(|| self.cell_index(terminal))
    }

    fn n_modes(&self) -> Option<u64> {
        match self.reward.band_counts() {
            Some([_, 0]) => Some(0),
            Some(_) => Some(1 << self.environment.dimensions()),
            None => self
                .reward
                .n_mode_cells()
                .and_then(|n| u64::try_from(n).ok()),
        }
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

    fn cell(&self, terminal: &StateOf<Self>) -> Option<(usize, usize)> {
        match terminal.coordinates() {
            [row, column] => Some((usize::from(*row), usize::from(*column))),
            _ => None,
        }
    }
}
