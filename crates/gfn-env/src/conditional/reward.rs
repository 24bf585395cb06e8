//! Rewards under a condition.

use std::sync::Arc;

use super::ConditionalState;
use crate::{EnvironmentError, Reward, RewardError};

/// A closure from an object and the numbers of a condition to the natural-log reward.
///
/// # Examples
///
/// One policy for every place of a peak:
///
/// ```
/// use gfn_env::{
///     Conditional, ConditionSet, ConditionalReward, Hypergrid, HypergridState, Reward as _, StateGraph, log_partition,
/// };
///
/// let grid = Hypergrid::new(2, 4)?;
/// let peaks = ConditionSet::Ranges(vec![[0.0, 3.0], [0.0, 3.0]]);
/// let env = Conditional::new(grid, peaks)?;
/// let reward = ConditionalReward(|x: &HypergridState, peak: &[f64]| {
///     let pairs = x.coordinates().iter().zip(peak);
///     -pairs.map(|(x, p)| (f64::from(*x) - p).abs()).sum::<f64>()
/// });
///
/// // Exact answers under one condition: Z of a product is (Σ_x e^{−|x − 1|})·(Σ_x e^{−|x − 3|}).
/// let graph = StateGraph::explore(&env.at([1.0, 3.0]), 100)?;
/// let log_z = log_partition(&graph.log_rewards(&reward)?);
/// let sum = |terms: [f64; 4]| terms.map(f64::exp).iter().sum::<f64>();
/// let z = sum([-1.0, 0.0, -1.0, -2.0]) * sum([-3.0, -2.0, -1.0, 0.0]);
/// assert!((log_z - z.ln()).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ConditionalReward<F>(pub F);

impl<S, F: Fn(&S, &[f64]) -> f64 + Send + Sync> Reward<ConditionalState<S>>
    for ConditionalReward<F>
{
    fn log_reward(
        &self,
        terminals: &[ConditionalState<S>],
        out: &mut [f64],
    ) -> Result<(), RewardError> {
        for (x, o) in terminals.iter().zip(out) {
            *o = (self.0)(&x.state, x.condition.values());
        }
        Ok(())
    }
}

/// `log R(x | β) = β·log R(x)`, with `β` the condition, one number.
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

/// Several rewards of one object, which a preference weighs.
pub trait Objectives<S>: Send + Sync {
    /// `K`, the number of rewards.
    fn n_objectives(&self) -> usize;

    /// Writes the rewards of each terminal state, none of them negative: `R_k` of state `i` at `i·K + k`.
    ///
    /// # Errors
    ///
    /// [`RewardError::Failed`] where they cannot be computed.
    fn rewards(&self, terminals: &[S], out: &mut [f64]) -> Result<(), RewardError>;
}

impl<S, O: Objectives<S> + ?Sized> Objectives<S> for Arc<O> {
    fn n_objectives(&self) -> usize {
        (**self).n_objectives()
    }

    fn rewards(&self, terminals: &[S], out: &mut [f64]) -> Result<(), RewardError> {
        (**self).rewards(terminals, out)
    }
}

/// `R(x | w) = (Σ_k w_k·R_k(x))^β`, with the preference `w` the condition.
///
/// # Examples
///
/// ```
/// use gfn_env::{
///     Conditional, ConditionSet, GridObjective, Hypergrid, MultiObjectiveGridReward, PreferenceReward,
/// };
///
/// let grid = Hypergrid::new(2, 8)?;
/// let objectives = [GridObjective::Branin, GridObjective::Currin];
/// let objectives = MultiObjectiveGridReward::new(&grid, &objectives, 1e-3)?;
/// let reward = PreferenceReward::new(objectives, 4.0)?;
/// let simplex = ConditionSet::Simplex { concentration: vec![1.0; 2] };
/// let env = Conditional::new(grid, simplex)?;
/// // Two coordinates, each of which takes a range of values.
/// assert_eq!(env.n_condition_features(), 2 * 8);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
///
/// # References
///
/// Jain et al. (2023), *Multi-objective GFlowNets*, <https://arxiv.org/abs/2210.12765>: the preference-conditional GFlowNet
/// with weighted sums.
#[derive(Clone, Copy, Debug)]
pub struct PreferenceReward<O> {
    objectives: O,
    exponent: f64,
}

impl<O> PreferenceReward<O> {
    /// Weighted sums of `objectives` to the power of `exponent`.
    ///
    /// # Errors
    ///
    /// Unless `exponent` is a positive number.
    pub fn new(objectives: O, exponent: f64) -> Result<Self, EnvironmentError> {
        if !(exponent > 0.0 && exponent.is_finite()) {
            return Err(EnvironmentError::invalid_parameter(
                "exponent",
                &exponent,
                "it must be finite and above 0",
            ));
        }
        Ok(Self {
            objectives,
            exponent,
        })
    }

    /// The rewards that are weighed.
    pub fn objectives(&self) -> &O {
        &self.objectives
    }
}

impl<S: Clone + Send + Sync, O: Objectives<S>> Reward<ConditionalState<S>> for PreferenceReward<O> {
    fn log_reward(
        &self,
        terminals: &[ConditionalState<S>],
        out: &mut [f64],
    ) -> Result<(), RewardError> {
        let n = self.objectives.n_objectives();
        let states: Vec<S> = terminals.iter().map(|x| x.state.clone()).collect();
        let mut rewards = vec![f64::NAN; n * states.len()];
        self.objectives.rewards(&states, &mut rewards)?;
        for ((o, x), rewards) in out.iter_mut().zip(terminals).zip(rewards.chunks(n)) {
            *o = self.exponent * weighted_sum(x.condition.values(), rewards).ln();
        }
        Ok(())
    }
}

/// `Σ_k w_k·R_k`; NaN, which no reward may be, where there is not one weight for each.
pub(crate) fn weighted_sum(weights: &[f64], rewards: &[f64]) -> f64 {
    if weights.len() != rewards.len() {
        return f64::NAN;
    }
    weights.iter().zip(rewards).map(|(w, r)| w * r).sum()
}

/// Refuses what is no preference between `n_objectives` objectives.
///
/// # Errors
///
/// [`EnvironmentError::InvalidParameter`] with `name` unless there is one weight for each, none of them negative, with a sum
/// of 1 up to 1e-9.
///
/// # Examples
///
/// ```
/// use gfn_env::check_preference;
///
/// assert!(check_preference("weights", &[0.25, 0.75], 2).is_ok());
/// let error = check_preference("weights", &[0.5, 0.6], 2).unwrap_err();
/// assert!(error.to_string().starts_with("`weights` is [0.5, 0.6], but the weights must sum to 1"));
/// ```
pub fn check_preference(
    name: &'static str,
    weights: &[f64],
    n_objectives: usize,
) -> Result<(), EnvironmentError> {
    let refuse = |requirement| {
        Err(EnvironmentError::invalid_parameter(
            name,
            &weights,
            requirement,
        ))
    };
    if weights.len() != n_objectives {
        return refuse("there must be one weight for each objective");
    }
    if !weights.iter().all(|w| *w >= 0.0) {
        return refuse("no weight may be negative");
    }
    if (weights.iter().sum::<f64>() - 1.0).abs() > 1e-9 {
        return refuse("the weights must sum to 1");
    }
    Ok(())
}
