//! Sub-trajectory balance.

use burn::tensor::Tensor;

use crate::host::constant;
use crate::kernels::sub_trajectory_residual::{n_pairs, sub_trajectory_residual};
use crate::log_probs::check_per_state;
use crate::{LogProbs, Residual, Segments};

/// Over what the weights `λ^(j−i)` of sub-trajectories are normalised.
///
/// Both are the same where all trajectories have one length. One without a transition counts as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
pub enum SubTrajectoryNormalisation {
    /// Over all sub-trajectories of the batch, as in the paper; the default.
    Batch {},
    /// Within each trajectory, then the mean over trajectories (torchgfn's `geometric_within`, gfnx).
    Trajectory {},
}

impl Default for SubTrajectoryNormalisation {
    fn default() -> Self {
        Self::Batch {}
    }
}

/// Sub-trajectory-balance residuals, one per pair `i < j` of states of a trajectory.
///
/// `t_ij = log F(s_j) + Σ_{i≤k<j} log P_B − log F(s_i) − Σ_{i≤k<j} log P_F`, weighted by `λ^(j−i)`
///
/// `λ → 0` leaves single transitions, as [`detailed_balance`](crate::detailed_balance), and 0 stands for
/// this limit; `λ → ∞` leaves whole trajectories, as [`trajectory_balance`](crate::trajectory_balance) with
/// `log Z = log F(s_0)`; values above 1 are in use. The weights are scaled by their largest before they
/// are normalised, so that no power overflows.
///
/// A pair whose weight is too small for the floating-point type holds the residual 0 and the weight 0 and has no
/// influence on the loss or its gradient.
///
/// # Shapes
///
/// - `x`: `N` transitions of `B` trajectories of `n_b`, see [`LogProbs`]
/// - `log_flow`: `[N + B]`, the flows of all states of each trajectory in order, at whose end is `log R(x)`
///   (see [`with_terminal_rewards`](crate::with_terminal_rewards))
/// - output: `[P]` with `P = Σ_b n_b (n_b + 1) / 2`: trajectory after trajectory, then by `i`, then by `j`
///
/// # Panics
///
/// If `log_flow` has not `N + B` entries, or if `lambda` is negative or not finite.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{LogProbs, Segments, SubTrajectoryNormalisation, sub_trajectory_balance};
///
/// let device = Device::flex();
/// let x = LogProbs::new(
///     Tensor::from_data([-1.0, -0.5], &device),
///     Tensor::from_data([-0.25, 0.0], &device),
///     Tensor::from_data([0.75], &device),
///     Segments::from_lengths(&[2]),
/// );
/// let log_flow = Tensor::from_data([2.0, 1.0, 0.75], &device);
/// let residual = sub_trajectory_balance(&x, log_flow, 0.5, SubTrajectoryNormalisation::Batch {});
/// let t: Vec<f32> = residual.target_over_model().try_into_vec_as()?;
/// // t_01 = −0.25, t_02 = 0 and t_12 = 0.25: single transitions as in detailed balance, and their sum
/// assert_eq!(t, [-0.25, 0.0, 0.25]);
/// # Ok::<(), burn::tensor::TensorReadError>(())
/// ```
///
/// # References
///
/// Madan et al. (2023), *Learning GFlowNets from partial episodes for improved convergence and
/// stability*, <https://arxiv.org/abs/2209.12782>. The paper squares `−t`.
#[must_use]
pub fn sub_trajectory_balance(
    x: &LogProbs,
    log_flow: Tensor<1>,
    lambda: f64,
    normalisation: SubTrajectoryNormalisation,
) -> Residual<1> {
    check_per_state(&log_flow, &x.segments);
    assert!(
        lambda.is_finite() && lambda >= 0.0,
        "lambda must be finite and not negative, it is {lambda}"
    );
    let (log_pf, log_pb) = (x.log_pf.clone(), x.log_pb.clone());
    let t = sub_trajectory_residual(log_pf, log_pb, log_flow, &x.segments, x.kernels);
    let weights = weights(&x.segments, lambda, normalisation);
    // A weight that vanishes in single precision: an infinite g(t) times 0 is not a number, so t must be 0 before g.
    let vanishing = weights.iter().any(|&w| w < f64::from(f32::MIN_POSITIVE));
    let weight = constant(weights, t.dims(), &t);
    let t = if vanishing {
        t.mask_fill(weight.clone().equal_scalar(0.0), 0.0)
    } else {
        t
    };
    Residual::from_difference(t, weight)
}

/// One weight for every sub-trajectory, in the order of the residuals.
fn weights(
    segments: &Segments,
    lambda: f64,
    normalisation: SubTrajectoryNormalisation,
) -> Vec<f64> {
    // λ^d over the largest power among d = 1..=longest: never above 1.
    let powers = |longest: usize| -> Vec<f64> {
        let largest = if lambda > 1.0 { longest as i32 } else { 1 };
        let power = |d: usize| lambda.powi(d as i32 - largest);
        (0..=longest)
            .map(|d| if d == 0 { 0.0 } else { power(d) })
            .collect()
    };
    // A trajectory of n transitions has n + 1 − d sub-trajectories of length d.
    let total =
        |powers: &[f64], n: usize| -> f64 { (1..=n).map(|d| (n + 1 - d) as f64 * powers[d]).sum() };
    let shared = powers(segments.max_length());
    let batch_total: f64 = segments.lengths().map(|n| total(&shared, n)).sum();
    let n_segments = segments.n_segments() as f64;

    let mut weights = Vec::with_capacity(n_pairs(segments));
    for n in segments.lengths() {
        let mut row = match normalisation {
            SubTrajectoryNormalisation::Batch {} => shared.clone(),
            SubTrajectoryNormalisation::Trajectory {} => powers(n),
        };
        let divisor = match normalisation {
            SubTrajectoryNormalisation::Batch {} => batch_total,
            SubTrajectoryNormalisation::Trajectory {} => n_segments * total(&row, n),
        };
        row.iter_mut().for_each(|weight| *weight /= divisor);
        for i in 0..n {
            weights.extend_from_slice(&row[1..=n - i]);
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: &[f64], expected: &[f64]) {
        assert_eq!(actual.len(), expected.len(), "{actual:?}");
        for (a, b) in actual.iter().zip(expected) {
            assert!((a - b).abs() < 1e-15, "{actual:?} is not {expected:?}");
        }
    }

    #[test]
    fn weights_by_hand() {
        let segments = Segments::from_lengths(&[2, 1]);
        // λ = 1/2: trajectory 0 has two pairs of weight 1/2 and one of 1/4, trajectory 1 one pair of 1/2:
        // 7/4 in all, and so 2/7, 1/7.
        let batch = weights(&segments, 0.5, SubTrajectoryNormalisation::Batch {});
        let (a, b) = (2.0 / 7.0, 1.0 / 7.0);
        close(&batch, &[a, b, a, a]);
        // Within trajectory 0: 2/5, 1/5, 2/5, and half of that; trajectory 1 has its one pair.
        let within = weights(&segments, 0.5, SubTrajectoryNormalisation::Trajectory {});
        close(&within, &[0.2, 0.1, 0.2, 0.5]);
    }

    #[test]
    fn no_power_overflows() {
        let segments = Segments::from_lengths(&[400, 3]);
        for lambda in [0.0, 1e-300, 1.9, 1e300] {
            for normalisation in [
                SubTrajectoryNormalisation::Batch {},
                SubTrajectoryNormalisation::Trajectory {},
            ] {
                let sum: f64 = weights(&segments, lambda, normalisation).iter().sum();
                assert!((sum - 1.0).abs() < 1e-12, "{lambda}: {sum}");
            }
        }
    }
}
