//! The log-partition variance: trajectory balance without a partition function to learn.

use crate::{LogProbs, Residual, trajectory_balance};

/// Log-partition-variance (`VarGrad`) residuals, one per trajectory.
///
/// `t = ζ − sg(ζ̄)` with `ζ = log R(x) + Σ_t log P_B − Σ_t log P_F` and `ζ̄` its mean over the batch
///
/// Each `ζ` estimates `log Z`, and all of them agree when the policy is right, so that no parameter
/// for `log Z` is needed. With weights `1/B` the squared loss is the variance of `ζ` in the batch. The
/// mean is detached, `sg`; for [`Squared`](crate::Regression::Squared) and
/// [`HalfSquared`](crate::Regression::HalfSquared) this changes no gradient, because `Σ t = 0`. For the
/// other regression losses the gradient is that of trajectory balance at `log Z = ζ̄`. A batch of one
/// trajectory has the residual 0 and teaches nothing.
///
/// # Shapes
///
/// - `x`: `B` trajectories, see [`LogProbs`]
/// - output: `[B]`
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{LogProbs, Regression, Segments, log_partition_variance};
///
/// let device = Device::flex();
/// let x = LogProbs::new(
///     Tensor::from_data([-1.0, -2.0], &device),
///     Tensor::zeros([2], &device),
///     Tensor::from_data([0.5, 1.5], &device),
///     Segments::from_lengths(&[1, 1]),
/// );
/// // ζ = 1.5, 3.5: mean 2.5, variance 1
/// let loss = log_partition_variance(&x).loss(&Regression::Squared {});
/// assert_eq!(loss.into_scalar::<f32>(), 1.0);
/// ```
///
/// # References
///
/// Richter et al. (2020), *`VarGrad`: a low-variance gradient estimator for variational inference*,
/// <https://arxiv.org/abs/2010.10436>; Zhang et al. (2023), *Robust scheduling with GFlowNets*,
/// <https://arxiv.org/abs/2302.05446>.
#[must_use]
pub fn log_partition_variance(x: &LogProbs) -> Residual<1> {
    let log_z = (x.log_reward.clone() - x.log_ratio()).mean().detach();
    trajectory_balance(x, log_z)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use crate::{LogProbs, Segments, log_partition_variance};

    #[test]
    fn three_trajectories_by_hand() {
        let device = Device::flex();
        let x = LogProbs::new(
            Tensor::from_data([-1.0, -0.5, -2.0, -0.25], &device),
            Tensor::from_data([-0.5, 0.0, -1.0, -0.25], &device),
            Tensor::from_data([0.0, 1.0, -1.0], &device),
            Segments::from_lengths(&[2, 1, 1]),
        );
        // ζ: 0 − 0.5 + 1.5 = 1; 1 − 1 + 2 = 2; −1 − 0.25 + 0.25 = −1: mean 2/3
        let t = log_partition_variance(&x).target_over_model();
        let t = t.try_into_vec_as::<f32>().unwrap();
        for (t, expected) in t.iter().zip([1.0 / 3.0, 4.0 / 3.0, -5.0 / 3.0]) {
            assert!((t - expected).abs() < 1e-6, "{t} is not {expected}");
        }
    }
}
