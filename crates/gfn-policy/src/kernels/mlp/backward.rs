//! The gradients of a perceptron's parameters.

use super::super::panels::{Finish, Panels};
use super::super::product::{Matrix, multiply};
use super::super::vectorised::vectorised;
use super::host::{Activations, CHUNK, Layer, WIDE};
use super::wide;
use gfn_env::Features;
use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};
use rayon::slice::{ParallelSlice as _, ParallelSliceMut as _};
use std::ops::Range;
use std::sync::Arc;

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
    pub(super) fn add_rows<'a>(rows: &'a [f32], sums: &'a mut [f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, &v) in sums.iter_mut().zip(row) {
                *sum += v;
            }
        }
    }
}

vectorised! {
    /// The gradient of the first layer's weights: each row goes to the rows that its features select, `places` of which
    /// tells where they lie.
    fn scatter_add<'a>(
        gradient: &'a [f32],
        width: usize,
        features: &'a Features,
        first_row: usize,
        places: &'a [u32],
        out: &'a mut [f32],
    ) {
        for (i, gradient) in gradient.chunks_exact(width).enumerate() {
            let (indices, values) = features.row(first_row + i);
            for (&j, &value) in indices.iter().zip(values) {
                let out = &mut out[places[j as usize] as usize * width..][..width];
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

/// The gradients of all parameters, `[weight, bias]` of each layer in turn, from those of the outputs.
///
/// `blocks` hold the activations of all rows in order.
pub(crate) fn backward(
    layers: &[Layer<'_>],
    features: &Features,
    blocks: &[Arc<Activations>],
    gradient: &[f32],
) -> Vec<Vec<f32>> {
    let n_rows: usize = blocks.iter().map(|block| block.n_rows()).sum();
    // Every part has its own gradients, which are added in order at the end: the sums depend on the rows alone.
    let parts = split(blocks, (n_rows / 1024).clamp(2, 8));
    match layers.split_last() {
        Some((head, below)) if !below.is_empty() && head.outputs() > WIDE => {
            let pieces: Vec<&Piece> = parts.iter().flatten().collect();
            let head = wide::backward(head, &pieces, blocks, gradient);
            let upper = Upper::Activations(&head.inputs);
            let mut gradients = through(below, features, blocks, &parts, upper);
            gradients.extend([head.weight, head.bias]);
            gradients
        }
        _ => through(layers, features, blocks, &parts, Upper::Sums(gradient)),
    }
}

/// A gradient for the last of some layers.
#[derive(Clone, Copy)]
enum Upper<'a> {
    /// For its sums.
    Sums(&'a [f32]),
    /// For what ReLU makes of these.
    Activations(&'a [f32]),
}

/// The gradients of the parameters of `layers`.
fn through(
    layers: &[Layer<'_>],
    features: &Features,
    blocks: &[Arc<Activations>],
    parts: &[Vec<Piece>],
    upper: Upper<'_>,
) -> Vec<Vec<f32>> {
    let transposed: Vec<Panels> = layers[1..]
        .par_iter()
        .map(|layer| Panels::transposed(layer.weight, layer.outputs()))
        .collect();
    let parts: Vec<Part<'_>> = parts
        .par_iter()
        .map(|pieces| {
            let mut part = Part::new(layers, &transposed, features);
            for piece in pieces {
                part.add(piece, &blocks[piece.block], upper);
            }
            part
        })
        .collect();
    added(layers, parts)
}

/// Some rows of a block.
pub(super) struct Piece {
    pub(super) block: usize,
    pub(super) rows: Range<usize>,
    /// The first of them, counted through all blocks.
    pub(super) first_row: usize,
}

/// Cuts all rows into parts of nearly equal numbers, and these into pieces of at most [`CHUNK`] rows.
fn split(blocks: &[Arc<Activations>], n_parts: usize) -> Vec<Vec<Piece>> {
    let n_rows: usize = blocks.iter().map(|block| block.n_rows()).sum();
    let mut parts: Vec<Vec<Piece>> = Vec::new();
    let (mut part, mut first_row) = (0, 0);
    parts.resize_with(n_parts, Vec::new);
    for (block, activations) in blocks.iter().enumerate() {
        let mut row = 0;
        while row < activations.n_rows() {
            while first_row >= n_rows * (part + 1) / n_parts {
                part += 1;
            }
            let left = (n_rows * (part + 1) / n_parts - first_row).min(activations.n_rows() - row);
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
    /// The weights of all layers but the first.
    transposed: &'a [Panels],
    features: &'a Features,
    /// Of the first layer's weights only the rows that some feature selects, in the order in which these were met; those of
    /// weights with few columns are kept transposed: long rows make fast products.
    gradients: Vec<Vec<f32>>,
    /// Which rows of the first layer's weights these are.
    met: Vec<u32>,
    /// The place of each row among them.
    places: Vec<u32>,
    is_empty: bool,
    upper: Vec<f32>,
    lower: Vec<f32>,
}

/// The place of a row that was not met.
const NOWHERE: u32 = u32::MAX;

fn is_transposed(layer: &Layer<'_>, l: usize) -> bool {
    l > 0 && 4 * layer.outputs() < layer.inputs()
}

impl<'a> Part<'a> {
    fn new(layers: &'a [Layer<'a>], transposed: &'a [Panels], features: &'a Features) -> Self {
        let gradients = layers.iter().enumerate().flat_map(|(l, layer)| {
            let weights = if l == 0 { 0 } else { layer.weight.len() };
            [vec![0.0; weights], vec![0.0; layer.bias.len()]]
        });
        Self {
            layers,
            transposed,
            features,
            gradients: gradients.collect(),
            met: Vec::new(),
            places: vec![NOWHERE; features.width()],
            is_empty: true,
            upper: Vec::new(),
            lower: Vec::new(),
        }
    }

    fn add(&mut self, piece: &Piece, block: &Activations, upper: Upper<'_>) {
        let n = piece.rows.len();
        let last = self.layers.len() - 1;
        let width = self.layers[last].outputs();
        let range = piece.first_row * width..(piece.first_row + n) * width;
        let given = match upper {
            Upper::Sums(gradient) => {
                add_rows(&gradient[range.clone()], &mut self.gradients[2 * last + 1]);
                Some(&gradient[range])
            }
            Upper::Activations(gradient) => {
                self.upper.clear();
                self.upper.extend_from_slice(&gradient[range]);
                let own = &block.layer(last)[piece.rows.start * width..piece.rows.end * width];
                mask_and_sum(&mut self.upper, own, &mut self.gradients[2 * last + 1]);
                None
            }
        };
        for l in (1..=last).rev() {
            self.layer_below(l, piece, block, given.filter(|_| l == last));
        }
        self.meet(piece);
        let gradient = match given {
            Some(given) if last == 0 => given,
            _ => &self.upper,
        };
        let outputs = self.layers[0].outputs();
        let (first, places) = (&mut self.gradients[0], &self.places);
        scatter_add(
            gradient,
            outputs,
            self.features,
            piece.first_row,
            places,
            first,
        );
        self.is_empty = false;
    }

    /// From the sums of layer `l`, whose gradient is `given` or lies in `upper`, to those of the layer before.
    fn layer_below(&mut self, l: usize, piece: &Piece, block: &Activations, given: Option<&[f32]>) {
        let (layer, n) = (&self.layers[l], piece.rows.len());
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let below = &block.layer(l - 1)[piece.rows.start * inputs..piece.rows.end * inputs];
        let gradient = given.unwrap_or(&self.upper);
        let (x, d) = (Matrix::rows(below, inputs), Matrix::rows(gradient, outputs));
        let (out, add) = (&mut self.gradients[2 * l], !self.is_empty);
        if is_transposed(layer, l) {
            multiply(d.transposed(), x, out, inputs, [outputs, n, inputs], add);
        } else {
            multiply(x.transposed(), d, out, outputs, [inputs, n, outputs], add);
        }
        self.lower.resize(n * inputs, 0.0);
        self.transposed[l - 1].multiply(gradient, &mut self.lower, Finish::Keep);
        mask_and_sum(&mut self.lower, below, &mut self.gradients[2 * l - 1]);
        std::mem::swap(&mut self.upper, &mut self.lower);
    }

    /// Makes room for the rows of the first layer's weights that a piece selects.
    fn meet(&mut self, piece: &Piece) {
        for row in piece.first_row..piece.first_row + piece.rows.len() {
            for &index in self.features.row(row).0 {
                let place = &mut self.places[index as usize];
                if *place == NOWHERE {
                    *place = self.met.len() as u32;
                    self.met.push(index);
                }
            }
        }
        self.gradients[0].resize(self.met.len() * self.layers[0].outputs(), 0.0);
    }
}

/// The sums of the gradients of all parts, in their order.
fn added(layers: &[Layer<'_>], parts: Vec<Part<'_>>) -> Vec<Vec<f32>> {
    const CHUNK: usize = 1 << 14;
    let width = layers[0].outputs();
    let mut first = vec![0.0; layers[0].weight.len()];
    for part in &parts {
        let rows = part.gradients[0].chunks_exact(width);
        for (&row, gradient) in part.met.iter().zip(rows) {
            add_to(&mut first[row as usize * width..][..width], gradient);
        }
    }
    let mut parts = parts.into_iter().map(|part| part.gradients);
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        let pairs = total.iter_mut().zip(&part).skip(1);
        for (total, part) in pairs {
            let chunks = total.par_chunks_mut(CHUNK).zip(part.par_chunks(CHUNK));
            if part.len() > CHUNK {
                chunks.for_each(|(total, part)| add_to(total, part));
            } else {
                add_to(total, part);
            }
        }
    }
    total[0] = first;
    for (l, layer) in layers.iter().enumerate() {
        if is_transposed(layer, l) {
            total[2 * l] = transposed(&total[2 * l], layer.inputs());
        }
    }
    total
}

/// The transpose of a matrix with rows of `columns` entries.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns;
    let mut out = vec![0.0; matrix.len()];
    for (r, row) in matrix.chunks_exact(columns).enumerate() {
        for (c, &v) in row.iter().enumerate() {
            out[c * rows + r] = v;
        }
    }
    out
}
