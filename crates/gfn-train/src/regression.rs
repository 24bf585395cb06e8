//! Regression losses as data, with what moves over the iterations.

use std::convert::Infallible;

use gfn_explore::{Schedule, ScheduleError};
use gfn_loss::{ContinuedLoss, Regression, RegressionError, RegressionLoss};

/// A regression loss of every iteration: a [`RegressionLoss`] in which the asymmetry of Linex may follow a schedule.
///
/// In an experiment file,
///
/// ```toml
/// [regression]
/// kind = "linex"
/// alpha = { kind = "linear", from = 1.0, to = 0.0, iterations = 10_000 }
/// ```
///
/// starts at forward KL and ends at half the square, which is Linex in the limit `α → 0`.
///
/// # Examples
///
/// ```
/// use gfn_explore::Schedule;
/// use gfn_loss::Regression;
/// use gfn_train::RegressionConfig;
///
/// let alpha = Schedule::Linear { from: 1.0, to: 0.0, iterations: 4 };
/// let annealed = RegressionConfig::linex(alpha);
/// assert_eq!(annealed.at(2), Regression::LINEX_HALF);
/// assert_eq!(annealed.at(4), Regression::HalfSquared {});
/// ```
///
/// # References
///
/// Hu et al. (2025), <https://arxiv.org/abs/2410.02596>; their code lets `α` fall from 1 to 0, in a straight line or
/// along a cosine.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct RegressionConfig(pub RegressionLoss<Schedule, Box<Self>>);

/// A regression loss that is not usable.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegressionConfigError {
    /// A parameter is out of range.
    #[error(transparent)]
    Parameter(#[from] RegressionError),
    /// The schedule of `alpha` is not usable.
    #[error("linex: alpha: {0}")]
    Schedule(#[from] ScheduleError),
}

impl RegressionConfig {
    /// Linex whose asymmetry is `alpha` of the iteration; half the square at iterations where that is 0.
    ///
    /// # Examples
    ///
    /// See [`RegressionConfig`].
    #[must_use]
    pub fn linex(alpha: Schedule) -> Self {
        Self(RegressionLoss::Linex { alpha })
    }

    /// This loss, continued in straight lines beyond `±threshold`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_explore::Schedule;
    /// use gfn_loss::Regression;
    /// use gfn_train::RegressionConfig;
    ///
    /// let clipped = RegressionConfig::linex(Schedule::constant(1.0)).linear_beyond(2.0);
    /// assert_eq!(clipped.at(0), Regression::LINEX_1.linear_beyond(2.0));
    /// assert!(clipped.linear_beyond(1.0).validate().is_err(), "twice");
    /// ```
    #[must_use]
    pub fn linear_beyond(self, threshold: f64) -> Self {
        let loss = Box::new(self);
        Self(RegressionLoss::LinearBeyond { threshold, loss })
    }

    /// The loss at iteration `k`.
    ///
    /// # Examples
    ///
    /// See [`RegressionConfig`].
    #[must_use]
    pub fn at(&self, k: u64) -> Regression {
        let at_k = self.0.clone().try_map(
            |alpha| alpha.at(k),
            |threshold, loss| Err(loss.at(k).linear_beyond(threshold)),
        );
        match at_k {
            Ok(Regression::Linex { alpha: 0.0 }) => Regression::HalfSquared {},
            Ok(loss) | Err(loss) => loss,
        }
    }

    /// Checks the parameters, at every iteration.
    ///
    /// # Errors
    ///
    /// See [`Regression::validate`] and [`Schedule::validate`]; the schedule of `alpha` may take any finite value on its
    /// way, 0 included, but a constant 0 is refused, as is a `linear-beyond` inside another.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_explore::Schedule;
    /// use gfn_train::RegressionConfig;
    ///
    /// let error = RegressionConfig::linex(Schedule::constant(0.0)).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "linex: alpha must be finite and not 0, it is 0");
    /// ```
    pub fn validate(&self) -> Result<(), RegressionConfigError> {
        match &self.0 {
            RegressionLoss::Linex {
                alpha: Schedule::Constant { value },
            } => Regression::Linex { alpha: *value }.validate()?,
            RegressionLoss::Linex { alpha } => alpha.validate(f64::MIN, f64::MAX)?,
            RegressionLoss::LinearBeyond { threshold, loss } => {
                loss.validate()?;
                for extreme in loss.extremes() {
                    let loss = ContinuedLoss::try_from(extreme)?;
                    let threshold = *threshold;
                    Regression::LinearBeyond { threshold, loss }.validate()?;
                }
            }
            _ => self.at(0).validate()?,
        }
        Ok(())
    }

    /// Losses of which one is the steepest of all iterations: a schedule is monotone.
    fn extremes(&self) -> [Regression; 2] {
        [self.at(0), self.at(u64::MAX)]
    }
}

impl Default for RegressionConfig {
    /// Squared residuals, as in most papers and codes.
    fn default() -> Self {
        Self(RegressionLoss::Squared {})
    }
}

impl From<Regression> for RegressionConfig {
    /// The same loss at every iteration.
    fn from(regression: Regression) -> Self {
        let Ok(fixed) = regression.try_map(Schedule::constant, |_, loss| {
            Ok::<_, Infallible>(Box::new(Self::from(loss.loss())))
        });
        Self(fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annealed(from: f64, to: f64) -> RegressionConfig {
        RegressionConfig::linex(Schedule::Cosine {
            from,
            to,
            iterations: 8,
        })
    }

    #[test]
    fn a_constant_is_the_same_loss_at_every_iteration() {
        let fixed = [
            Regression::Squared {},
            Regression::HalfSquared {},
            Regression::Huber { delta: 2.0 },
            Regression::ShiftedCosh {},
            Regression::Linex { alpha: -0.5 },
            Regression::AbsoluteValue {},
            Regression::JensenShannon {},
            Regression::SymmetricKl {},
            Regression::LINEX_1.linear_beyond(3.0),
        ];
        for g in fixed {
            let config = RegressionConfig::from(g);
            assert!(config.validate().is_ok(), "{g:?}");
            assert_eq!((config.at(0), config.at(1_000_000)), (g, g));
        }
    }

    #[test]
    fn the_schedule_ends_in_half_the_square() {
        let config = annealed(1.0, 0.0);
        assert!(config.validate().is_ok());
        assert_eq!(config.at(0), Regression::LINEX_1);
        let Regression::Linex { alpha } = config.at(4) else {
            panic!("{:?}", config.at(4));
        };
        assert!((alpha - 0.5).abs() < 1e-15);
        assert_eq!(config.at(8), Regression::HalfSquared {});
        assert_eq!(config.at(9), Regression::HalfSquared {});

        let continued = config.linear_beyond(5.0);
        assert_eq!(continued.at(0), Regression::LINEX_1.linear_beyond(5.0));
        let huber_like = Regression::HalfSquared {}.linear_beyond(5.0);
        assert_eq!(continued.at(8), huber_like);
    }

    #[test]
    fn bad_parameters_are_refused_at_every_iteration() {
        let refused = |config: RegressionConfig| config.validate().unwrap_err().to_string();
        assert!(refused(annealed(f64::INFINITY, 0.0)).starts_with("linex: alpha: the value inf"));
        assert!(refused(annealed(f64::NAN, 0.0)).starts_with("linex: alpha: the value NaN"));
        let continued = RegressionConfig::linear_beyond;
        // The last iteration is the steep one.
        assert!(continued(annealed(0.1, 1.0), 50.0).validate().is_ok());
        assert!(refused(continued(annealed(0.1, 2.0), 50.0)).contains("overflows"));
        let squared = RegressionConfig::default();
        assert!(refused(continued(squared.clone(), 0.0)).contains("above 0"));
        let twice = continued(continued(squared, 2.0), 1.0);
        assert!(refused(twice).contains("linear-beyond itself"));
        let zero = RegressionConfig::from(Regression::Linex { alpha: 0.0 });
        assert!(refused(continued(zero, 1.0)).contains("not 0"));
    }
}
