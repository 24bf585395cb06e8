//! Properties of the regression losses, by value, in double and in single precision.

mod common;

use burn::tensor::{Device, Tensor};
use common::{F64, REGRESSIONS, assert_close, entries, vector};
use gfn_loss::{Regression, RegressionError};

/// From far below to far above 0, dense around it.
fn grid() -> Vec<f64> {
    let positive = [
        1e-12, 1e-7, 1e-4, 0.01, 0.0999, 0.1, 0.1001, 0.2, 0.7, 1.0, 3.0, 20.0,
    ];
    let negative = positive.iter().map(|t| -t);
    negative.chain([0.0]).chain(positive).collect()
}

#[test]
fn literal_values() {
    let at = |g: Regression, t: f64| entries(g.evaluate(vector(&[t], &Device::flex())))[0];
    assert_eq!(at(Regression::Squared {}, -3.0), 9.0);
    assert_eq!(at(Regression::HalfSquared {}, -3.0), 4.5);
    assert_eq!(at(Regression::Huber { delta: 2.0 }, -3.0), 4.0); // 2·(3 − 1)
    assert_eq!(at(Regression::Huber { delta: 2.0 }, -1.0), 0.5);
    let cosh = at(Regression::ShiftedCosh {}, 2f64.ln());
    assert_close(&[cosh], &[0.25], 1e-15); // (2 + ½)/2 − 1
    let linex = |alpha, t| at(Regression::Linex { alpha }, t);
    assert_close(&[linex(1.0, 1.0)], &[std::f64::consts::E - 2.0], 1e-15);
    assert_close(&[linex(1.0, -1.0)], &[(-1f64).exp()], 1e-15); // e⁻¹ + 1 − 1
    assert_close(
        &[linex(0.5, 2.0)],
        &[4.0 * std::f64::consts::E - 8.0],
        1e-15,
    ); // 4e^{t/2} − 2t − 4
}

#[test]
fn the_tensor_is_the_scalar() {
    for g in REGRESSIONS {
        let t = grid();
        let value: Vec<f64> = t.iter().map(|&t| g.value(t)).collect();
        let actual = entries(g.evaluate(vector(&t, &Device::flex())));
        for ((t, a), b) in t.iter().zip(actual).zip(value) {
            // Relative: the series is cut where it is good to 1e-10.
            assert!(
                (a - b).abs() <= 1e-9 * b.abs(),
                "{g:?} at {t}: {a} is not {b}"
            );
        }
    }
}

#[test]
fn the_gradient_is_the_scalar_derivative() {
    for g in REGRESSIONS {
        let t = vector(&grid(), &Device::flex().autodiff()).require_grad();
        let gradients = g.evaluate(t.clone()).sum().backward();
        let actual = entries(t.grad(&gradients).unwrap());
        for (&t, a) in grid().iter().zip(actual) {
            let b = g.derivative(t);
            assert!(
                (a - b).abs() <= F64 * b.abs(),
                "{g:?} at {t}: {a} is not {b}"
            );
        }
    }
}

#[test]
fn the_derivative_is_the_slope_of_the_value() {
    let h = 1e-5;
    for g in REGRESSIONS {
        for t in [-3.0, -0.6, -0.05, 0.0, 0.05, 0.6, 3.0] {
            let slope = (g.value(t + h) - g.value(t - h)) / (2.0 * h);
            assert_close(&[g.derivative(t)], &[slope], F64);
        }
    }
}

#[test]
fn a_loss_is_zero_and_flat_at_zero_and_nowhere_negative() {
    for g in REGRESSIONS {
        assert_eq!((g.value(0.0), g.derivative(0.0)), (0.0, 0.0), "{g:?}");
        let t = grid();
        assert!(t.iter().all(|&t| t == 0.0 || g.value(t) > 0.0), "{g:?}");

        let zero = vector(&[0.0], &Device::flex().autodiff()).require_grad();
        let loss = g.evaluate(zero.clone());
        let gradient = entries(zero.grad(&loss.clone().backward()).unwrap());
        assert_eq!((entries(loss), gradient), (vec![0.0], vec![0.0]), "{g:?}");
    }
}

#[test]
fn the_curvature_at_zero_is_the_declared_one() {
    let h = 1e-5;
    for g in REGRESSIONS {
        let t = vector(&[-h, h], &Device::flex().autodiff()).require_grad();
        let gradients = g.evaluate(t.clone()).sum().backward();
        let slope = entries(t.grad(&gradients).unwrap());
        let curvature = (slope[1] - slope[0]) / (2.0 * h);
        assert_close(&[curvature], &[g.curvature_at_zero()], F64);
    }
}

#[test]
fn single_precision_keeps_its_digits_near_zero() {
    // (e^t − t − 1) in f32 has no digit left at 1e-4, cosh t − 1 neither.
    for g in REGRESSIONS {
        for t in grid().into_iter().filter(|t| t.abs() > 1e-10) {
            let single = Tensor::<1>::from_data([t as f32], &Device::flex());
            let actual = f64::from(g.evaluate(single).into_scalar::<f32>());
            let expected = g.value(f64::from(t as f32));
            let relative = (actual - expected).abs() / expected;
            assert!(relative < 3e-5, "{g:?} at {t}: {actual} is not {expected}");
        }
    }
}

#[test]
fn single_precision_gradients_are_finite_where_the_loss_is() {
    for g in REGRESSIONS {
        let device = Device::flex().autodiff();
        // Far out where a loss is linear: the series of Linex would overflow there. ±80 where it is exponential.
        let ends = match g {
            Regression::Linex { alpha } if alpha > 0.0 => [-1e9f32, 80.0],
            Regression::Linex { .. } => [-80.0, 1e9],
            _ => [-80.0, 80.0],
        };
        let t = Tensor::<1>::from_data(ends, &device).require_grad();
        let loss = g.evaluate(t.clone());
        let gradient = t.grad(&loss.clone().sum().backward()).unwrap();
        let gradient = gradient.try_into_vec_as::<f32>().unwrap();
        let loss = loss.try_into_vec_as::<f32>().unwrap();
        assert!(loss.iter().all(|v| v.is_finite()), "{g:?}: {loss:?}");
        assert!(
            gradient.iter().all(|v| v.is_finite()),
            "{g:?}: {gradient:?}"
        );
    }
}

#[test]
fn parameters_are_checked() {
    assert!(REGRESSIONS.iter().all(|g| g.validate().is_ok()));
    for delta in [0.0, -1.0, f64::INFINITY] {
        let error = Regression::Huber { delta }.validate();
        assert_eq!(error, Err(RegressionError::Delta { delta }));
    }
    assert!(Regression::Huber { delta: f64::NAN }.validate().is_err());
    for alpha in [0.0, -0.0, f64::NEG_INFINITY] {
        let error = Regression::Linex { alpha }.validate();
        assert_eq!(error, Err(RegressionError::Alpha { alpha }));
    }
    let error = Regression::Linex { alpha: f64::NAN }
        .validate()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "linex: alpha must be finite and not 0, it is NaN"
    );
}

#[test]
fn a_huge_huber_is_half_the_square() {
    let t = vector(&grid(), &Device::flex());
    let huber = entries(Regression::Huber { delta: 100.0 }.evaluate(t.clone()));
    assert_close(
        &huber,
        &entries(Regression::HalfSquared {}.evaluate(t)),
        F64,
    );
}
