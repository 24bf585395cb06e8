//! Bags.

use super::{BoxedGuide, KnownTarget, Problem, StateOf, guide_on, uniform_terminals};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Bag, BagOrder, BagReward, Enumerable as _, Sequence, SubstructureGuideConfig};

/// Multisets of letters; the distance is the number of letters to replace. A mode is a multiset with the reward of modes.
#[derive(Clone, Debug)]
pub struct BagProblem {
    /// Dynamics.
    pub environment: Bag,
    /// Reward.
    pub reward: BagReward,
}

impl Problem for BagProblem {
    type Environment = Bag;
    type Reward = BagReward;

    fn environment(&self) -> &Bag {
        &self.environment
    }

    fn reward(&self) -> &BagReward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        let index = self.environment.index_of(terminal)?;
        self.reward.is_mode(terminal).then_some(index as u64)
    }

    fn n_modes(&self) -> Option<u64> {
        Some(self.reward.n_modes(BagOrder::Multiset) as u64)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let pairs = a.counts().iter().zip(b.counts());
        let differ: f64 = pairs.map(|(x, y)| f64::from(x.abs_diff(*y))).sum();
        differ / 2.0
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }

    fn known_target(&self) -> Option<KnownTarget> {
        Some(known_target(&self.reward, BagOrder::Multiset))
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        guide_on(self.environment, config)
    }
}

/// The same as strings that are appended to; the distance is Hamming between letters.
#[derive(Clone, Debug)]
pub struct BagStringProblem {
    /// Dynamics.
    pub environment: Sequence,
    /// Reward.
    pub reward: BagReward,
}

impl Problem for BagStringProblem {
    type Environment = Sequence;
    type Reward = BagReward;

    fn environment(&self) -> &Sequence {
        &self.environment
    }

    fn reward(&self) -> &BagReward {
        &self.reward
    }

    /// The string's number, or where a `usize` cannot hold that none.
    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        let multiset = self.reward.multiset_of(terminal)?;
        let index = self.environment.index_of(terminal)?;
        self.reward.is_mode(&multiset).then_some(index as u64)
    }

    fn n_modes(&self) -> Option<u64> {
        let numbered = self.environment.n_terminal() < usize::MAX;
        numbered.then(|| self.reward.n_modes(BagOrder::Append) as u64)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let pairs = a.letters().iter().zip(b.letters());
        pairs.filter(|(x, y)| x != y).count() as f64
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }

    fn known_target(&self) -> Option<KnownTarget> {
        Some(known_target(&self.reward, BagOrder::Append))
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        guide_on(self.environment, config)
    }
}

fn known_target(reward: &BagReward, order: BagOrder) -> KnownTarget {
    KnownTarget {
        log_z: reward.log_partition(order),
        mean_reward: reward.mean_reward(order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::BagRewardConfig;

    #[test]
    fn distances_and_modes() {
        let environment = Bag::published();
        let config = BagRewardConfig::repeated_letter();
        let reward = BagReward::new(&environment, config).unwrap();
        let strings = BagStringProblem {
            environment: Sequence::new(13, 7).unwrap(),
            reward: reward.clone(),
        };
        let problem = BagProblem {
            environment,
            reward,
        };
        let bag = |text: &str| problem.environment.bag(text).unwrap();
        let (a, b) = (bag("AAAAAAAAAAAAA"), bag("AAAAAAAAAAABG"));
        assert_eq!(problem.distance(&a, &b), 2.0);
        let all = (0..environment.n_terminal()).map(|i| environment.terminal(i));
        let modes = all.filter(|x| problem.mode(x).is_some()).count();
        assert_eq!(problem.n_modes(), Some(modes as u64));
        let mut letters = [0; 13];
        let string = strings.environment.string(&letters).unwrap();
        assert_eq!(strings.mode(&string).is_some(), problem.mode(&a).is_some());
        letters[4] = 6;
        let other = strings.environment.string(&letters).unwrap();
        assert_eq!(strings.distance(&string, &other), 1.0);
    }
}
