//! Special functions.

use std::f64::consts::TAU;

/// `log Γ(x)` for `x > 0`, by Stirling's series beyond 10 and the recurrence below; exact to about 1e-14 relative to
/// `max(1, |log Γ|)`.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 1.0);
    while x < 10.0 {
        below *= x;
        x += 1.0;
    }
    // B_{2k}/(2k·(2k − 1)) for k = 1 to 7.
    const COEFFICIENTS: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let inverse_square = 1.0 / (x * x);
    let series = COEFFICIENTS
        .iter()
        .rev()
        .fold(0.0, |sum, c| sum * inverse_square + c);
    (x - 0.5) * x.ln() - x + 0.5 * TAU.ln() + series / x - f64::ln(below)
}

/// `log(e^a + e^b)`, stable; `-inf` where both are.
pub(crate) fn log_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY {
        high
    } else {
        high + (low - high).exp().ln_1p()
    }
}

/// `log σ(x) = −log(1 + e^−x)`, without overflow and exact in both tails.
pub(crate) fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_gamma_of_whole_and_half_numbers() {
        let (mut whole, mut half) = (0.0, 0.5 * std::f64::consts::PI.ln());
        for n in 1..400 {
            let x = f64::from(n);
            let close = |a: f64, b: f64| (a - b).abs() < 2e-14 * b.abs().max(1.0);
            assert!(close(ln_gamma(x), whole), "{n}");
            assert!(close(ln_gamma(x - 0.5), half), "{n}");
            whole += x.ln();
            half += (x - 0.5).ln();
        }
    }

    #[test]
    fn ln_gamma_near_zero() {
        // Γ(x) = 1/x − γ + O(x).
        let x = 1e-9;
        assert!((ln_gamma(x) - (1.0 / x - 0.577_215_664_901_532_9).ln()).abs() < 1e-13);
    }

    #[test]
    fn log_add_exp_by_hand() {
        assert_eq!(log_add_exp(1000.0, 1000.0), 1000.0 + 2f64.ln());
        assert_eq!(log_add_exp(f64::NEG_INFINITY, 3.0), 3.0);
        assert_eq!(
            log_add_exp(f64::NEG_INFINITY, f64::NEG_INFINITY),
            f64::NEG_INFINITY
        );
    }

    #[test]
    fn log_sigmoid_in_both_tails() {
        assert_eq!(log_sigmoid(0.0), -2f64.ln());
        assert_eq!(log_sigmoid(-1e5), -1e5);
        assert_eq!(log_sigmoid(1e5), 0.0);
        assert!((log_sigmoid(40.0) / -(-40f64).exp() - 1.0).abs() < 1e-15);
        assert!((log_sigmoid(-3.0) + 3f64.exp().ln_1p()).abs() < 1e-15);
    }
}
