//! Peptides.

use super::{BoxedGuide, KnownTarget, Problem, StateOf, guide_on, uniform_terminals};
use gfn_env::SubstructureGuideConfig;
use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Action, Enumerable as _, Environment as _, Peptide, PeptideReward, PeptideState};

/// Peptides; the distance is Hamming between positions, each position that one chain lacks counts 1. No modes are defined.
#[derive(Clone, Debug)]
pub struct PeptideProblem {
    /// Dynamics.
    pub environment: Peptide,
    /// Reward.
    pub reward: PeptideReward,
}

impl Problem for PeptideProblem {
    type Environment = Peptide;
    type Reward = PeptideReward;

    fn environment(&self) -> &Peptide {
        &self.environment
    }

    fn reward(&self) -> &PeptideReward {
        &self.reward
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        guide_on(self.environment, config)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let pairs = a.letters().iter().zip(b.letters());
        let substituted = pairs.filter(|(x, y)| x != y).count();
        (substituted + a.length().abs_diff(b.length())) as f64
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        test_chains(&self.environment, size, rng)
    }

    fn known_target(&self) -> Option<KnownTarget> {
        let [log_z, log_second] = self.reward.log_moments();
        Some(KnownTarget {
            log_z,
            mean_reward: (log_second - log_z).exp(),
        })
    }
}

/// Distinct chains, uniformly; where there are too many to number, of uniform length and then uniform letters.
pub(super) fn test_chains(
    environment: &Peptide,
    size: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<PeptideState> {
    if environment.n_terminal() < usize::MAX {
        return uniform_terminals(environment, size, rng);
    }
    let stop = environment.stop();
    let mut chosen = std::collections::BTreeSet::new();
    while chosen.len() < size {
        let length = rng.random_range(environment.min_length()..=environment.max_length());
        let mut state = environment.source();
        let letters = (0..length).map(|_| Action(rng.random_range(0..stop.0)));
        let actions: Vec<Action> = letters.chain([stop]).collect();
        let mut steps = actions.into_iter();
        if steps.all(|a| environment.step(&mut state, a).is_ok()) {
            chosen.insert(state);
        }
    }
    chosen.into_iter().collect()
}
