//! A problem whose reward depends on a condition.

use super::{Problem, StateOf};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    Condition, ConditionSet, Conditional, ConditionalState, Environment as _, EnvironmentError,
    Objectives, PreferenceReward, Reward, RewardError, TemperedReward,
};
use std::fmt;
use std::sync::Arc;

/// What a condition does to the reward.
#[derive(Clone)]
#[non_exhaustive]
pub enum RewardUnderCondition<S, R> {
    /// It is an inverse temperature.
    Tempered(TemperedReward<R>),
    /// It weighs objectives.
    Preference(PreferenceReward<Arc<dyn Objectives<S>>>),
}

impl<S, R> fmt::Debug for RewardUnderCondition<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tempered(_) => "Tempered",
            Self::Preference(_) => "Preference",
        })
    }
}

impl<S: Clone + Send + Sync, R: Reward<S>> Reward<ConditionalState<S>>
    for RewardUnderCondition<S, R>
{
    fn log_reward(
        &self,
        terminals: &[ConditionalState<S>],
        out: &mut [f64],
    ) -> Result<(), RewardError> {
        match self {
            Self::Tempered(reward) => reward.log_reward(terminals, out),
            Self::Preference(reward) => reward.log_reward(terminals, out),
        }
    }
}

/// A problem whose reward depends on a condition, which each trajectory draws for itself.
///
/// Test sets are under the first condition that is measured.
#[derive(Debug)]
pub struct ConditionalProblem<P: Problem> {
    inner: P,
    environment: Conditional<P::Environment>,
    reward: RewardUnderCondition<StateOf<P>, P::Reward>,
    measured: Vec<Condition>,
}

impl<P: Problem> ConditionalProblem<P> {
    /// The reward `R(x)^β` of `inner` with `β` from `set`, measured at those of `measured`.
    ///
    /// # Errors
    ///
    /// See [`Conditional::new`].
    pub fn tempered(
        inner: P,
        set: ConditionSet,
        measured: &[f64],
    ) -> Result<Self, EnvironmentError> {
        let reward = RewardUnderCondition::Tempered(TemperedReward(inner.reward().clone()));
        let measured = measured.iter().map(|beta| Condition::new(*beta));
        Self::new(inner, set, reward, measured.collect())
    }

    /// The rewards `objectives` of `inner`, weighed by preferences from `set` and measured at those of `measured`.
    ///
    /// # Errors
    ///
    /// See [`Conditional::new`].
    pub fn preference(
        inner: P,
        set: ConditionSet,
        objectives: PreferenceReward<Arc<dyn Objectives<StateOf<P>>>>,
        measured: &[Vec<f64>],
    ) -> Result<Self, EnvironmentError> {
        let reward = RewardUnderCondition::Preference(objectives);
        let measured = measured.iter().map(|w| Condition::new(w.as_slice()));
        Self::new(inner, set, reward, measured.collect())
    }

    fn new(
        inner: P,
        set: ConditionSet,
        reward: RewardUnderCondition<StateOf<P>, P::Reward>,
        measured: Vec<Condition>,
    ) -> Result<Self, EnvironmentError> {
        let environment = Conditional::new(inner.environment().clone(), set)?;
        let environment = match measured.first() {
            Some(first) => environment.at(first.clone()),
            None => environment,
        };
        Ok(Self {
            inner,
            environment,
            reward,
            measured,
        })
    }
}

impl<P: Problem> Problem for ConditionalProblem<P> {
    type Environment = Conditional<P::Environment>;
    type Reward = RewardUnderCondition<StateOf<P>, P::Reward>;

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

    fn score(&self, terminal: &StateOf<Self>) -> Option<f64> {
        self.inner.score(&terminal.state)
    }

    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let condition = self.environment.source().condition;
        let objects = self.inner.test_set(size, rng).into_iter();
        let under = |state| ConditionalState {
            condition: condition.clone(),
            state,
        };
        objects.map(under).collect()
    }

    fn sample_figures(&self, terminals: &[&StateOf<Self>]) -> Vec<(&'static str, f64)> {
        let objects: Vec<_> = terminals.iter().map(|x| &x.state).collect();
        self.inner.sample_figures(&objects)
    }

    fn conditions(&self) -> Vec<(Condition, Self::Environment)> {
        let at = |c: &Condition| (c.clone(), self.environment.at(c.clone()));
        self.measured.iter().map(at).collect()
    }
}
