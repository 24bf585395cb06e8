//! The arithmetic floor: the time that the matrix products of an iteration take at the best rate of this machine.

use gfn_policy::matrix_product;
use std::time::{Duration, Instant};

/// Floating-point operations of one transition, counted from shapes.
///
/// A state is evaluated once, while sampling, and goes backward once: two operations for each weight forward and four
/// backward. Of the first layer's weights only the rows count that a state's features select; they have no gradient
/// to pass on.
pub fn operations_per_transition(active_features: f64, hidden: &[usize], outputs: usize) -> f64 {
    let mut widths = hidden.to_vec();
    widths.push(outputs);
    let first = 4.0 * active_features * widths[0] as f64;
    let others: f64 = widths.windows(2).map(|w| 6.0 * (w[0] * w[1]) as f64).sum();
    first + others
}

/// The best rate of a square matrix product in single precision on one core, in operations per second.
///
/// The largest of repeated measurements over the given time: what other programs take away is no property of the machine.
pub fn product_rate(time: Duration) -> f64 {
    const SIDE: usize = 512;
    let (a, b) = (vec![0.5; SIDE * SIDE], vec![0.25; SIDE * SIDE]);
    let mut out = vec![0.0; SIDE * SIDE];
    let mut best = f64::INFINITY;
    let start = Instant::now();
    while start.elapsed() < time {
        let before = Instant::now();
        matrix_product(&a, &b, &mut out, [SIDE, SIDE, SIDE]);
        best = best.min(before.elapsed().as_secs_f64());
    }
    2.0 * (SIDE * SIDE * SIDE) as f64 / best
}

#[cfg(test)]
mod tests {
    use super::operations_per_transition;

    #[test]
    fn a_small_network_by_hand() {
        // 2 of the first layer's rows of 3, forward and back; 3 x 5 weights three times.
        let count = operations_per_transition(2.0, &[3], 5);
        assert!((count - (24.0 + 90.0)).abs() < 1e-12, "{count}");
    }
}
