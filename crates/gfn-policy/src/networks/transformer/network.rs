//! The encoder with its last layer, as a burn module.

use super::host::HostTransformer;
use super::tokens::Tokens;
use super::{Attention, TransformerConfig};
use crate::FeatureBatch;
use crate::networks::dense::LayerInit;
use crate::networks::parts::Network;
use burn::module::Module;
use burn::nn::activation::ActivationConfig;
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::nn::{Embedding, Initializer, LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use gfn_loss::transfers::upload;
use std::ops::Range;

/// Embedding, pre-norm blocks, a last normalisation and a linear layer for all outputs, which starts with zeros.
#[derive(Module, Debug)]
pub(super) struct Transformer {
    /// A vector for each feature, then that of the class token.
    pub(super) embedding: Embedding,
    pub(super) encoder: TransformerEncoder,
    pub(super) norm: LayerNorm,
    pub(super) outputs: Linear,
    #[module(skip)]
    attention: Attention,
}

impl Transformer {
    pub(super) fn new(
        init: &mut LayerInit,
        config: &TransformerConfig,
        n_features: usize,
        n_outputs: usize,
        device: &Device,
    ) -> Self {
        let (width, hidden) = (config.width, config.feed_forward);
        let embedding = init.embedding(n_features + 1, width, device);
        let shape = TransformerEncoderConfig::new(width, hidden, config.heads, config.layers)
            .with_dropout(0.0)
            .with_norm_first(true)
            .with_activation(ActivationConfig::Relu)
            // Weights are drawn on the host below; this draws nothing.
            .with_initializer(Initializer::Zeros);
        let mut encoder = shape.init(device);
        for layer in &mut encoder.layers {
            layer.mha.query = init.linear(width, width, device);
            layer.mha.key = init.linear(width, width, device);
            layer.mha.value = init.linear(width, width, device);
            layer.mha.output = init.linear(width, width, device);
            layer.pwff.linear_inner = init.linear(width, hidden, device);
            layer.pwff.linear_outer = init.linear(hidden, width, device);
        }
        Self {
            embedding,
            encoder,
            norm: LayerNormConfig::new(width).init(device),
            outputs: LayerInit::zeros(width, n_outputs, device),
            attention: config.attention,
        }
    }
}

impl Network for Transformer {
    type Host = HostTransformer;

    /// # Panics
    ///
    /// If a feature is neither 0 nor 1.
    fn evaluate(&self, states: &FeatureBatch) -> Tensor<2> {
        let device = states.device();
        let Tokens {
            tokens,
            is_padding,
            shape: [m, t],
            read,
        } = Tokens::new(states.features(), self.attention);
        let tokens: Tensor<2, Int> = upload(TensorData::new(tokens, [m, t]), device, |data| {
            Tensor::from_data(data, device)
        });
        let mut input = TransformerEncoderInput::new(self.embedding.forward(tokens));
        match self.attention {
            Attention::Bidirectional if is_padding.contains(&true) => {
                let mask: Tensor<2, Bool> =
                    upload(TensorData::new(is_padding, [m, t]), device, |data| {
                        Tensor::from_data(data, device)
                    });
                input = input.mask_pad(mask);
            }
            Attention::Bidirectional => {}
            // What is padded comes after all that is read.
            Attention::Causal => {
                let is_later = (0..t * t).map(|i| i % t > i / t).collect::<Vec<_>>();
                let mask: Tensor<3, Bool> =
                    upload(TensorData::new(is_later, [1, t, t]), device, |data| {
                        Tensor::from_data(data, device)
                    });
                input = input.mask_attn(mask.expand([m, t, t]));
            }
        }
        let [_, width] = self.embedding.weight.dims();
        let vectors = self.encoder.forward(input).reshape([m * t, width]);
        let n = read.len();
        let read: Tensor<1, Int> = upload(TensorData::new(read, [n]), device, |data| {
            Tensor::from_data(data, device)
        });
        self.outputs
            .forward(self.norm.forward(vectors.select(0, read)))
    }

    fn host(&self, heads: &[Range<usize>]) -> HostTransformer {
        HostTransformer::new(self, self.attention, heads)
    }
}
