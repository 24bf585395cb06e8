//! Rewards of the multi-objective grid: [`MultiObjectiveGridReward`].

use std::fmt::Debug;
use std::sync::Arc;

use super::GridObjective;
use crate::conditional::weighted_sum;
use crate::{
    Enumerable as _, EnvironmentError, Hypergrid, HypergridState, Objectives, PartialEnergy,
    Reward, RewardError, check_preference,
};

/// Largest side: every cell is evaluated once.
const MAX_SIDE: usize = 1024;

/// Several rewards of each cell, and their weighted sum.
///
/// `R_k(x) = floor + (1 − floor)·v_k(x)`, where `v_k` is the objective with its best cell at 1 and its worst at 0. By itself
/// the reward is `Σ_k w_k·R_k(x)` with fixed weights, equal ones unless others are [given](Self::with_weights); a
/// [`PreferenceReward`](crate::PreferenceReward) takes the weights from a condition.
///
/// # Examples
///
/// ```
/// use gfn_env::{GridObjective, Hypergrid, MultiObjectiveGridReward};
///
/// let grid = Hypergrid::new(2, 8)?;
/// let objectives = [GridObjective::Branin, GridObjective::Currin];
/// let reward = MultiObjectiveGridReward::new(&grid, &objectives, 1e-3)?;
/// // Branin is worst at (-5, 0), the source.
/// let [branin, currin] = *reward.rewards_at(&grid.exited_cell(&[0, 0])?) else { unreachable!() };
/// assert_eq!(branin, 1e-3);
/// assert!((reward.reward(&grid.exited_cell(&[0, 0])?) - 0.5 * (branin + currin)).abs() < 1e-15);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MultiObjectiveGridReward {
    grid: Hypergrid,
    objectives: Vec<GridObjective>,
    weights: Vec<f64>,
    /// `R_k` of every cell, in the order of the grid's terminal states.
    rewards: Arc<[f64]>,
}

impl MultiObjectiveGridReward {
    /// Rewards on `grid`, with equal weights.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless the grid has two dimensions and a side of at most 1024, there is at
    /// least one objective and none twice, and `floor` is above 0 and below 1.
    pub fn new(
        grid: &Hypergrid,
        objectives: &[GridObjective],
        floor: f64,
    ) -> Result<Self, EnvironmentError> {
        let refuse = |name, value: &dyn Debug, requirement| {
            EnvironmentError::invalid_parameter(name, &value, requirement)
        };
        if grid.dimensions() != 2 {
            let requirement = "the objectives are functions of two coordinates";
            return Err(refuse("dimensions", &grid.dimensions(), requirement));
        }
        if grid.side() > MAX_SIDE {
            let requirement = "it must be at most 1024: every cell is evaluated";
            return Err(refuse("side", &grid.side(), requirement));
        }
        let mut sorted = objectives.to_vec();
        sorted.sort();
        if objectives.is_empty() || sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            let requirement = "there must be at least one objective, and none twice";
            return Err(refuse("objectives", &objectives, requirement));
        }
        if !(floor > 0.0 && floor < 1.0) {
            let requirement = "it must be above 0, so that the logarithm exists, and below 1";
            return Err(refuse("floor", &floor, requirement));
        }
        let columns: Vec<Vec<f64>> = objectives.iter().map(|f| scaled(grid, *f)).collect();
        let cells = 0..grid.n_terminal();
        let rewards = cells.flat_map(|i| columns.iter().map(move |c| floor + (1.0 - floor) * c[i]));
        let n = objectives.len();
        Ok(Self {
            grid: *grid,
            objectives: objectives.to_vec(),
            weights: vec![1.0 / n as f64; n],
            rewards: rewards.collect(),
        })
    }

    /// The same with other weights.
    ///
    /// # Errors
    ///
    /// As [`check_preference`], with the name `weights`.
    pub fn with_weights(self, weights: &[f64]) -> Result<Self, EnvironmentError> {
        check_preference("weights", weights, self.objectives.len())?;
        let weights = weights.to_vec();
        Ok(Self { weights, ..self })
    }

    /// The objectives, in the order of their rewards.
    pub fn objectives(&self) -> &[GridObjective] {
        &self.objectives
    }

    /// `R_k` of a cell.
    ///
    /// # Panics
    ///
    /// If `state` is not of a grid of this size.
    pub fn rewards_at(&self, state: &HypergridState) -> &[f64] {
        let coordinates = state.coordinates().iter();
        let cell = coordinates.fold(0, |cell, x| cell * self.grid.side() + usize::from(*x));
        let n = self.objectives.len();
        &self.rewards[cell * n..(cell + 1) * n]
    }

    /// `Σ_k w_k·R_k` of a cell.
    ///
    /// # Panics
    ///
    /// If `state` is not of a grid of this size.
    pub fn reward(&self, state: &HypergridState) -> f64 {
        weighted_sum(&self.weights, self.rewards_at(state))
    }

    /// `Σ R^power` over all cells.
    fn power_sum(&self, power: i32) -> f64 {
        let cells = self.rewards.chunks(self.objectives.len());
        cells
            .map(|rewards| weighted_sum(&self.weights, rewards).powi(power))
            .sum()
    }

    /// `log Z`, a sum over all cells.
    pub fn log_partition(&self) -> f64 {
        self.power_sum(1).ln()
    }

    /// `Σ R²/Z`, the mean reward of a perfect sampler.
    pub fn mean_reward(&self) -> f64 {
        self.power_sum(2) / self.power_sum(1)
    }
}

/// The objective at every cell, the best at 1 and the worst at 0.
fn scaled(grid: &Hypergrid, objective: GridObjective) -> Vec<f64> {
    let last = (grid.side() - 1) as f64;
    let cells = (0..grid.n_terminal()).map(|i| grid.terminal(i));
    let values: Vec<f64> = cells
        .map(|cell| {
            let coordinates = cell.coordinates();
            let [x, y] = [coordinates[0], coordinates[1]].map(|c| f64::from(c) / last);
            objective.value_at([x, y])
        })
        .collect();
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (worst, best) = if objective.larger_is_better() {
        (smallest, largest)
    } else {
        (largest, smallest)
    };
    values
        .iter()
        .map(|v| (v - worst) / (best - worst))
        .collect()
}

impl Reward<HypergridState> for MultiObjectiveGridReward {
    fn log_reward(&self, terminals: &[HypergridState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = self.reward(state).ln();
        }
        Ok(())
    }
}

impl Objectives<HypergridState> for MultiObjectiveGridReward {
    fn n_objectives(&self) -> usize {
        self.objectives.len()
    }

    fn rewards(&self, terminals: &[HypergridState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out.chunks_mut(self.objectives.len())) {
            o.copy_from_slice(self.rewards_at(state));
        }
        Ok(())
    }
}

/// `E(s) = −log R(s)` of the cell: every cell is an object.
impl PartialEnergy<HypergridState> for MultiObjectiveGridReward {
    fn energy(&self, states: &[HypergridState], out: &mut [f64]) -> Result<(), RewardError> {
        self.log_reward(states, out)?;
        out.iter_mut().for_each(|e| *e = -*e);
        Ok(())
    }
}
