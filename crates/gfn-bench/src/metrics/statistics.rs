//! Small-sample statistics for reports, all in `f64`.
//!
//! One rule for missing values: **a NaN in gives a NaN out, and so does a sample that is too small for the statistic**.
//! A diverged seed must not disappear from a median without a word; a caller that wants it left out filters first and
//! prints the `n` that remains ([`Spread::of_finite`] does both). Infinities take part in order statistics and make
//! moments infinite or NaN, as IEEE arithmetic does.
//!
//! # Examples
//!
//! ```
//! use gfn_bench::metrics::statistics::{Spread, median};
//!
//! assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
//! let spread = Spread::of_finite([0.1, f64::NAN, 0.3]);
//! assert_eq!((spread.n, spread.low, spread.high), (2, Some(0.1), Some(0.3)));
//! ```

/// The median of a few values and the smallest and largest of them.
///
/// The unit of every table of a report: with three to ten seeds a range is honest where a standard error is not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// How many finite values there were.
    pub n: usize,
    /// Their median, `None` where `n` is 0.
    pub median: Option<f64>,
    /// The smallest of them.
    pub low: Option<f64>,
    /// The largest of them.
    pub high: Option<f64>,
}

impl Spread {
    /// The spread of the finite values among `values`; the others only lower `n`.
    pub fn of_finite(values: impl IntoIterator<Item = f64>) -> Self {
        let finite: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        if finite.is_empty() {
            return Self::default();
        }
        Self {
            n: finite.len(),
            median: Some(median(&finite)),
            low: Some(min(&finite)),
            high: Some(max(&finite)),
        }
    }
}

/// Smallest value; NaN if `values` is empty or holds a NaN.
#[must_use]
pub fn min(values: &[f64]) -> f64 {
    extreme(values, f64::min)
}

/// Largest value; NaN if `values` is empty or holds a NaN.
#[must_use]
pub fn max(values: &[f64]) -> f64 {
    extreme(values, f64::max)
}

// `f64::min` and `f64::max` drop NaN, which is the opposite of this module's rule.
fn extreme(values: &[f64], pick: fn(f64, f64) -> f64) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    values.iter().copied().reduce(pick).unwrap_or(f64::NAN)
}

/// Arithmetic mean; NaN if `values` is empty or holds a NaN.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample standard deviation, `√(Σ(x − x̄)² / (n − 1))`.
///
/// NaN for fewer than two values: one seed says nothing about a spread, and 0 would claim that it does.
#[must_use]
pub fn standard_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// Median: the middle value, or the mean of the two middle values. NaN if empty or holding a NaN.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The `level`-quantile by linear interpolation between order statistics (R's type 7, the default of `numpy`).
///
/// With sorted values `x_0 … x_{n−1}` and `h = (n − 1) · level` it is `x_⌊h⌋ + (h − ⌊h⌋)(x_{⌊h⌋+1} − x_⌊h⌋)`.
/// NaN if `values` is empty or holds a NaN.
///
/// # Panics
///
/// If `level` is not in `0..=1`.
#[must_use]
pub fn quantile(values: &[f64], level: f64) -> f64 {
    assert!(
        (0.0..=1.0).contains(&level),
        "a quantile level is in 0..=1, not {level}"
    );
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = (sorted.len() - 1) as f64 * level;
    let below = position.floor() as usize;
    let fraction = position - position.floor();
    // The exact hit is returned as it is: 0 · (∞ − ∞) would be NaN.
    if fraction == 0.0 || sorted[below] == sorted[below + 1] {
        return sorted[below];
    }
    sorted[below] + fraction * (sorted[below + 1] - sorted[below])
}

/// Pearson's correlation, `Σ(x − x̄)(y − ȳ) / √(Σ(x − x̄)² Σ(y − ȳ)²)`.
///
/// NaN where it does not exist: fewer than two pairs, a constant side, or a value that is not finite.
///
/// # Panics
///
/// If the slices differ in length.
#[must_use]
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "correlation needs pairs");
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut covariance, mut variance_x, mut variance_y) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        covariance += (x - mean_x) * (y - mean_y);
        variance_x += (x - mean_x).powi(2);
        variance_y += (y - mean_y).powi(2);
    }
    // Two roots rather than the root of a product: the product can leave the range of f64.
    (covariance / (variance_x.sqrt() * variance_y.sqrt())).clamp(-1.0, 1.0)
}

/// Spearman's rank correlation: [`pearson`] of [`average_ranks`], so ties share the mean of their ranks.
///
/// NaN as for [`pearson`], except that infinities have ranks like any other value.
///
/// # Panics
///
/// If the slices differ in length.
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "correlation needs pairs");
    if x.iter().chain(y).any(|value| value.is_nan()) {
        return f64::NAN;
    }
    pearson(&average_ranks(x), &average_ranks(y))
}

/// Ranks from 1 up; equal values share the mean of the ranks that they span. NaN ranks above everything.
#[must_use]
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    // Adding zero makes −0.0 equal to 0.0 for `total_cmp` as it is for `==`.
    let keys: Vec<f64> = values.iter().map(|value| value + 0.0).collect();
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    let mut ranks = vec![0.0; keys.len()];
    let mut first = 0;
    while first < order.len() {
        let tied = order[first..]
            .iter()
            .take_while(|&&index| keys[index].total_cmp(&keys[order[first]]).is_eq())
            .count();
        let rank = first as f64 + (tied as f64 + 1.0) / 2.0;
        for &index in &order[first..first + tied] {
            ranks[index] = rank;
        }
        first += tied;
    }
    ranks
}

/// `log Σ exp(x)` without overflow: `m + log Σ exp(x − m)` with `m` the largest value.
///
/// `−∞` if `values` is empty or all `−∞`, `+∞` if one is `+∞`, NaN if one is NaN.
#[must_use]
pub fn log_sum_exp(values: &[f64]) -> f64 {
    if values.is_empty() {
        return f64::NEG_INFINITY;
    }
    let largest = max(values);
    // The shift by an infinite maximum would be ∞ − ∞.
    if !largest.is_finite() {
        return largest;
    }
    largest
        + values
            .iter()
            .map(|value| (value - largest).exp())
            .sum::<f64>()
            .ln()
}

/// `log (1/n Σ exp(x))`, the log of the mean of importance weights; NaN if `values` is empty.
#[must_use]
pub fn log_mean_exp(values: &[f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    log_sum_exp(values) - (values.len() as f64).ln()
}

/// Kish's effective sample size of log-weights, `(Σw)² / Σw²`, between 1 and `n`.
///
/// It does not change when all log-weights are shifted. 0 if there are no weights or all are zero (`−∞`), NaN if one is
/// NaN or `+∞`.
#[must_use]
pub fn effective_sample_size(log_weights: &[f64]) -> f64 {
    let total = log_sum_exp(log_weights);
    if total == f64::NEG_INFINITY {
        return 0.0;
    }
    let doubled: Vec<f64> = log_weights
        .iter()
        .map(|weight| 2.0 * (weight - total))
        .collect();
    (-log_sum_exp(&doubled)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: f64 = 1e-12;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < EXACT
    }

    #[test]
    fn order_statistics_match_hand_values() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(
            (min(&values), median(&values), max(&values)),
            (1.0, 2.5, 4.0)
        );
        // h = 3 · 0.25 = 0.75 between 1 and 2.
        assert_eq!(quantile(&values, 0.25), 1.75);
        assert_eq!((quantile(&values, 0.0), quantile(&values, 1.0)), (1.0, 4.0));
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[f64::INFINITY, f64::INFINITY]), f64::INFINITY);
    }

    #[test]
    fn moments_match_hand_values() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), 5.0);
        assert!(close(standard_deviation(&values), (32.0_f64 / 7.0).sqrt()));
    }

    #[test]
    fn nan_and_empty_give_nan() {
        for statistic in [min, max, mean, median, standard_deviation, log_mean_exp] {
            assert!(statistic(&[]).is_nan());
            assert!(statistic(&[1.0, f64::NAN, 2.0]).is_nan());
        }
        assert!(standard_deviation(&[1.0]).is_nan());
        assert!(log_sum_exp(&[0.0, f64::NAN]).is_nan());
        assert!(spearman(&[1.0, f64::NAN], &[1.0, 2.0]).is_nan());
        assert!(pearson(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
        assert!(pearson(&[], &[]).is_nan());
    }

    #[test]
    fn spread_counts_finite_values_only() {
        assert_eq!(
            Spread::of_finite([f64::NAN, f64::INFINITY]),
            Spread::default()
        );
        let spread = Spread::of_finite([3.0, f64::NAN, 1.0]);
        assert_eq!(
            spread,
            Spread {
                n: 2,
                median: Some(2.0),
                low: Some(1.0),
                high: Some(3.0)
            }
        );
    }

    #[test]
    fn pearson_matches_hand_value() {
        // x̄ = 2, ȳ = 8/3: covariance 3, variances 2 and 14/3.
        assert!(close(
            pearson(&[1.0, 2.0, 3.0], &[1.0, 3.0, 4.0]),
            3.0 / (2.0_f64 * 14.0 / 3.0).sqrt()
        ));
        assert!(close(pearson(&[1.0, 2.0], &[4.0, 3.0]), -1.0));
    }

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(
            average_ranks(&[10.0, 20.0, 10.0, 30.0, 10.0]),
            [2.0, 4.0, 2.0, 5.0, 2.0]
        );
        assert_eq!(average_ranks(&[0.0, -0.0]), [1.5, 1.5]);
        // Ranks (1, 2.5, 2.5, 4) and (1, 2, 3, 4): covariance 4.5, variances 4.5 and 5.
        assert!(close(
            spearman(&[1.0, 5.0, 5.0, 9.0], &[0.1, 0.2, 0.3, 0.4]),
            4.5 / (4.5_f64 * 5.0).sqrt()
        ));
    }

    #[test]
    fn spearman_is_invariant_under_monotone_maps_and_takes_infinities() {
        let log_reward = [f64::NEG_INFINITY, -3.0, 0.5, 2.0];
        let reward: Vec<f64> = log_reward.iter().map(|value| value.exp()).collect();
        assert!(close(spearman(&log_reward, &reward), 1.0));
    }

    #[test]
    fn log_sums_stay_finite_and_handle_the_ends() {
        assert!(close(log_sum_exp(&[1000.0, 1000.0]), 1000.0 + 2.0_f64.ln()));
        assert!(close(log_mean_exp(&[-1000.0, -1000.0]), -1000.0));
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY; 3]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f64::INFINITY, 0.0]), f64::INFINITY);
        assert!(close(log_sum_exp(&[f64::NEG_INFINITY, 2.0]), 2.0));
    }

    #[test]
    fn effective_sample_size_of_known_weights() {
        assert!(close(effective_sample_size(&[5.0; 4]), 4.0));
        // Weights 1 and 3: 16 / 10.
        assert!(close(effective_sample_size(&[0.0, 3.0_f64.ln()]), 1.6));
        assert!(close(
            effective_sample_size(&[-2000.0, f64::NEG_INFINITY]),
            1.0
        ));
        assert_eq!(effective_sample_size(&[]), 0.0);
        assert_eq!(effective_sample_size(&[f64::NEG_INFINITY; 2]), 0.0);
        assert!(effective_sample_size(&[f64::INFINITY, 0.0]).is_nan());
    }
}
