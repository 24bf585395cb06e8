//! Masked log-probabilities, on the host and on tensors; `true` always means allowed.
//!
//! Forbidden entries get a large negative finite logit ([`FORBIDDEN`]) before the softmax, never `−∞`:
//! `0 · (−∞)` is NaN in every expectation and in every backward pass that meets it.

use crate::kernels::exponential::{divide, exponentials};
use burn::tensor::{Bool, Tensor, activation};

/// Logit of a forbidden action: `exp(FORBIDDEN − max)` is exactly zero for every reachable `max`.
pub const FORBIDDEN: f32 = -1e9;

/// Row-wise `log softmax` over the allowed entries.
///
/// `log p_j = ℓ_j − log Σ_{k allowed} exp ℓ_k`; entries of forbidden actions are finite, about [`FORBIDDEN`].
///
/// # Shapes
///
/// - `logits`: `[N, A]`
/// - `forbidden`: `[N, A]`, true where the action does not exist
/// - output: `[N, A]`
pub fn masked_log_softmax(logits: Tensor<2>, forbidden: Tensor<2, Bool>) -> Tensor<2> {
    activation::log_softmax(logits.mask_fill(forbidden, FORBIDDEN), 1)
}

/// Probabilities of one row on the host: `softmax` over the allowed entries, exact zeros elsewhere.
///
/// # Shapes
///
/// `logits`, `allowed` and `probabilities` have one entry per action.
///
/// # Panics
///
/// If the lengths differ.
///
/// # Examples
///
/// ```
/// let mut p = [0.0; 3];
/// gfn_policy::masked_softmax(&[0.0, 7.0, 0.0], &[true, false, true], &mut p);
/// assert_eq!(p, [0.5, 0.0, 0.5]);
/// ```
pub fn masked_softmax(logits: &[f32], allowed: &[bool], probabilities: &mut [f32]) {
    assert!(
        logits.len() == allowed.len() && logits.len() == probabilities.len(),
        "logits, allowed and probabilities have one entry per action"
    );
    let row = exponentials(logits, allowed, true, probabilities);
    divide(probabilities, row.sum);
}

/// Log-probabilities of one row on the host in f64, `−∞` for forbidden actions.
///
/// # Panics
///
/// If the lengths differ.
pub fn masked_log_softmax_f64(logits: &[f32], allowed: &[bool], log_probabilities: &mut [f64]) {
    assert!(
        logits.len() == allowed.len() && logits.len() == log_probabilities.len(),
        "logits, allowed and log_probabilities have one entry per action"
    );
    let allowed_logits = || {
        logits
            .iter()
            .zip(allowed)
            .filter_map(|(&l, &ok)| ok.then_some(f64::from(l)))
    };
    let max = allowed_logits().fold(f64::NEG_INFINITY, f64::max);
    // Kept apart from the maximum, which would swallow it where logits are huge.
    let log_total = allowed_logits().map(|l| (l - max).exp()).sum::<f64>().ln();
    for ((out, &l), &ok) in log_probabilities.iter_mut().zip(logits).zip(allowed) {
        *out = if ok {
            (f64::from(l) - max) - log_total
        } else {
            f64::NEG_INFINITY
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn tensor_and_host_agree_and_extreme_logits_stay_finite() {
        let device = Device::flex();
        let logits = [[1.0f32, -2.0, 0.5], [80.0, 90.0, -85.0]];
        let allowed = [[true, false, true], [false, true, true]];
        let forbidden: Vec<bool> = allowed.iter().flatten().map(|ok| !ok).collect();
        let out = masked_log_softmax(
            Tensor::from_data(logits, &device),
            Tensor::from_data(TensorData::new(forbidden, [2, 3]), &device),
        )
        .into_data()
        .try_to_vec::<f32>()
        .unwrap();
        for r in 0..2 {
            let (mut p, mut lp) = ([0.0; 3], [0.0; 3]);
            masked_softmax(&logits[r], &allowed[r], &mut p);
            masked_log_softmax_f64(&logits[r], &allowed[r], &mut lp);
            for a in 0..3 {
                assert!(!out[r * 3 + a].is_nan(), "no NaN at {r},{a}");
                if allowed[r][a] {
                    assert!((f64::from(out[r * 3 + a]) - lp[a]).abs() < 1e-5, "{r},{a}");
                    assert!((f64::from(p[a]) - lp[a].exp()).abs() < 1e-6, "{r},{a}");
                } else {
                    assert_eq!(p[a], 0.0);
                    assert!(out[r * 3 + a] < -1e8);
                }
            }
        }
    }

    #[test]
    fn gradient_of_a_row_with_one_allowed_entry_is_exactly_zero() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_data([[3.0f32, -4.0]], &device).require_grad();
        let forbidden = Tensor::<2, Bool>::from_data([[true, false]], &device);
        let chosen = masked_log_softmax(logits.clone(), forbidden)
            .narrow(1, 1, 1)
            .sum();
        assert_eq!(chosen.clone().into_scalar::<f32>(), 0.0);
        let gradient = logits
            .grad(&chosen.backward())
            .unwrap()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        assert_eq!(gradient, vec![0.0, 0.0]);
    }
}
