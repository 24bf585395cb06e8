//! The distance that sampling alone puts between a histogram and its own distribution.

use std::sync::LazyLock;

/// What a histogram of `N` independent samples of the target itself measures on average: the best value that an
/// empirical distance can show.
///
/// A cell of probability `q` holds a binomial count `k`, so the expectation of `|k/N − q|` is its mean absolute deviation
/// over `N` ([`binomial_mean_absolute_deviation`]), and sums of expectations need no independence: the floor is exact.
/// For many samples per cell it approaches `Σ √(2 q (1 − q) / (π N))`, which is too high where cells expect less than
/// one sample.
///
/// A window holds correlated samples of a moving policy; its distance may lie a little beside the floor either way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingFloor {
    /// Expected `½ Σ|k/N − q|`.
    pub total_variation: f64,
    /// Expected `Σ|k/N − q|`.
    pub l1_sum: f64,
    /// Expected `Σ|k/N − q| / n`.
    pub l1_mean: f64,
}

impl SamplingFloor {
    /// The floor of `samples` samples from `target`; NaN for no samples.
    ///
    /// Costs a few logarithms per object: keep it while neither argument changes.
    #[must_use]
    pub fn of(target: &[f64], samples: u64) -> Self {
        let deviations: f64 = target
            .iter()
            .map(|&q| binomial_mean_absolute_deviation(samples, q))
            .sum();
        let sum = deviations / samples as f64;
        Self {
            total_variation: 0.5 * sum,
            l1_sum: sum,
            l1_mean: sum / target.len() as f64,
        }
    }
}

/// Mean absolute deviation of a binomial count, `E|X − np|` for `X ~ Binomial(n, p)`.
///
/// De Moivre's closed form: `2 m C(n, m) p^m (1 − p)^(n − m + 1)` with `m = ⌊np⌋ + 1`, evaluated in log space.
/// NaN if `p` is not in `0..=1`.
///
/// # References
///
/// Diaconis and Zabell (1991), *Closed form summation for classical distributions*, Statistical Science 6(3).
#[must_use]
pub fn binomial_mean_absolute_deviation(n: u64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    // X and n − X deviate equally; the smaller side keeps m ≤ n when np rounds up to n.
    let p = p.min(1.0 - p);
    if p == 0.0 || n == 0 {
        return 0.0;
    }
    let m = (n as f64 * p).floor() as u64 + 1;
    let log_choose = ln_factorial(n) - ln_factorial(m) - ln_factorial(n - m);
    let log_value =
        (2.0 * m as f64).ln() + log_choose + m as f64 * p.ln() + (n - m + 1) as f64 * (-p).ln_1p();
    log_value.exp()
}

/// `ln n!`: a table up to 255, Stirling's series above, where its first dropped term is below 1e-18.
#[must_use]
pub fn ln_factorial(n: u64) -> f64 {
    const TABLE_LEN: usize = 256;
    static TABLE: LazyLock<[f64; TABLE_LEN]> = LazyLock::new(|| {
        let mut table = [0.0; TABLE_LEN];
        for n in 2..TABLE_LEN {
            table[n] = table[n - 1] + (n as f64).ln();
        }
        table
    });
    if let Some(&value) = usize::try_from(n).ok().and_then(|n| TABLE.get(n)) {
        return value;
    }
    let x = n as f64;
    let inverse_square = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse_square * (1.0 / 360.0 - inverse_square / 1260.0)) / x;
    (x + 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series
}

#[cfg(test)]
mod tests {
    use super::super::{frequencies, total_variation};
    use super::*;

    const EXACT: f64 = 1e-12;

    fn close(left: f64, right: f64, tolerance: f64) -> bool {
        (left - right).abs() <= tolerance
    }

    #[test]
    fn ln_factorial_matches_sums_of_logarithms() {
        assert_eq!((ln_factorial(0), ln_factorial(1)), (0.0, 0.0));
        assert!(close(ln_factorial(10), 3_628_800.0_f64.ln(), EXACT));
        let mut sum = 0.0;
        for n in 1..=2000_u64 {
            sum += (n as f64).ln();
            assert!(close(ln_factorial(n), sum, 1e-11 * sum.max(1.0)), "{n}");
        }
    }

    #[test]
    fn de_moivre_equals_the_direct_sum() {
        for n in 1..=30_u64 {
            for p in [
                1e-9_f64,
                0.01,
                0.1,
                1.0 / 3.0,
                0.5,
                0.75,
                0.999,
                1.0 - 1e-12,
            ] {
                let direct: f64 = (0..=n)
                    .map(|k| {
                        let choose =
                            (ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)).exp();
                        let mass = choose * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32);
                        mass * (k as f64 - n as f64 * p).abs()
                    })
                    .sum();
                let closed = binomial_mean_absolute_deviation(n, p);
                assert!(
                    close(closed, direct, 1e-11 * n as f64),
                    "n {n} p {p}: {closed} against {direct}"
                );
            }
        }
        assert_eq!(binomial_mean_absolute_deviation(5, 0.0), 0.0);
        assert_eq!(binomial_mean_absolute_deviation(5, 1.0), 0.0);
        assert!(binomial_mean_absolute_deviation(5, 1.5).is_nan());
    }

    #[test]
    fn floor_approaches_the_normal_approximation() {
        let target = [0.1, 0.2, 0.3, 0.4];
        let samples = 2_000_000;
        let approximation: f64 = target
            .iter()
            .map(|q| (2.0 * q * (1.0 - q) / (std::f64::consts::PI * samples as f64)).sqrt())
            .sum();
        assert!(close(
            SamplingFloor::of(&target, samples).l1_sum / approximation,
            1.0,
            1e-5
        ));
        assert!(SamplingFloor::of(&target, 0).total_variation.is_nan());
    }

    #[test]
    fn floor_agrees_with_simulation() {
        // SplitMix64, fixed seed: the figure below is one number, not a chance.
        let mut state = 42_u64;
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        // Most cells expect less than one sample, where the normal approximation is far off.
        let weights: Vec<f64> = (1..=64).map(|rank| 1.0 / f64::from(rank)).collect();
        let total: f64 = weights.iter().sum();
        let target: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let (samples, repeats) = (40, 4000);
        let mut sum = 0.0;
        for _ in 0..repeats {
            let mut counts = vec![0_u64; target.len()];
            for _ in 0..samples {
                let mut left = uniform();
                let cell = target.iter().position(|q| {
                    left -= q;
                    left < 0.0
                });
                counts[cell.unwrap_or(target.len() - 1)] += 1;
            }
            sum += total_variation(&frequencies(&counts), &target);
        }
        let simulated = sum / f64::from(repeats);
        let floor = SamplingFloor::of(&target, samples).total_variation;
        assert!(
            close(simulated, floor, 0.002),
            "{simulated} against {floor}"
        );
    }
}
