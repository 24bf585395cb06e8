//! A last layer with many outputs, most of which belong to actions that a state does not have.
//!
//! Forward, the outputs of forbidden actions are not computed; backward, what has no gradient is left out. Nothing changes
//! by that: the outputs are not read, and the terms are zeros.

use super::super::panels::{Finish, INNER_BLOCK, PANEL, Panels, Part};
use super::super::product::{Matrix, multiply};
use super::backward::{Piece, add_rows};
use super::host::{Activations, Layer};
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;
use std::sync::Arc;

/// Columns whose rows are chosen together.
const BLOCK: usize = 256;
const _: () = assert!(
    BLOCK <= INNER_BLOCK,
    "sums over a block are made in one piece"
);

/// Pieces whose rows are held at a time.
const WAVE: usize = 16;

/// Rows of the weights that one task computes the gradient of.
const WEIGHT_ROWS: usize = 32;

/// `out = x · weights + bias`, where a row allows some action of a panel.
///
/// `allowed` has a number of entries for each row, for the first columns; columns behind these are always computed.
pub(super) fn forward(
    weights: &Panels,
    x: &[f32],
    bias: &[f32],
    allowed: &[bool],
    out: &mut [f32],
) {
    let n_rows = out.len() / weights.columns();
    let n_actions = allowed.len() / n_rows;
    let mut rows = Vec::with_capacity(n_rows);
    for panel in 0..weights.n_panels() {
        let (start, end) = (panel * PANEL, (panel + 1) * PANEL);
        rows.clear();
        rows.extend((0..n_rows as u32).filter(|&row| {
            let allowed = &allowed[row as usize * n_actions..][..n_actions];
            end > n_actions || any(&allowed[start..end])
        }));
        weights.multiply_rows(x, out, panel..panel + 1, &rows, Finish::Bias(bias));
    }
}

fn any(allowed: &[bool]) -> bool {
    allowed.iter().fold(false, |any, ok| any | ok)
}

fn has_gradient(values: &[f32]) -> bool {
    // All bits but the sign's.
    values.iter().fold(0, |bits, v| bits | v.to_bits() << 1) != 0
}

/// Gradients of a last layer.
pub(super) struct Gradients {
    /// For what it reads, `[rows, inputs]`.
    pub(super) inputs: Vec<f32>,
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// What the rows of a piece put out in one block of columns, of the rows that have a gradient there.
struct Block {
    inputs: Vec<f32>,
    gradient: Vec<f32>,
}

/// The gradients of `layer` from that of its outputs; `pieces` are all rows in order.
pub(super) fn backward(
    layer: &Layer<'_>,
    pieces: &[&Piece],
    blocks: &[Arc<Activations>],
    gradient: &[f32],
) -> Gradients {
    let (inputs, outputs) = (layer.inputs(), layer.outputs());
    let transposed = Panels::transposed(layer.weight, outputs);
    let n_rows: usize = pieces.iter().map(|piece| piece.rows.len()).sum();
    let mut of_inputs = vec![0.0; n_rows * inputs];
    let mut rest = &mut of_inputs[..];
    let mut tasks = Vec::with_capacity(pieces.len());
    for &piece in pieces {
        let (own, after) = rest.split_at_mut(piece.rows.len() * inputs);
        rest = after;
        let range = piece.first_row * outputs..(piece.first_row + piece.rows.len()) * outputs;
        let activations = &blocks[piece.block];
        let x = activations.layer(activations.n_layers() - 2);
        let x = &x[piece.rows.start * inputs..piece.rows.end * inputs];
        tasks.push((x, &gradient[range], own));
    }
    let (mut weight, mut bias) = (vec![0.0; inputs * outputs], vec![0.0; outputs]);
    while !tasks.is_empty() {
        let wave: Vec<_> = tasks.drain(..WAVE.min(tasks.len())).collect();
        let wave: Vec<(Vec<Block>, Vec<f32>)> = wave
            .into_par_iter()
            .map(|(x, gradient, out)| of_piece(&transposed, x, gradient, out))
            .collect();
        for (_, of_bias) in &wave {
            add_rows(of_bias, &mut bias);
        }
        let wave: Vec<Vec<Block>> = wave.into_iter().map(|(blocks, _)| blocks).collect();
        let rows = weight.par_chunks_mut(WEIGHT_ROWS * outputs).enumerate();
        rows.for_each(|(i, out)| of_weights(&wave, i * WEIGHT_ROWS, [inputs, outputs], out));
    }
    Gradients {
        inputs: of_inputs,
        weight,
        bias,
    }
}

/// The gradient for the inputs of a piece into `out`; its blocks, and its gradient for the bias.
fn of_piece(
    transposed: &Panels,
    x: &[f32],
    gradient: &[f32],
    out: &mut [f32],
) -> (Vec<Block>, Vec<f32>) {
    let (inputs, outputs) = (transposed.columns(), transposed.inner());
    let mut bias = vec![0.0; outputs];
    add_rows(gradient, &mut bias);
    let blocks = (0..outputs).step_by(BLOCK).map(|start| {
        let columns = start..outputs.min(start + BLOCK);
        let mut rows = Vec::new();
        let mut block = Block {
            inputs: Vec::new(),
            gradient: Vec::new(),
        };
        for (r, row) in gradient.chunks_exact(outputs).enumerate() {
            let row = &row[columns.clone()];
            if has_gradient(row) {
                rows.push(r as u32);
                block.gradient.extend_from_slice(row);
                block.inputs.extend_from_slice(&x[r * inputs..][..inputs]);
            }
        }
        let part = Part {
            rows: Some(&rows),
            inner: columns,
            panels: 0..transposed.n_panels(),
            accumulate: true,
        };
        transposed.multiply_part(gradient, out, part, Finish::Keep);
        block
    });
    (blocks.collect(), bias)
}

/// Adds the gradient for some rows of the weights, from `first` on.
fn of_weights(pieces: &[Vec<Block>], first: usize, [inputs, outputs]: [usize; 2], out: &mut [f32]) {
    let n = out.len() / outputs;
    for (b, start) in (0..outputs).step_by(BLOCK).enumerate() {
        let columns = BLOCK.min(outputs - start);
        for block in pieces.iter().map(|blocks| &blocks[b]) {
            let n_rows = block.gradient.len() / columns;
            if n_rows == 0 {
                continue;
            }
            let x = Matrix::rows(&block.inputs[first..], inputs).transposed();
            let d = Matrix::rows(&block.gradient, columns);
            let shape = [n, n_rows, columns];
            multiply(x, d, &mut out[start..], outputs, shape, true);
        }
    }
}
