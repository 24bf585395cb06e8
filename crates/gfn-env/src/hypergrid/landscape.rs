//! Reward landscapes of the hypergrid, ready to be evaluated.

use std::{f64::consts::TAU, fmt::Debug};

use super::{
    Hypergrid, HypergridRewardConfig as Config,
    random::{CellHash, Corrupted},
    tiers::Tiered,
};
use crate::EnvironmentError;

/// What a [`Config`] compiles to: tables over the values of one coordinate where there can be.
#[derive(Clone, Debug)]
pub(super) enum Landscape {
    /// `Original` and `Deceptive`.
    Bands(Bands),
    Cosine {
        r0: f64,
        r1: f64,
        /// The factor of each coordinate.
        factors: Vec<f64>,
        mode_reward: f64,
    },
    Sparse {
        floor: f64,
        /// `H − 2`.
        far: u16,
    },
    Tiered(Tiered),
    UniformRandom {
        r0: f64,
        r_mode: f64,
        mode_probability: f64,
        hash: CellHash,
    },
    Corrupted(Corrupted),
}

/// A reward of three levels: of cells that are not outside in all coordinates, of those that are, and of those that are in
/// the ring in all coordinates. The ring is outside.
#[derive(Clone, Debug)]
pub(super) struct Bands {
    levels: [f64; 3],
    /// Whether each coordinate is outside, and whether it is in the ring.
    regions: Vec<[bool; 2]>,
}

impl Landscape {
    pub(super) fn new(grid: &Hypergrid, config: &Config) -> Result<Self, EnvironmentError> {
        match *config {
            // a > 1/4 where 2·a2 > H - 1, with a2 = |2x - (H - 1)| = 2·(H - 1)·a.
            Config::Original { r0, r1, r2 } => {
                Bands::new(grid, [r0, r0 + r1, r0 + r1 + r2], 2).map(Self::Bands)
            }
            // a > 1/10 where 5·a2 > H - 1.
            Config::Deceptive { r0, r1, r2 } => {
                Bands::new(grid, [r0 + r1, r0, r0 + r2], 5).map(Self::Bands)
            }
            Config::Cosine { r0, r1, mode_gamma } => Self::cosine(grid, r0, r1, mode_gamma),
            Config::Sparse { floor } => {
                non_negative("floor", floor)?;
                let far = (grid.side() - 2) as u16;
                Ok(Self::Sparse { floor, far })
            }
            Config::UniformRandom {
                r0,
                r_mode,
                mode_probability,
                seed,
            } => {
                non_negative("r0", r0)?;
                non_negative("r_mode", r_mode)?;
                probability("mode_probability", mode_probability)?;
                Ok(Self::UniformRandom {
                    r0,
                    r_mode,
                    mode_probability,
                    hash: CellHash::new(seed),
                })
            }
            Config::Corrupted {
                ref base,
                rate,
                seed,
            } => {
                probability("rate", rate)?;
                let base = tiered(grid, base)?;
                Ok(Self::Corrupted(Corrupted::new(grid, base, rate, seed)))
            }
            ref config => tiered(grid, config).map(Self::Tiered),
        }
    }

    fn cosine(
        grid: &Hypergrid,
        r0: f64,
        r1: f64,
        mode_gamma: f64,
    ) -> Result<Self, EnvironmentError> {
        non_negative("r0", r0)?;
        non_negative("r1", r1)?;
        probability("mode_gamma", mode_gamma)?;
        let factor = |x: usize| {
            let a = (x as f64 / (grid.side() - 1) as f64 - 0.5).abs();
            let density = (-(5.0 * a).powi(2) / 2.0).exp() / TAU.sqrt();
            ((50.0 * a).cos() + 1.0) * density
        };
        let highest = 2.0 / TAU.sqrt();
        Ok(Self::Cosine {
            r0,
            r1,
            factors: (0..grid.side()).map(factor).collect(),
            mode_reward: r0 + r1 * (mode_gamma * highest).powi(grid.dimensions() as i32),
        })
    }

    /// Reward of a cell, and whether it is a mode.
    pub(super) fn evaluate(&self, x: &[u16]) -> (f64, bool) {
        match self {
            Self::Bands(bands) => bands.evaluate(x),
            Self::Cosine {
                r0,
                r1,
                factors,
                mode_reward,
            } => {
                let product: f64 = x.iter().map(|x| factors[usize::from(*x)]).product();
                let reward = r0 + r1 * product;
                (reward, reward >= *mode_reward)
            }
            Self::Sparse { floor, far } => {
                let corner = x.iter().all(|x| *x == 1 || x == far) && x.contains(far);
                (floor + f64::from(u8::from(corner)), corner)
            }
            Self::Tiered(tiered) => tiered.evaluate(x),
            Self::UniformRandom {
                r0,
                r_mode,
                mode_probability,
                hash,
            } => {
                let mode = hash.uniform(0, x) < *mode_probability;
                (if mode { r0 + r_mode } else { *r0 }, mode)
            }
            Self::Corrupted(corrupted) => corrupted.evaluate(x),
        }
    }

    /// `Z` where there is a closed form.
    pub(super) fn partition(&self, grid: &Hypergrid) -> Option<f64> {
        let d = grid.dimensions() as i32;
        let cells = (grid.side() as f64).powi(d);
        match self {
            Self::Bands(bands) => {
                let [outside, ring] = bands.counts().map(|n| (n as f64).powi(d));
                let n_cells = [cells - outside, outside - ring, ring];
                Some(bands.levels.iter().zip(n_cells).map(|(r, n)| r * n).sum())
            }
            Self::Cosine {
                r0, r1, factors, ..
            } => Some(r0 * cells + r1 * factors.iter().sum::<f64>().powi(d)),
            Self::Sparse { floor, far } => {
                // All of {1, H - 2}^D but the all-ones cell; the one cell of ones where H - 2 is 1.
                let corners = if *far == 1 { 1.0 } else { 2f64.powi(d) - 1.0 };
                Some(floor * cells + corners)
            }
            Self::Tiered(_) | Self::UniformRandom { .. } | Self::Corrupted(_) => None,
        }
    }
}

impl Bands {
    /// A coordinate is outside where `scale·|2x − (H−1)| > H − 1`. All comparisons are of integers: on some sides (9, 16,
    /// 21, 256, ..) a coordinate lies exactly on a bound, and floating point decides by its rounding error.
    fn new(grid: &Hypergrid, levels: [f64; 3], scale: usize) -> Result<Self, EnvironmentError> {
        for (name, level) in ["reward inside", "reward outside", "reward in the ring"]
            .into_iter()
            .zip(levels)
        {
            non_negative(name, level)?;
        }
        let h1 = grid.side() - 1;
        let regions = (0..=h1)
            .map(|x| {
                let a2 = (2 * x).abs_diff(h1);
                // 3/10 < a < 4/10
                [scale * a2 > h1, 3 * h1 < 5 * a2 && 5 * a2 < 4 * h1]
            })
            .collect();
        Ok(Self { levels, regions })
    }

    fn evaluate(&self, x: &[u16]) -> (f64, bool) {
        let all = |region: usize| x.iter().all(|x| self.regions[usize::from(*x)][region]);
        if !all(0) {
            (self.levels[0], false)
        } else if !all(1) {
            (self.levels[1], false)
        } else {
            (self.levels[2], true)
        }
    }

    /// How many values of a coordinate are outside, and in the ring.
    pub(super) fn counts(&self) -> [usize; 2] {
        [0, 1].map(|region| self.regions.iter().filter(|r| r[region]).count())
    }
}

/// A tiered landscape.
fn tiered(grid: &Hypergrid, config: &Config) -> Result<Tiered, EnvironmentError> {
    match config {
        Config::BitwiseXor {
            r0,
            dimensions,
            tiers,
        } => Tiered::xor(grid, *r0, dimensions.as_deref(), tiers),
        Config::MultiplicativeCoprime {
            r0,
            primes,
            dimensions,
            coprime_pairs,
            coordinate_offset,
            tiers,
        } => Tiered::coprime(
            grid,
            *r0,
            dimensions.as_deref(),
            (primes, *coordinate_offset),
            coprime_pairs,
            tiers,
        ),
        Config::ConditionalMultiscale {
            r0,
            base,
            filter_width,
            order,
            dimensions,
            seed,
            tiers,
        } => Tiered::multiscale(
            grid,
            *r0,
            dimensions.as_deref(),
            (*base, *filter_width, *order, *seed),
            tiers,
        ),
        other => Err(invalid(
            "base",
            other,
            "it must be one of the tiered rewards: bitwise-xor, multiplicative-coprime, conditional-multiscale",
        )),
    }
}

pub(super) fn invalid(
    name: &'static str,
    value: &impl Debug,
    requirement: &'static str,
) -> EnvironmentError {
    EnvironmentError::invalid_parameter(name, value, requirement)
}

/// Refuses a reward that is negative or not finite.
pub(super) fn non_negative(name: &'static str, value: f64) -> Result<(), EnvironmentError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(invalid(name, &value, "it must be finite and not negative"))
}

fn probability(name: &'static str, value: f64) -> Result<(), EnvironmentError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(invalid(name, &value, "it must be between 0 and 1"))
}
