//! Layers on the host whose rows do not depend on each other, to the last bit.

use crate::kernels::panels::{Finish, Panels};
use crate::kernels::vectorised::vectorised;
use burn::module::Param;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;
use gfn_loss::kernels::HostValues;
use std::ops::Range;

/// Added to variances, as burn's normalisation does.
const EPSILON: f32 = 1e-5;

pub(super) fn values<const D: usize>(parameter: &Param<Tensor<D>>) -> Vec<f32> {
    HostValues::new(parameter.val()).to_vec()
}

/// A linear layer.
#[derive(Debug)]
pub(super) struct Layer {
    weight: Panels,
    bias: Vec<f32>,
}

impl Layer {
    /// The columns of several layers with the same inputs, one behind the other.
    pub(super) fn new(layers: &[&Linear]) -> Self {
        let widths = layers.iter().map(|layer| layer.weight.dims()[1]);
        let weights: Vec<_> = layers.iter().map(|layer| values(&layer.weight)).collect();
        let width: usize = widths.clone().sum();
        let inputs = layers.first().map_or(0, |layer| layer.weight.dims()[0]);
        let mut weight = Vec::with_capacity(inputs * width);
        for row in 0..inputs {
            for (columns, values) in widths.clone().zip(&weights) {
                weight.extend_from_slice(&values[row * columns..][..columns]);
            }
        }
        let biases = layers.iter().zip(widths);
        let bias = biases.flat_map(|(layer, n)| match &layer.bias {
            Some(bias) => values(bias),
            None => vec![0.0; n],
        });
        Self {
            weight: Panels::new(&weight, width),
            bias: bias.collect(),
        }
    }

    /// Some columns of a layer.
    pub(super) fn columns(layer: &Linear, columns: Range<usize>) -> Self {
        let [_, width] = layer.weight.dims();
        let weight = values(&layer.weight);
        let rows = weight.chunks_exact(width.max(1));
        let weight: Vec<f32> = rows.flat_map(|row| row[columns.clone()].to_vec()).collect();
        Self {
            weight: Panels::new(&weight, columns.len()),
            bias: match &layer.bias {
                Some(bias) => values(bias)[columns].to_vec(),
                None => vec![0.0; columns.len()],
            },
        }
    }

    pub(super) fn apply(&self, x: &[f32], out: &mut Vec<f32>) {
        self.make_room(x, out);
        self.weight.multiply(x, out, Finish::Bias(&self.bias));
    }

    pub(super) fn apply_relu(&self, x: &[f32], out: &mut Vec<f32>) {
        self.make_room(x, out);
        self.weight.multiply(x, out, Finish::BiasRelu(&self.bias));
    }

    fn make_room(&self, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.resize(x.len() / self.weight.inner() * self.bias.len(), 0.0);
    }
}

/// A normalisation.
#[derive(Debug)]
pub(super) struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Norm {
    pub(super) fn new(norm: &LayerNorm) -> Self {
        let scale = values(&norm.gamma);
        let shift = match &norm.beta {
            Some(beta) => values(beta),
            None => vec![0.0; scale.len()],
        };
        Self { scale, shift }
    }

    pub(super) fn apply(&self, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.resize(x.len(), 0.0);
        normalise(x, &self.scale, &self.shift, out);
    }
}

vectorised! {
    /// `(x − mean) / √(variance + ε) · scale + shift` for each row.
    fn normalise<'a>(x: &'a [f32], scale: &'a [f32], shift: &'a [f32], out: &'a mut [f32]) {
        let width = scale.len();
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let mean = x.iter().sum::<f32>() / width as f32;
            let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / width as f32;
            let factor = 1.0 / (variance + EPSILON).sqrt();
            for (((out, v), scale), shift) in out.iter_mut().zip(x).zip(scale).zip(shift) {
                *out = (v - mean) * factor * scale + shift;
            }
        }
    }
}

/// `x += part`, entry by entry.
pub(super) fn add(x: &mut [f32], part: &[f32]) {
    for (x, part) in x.iter_mut().zip(part) {
        *x += part;
    }
}
