//! A problem is an environment with its reward and what metrics ask of both: modes, distances, a test set.

use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    Action, BitSequence, BitSequenceReward, Enumerable as _, Environment, ExactError, Hypergrid,
    HypergridReward, Indexed, PartialEnergy, Peptide, PeptideReward, Reward, Sequence,
    SequenceReward, Set, SetReward, TfBind8, TfBind8Reward,
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

    /// Row and column of a terminal state, where the objects lie on a plane that can be drawn.
    fn cell(&self, _terminal: &StateOf<Self>) -> Option<(usize, usize)> {
        None
    }
}

/// A problem that several share.
impl<P: Problem> Problem for Arc<P> {
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

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<P>> {
        (**self).test_set(size, rng)
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<P>>>> {
        (**self).energy()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        (**self).known_target()
    }

    fn cell(&self, terminal: &StateOf<P>) -> Option<(usize, usize)> {
        (**self).cell(terminal)
    }
}

/// Code that works on any problem.
pub trait ProblemVisitor {
    /// Result.
    type Output;
    /// Called with the problem that an experiment describes.
    fn visit<P: Problem>(self, problem: P) -> Self::Output;
}

/// Hypergrid; the distance is L1 between coordinates, a mode is a connected region of maximal reward.
#[derive(Clone, Debug)]
pub struct HypergridProblem {
    /// Dynamics.
    pub environment: Hypergrid,
    /// Reward.
    pub reward: HypergridReward,
}

impl HypergridProblem {
    fn cell_index(&self, state: &StateOf<Self>) -> u64 {
        let side = self.environment.side() as u64;
        state
            .coordinates()
            .iter()
            .fold(0, |i, &x| i * side + u64::from(x))
    }
}

impl Problem for HypergridProblem {
    type Environment = Hypergrid;
    type Reward = HypergridReward;

    fn environment(&self) -> &Hypergrid {
        &self.environment
    }

    fn reward(&self) -> &HypergridReward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        if let Some(component) = self.reward.mode_component(terminal) {
            return Some(component as u64);
        }
        // Rewards without box-shaped regions: every cell of maximal reward is a mode.
        (self.reward.band_counts().is_none() && self.reward.is_mode(terminal))
            .then(|| self.cell_index(terminal))
    }

    fn n_modes(&self) -> Option<u64> {
        match self.reward.band_counts() {
            Some([_, 0]) => Some(0),
            Some(_) => Some(1 << self.environment.dimensions()),
            None => self
                .reward
                .n_mode_cells()
                .and_then(|n| u64::try_from(n).ok()),
        }
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        Some(Arc::new(self.reward.clone()))
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let pairs = a.coordinates().iter().zip(b.coordinates());
        pairs.map(|(x, y)| f64::from(x.abs_diff(*y))).sum()
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }

    fn cell(&self, terminal: &StateOf<Self>) -> Option<(usize, usize)> {
        match terminal.coordinates() {
            [row, column] => Some((usize::from(*row), usize::from(*column))),
            _ => None,
        }
    }
}

/// Bit sequences; the distance is Hamming, a mode is found by an object closer than `mode_distance` bits.
#[derive(Clone, Debug)]
pub struct BitSequenceProblem {
    /// Dynamics.
    pub environment: BitSequence,
    /// Reward.
    pub reward: BitSequenceReward,
    /// Threshold of a found mode (strict).
    pub mode_distance: u32,
}

impl Problem for BitSequenceProblem {
    type Environment = BitSequence;
    type Reward = BitSequenceReward;

    fn environment(&self) -> &BitSequence {
        &self.environment
    }

    fn reward(&self) -> &BitSequenceReward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        let (mode, distance) = self.reward.nearest_mode(terminal);
        (distance < self.mode_distance).then_some(mode as u64)
    }

    fn n_modes(&self) -> Option<u64> {
        Some(self.reward.modes().len() as u64)
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        Some(Arc::new(self.reward.clone()))
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        f64::from((a.bits() ^ b.bits()).count_ones())
    }

    /// The benchmark's test set (each mode with 0, 1, … n − 1 flipped bits), or a random part of it.
    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let mut set = self.reward.test_set(rng);
        while set.len() > size {
            set.swap_remove(rng.random_range(0..set.len()));
        }
        set
    }
}

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

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        (0..a.length())
            .filter(|&i| a.letter(i) != b.letter(i))
            .count() as f64
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }
}

/// Sets; the distance is the number of elements that one of two sets has and the other has not. There are no modes.
#[derive(Clone, Debug)]
pub struct SetProblem {
    /// Dynamics.
    pub environment: Set,
    /// Reward.
    pub reward: SetReward,
}

impl Problem for SetProblem {
    type Environment = Set;
    type Reward = SetReward;

    fn environment(&self) -> &Set {
        &self.environment
    }

    fn reward(&self) -> &SetReward {
        &self.reward
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        Some(Arc::new(self.reward.clone()))
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        f64::from((a.bits() ^ b.bits()).count_ones())
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }
}

/// Sequences; the distance is Hamming between letters. There are no modes.
#[derive(Clone, Debug)]
pub struct SequenceProblem {
    /// Dynamics.
    pub environment: Sequence,
    /// Reward.
    pub reward: SequenceReward,
}

impl Problem for SequenceProblem {
    type Environment = Sequence;
    type Reward = SequenceReward;

    fn environment(&self) -> &Sequence {
        &self.environment
    }

    fn reward(&self) -> &SequenceReward {
        &self.reward
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        Some(Arc::new(self.reward.clone()))
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let pairs = a.letters().iter().zip(b.letters());
        pairs.filter(|(x, y)| x != y).count() as f64
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        uniform_terminals(&self.environment, size, rng)
    }
}

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

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let pairs = a.letters().iter().zip(b.letters());
        let substituted = pairs.filter(|(x, y)| x != y).count();
        (substituted + a.length().abs_diff(b.length())) as f64
    }

    /// Distinct chains, uniformly; where there are too many to number, of uniform length and then uniform letters.
    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let env = &self.environment;
        if env.n_terminal() < usize::MAX {
            return uniform_terminals(env, size, rng);
        }
        let mut chosen = std::collections::BTreeSet::new();
        while chosen.len() < size {
            let length = rng.random_range(env.min_length()..=env.max_length());
            let mut state = env.source();
            let letters = (0..length).map(|_| Action(rng.random_range(0..env.stop().0)));
            let actions: Vec<Action> = letters.chain([env.stop()]).collect();
            if actions.into_iter().all(|a| env.step(&mut state, a).is_ok()) {
                chosen.insert(state);
            }
        }
        chosen.into_iter().collect()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        let [log_z, log_second] = self.reward.log_moments();
        Some(KnownTarget {
            log_z,
            mean_reward: (log_second - log_z).exp(),
        })
    }
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

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        self.inner.distance(a, b)
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

    fn cell(&self, terminal: &StateOf<Self>) -> Option<(usize, usize)> {
        self.inner.cell(terminal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::set::Stopping;
    use gfn_env::{Purpose, SequenceRewardConfig, SetRewardConfig, Streams};

    #[test]
    fn distances_of_sets_and_sequences() {
        let (scale, seed) = (1.0, 0);
        let environment = Set::new(64, 3, Stopping::AtSize).unwrap();
        let reward = SetReward::new(
            &environment,
            SetRewardConfig::AdditiveNormal { scale, seed },
        );
        let problem = SetProblem {
            environment,
            reward: reward.unwrap(),
        };
        let set = |elements: [usize; 3]| environment.subset(&elements).unwrap();
        let a = set([0, 1, 63]);
        assert_eq!(problem.distance(&a, &a), 0.0);
        assert_eq!(problem.distance(&a, &set([63, 2, 3])), 4.0);

        let environment = Sequence::new(3, 8).unwrap();
        let reward = SequenceReward::new(
            &environment,
            SequenceRewardConfig::AdditiveNormal { scale, seed },
        );
        let problem = SequenceProblem {
            environment,
            reward: reward.unwrap(),
        };
        let string = |letters: [u8; 3]| environment.string(&letters).unwrap();
        let a = string([7, 0, 1]);
        assert_eq!(problem.distance(&a, &a), 0.0);
        assert_eq!(problem.distance(&a, &string([0, 7, 1])), 2.0);
    }

    #[test]
    fn test_sets_of_sets_that_are_too_many_to_number() {
        let environment = Set::new(64, 64, Stopping::AnySize).unwrap();
        let mut rng = Streams::new(0).rng(Purpose::Problem, 2, 0);
        let sets = uniform_terminals(&environment, 20, &mut rng);
        assert_eq!(sets.len(), 20);
        assert!(sets.iter().all(|x| environment.is_terminal(x)));
    }
}
