//! Tempered sampling: a flatter or sharper policy.

use crate::{Schedule, ScheduleError};
use gfn_policy::{Behaviour, SoftmaxMixture, masked_softmax};

/// `μ(a | s) ∝ P_F(a | s)^{1/T}`: `T > 1` flattens the policy, `T < 1` sharpens it, `T = 1` is on-policy.
#[derive(Clone, Debug)]
pub struct Tempered {
    temperature: Schedule,
}

impl Tempered {
    /// Samples at `temperature`.
    ///
    /// # Errors
    ///
    /// If the temperature leaves `[1e-3, 1e6]` at some iteration.
    pub fn new(temperature: Schedule) -> Result<Self, ScheduleError> {
        temperature.validate(1e-3, 1e6)?;
        Ok(Self { temperature })
    }
}

impl Behaviour for Tempered {
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        iteration: u64,
        probabilities: &mut [f32],
    ) {
        let inverse = (1.0 / self.temperature.at(iteration)) as f32;
        // Scaled logits of forbidden actions are ignored, so their size does not matter.
        let scaled: Vec<f32> = logits.iter().map(|l| l * inverse).collect();
        masked_softmax(&scaled, allowed, probabilities);
    }

    fn closed_form(&self, iteration: u64) -> Option<SoftmaxMixture> {
        Some(SoftmaxMixture {
            inverse_temperature: (1.0 / self.temperature.at(iteration)) as f32,
            ..SoftmaxMixture::policy()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_powers_of_the_policy() {
        // P = (0.8, 0.2), T = 2: sqrt(0.8) : sqrt(0.2) = 2 : 1.
        let behaviour = Tempered::new(Schedule::constant(2.0)).unwrap();
        let mut p = [0.0; 3];
        behaviour.probabilities(&[4f32.ln(), 0.0, 99.0], &[true, true, false], 3, &mut p);
        assert!((p[0] - 2.0 / 3.0).abs() < 1e-6 && p[2] == 0.0, "{p:?}");
    }

    #[test]
    fn temperature_zero_is_refused() {
        assert!(Tempered::new(Schedule::constant(0.0)).is_err());
    }
}
