//! Draws of weights that sum to 1.

use rand::{Rng, RngExt as _};

use crate::normal::standard_normal;

/// One draw of the Dirichlet distribution: gamma variates over their sum.
pub(super) fn draw_dirichlet(concentration: &[f64], rng: &mut impl Rng) -> Vec<f64> {
    let logs: Vec<f64> = concentration
        .iter()
        .map(|shape| log_gamma_variate(*shape, rng))
        .collect();
    // In logarithms: for a small shape every variate may be below the smallest number.
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let variates: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
    let sum: f64 = variates.iter().sum();
    variates.into_iter().map(|g| g / sum).collect()
}

/// The logarithm of a draw of the gamma distribution of this shape and scale 1.
///
/// Marsaglia and Tsang (2000), *A simple method for generating gamma variables*. A draw of a shape below 1 is one of the
/// shape above by 1, times `u^{1/shape}`.
fn log_gamma_variate(shape: f64, rng: &mut impl Rng) -> f64 {
    if shape < 1.0 {
        let log_u = log_uniform(rng);
        return log_gamma_variate(shape + 1.0, rng) + log_u / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = standard_normal(rng);
        let v = (1.0 + c * z).powi(3);
        // A logarithm of a negative number is NaN, and no smaller than anything.
        if v > 0.0 && log_uniform(rng) < 0.5 * z * z + d - d * v + d * v.ln() {
            return (d * v).ln();
        }
    }
}

/// The logarithm of a uniform draw, which is not 0.
fn log_uniform(rng: &mut impl Rng) -> f64 {
    (1.0 - rng.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Purpose, Streams};

    const N: i32 = 40_000;

    #[test]
    fn gamma_variates_have_the_moments_of_the_distribution() {
        for shape in [0.4, 1.0, 3.5] {
            let mut rng = Streams::new(0).rng(Purpose::Check, 0, 0);
            let draws: Vec<f64> = (0..N)
                .map(|_| log_gamma_variate(shape, &mut rng).exp())
                .collect();
            // E X^k = a(a + 1)..(a + k − 1).
            let moment = |k: i32| (0..k).map(|i| shape + f64::from(i)).product::<f64>();
            for k in 1..=3 {
                let mean = draws.iter().map(|x| x.powi(k)).sum::<f64>() / f64::from(N);
                let variance = moment(2 * k) - moment(k).powi(2);
                let error = 5.0 * (variance / f64::from(N)).sqrt();
                // Five standard errors of each of nine means.
                assert!(
                    (mean - moment(k)).abs() < error,
                    "shape {shape}, moment {k}: {mean}"
                );
            }
        }
    }

    #[test]
    fn weights_have_the_moments_of_the_dirichlet_distribution() {
        for concentration in [
            vec![1.0, 1.0],
            vec![0.3, 0.3, 0.3],
            vec![2.0, 0.5, 1.5, 4.0],
        ] {
            let mut rng = Streams::new(1).rng(Purpose::Check, 0, 0);
            let draws: Vec<Vec<f64>> = (0..N)
                .map(|_| draw_dirichlet(&concentration, &mut rng))
                .collect();
            let sum: f64 = concentration.iter().sum();
            for w in &draws {
                assert!(w.iter().all(|w| *w >= 0.0));
                assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
            let expect = |name: &str, f: &dyn Fn(&[f64]) -> f64, expected: f64| {
                let mean = draws.iter().map(|w| f(w)).sum::<f64>() / f64::from(N);
                let squares = draws.iter().map(|w| f(w).powi(2)).sum::<f64>() / f64::from(N);
                // Five standard errors, of at most nine means for each of three distributions: a false alarm once in
                // 60,000 seeds.
                let error = 5.0 * ((squares - mean * mean) / f64::from(N)).sqrt();
                assert!(
                    (mean - expected).abs() < error,
                    "{name}: {mean}, {expected}"
                );
            };
            for (i, a) in concentration.iter().enumerate() {
                expect("mean", &|w| w[i], a / sum);
                let square = a * (a + 1.0) / (sum * (sum + 1.0));
                expect("second moment", &|w| w[i] * w[i], square);
            }
            let [a, b] = [concentration[0], concentration[1]];
            let product = a * b / (sum * (sum + 1.0));
            expect("mixed moment", &|w| w[0] * w[1], product);
        }
    }

    #[test]
    fn extreme_concentrations_give_weights() {
        let mut rng = Streams::new(2).rng(Purpose::Check, 0, 0);
        for _ in 0..1_000 {
            let corner = draw_dirichlet(&[1e-3; 4], &mut rng);
            assert!(
                (corner.iter().sum::<f64>() - 1.0).abs() < 1e-12,
                "{corner:?}"
            );
            let centre = draw_dirichlet(&[1e6; 2], &mut rng);
            assert!((centre[0] - 0.5).abs() < 0.003, "{centre:?}");
        }
    }
}
