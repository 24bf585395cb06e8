//! The perceptron's loops over host memory: rows of states forward, and their gradients.
//!
//! A row's values depend on its features and the parameters alone, to the last bit, so that what was computed while
//! sampling serves the training pass as it is.

use super::super::narrow;
use super::super::panels::{Finish, Panels};
use super::super::vectorised::vectorised;
use super::wide;
use gfn_env::Features;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use std::ops::Range;
use std::sync::Arc;

/// Weight `[inputs, outputs]` and bias of one layer.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
}

impl Layer<'_> {
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub(super) fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }
}

/// From this number of outputs on, a last layer computes the outputs of allowed actions alone.
pub(crate) const WIDE: usize = 512;

/// The layers as a forward pass reads them; made once for all rows.
#[derive(Clone, Debug)]
pub(crate) struct Network<W> {
    layers: Vec<Prepared<W>>,
    parameters: u64,
}

#[derive(Clone, Debug)]
struct Prepared<W> {
    weight: Weight<W>,
    bias: Vec<f32>,
}

#[derive(Clone, Debug)]
enum Weight<W> {
    /// Of the first layer, row-major: a state's features select rows.
    Rows(W),
    /// Of a last layer with few outputs, for [`narrow::product`].
    Narrow(Vec<f32>),
    Panels(Panels),
}

impl<W: AsRef<[f32]>> Network<W> {
    /// `weights` and `biases` of the layers in order.
    pub(crate) fn new(weights: Vec<W>, biases: Vec<Vec<f32>>) -> Self {
        let views = weights.iter().zip(&biases);
        let views: Vec<_> = views
            .map(|(weight, bias)| Layer {
                weight: weight.as_ref(),
                bias,
            })
            .collect();
        let parameters = fingerprint(&views);
        let last = biases.len() - 1;
        let layers = weights.into_iter().zip(biases).enumerate();
        let layers = layers.map(|(l, (weight, bias))| Prepared {
            weight: if l == 0 {
                Weight::Rows(weight)
            } else if l == last && bias.len() <= narrow::WIDTH {
                Weight::Narrow(narrow::padded(weight.as_ref(), bias.len()))
            } else {
                Weight::Panels(Panels::new(weight.as_ref(), bias.len()))
            },
            bias,
        });
        Self {
            layers: layers.collect(),
            parameters,
        }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.bias.len())
    }

    /// Whether it computes the outputs of allowed actions alone where it is told which these are.
    pub(crate) fn is_wide(&self) -> bool {
        self.outputs() > WIDE && self.layers.len() > 1
    }
}

/// Tells parameters apart: a hash of all biases and of some of the weights of each layer.
///
/// Training moves every bias that a gradient reaches. A recording of other parameters is computed again.
pub(crate) fn fingerprint(layers: &[Layer<'_>]) -> u64 {
    let mix = |hash: u64, value: &f32| {
        (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0000_0100_0000_01b3)
    };
    layers.iter().fold(0xcbf2_9ce4_8422_2325, |hash, layer| {
        let stride = (layer.weight.len() / 64).max(1);
        let hash = layer.bias.iter().fold(hash, mix);
        layer.weight.iter().step_by(stride).fold(hash, mix)
    })
}

/// What the layers of a perceptron put out for some rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activations {
    n_rows: usize,
    /// [`fingerprint`] of the parameters.
    parameters: u64,
    /// Each layer's outputs `[n_rows, width]`, after ReLU but for the last layer's.
    layers: Vec<Vec<f32>>,
}

impl Activations {
    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The [`fingerprint`] of the parameters that they were computed with.
    pub(crate) fn parameters(&self) -> u64 {
        self.parameters
    }

    /// Drops the rows and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.n_rows = 0;
        self.layers.iter_mut().for_each(Vec::clear);
    }

    pub(super) fn n_layers(&self) -> usize {
        self.layers.len()
    }

    /// The outputs of a layer.
    pub(super) fn layer(&self, l: usize) -> &[f32] {
        &self.layers[l]
    }

    /// The last layer's outputs.
    pub(crate) fn outputs(&self) -> &[f32] {
        self.layers.last().map_or(&[], Vec::as_slice)
    }

    /// The last hidden layer's outputs for the latest `n_rows`; `None` without a hidden layer or as many rows.
    pub(crate) fn last_hidden(&self, n_rows: usize) -> Option<&[f32]> {
        let hidden = self.layers.len().checked_sub(2)?;
        let first = self.n_rows.checked_sub(n_rows)?;
        let width = self.layers[hidden].len() / self.n_rows.max(1);
        Some(&self.layers[hidden][first * width..])
    }

    /// Makes room for rows that are expected.
    pub(crate) fn reserve<W>(&mut self, network: &Network<W>, n_rows: usize) {
        self.layers.resize_with(network.layers.len(), Vec::new);
        for (values, layer) in self.layers.iter_mut().zip(&network.layers) {
            values.reserve(n_rows * layer.bias.len());
        }
    }

    /// Computes further rows behind those that are there.
    ///
    /// `allowed`, row-major with the same number of entries for each row, tells which of the first outputs are asked for: a
    /// wide last layer leaves others zero.
    pub(crate) fn push<W: AsRef<[f32]>>(
        &mut self,
        network: &Network<W>,
        features: &Features,
        rows: Range<usize>,
        allowed: Option<&[bool]>,
    ) {
        self.parameters = network.parameters;
        self.layers.resize_with(network.layers.len(), Vec::new);
        let (start, n) = (self.n_rows, rows.len());
        let last = network.layers.len() - 1;
        for (l, layer) in network.layers.iter().enumerate() {
            let width = layer.bias.len();
            let (before, after) = self.layers.split_at_mut(l);
            let out = &mut after[0];
            out.resize((start + n) * width, 0.0);
            let out = &mut out[start * width..];
            let x = match before.last() {
                Some(x) => &x[start * (x.len() / (start + n).max(1))..],
                None => &[],
            };
            match &layer.weight {
                Weight::Rows(weight) => gather_sum(
                    weight.as_ref(),
                    &layer.bias,
                    features,
                    rows.start,
                    out,
                    l < last,
                ),
                Weight::Narrow(padded) => narrow::product(x, padded, &layer.bias, out),
                Weight::Panels(panels) if l < last => {
                    panels.multiply(x, out, Finish::BiasRelu(&layer.bias));
                }
                Weight::Panels(panels) => match allowed.filter(|_| width > WIDE && n > 0) {
                    Some(allowed) => wide::forward(panels, x, &layer.bias, allowed, out),
                    None => panels.multiply(x, out, Finish::Bias(&layer.bias)),
                },
            }
        }
        self.n_rows += n;
    }
}

vectorised! {
    /// The first layer: only the rows of the weight matrix that a state's features select are read.
    fn gather_sum<'a>(
        weight: &'a [f32],
        bias: &'a [f32],
        features: &'a Features,
        first_row: usize,
        out: &'a mut [f32],
        relu: bool,
    ) {
        let width = bias.len();
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            let (indices, values) = features.row(first_row + i);
            out.copy_from_slice(bias);
            for (&j, &value) in indices.iter().zip(values) {
                let weights = &weight[j as usize * width..][..width];
                for (v, &w) in out.iter_mut().zip(weights) {
                    *v += value * w;
                }
            }
            if relu {
                for v in out {
                    *v = v.max(0.0);
                }
            }
        }
    }
}

/// Rows of one block that are computed at a time: their gradients fit into the cache beside the weights.
pub(super) const CHUNK: usize = 240;

/// Evaluates rows in blocks, side by side. The blocks depend on the number of rows alone.
pub(crate) fn evaluate(
    layers: &[Layer<'_>],
    features: &Features,
    rows: Range<usize>,
) -> Vec<Arc<Activations>> {
    if rows.is_empty() {
        return Vec::new();
    }
    let network = Network::new(
        layers.iter().map(|layer| layer.weight).collect(),
        layers.iter().map(|layer| layer.bias.to_vec()).collect(),
    );
    let block = rows.len().div_ceil(2).clamp(16, CHUNK);
    (0..rows.len().div_ceil(block))
        .into_par_iter()
        .map(|i| {
            let start = rows.start + i * block;
            let mut activations = Activations::default();
            activations.push(
                &network,
                features,
                start..(start + block).min(rows.end),
                None,
            );
            Arc::new(activations)
        })
        .collect()
}
