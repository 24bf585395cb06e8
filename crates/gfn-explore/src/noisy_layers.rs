//! Noise on the weights of the last layer.

use crate::{Schedule, ScheduleError};
use gfn_env::rand::{Rng, RngExt as _};
use gfn_policy::{Behaviour, LaneKey, masked_softmax};
use std::sync::OnceLock;

/// How long the noise stays the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum NoisePeriod {
    /// Each trajectory has noise of its own.
    #[default]
    Lane,
    /// All trajectories of an iteration share theirs.
    Iteration,
}

/// The policy with factorised Gaussian noise on the last layer's weights and biases.
///
/// With `H` units `h` in the last hidden layer, action `a` gets the logit
/// `Σ_i (W_ai + (σ/√H)·f(ε_a) f(ε'_i)) h_i + b_a + (σ/√H)·f(ε_a)`, `f(x) = sgn(x)·√|x|`, with standard normal `ε`: noise that
/// stays the same along a trajectory, and so leads somewhere, where ε-uniform exploration wavers.
///
/// After Fortunato et al. (2018), <https://arxiv.org/abs/1706.10295>, who also learn the scale of each weight's noise.
/// Here it is a schedule, and the noise is on the behaviour alone: scores and the evaluated policy have none.
/// It needs a perceptron with at least one hidden layer.
#[derive(Clone, Debug)]
pub struct NoisyLayers {
    sigma: Schedule,
    period: NoisePeriod,
}

impl NoisyLayers {
    /// Noise of scale `sigma`; 0.5 is usual.
    ///
    /// # Errors
    ///
    /// If the scale leaves `[0, 1000]` at some iteration.
    pub fn new(sigma: Schedule, period: NoisePeriod) -> Result<Self, ScheduleError> {
        sigma.validate(0.0, 1000.0)?;
        Ok(Self { sigma, period })
    }
}

impl Behaviour for NoisyLayers {
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        _iteration: u64,
        probabilities: &mut [f32],
    ) {
        masked_softmax(logits, allowed, probabilities);
    }

    fn for_lane(&self, lane: LaneKey) -> Option<Box<dyn Behaviour + '_>> {
        let lane = match self.period {
            NoisePeriod::Lane => lane,
            NoisePeriod::Iteration => LaneKey { lane: 0, ..lane },
        };
        Some(Box::new(Noise {
            scale: self.sigma.at(u64::from(lane.iteration)) as f32,
            lane,
            factors: OnceLock::new(),
        }))
    }
}

/// The noise of one lane, drawn when the number of hidden units is known.
#[derive(Debug)]
struct Noise {
    scale: f32,
    lane: LaneKey,
    /// `f(ε)` of the actions, then `f(ε')` of the hidden units.
    factors: OnceLock<Vec<f32>>,
}

impl Behaviour for Noise {
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        _iteration: u64,
        probabilities: &mut [f32],
    ) {
        masked_softmax(logits, allowed, probabilities);
    }

    fn moves_logits(&self) -> bool {
        true
    }

    fn move_logits(&self, hidden: &[f32], _iteration: u64, logits: &mut [f32]) {
        let n = logits.len() + hidden.len();
        let factors = self
            .factors
            .get_or_init(|| factors(&mut self.lane.rng(), n));
        let (actions, units) = factors.split_at(logits.len());
        let along: f32 = units.iter().zip(hidden).map(|(f, h)| f * h).sum();
        let common = self.scale / (hidden.len() as f32).sqrt() * (along + 1.0);
        for (logit, factor) in logits.iter_mut().zip(actions) {
            *logit += common * factor;
        }
    }
}

/// `n` values of `sgn(x)·√|x|` for standard normal `x`, by the Box-Muller transform.
fn factors(rng: &mut impl Rng, n: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(n + 1);
    while values.len() < n {
        // In (0, 1]: the logarithm is finite.
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let angle = std::f64::consts::TAU * rng.random::<f64>();
        values.extend([radius * angle.cos(), radius * angle.sin()]);
    }
    values.truncate(n);
    let root = |x: f64| (x.abs().sqrt() * x.signum()) as f32;
    values.into_iter().map(root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::{Purpose, Streams};

    fn key(lane: usize, iteration: u32) -> LaneKey {
        LaneKey {
            streams: Streams::new(3),
            purpose: Purpose::Rollout,
            iteration,
            lane,
            n_lanes: 8,
        }
    }

    fn moved(behaviour: &NoisyLayers, lane: usize, iteration: u32, hidden: &[f32]) -> Vec<f32> {
        let of_lane = behaviour.for_lane(key(lane, iteration)).unwrap();
        assert!(of_lane.moves_logits());
        let mut logits = vec![0.0; 3];
        of_lane.move_logits(hidden, 0, &mut logits);
        logits
    }

    #[test]
    fn noise_is_of_the_weights_by_hand() {
        let noisy = NoisyLayers::new(Schedule::constant(0.5), NoisePeriod::Lane).unwrap();
        let f = factors(&mut key(2, 5).rng(), 3 + 4);
        let hidden = [1.0, 0.0, 2.0, 0.5];
        let found = moved(&noisy, 2, 5, &hidden);
        for (a, found) in found.iter().enumerate() {
            // Σ_i (σ/√H) f_a f_i h_i + (σ/√H) f_a with σ/√H = 0.25.
            let weights: f32 = (0..4).map(|i| 0.25 * f[a] * f[3 + i] * hidden[i]).sum();
            let expected = weights + 0.25 * f[a];
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn noise_stays_the_same_for_its_period() {
        let hidden = [1.0, -1.0];
        let sigma = Schedule::constant(0.5);
        let lane = NoisyLayers::new(sigma, NoisePeriod::Lane).unwrap();
        assert_eq!(moved(&lane, 1, 7, &hidden), moved(&lane, 1, 7, &hidden));
        assert_ne!(moved(&lane, 1, 7, &hidden), moved(&lane, 2, 7, &hidden));
        let iteration = NoisyLayers::new(sigma, NoisePeriod::Iteration).unwrap();
        assert_eq!(
            moved(&iteration, 1, 7, &hidden),
            moved(&iteration, 2, 7, &hidden)
        );
        assert_ne!(
            moved(&iteration, 1, 7, &hidden),
            moved(&iteration, 1, 8, &hidden)
        );
    }

    #[test]
    fn factors_have_the_moments_of_roots_of_normal_numbers() {
        // E f² = E |x| = √(2/π), E f = 0; standard errors at 200,000 draws: 1.35e-3 and 2.0e-3, four of each.
        let f = factors(&mut key(0, 0).rng(), 200_000);
        let n = f.len() as f64;
        let mean = f.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let square = f.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 8e-3, "{mean}");
        assert!(
            (square - (2.0 / std::f64::consts::PI).sqrt()).abs() < 5.4e-3,
            "{square}"
        );
    }
}
