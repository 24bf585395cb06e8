//! Policies on a Transformer.

use super::network::Transformer;
use super::{TransformerConfig, TransformerError};
use crate::networks::parts::{Layout, Parts, policies_of_parts};
use burn::module::Module;
use burn::tensor::Device;
use gfn_env::{Environment, Streams};

/// P_F, perhaps P_B, and log Z on a Transformer whose tokens are the active features of a state.
///
/// With `e_i` the vector of feature `i` and `e_c` that of the class token, the tokens of a state are `x⁰ = (e_c, e_i, e_j, ..)`.
/// Each block is `y = x + Attention(Norm(x))`, `x' = y + FeedForward(Norm(y))`, with
/// `Attention = concat_h softmax(Q_h K_hᵀ / √d_h) V_h · W_O` and `FeedForward(x) = max(0, x W_1 + b_1) W_2 + b_2`. The outputs
/// are a linear layer on the normalised vector of the token that is read: the class token under
/// [`Attention::Bidirectional`](super::Attention), the last one under [`Attention::Causal`](super::Attention).
///
/// A feature's index says what and where it is, so that there is no encoding of positions. The layer of the outputs starts
/// with zeros: P_F and P_B start uniform over what is allowed. The other weights come from `streams` and are equal on every
/// backend.
///
/// Under causal attention a training pass computes each trajectory once, and a rollout computes one token for each lane and
/// step, from the keys and values of the step before.
///
/// # References
///
/// Vaswani et al. (2017), *Attention is all you need*, <https://arxiv.org/abs/1706.03762>. Xiong et al. (2020), *On layer
/// normalization in the Transformer architecture*, <https://arxiv.org/abs/2002.04745>: normalisation before each sub-layer.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use gfn_env::{Hypergrid, HypergridReward, Purpose, Streams};
/// use gfn_policy::{OnPolicy, Policy as _, RolloutKey, TransformerConfig, TransformerPolicy, rollout};
///
/// let env = Hypergrid::new(2, 4)?;
/// let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0)?;
/// let config = TransformerConfig { layers: 1, heads: 2, width: 16, feed_forward: 32, ..TransformerConfig::default() };
/// let policy = TransformerPolicy::new(&config, &env, Streams::new(0), &Device::flex())?;
/// let key = RolloutKey { streams: Streams::new(0), purpose: Purpose::Rollout, iteration: 0 };
/// let batch = rollout(&env, &reward, policy.sampler().as_ref(), &OnPolicy, key, 16)?;
/// assert_eq!(batch.len(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Module, Debug)]
pub struct TransformerPolicy {
    networks: Parts<Transformer>,
}

/// A [`TransformerPolicy`] that also has a state flow `log F(s)`.
#[derive(Module, Debug)]
pub struct TransformerFlowPolicy {
    networks: Parts<Transformer>,
}

policies_of_parts!(TransformerPolicy, TransformerFlowPolicy);

impl TransformerPolicy {
    /// A policy without state flows.
    ///
    /// # Errors
    ///
    /// If the numbers do not fit together or the environment cannot be read, see [`TransformerConfig::check`].
    pub fn new<E: Environment>(
        config: &TransformerConfig,
        env: &E,
        streams: Streams,
        device: &Device,
    ) -> Result<Self, TransformerError> {
        let networks = networks(config, env, (streams, device), 0)?;
        Ok(Self { networks })
    }
}

impl TransformerFlowPolicy {
    /// A policy with state flows.
    ///
    /// # Errors
    ///
    /// As [`TransformerPolicy::new`].
    pub fn new<E: Environment>(
        config: &TransformerConfig,
        env: &E,
        streams: Streams,
        device: &Device,
    ) -> Result<Self, TransformerError> {
        let networks = networks(config, env, (streams, device), 1)?;
        Ok(Self { networks })
    }
}

fn networks<E: Environment>(
    config: &TransformerConfig,
    env: &E,
    (streams, device): (Streams, &Device),
    flows: usize,
) -> Result<Parts<Transformer>, TransformerError> {
    config.check(env)?;
    let layout = Layout::new(env, config.backward, config.trunk, config.kernels);
    let n_features = env.n_features();
    Ok(Parts::new(
        layout,
        flows,
        config.log_z_init,
        (streams, device),
        |init, outputs| {
            let n_outputs = outputs.forward + outputs.backward + outputs.flow;
            Transformer::new(init, config, n_features, n_outputs, device)
        },
    ))
}
