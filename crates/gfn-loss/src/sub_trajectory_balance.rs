//! Sub-trajectory balance.

use burn::tensor::Tensor;

use crate::host::{constant, indices};
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
/// A cell `[b, i, j]` that is no pair of states, or whose weight is too small for the floating-point
/// type, holds the residual 0 and the weight 0 and has no influence on the loss or its gradient.
///
/// # Shapes
///
/// - `x`: `N` transitions of `B` trajectories, `T` of them in the longest, see [`LogProbs`]
/// - `log_flow`: `[N + B]`, the flows of all states of each trajectory in order, at whose end is `log R(x)`
///   (see [`with_terminal_rewards`](crate::with_terminal_rewards))
/// - output: `[B, T + 1, T + 1]`
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
/// // t_01 = −0.25, t_12 = 0.25 as in detailed balance, and their sum t_02 = 0
/// assert_eq!(t, [0.0, -0.25, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0]);
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
) -> Residual<3> {
    check_per_state(&log_flow, &x.segments);
    assert!(
        lambda.is_finite() && lambda >= 0.0,
        "lambda must be finite and not negative, it is {lambda}"
    );
    let n_states = x.segments.max_length() + 1;
    let shape = [x.segments.n_segments(), n_states, n_states];

    // A_i = log F(s_i) − C_i with C the running sum of log P_F − log P_B: then t_ij = A_j − A_i.
    let steps = padded(x.log_pf.clone() - x.log_pb.clone(), &x.segments);
    let start = steps.clone().narrow(1, 0, 1).zeros_like();
    let running = Tensor::cat(vec![start, steps.cumsum(1)], 1);
    let potential = padded(log_flow, &x.segments.of_states()) - running;

    let weight = constant(
        weights(&x.segments, lambda, normalisation),
        shape,
        &potential,
    );
    let log_model = potential.clone().unsqueeze_dim::<3>(2);
    let log_target = potential.unsqueeze_dim::<3>(1);
    // An unused cell must be 0 before g: an infinite g(t) times the weight 0 is not a number.
    let unused = weight.clone().equal_scalar(0.0);
    Residual::from_difference((log_target - log_model).mask_fill(unused, 0.0), weight)
}

/// The segments as the rows of a matrix, filled up with zeros: `[N]` to `[B, longest]`.
fn padded(values: Tensor<1>, segments: &Segments) -> Tensor<2> {
    let shape = [segments.n_segments(), segments.max_length()];
    if segments.common_length().is_some() {
        return values.reshape(shape);
    }
    let n_entries = segments.n_entries();
    let rows = segments.offsets().windows(2).flat_map(|ends| {
        let fill = std::iter::repeat(n_entries);
        (ends[0]..ends[1]).chain(fill).take(shape[1])
    });
    let cells = indices(rows, &values);
    let zero = Tensor::zeros([1], (&values.device(), values.dtype()));
    Tensor::cat(vec![values, zero], 0)
        .select(0, cells)
        .reshape(shape)
}

/// The normalised weight of every cell `[b, i, j]`, 0 where it is no pair `i < j` of states.
fn weights(
    segments: &Segments,
    lambda: f64,
    normalisation: SubTrajectoryNormalisation,
) -> Vec<f64> {
    let n_states = segments.max_length() + 1;
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

    let mut weights = vec![0.0; segments.n_segments() * n_states * n_states];
    for (matrix, n) in weights
        .chunks_exact_mut(n_states * n_states)
        .zip(segments.lengths())
    {
        let mut row = match normalisation {
            SubTrajectoryNormalisation::Batch {} => shared.clone(),
            SubTrajectoryNormalisation::Trajectory {} => powers(n),
        };
        let divisor = match normalisation {
            SubTrajectoryNormalisation::Batch {} => batch_total,
            SubTrajectoryNormalisation::Trajectory {} => n_segments * total(&row, n),
        };
        row.iter_mut().for_each(|weight| *weight /= divisor);
        for (i, cells) in matrix.chunks_exact_mut(n_states).enumerate().take(n) {
            cells[i + 1..=n].copy_from_slice(&row[1..=n - i]);
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
        #[rustfmt::skip]
        close(&batch, &[
            0.0, a, b,  0.0, 0.0, a,  0.0, 0.0, 0.0,
            0.0, a, 0.0,  0.0, 0.0, 0.0,  0.0, 0.0, 0.0,
        ]);
        // Within trajectory 0: 2/5, 1/5, 2/5, and half of that; trajectory 1 has its one pair.
        let within = weights(&segments, 0.5, SubTrajectoryNormalisation::Trajectory {});
        #[rustfmt::skip]
        close(&within, &[
            0.0, 0.2, 0.1,  0.0, 0.0, 0.2,  0.0, 0.0, 0.0,
            0.0, 0.5, 0.0,  0.0, 0.0, 0.0,  0.0, 0.0, 0.0,
        ]);
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
