//! Costs of edges.

use burn::tensor::{IndexingUpdateOp, Tensor};

use crate::LogProbs;
use crate::host::indices;
use crate::log_probs::check_per_trajectory;

/// The cost of every transition under the forward policy.
///
/// `c_t = log P_F − log P_B`, and for the last transition of a trajectory into `x` also `− (log R(x) − log Z)`: their sum
/// over a trajectory is `−t` of [`trajectory_balance`](crate::trajectory_balance).
///
/// Differentiable; the losses of this module take detached costs.
///
/// # Shapes
///
/// - `x`: `B` trajectories with `N` transitions, see [`LogProbs`]
/// - `log_z`: `[1]`, or `[B]` for a partition function that depends on a condition
/// - output: `[N]`
///
/// # Panics
///
/// If `log_z` has neither 1 nor `B` entries, or a trajectory has no transition.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{LogProbs, Segments, policy_gradients::forward_costs};
///
/// let device = Device::flex();
/// let x = LogProbs::new(
///     Tensor::from_data([-1.0, -0.5], &device),
///     Tensor::from_data([-0.25, 0.0], &device),
///     Tensor::from_data([0.75], &device),
///     Segments::from_lengths(&[2]),
/// );
/// let costs: Vec<f32> = forward_costs(&x, Tensor::from_data([2.0], &device)).try_into_vec_as()?;
/// assert_eq!(costs, [-0.75, 0.75]);
/// # Ok::<(), burn::tensor::TensorReadError>(())
/// ```
#[must_use]
pub fn forward_costs(x: &LogProbs, log_z: Tensor<1>) -> Tensor<1> {
    let [n] = log_z.dims();
    if n != 1 {
        check_per_trajectory("log_z", &log_z, &x.segments);
    }
    let ends = x.segments.offsets().windows(2).map(|ends| {
        assert!(
            ends[0] < ends[1],
            "a trajectory has at least one transition"
        );
        ends[1] - 1
    });
    let last = indices(ends, &x.log_pf);
    let at_the_end = log_z - x.log_reward.clone();
    let edges = x.log_pf.clone() - x.log_pb.clone();
    edges.select_assign(0, last, at_the_end, IndexingUpdateOp::Add)
}

/// The cost of every transition under the backward policy, which goes from an object to the source.
///
/// `c_t = log P_B(s∣s') − log G(s'∣s)`, with `G` the forward policy or a guide: its expected sum over the backward
/// trajectories from `x` is `KL(P_B(τ∣x)‖G(τ))` up to a constant of `x`.
///
/// # Shapes
///
/// - `log_pb`, `log_guide`: `[N]`
/// - output: `[N]`
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::policy_gradients::backward_costs;
///
/// let at = |v: [f32; 2]| Tensor::<1>::from_data(v, &Device::flex());
/// let costs: Vec<f32> = backward_costs(at([-1.0, 0.0]), at([-0.5, -2.0])).try_into_vec_as()?;
/// assert_eq!(costs, [-0.5, 2.0]);
/// # Ok::<(), burn::tensor::TensorReadError>(())
/// ```
#[must_use]
pub fn backward_costs(log_pb: Tensor<1>, log_guide: Tensor<1>) -> Tensor<1> {
    log_pb - log_guide
}

/// The batch of plain reinforcement learning with entropy: [`forward_costs`] of it with `log Z = 0` are `τ·log P_F`, and
/// `− log R(x)` at the end.
///
/// Whoever minimises them ends at `P_T(x) ∝ n(x)·R(x)^{1/τ}` with the number `n(x)` of trajectories into `x`, and at the
/// largest reward for `τ = 0`: not at `R/Z`, but where every object has one trajectory and `τ = 1`.
///
/// # Shapes
///
/// - `x`: `B` trajectories with `N` transitions, see [`LogProbs`]
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::policy_gradients::{forward_costs, without_correction};
/// use gfn_loss::{LogProbs, Segments};
///
/// let device = Device::flex();
/// let x = LogProbs::new(
///     Tensor::from_data([-1.0, -0.5], &device),
///     Tensor::from_data([-0.25, 0.0], &device),
///     Tensor::from_data([0.75], &device),
///     Segments::from_lengths(&[2]),
/// );
/// let costs = forward_costs(&without_correction(&x, 2.0), Tensor::zeros([1], &device));
/// let costs: Vec<f32> = costs.try_into_vec_as()?;
/// assert_eq!(costs, [-2.0, -1.75]);
/// # Ok::<(), burn::tensor::TensorReadError>(())
/// ```
#[must_use]
pub fn without_correction(x: &LogProbs, temperature: f64) -> LogProbs {
    LogProbs {
        log_pf: x.log_pf.clone().mul_scalar(temperature),
        log_pb: x.log_pb.zeros_like(),
        ..x.clone()
    }
}
