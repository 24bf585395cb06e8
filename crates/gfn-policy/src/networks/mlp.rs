//! Multi-layer perceptron with ReLU, as a burn module and as a host copy.

use super::dense::LayerInit;
use crate::kernels::mlp::host::Network;
use crate::kernels::mlp::{MAX_LAYERS, mlp};
use crate::{FeatureBatch, Workspace};
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{DType, Device, Tensor, activation};
use gfn_env::Features;
use gfn_loss::Kernels;
use gfn_loss::kernels::HostValues;
use std::ops::Range;

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

    /// The same with a last layer of zeros, which puts out zeros until it is trained.
    pub(crate) fn with_zero_head(mut self, device: &Device) -> Self {
        if let Some(head) = self.layers.last_mut() {
            let [inputs, outputs] = head.weight.dims();
            *head = LayerInit::zeros(inputs, outputs, device);
        }
        self
    }

    /// `[R, inputs] → [R, outputs]`, in plain tensor operations.
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

    /// The derivative of [`Mlp::forward`] along `direction`, `[R, inputs] → [R, outputs]` without gradients.
    ///
    /// Forward mode, layer by layer: `z = hW + b` changes by `ḣW + hẆ + ḃ`, and a ReLU lets pass where `z > 0`.
    pub(crate) fn tangent(&self, direction: &Self, x: Tensor<2>) -> Tensor<2> {
        let last = self.layers.len() - 1;
        let mut h = x;
        let mut dh: Option<Tensor<2>> = None;
        for (i, (layer, along)) in self.layers.iter().zip(&direction.layers).enumerate() {
            let weight = layer.weight.val().detach();
            let mut dz = h.clone().matmul(along.weight.val().detach());
            if let Some(dh) = dh {
                dz = dz + dh.matmul(weight.clone());
            }
            if let Some(bias) = &along.bias {
                dz = dz + bias.val().detach().unsqueeze_dim::<2>(0);
            }
            if i == last {
                return dz;
            }
            let mut z = h.matmul(weight);
            if let Some(bias) = &layer.bias {
                z = z + bias.val().detach().unsqueeze_dim::<2>(0);
            }
            let is_closed = z.clone().lower_equal_scalar(0.0);
            dh = Some(dz.mask_fill(is_closed, 0.0));
            h = activation::relu(z);
        }
        unreachable!("a perceptron has at least one layer")
    }

    /// The outputs of encoded states, `[R, outputs]`: fused where `kernels` and the device allow it.
    pub(crate) fn evaluate(&self, states: &FeatureBatch, kernels: Kernels) -> Tensor<2> {
        let fused = kernels.run_on_host(states.device()) && self.layers.len() <= MAX_LAYERS;
        let parameters = self.layers.iter().filter(|_| fused).map(|layer| {
            let bias = layer.bias.as_ref()?.val();
            let weight = layer.weight.val();
            (weight.dtype() == DType::F32).then_some((weight, bias))
        });
        match parameters.collect::<Option<Vec<_>>>() {
            Some(parameters) if fused => mlp(parameters, states.rows()),
            _ => self.forward(states.dense()),
        }
    }

    /// The same on the host, as it is now: later updates make new weights.
    pub fn host(&self) -> HostMlp {
        let biases = self.layers.iter().map(|layer| match &layer.bias {
            Some(bias) => HostValues::new(bias.val()).to_vec(),
            None => vec![0.0; layer.weight.dims()[1]],
        });
        let weights = self.layers.iter();
        let weights = weights.map(|layer| HeldWeights(HostValues::new(layer.weight.val())));
        HostMlp {
            network: Network::new(weights.collect(), biases.collect()),
        }
    }
}

#[derive(Clone, Debug)]
struct HeldWeights(HostValues);

impl AsRef<[f32]> for HeldWeights {
    fn as_ref(&self) -> &[f32] {
        &self.0
    }
}

/// An [`Mlp`] on the host: sparse first layer, matrix products for the rest, no allocation once warm.
#[derive(Clone, Debug)]
pub struct HostMlp {
    network: Network<HeldWeights>,
}

impl HostMlp {
    /// Outputs of every row, row-major `[R, outputs]`.
    pub fn forward(&self, states: &Features, workspace: &mut Workspace, out: &mut Vec<f32>) {
        self.columns(states, None, workspace, 0..self.network.outputs(), out);
    }

    /// Some of the outputs of every row, row-major `[R, columns]`.
    ///
    /// With `allowed`, row-major for the first outputs, those of other actions may be zero.
    pub(crate) fn columns(
        &self,
        states: &Features,
        allowed: Option<&[bool]>,
        workspace: &mut Workspace,
        columns: Range<usize>,
        out: &mut Vec<f32>,
    ) {
        let activations = &mut workspace.activations;
        if !workspace.recording {
            activations.clear();
        } else if activations.n_rows() == 0 {
            activations.reserve(&self.network, workspace.expected_rows);
        }
        let first = activations.n_rows();
        activations.push(&self.network, states, 0..states.n_rows(), allowed);
        let width = self.network.outputs();
        out.clear();
        for row in activations.outputs()[first * width..].chunks_exact(width) {
            out.extend_from_slice(&row[columns.clone()]);
        }
    }

    /// Whether it leaves outputs out where it may.
    pub(crate) fn is_wide(&self) -> bool {
        self.network.is_wide()
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
            let dense = FeatureBatch::new(f.clone(), device.clone()).dense();
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
