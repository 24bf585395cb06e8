//! Distances between two distributions over the same list of objects, and the floor that sampling puts under them.
//!
//! Everything is a pure function of `f64` slices that hold one probability per object. `p` is the learned terminal
//! distribution `P_T`, `q` the target `R/Z`, unless an argument is named otherwise. Nothing is renormalised here: a vector
//! that does not sum to one is a finding, not something to hide.
//!
//! Published tables call three different numbers "L1". Here each has its own name and a report prints it:
//! [`l1_sum`] `= Σ|p − q|`, [`l1_mean`] `= Σ|p − q| / n`, [`total_variation`] `= ½ Σ|p − q|`.
//!
//! A histogram of `N` samples never reaches 0, even when the sampler is perfect: [`SamplingFloor`] says how far it stays.
//!
//! # Examples
//!
//! ```
//! use gfn_bench::metrics::distance::{Distances, SamplingFloor, frequencies};
//!
//! let target = [0.5, 0.25, 0.25];
//! let window = frequencies(&[6, 3, 1]);
//! let measured = Distances::between(&window, &target).total_variation;
//! let floor = SamplingFloor::of(&target, 10).total_variation;
//! assert!((measured - 0.15).abs() < 1e-12);
//! assert!(floor > 0.1, "ten samples cannot show that the sampler is wrong");
//! ```

mod floor;

pub use gfn_env::total_variation;

pub use floor::{SamplingFloor, binomial_mean_absolute_deviation, ln_factorial};

/// Every distance between a learned distribution and its target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distances {
    /// [`total_variation`]: `½ Σ|p − q|`.
    pub total_variation: f64,
    /// [`l1_sum`]: `Σ|p − q|`.
    pub l1_sum: f64,
    /// [`l1_mean`]: `Σ|p − q| / n`.
    pub l1_mean: f64,
    /// `KL(target ‖ learned)`, infinite where the learned distribution misses an object entirely.
    pub kl_forward: f64,
    /// `KL(learned ‖ target)`, infinite where objects without reward are sampled.
    pub kl_reverse: f64,
    /// [`jensen_shannon`], in nats.
    pub jensen_shannon: f64,
}

impl Distances {
    /// All distances from `learned` to `target`.
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    #[must_use]
    pub fn between(learned: &[f64], target: &[f64]) -> Self {
        let sum = l1_sum(learned, target);
        Self {
            total_variation: 0.5 * sum,
            l1_sum: sum,
            l1_mean: sum / learned.len() as f64,
            kl_forward: kl_divergence(target, learned),
            kl_reverse: kl_divergence(learned, target),
            jensen_shannon: jensen_shannon(learned, target),
        }
    }
}

/// `Σ|p − q|`, in `0..=2`.
///
/// # Panics
///
/// If the slices differ in length.
#[must_use]
pub fn l1_sum(p: &[f64], q: &[f64]) -> f64 {
    pairs(p, q).map(|(p, q)| (p - q).abs()).sum()
}

/// `Σ|p − q| / n` over `n` objects: the scale depends on the size of the space, so it compares only within one.
///
/// NaN for empty slices.
///
/// # Panics
///
/// If the slices differ in length.
#[must_use]
pub fn l1_mean(p: &[f64], q: &[f64]) -> f64 {
    l1_sum(p, q) / p.len() as f64
}

/// `KL(p ‖ q) = Σ p log(p / q)` in nats, with `0 log 0 = 0` and `+∞` where `q = 0 < p`.
///
/// A sum that rounding left below 0 reads 0; a truly negative one, which only unnormalised vectors have, is kept.
///
/// # Panics
///
/// If the slices differ in length.
#[must_use]
pub fn kl_divergence(p: &[f64], q: &[f64]) -> f64 {
    const ROUNDING: f64 = 1e-12;
    // Filtering on `p != 0` keeps a NaN in the sum.
    let divergence: f64 = pairs(p, q)
        .filter(|(p, _)| *p != 0.0)
        .map(|(p, q)| p * (p / q).ln())
        .sum();
    if (-ROUNDING..0.0).contains(&divergence) {
        0.0
    } else {
        divergence
    }
}

/// Jensen–Shannon divergence, `½ KL(p ‖ m) + ½ KL(q ‖ m)` with `m = (p + q) / 2`, in nats: `0..=log 2`.
///
/// # Panics
///
/// If the slices differ in length.
#[must_use]
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> f64 {
    let middle: Vec<f64> = pairs(p, q).map(|(p, q)| 0.5 * (p + q)).collect();
    0.5 * kl_divergence(p, &middle) + 0.5 * kl_divergence(q, &middle)
}

/// Mean reward under `p`, `E_p[R] = Σ p R`.
///
/// Objects with `p = 0` do not take part, whatever their reward.
///
/// # Panics
///
/// If the slices differ in length.
#[must_use]
pub fn mean_reward(p: &[f64], reward: &[f64]) -> f64 {
    pairs(p, reward)
        .filter(|(p, _)| *p != 0.0)
        .map(|(p, reward)| p * reward)
        .sum()
}

/// Mean reward of the learned distribution as a share of the target's, `E_p[R] / E_q[R]`, clamped to `0..=1`.
///
/// The literature calls it accuracy. It saturates at 1 for any sampler that prefers high rewards, so it does not certify
/// that `p` is proportional to `R`.
///
/// # Panics
///
/// If the slices differ in length.
#[must_use]
pub fn accuracy(learned: &[f64], target: &[f64], reward: &[f64]) -> f64 {
    (mean_reward(learned, reward) / mean_reward(target, reward)).clamp(0.0, 1.0)
}

/// Frequencies of a histogram, `counts / Σ counts`; all NaN for an empty one, which has no distribution.
#[must_use]
pub fn frequencies(counts: &[u64]) -> Vec<f64> {
    let total: u64 = counts.iter().sum();
    counts
        .iter()
        .map(|&count| count as f64 / total as f64)
        .collect()
}

fn pairs<'a>(left: &'a [f64], right: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
    assert_eq!(
        left.len(),
        right.len(),
        "both slices hold one entry per object"
    );
    left.iter().copied().zip(right.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: f64 = 1e-12;

    fn close(left: f64, right: f64, tolerance: f64) -> bool {
        (left - right).abs() <= tolerance
    }

    #[test]
    fn distances_match_hand_values() {
        let (p, q) = ([0.5, 0.5, 0.0], [0.25, 0.5, 0.25]);
        let distances = Distances::between(&p, &q);
        assert!(close(distances.total_variation, 0.25, EXACT));
        assert!(close(distances.l1_sum, 0.5, EXACT));
        assert!(close(distances.l1_mean, 0.5 / 3.0, EXACT));
        assert_eq!(distances.kl_forward, f64::INFINITY);
        assert!(close(distances.kl_reverse, 0.5 * 2.0_f64.ln(), EXACT));
        // m = (0.375, 0.5, 0.125).
        let by_hand =
            0.25 * (4.0_f64 / 3.0).ln() + 0.125 * (2.0_f64 / 3.0).ln() + 0.125 * 2.0_f64.ln();
        assert!(close(distances.jensen_shannon, by_hand, EXACT));
        assert!(close(total_variation(&p, &q), 0.25, EXACT));
        assert!(close(l1_mean(&p, &q), 0.5 / 3.0, EXACT));
    }

    #[test]
    fn extremes_are_reached_exactly() {
        let (left, right) = ([1.0, 0.0], [0.0, 1.0]);
        assert_eq!(total_variation(&left, &right), 1.0);
        assert!(close(jensen_shannon(&left, &right), 2.0_f64.ln(), EXACT));
        let same = [0.2, 0.3, 0.5];
        assert_eq!(kl_divergence(&same, &same), 0.0);
        assert_eq!(jensen_shannon(&same, &same), 0.0);
    }

    #[test]
    fn unnormalised_vectors_keep_the_plain_formula() {
        assert!(close(
            kl_divergence(&[2.0], &[1.0]),
            2.0 * 2.0_f64.ln(),
            EXACT
        ));
        assert!(kl_divergence(&[f64::NAN], &[1.0]).is_nan());
    }

    #[test]
    fn accuracy_saturates() {
        let (target, reward) = ([0.2, 0.8], [1.0, 4.0]);
        assert!(close(mean_reward(&target, &reward), 3.4, EXACT));
        assert!(close(
            accuracy(&[1.0, 0.0], &target, &reward),
            1.0 / 3.4,
            EXACT
        ));
        assert_eq!(accuracy(&[0.0, 1.0], &target, &reward), 1.0);
    }

    #[test]
    #[should_panic(expected = "one entry per object")]
    fn lengths_must_agree() {
        assert!(total_variation(&[1.0], &[0.5, 0.5]).is_nan());
    }

    #[test]
    fn an_empty_histogram_has_no_distance() {
        assert!(
            Distances::between(&frequencies(&[0, 0]), &[0.5, 0.5])
                .total_variation
                .is_nan()
        );
    }
}
