//! Losses of critics.

use burn::tensor::Tensor;

use crate::{
    LogProbs, Residual, Segments, SubTrajectoryNormalisation, sub_trajectory_balance,
    with_terminal_rewards,
};

/// `(1/B) Σ_t (V(s_t) − T_t)²`: the mean over trajectories of the sum over their transitions.
///
/// # Shapes
///
/// - `values`: `[N]`
/// - `targets`: `[N]`, without gradients
/// - output: `[1]`
///
/// # Panics
///
/// If `values` has not one entry per transition.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{Segments, policy_gradients::value_loss};
///
/// let at = |v: [f32; 3]| Tensor::<1>::from_data(v, &Device::flex());
/// let loss = value_loss(at([1.0, 2.0, 3.0]), at([1.0, 0.0, 1.0]), &Segments::from_lengths(&[2, 1]));
/// assert_eq!(loss.into_scalar::<f32>(), 4.0);
/// ```
#[must_use]
pub fn value_loss(values: Tensor<1>, targets: Tensor<1>, segments: &Segments) -> Tensor<1> {
    segments.check_entries("values", &values);
    (values - targets)
        .square()
        .sum()
        .mul_scalar(1.0 / segments.n_segments() as f64)
}

/// Sub-trajectory evaluation balance: residuals of a critic on all pairs of states of a trajectory.
///
/// With the critic's cost to go `V`, `log Z − V(s)` stands where a flow stands in
/// [`sub_trajectory_balance`](crate::sub_trajectory_balance), `log R(x)` at the end:
/// `V(s_i) = V(s_j) + Σ_{i≤k<j} (log P_F − log P_B)` on average over what the policy samples. `P_F`, `P_B` and `log Z` are
/// taken as given.
///
/// Squared, the pairs that end with the trajectory ask for the expected cost to go. The others compare two values of the
/// critic, and like every squared difference of two values are least where the values spread less than they should; that
/// bias vanishes as the policy becomes right, where every residual of the right `V` is 0.
///
/// # Shapes
///
/// - `x`: `B` trajectories with `N` transitions, see [`LogProbs`]
/// - `log_z`: `[1]`, or `[B]`
/// - `values`: `[N]`, of the state before each transition
/// - output: one residual for each sub-trajectory
///
/// # Panics
///
/// As [`sub_trajectory_balance`](crate::sub_trajectory_balance), and if `values` has not one entry per transition.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::policy_gradients::evaluation_balance;
/// use gfn_loss::{LogProbs, Segments, SubTrajectoryNormalisation};
///
/// let device = Device::flex();
/// let x = LogProbs::new(
///     Tensor::from_data([-1.0], &device),
///     Tensor::zeros([1], &device),
///     Tensor::from_data([0.5], &device),
///     Segments::from_lengths(&[1]),
/// );
/// let log_z = Tensor::from_data([2.0], &device);
/// // The cost is −1 − (0.5 − 2) = 0.5, and so is the value.
/// let normalisation = SubTrajectoryNormalisation::Trajectory {};
/// let values = Tensor::from_data([0.5], &device);
/// let residual = evaluation_balance(&x, log_z, values, 0.9, normalisation);
/// assert_eq!(residual.target_over_model().into_scalar::<f32>(), 0.0);
/// ```
///
/// # References
///
/// *Sub-trajectory evaluation balance*, <https://arxiv.org/abs/2603.01047>, with weights normalised within a trajectory and
/// `λ = 0.9`.
#[must_use]
pub fn evaluation_balance(
    x: &LogProbs,
    log_z: Tensor<1>,
    values: Tensor<1>,
    lambda: f64,
    normalisation: SubTrajectoryNormalisation,
) -> Residual<1> {
    x.segments.check_entries("values", &values);
    let log_z = of_transitions(log_z.detach(), &x.segments);
    let log_flow = with_terminal_rewards(log_z - values, x.log_reward.clone(), &x.segments);
    let given = LogProbs {
        log_pf: x.log_pf.clone().detach(),
        ..x.clone().with_backward_detached()
    };
    sub_trajectory_balance(&given, log_flow, lambda, normalisation)
}

/// A number of each trajectory at each of its transitions; one number stays one.
fn of_transitions(values: Tensor<1>, segments: &Segments) -> Tensor<1> {
    let [n] = values.dims();
    if n == 1 {
        return values;
    }
    let owners = crate::host::indices(segments.owners(), &values);
    values.select(0, owners)
}
