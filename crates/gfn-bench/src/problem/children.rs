//! A problem in which each child has one action.

use super::{BoxedGuide, KnownTarget, LearnableEnergy, Problem, Sampling, StateOf};
use crate::picture::GraphPicture;
use anyhow::Result;
use gfn_env::guide::SubstructureGuideConfig;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{ChildFeatures, PartialEnergy, UniqueChildren};
use std::sync::Arc;

/// A problem on its distinct children, for edge flows and aggregated logits.
#[derive(Debug)]
pub struct UniqueChildrenProblem<P: Problem> {
    inner: P,
    environment: UniqueChildren<P::Environment>,
}

impl<P: Problem> UniqueChildrenProblem<P> {
    /// `inner` with what `features` add to the encodings.
    pub fn new(inner: P, features: ChildFeatures) -> Self {
        let environment = UniqueChildren::new(inner.environment().clone(), features);
        Self { inner, environment }
    }
}

impl<P: Problem> Problem for UniqueChildrenProblem<P> {
    type Environment = UniqueChildren<P::Environment>;
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

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        self.inner.substructure_guide(config)
    }
}
