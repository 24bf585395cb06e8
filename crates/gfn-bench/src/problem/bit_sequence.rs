//! Bit sequences.

use super::{BoxedGuide, Problem, StateOf, guide_on};
use gfn_env::SubstructureGuideConfig;
use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{BitSequence, BitSequenceReward, PartialEnergy};
use std::sync::Arc;

/// Bit sequences; the distance is Hamming, a mode is found by an object closer than `mode_distance` bits.
#[derive(Clone, Debug)]
pub struct BitSequenceProblem {
    /// Dynamics.
    pub environment: BitSequence,
    /// Reward.
    pub reward: BitSequenceReward,
    /// Threshold of a found mode (strict).
    pub mode_distance: u32,
}

impl Problem for BitSequenceProblem {
    type Environment = BitSequence;
    type Reward = BitSequenceReward;

    fn environment(&self) -> &BitSequence {
        &self.environment
    }

    fn reward(&self) -> &BitSequenceReward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        let (mode, distance) = self.reward.nearest_mode(terminal);
        (distance < self.mode_distance).then_some(mode as u64)
    }

    fn n_modes(&self) -> Option<u64> {
        Some(self.reward.modes().len() as u64)
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
        f64::from((a.bits() ^ b.bits()).count_ones())
    }

    /// The benchmark's test set (each mode with 0, 1, … n − 1 flipped bits), or a random part of it.
    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let mut set = self.reward.test_set(rng);
        while set.len() > size {
            set.swap_remove(rng.random_range(0..set.len()));
        }
        set
    }
}
