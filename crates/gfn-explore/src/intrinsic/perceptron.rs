//! A perceptron in plain Rust: small, in double precision, and the same on every machine of one architecture.
//!
//! Novelty networks see some rows a step, so that a device would spend its time on being asked.

use gfn_env::rand::RngExt as _;
use gfn_env::{Features, Purpose, Streams};

/// Weight `[inputs, outputs]` and bias of a layer, or their gradients, or their moments.
#[derive(Clone, Debug, PartialEq)]
struct Layer {
    outputs: usize,
    weight: Vec<f64>,
    bias: Vec<f64>,
}

impl Layer {
    fn zeros_like(&self) -> Self {
        Self {
            outputs: self.outputs,
            weight: vec![0.0; self.weight.len()],
            bias: vec![0.0; self.bias.len()],
        }
    }

    fn row(&self, input: usize) -> &[f64] {
        &self.weight[input * self.outputs..][..self.outputs]
    }
}

/// Linear layers with ReLU between them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Perceptron {
    layers: Vec<Layer>,
}

/// A sparse row: indices and values.
type Row<'a> = (&'a [u32], &'a [f32]);

impl Perceptron {
    /// Layers of these widths, inputs first, uniform in `±1/√inputs`; layer `i` has the stream `(Init, i, lane)`.
    pub(super) fn new(widths: &[usize], streams: Streams, lane: u16) -> Self {
        let layer = |(i, pair): (usize, &[usize])| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let mut rng = streams.rng(Purpose::Init, i as u32, lane);
            let bound = 1.0 / (inputs.max(1) as f64).sqrt();
            let mut draw = |n: usize| -> Vec<f64> {
                (0..n).map(|_| rng.random_range(-bound..bound)).collect()
            };
            Layer {
                outputs,
                weight: draw(inputs * outputs),
                bias: draw(outputs),
            }
        };
        Self {
            layers: widths.windows(2).enumerate().map(layer).collect(),
        }
    }

    /// As many parameters, all 0.
    pub(super) fn zeros_like(&self) -> Self {
        Self {
            layers: self.layers.iter().map(Layer::zeros_like).collect(),
        }
    }

    /// Each layer's outputs, after ReLU but for the last.
    fn activations(&self, (indices, values): Row<'_>) -> Vec<Vec<f64>> {
        let mut all: Vec<Vec<f64>> = Vec::with_capacity(self.layers.len());
        let last = self.layers.len() - 1;
        for (l, layer) in self.layers.iter().enumerate() {
            let mut out = layer.bias.clone();
            let mut add = |input: usize, value: f64| {
                for (o, w) in out.iter_mut().zip(layer.row(input)) {
                    *o += value * w;
                }
            };
            match all.last() {
                None => {
                    for (&index, &value) in indices.iter().zip(values) {
                        add(index as usize, f64::from(value));
                    }
                }
                Some(before) => {
                    // ReLU leaves many zeros.
                    for (input, &value) in before.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                        add(input, value);
                    }
                }
            }
            if l < last {
                out.iter_mut().for_each(|o| *o = o.max(0.0));
            }
            all.push(out);
        }
        all
    }

    /// The outputs for one row.
    pub(super) fn outputs(&self, row: Row<'_>) -> Vec<f64> {
        self.activations(row).pop().unwrap_or_default()
    }

    /// Adds to `gradient` that of `Σ_k c_k·y_k` of one row, where `cotangent` makes `c` of the outputs `y`.
    pub(super) fn add_gradient(
        &self,
        row: Row<'_>,
        cotangent: impl FnOnce(&[f64]) -> Vec<f64>,
        gradient: &mut Self,
    ) {
        let activations = self.activations(row);
        let mut back = cotangent(&activations[self.layers.len() - 1]);
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let into = &mut gradient.layers[l];
            for (b, c) in into.bias.iter_mut().zip(&back) {
                *b += c;
            }
            let outputs = layer.outputs;
            let mut add = |input: usize, value: f64| {
                for (w, c) in into.weight[input * outputs..][..outputs]
                    .iter_mut()
                    .zip(&back)
                {
                    *w += value * c;
                }
            };
            if l == 0 {
                for (&index, &value) in row.0.iter().zip(row.1) {
                    add(index as usize, f64::from(value));
                }
                break;
            }
            let before = &activations[l - 1];
            for (input, &value) in before.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                add(input, value);
            }
            let through = |(input, value): (usize, &f64)| {
                // The gradient of ReLU.
                if *value > 0.0 {
                    layer.row(input).iter().zip(&back).map(|(w, c)| w * c).sum()
                } else {
                    0.0
                }
            };
            back = before.iter().enumerate().map(through).collect();
        }
    }

    /// All parameters: weight, then bias, layer after layer.
    pub(super) fn values(&self) -> impl Iterator<Item = &f64> {
        self.layers
            .iter()
            .flat_map(|l| l.weight.iter().chain(&l.bias))
    }

    /// As [`Perceptron::values`].
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        let layers = self.layers.iter_mut();
        layers.flat_map(|l| l.weight.iter_mut().chain(&mut l.bias))
    }
}

/// The rows of some features.
pub(super) fn rows(features: &Features) -> impl Iterator<Item = Row<'_>> {
    (0..features.n_rows()).map(|i| features.row(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let mut net = Perceptron::new(&[5, 7, 6, 3], Streams::new(4), 0);
        let mut features = Features::new(5);
        let mut row = features.push_row();
        row.set(1, 0.5);
        row.set(4, -2.0);
        let row = features.row(0);
        // Σ_k y_k³/3, whose cotangent is y².
        let value =
            |net: &Perceptron| -> f64 { net.outputs(row).iter().map(|y| y.powi(3) / 3.0).sum() };
        let mut gradient = net.zeros_like();
        net.add_gradient(row, |y| y.iter().map(|y| y * y).collect(), &mut gradient);
        let gradient: Vec<f64> = gradient.values().copied().collect();
        let mut moved = 0;
        for (i, &analytic) in gradient.iter().enumerate() {
            let h = 1e-6;
            let mut at = |shift: f64| {
                let old = *net.values().nth(i).unwrap();
                *net.values_mut().nth(i).unwrap() = old + shift;
                let v = value(&net);
                *net.values_mut().nth(i).unwrap() = old;
                v
            };
            let numeric = (at(h) - at(-h)) / (2.0 * h);
            assert!(
                (numeric - analytic).abs() < 1e-8,
                "{i}: {numeric} {analytic}"
            );
            moved += usize::from(analytic != 0.0);
        }
        assert!(moved > 20, "{moved} parameters have a gradient");
    }
}
