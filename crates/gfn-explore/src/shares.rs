//! How many trajectories of a batch come from where.

/// The number of trajectories for each share of a batch of `n`, by largest remainder.
///
/// Each gets the whole part of its quota `share · n`; what is left goes to those with the largest rest, the first of
/// equal ones. The numbers sum to `n` where the shares sum to 1.
///
/// # Examples
///
/// ```
/// assert_eq!(gfn_explore::counts_of_shares(&[0.5, 0.25, 0.25], 6), [3, 2, 1]);
/// ```
#[must_use]
pub fn counts_of_shares(shares: &[f64], n: usize) -> Vec<usize> {
    // A quota that rounding has put just below a whole number is that number.
    let quotas = shares.iter().map(|share| share * n as f64 + 1e-9);
    let mut counts: Vec<usize> = quotas.clone().map(|quota| quota as usize).collect();
    let mut by_rest: Vec<(usize, f64)> = quotas.map(f64::fract).enumerate().collect();
    // Rests that differ by rounding alone are equal.
    by_rest.sort_by_key(|(_, rest)| std::cmp::Reverse((rest * 1e9).round() as u64));
    let left = n.saturating_sub(counts.iter().sum());
    for (index, _) in by_rest.into_iter().take(left) {
        counts[index] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_remainder_by_hand() {
        assert_eq!(counts_of_shares(&[0.5, 0.5], 16), [8, 8]);
        // 3.5, 1.75, 1.75: the two rests of 0.75 before that of 0.5.
        assert_eq!(counts_of_shares(&[0.5, 0.25, 0.25], 7), [3, 2, 2]);
        // 10 · 0.7 and 10 · (1 − 0.7) are not whole in floating point.
        assert_eq!(counts_of_shares(&[0.7, 1.0 - 0.7], 10), [7, 3]);
        // Equal rests: the first.
        assert_eq!(counts_of_shares(&[0.5, 0.5], 1), [1, 0]);
        assert_eq!(counts_of_shares(&[1.0 / 3.0; 3], 2), [1, 1, 0]);
        assert_eq!(counts_of_shares(&[0.0, 1.0], 5), [0, 5]);
    }

    #[test]
    fn numbers_sum_to_the_batch() {
        for n in 0..40 {
            for tenths in 0..=10 {
                let share = f64::from(tenths) / 10.0;
                let counts = counts_of_shares(&[1.0 - share, share / 2.0, share / 2.0], n);
                assert_eq!(counts.iter().sum::<usize>(), n, "{share} of {n}");
            }
        }
    }
}
