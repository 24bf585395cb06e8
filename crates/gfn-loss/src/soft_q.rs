//! Soft Q-learning.

use burn::tensor::Tensor;

use crate::host::{constant, indices};
use crate::{LogProbs, Residual, TransitionNormalisation};

/// What a target network says of a batch, without gradients.
#[derive(Clone, Debug)]
pub struct SoftTarget {
    /// `V̄(s_t)`, the soft value of the state before each transition: `τ·log Σ_a exp(Q̄(s_t, a)/τ)`, `[N]`.
    pub values: Tensor<1>,
    /// `log π̄(a_t∣s_t)` of the actions taken, `[N]`.
    pub log_p: Tensor<1>,
}

/// Munchausen's addition to the reward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Munchausen {
    /// Its share `α`, in [0, 1); 0 for none.
    pub alpha: f64,
    /// The least value of `τ·log π̄`, negative.
    pub least_log_p: f64,
}

impl Munchausen {
    /// The temperature at which the policy samples from the target: `τ = 1/(1 − α)`.
    ///
    /// # Examples
    ///
    /// ```
    /// let of = |alpha| gfn_loss::Munchausen { alpha, least_log_p: -100.0 }.temperature();
    /// assert_eq!((of(0.0), of(0.5)), (1.0, 2.0));
    /// ```
    #[must_use]
    pub fn temperature(&self) -> f64 {
        1.0 / (1.0 - self.alpha)
    }
}

/// Residuals of soft Q-learning, one per transition: `t = y − Q(s, a)` with
///
/// `y = log P_B(s∣s') + α·max(τ·log π̄(a∣s), l_0) + V̄(s')`, and `log R(x)` for `V̄` at the end of a trajectory.
///
/// The rewards `log P_B` and `log R` make the soft-optimal policy the one that samples in proportion to `R`; without
/// Munchausen's addition (`α = 0`, `τ = 1`) `Q(s, a)` becomes the logarithm of the flow of the edge. With it the entropy of
/// the regularised problem is still that of temperature 1, `τ·(1 − α) = 1`, so that the policy `softmax(Q/τ)` is the same and
/// `Q` is not.
///
/// # Shapes
///
/// - `x`: `B` trajectories with `N` transitions, see [`LogProbs`]; `log_pf` plays no part
/// - `q`: `[N]`, of the actions taken
/// - output: `[N]`
///
/// # Panics
///
/// If a tensor has another length.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{LogProbs, Munchausen, Segments, SoftTarget, TransitionNormalisation, soft_q};
///
/// let device = Device::flex();
/// let at = |v: &[f32]| Tensor::<1>::from_data(v, &device);
/// let x = LogProbs::new(at(&[-1.0, -1.0]), at(&[-0.5, 0.0]), at(&[2.0]), Segments::from_lengths(&[2]));
/// let target = SoftTarget { values: at(&[3.0, 1.0]), log_p: at(&[-1.0, -1.0]) };
/// let plain = Munchausen { alpha: 0.0, least_log_p: -100.0 };
/// let residual = soft_q(&x, at(&[0.0, 0.0]), target, plain, TransitionNormalisation::Batch {});
/// let t: Vec<f32> = residual.target_over_model().try_into_vec_as()?;
/// assert_eq!(t, [0.5, 2.0]);
/// # Ok::<(), burn::tensor::TensorReadError>(())
/// ```
///
/// # References
///
/// Tiapkin et al. (2024), *Generative flow networks as entropy-regularized RL*, <https://arxiv.org/abs/2310.12934>; Vieillard et
/// al. (2020), *Munchausen reinforcement learning*, <https://arxiv.org/abs/2007.14430>.
#[must_use]
pub fn soft_q(
    x: &LogProbs,
    q: Tensor<1>,
    target: SoftTarget,
    munchausen: Munchausen,
    normalisation: TransitionNormalisation,
) -> Residual<1> {
    x.segments.check_entries("q", &q);
    x.segments.check_entries("values", &target.values);
    x.segments.check_entries("log_p", &target.log_p);
    let n = x.segments.n_entries();
    let ends = x.segments.offsets().windows(2).enumerate();
    let next = ends.flat_map(|(b, ends)| {
        (ends[0]..ends[1]).map(move |t| if t + 1 < ends[1] { t + 1 } else { n + b })
    });
    let next = indices(next, &target.values);
    let values = Tensor::cat(vec![target.values, x.log_reward.clone()], 0).select(0, next);
    let mut y = x.log_pb.clone() + values;
    if munchausen.alpha > 0.0 {
        let log_p = target.log_p.mul_scalar(munchausen.temperature());
        let bonus = log_p.clamp_min(munchausen.least_log_p);
        y = y + bonus.mul_scalar(munchausen.alpha);
    }
    let weight = constant(normalisation.weights(&x.segments), q.dims(), &q);
    Residual::new(q, y.detach(), weight)
}
