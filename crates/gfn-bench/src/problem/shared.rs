//! Problems that several share.

use super::{BoxedGuide, KnownTarget, LearnableEnergy, Problem, Sampling, StateOf};
use crate::picture::GraphPicture;
use anyhow::Result;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Condition, Objectives, PartialEnergy, SubstructureGuideConfig};
use std::sync::Arc;

impl<P: Problem + ?Sized> Problem for Arc<P> {
    type Environment = P::Environment;
    type Reward = P::Reward;

    fn environment(&self) -> &P::Environment {
        (**self).environment()
    }

    fn reward(&self) -> &P::Reward {
        (**self).reward()
    }

    fn mode(&self, terminal: &StateOf<P>) -> Option<u64> {
        (**self).mode(terminal)
    }

    fn n_modes(&self) -> Option<u64> {
        (**self).n_modes()
    }

    fn distance(&self, a: &StateOf<P>, b: &StateOf<P>) -> f64 {
        (**self).distance(a, b)
    }

    fn score(&self, terminal: &StateOf<P>) -> Option<f64> {
        (**self).score(terminal)
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<P>> {
        (**self).test_set(size, rng)
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<P>>>> {
        (**self).energy()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        (**self).known_target()
    }

    fn sample_figures(&self, terminals: &[&StateOf<P>]) -> Vec<(&'static str, f64)> {
        (**self).sample_figures(terminals)
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<P>>> {
        (**self).substructure_guide(config)
    }

    fn conditions(&self) -> Vec<(Condition, P::Environment)> {
        (**self).conditions()
    }

    fn objectives(&self) -> Option<Arc<dyn Objectives<StateOf<P>>>> {
        (**self).objectives()
    }

    fn learnable_energy(&self) -> Option<Arc<dyn LearnableEnergy<StateOf<P>>>> {
        (**self).learnable_energy()
    }

    fn picture(&self, sample: Sampling<'_, StateOf<P>>) -> Result<Option<GraphPicture>> {
        (**self).picture(sample)
    }

    fn cell(&self, terminal: &StateOf<P>) -> Option<(usize, usize)> {
        (**self).cell(terminal)
    }
}
