//! A problem whose reward depends on a temperature.

use super::{Problem, StateOf};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    ConditionSet, Conditional, ConditionalState, Environment as _, EnvironmentError, TemperedReward,
};

/// A problem with the reward `R(x)^β`, for each trajectory with a `β` of its own.
///
/// Test sets are under the first condition that is measured.
#[derive(Debug)]
pub struct ConditionalProblem<P: Problem> {
    inner: P,
    environment: Conditional<P::Environment>,
    reward: TemperedReward<P::Reward>,
    measured: Vec<f64>,
}

impl<P: Problem> ConditionalProblem<P> {
    /// `inner` under the conditions of `set`, measured at those of `measured`.
    ///
    /// # Errors
    ///
    /// See [`Conditional::new`].
    pub fn new(inner: P, set: ConditionSet, measured: Vec<f64>) -> Result<Self, EnvironmentError> {
        let environment = Conditional::new(inner.environment().clone(), set)?;
        let environment = match measured.first() {
            Some(first) => environment.at(*first),
            None => environment,
        };
        Ok(Self {
            reward: TemperedReward(inner.reward().clone()),
            environment,
            inner,
            measured,
        })
    }
}

impl<P: Problem> Problem for ConditionalProblem<P> {
    type Environment = Conditional<P::Environment>;
    type Reward = TemperedReward<P::Reward>;

    fn environment(&self) -> &Self::Environment {
        &self.environment
    }

    fn reward(&self) -> &Self::Reward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        self.inner.mode(&terminal.state)
    }

    fn n_modes(&self) -> Option<u64> {
        self.inner.n_modes()
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        self.inner.distance(&a.state, &b.state)
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let condition = self.environment.source().condition;
        let objects = self.inner.test_set(size, rng).into_iter();
        let under = |state| ConditionalState { condition, state };
        objects.map(under).collect()
    }

    fn sample_figures(&self, terminals: &[&StateOf<Self>]) -> Vec<(&'static str, f64)> {
        let objects: Vec<_> = terminals.iter().map(|x| &x.state).collect();
        self.inner.sample_figures(&objects)
    }

    fn conditions(&self) -> Vec<(f64, Self::Environment)> {
        let at = |&value: &f64| (value, self.environment.at(value));
        self.measured.iter().map(at).collect()
    }
}
