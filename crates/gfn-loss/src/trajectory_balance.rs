//! Trajectory balance.

use burn::tensor::Tensor;

use crate::{LogProbs, Residual};

/// Trajectory-balance residuals, one per trajectory.
///
/// `t = log R(x) + Σ_t log P_B(s_t | s_{t+1}) − log Z − Σ_t log P_F(s_{t+1} | s_t)`
///
/// The weights are `1/B`: the loss is the mean over the trajectories of the batch.
///
/// # Shapes
///
/// - `x`: `B` trajectories, see [`LogProbs`]
/// - `log_z`: `[1]`, or `[B]` for a partition function that depends on a condition
/// - output: `[B]`
///
/// # Panics
///
/// If `log_z` has neither 1 nor `B` entries.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{LogProbs, Segments, trajectory_balance};
///
/// let device = Device::flex();
/// let x = LogProbs::new(
///     Tensor::from_data([-1.0, -0.5], &device),
///     Tensor::from_data([-0.25, 0.0], &device),
///     Tensor::from_data([0.75], &device),
///     Segments::from_lengths(&[2]),
/// );
/// // 0.75 + (−0.25) − 2 − (−1.5) = 0: balanced
/// let residual = trajectory_balance(&x, Tensor::from_data([2.0], &device));
/// assert_eq!(residual.target_over_model().into_scalar::<f32>(), 0.0);
/// ```
///
/// # References
///
/// Malkin et al. (2022), *Trajectory balance: improved credit assignment in GFlowNets*,
/// <https://arxiv.org/abs/2201.13259>. The paper squares `−t`.
#[must_use]
pub fn trajectory_balance(x: &LogProbs, log_z: Tensor<1>) -> Residual<1> {
    let n_trajectories = x.segments.n_segments();
    let [n] = log_z.dims();
    assert!(
        n == 1 || n == n_trajectories,
        "log_z has {n} entries, the batch {n_trajectories} trajectories"
    );
    // The backward policy is moved to the side of the model: one sum over the transitions, not two.
    let log_model = log_z + x.log_ratio();
    let weight = x.log_reward.full_like(1.0 / n_trajectories as f64);
    Residual::new(log_model, x.log_reward.clone(), weight)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use crate::{LogProbs, Segments, trajectory_balance};

    fn batch() -> LogProbs {
        let device = Device::flex();
        LogProbs::new(
            Tensor::from_data([-1.0, -0.5, -2.0], &device),
            Tensor::from_data([-0.25, 0.0, -0.5], &device),
            Tensor::from_data([0.75, 1.0], &device),
            Segments::from_lengths(&[2, 1]),
        )
    }

    #[test]
    fn two_trajectories_by_hand() {
        let residual = trajectory_balance(&batch(), Tensor::from_data([1.5], &Device::flex()));
        // 0: 0.75 − 0.25 + 0 − 1.5 − (−1 − 0.5) = 0.5
        // 1: 1 − 0.5 − 1.5 − (−2) = 1
        let t = residual.target_over_model().try_into_vec_as::<f32>();
        assert_eq!(t.unwrap(), [0.5, 1.0]);
        let weight = residual.weight().try_into_vec_as::<f32>();
        assert_eq!(weight.unwrap(), [0.5, 0.5]);
    }

    #[test]
    fn one_partition_function_per_condition() {
        let log_z = Tensor::from_data([1.5, 2.5], &Device::flex());
        let t = trajectory_balance(&batch(), log_z).target_over_model();
        assert_eq!(t.try_into_vec_as::<f32>().unwrap(), [0.5, 0.0]);
    }

    #[test]
    #[should_panic(expected = "log_z has 3 entries, the batch 2 trajectories")]
    fn a_wrong_number_of_partition_functions_is_refused() {
        drop(trajectory_balance(
            &batch(),
            Tensor::zeros([3], &Device::flex()),
        ));
    }
}
