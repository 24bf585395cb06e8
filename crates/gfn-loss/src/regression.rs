//! Regression losses `g(t)`, which decide what divergence the training descends.

use burn::tensor::Tensor;

use crate::RegressionError;

/// A regression loss `g(t)` of a residual `t = log target − log model`.
///
/// `g ≥ 0`, `g(0) = 0`, `g'(0) = 0`. On-policy, with the sampling distribution held fixed, the gradient
/// of the mean of `g(t)` with respect to the forward policy is that of a divergence between the
/// distributions of the model, `p_F`, and of the target, `p_B`:
///
/// | loss | `g(t)` | `g''(0)` | descends |
/// |---|---|---|---|
/// | `Squared` | `t²` | 2 | `2·KL(p_F‖p_B)` |
/// | `HalfSquared` | `t²/2` | 1 | `KL(p_F‖p_B)`, reverse KL: seeks few modes |
/// | `Huber` | `t²/2`, linear beyond `δ` | 1 | as `HalfSquared` for small residuals |
/// | `ShiftedCosh` | `cosh t − 1` | 1 | `½·[KL(p_B‖p_F) + ½·χ²(p_F‖p_B)]` |
/// | `Linex`, `α = 1` | `e^t − t − 1` | 1 | `KL(p_B‖p_F)`, forward KL: seeks every mode |
/// | `Linex`, `α = ½` | `4·e^{t/2} − 2t − 4` | 1 | `2·Σ(√p_F − √p_B)²` |
/// | `Linex`, `α = −1` | `e^{−t} + t − 1` | 1 | `½·χ²(p_F‖p_B)` |
///
/// Nothing is clipped: a residual that overflows `e^t` gives an infinite loss.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::Regression;
///
/// let t = Tensor::<1>::from_data([-2.0, 0.5], &Device::flex());
/// let g: Vec<f32> = Regression::Huber { delta: 1.0 }.evaluate(t).try_into_vec_as()?;
/// assert_eq!(g, [1.5, 0.125]); // 1·(2 − ½), ½·(½)²
/// # Ok::<(), burn::tensor::TensorReadError>(())
/// ```
///
/// # References
///
/// Hu et al. (2025), *Beyond squared error: exploring loss design for enhanced training of generative
/// flow networks*, <https://arxiv.org/abs/2410.02596>. Its shifted cosh is twice ours, `e^t + e^{−t} − 2`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Regression {
    /// `t²`, with twice the curvature of the others: what torchgfn and gfnx use in trajectory balance.
    Squared {},
    /// `t²/2`.
    HalfSquared {},
    /// `t²/2` for `|t| ≤ δ`, `δ·(|t| − δ/2)` beyond.
    Huber {
        /// Where the loss becomes linear, `δ > 0`.
        delta: f64,
    },
    /// `cosh t − 1`, half of the paper's.
    ShiftedCosh {},
    /// `(e^{αt} − αt − 1)/α²`.
    Linex {
        /// The asymmetry, `α ≠ 0`: above 0, a model that gives too little costs more.
        alpha: f64,
    },
}

/// `|αt|` below which Linex is evaluated as a series.
const SERIES_BELOW: f64 = 0.1;

/// `1/k!` for `k = 7, 6, ..., 2`: the series of `(e^x − x − 1)/x²`, for Horner's scheme.
const SERIES: [f64; 6] = [
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
];

impl Regression {
    /// Checks the parameter.
    ///
    /// # Errors
    ///
    /// If `delta` is not a positive number, or `alpha` is 0 or not finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_loss::{Regression, RegressionError};
    ///
    /// assert!(Regression::Linex { alpha: 0.5 }.validate().is_ok());
    /// let error = Regression::Linex { alpha: 0.0 }.validate();
    /// assert_eq!(error, Err(RegressionError::Alpha { alpha: 0.0 }));
    /// ```
    pub fn validate(&self) -> Result<(), RegressionError> {
        match *self {
            Self::Huber { delta } if !(delta > 0.0 && delta.is_finite()) => {
                Err(RegressionError::Delta { delta })
            }
            Self::Linex { alpha } if alpha == 0.0 || !alpha.is_finite() => {
                Err(RegressionError::Alpha { alpha })
            }
            _ => Ok(()),
        }
    }

    /// `g(t)` of every entry; differentiable, and accurate near 0 in single precision too.
    ///
    /// # Shapes
    ///
    /// - `t` and output: any, the same
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gfn_loss::Regression;
    ///
    /// let t = Tensor::<1>::from_data([3.0], &Device::flex());
    /// assert_eq!(Regression::Squared {}.evaluate(t).into_scalar::<f32>(), 9.0);
    /// ```
    #[must_use]
    pub fn evaluate<const D: usize>(&self, t: Tensor<D>) -> Tensor<D> {
        match *self {
            Self::Squared {} => t.square(),
            Self::HalfSquared {} => t.square().mul_scalar(0.5),
            Self::Huber { delta } => {
                // With m = min(|t|, δ): m·(|t| − m/2) is t²/2 inside and δ·(|t| − δ/2) outside.
                let size = t.abs();
                let inner = size.clone().clamp_max(delta);
                inner.clone() * (size - inner.mul_scalar(0.5))
            }
            // cosh t − 1 = 2·sinh²(t/2), without the cancellation.
            Self::ShiftedCosh {} => t.mul_scalar(0.5).sinh().square().mul_scalar(2.0),
            Self::Linex { alpha } => linex(t, alpha),
        }
    }

    /// `g(t)` in double precision.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Regression::HalfSquared {}.value(3.0), 4.5);
    /// ```
    #[must_use]
    pub fn value(&self, t: f64) -> f64 {
        match *self {
            Self::Squared {} => t * t,
            Self::HalfSquared {} => t * t / 2.0,
            Self::Huber { delta } if t.abs() <= delta => t * t / 2.0,
            Self::Huber { delta } => delta * (t.abs() - delta / 2.0),
            Self::ShiftedCosh {} => 2.0 * (t / 2.0).sinh().powi(2),
            Self::Linex { alpha } if (alpha * t).abs() < SERIES_BELOW => {
                // t²·(1/2 + x/3! + x²/4! + ...), to the last bit.
                let x = alpha * t;
                let series = (2..20)
                    .rev()
                    .fold(0.0, |sum, k| (1.0 + x * sum) / f64::from(k));
                t * t * series
            }
            Self::Linex { alpha } => ((alpha * t).exp_m1() - alpha * t) / alpha / alpha,
        }
    }

    /// `g'(t)` in double precision.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Regression::Huber { delta: 1.0 }.derivative(-3.0), -1.0);
    /// ```
    #[must_use]
    pub fn derivative(&self, t: f64) -> f64 {
        match *self {
            Self::Squared {} => 2.0 * t,
            Self::HalfSquared {} => t,
            Self::Huber { delta } => t.clamp(-delta, delta),
            Self::ShiftedCosh {} => t.sinh(),
            Self::Linex { alpha } => (alpha * t).exp_m1() / alpha,
        }
    }

    /// `g''(0)`: 2 for [`Squared`](Self::Squared), else 1.
    ///
    /// Learning rates of two losses compare after division by it.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Regression::Linex { alpha: 0.5 }.curvature_at_zero(), 1.0);
    /// ```
    #[must_use]
    pub fn curvature_at_zero(&self) -> f64 {
        match self {
            Self::Squared {} => 2.0,
            _ => 1.0,
        }
    }

    /// The name in configuration files, without the parameter.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Regression::ShiftedCosh {}.name(), "shifted-cosh");
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Squared {} => "squared",
            Self::HalfSquared {} => "half-squared",
            Self::Huber { .. } => "huber",
            Self::ShiftedCosh {} => "shifted-cosh",
            Self::Linex { .. } => "linex",
        }
    }
}

/// `(e^{αt} − αt − 1)/α²`, as a series near 0, where the difference would lose every digit.
fn linex<const D: usize>(t: Tensor<D>, alpha: f64) -> Tensor<D> {
    let x = t.mul_scalar(alpha);
    let is_small = x.clone().abs().lower_elem(SERIES_BELOW);

    // Clamped: where the series is not used it must stay finite, for 0·∞ is no gradient.
    let near = x.clone().clamp(-SERIES_BELOW, SERIES_BELOW);
    let [first, rest @ ..] = SERIES;
    let series = rest.into_iter().fold(near.full_like(first), |sum, term| {
        (sum * near.clone()).add_scalar(term)
    });
    let small = near.div_scalar(alpha).square() * series;

    // Divided twice: α² may vanish in single precision where α does not.
    let large = (x.clone().exp() - x).sub_scalar(1.0);
    let large = large.div_scalar(alpha).div_scalar(alpha);
    large.mask_where(is_small, small)
}
