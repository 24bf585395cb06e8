//! The perceptron's loops over host memory: rows of states forward, and their gradients.
//!
//! A row's values depend on its features and the parameters alone, to the last bit, so that what was computed while
//! sampling serves the training pass as it is.

use super::super::narrow;
use super::super::product::{Matrix, multiply, product};
use super::super::vectorised::vectorised;
use gfn_env::Features;
use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Weight `[inputs, outputs]` and bias of one layer.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
}

impl Layer<'_> {
    fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }
}

/// The layers with what a forward pass prepares once for all rows.
#[derive(Clone)]
pub(crate) struct Network<'a> {
    layers: Cow<'a, [Layer<'a>]>,
    /// The last layer's weights for [`narrow::product`], where it has few outputs.
    narrow_head: Option<Cow<'a, [f32]>>,
    parameters: u64,
}

impl<'a> Network<'a> {
    pub(crate) fn new(layers: &'a [Layer<'a>]) -> Self {
        Self {
            parameters: fingerprint(layers),
            layers: Cow::Borrowed(layers),
            narrow_head: narrow_head(layers).map(Cow::Owned),
        }
    }

    /// With the head that [`narrow_head`] made before, and the [`fingerprint`].
    pub(crate) fn prepared(
        layers: Vec<Layer<'a>>,
        narrow_head: Option<&'a [f32]>,
        parameters: u64,
    ) -> Self {
        Self {
            parameters,
            layers: Cow::Owned(layers),
            narrow_head: narrow_head.map(Cow::Borrowed),
        }
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

/// The last layer's weights padded, unless it has many outputs or is the first as well.
pub(crate) fn narrow_head(layers: &[Layer<'_>]) -> Option<Vec<f32>> {
    let head = layers.last()?;
    let is_narrow = layers.len() > 1 && head.outputs() <= narrow::WIDTH;
    is_narrow.then(|| narrow::padded(head.weight, head.outputs()))
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
    pub(crate) fn reserve(&mut self, network: &Network<'_>, n_rows: usize) {
        self.layers.resize_with(network.layers.len(), Vec::new);
        for (values, layer) in self.layers.iter_mut().zip(network.layers.iter()) {
            values.reserve(n_rows * layer.outputs());
        }
    }

    /// Computes further rows behind those that are there.
    pub(crate) fn push(&mut self, network: &Network<'_>, features: &Features, rows: Range<usize>) {
        let layers = &network.layers;
        self.parameters = network.parameters;
        self.layers.resize_with(layers.len(), Vec::new);
        let (start, n) = (self.n_rows, rows.len());
        let last = layers.len() - 1;
        for (l, layer) in layers.iter().enumerate() {
            let width = layer.outputs();
            let (before, after) = self.layers.split_at_mut(l);
            let out = &mut after[0];
            out.resize((start + n) * width, 0.0);
            let out = &mut out[start * width..];
            if l == 0 {
                gather_sum(
                    layer.weight,
                    layer.bias,
                    features,
                    rows.start,
                    out,
                    l < last,
                );
            } else {
                let inputs = layer.inputs();
                let x = &before[l - 1][start * inputs..];
                match &network.narrow_head {
                    Some(padded) if l == last => narrow::product(x, padded, layer.bias, out),
                    _ => {
                        product(x, layer.weight, out, n, inputs, width);
                        add_bias(out, layer.bias, l < last);
                    }
                }
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

vectorised! {
    /// What follows a product: bias and activation in one pass over rows that are still in the cache.
    fn add_bias<'a>(out: &'a mut [f32], bias: &'a [f32], relu: bool) {
        for row in out.chunks_exact_mut(bias.len()) {
            if relu {
                for (v, &b) in row.iter_mut().zip(bias) {
                    *v = (*v + b).max(0.0);
                }
            } else {
                for (v, &b) in row.iter_mut().zip(bias) {
                    *v += b;
                }
            }
        }
    }
}

vectorised! {
    /// The gradient through ReLU in place, and its sums over rows.
    fn mask_and_sum<'a>(gradient: &'a mut [f32], activation: &'a [f32], sums: &'a mut [f32]) {
        let width = sums.len();
        let rows = gradient.chunks_exact_mut(width).zip(activation.chunks_exact(width));
        for (gradient, activation) in rows {
            for ((g, &a), sum) in gradient.iter_mut().zip(activation).zip(sums.iter_mut()) {
                *g = if a > 0.0 { *g } else { 0.0 };
                *sum += *g;
            }
        }
    }
}

vectorised! {
    fn add_rows<'a>(rows: &'a [f32], sums: &'a mut [f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, &v) in sums.iter_mut().zip(row) {
                *sum += v;
            }
        }
    }
}

vectorised! {
    /// The gradient of the first layer's weights: each row goes to the rows that its features select.
    fn scatter_add<'a>(
        gradient: &'a [f32],
        width: usize,
        features: &'a Features,
        first_row: usize,
        out: &'a mut [f32],
    ) {
        for (i, gradient) in gradient.chunks_exact(width).enumerate() {
            let (indices, values) = features.row(first_row + i);
            for (&j, &value) in indices.iter().zip(values) {
                let out = &mut out[j as usize * width..][..width];
                for (o, &g) in out.iter_mut().zip(gradient) {
                    *o += value * g;
                }
            }
        }
    }
}

vectorised! {
    fn add_to<'a>(out: &'a mut [f32], values: &'a [f32]) {
        for (o, &v) in out.iter_mut().zip(values) {
            *o += v;
        }
    }
}

/// Rows of one block that are computed at a time: their gradients fit into the cache beside the weights.
const CHUNK: usize = 240;

/// Evaluates rows in blocks, side by side. The blocks depend on the number of rows alone.
pub(crate) fn evaluate(
    layers: &[Layer<'_>],
    features: &Features,
    rows: Range<usize>,
) -> Vec<Arc<Activations>> {
    if rows.is_empty() {
        return Vec::new();
    }
    let network = Network::new(layers);
    let block = rows.len().div_ceil(2).clamp(16, CHUNK);
    (0..rows.len().div_ceil(block))
        .into_par_iter()
        .map(|i| {
            let start = rows.start + i * block;
            let mut activations = Activations::default();
            activations.push(&network, features, start..(start + block).min(rows.end));
            Arc::new(activations)
        })
        .collect()
}

/// The gradients of all parameters, `[weight, bias]` of each layer in turn, from those of the outputs.
///
/// `blocks` hold the activations of all rows in order.
pub(crate) fn backward(
    layers: &[Layer<'_>],
    features: &Features,
    blocks: &[Arc<Activations>],
    gradient: &[f32],
) -> Vec<Vec<f32>> {
    let n_rows: usize = blocks.iter().map(|block| block.n_rows).sum();
    // Every part has its own gradients, which are added in order at the end: the sums depend on the rows alone.
    let n_parts = (n_rows / 1024).clamp(2, 8);
    let mut parts: Vec<Vec<Vec<f32>>> = split(blocks, n_parts)
        .par_iter()
        .map(|pieces| {
            let mut part = Part::new(layers, features);
            for piece in pieces {
                let outputs = layers[layers.len() - 1].outputs();
                let range =
                    piece.first_row * outputs..(piece.first_row + piece.rows.len()) * outputs;
                part.add(piece, &blocks[piece.block], &gradient[range]);
            }
            part.finish()
        })
        .collect();
    let mut total = parts.remove(0);
    for part in parts {
        for (total, part) in total.iter_mut().zip(&part) {
            add_to(total, part);
        }
    }
    total
}

/// Some rows of a block.
struct Piece {
    block: usize,
    rows: Range<usize>,
    /// The first of them, counted through all blocks.
    first_row: usize,
}

/// Cuts all rows into parts of nearly equal numbers, and these into pieces of at most [`CHUNK`] rows.
fn split(blocks: &[Arc<Activations>], n_parts: usize) -> Vec<Vec<Piece>> {
    let n_rows: usize = blocks.iter().map(|block| block.n_rows).sum();
    let mut parts: Vec<Vec<Piece>> = Vec::new();
    let (mut part, mut first_row) = (0, 0);
    parts.resize_with(n_parts, Vec::new);
    for (block, activations) in blocks.iter().enumerate() {
        let mut row = 0;
        while row < activations.n_rows {
            while first_row >= n_rows * (part + 1) / n_parts {
                part += 1;
            }
            let left = (n_rows * (part + 1) / n_parts - first_row).min(activations.n_rows - row);
            // Pieces of like size instead of a last small one.
            let n = left.div_ceil(left.div_ceil(CHUNK));
            parts[part].push(Piece {
                block,
                rows: row..row + n,
                first_row,
            });
            row += n;
            first_row += n;
        }
    }
    parts.retain(|pieces| !pieces.is_empty());
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    parts
}

/// The gradients that one thread gathers.
struct Part<'a> {
    layers: &'a [Layer<'a>],
    features: &'a Features,
    /// Those of weights with few columns are kept transposed: long rows make fast products.
    gradients: Vec<Vec<f32>>,
    upper: Vec<f32>,
    lower: Vec<f32>,
}

fn is_transposed(layer: &Layer<'_>, l: usize) -> bool {
    l > 0 && 4 * layer.outputs() < layer.inputs()
}

impl<'a> Part<'a> {
    fn new(layers: &'a [Layer<'a>], features: &'a Features) -> Self {
        let gradients = layers
            .iter()
            .flat_map(|layer| [vec![0.0; layer.weight.len()], vec![0.0; layer.bias.len()]])
            .collect();
        Self {
            layers,
            features,
            gradients,
            upper: Vec::new(),
            lower: Vec::new(),
        }
    }

    fn add(&mut self, piece: &Piece, block: &Activations, gradient: &[f32]) {
        let n = piece.rows.len();
        self.upper.clear();
        self.upper.extend_from_slice(gradient);
        let last = self.layers.len() - 1;
        add_rows(&self.upper, &mut self.gradients[2 * last + 1]);
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let (inputs, outputs) = (layer.inputs(), layer.outputs());
            if l == 0 {
                let out = &mut self.gradients[0];
                scatter_add(&self.upper, outputs, self.features, piece.first_row, out);
                break;
            }
            let below = &block.layers[l - 1][piece.rows.start * inputs..piece.rows.end * inputs];
            let (x, d) = (
                Matrix::rows(below, inputs),
                Matrix::rows(&self.upper, outputs),
            );
            let out = &mut self.gradients[2 * l];
            if is_transposed(layer, l) {
                multiply(d.transposed(), x, out, [outputs, n, inputs], true);
            } else {
                multiply(x.transposed(), d, out, [inputs, n, outputs], true);
            }
            self.lower.resize(n * inputs, 0.0);
            let weight = Matrix::rows(layer.weight, outputs).transposed();
            multiply(d, weight, &mut self.lower, [n, outputs, inputs], false);
            mask_and_sum(&mut self.lower, below, &mut self.gradients[2 * l - 1]);
            std::mem::swap(&mut self.upper, &mut self.lower);
        }
    }

    fn finish(mut self) -> Vec<Vec<f32>> {
        for (l, layer) in self.layers.iter().enumerate() {
            if is_transposed(layer, l) {
                let (inputs, outputs) = (layer.inputs(), layer.outputs());
                let transposed = std::mem::take(&mut self.gradients[2 * l]);
                let mut weight = vec![0.0; transposed.len()];
                for (o, row) in transposed.chunks_exact(inputs).enumerate() {
                    for (i, &v) in row.iter().enumerate() {
                        weight[i * outputs + o] = v;
                    }
                }
                self.gradients[2 * l] = weight;
            }
        }
        self.gradients
    }
}
