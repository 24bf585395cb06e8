//! Residuals of a declared sign, and the one place where they become a loss.

use burn::tensor::Tensor;

use crate::{Regression, Segments};

/// Weighted residuals `t = log target − log model` of a balance condition.
///
/// The weights already hold the normalisation, so that [`Residual::loss`] is a plain weighted sum.
/// The sign cannot be mistaken outside of this type: whoever reads the residuals names the side
/// that is divided, [`target_over_model`](Self::target_over_model) or
/// [`model_over_target`](Self::model_over_target).
#[derive(Clone, Debug)]
pub struct Residual<const D: usize> {
    t: Tensor<D>,
    weight: Tensor<D>,
}

impl<const D: usize> Residual<D> {
    /// Residuals of the condition `log_model = log_target`, each with a weight.
    ///
    /// # Shapes
    ///
    /// - `log_model`, `log_target`: shapes that broadcast to that of `weight`
    ///
    /// # Panics
    ///
    /// If they do not.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gfn_loss::{Regression, Residual};
    ///
    /// let at = |v: [f32; 2]| Tensor::<1>::from_data(v, &Device::flex());
    /// let residual = Residual::new(at([1.0, 5.0]), at([3.0, 2.0]), at([0.5, 0.5]));
    /// let t: Vec<f32> = residual.target_over_model().try_into_vec_as()?;
    /// assert_eq!(t, [2.0, -3.0]);
    /// assert_eq!(residual.loss(&Regression::Squared {}).into_scalar::<f32>(), 6.5);
    /// # Ok::<(), burn::tensor::TensorReadError>(())
    /// ```
    #[must_use]
    pub fn new(log_model: Tensor<D>, log_target: Tensor<D>, weight: Tensor<D>) -> Self {
        Self::from_difference(log_target - log_model, weight)
    }

    /// Residuals `t = log target − log model` that are already subtracted.
    pub(crate) fn from_difference(t: Tensor<D>, weight: Tensor<D>) -> Self {
        assert_eq!(
            t.dims(),
            weight.dims(),
            "residuals and weights must have one shape"
        );
        Self { t, weight }
    }

    /// `t = log target − log model`, positive where the model gives too little.
    ///
    /// # Examples
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// # use gfn_loss::Residual;
    /// let at = |v: f32| Tensor::<1>::from_data([v], &Device::flex());
    /// let residual = Residual::new(at(1.0), at(3.0), at(1.0));
    /// assert_eq!(residual.target_over_model().into_scalar::<f32>(), 2.0);
    /// ```
    #[must_use]
    pub fn target_over_model(&self) -> Tensor<D> {
        self.t.clone()
    }

    /// `δ = log model − log target = −t`, the sign of most papers and codes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// # use gfn_loss::Residual;
    /// let at = |v: f32| Tensor::<1>::from_data([v], &Device::flex());
    /// let residual = Residual::new(at(1.0), at(3.0), at(1.0));
    /// assert_eq!(residual.model_over_target().into_scalar::<f32>(), -2.0);
    /// ```
    #[must_use]
    pub fn model_over_target(&self) -> Tensor<D> {
        self.t.clone().neg()
    }

    /// The weight `w` of every residual; 0 for a padded cell.
    ///
    /// # Examples
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// # use gfn_loss::Residual;
    /// let at = |v: f32| Tensor::<1>::from_data([v], &Device::flex());
    /// let residual = Residual::new(at(1.0), at(3.0), at(0.25));
    /// assert_eq!(residual.weight().into_scalar::<f32>(), 0.25);
    /// ```
    #[must_use]
    pub fn weight(&self) -> Tensor<D> {
        self.weight.clone()
    }

    /// The share of the weight whose residuals lie beyond the threshold of `regression`, where its derivative is held.
    ///
    /// `Σ w·[|t| > c] / Σ w` with `c` of [`Regression::threshold`]; 0 for a loss without one, and where all weights
    /// are 0.
    ///
    /// # Shapes
    ///
    /// - output: `[1]`
    ///
    /// # Examples
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// # use gfn_loss::{Regression, Residual};
    /// let at = |v: [f32; 3]| Tensor::<1>::from_data(v, &Device::flex());
    /// let residual = Residual::new(at([0.0; 3]), at([-9.0, 1.0, 3.0]), at([0.25, 0.5, 0.25]));
    /// let clipped = Regression::Squared {}.linear_beyond(3.0);
    /// assert_eq!(residual.clipped_share(&clipped).into_scalar::<f32>(), 0.25);
    /// ```
    #[must_use]
    pub fn clipped_share(&self, regression: &Regression) -> Tensor<1> {
        let weight = self.weight.clone().detach();
        let total = weight.clone().sum();
        let Some(threshold) = regression.threshold() else {
            return total.zeros_like();
        };
        let within = self.t.clone().detach().abs().lower_equal_elem(threshold);
        let beyond = weight.mask_fill(within, 0.0).sum();
        let nothing = total.clone().equal_elem(0.0);
        beyond / total.mask_fill(nothing, 1.0)
    }

    /// The loss: `Σ w·g(t)` over all residuals.
    ///
    /// # Shapes
    ///
    /// - output: `[1]`
    ///
    /// # Examples
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// # use gfn_loss::{Regression, Residual};
    /// let at = |v: f32| Tensor::<1>::from_data([v], &Device::flex());
    /// let residual = Residual::new(at(1.0), at(3.0), at(0.25));
    /// // 0.25 · 2²/2
    /// assert_eq!(residual.loss(&Regression::HalfSquared {}).into_scalar::<f32>(), 0.5);
    /// ```
    #[must_use]
    pub fn loss(self, regression: &Regression) -> Tensor<1> {
        (self.weight * regression.evaluate(self.t)).sum()
    }
}

impl Residual<1> {
    /// The loss of each trajectory by itself, without gradients: `ℓ_b = Σ w·g(t) / Σ w` over its own residuals.
    ///
    /// With one residual for each trajectory that is `g(t_b)`, whatever the weights. A trajectory whose weights are all
    /// 0 has the loss 0. Where all trajectories have the same weight in all, the loss is their mean.
    ///
    /// # Shapes
    ///
    /// - `residuals`: where the residuals of each of the `B` trajectories lie
    /// - output: `[B]`
    ///
    /// # Panics
    ///
    /// If `residuals` has not as many entries as there are residuals.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gfn_loss::{Regression, Residual, Segments};
    ///
    /// let at = |v: [f32; 3]| Tensor::<1>::from_data(v, &Device::flex());
    /// let residual = Residual::new(at([0.0; 3]), at([1.0, 2.0, 3.0]), at([0.25, 0.75, 0.5]));
    /// let by_trajectory = residual.by_trajectory(&Regression::Squared {}, &Segments::from_lengths(&[2, 1]));
    /// let losses: Vec<f32> = by_trajectory.try_into_vec_as()?;
    /// // (0.25 · 1 + 0.75 · 4) / 1 and 9
    /// assert_eq!(losses, [3.25, 9.0]);
    /// # Ok::<(), burn::tensor::TensorReadError>(())
    /// ```
    #[must_use]
    pub fn by_trajectory(&self, regression: &Regression, residuals: &Segments) -> Tensor<1> {
        residuals.check_entries("the residual", &self.t);
        let g = regression.evaluate(self.t.clone().detach());
        if residuals.common_length() == Some(1) {
            return g;
        }
        let weight = self.weight.clone().detach();
        let total = residuals.sum(weight.clone());
        // 0·∞ is no number: what has no weight is left out.
        let nothing = weight.clone().equal_elem(0.0);
        let sum = residuals.sum((weight * g).mask_fill(nothing, 0.0));
        let empty = total.clone().equal_elem(0.0);
        sum / total.mask_fill(empty, 1.0)
    }
}
