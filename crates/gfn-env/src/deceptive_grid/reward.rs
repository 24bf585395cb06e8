//! Rewards of the deceptive grid: [`DeceptiveGridReward`].

use super::DeceptiveGrid;
use crate::{Environment as _, EnvironmentError, HypergridState, Reward, RewardError};

/// What cells are worth.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "deceptive"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum DeceptiveGridRewardConfig {
    /// `R = r0 + r1 − r1·Π_i 1(|x_i| > 0.2) + r2·Π_i 1(0.6 < |x_i| < 0.8)` with `x_i = 2·s_i/(H − 1) − 1`.
    Deceptive {
        /// Reward of every cell.
        r0: f64,
        /// Reward of the cross through the middle.
        r1: f64,
        /// Reward of the modes.
        r2: f64,
    },
}

impl DeceptiveGridRewardConfig {
    /// The published values: 1e-5, 0.1 and 2.
    pub const fn deceptive() -> Self {
        Self::Deceptive {
            r0: 1e-5,
            r1: 0.1,
            r2: 2.0,
        }
    }
}

/// The reward of a cell.
///
/// Bounds are decided with whole numbers: a coordinate on a bound is on neither side of it.
///
/// # Examples
///
/// ```
/// use gfn_env::{DeceptiveGrid, DeceptiveGridReward, DeceptiveGridRewardConfig};
///
/// // One axis of 8: 1e-5 everywhere, 0.1 more at 3 and 4, 2 more at 1 and 6.
/// let grid = DeceptiveGrid::new(1, 8)?;
/// let reward = DeceptiveGridReward::new(&grid, DeceptiveGridRewardConfig::deceptive())?;
/// assert!((reward.log_partition() - 4.20008f64.ln()).abs() < 1e-12);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DeceptiveGridReward {
    grid: DeceptiveGrid,
    r0: f64,
    r1: f64,
    r2: f64,
}

impl DeceptiveGridReward {
    /// The reward that `config` describes, for cells of `grid`.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless the three are finite and not negative, and `r0` is positive.
    pub fn new(
        grid: &DeceptiveGrid,
        config: DeceptiveGridRewardConfig,
    ) -> Result<Self, EnvironmentError> {
        let DeceptiveGridRewardConfig::Deceptive { r0, r1, r2 } = config;
        if !(r0.is_finite() && r0 > 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "r0",
                &r0,
                "it must be positive and finite",
            ));
        }
        for (name, value) in [("r1", r1), ("r2", r2)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(EnvironmentError::invalid_parameter(
                    name,
                    &value,
                    "it must be finite and not negative",
                ));
            }
        }
        Ok(Self {
            grid: *grid,
            r0,
            r1,
            r2,
        })
    }

    /// Whether `|x| > 0.2`, and whether `0.6 < |x| < 0.8`, of a coordinate.
    fn regions(&self, coordinate: u16) -> [bool; 2] {
        let last = self.grid.side() - 1;
        // 5·(H − 1)·|x|, a whole number.
        let x = 5 * (2 * usize::from(coordinate)).abs_diff(last);
        [x > last, x > 3 * last && x < 4 * last]
    }

    /// Whether every coordinate is outside the cross, and whether every one is in the ring of the modes.
    fn all(&self, state: &HypergridState) -> [bool; 2] {
        let coordinates = state.coordinates().iter();
        coordinates.fold([true; 2], |[outer, ring], x| {
            let here = self.regions(*x);
            [outer && here[0], ring && here[1]]
        })
    }

    fn value(&self, [outer, ring]: [bool; 2]) -> f64 {
        self.r0 + if outer { 0.0 } else { self.r1 } + if ring { self.r2 } else { 0.0 }
    }

    /// Whether a cell has the reward of the modes.
    pub fn is_mode(&self, state: &HypergridState) -> bool {
        self.all(state)[1]
    }

    /// The mode region that a cell lies in, bit `i` for the upper half of axis `i`; `None` outside.
    pub fn mode_region(&self, state: &HypergridState) -> Option<u64> {
        let coordinates = state.coordinates().iter().enumerate();
        let upper = coordinates.filter(|(_, x)| 2 * usize::from(**x) > self.grid.side() - 1);
        self.is_mode(state)
            .then(|| upper.fold(0, |region, (i, _)| region | 1 << i))
    }

    /// Number of coordinates of an axis outside the cross, and in the ring, of those that are not the last.
    fn counts(&self) -> [f64; 2] {
        let inner = 0..(self.grid.side() - 1) as u16;
        inner.fold([0.0; 2], |[outer, ring], x| {
            let here = self.regions(x).map(|yes| f64::from(u8::from(yes)));
            [outer + here[0], ring + here[1]]
        })
    }

    /// `2^D` mode regions, or none where no coordinate lies in the ring.
    pub fn n_mode_regions(&self) -> u64 {
        if self.counts()[1] > 0.0 {
            1 << self.grid.dimensions()
        } else {
            0
        }
    }

    /// `Σ R^power`, without enumeration: there are three kinds of cells, and the last coordinate is outside the cross.
    fn power_sum(&self, power: i32) -> f64 {
        let d = self.grid.dimensions() as i32;
        let [outer, ring] = self.counts();
        let inner = self.grid.side() as f64 - 1.0;
        let with_far_sides = |n: f64| n.powi(d) + f64::from(d) * n.powi(d - 1);
        let (n_all, n_outer, n_ring) = (with_far_sides(inner), with_far_sides(outer), ring.powi(d));
        let kinds = [
            (n_all - n_outer, [false, false]),
            (n_outer - n_ring, [true, false]),
            (n_ring, [true, true]),
        ];
        kinds
            .into_iter()
            .map(|(n, kind)| n * self.value(kind).powi(power))
            .sum()
    }

    /// `log Z` in closed form, without enumeration.
    pub fn log_partition(&self) -> f64 {
        self.power_sum(1).ln()
    }

    /// `Σ R²/Z`, the mean reward of a perfect sampler.
    pub fn mean_reward(&self) -> f64 {
        self.power_sum(2) / self.power_sum(1)
    }
}

impl Reward<HypergridState> for DeceptiveGridReward {
    /// Cells that are not terminal have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[HypergridState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = if self.grid.is_terminal(state) {
                self.value(self.all(state)).ln()
            } else {
                f64::NAN
            };
        }
        Ok(())
    }
}
