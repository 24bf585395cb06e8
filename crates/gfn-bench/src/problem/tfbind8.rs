//! TFBind8.

use super::{BoxedGuide, Problem, StateOf, guide_on, uniform_terminals};
use gfn_env::SubstructureGuideConfig;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Enumerable as _, TfBind8, TfBind8Reward};

/// TFBind8; the distance is Hamming between letters, a mode is one of the 0.5 % strongest binders.
#[derive(Clone, Debug)]
pub struct TfBind8Problem {
    /// Dynamics.
    pub environment: TfBind8,
    /// Reward.
    pub reward: TfBind8Reward,
}

impl Problem for TfBind8Problem {
    type Environment = TfBind8;
    type Reward = TfBind8Reward;

    fn environment(&self) -> &TfBind8 {
        &self.environment
    }

    fn reward(&self) -> &TfBind8Reward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        let index = self.environment.index_of(terminal)?;
        self.environment.is_mode(terminal).then_some(index as u64)
    }

    fn n_modes(&self) -> Option<u64> {
        let words = (0..self.environment.n_terminal()).map(|i| self.environment.terminal(i));
        Some(words.filter(|word| self.environment.is_mode(word)).count() as u64)
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        guide_on(self.environment, config)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        (0..a.length())
            .filter(|&i| a.letter(i) != b.letter(i))
            .count() as f64
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }
}
