//! Behaviours in closed form, for policies that sample actions on a device.

use crate::masked_softmax;

/// `(1 − ε) softmax(ℓ/T) + ε · uniform` over the allowed actions of a state.
///
/// With a fixed action, that action alone has the probability `ε` and the softmax is over the others; where no other is
/// allowed it has probability 1.
///
/// # Examples
///
/// ```
/// use gfn_policy::SoftmaxMixture;
///
/// let mut p = [0.0; 3];
/// let mixture = SoftmaxMixture::policy().with_uniform(0.5).expect("no action is fixed");
/// mixture.probabilities(&[0.0, 0.0, 9.0], &[true, true, false], &mut p);
/// assert_eq!(p, [0.5, 0.5, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxMixture {
    /// `1/T`.
    pub inverse_temperature: f32,
    /// `ε`, in `[0, 1]`.
    pub epsilon: f32,
    /// The action that has all of `ε`; it must be allowed in every state.
    pub fixed_action: Option<usize>,
}

impl SoftmaxMixture {
    /// The policy itself.
    pub const fn policy() -> Self {
        Self {
            inverse_temperature: 1.0,
            epsilon: 0.0,
            fixed_action: None,
        }
    }

    /// `(1 − epsilon)` of this and `epsilon` of the uniform distribution; `None` where an action is fixed.
    pub fn with_uniform(self, epsilon: f32) -> Option<Self> {
        self.fixed_action.is_none().then_some(Self {
            // Exactly `epsilon` where there was none before.
            epsilon: epsilon + (1.0 - epsilon) * self.epsilon,
            ..self
        })
    }

    /// Whether the softmax of a state covers the action `index`.
    pub(crate) fn covers(&self, allowed: &[bool], index: usize) -> bool {
        let others = |fixed: usize| (0..allowed.len()).any(|i| i != fixed && allowed[i]);
        allowed[index] && (self.fixed_action != Some(index) || !others(index))
    }

    /// The probabilities of a state, zero for forbidden actions.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn probabilities(&self, logits: &[f32], allowed: &[bool], probabilities: &mut [f32]) {
        let scaled: Vec<f32> = logits
            .iter()
            .map(|l| l * self.inverse_temperature)
            .collect();
        let covered: Vec<bool> = (0..allowed.len())
            .map(|i| self.covers(allowed, i))
            .collect();
        masked_softmax(&scaled, &covered, probabilities);
        let n_allowed = allowed.iter().filter(|ok| **ok).count() as f32;
        for (i, p) in probabilities.iter_mut().enumerate() {
            let share = match self.fixed_action {
                Some(fixed) => f32::from(u8::from(i == fixed)),
                None => f32::from(u8::from(allowed[i])) / n_allowed,
            };
            *p = (1.0 - self.epsilon) * *p + self.epsilon * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixtures_by_hand() {
        let close = |mixture: SoftmaxMixture, allowed: &[bool], expected: &[f32]| {
            let mut p = vec![9.0; 3];
            mixture.probabilities(&[9f32.ln(), 0.0, 50.0], allowed, &mut p);
            for (a, b) in p.iter().zip(expected) {
                assert!((a - b).abs() < 1e-6, "{p:?} {expected:?}");
            }
        };
        let policy = SoftmaxMixture::policy();
        close(policy, &[true, true, false], &[0.9, 0.1, 0.0]);
        let half = SoftmaxMixture {
            inverse_temperature: 0.5,
            ..policy
        };
        // 3 : 1 at temperature 2, and 0.2 of one half each.
        close(
            half.with_uniform(0.2).unwrap(),
            &[true, true, false],
            &[0.7, 0.3, 0.0],
        );
        // Two uniform parts are one: 1 − 0.8·0.5.
        let twice = policy.with_uniform(0.5).unwrap().with_uniform(0.2).unwrap();
        assert!((twice.epsilon - 0.6).abs() < 1e-7);
        let exit = SoftmaxMixture {
            epsilon: 0.25,
            fixed_action: Some(2),
            ..policy
        };
        close(exit, &[true, true, true], &[0.675, 0.075, 0.25]);
        close(exit, &[false, false, true], &[0.0, 0.0, 1.0]);
        assert_eq!(exit.with_uniform(0.1), None);
    }
}
