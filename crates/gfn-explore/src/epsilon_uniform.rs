//! Epsilon-uniform exploration over the allowed actions.

use crate::{Schedule, ScheduleError};
use gfn_policy::{Behaviour, LaneKey, SoftmaxMixture};

/// `μ(a | s) = (1 − ε) ν(a | s) + ε / #allowed(s)` on top of another behaviour `ν`.
///
/// The uniform part covers the ALLOWED actions only: a mixture that leaks into forbidden actions gives them
/// probability where the policy has none, and an infinite loss.
#[derive(Clone, Debug)]
pub struct EpsilonUniform<B> {
    inner: B,
    epsilon: Schedule,
}

impl<B: Behaviour> EpsilonUniform<B> {
    /// Mixes `inner` with the uniform behaviour.
    ///
    /// # Errors
    ///
    /// If ε leaves `[0, 1]` at some iteration.
    pub fn new(inner: B, epsilon: Schedule) -> Result<Self, ScheduleError> {
        epsilon.validate(0.0, 1.0)?;
        Ok(Self { inner, epsilon })
    }
}

impl<B: Behaviour> Behaviour for EpsilonUniform<B> {
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        iteration: u64,
        probabilities: &mut [f32],
    ) {
        self.inner
            .probabilities(logits, allowed, iteration, probabilities);
        let epsilon = self.epsilon.at(iteration) as f32;
        if epsilon <= 0.0 {
            return;
        }
        let share = epsilon / allowed.iter().filter(|ok| **ok).count() as f32;
        for (p, &ok) in probabilities.iter_mut().zip(allowed) {
            if ok {
                *p = (1.0 - epsilon) * *p + share;
            }
        }
    }

    fn for_lane(&self, lane: LaneKey) -> Option<Box<dyn Behaviour + '_>> {
        let inner = self.inner.for_lane(lane)?;
        let epsilon = self.epsilon;
        Some(Box::new(EpsilonUniform { inner, epsilon }))
    }

    fn closed_form(&self, iteration: u64) -> Option<SoftmaxMixture> {
        let inner = self.inner.closed_form(iteration)?;
        inner.with_uniform(self.epsilon.at(iteration) as f32)
    }

    fn moves_logits(&self) -> bool {
        self.inner.moves_logits()
    }

    fn move_logits(&self, hidden: &[f32], iteration: u64, logits: &mut [f32]) {
        self.inner.move_logits(hidden, iteration, logits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_policy::OnPolicy;

    #[test]
    fn mixture_by_hand_and_never_on_forbidden_actions() {
        // softmax(ln 3, 0) = (3/4, 1/4); with ε = 0.2 over two allowed actions: 0.8·3/4 + 0.1, 0.8·1/4 + 0.1.
        let behaviour = EpsilonUniform::new(OnPolicy, Schedule::constant(0.2)).unwrap();
        let mut p = [9.0; 3];
        behaviour.probabilities(&[3f32.ln(), 50.0, 0.0], &[true, false, true], 0, &mut p);
        assert!(
            (p[0] - 0.7).abs() < 1e-6 && p[1] == 0.0 && (p[2] - 0.3).abs() < 1e-6,
            "{p:?}"
        );
    }

    #[test]
    fn schedule_moves_it_to_the_inner_behaviour() {
        let epsilon = Schedule::Linear {
            from: 1.0,
            to: 0.0,
            iterations: 10,
        };
        let behaviour = EpsilonUniform::new(OnPolicy, epsilon).unwrap();
        let (mut first, mut last, mut policy) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        behaviour.probabilities(&[2.0, -1.0], &[true, true], 0, &mut first);
        behaviour.probabilities(&[2.0, -1.0], &[true, true], 10, &mut last);
        OnPolicy.probabilities(&[2.0, -1.0], &[true, true], 10, &mut policy);
        assert_eq!(first, [0.5, 0.5]);
        assert_eq!(last, policy);
    }

    #[test]
    fn closed_forms_are_the_same_distributions() {
        use crate::{NoisePeriod, NoisyLayers, Tempered};
        let half_way = Schedule::Linear {
            from: 0.6,
            to: 0.2,
            iterations: 10,
        };
        let warm = || Tempered::new(Schedule::constant(1.7)).unwrap();
        let uniform = EpsilonUniform::new(warm(), half_way).unwrap();
        let twice = EpsilonUniform::new(uniform.clone(), Schedule::constant(0.3)).unwrap();
        let all: [Box<dyn Behaviour>; 4] = [
            Box::new(OnPolicy),
            Box::new(warm()),
            Box::new(uniform),
            Box::new(twice),
        ];
        let (logits, allowed) = ([2.0, 90.0, -1.0, 0.5], [true, false, true, true]);
        for (i, behaviour) in all.iter().enumerate() {
            for iteration in [0, 4, 20] {
                let (mut expected, mut found) = ([9.0; 4], [9.0; 4]);
                behaviour.probabilities(&logits, &allowed, iteration, &mut expected);
                let form = behaviour.closed_form(iteration).unwrap();
                form.probabilities(&logits, &allowed, &mut found);
                for (a, b) in expected.iter().zip(found) {
                    assert!(
                        (a - b).abs() < 1e-6,
                        "behaviour {i} at {iteration}: {expected:?} {found:?}"
                    );
                }
            }
        }
        let noisy = NoisyLayers::new(Schedule::constant(0.5), NoisePeriod::Lane).unwrap();
        assert_eq!(noisy.closed_form(0), None);
        let noisy = EpsilonUniform::new(noisy, Schedule::constant(0.1)).unwrap();
        assert_eq!(noisy.closed_form(0), None, "noise has no closed form");
    }
}
