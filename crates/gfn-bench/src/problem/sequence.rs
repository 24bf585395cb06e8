//! Sequences.

use super::{BoxedGuide, Problem, StateOf, guide_on, uniform_terminals};
use gfn_env::SubstructureGuideConfig;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{PartialEnergy, Sequence, SequenceReward};
use std::sync::Arc;

/// Sequences; the distance is Hamming between letters. There are no modes.
#[derive(Clone, Debug)]
pub struct SequenceProblem {
    /// Dynamics.
    pub environment: Sequence,
    /// Reward.
    pub reward: SequenceReward,
}

impl Problem for SequenceProblem {
    type Environment = Sequence;
    type Reward = SequenceReward;

    fn environment(&self) -> &Sequence {
        &self.environment
    }

    fn reward(&self) -> &SequenceReward {
        &self.reward
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
        let pairs = a.letters().iter().zip(b.letters());
        pairs.filter(|(x, y)| x != y).count() as f64
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::SequenceRewardConfig;

    #[test]
    fn the_distance_is_hamming() {
        let (scale, seed) = (1.0, 0);
        let environment = Sequence::new(3, 8).unwrap();
        let reward = SequenceReward::new(
            &environment,
            SequenceRewardConfig::AdditiveNormal { scale, seed },
        );
        let problem = SequenceProblem {
            environment,
            reward: reward.unwrap(),
        };
        let string = |letters: [u8; 3]| environment.string(&letters).unwrap();
        let a = string([7, 0, 1]);
        assert_eq!(problem.distance(&a, &a), 0.0);
        assert_eq!(problem.distance(&a, &string([0, 7, 1])), 2.0);
    }
}
