//! Standard normal draws.

use std::f64::consts::TAU;

use rand::{Rng, RngExt as _};

use crate::{EnvironmentError, Purpose, Streams};

/// One draw of `N(0, 1)` from two uniform ones: `√(−2 ln(1 − u))·cos(2π·v)`, the first of Box and Muller's pair.
pub fn standard_normal(rng: &mut impl Rng) -> f64 {
    // u is below 1, so that the logarithm is finite.
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
}

/// The standard normal draws of the stream `(Problem, 0, 0)` of `seed`, where `scale` is one that they can be multiplied by.
pub(crate) fn standard_normals(
    scale: f64,
    seed: u64,
) -> Result<impl FnMut() -> f64, EnvironmentError> {
    if !(scale.is_finite() && scale >= 0.0) {
        return Err(EnvironmentError::invalid_parameter(
            "scale",
            &scale,
            "it must be finite and not negative",
        ));
    }
    let mut rng = Streams::new(seed).rng(Purpose::Problem, 0, 0);
    Ok(move || standard_normal(&mut rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_normal_distribution() {
        let mut rng = Streams::new(0).rng(Purpose::Check, 0, 0);
        let n = 40_000;
        let draws: Vec<f64> = (0..n).map(|_| standard_normal(&mut rng)).collect();
        let moment = |k: i32| draws.iter().map(|z| z.powi(k)).sum::<f64>() / f64::from(n);
        // Deviations of the four means: √(1/n), √(2/n), √(15/n), √(96/n); five of each.
        assert!(moment(1).abs() < 0.025, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.036, "{}", moment(2));
        assert!(moment(3).abs() < 0.097, "{}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.245, "{}", moment(4));
    }
}
