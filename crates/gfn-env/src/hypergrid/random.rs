//! Rewards of the hypergrid with a random part: a keyed hash of the cell decides.

use rand::{Rng as _, RngExt as _};

use super::{Hypergrid, tiers::Tiered};
use crate::{Purpose, Streams};

/// Largest number of cells that are counted; above it they are sampled.
const MAX_COUNTED: usize = 1 << 20;
/// Number of cells that are sampled.
const N_SAMPLED: usize = 1 << 16;

/// Independent uniform numbers, one for each cell and each tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellHash {
    key: u64,
}

impl CellHash {
    /// The hash whose key is the first word of the stream `(Problem, 0, 0)` of `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let key = Streams::new(seed).rng(Purpose::Problem, 0, 0).next_u64();
        Self { key }
    }

    /// A number in `[0, 1)` with 53 bits. One stream per cell would bound the number of cells; a hash does not.
    pub(super) fn uniform(self, tag: u64, x: &[u16]) -> f64 {
        let start = mix(self.key ^ mix(tag));
        let hash = x.iter().fold(start, |h, x| mix(h ^ u64::from(*x)));
        (hash >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

/// The step of `SplitMix64`: an additive constant, then a bijection that lets every input bit change every output bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A tiered reward with bonuses moved at random.
#[derive(Clone, Debug)]
pub(super) struct Corrupted {
    base: Tiered,
    hash: CellHash,
    rate: f64,
    /// Probability of a bonus where the base reward gives none, by tier.
    promotion: Vec<f64>,
}

impl Corrupted {
    pub(super) fn new(grid: &Hypergrid, base: Tiered, rate: f64, seed: u64) -> Self {
        let promotion = earned_fractions(grid, &base, seed)
            .into_iter()
            // A bonus that all cells earn has nowhere to go.
            .map(|f| {
                if f < 1.0 {
                    (rate * f / (1.0 - f)).min(1.0)
                } else {
                    0.0
                }
            })
            .collect();
        Self {
            base,
            hash: CellHash::new(seed),
            rate,
            promotion,
        }
    }

    /// Reward of a cell, and whether it has all bonuses.
    pub(super) fn evaluate(&self, x: &[u16]) -> (f64, bool) {
        let passed = self.base.n_passed(x);
        let mut reward = self.base.r0;
        let mut all = true;
        for (t, weight) in self.base.weights.iter().enumerate() {
            let u = self.hash.uniform(t as u64 + 1, x);
            let bonus = if t < passed {
                u >= self.rate
            } else {
                u < self.promotion[t]
            };
            if bonus {
                reward += weight;
            }
            all &= bonus;
        }
        (reward, all)
    }
}

/// The fraction of cells that earn each tier.
fn earned_fractions(grid: &Hypergrid, base: &Tiered, seed: u64) -> Vec<f64> {
    let mut earned = vec![0usize; base.weights.len()];
    let mut count = |x: &[u16]| {
        earned[..base.n_passed(x)].iter_mut().for_each(|n| *n += 1);
    };
    let mut x = vec![0u16; grid.dimensions()];
    let side = grid.side();
    let n = match grid.n_cells() {
        Some(n) if n <= MAX_COUNTED => {
            for cell in 0..n {
                let mut rest = cell;
                for x in &mut x {
                    *x = (rest % side) as u16;
                    rest /= side;
                }
                count(&x);
            }
            n
        }
        _ => {
            let mut rng = Streams::new(seed).rng(Purpose::Problem, 1, 0);
            for _ in 0..N_SAMPLED {
                x.fill_with(|| rng.random_range(0..side as u16));
                count(&x);
            }
            N_SAMPLED
        }
    };
    earned.into_iter().map(|k| k as f64 / n as f64).collect()
}
