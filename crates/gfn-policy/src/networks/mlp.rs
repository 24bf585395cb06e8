//! Multi-layer perceptron with ReLU, as a burn module and as a host copy.

use super::dense::LayerInit;
use super::host_gemm::product;
use crate::Workspace;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation};
use gfn_env::Features;
use std::sync::Arc;

/// Layers with ReLU between them and none after the last.
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    /// `inputs → hidden[0] → … → outputs`; without hidden layers, one affine map.
    pub(crate) fn new(
        init: &mut LayerInit,
        inputs: usize,
        hidden: &[usize],
        outputs: usize,
        device: &Device,
    ) -> Self {
        let mut widths = vec![inputs];
        widths.extend_from_slice(hidden);
        widths.push(outputs);
        let layers = widths
            .windows(2)
            .map(|w| init.linear(w[0], w[1], device))
            .collect();
        Self { layers }
    }

    /// `[R, inputs] → [R, outputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let last = self.layers.len() - 1;
        let mut h = x;
        for (i, layer) in self.layers.iter().enumerate() {
            h = layer.forward(h);
            if i < last {
                h = activation::relu(h);
            }
        }
        h
    }

    /// A copy on the host.
    ///
    /// # Panics
    ///
    /// Never: a perceptron has at least one layer.
    pub fn host(&self) -> HostMlp {
        let mut layers: Vec<_> = self.layers.iter().map(HostLayer::new).collect();
        let head = layers.pop().expect("a perceptron has at least one layer");
        HostMlp {
            hidden: Arc::new(layers),
            head,
        }
    }
}

#[derive(Clone, Debug)]
struct HostLayer {
    weight: Vec<f32>,
    bias: Vec<f32>,
    outputs: usize,
}

impl HostLayer {
    fn new(layer: &Linear) -> Self {
        let weight = layer.weight.val();
        let outputs = weight.dims()[1];
        let bias = layer.bias.as_ref().map_or_else(
            || vec![0.0; outputs],
            |bias| bias.val().into_data().iter::<f32>().collect(),
        );
        Self {
            weight: weight.into_data().iter::<f32>().collect(),
            bias,
            outputs,
        }
    }

    fn apply(&self, x: &[f32], out: &mut Vec<f32>, rows: usize, inner: usize) {
        out.resize(rows * self.outputs, 0.0);
        product(x, &self.weight, out, rows, inner, self.outputs);
        for row in out.chunks_exact_mut(self.outputs) {
            for (v, b) in row.iter_mut().zip(&self.bias) {
                *v += b;
            }
        }
    }
}

/// An [`Mlp`] on the host: sparse first layer, matrix products for the rest, no allocation once warm.
#[derive(Clone, Debug)]
pub struct HostMlp {
    hidden: Arc<Vec<HostLayer>>,
    head: HostLayer,
}

impl HostMlp {
    /// The same hidden layers with `len` of the outputs, from `start` on.
    pub(crate) fn output_columns(&self, start: usize, len: usize) -> Self {
        let columns = start..start + len;
        let head = HostLayer {
            weight: self
                .head
                .weight
                .chunks_exact(self.head.outputs)
                .flat_map(|row| &row[columns.clone()])
                .copied()
                .collect(),
            bias: self.head.bias[columns.clone()].to_vec(),
            outputs: len,
        };
        Self {
            hidden: Arc::clone(&self.hidden),
            head,
        }
    }

    /// Outputs of every row, row-major `[R, outputs]`.
    pub fn forward(&self, states: &Features, workspace: &mut Workspace, out: &mut Vec<f32>) {
        let rows = states.n_rows();
        let Some((first, others)) = self.hidden.split_first() else {
            first_layer(&self.head, states, out);
            return;
        };
        workspace.buffers.resize_with(2, Vec::new);
        let (current, next) = workspace.buffers.split_at_mut(1);
        let (current, next) = (&mut current[0], &mut next[0]);
        first_layer(first, states, current);
        relu(current);
        let mut inner = first.outputs;
        for layer in others {
            layer.apply(current, next, rows, inner);
            relu(next);
            std::mem::swap(current, next);
            inner = layer.outputs;
        }
        self.head.apply(current, out, rows, inner);
    }
}

/// Only the rows of the weight matrix that a state's features select are read.
fn first_layer(layer: &HostLayer, states: &Features, out: &mut Vec<f32>) {
    out.clear();
    let width = layer.outputs;
    for i in 0..states.n_rows() {
        let start = out.len();
        out.extend_from_slice(&layer.bias);
        let row = &mut out[start..];
        let (indices, values) = states.row(i);
        for (&j, &value) in indices.iter().zip(values) {
            let weights = &layer.weight[j as usize * width..][..width];
            for (v, w) in row.iter_mut().zip(weights) {
                *v += value * w;
            }
        }
    }
}

fn relu(values: &mut [f32]) {
    for v in values {
        *v = v.max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::Streams;

    fn features(n: usize, width: usize) -> Features {
        let mut f = Features::new(width);
        for i in 0..n {
            let mut row = f.push_row();
            row.one(i * 7 % width);
            row.set((i * 3 + 1) % width, 0.5 + i as f32);
        }
        f
    }

    #[test]
    fn host_copy_computes_the_module() {
        let device = Device::flex();
        for hidden in [&[] as &[usize], &[33], &[64, 17]] {
            let mlp = Mlp::new(&mut LayerInit::new(Streams::new(3)), 20, hidden, 5, &device);
            let f = features(13, 20);
            let dense = crate::FeatureBatch::new(f.clone(), device.clone()).dense();
            let expected = mlp.forward(dense).into_data().try_to_vec::<f32>().unwrap();
            let mut out = Vec::new();
            mlp.host().forward(&f, &mut Workspace::default(), &mut out);
            assert_eq!(out.len(), expected.len());
            for (a, b) in out.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_number_of_rows() {
        let device = Device::flex();
        for width in [7, 64, 256, 300, 1024] {
            let mlp = Mlp::new(
                &mut LayerInit::new(Streams::new(5)),
                40,
                &[width, width],
                9,
                &device,
            )
            .host();
            let all = features(70, 40);
            let mut expected = Vec::new();
            mlp.forward(&all, &mut Workspace::default(), &mut expected);
            for n in [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 69] {
                let mut out = Vec::new();
                mlp.forward(&features(n, 40), &mut Workspace::default(), &mut out);
                assert_eq!(out[..], expected[..n * 9], "{n} rows, width {width}");
            }
        }
    }
}
