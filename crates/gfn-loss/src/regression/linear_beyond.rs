//! A loss continued in straight lines beyond `±c`: its derivative is that of the loss at the clipped residual.

use std::convert::{Infallible, identity};

use burn::tensor::Tensor;

use super::{Regression, RegressionLoss};
use crate::RegressionError;

/// The loss that [`Regression::LinearBeyond`] continues: any but another `LinearBeyond`.
///
/// # Examples
///
/// ```
/// use gfn_loss::{ContinuedLoss, Regression, RegressionError};
///
/// let linex = ContinuedLoss::try_from(Regression::LINEX_1)?;
/// assert_eq!(linex.loss(), Regression::LINEX_1);
/// assert!(ContinuedLoss::try_from(linex.loss().linear_beyond(1.0)).is_err());
/// # Ok::<(), RegressionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Regression", into = "Regression"))]
pub struct ContinuedLoss(RegressionLoss<f64, Infallible>);

impl ContinuedLoss {
    /// The loss before it is continued.
    #[must_use]
    pub fn loss(&self) -> Regression {
        let Ok(loss) = self.0.try_map(identity, |_, never| Err(never));
        loss
    }

    /// The loss, or that which it continues itself with its threshold.
    pub(super) fn split(loss: Regression) -> Result<Self, (f64, Self)> {
        loss.try_map(identity, |threshold, continued| Err((threshold, continued)))
            .map(Self)
    }
}

impl TryFrom<Regression> for ContinuedLoss {
    type Error = RegressionError;

    fn try_from(loss: Regression) -> Result<Self, RegressionError> {
        Self::split(loss).map_err(|(threshold, _)| RegressionError::Nested { threshold })
    }
}

impl From<ContinuedLoss> for Regression {
    fn from(continued: ContinuedLoss) -> Self {
        continued.loss()
    }
}

/// `g(m) + g'(m)·(t − m)` with `m = clip(t, −c, c)`, of every entry.
pub(super) fn evaluate<const D: usize>(
    t: Tensor<D>,
    loss: &Regression,
    threshold: f64,
) -> Tensor<D> {
    let inside = loss.evaluate(t.clone().clamp(-threshold, threshold));
    // Masked and not clamped: at the threshold itself the slope is that of the loss inside alone.
    let not_below = t.clone().lower_elem(-threshold).bool_not();
    let not_above = t.clone().greater_elem(threshold).bool_not();
    let above = t.clone().sub_scalar(threshold).mask_fill(not_above, 0.0);
    let below = t.add_scalar(threshold).mask_fill(not_below, 0.0);
    inside
        + above.mul_scalar(loss.derivative(threshold))
        + below.mul_scalar(loss.derivative(-threshold))
}

/// The same in double precision.
pub(super) fn value(t: f64, loss: &Regression, threshold: f64) -> f64 {
    let clipped = t.clamp(-threshold, threshold);
    loss.value(clipped) + loss.derivative(clipped) * (t - clipped)
}
