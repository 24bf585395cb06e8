//! One number for each state.

use super::dense::LayerInit;
use super::mlp::Mlp;
use crate::FeatureBatch;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gfn_env::{Environment, Streams};
use gfn_loss::Kernels;

/// A perceptron with one output.
#[derive(Module, Debug)]
pub struct ValueNetwork {
    network: Mlp,
}

impl ValueNetwork {
    /// For states of `env`, with the given hidden layers; without any, one affine map.
    pub fn new<E: Environment>(
        env: &E,
        hidden: &[usize],
        streams: Streams,
        device: &Device,
    ) -> Self {
        let mut init = LayerInit::new(streams);
        Self {
            network: Mlp::new(&mut init, env.n_features(), hidden, 1, device),
        }
    }

    /// The value of every row, `[R]`.
    pub fn values(&self, states: &FeatureBatch, kernels: Kernels) -> Tensor<1> {
        let values = self.network.evaluate(states, kernels);
        values.reshape([states.n_rows()])
    }
}
