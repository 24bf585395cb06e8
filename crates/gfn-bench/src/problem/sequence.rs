//! Sequences.

use super::{BoxedGuide, KnownTarget, Problem, StateOf, guide_on, uniform_terminals};
use crate::process_reward::ProcessReward;
use gfn_env::SubstructureGuideConfig;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::sequence::SequenceTableReward;
use gfn_env::{PartialEnergy, Reward, Sequence, SequenceReward, SequenceState};
use std::fmt;
use std::sync::Arc;

/// Sequences; the distance is Hamming between letters. There are no modes.
#[derive(Clone)]
pub struct SequenceProblem {
    environment: Sequence,
    reward: Arc<dyn Reward<SequenceState>>,
    energy: Option<Arc<dyn PartialEnergy<SequenceState>>>,
    known: Option<KnownTarget>,
}

impl fmt::Debug for SequenceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SequenceProblem({:?})", self.environment)
    }
}

impl SequenceProblem {
    /// Strings rewarded by a sum over positions, which parts have as well.
    pub fn additive(environment: Sequence, reward: SequenceReward) -> Self {
        let reward = Arc::new(reward);
        Self {
            environment,
            energy: Some(Arc::<SequenceReward>::clone(&reward)),
            reward,
            known: None,
        }
    }

    /// Strings rewarded by a table.
    pub fn listed(environment: Sequence, reward: SequenceTableReward) -> Self {
        let sums = [1.0, 2.0].map(|power| reward.log_power_sum(power));
        let known = sums[0].zip(sums[1]).map(|(log_z, squares)| KnownTarget {
            log_z,
            mean_reward: (squares - log_z).exp(),
        });
        Self {
            environment,
            reward: Arc::new(reward),
            energy: None,
            known,
        }
    }

    /// Strings rewarded by another program.
    pub fn asked(environment: Sequence, reward: ProcessReward<Sequence>) -> Self {
        Self {
            environment,
            reward: Arc::new(reward),
            energy: None,
            known: None,
        }
    }
}

impl Problem for SequenceProblem {
    type Environment = Sequence;
    type Reward = Arc<dyn Reward<SequenceState>>;

    fn environment(&self) -> &Sequence {
        &self.environment
    }

    fn reward(&self) -> &Self::Reward {
        &self.reward
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        self.energy.clone()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        self.known
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
        let problem = SequenceProblem::additive(environment, reward.unwrap());
        let string = |letters: [u8; 3]| environment.string(&letters).unwrap();
        let a = string([7, 0, 1]);
        assert_eq!(problem.distance(&a, &a), 0.0);
        assert_eq!(problem.distance(&a, &string([0, 7, 1])), 2.0);
    }
}
