//! Sets.

use super::{BoxedGuide, Problem, StateOf, guide_on, uniform_terminals};
use gfn_env::SubstructureGuideConfig;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{PartialEnergy, Set, SetReward};
use std::sync::Arc;

/// Sets; the distance is the number of elements that one of two sets has and the other has not. There are no modes.
#[derive(Clone, Debug)]
pub struct SetProblem {
    /// Dynamics.
    pub environment: Set,
    /// Reward.
    pub reward: SetReward,
}

impl Problem for SetProblem {
    type Environment = Set;
    type Reward = SetReward;

    fn environment(&self) -> &Set {
        &self.environment
    }

    fn reward(&self) -> &SetReward {
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
        f64::from((a.bits() ^ b.bits()).count_ones())
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::SetRewardConfig;
    use gfn_env::set::Stopping;

    #[test]
    fn the_distance_is_the_size_of_the_symmetric_difference() {
        let (scale, seed) = (1.0, 0);
        let environment = Set::new(64, 3, Stopping::AtSize).unwrap();
        let reward = SetReward::new(
            &environment,
            SetRewardConfig::AdditiveNormal { scale, seed },
        );
        let problem = SetProblem {
            environment,
            reward: reward.unwrap(),
        };
        let set = |elements: [usize; 3]| environment.subset(&elements).unwrap();
        let a = set([0, 1, 63]);
        assert_eq!(problem.distance(&a, &a), 0.0);
        assert_eq!(problem.distance(&a, &set([63, 2, 3])), 4.0);
    }
}
