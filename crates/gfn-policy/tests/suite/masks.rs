//! Masked log-probabilities at the edges of single precision.

use burn::tensor::{Bool, Device, Tensor, TensorData};
use gfn_policy::{masked_log_softmax, masked_log_softmax_f64, masked_softmax};

/// Every subset of four actions but the empty one.
fn masks() -> impl Iterator<Item = [bool; 4]> {
    (1u8..16).map(|m| [0, 1, 2, 3].map(|j| m >> j & 1 == 1))
}

const EXTREME: [[f32; 4]; 5] = [
    [0.0, 0.0, 0.0, 0.0],
    [1e4, -1e4, 1e4, 0.0],
    [-3e7, 3e7, 1.0, -2.0],
    [-88.0, -89.0, -104.0, 88.0],
    [f32::MIN_POSITIVE, -0.0, 1e-30, 3e7],
];

#[test]
fn host_rows_are_distributions_for_any_finite_logits() {
    let largest = [[f32::MAX, -f32::MAX, 0.0, f32::MAX]];
    for logits in EXTREME.into_iter().chain(largest) {
        for allowed in masks() {
            let (mut p, mut log_p) = ([f32::NAN; 4], [f64::NAN; 4]);
            masked_softmax(&logits, &allowed, &mut p);
            masked_log_softmax_f64(&logits, &allowed, &mut log_p);
            let total: f32 = p.iter().sum();
            assert!((total - 1.0).abs() < 1e-6, "{logits:?} {allowed:?}: {p:?}");
            for j in 0..4 {
                let (p, log_p) = (f64::from(p[j]), log_p[j]);
                assert!((p - log_p.exp()).abs() < 1e-6, "{logits:?}: {p} {log_p}");
                if allowed[j] {
                    assert!(log_p.is_finite(), "{logits:?} {allowed:?}");
                } else {
                    assert_eq!((p, log_p), (0.0, f64::NEG_INFINITY));
                }
            }
        }
    }
}

#[test]
fn tensor_rows_and_their_gradients_are_finite() {
    let device = Device::flex().autodiff();
    for logits in EXTREME {
        for allowed in masks() {
            let forbidden = allowed.map(|ok| !ok).to_vec();
            let forbidden: Tensor<2, Bool> =
                Tensor::from_data(TensorData::new(forbidden, [1, 4]), &device);
            let x = Tensor::<2>::from_data([logits], &device).require_grad();
            let out = masked_log_softmax(x.clone(), forbidden.clone());
            let values: Vec<f64> = out.clone().into_data().iter::<f64>().collect();
            let mut expected = [0.0; 4];
            masked_log_softmax_f64(&logits, &allowed, &mut expected);
            for j in 0..4 {
                assert!(values[j].is_finite(), "{logits:?} {allowed:?}: {values:?}");
                if allowed[j] {
                    let (v, e) = (values[j], expected[j]);
                    assert!((v - e).abs() <= 1e-5 * (1.0 + e.abs()), "{v} {e}");
                } else {
                    assert!(values[j] < -9e8, "{logits:?} {allowed:?}: {values:?}");
                }
            }
            // An expectation as in an entropy: p·log p over all entries, the forbidden ones too.
            let entropy = (out.clone().exp() * out).sum();
            let gradient = x.grad(&entropy.backward()).unwrap();
            for (j, g) in gradient.into_data().iter::<f32>().enumerate() {
                assert!(g.is_finite(), "{logits:?} {allowed:?}: {g}");
                assert!(allowed[j] || g == 0.0, "a forbidden logit has no gradient");
            }
        }
    }
}
