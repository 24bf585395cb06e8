//! Phylogenetic trees.

use super::{BoxedGuide, Problem, StateOf, guide_on};
use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    Action, Environment as _, ForestState, PartialEnergy, Phylogeny, PhylogenyReward,
    SubstructureGuideConfig,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Phylogenetic trees; the distance is that of Robinson and Foulds, the number of clades that only one of two trees has. There are
/// no modes.
#[derive(Clone, Debug)]
pub struct PhylogenyProblem {
    environment: Phylogeny,
    reward: PhylogenyReward,
}

impl PhylogenyProblem {
    /// The trees of `reward`.
    pub fn new(reward: PhylogenyReward) -> Self {
        Self {
            environment: reward.environment(),
            reward,
        }
    }
}

impl Problem for PhylogenyProblem {
    type Environment = Phylogeny;
    type Reward = PhylogenyReward;

    fn environment(&self) -> &Phylogeny {
        &self.environment
    }

    fn reward(&self) -> &PhylogenyReward {
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
        a.shared_and_different_clades(b)[1] as f64
    }

    /// Distinct trees of uniform merges.
    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let env = &self.environment;
        let mut allowed = vec![false; env.n_actions()];
        let mut chosen: BTreeSet<ForestState> = BTreeSet::new();
        // Of few taxa there may be fewer trees than are asked for.
        for _ in 0..64 * size.max(1024) {
            if chosen.len() >= size {
                break;
            }
            let mut state = env.source();
            while !env.is_terminal(&state) {
                env.forward_mask(&state, &mut allowed);
                let merges: Vec<usize> = (0..allowed.len()).filter(|i| allowed[*i]).collect();
                let merge = Action(merges[rng.random_range(0..merges.len())] as u32);
                if env.step(&mut state, merge).is_err() {
                    break;
                }
            }
            chosen.insert(state);
        }
        chosen.into_iter().collect()
    }

    /// Mean and best of what the trees are scored by: negative parsimony, or log-likelihood.
    fn sample_figures(&self, terminals: &[&StateOf<Self>]) -> Vec<(&'static str, f64)> {
        let scores: Vec<f64> = terminals.iter().map(|x| self.reward.raw_score(x)).collect();
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        vec![
            (
                "samples.score",
                scores.iter().sum::<f64>() / scores.len() as f64,
            ),
            ("samples.best_score", best),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::phylogeny::{Alignment, Gaps, PhylogenyRewardConfig};
    use gfn_env::{Purpose, Streams};

    #[test]
    fn distances_figures_and_test_sets() {
        let text = ">a\nAAC\n>b\nAAC\n>c\nGTC\n>d\nGTC\n";
        let alignment = Alignment::from_fasta(text).unwrap();
        let config = PhylogenyRewardConfig::Parsimony {
            temperature: 1.0,
            constant: None,
            gaps: Gaps::Unknown,
        };
        let problem = PhylogenyProblem::new(PhylogenyReward::new(&alignment, config).unwrap());
        let tree = |clades: &[u64]| problem.environment.object(clades).unwrap();
        let (a, b) = (
            tree(&[0b11, 0b1100, 0b1111]),
            tree(&[0b101, 0b1010, 0b1111]),
        );
        assert_eq!(problem.distance(&a, &b), 4.0);
        assert_eq!(problem.distance(&a, &a), 0.0);
        // Two sites change once on the first tree, and twice on the other.
        let figures = problem.sample_figures(&[&a, &b]);
        assert_eq!(figures[0], ("samples.score", -3.0));
        assert_eq!(figures[1], ("samples.best_score", -2.0));
        let mut rng = Streams::new(0).rng(Purpose::Problem, 2, 0);
        assert_eq!(problem.test_set(100, &mut rng).len(), 15);
        assert_eq!(problem.test_set(4, &mut rng).len(), 4);
    }
}
