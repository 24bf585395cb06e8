//! Losses of policies whose gradients are policy gradients.

use burn::tensor::Tensor;

use crate::Segments;
use crate::log_probs::check_per_trajectory;

/// `(1/B) Σ_t ρ_t·A_t` with the ratio `ρ = π/π_old` of the probabilities of the actions taken.
///
/// With `old_log_p = log_p` detached its gradient is the policy gradient `(1/B) Σ_t A_t·∇log π`. Advantages of costs: the
/// loss falls as the policy improves.
///
/// # Shapes
///
/// - `log_p`, `old_log_p`, `advantages`: `[N]`, the last two without gradients
/// - output: `[1]`
///
/// # Panics
///
/// If `log_p` has not one entry per transition.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{Segments, policy_gradients::surrogate};
///
/// let device = Device::flex().autodiff();
/// let log_p = Tensor::<1>::from_data([-0.5, -1.0], &device).require_grad();
/// let advantages = Tensor::from_data([3.0, -1.0], &device);
/// let segments = Segments::from_lengths(&[1, 1]);
/// let loss = surrogate(log_p.clone(), log_p.clone().detach(), advantages, &segments);
/// let gradient: Vec<f32> = log_p.grad(&loss.backward()).expect("tracked").try_into_vec_as()?;
/// assert_eq!(gradient, [1.5, -0.5]);
/// # Ok::<(), burn::tensor::TensorReadError>(())
/// ```
#[must_use]
pub fn surrogate(
    log_p: Tensor<1>,
    old_log_p: Tensor<1>,
    advantages: Tensor<1>,
    segments: &Segments,
) -> Tensor<1> {
    segments.check_entries("log_p", &log_p);
    let ratio = (log_p - old_log_p).exp();
    (ratio * advantages)
        .sum()
        .mul_scalar(1.0 / segments.n_segments() as f64)
}

/// `(1/B) Σ_t max(ρ_t·A_t, clip(ρ_t, 1 − ε, 1 + ε)·A_t)`, the clipped surrogate for costs.
///
/// Where the ratio has left `[1 − ε, 1 + ε]` on the side that lowers the loss, its gradient is 0.
///
/// # Shapes
///
/// As [`surrogate`].
///
/// # Panics
///
/// If `log_p` has not one entry per transition.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{Segments, policy_gradients::clipped_surrogate};
///
/// let at = |v: [f32; 2]| Tensor::<1>::from_data(v, &Device::flex());
/// let segments = Segments::from_lengths(&[1, 1]);
/// // Ratios 2 and 2: the gain of the first is cut at 1.2, the loss of the second is not.
/// let log_two = 2f32.ln();
/// let loss = clipped_surrogate(at([log_two; 2]), at([0.0; 2]), at([-1.0, 1.0]), 0.2, &segments);
/// assert!((loss.into_scalar::<f32>() - 0.4).abs() < 1e-6);
/// ```
///
/// # References
///
/// Schulman et al. (2017), *Proximal policy optimization algorithms*, <https://arxiv.org/abs/1707.06347>, which maximises.
#[must_use]
pub fn clipped_surrogate(
    log_p: Tensor<1>,
    old_log_p: Tensor<1>,
    advantages: Tensor<1>,
    clip: f64,
    segments: &Segments,
) -> Tensor<1> {
    segments.check_entries("log_p", &log_p);
    let ratio = (log_p - old_log_p).exp();
    let clipped = ratio.clone().clamp(1.0 - clip, 1.0 + clip) * advantages.clone();
    let plain = ratio * advantages;
    // On ties the plain one, whose gradient does not vanish.
    let is_cut = clipped.clone().greater(plain.clone());
    plain
        .mask_where(is_cut, clipped)
        .sum()
        .mul_scalar(1.0 / segments.n_segments() as f64)
}

/// `KL(p‖q)` of every row, exact.
///
/// Entries with `p = 0` count for nothing, whatever `log q` is there: forbidden actions may have any logarithm, `−∞` too.
///
/// # Shapes
///
/// - `log_p`, `log_q`: `[N, A]`, logarithms of distributions over the columns
/// - output: `[N]`
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::policy_gradients::categorical_kl;
///
/// let never = f32::NEG_INFINITY;
/// let at = |v: [[f32; 3]; 1]| Tensor::<2>::from_data(v, &Device::flex());
/// let (half, quarter) = (0.5f32.ln(), 0.25f32.ln());
/// let kl = categorical_kl(at([[half, half, never]]), at([[quarter, 0.75f32.ln(), never]]));
/// assert!((kl.into_scalar::<f32>() - 0.5 * (4f32 / 3.0).ln()).abs() < 1e-6);
/// ```
#[must_use]
pub fn categorical_kl(log_p: Tensor<2>, log_q: Tensor<2>) -> Tensor<1> {
    let [n, _] = log_p.dims();
    let p = log_p.clone().exp();
    let is_never = p.clone().equal_scalar(0.0);
    let difference = (log_p - log_q).mask_fill(is_never, 0.0);
    (p * difference).sum_dim(1).reshape([n])
}

/// `(1/B) Σ_b (Z/sg Z)·C_b` with the cost `C` of each trajectory: the mean cost, whose gradient for `log Z` is itself.
///
/// On-policy its expectation is `J·∇log Z`, which brings `log Z` to `log Z* − KL(P_F‖p_B)` and, as the policy becomes
/// right, to `log Z*`. It is half the gradient of the squared residual of trajectory balance.
///
/// # Shapes
///
/// - `log_z`: `[1]`, or `[B]` for a partition function that depends on a condition
/// - `costs`: `[B]`, without gradients
/// - output: `[1]`
///
/// # Panics
///
/// If `log_z` has neither 1 nor `B` entries.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::policy_gradients::log_z_surrogate;
///
/// let device = Device::flex().autodiff();
/// let log_z = Tensor::<1>::from_data([2.0], &device).require_grad();
/// let loss = log_z_surrogate(log_z.clone(), Tensor::from_data([1.0, 4.0], &device));
/// assert_eq!(loss.clone().into_scalar::<f32>(), 2.5);
/// assert_eq!(log_z.grad(&loss.backward()).expect("tracked").into_scalar::<f32>(), 2.5);
/// ```
#[must_use]
pub fn log_z_surrogate(log_z: Tensor<1>, costs: Tensor<1>) -> Tensor<1> {
    let [n] = log_z.dims();
    if n != 1 {
        let [n_trajectories] = costs.dims();
        let trajectories = Segments::from_lengths(&vec![1; n_trajectories]);
        check_per_trajectory("log_z", &log_z, &trajectories);
    }
    let ratio = (log_z.clone() - log_z.detach()).exp();
    (ratio * costs).mean()
}
