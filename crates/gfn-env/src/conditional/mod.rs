//! Rewards that depend on a condition: [`Conditional`].
//!
//! A state is a condition with a state of the wrapped environment. The graphs of two conditions have no state in common: each
//! has a source, and a `Z`, of its own. Where a trajectory starts is drawn with the generator of its own lane, so that
//! nothing else of a rollout knows of conditions.

mod condition;
mod dirichlet;
mod reward;
mod set;

use std::fmt;

use rand_chacha::ChaCha8Rng;

use crate::{Action, BackwardAction, Environment, EnvironmentError, FeatureRow};
pub use condition::Condition;
pub(crate) use reward::weighted_sum;
pub use reward::{
    ConditionalReward, Objectives, PreferenceReward, TemperedReward, check_preference,
};
pub use set::ConditionSet;
use set::Law;

/// A state under a condition.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConditionalState<S> {
    /// The condition.
    pub condition: Condition,
    /// The state of the wrapped environment.
    pub state: S,
}

impl<S: fmt::Debug> fmt::Debug for ConditionalState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} under {:?}", self.state, self.condition)
    }
}

/// An environment once for each condition.
///
/// The features are those of the wrapped environment and the condition, each of its numbers as a piecewise linear function
/// has it: the weights on its two nearest knots, [`n_condition_features`](Self::n_condition_features) columns at the end. The
/// knots of a number are the values that it takes, or eight over its range.
///
/// # Examples
///
/// ```
/// use gfn_env::{Conditional, ConditionSet, Environment as _, Hypergrid};
///
/// let env = Conditional::new(Hypergrid::new(2, 8)?, ConditionSet::Values(vec![0.5, 1.0]))?;
/// assert_eq!(env.n_features(), 16 + 2);
/// assert_ne!(env.at(0.5).source(), env.at(1.0).source());
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conditional<E> {
    env: E,
    set: ConditionSet,
    law: Law,
    /// Of each number of a condition.
    knots: Vec<Vec<f64>>,
    first: Condition,
}

impl<E: Environment> Conditional<E> {
    /// `env` under the conditions of `set`.
    ///
    /// # Errors
    ///
    /// If there are none, two are equal, one is not finite, they differ in dimension, a range is empty, or a concentration is
    /// out of its range.
    pub fn new(env: E, set: ConditionSet) -> Result<Self, EnvironmentError> {
        let law = Law::new(&set)?;
        Ok(Self {
            env,
            knots: law.knots(),
            first: law.first(),
            set,
            law,
        })
    }

    /// The same with [`source`](Environment::source) under `condition`, for exact answers under it; a number outside of the
    /// set is encoded as the nearest inside.
    ///
    /// # Panics
    ///
    /// If the condition has another dimension than those of the set.
    ///
    /// # Examples
    ///
    /// See [`Conditional`].
    #[must_use]
    pub fn at(&self, condition: impl Into<Condition>) -> Self
    where
        E: Clone,
    {
        let first = condition.into();
        assert_eq!(
            first.values().len(),
            self.knots.len(),
            "the dimension of a condition"
        );
        Self {
            first,
            ..self.clone()
        }
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// Which conditions occur.
    pub fn conditions(&self) -> &ConditionSet {
        &self.set
    }

    /// Columns of the encoding that hold the condition, the last ones.
    pub fn n_condition_features(&self) -> usize {
        self.knots.iter().map(Vec::len).sum()
    }

    fn encode_condition(&self, condition: &Condition, row: &mut FeatureRow<'_>) {
        let mut first = self.env.n_features();
        for (value, knots) in condition.values().iter().zip(&self.knots) {
            encode_number(*value, knots, first, row);
            first += knots.len();
        }
    }

    fn with_condition(&self, condition: Condition, state: E::State) -> ConditionalState<E::State> {
        ConditionalState { condition, state }
    }
}

/// Weights on the knots: those of a piecewise linear function.
fn encode_number(value: f64, knots: &[f64], first: usize, row: &mut FeatureRow<'_>) {
    let above = knots.partition_point(|knot| *knot <= value);
    let [Some(left), Some(right)] = [above.checked_sub(1), Some(above)] else {
        row.one(first);
        return;
    };
    let Some(next) = knots.get(right) else {
        row.one(first + left);
        return;
    };
    let share = (value - knots[left]) / (next - knots[left]);
    row.set(first + left, (1.0 - share) as f32);
    if share > 0.0 {
        row.set(first + right, share as f32);
    }
}

impl<E: Environment> Environment for Conditional<E> {
    type State = ConditionalState<E::State>;

    fn source(&self) -> Self::State {
        self.with_condition(self.first.clone(), self.env.source())
    }

    fn draw_source(&self, rng: &mut ChaCha8Rng) -> Self::State {
        // The condition first.
        let condition = self.law.draw(rng);
        self.with_condition(condition, self.env.draw_source(rng))
    }

    fn is_source(&self, state: &Self::State) -> bool {
        self.env.is_source(&state.state)
    }

    fn n_actions(&self) -> usize {
        self.env.n_actions()
    }

    fn n_backward_actions(&self) -> usize {
        self.env.n_backward_actions()
    }

    fn max_len(&self) -> usize {
        self.env.max_len()
    }

    fn n_features(&self) -> usize {
        self.env.n_features() + self.n_condition_features()
    }

    fn is_terminal(&self, state: &Self::State) -> bool {
        self.env.is_terminal(&state.state)
    }

    fn forward_mask(&self, state: &Self::State, allowed: &mut [bool]) {
        self.env.forward_mask(&state.state, allowed);
    }

    fn backward_mask(&self, state: &Self::State, allowed: &mut [bool]) {
        self.env.backward_mask(&state.state, allowed);
    }

    fn step(
        &self,
        state: &mut Self::State,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        self.env.step(&mut state.state, action)
    }

    fn step_back(
        &self,
        state: &mut Self::State,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        self.env.step_back(&mut state.state, action)
    }

    fn encode(&self, state: &Self::State, row: &mut FeatureRow<'_>) {
        self.env.encode(&state.state, row);
        self.encode_condition(&state.condition, row);
    }

    /// The object and its condition: `1 3 under 0.5`.
    fn describe(&self, state: &Self::State) -> String {
        format!(
            "{} under {:?}",
            self.env.describe(&state.state),
            state.condition
        )
    }
}
