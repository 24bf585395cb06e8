//! Choosing an action by its probability.

use crate::kernels::vectorised::vectorised;
use gfn_env::rand::{Rng, RngExt as _};

/// Entries whose sum is made at once.
const PIECE: usize = 64;

/// Numbers of which none is smaller, but for zeros, are multiples of `2^-52`: their sums below 2 are exact in double
/// precision, in whatever order they are made.
const SMALLEST: f32 = 1.0 / (1u32 << 29) as f32;

/// The number that decides a draw, in [0, 1).
pub(crate) fn uniform_number(rng: &mut impl Rng) -> f64 {
    rng.random()
}

/// Inverse-CDF sampling with one uniform number; an index of zero probability is never returned.
///
/// # Panics
///
/// If all probabilities are zero.
pub fn sample_index(probabilities: &[f32], rng: &mut impl Rng) -> usize {
    let u = uniform_number(rng);
    if probabilities.len() > PIECE {
        let mut pieces = Pieces::default();
        add_up(probabilities, &mut pieces);
        if pieces.smallest >= SMALLEST && pieces.total < 2.0 {
            return within(probabilities, u * pieces.total);
        }
    }
    let total: f64 = probabilities.iter().map(|&p| f64::from(p)).sum();
    search(probabilities, u * total, 0.0).unwrap_or_else(|| last(probabilities))
}

/// The first index at which the running sum, which starts at `before`, exceeds `u`.
fn search(probabilities: &[f32], u: f64, before: f64) -> Option<usize> {
    let mut cumulative = before;
    probabilities.iter().position(|&p| {
        cumulative += f64::from(p);
        p > 0.0 && u < cumulative
    })
}

/// Rounding can leave `u` at the very end of the last interval.
fn last(probabilities: &[f32]) -> usize {
    let last = probabilities.iter().rposition(|&p| p > 0.0);
    last.expect("at least one probability is positive")
}

/// [`search`] from piece to piece, for probabilities whose sums are exact.
fn within(probabilities: &[f32], u: f64) -> usize {
    let mut before = 0.0;
    for (i, piece) in probabilities.chunks(PIECE).enumerate() {
        let mut sums = Pieces::default();
        add_up(piece, &mut sums);
        if u < before + sums.total
            && let Some(index) = search(piece, u, before)
        {
            return i * PIECE + index;
        }
        before += sums.total;
    }
    last(probabilities)
}

struct Pieces {
    total: f64,
    /// The smallest that is not zero.
    smallest: f32,
}

impl Default for Pieces {
    fn default() -> Self {
        Self {
            total: 0.0,
            smallest: f32::INFINITY,
        }
    }
}

vectorised! {
    fn add_up<'a>(probabilities: &'a [f32], out: &'a mut Pieces) {
        const LANES: usize = 16;
        let positive = |p: f32| if p == 0.0 { f32::INFINITY } else { p };
        // NaN is smaller than nothing; it makes the total NaN, which no comparison accepts.
        let smaller = |a: f32, b: f32| if b < a { b } else { a };
        let (whole, rest) = probabilities.as_chunks::<LANES>();
        let (mut sums, mut smallest) = ([0.0f64; LANES], [f32::INFINITY; LANES]);
        for chunk in whole {
            for i in 0..LANES {
                sums[i] += f64::from(chunk[i]);
                smallest[i] = smaller(smallest[i], positive(chunk[i]));
            }
        }
        for &p in rest {
            sums[0] += f64::from(p);
            smallest[0] = smaller(smallest[0], positive(p));
        }
        *out = Pieces {
            total: sums.iter().sum(),
            smallest: smallest.into_iter().fold(f32::INFINITY, smaller),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::{Purpose, Streams};

    /// One entry after another.
    fn plain(probabilities: &[f32], rng: &mut impl Rng) -> usize {
        let total: f64 = probabilities.iter().map(|&p| f64::from(p)).sum();
        let u = rng.random::<f64>() * total;
        let mut cumulative = 0.0;
        for (i, &p) in probabilities.iter().enumerate() {
            cumulative += f64::from(p);
            if p > 0.0 && u < cumulative {
                return i;
            }
        }
        last(probabilities)
    }

    #[test]
    fn the_same_number_gives_the_same_index_as_a_plain_loop() {
        let streams = Streams::new(11);
        for n in [1, 5, 64, 65, 300, 3840] {
            // The last spread has entries so small that sums depend on their order.
            for (round, spread) in [0.0f32, 3.0, 12.0, 40.0].into_iter().enumerate() {
                let mut rng = streams.rng(Purpose::Check, n as u32, round as u16);
                let mut p: Vec<f32> = (0..n)
                    .map(|i| {
                        if i % 7 == 3 {
                            0.0
                        } else {
                            (-spread * rng.random::<f32>()).exp()
                        }
                    })
                    .collect();
                let total: f32 = p.iter().sum();
                p.iter_mut().for_each(|p| *p /= total);
                for draw in 0..200 {
                    let rng = || streams.rng(Purpose::Rollout, draw, n as u16);
                    let (fast, slow) = (sample_index(&p, &mut rng()), plain(&p, &mut rng()));
                    assert_eq!(fast, slow, "{n} entries, spread {spread}");
                    assert!(p[fast] > 0.0);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "at least one probability is positive")]
    fn no_probability_at_all_panics() {
        sample_index(&[0.0; 100], &mut Streams::new(0).rng(Purpose::Check, 0, 0));
    }
}
