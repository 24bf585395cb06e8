//! Problems whose states are numbered.

use super::{BoxedGuide, KnownTarget, LearnableEnergy, Problem, Sampling, StateOf};
use crate::picture::GraphPicture;
use anyhow::Result;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{ExactError, Indexed, PartialEnergy, SubstructureGuideConfig};
use std::sync::Arc;

/// A problem whose states are encoded by their number, for tabular policies.
#[derive(Debug)]
pub struct IndexedProblem<P: Problem> {
    inner: P,
    environment: Indexed<P::Environment>,
}

impl<P: Problem> IndexedProblem<P> {
    /// Numbers the states of `inner`, at most `max_states`.
    ///
    /// # Errors
    ///
    /// If there are more states than that, or the environment is wrong.
    pub fn new(inner: P, max_states: usize) -> Result<Self, ExactError> {
        let environment = Indexed::new(inner.environment().clone(), max_states)?;
        Ok(Self { inner, environment })
    }
}

impl<P: Problem> Problem for IndexedProblem<P> {
    type Environment = Indexed<P::Environment>;
    type Reward = P::Reward;

    fn environment(&self) -> &Self::Environment {
        &self.environment
    }

    fn reward(&self) -> &P::Reward {
        self.inner.reward()
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        self.inner.mode(terminal)
    }

    fn n_modes(&self) -> Option<u64> {
        self.inner.n_modes()
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        self.inner.substructure_guide(config)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        self.inner.distance(a, b)
    }

    fn score(&self, terminal: &StateOf<Self>) -> Option<f64> {
        self.inner.score(terminal)
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        self.inner.test_set(size, rng)
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        self.inner.energy()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        self.inner.known_target()
    }

    fn sample_figures(&self, terminals: &[&StateOf<Self>]) -> Vec<(&'static str, f64)> {
        self.inner.sample_figures(terminals)
    }

    fn learnable_energy(&self) -> Option<Arc<dyn LearnableEnergy<StateOf<Self>>>> {
        self.inner.learnable_energy()
    }

    fn picture(&self, sample: Sampling<'_, StateOf<Self>>) -> Result<Option<GraphPicture>> {
        self.inner.picture(sample)
    }

    fn cell(&self, terminal: &StateOf<Self>) -> Option<(usize, usize)> {
        self.inner.cell(terminal)
    }
}
