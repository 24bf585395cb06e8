//! A problem is an environment with its reward and what metrics ask of both: modes, distances, a test set.

mod antimicrobial_peptide;
mod bag;
mod bayesian_network;
mod bit_sequence;
mod children;
mod conditional;
mod deceptive_grid;
mod erased;
mod hypergrid;
mod indexed;
mod ising;
mod listed_graph;
mod multi_objective_grid;
mod parentheses;
mod peptide;
mod phylogeny;
mod sequence;
mod set;
mod shared;
mod tfbind8;

pub use antimicrobial_peptide::AntimicrobialPeptideProblem;
pub use bag::{BagProblem, BagStringProblem};
pub use bayesian_network::BayesianNetworkProblem;
pub use bit_sequence::BitSequenceProblem;
pub use children::UniqueChildrenProblem;
pub use conditional::{ConditionalProblem, RewardUnderCondition};
pub use deceptive_grid::DeceptiveGridProblem;
pub use erased::{AnyEnvironment, AnyProblem, AnyReward, State, erase};
pub use hypergrid::HypergridProblem;
pub use indexed::IndexedProblem;
pub use ising::IsingProblem;
pub use listed_graph::ListedGraphProblem;
pub use multi_objective_grid::MultiObjectiveGridProblem;
pub use parentheses::ParenthesesProblem;
pub use peptide::PeptideProblem;
pub use phylogeny::PhylogenyProblem;
pub use sequence::SequenceProblem;
pub use set::SetProblem;
pub use tfbind8::TfBind8Problem;

use crate::picture::GraphPicture;
use anyhow::Result;
use gfn_env::guide::{Guide, SubstructureGuide, SubstructureGuideConfig};
use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    Condition, Environment, EnvironmentError, LogLinear, Objectives, PartialEnergy, Reward,
    Substructure, Trajectories,
};
use std::sync::Arc;

/// State type of a problem.
pub type StateOf<P> = <<P as Problem>::Environment as Environment>::State;

/// What is known exactly of `R/Z` without a list of its objects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownTarget {
    /// `log Σ R`.
    pub log_z: f64,
    /// `Σ R²/Z`, the mean reward of a perfect sampler.
    pub mean_reward: f64,
}

/// A family of rewards with the problem's own among them, to be learned from data.
pub trait LearnableEnergy<S>: Send + Sync {
    /// The family.
    fn model(&self) -> Arc<dyn LogLinear<S>>;

    /// The parameters of the problem's own reward.
    fn truth(&self) -> Vec<f64>;

    /// Independent samples of the problem's own reward, each the end of a chain of so many sweeps where they are not exact.
    ///
    /// # Errors
    ///
    /// If a number is out of range.
    fn draw(&self, count: usize, sweeps: usize, seed: u64) -> Result<Vec<S>, EnvironmentError>;

    /// The object of a text, or what a text has to be.
    ///
    /// # Errors
    ///
    /// If the text stands for no object.
    fn parse(&self, text: &str) -> Result<S, String>;
}

/// An environment, its reward and the questions that metrics ask.
pub trait Problem: Send + Sync + 'static {
    /// Dynamics.
    type Environment: Environment<State: 'static> + Clone + 'static;
    /// Reward.
    type Reward: Reward<StateOf<Self>> + Clone + 'static;

    /// Dynamics.
    fn environment(&self) -> &Self::Environment;

    /// Reward.
    fn reward(&self) -> &Self::Reward;

    /// The mode that a terminal state belongs to, numbered from 0, or `None`.
    fn mode(&self, _terminal: &StateOf<Self>) -> Option<u64> {
        None
    }

    /// Number of modes, where it is known.
    fn n_modes(&self) -> Option<u64> {
        None
    }

    /// Distance between two objects for diversity figures; the unit is part of the environment's documentation.
    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64;

    /// What papers report of an object instead of its reward, where that is a power of it: see
    /// [`top_k.mean_score`](crate::metrics::samples::sample_figures).
    fn score(&self, _terminal: &StateOf<Self>) -> Option<f64> {
        None
    }

    /// Objects for the correlation of log P_T with log R.
    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>>;

    /// Energies of partial objects, where the environment has them.
    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        None
    }

    /// Exact figures of the target, where there is a way to them other than enumeration. May take a second.
    fn known_target(&self) -> Option<KnownTarget> {
        None
    }

    /// Figures of its own of fresh on-policy samples, with their names; each starts with `samples.`.
    fn sample_figures(&self, _terminals: &[&StateOf<Self>]) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// The guide by substructures, where the environment knows which states are parts of which objects.
    fn substructure_guide(
        &self,
        _config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        None
    }

    /// The conditions at which a run is measured, each with the environment whose source has it; none where the reward
    /// depends on the object alone.
    fn conditions(&self) -> Vec<(Condition, Self::Environment)> {
        Vec::new()
    }

    /// The rewards that a preference weighs, where there are several.
    fn objectives(&self) -> Option<Arc<dyn Objectives<StateOf<Self>>>> {
        None
    }

    /// The family of rewards that can be learned from data, where there is one.
    fn learnable_energy(&self) -> Option<Arc<dyn LearnableEnergy<StateOf<Self>>>> {
        None
    }

    /// A graph to draw of fresh on-policy samples, where the problem has one; `sample` is called there alone.
    ///
    /// # Errors
    ///
    /// If `sample` fails.
    fn picture(&self, _sample: Sampling<'_, StateOf<Self>>) -> Result<Option<GraphPicture>> {
        Ok(None)
    }

    /// Row and column of a terminal state, where the objects lie on a plane that can be drawn.
    fn cell(&self, _terminal: &StateOf<Self>) -> Option<(usize, usize)> {
        None
    }
}

/// Draws fresh on-policy samples.
pub type Sampling<'a, S> = &'a dyn Fn() -> Result<Trajectories<S>>;

/// A guide, or what is wrong with its parameters.
pub type BoxedGuide<S> = Result<Box<dyn Guide<S>>, EnvironmentError>;

/// [`Problem::substructure_guide`] of an environment that knows parts.
fn guide_on<E: Substructure<State: 'static> + 'static>(
    environment: E,
    config: SubstructureGuideConfig,
) -> Option<BoxedGuide<E::State>> {
    let guide = SubstructureGuide::new(environment, config);
    Some(guide.map(|guide| Box::new(guide) as Box<dyn Guide<E::State>>))
}

/// Code that works on any problem.
pub trait ProblemVisitor {
    /// Result.
    type Output;
    /// Called with the problem that an experiment describes.
    fn visit<P: Problem>(self, problem: P) -> Self::Output;
}

/// Distinct terminal states, uniformly; all of them where there are no more than `size`.
fn uniform_terminals<E: gfn_env::Enumerable>(
    environment: &E,
    size: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<E::State> {
    let n = environment.n_terminal();
    if n <= size {
        return (0..n).map(|i| environment.terminal(i)).collect();
    }
    let mut chosen = std::collections::BTreeSet::new();
    while chosen.len() < size {
        chosen.insert(rng.random_range(0..n));
    }
    chosen
        .into_iter()
        .map(|i| environment.terminal(i))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::set::Stopping;
    use gfn_env::{Purpose, Set, Streams};

    #[test]
    fn test_sets_of_sets_that_are_too_many_to_number() {
        let environment = Set::new(64, 64, Stopping::AnySize).unwrap();
        let mut rng = Streams::new(0).rng(Purpose::Problem, 2, 0);
        let sets = uniform_terminals(&environment, 20, &mut rng);
        assert_eq!(sets.len(), 20);
        assert!(sets.iter().all(|x| environment.is_terminal(x)));
    }
}
