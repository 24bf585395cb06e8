//! The deceptive grid.

use super::{KnownTarget, Problem, StateOf, uniform_terminals};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{DeceptiveGrid, DeceptiveGridReward};

/// The deceptive grid; the distance is L1 between coordinates, a mode is one of the `2^D` regions of maximal reward.
#[derive(Clone, Debug)]
pub struct DeceptiveGridProblem {
    /// Dynamics.
    pub environment: DeceptiveGrid,
    /// Reward.
    pub reward: DeceptiveGridReward,
}

impl Problem for DeceptiveGridProblem {
    type Environment = DeceptiveGrid;
    type Reward = DeceptiveGridReward;

    fn environment(&self) -> &DeceptiveGrid {
        &self.environment
    }

    fn reward(&self) -> &DeceptiveGridReward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        self.reward.mode_region(terminal)
    }

    fn n_modes(&self) -> Option<u64> {
        Some(self.reward.n_mode_regions())
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
