//! Problems of which only the type of states is left.
//!
//! All that trains and measures is compiled once for each type of states, not once for each environment, its numbered and its
//! unique-children forms; a call through the pointer is lost in the time of a network.

use super::{BoxedGuide, KnownTarget, LearnableEnergy, Problem, Sampling, StateOf};
use crate::picture::GraphPicture;
use anyhow::Result;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Condition, Environment, Objectives, PartialEnergy, Reward, SubstructureGuideConfig};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// Some environment with states `S`.
pub type AnyEnvironment<S> = Arc<dyn Environment<State = S>>;

/// Some reward of states `S`.
pub type AnyReward<S> = Arc<dyn Reward<S>>;

/// Some problem with states `S`.
pub type AnyProblem<S> = Arc<dyn Problem<Environment = AnyEnvironment<S>, Reward = AnyReward<S>>>;

/// What states are.
pub trait State: Clone + Eq + Hash + Debug + Send + Sync + 'static {}

impl<S: Clone + Eq + Hash + Debug + Send + Sync + 'static> State for S {}

/// `problem` without its type.
pub fn erase<P: Problem>(problem: P) -> AnyProblem<StateOf<P>> {
    Arc::new(Erased {
        environment: Arc::new(problem.environment().clone()),
        reward: Arc::new(problem.reward().clone()),
        inner: problem,
    })
}

struct Erased<P: Problem> {
    inner: P,
    environment: AnyEnvironment<StateOf<P>>,
    reward: AnyReward<StateOf<P>>,
}

impl<P: Problem> Problem for Erased<P> {
    type Environment = AnyEnvironment<StateOf<P>>;
    type Reward = AnyReward<StateOf<P>>;

    fn environment(&self) -> &Self::Environment {
        &self.environment
    }

    fn reward(&self) -> &Self::Reward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<P>) -> Option<u64> {
        self.inner.mode(terminal)
    }

    fn n_modes(&self) -> Option<u64> {
        self.inner.n_modes()
    }

    fn distance(&self, a: &StateOf<P>, b: &StateOf<P>) -> f64 {
        self.inner.distance(a, b)
    }

    fn score(&self, terminal: &StateOf<Self>) -> Option<f64> {
        self.inner.score(terminal)
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<P>> {
        self.inner.test_set(size, rng)
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<P>>>> {
        self.inner.energy()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        self.inner.known_target()
    }

    fn sample_figures(&self, terminals: &[&StateOf<P>]) -> Vec<(&'static str, f64)> {
        self.inner.sample_figures(terminals)
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<P>>> {
        self.inner.substructure_guide(config)
    }

    fn conditions(&self) -> Vec<(Condition, Self::Environment)> {
        let conditions = self.inner.conditions().into_iter();
        let erased = conditions.map(|(condition, environment)| {
            let environment: Self::Environment = Arc::new(environment);
            (condition, environment)
        });
        erased.collect()
    }

    fn objectives(&self) -> Option<Arc<dyn Objectives<StateOf<P>>>> {
        self.inner.objectives()
    }

    fn learnable_energy(&self) -> Option<Arc<dyn LearnableEnergy<StateOf<P>>>> {
        self.inner.learnable_energy()
    }

    fn picture(&self, sample: Sampling<'_, StateOf<P>>) -> Result<Option<GraphPicture>> {
        self.inner.picture(sample)
    }

    fn cell(&self, terminal: &StateOf<P>) -> Option<(usize, usize)> {
        self.inner.cell(terminal)
    }
}
