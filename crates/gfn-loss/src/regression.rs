//! Regression losses `g(t)`, which decide what divergence the training descends.

mod jensen_shannon;
mod linear_beyond;
mod linex;

use burn::tensor::Tensor;

use crate::RegressionError;
pub use linear_beyond::ContinuedLoss;

/// A regression loss `g(t)` of a residual `t = log target − log model`: a [`RegressionLoss`] whose parameters are numbers.
///
/// `g ≥ 0`, `g(0) = 0`, `g'(0) = 0`. On-policy, with the sampling distribution held fixed, the gradient
/// of the mean of `g(t)` with respect to the forward policy is that of the divergence `Σ p_F·f(p_B/p_F)` with
///
/// `f(u) = u·∫_1^u g'(log s)/s² ds`,
///
/// between the distributions of the model, `p_F`, and of the target, `p_B`; a term `a·(u − 1)` of `f` has no
/// influence.
///
/// | loss | `g(t)` | `g''(0)` | `f(u)` | descends |
/// |---|---|---|---|---|
/// | `Squared` | `t²` | 2 | `2(u − 1 − log u)` | `2·KL(p_F‖p_B)` |
/// | `HalfSquared` | `t²/2` | 1 | `u − 1 − log u` | `KL(p_F‖p_B)`, reverse KL: seeks few modes |
/// | `Huber` | `t²/2`, linear beyond `δ` | 1 | that of `HalfSquared` for `∣log u∣ ≤ δ`, its tangents beyond | as `HalfSquared` for small residuals |
/// | `ShiftedCosh` | `cosh t − 1` | 1 | `½(u log u − u/2 + 1/(2u))` | `½·[KL(p_B‖p_F) + ½·χ²(p_F‖p_B)]` |
/// | `Linex` | `(e^{αt} − αt − 1)/α²` | 1 | `(u^α − αu + α − 1)/(α(α − 1))` | `[Σ p_B^α·p_F^{1−α} − 1]/(α(α − 1))` |
/// | `Linex`, `α = 1` | `e^t − t − 1` | 1 | `u log u − u + 1` | `KL(p_B‖p_F)`, forward KL: seeks every mode |
/// | `Linex`, `α = ½` | `4·e^{t/2} − 2t − 4` | 1 | `2(√u − 1)²` | `2·Σ(√p_F − √p_B)²` |
/// | `Linex`, `α = −1` | `e^{−t} + t − 1` | 1 | `(u − 1)²/(2u)` | `½·χ²(p_F‖p_B)` |
/// | `AbsoluteValue` | `∣t∣` | does not exist | `∣u − 1∣` | `Σ∣p_F − p_B∣`, twice the total variation |
/// | `JensenShannon` | `2∫_0^t (log(1 + e^s) − log 2) ds` | 1 | `2[u log u − (1 + u) log((1 + u)/2)]` | `4·JSD(p_F, p_B)` |
/// | `SymmetricKl` | `½(e^t − t − 1) + t²/4` | 1 | `½(u − 1) log u` | `½·[KL(p_F‖p_B) + KL(p_B‖p_F)]` |
/// | `LinearBeyond` | another `g` up to `∣t∣ = c`, its tangents beyond | that of `g` | that of `g` for `∣log u∣ ≤ c`, its tangents beyond | as `g` for small residuals |
///
/// Where `g''(0)` is 1, learning rates of two losses compare near the optimum.
///
/// Nothing is clipped but by [`LinearBeyond`](RegressionLoss::LinearBeyond): a residual that overflows `e^t` gives an
/// infinite loss.
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
/// flow networks*, <https://arxiv.org/abs/2410.02596>. Its shifted cosh is twice ours, `e^t + e^{−t} − 2`. The paper's
/// code has three losses more, as products of `t` and a detached factor, which is their `g'`: `sign(t)`, here
/// `AbsoluteValue`; `½(log(1 + e^t) − log 2)`, a quarter of ours, here `JensenShannon`; and `½(e^t + t − 1)`, here
/// `SymmetricKl`. These products differentiated as they stand would be other losses.
pub type Regression = RegressionLoss<f64, ContinuedLoss>;

/// The regression losses, each once, with parameters of any type: `alpha` of Linex is an `A`, and what
/// [`LinearBeyond`](Self::LinearBeyond) continues an `L`.
///
/// [`Regression`], whose documentation has the table, can be evaluated. Where `alpha` moves with the iterations, `A` is a
/// schedule; where nothing may be continued, `L` has no values.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum RegressionLoss<A, L> {
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
        alpha: A,
    },
    /// `|t|`, with a gradient of size 1 wherever the residual is not 0, and none there.
    AbsoluteValue {},
    /// `2∫_0^t (log(1 + e^s) − log 2) ds`: quadratic above 0, linear with the slope `−2·log 2` far below.
    JensenShannon {},
    /// `½(e^t − t − 1) + t²/4`, the mean of Linex(1) and half the square.
    SymmetricKl {},
    /// Another loss between `−c` and `c`, and its tangents beyond: its derivative is `g'(clip(t, −c, c))`.
    ///
    /// The gradient of a large residual stays that of the threshold, where clamping the loss or its exponent would
    /// give it none, and the value is that of the function whose gradient it is.
    LinearBeyond {
        /// Where the loss becomes linear, `c > 0`.
        threshold: f64,
        /// The loss that is continued.
        loss: L,
    },
}

impl<A, L> RegressionLoss<A, L> {
    /// Names in configuration files, in the order of the variants.
    pub const NAMES: &[&str] = &[
        "squared",
        "half-squared",
        "huber",
        "shifted-cosh",
        "linex",
        "absolute-value",
        "jensen-shannon",
        "symmetric-kl",
        "linear-beyond",
    ];

    /// The same loss with parameters of other types: `alpha` converts that of Linex, `continued` takes the threshold and the
    /// loss of [`LinearBeyond`](Self::LinearBeyond).
    ///
    /// # Errors
    ///
    /// What `continued` returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_loss::{Regression, RegressionLoss};
    ///
    /// let text: Result<RegressionLoss<String, ()>, f64> =
    ///     Regression::LINEX_HALF.try_map(|alpha| alpha.to_string(), |threshold, _| Err(threshold));
    /// assert_eq!(text, Ok(RegressionLoss::Linex { alpha: "0.5".to_owned() }));
    /// ```
    pub fn try_map<B, M, E>(
        self,
        alpha: impl FnOnce(A) -> B,
        continued: impl FnOnce(f64, L) -> Result<M, E>,
    ) -> Result<RegressionLoss<B, M>, E> {
        Ok(match self {
            Self::Squared {} => RegressionLoss::Squared {},
            Self::HalfSquared {} => RegressionLoss::HalfSquared {},
            Self::Huber { delta } => RegressionLoss::Huber { delta },
            Self::ShiftedCosh {} => RegressionLoss::ShiftedCosh {},
            Self::Linex { alpha: a } => RegressionLoss::Linex { alpha: alpha(a) },
            Self::AbsoluteValue {} => RegressionLoss::AbsoluteValue {},
            Self::JensenShannon {} => RegressionLoss::JensenShannon {},
            Self::SymmetricKl {} => RegressionLoss::SymmetricKl {},
            Self::LinearBeyond { threshold, loss } => RegressionLoss::LinearBeyond {
                threshold,
                loss: continued(threshold, loss)?,
            },
        })
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
            Self::AbsoluteValue {} => "absolute-value",
            Self::JensenShannon {} => "jensen-shannon",
            Self::SymmetricKl {} => "symmetric-kl",
            Self::LinearBeyond { .. } => "linear-beyond",
        }
    }
}

impl Regression {
    /// Linex at `α = 1`: forward KL.
    pub const LINEX_1: Self = Self::Linex { alpha: 1.0 };

    /// Linex at `α = ½`: the squared Hellinger distance.
    pub const LINEX_HALF: Self = Self::Linex { alpha: 0.5 };

    /// This loss, continued in straight lines beyond `±threshold`; of two thresholds the smaller holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_loss::Regression;
    ///
    /// let clipped = Regression::LINEX_1.linear_beyond(2.0);
    /// assert_eq!(clipped.derivative(1e30), Regression::LINEX_1.derivative(2.0));
    /// // Half the square with a clipped derivative is the Huber loss.
    /// let huber = Regression::HalfSquared {}.linear_beyond(1.0);
    /// assert_eq!(huber.value(-3.0), Regression::Huber { delta: 1.0 }.value(-3.0));
    /// ```
    #[must_use]
    pub fn linear_beyond(self, threshold: f64) -> Self {
        match ContinuedLoss::split(self) {
            Ok(loss) => Self::LinearBeyond { threshold, loss },
            Err((own, loss)) => Self::LinearBeyond {
                threshold: own.min(threshold),
                loss,
            },
        }
    }

    /// Checks the parameter.
    ///
    /// # Errors
    ///
    /// If `delta` is not a positive number, `alpha` is 0 or not finite, or `threshold` is not a positive number at
    /// which the value and the slope of the continued loss are finite in single precision.
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
            Self::LinearBeyond { threshold, .. } if !(threshold > 0.0 && threshold.is_finite()) => {
                Err(RegressionError::Threshold { threshold })
            }
            Self::LinearBeyond { threshold, loss } => {
                let loss = loss.loss();
                loss.validate()?;
                let at = |t| [loss.value(t), loss.derivative(t)];
                let largest = [at(threshold), at(-threshold)].concat();
                if largest.iter().any(|v| v.abs() > f64::from(f32::MAX)) {
                    return Err(RegressionError::Steep { threshold });
                }
                Ok(())
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
            Self::Linex { alpha } => linex::evaluate(t, alpha),
            Self::AbsoluteValue {} => t.abs(),
            Self::JensenShannon {} => jensen_shannon::evaluate(t),
            Self::SymmetricKl {} => {
                linex::evaluate(t.clone(), 1.0).mul_scalar(0.5) + t.square().mul_scalar(0.25)
            }
            Self::LinearBeyond { threshold, loss } => {
                linear_beyond::evaluate(t, &loss.loss(), threshold)
            }
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
            Self::Linex { alpha } => linex::value(t, alpha),
            Self::AbsoluteValue {} => t.abs(),
            Self::JensenShannon {} => jensen_shannon::value(t),
            Self::SymmetricKl {} => 0.5 * linex::value(t, 1.0) + 0.25 * t * t,
            Self::LinearBeyond { threshold, loss } => {
                linear_beyond::value(t, &loss.loss(), threshold)
            }
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
            Self::Linex { alpha } => linex::derivative(t, alpha),
            // Not the sign of the number, which is 1 at 0.
            Self::AbsoluteValue {} if t == 0.0 => 0.0,
            Self::AbsoluteValue {} => t.signum(),
            Self::JensenShannon {} => jensen_shannon::derivative(t),
            Self::SymmetricKl {} => 0.5 * (t.exp_m1() + t),
            Self::LinearBeyond { threshold, loss } => {
                loss.loss().derivative(t.clamp(-threshold, threshold))
            }
        }
    }

    /// `g''(0)`: 2 for [`Squared`](Self::Squared), none for [`AbsoluteValue`](Self::AbsoluteValue), else 1.
    ///
    /// Learning rates of two losses compare after division by it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_loss::Regression;
    ///
    /// assert_eq!(Regression::LINEX_HALF.curvature_at_zero(), Some(1.0));
    /// assert_eq!(Regression::AbsoluteValue {}.curvature_at_zero(), None);
    /// ```
    #[must_use]
    pub fn curvature_at_zero(&self) -> Option<f64> {
        match self {
            Self::Squared {} => Some(2.0),
            Self::AbsoluteValue {} => None,
            Self::LinearBeyond { loss, .. } => loss.loss().curvature_at_zero(),
            _ => Some(1.0),
        }
    }

    /// The `|t|` from which on the derivative is held, where there is one: `δ` of Huber, `c` of `LinearBeyond`.
    ///
    /// [`Residual::clipped_share`](crate::Residual::clipped_share) counts the residuals beyond it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_loss::Regression;
    ///
    /// assert_eq!(Regression::Squared {}.linear_beyond(10.0).threshold(), Some(10.0));
    /// assert_eq!(Regression::Huber { delta: 1.0 }.linear_beyond(10.0).threshold(), Some(1.0));
    /// assert_eq!(Regression::Squared {}.threshold(), None);
    /// ```
    #[must_use]
    pub fn threshold(&self) -> Option<f64> {
        match self {
            Self::Huber { delta } => Some(*delta),
            Self::LinearBeyond { threshold, loss } => Some(
                loss.loss()
                    .threshold()
                    .unwrap_or(f64::INFINITY)
                    .min(*threshold),
            ),
            _ => None,
        }
    }
}

/// The polynomial of every entry, the lowest power first.
fn polynomial<const D: usize>(x: &Tensor<D>, terms: &[f64]) -> Tensor<D> {
    let zero = x.zeros_like();
    let horner = |sum: Tensor<D>, term: &f64| (sum * x.clone()).add_scalar(*term);
    terms.iter().rev().fold(zero, horner)
}
