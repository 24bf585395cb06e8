//! Random network distillation: a network learns what a fixed random one says, and is wrong where it has seen little.

use super::perceptron::{Perceptron, rows};
use gfn_env::{Features, Streams};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Random network distillation (Burda et al., <https://arxiv.org/abs/1810.12894>).
///
/// The novelty of a state is `(1/K) Σ_k (f_k(s) − f*_k(s))²` with a fixed random perceptron `f*` and one, `f`, of the same
/// shape and other weights that Adam trains to agree with it on the states that it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomNetworkDistillation {
    target: Perceptron,
    predictor: Perceptron,
    first: Perceptron,
    second: Perceptron,
    step: u64,
    learning_rate: f64,
}

impl RandomNetworkDistillation {
    /// Networks over `n_features` features with these hidden layers and `outputs` outputs.
    #[must_use]
    pub fn new(
        n_features: usize,
        hidden: &[usize],
        outputs: usize,
        learning_rate: f64,
        streams: Streams,
    ) -> Self {
        let widths: Vec<usize> = [n_features]
            .into_iter()
            .chain(hidden.iter().copied())
            .chain([outputs])
            .collect();
        let predictor = Perceptron::new(&widths, streams, 1);
        Self {
            target: Perceptron::new(&widths, streams, 0),
            first: predictor.zeros_like(),
            second: predictor.zeros_like(),
            predictor,
            step: 0,
            learning_rate,
        }
    }

    /// The novelty of each row.
    #[must_use]
    pub fn novelty(&self, features: &Features) -> Vec<f64> {
        let error = |row| {
            let (f, target) = (self.predictor.outputs(row), self.target.outputs(row));
            let squares = f.iter().zip(&target).map(|(f, t)| (f - t).powi(2));
            squares.sum::<f64>() / target.len() as f64
        };
        rows(features).map(error).collect()
    }

    /// One step of Adam on the mean novelty of the rows.
    pub fn train(&mut self, features: &Features) {
        let n = features.n_rows();
        if n == 0 {
            return;
        }
        let mut gradient = self.predictor.zeros_like();
        for row in rows(features) {
            let target = self.target.outputs(row);
            let scale = 2.0 / (n * target.len()) as f64;
            let cotangent = |f: &[f64]| {
                f.iter()
                    .zip(&target)
                    .map(|(f, t)| scale * (f - t))
                    .collect()
            };
            self.predictor.add_gradient(row, cotangent, &mut gradient);
        }
        self.step += 1;
        let corrections = [BETA_1, BETA_2].map(|beta| 1.0 - beta.powf(self.step as f64));
        let moments = self.first.values_mut().zip(self.second.values_mut());
        let parameters = self.predictor.values_mut().zip(gradient.values());
        for ((p, g), (m, v)) in parameters.zip(moments) {
            *m = BETA_1 * *m + (1.0 - BETA_1) * g;
            *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
            let denominator = (*v / corrections[1]).sqrt() + EPSILON;
            *p -= self.learning_rate * (*m / corrections[0]) / denominator;
        }
    }

    /// Steps made, then predictor and moments, 8 bytes each.
    pub(super) fn save(&self) -> Vec<u8> {
        let nets = [&self.predictor, &self.first, &self.second];
        let values = nets.into_iter().flat_map(Perceptron::values);
        let values = values.flat_map(|v| v.to_le_bytes());
        self.step.to_le_bytes().into_iter().chain(values).collect()
    }

    /// Continues from [`RandomNetworkDistillation::save`]; `None` where it is of another shape.
    pub(super) fn restore(&mut self, bytes: &[u8]) -> Option<()> {
        let mut words = bytes.chunks_exact(8);
        let n = self.predictor.values().count();
        if bytes.len() != 8 * (1 + 3 * n) {
            return None;
        }
        let mut next = || words.next().and_then(|w| w.try_into().ok());
        self.step = u64::from_le_bytes(next()?);
        for net in [&mut self.predictor, &mut self.first, &mut self.second] {
            for value in net.values_mut() {
                *value = f64::from_le_bytes(next()?);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(width: usize, i: usize) -> Features {
        let mut features = Features::new(width);
        features.push_row().one(i);
        features
    }

    #[test]
    fn what_is_seen_gets_less_novel_than_what_is_not() {
        let mut rnd = RandomNetworkDistillation::new(8, &[32, 32], 4, 1e-2, Streams::new(0));
        let all: Vec<f64> = (0..8).map(|i| rnd.novelty(&row(8, i))[0]).collect();
        assert!(all.iter().all(|v| *v > 0.0));
        let mut seen = Features::new(8);
        (0..4).for_each(|i| seen.push_row().one(i));
        for _ in 0..200 {
            rnd.train(&seen);
        }
        let now = |i| rnd.novelty(&row(8, i))[0];
        for (i, before) in all.iter().enumerate().take(4) {
            assert!(now(i) < 0.01 * before, "{i}: {} of {before}", now(i));
        }
        let unseen: f64 = (4..8).map(now).sum();
        assert!(unseen > 30.0 * (0..4).map(now).sum::<f64>(), "{unseen}");
    }

    #[test]
    fn the_first_step_is_that_of_adam_by_hand() {
        // A layer of one weight and one bias: y = w + b on the row of a one.
        let mut rnd = RandomNetworkDistillation::new(1, &[], 1, 0.1, Streams::new(3));
        let before: Vec<f64> = rnd.predictor.values().copied().collect();
        let target: f64 = rnd.target.values().sum();
        let t: f64 = before.iter().sum::<f64>() - target;
        assert!((rnd.novelty(&row(1, 0))[0] - t * t).abs() < 1e-15);
        rnd.train(&row(1, 0));
        let g = 2.0 * t;
        for (now, before) in rnd.predictor.values().zip(before) {
            // m̂ = g and v̂ = g².
            let expected = before - 0.1 * g / (g.abs() + EPSILON);
            assert!((now - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_saved_one_continues_bit_for_bit() {
        let new = || RandomNetworkDistillation::new(3, &[4], 2, 1e-2, Streams::new(1));
        let mut whole = new();
        whole.train(&row(3, 0));
        let mut continued = new();
        assert_ne!(continued, whole);
        continued.restore(&whole.save()).unwrap();
        for rnd in [&mut whole, &mut continued] {
            rnd.train(&row(3, 2));
        }
        assert_eq!(continued, whole);
        let bytes = whole.save();
        assert!(new().restore(&bytes[..bytes.len() - 8]).is_none());
    }
}
