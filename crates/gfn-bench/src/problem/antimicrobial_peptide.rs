//! Antimicrobial peptides.

use super::peptide::test_chains;
use super::{BoxedGuide, Problem, StateOf, guide_on};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{AntimicrobialReward, Peptide, SubstructureGuideConfig};

/// Antimicrobial peptides; the distance is the edit distance, the score the classifier's probability. No modes are defined.
#[derive(Clone, Debug)]
pub struct AntimicrobialPeptideProblem {
    /// Dynamics.
    pub environment: Peptide,
    /// Reward.
    pub reward: AntimicrobialReward,
}

impl Problem for AntimicrobialPeptideProblem {
    type Environment = Peptide;
    type Reward = AntimicrobialReward;

    fn environment(&self) -> &Peptide {
        &self.environment
    }

    fn reward(&self) -> &AntimicrobialReward {
        &self.reward
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        guide_on(self.environment, config)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        a.edit_distance(b) as f64
    }

    fn score(&self, terminal: &StateOf<Self>) -> Option<f64> {
        Some(self.reward.classifier().log_probability(terminal).exp())
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        test_chains(&self.environment, size, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::{Purpose, Streams};
    use std::collections::BTreeSet;

    #[test]
    fn distances_scores_and_test_sets() {
        let environment = Peptide::new(2, 60, Peptide::AMINO_ACIDS).unwrap();
        let problem = AntimicrobialPeptideProblem {
            environment,
            reward: AntimicrobialReward::new(3.0).unwrap(),
        };
        let chain = |text| environment.chain(text).unwrap();
        // One residue taken out in front moves all others: one edit.
        assert_eq!(problem.distance(&chain("AKLGK"), &chain("KLGK")), 1.0);
        let score = problem.score(&chain("KLGK")).unwrap();
        let reward = problem.reward.log_reward_of(&chain("KLGK")).exp();
        assert!((score.powi(3) - reward).abs() < 1e-15);
        let mut rng = Streams::new(0).rng(Purpose::Problem, 2, 0);
        let chains = problem.test_set(50, &mut rng);
        let lengths: BTreeSet<usize> = chains.iter().map(|x| x.length()).collect();
        assert!(chains.len() == 50 && lengths.len() > 20, "{lengths:?}");
    }
}
