//! Rewards that depend on a condition: [`Conditional`].
//!
//! A state is a condition with a state of the wrapped environment. The graphs of two conditions have no state in common: each
//! has a source, and a `Z`, of its own. Where a trajectory starts is drawn with the generator of its own lane, so that
//! nothing else of a rollout knows of conditions.

use std::fmt;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::{
    Action, BackwardAction, Environment, EnvironmentError, FeatureRow, Reward, RewardError,
};

/// Knots of the encoding of a range.
const KNOTS: usize = 8;

/// A finite number on which the reward depends, such as an inverse temperature.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition(u64);

impl Condition {
    /// The condition of this value.
    pub fn new(value: f64) -> Self {
        // Both zeros are one condition.
        Self((value + 0.0).to_bits())
    }

    /// Its value.
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

/// Which conditions occur.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConditionSet {
    /// One of these, each as often.
    Values(Vec<f64>),
    /// Uniformly from `from` to `to`.
    Range {
        /// The smallest.
        from: f64,
        /// The largest, above the smallest.
        to: f64,
    },
}

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
/// The features are those of the wrapped environment and the condition as a piecewise linear function has it: its
/// weights on the two nearest knots, [`n_condition_features`](Self::n_condition_features) columns at the end. The knots are
/// the values themselves, or eight over a range.
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
    knots: Vec<f64>,
    first: Condition,
}

impl<E: Environment> Conditional<E> {
    /// `env` under the conditions of `set`.
    ///
    /// # Errors
    ///
    /// If there are none, two are equal, one is not finite, or a range is empty.
    pub fn new(env: E, set: ConditionSet) -> Result<Self, EnvironmentError> {
        let knots = match &set {
            ConditionSet::Values(values) => {
                let mut knots = values.clone();
                knots.sort_by(f64::total_cmp);
                let distinct = knots.windows(2).all(|pair| pair[0] < pair[1]);
                if knots.is_empty() || !distinct || !knots.iter().all(|v| v.is_finite()) {
                    return Err(EnvironmentError::invalid_parameter(
                        "values",
                        values,
                        "there must be at least one condition, all finite and different",
                    ));
                }
                knots
            }
            ConditionSet::Range { from, to } => {
                if !(from < to && (to - from).is_finite()) {
                    return Err(EnvironmentError::invalid_parameter(
                        "range",
                        &(from, to),
                        "it must go from a finite number to a larger one",
                    ));
                }
                let knot = |i: usize| from + (to - from) * i as f64 / (KNOTS - 1) as f64;
                (0..KNOTS).map(knot).collect()
            }
        };
        let first = match &set {
            ConditionSet::Values(values) => values[0],
            ConditionSet::Range { from, .. } => *from,
        };
        Ok(Self {
            env,
            set,
            knots,
            first: Condition::new(first),
        })
    }

    /// The same with [`source`](Environment::source) under the condition of `value`, for exact answers under it; a value
    /// outside of the set is encoded as the nearest inside.
    #[must_use]
    pub fn at(&self, value: f64) -> Self
    where
        E: Clone,
    {
        Self {
            first: Condition::new(value),
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
        self.knots.len()
    }

    /// Weights on the knots: those of a piecewise linear function.
    fn encode_condition(&self, condition: Condition, row: &mut FeatureRow<'_>) {
        let first = self.env.n_features();
        let value = condition.value();
        let above = self.knots.partition_point(|knot| *knot <= value);
        let [Some(left), Some(right)] = [above.checked_sub(1), Some(above)] else {
            row.one(first);
            return;
        };
        let Some(next) = self.knots.get(right) else {
            row.one(first + left);
            return;
        };
        let share = (value - self.knots[left]) / (next - self.knots[left]);
        row.set(first + left, (1.0 - share) as f32);
        if share > 0.0 {
            row.set(first + right, share as f32);
        }
    }

    fn with_condition(&self, condition: Condition, state: E::State) -> ConditionalState<E::State> {
        ConditionalState { condition, state }
    }
}

impl<E: Environment> Environment for Conditional<E> {
    type State = ConditionalState<E::State>;

    fn source(&self) -> Self::State {
        self.with_condition(self.first, self.env.source())
    }

    fn draw_source(&self, rng: &mut ChaCha8Rng) -> Self::State {
        let value = match &self.set {
            ConditionSet::Values(values) => values[rng.random_range(0..values.len())],
            ConditionSet::Range { from, to } => from + (to - from) * rng.random::<f64>(),
        };
        self.with_condition(Condition::new(value), self.env.draw_source(rng))
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
        self.env.n_features() + self.knots.len()
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
        self.encode_condition(state.condition, row);
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

/// `log R(x | β) = β·log R(x)`, with `β` the condition.
#[derive(Clone, Copy, Debug)]
pub struct TemperedReward<R>(pub R);

impl<S: Clone + Send + Sync, R: Reward<S>> Reward<ConditionalState<S>> for TemperedReward<R> {
    fn log_reward(
        &self,
        terminals: &[ConditionalState<S>],
        out: &mut [f64],
    ) -> Result<(), RewardError> {
        let states: Vec<S> = terminals.iter().map(|x| x.state.clone()).collect();
        self.0.log_reward(&states, out)?;
        for (log_reward, x) in out.iter_mut().zip(terminals) {
            *log_reward *= x.condition.value();
        }
        Ok(())
    }
}
