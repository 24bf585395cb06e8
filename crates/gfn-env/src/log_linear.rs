//! Rewards whose logarithm is linear in parameters that can be learned: [`LogLinear`] and [`LogLinearReward`].

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{EnvironmentError, Reward, RewardError};

/// A family of rewards `log R_θ(x) = b(x) + Σ_k θ_k·φ_k(x)`, an exponential family with the statistics `φ`.
///
/// The gradient of the log-likelihood of some data is the mean of `φ` over the data less the mean under `R_θ/Z_θ`.
pub trait LogLinear<S>: Send + Sync {
    /// Number of `θ_k`.
    fn n_parameters(&self) -> usize;

    /// Adds `φ_k(x)` to entry `k` of `sums`, which has an entry for each parameter.
    fn add_statistics(&self, terminal: &S, sums: &mut [f64]);

    /// `log R_θ(x)`; `parameters` has an entry for each parameter.
    fn log_reward(&self, terminal: &S, parameters: &[f64]) -> f64;
}

/// The reward of a [`LogLinear`] family at parameters that are set from outside. Clones share the parameters.
pub struct LogLinearReward<S> {
    model: Arc<dyn LogLinear<S>>,
    parameters: Arc<RwLock<Vec<f64>>>,
}

impl<S> Clone for LogLinearReward<S> {
    fn clone(&self) -> Self {
        Self {
            model: Arc::clone(&self.model),
            parameters: Arc::clone(&self.parameters),
        }
    }
}

impl<S> fmt::Debug for LogLinearReward<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLinearReward")
            .field("n_parameters", &self.model.n_parameters())
            .finish_non_exhaustive()
    }
}

impl<S> LogLinearReward<S> {
    /// The reward of `model` at `θ = 0`.
    pub fn new(model: Arc<dyn LogLinear<S>>) -> Self {
        let parameters = vec![0.0; model.n_parameters()];
        Self {
            model,
            parameters: Arc::new(RwLock::new(parameters)),
        }
    }

    /// `θ`.
    pub fn parameters(&self) -> Vec<f64> {
        // The vector is replaced in one piece, so that a thread that panicked left it whole.
        let parameters = self.parameters.read();
        parameters.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets `θ`, for every clone.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless there is one finite number for each parameter.
    pub fn set_parameters(&self, parameters: Vec<f64>) -> Result<(), EnvironmentError> {
        if parameters.len() != self.model.n_parameters() {
            return Err(EnvironmentError::invalid_parameter(
                "parameters",
                &parameters.len(),
                "there must be as many as the family has",
            ));
        }
        if let Some(value) = parameters.iter().find(|value| !value.is_finite()) {
            return Err(EnvironmentError::invalid_parameter(
                "parameters",
                value,
                "they must be finite",
            ));
        }
        let mut held = self
            .parameters
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *held = parameters;
        Ok(())
    }

    /// The mean of `φ` over some terminal states; NaN where there are none.
    pub fn mean_statistics<'a>(&self, terminals: impl IntoIterator<Item = &'a S>) -> Vec<f64>
    where
        S: 'a,
    {
        let mut sums = vec![0.0; self.model.n_parameters()];
        let mut n = 0.0;
        for terminal in terminals {
            self.model.add_statistics(terminal, &mut sums);
            n += 1.0;
        }
        sums.into_iter().map(|sum| sum / n).collect()
    }
}

impl<S> Reward<S> for LogLinearReward<S> {
    fn log_reward(&self, terminals: &[S], out: &mut [f64]) -> Result<(), RewardError> {
        let parameters = self.parameters.read();
        let parameters = parameters.unwrap_or_else(PoisonError::into_inner);
        for (terminal, o) in terminals.iter().zip(out) {
            *o = self.model.log_reward(terminal, &parameters);
        }
        Ok(())
    }
}
