//! The encoder on the host, for sampling.
//!
//! All tokens of a call stand behind one another in one matrix without padding; linear layers are products with the weights
//! as they were laid out once, whose rows do not depend on each other. A state's outputs depend on its tokens and the
//! parameters alone, to the last bit, and are the same whether earlier keys and values were kept or computed anew.

use super::Attention;
use super::network::Transformer;
use super::prefixes::Prefix;
use crate::Workspace;
use crate::kernels::exponential::exp;
use crate::kernels::vectorised::vectorised;
use crate::networks::host_layers::{Layer, Norm, add, values};
use crate::networks::parts::HostNetwork;
use gfn_env::Features;
use std::ops::Range;
use std::sync::Arc;

/// A block of attention and feed-forward network.
#[derive(Debug)]
struct Block {
    attention_norm: Norm,
    query_key_value: Layer,
    output: Layer,
    feed_forward_norm: Norm,
    inner: Layer,
    outer: Layer,
}

/// Host copy of a [`Transformer`].
#[derive(Debug)]
pub(crate) struct HostTransformer {
    attention: Attention,
    n_heads: usize,
    width: usize,
    /// The vector of each feature, then that of the class token.
    embedding: Vec<f32>,
    blocks: Vec<Block>,
    norm: Norm,
    heads: Vec<Layer>,
}

impl HostNetwork for HostTransformer {
    fn evaluate(
        self: &Arc<Self>,
        head: usize,
        states: &Features,
        workspace: &mut Workspace,
        out: &mut Vec<f32>,
    ) {
        let prefixes = &mut workspace.prefixes;
        let mut rows = prefixes.take(self, states);
        self.advance(&mut rows);
        let read = rows.iter().flat_map(|row| row.read.iter().copied());
        let mut normed = Vec::new();
        self.norm.apply(&read.collect::<Vec<f32>>(), &mut normed);
        self.heads[head].apply(&normed, out);
        if self.attention == Attention::Causal {
            prefixes.keep(self, rows);
        }
    }
}

/// A token that is computed.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    /// Within the sequence, 0 for the class token.
    position: usize,
}

impl HostTransformer {
    pub(super) fn new(network: &Transformer, attention: Attention, heads: &[Range<usize>]) -> Self {
        let blocks = network.encoder.layers.iter().map(|layer| Block {
            // burn's names for the two are those of the order with the normalisation behind each sub-layer.
            attention_norm: Norm::new(&layer.norm_2),
            query_key_value: Layer::new(&[&layer.mha.query, &layer.mha.key, &layer.mha.value]),
            output: Layer::new(&[&layer.mha.output]),
            feed_forward_norm: Norm::new(&layer.norm_1),
            inner: Layer::new(&[&layer.pwff.linear_inner]),
            outer: Layer::new(&[&layer.pwff.linear_outer]),
        });
        Self {
            attention,
            n_heads: network.encoder.n_heads,
            width: network.encoder.d_model,
            embedding: values(&network.embedding.weight),
            blocks: blocks.collect(),
            norm: Norm::new(&network.norm),
            heads: heads
                .iter()
                .map(|columns| Layer::columns(&network.outputs, columns.clone()))
                .collect(),
        }
    }

    fn vector(&self, token: usize) -> &[f32] {
        &self.embedding[token * self.width..][..self.width]
    }

    /// Where a row of so many tokens is read.
    fn read_position(&self, n_tokens: usize) -> usize {
        match self.attention {
            Attention::Bidirectional => 0,
            Attention::Causal => n_tokens,
        }
    }

    /// Computes the tokens of the rows that are not known yet, and the vectors that are read.
    fn advance(&self, rows: &mut [Prefix]) {
        let class_token = self.embedding.len() / self.width - 1;
        let (mut places, mut x) = (Vec::new(), Vec::new());
        for (row, prefix) in rows.iter_mut().enumerate() {
            prefix.keys_values.resize_with(self.blocks.len(), Vec::new);
            for position in prefix.n_known..=prefix.tokens.len() {
                places.push(Place { row, position });
                let token = match position.checked_sub(1) {
                    Some(i) => prefix.tokens[i] as usize,
                    None => class_token,
                };
                x.extend_from_slice(self.vector(token));
            }
            prefix.n_known = prefix.tokens.len() + 1;
        }
        let mut buffers = Buffers::default();
        for block in 0..self.blocks.len() {
            self.apply_block(block, rows, &mut buffers, &mut places, &mut x);
        }
        for (place, vector) in places.iter().zip(x.chunks_exact(self.width)) {
            let read = &mut rows[place.row].read;
            read.clear();
            read.extend_from_slice(vector);
        }
    }

    /// One block. Behind the last one only the tokens that are read are left.
    fn apply_block(
        &self,
        number: usize,
        rows: &mut [Prefix],
        buffers: &mut Buffers,
        places: &mut Vec<Place>,
        x: &mut Vec<f32>,
    ) {
        let (width, block) = (self.width, &self.blocks[number]);
        let Buffers { normed, wide, part } = buffers;
        block.attention_norm.apply(x, normed);
        block.query_key_value.apply(normed, wide);
        for (place, vectors) in places.iter().zip(wide.chunks_exact(3 * width)) {
            rows[place.row].keys_values[number].extend_from_slice(&vectors[width..]);
        }
        let mut queries: Vec<usize> = (0..places.len()).collect();
        if number + 1 == self.blocks.len() {
            let is_read =
                |place: &Place| place.position == self.read_position(rows[place.row].tokens.len());
            queries.retain(|&i| is_read(&places[i]));
            *x = queries
                .iter()
                .flat_map(|&i| x[i * width..][..width].iter().copied())
                .collect();
            places.retain(is_read);
        }
        let context = normed;
        context.clear();
        context.resize(places.len() * width, 0.0);
        let mut weights = Vec::new();
        for ((place, &i), context) in places
            .iter()
            .zip(&queries)
            .zip(context.chunks_exact_mut(width))
        {
            let row = &rows[place.row];
            let n = match self.attention {
                Attention::Bidirectional => row.tokens.len() + 1,
                Attention::Causal => place.position + 1,
            };
            let query = &wide[i * 3 * width..][..width];
            let keys_values = &row.keys_values[number][..n * 2 * width];
            weights.resize(n, 0.0);
            attend(query, keys_values, self.n_heads, &mut weights, context);
        }
        block.output.apply(context, part);
        add(x, part);
        block.feed_forward_norm.apply(x, context);
        block.inner.apply_relu(context, wide);
        block.outer.apply(wide, part);
        add(x, part);
    }
}

/// Memory that the blocks share.
#[derive(Default)]
struct Buffers {
    normed: Vec<f32>,
    wide: Vec<f32>,
    part: Vec<f32>,
}

/// Sums that are added up side by side in a product of two vectors.
const LANES: usize = 8;

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>();
    sums.iter().sum::<f32>() + rest
}

vectorised! {
    /// `softmax(q Kᵀ / √d) V`, head by head, of one query over keys and values that alternate.
    fn attend<'a>(
        query: &'a [f32],
        keys_values: &'a [f32],
        n_heads: usize,
        weights: &'a mut [f32],
        context: &'a mut [f32],
    ) {
        let width = query.len();
        let share = width / n_heads;
        let scale = 1.0 / (share as f32).sqrt();
        for first in (0..width).step_by(share) {
            let query = &query[first..first + share];
            let vectors = keys_values.chunks_exact(2 * width);
            let mut max = f32::NEG_INFINITY;
            for (weight, vectors) in weights.iter_mut().zip(vectors.clone()) {
                *weight = dot(query, &vectors[first..first + share]) * scale;
                max = max.max(*weight);
            }
            let mut sum = 0.0;
            for weight in weights.iter_mut() {
                *weight = exp(*weight - max);
                sum += *weight;
            }
            let context = &mut context[first..first + share];
            for (weight, vectors) in weights.iter().zip(vectors) {
                let weight = weight / sum;
                let values = &vectors[width + first..][..share];
                for (context, value) in context.iter_mut().zip(values) {
                    *context += weight * value;
                }
            }
        }
    }
}
