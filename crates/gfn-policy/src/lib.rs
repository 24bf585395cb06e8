//! GFlowNet policies: networks, masked log-probabilities, rollouts forward and backward, and the evaluation of
//! ragged trajectories under the current policy.
//!
//! The one decision of this crate: **sampling and training look at the same parameters in two ways.** Sampling needs a
//! few rows at a time and no gradients, so a [`Policy`] hands out a [`HostPolicy`], a copy of its parameters that every
//! thread runs its lanes with. Training needs gradients and wants one pass over all visited states, so
//! [`TransitionBatch`] evaluates the whole ragged batch on the policy's device. Nothing else is shared: log-probabilities
//! used for sampling never reach a loss. On an accelerator a large batch is sampled there ([`DeviceActions`]), with the
//! random numbers of the host.
//!
//! | Shape letter | Meaning |
//! |---|---|
//! | `B` | trajectories of a batch |
//! | `N` | transitions of all of them |
//! | `R` | states of one network pass |
//! | `A`, `Ab` | forward and backward actions |
//! | `F` | features of a state |
//!
//! Masks in names: `allowed` is true where the action exists, `forbidden` where it does not.
//!
//! # Examples
//!
//! Sample from a fresh policy and compare its exact terminal distribution with the target.
//!
//! ```
//! use burn::tensor::Device;
//! use gfn_env::{Hypergrid, HypergridReward, Purpose, StateGraph, Streams};
//! use gfn_policy::{MlpConfig, MlpPolicy, OnPolicy, Policy as _, RolloutKey, exact_terminal_distribution, rollout};
//!
//! let env = Hypergrid::new(2, 8)?;
//! let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0)?;
//! let policy = MlpPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &Device::flex());
//! let key = RolloutKey { streams: Streams::new(0), purpose: Purpose::Rollout, iteration: 0 };
//! let batch = rollout(&env, &reward, policy.sampler().as_ref(), &OnPolicy, key, 16)?;
//! assert_eq!(batch.len(), 16);
//!
//! let graph = StateGraph::explore(&env, 1_000)?;
//! let p = exact_terminal_distribution(&env, &graph, policy.sampler().as_ref())?;
//! assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `flex`, `ndarray`, `wgpu`, `vulkan`, `cuda`, `cpu`: burn's backends; none is on by default and no code of this crate
//! names one.

mod device_choice;
mod device_sampler;
mod distinct_states;
mod edge_flows;
mod evaluate;
mod exact;
mod kernels;
mod mask;
pub mod networks;
mod parameters;
mod parents;
mod policy;
mod recording;
mod rollout;
mod sampling;
mod score;
mod softmax_mixture;

pub use device_sampler::{DeviceActions, DeviceSampler, RowsToSample};
pub use edge_flows::EdgeFlowBatch;
pub use evaluate::TransitionBatch;
pub use exact::exact_terminal_distribution;
pub use gfn_loss::Kernels;
pub use kernels::product::matrix_product;
pub use mask::{FORBIDDEN, masked_log_softmax, masked_log_softmax_f64, masked_softmax};
pub use networks::{
    AggregatedPolicy, Attention, ConditionalPolicy, EdgeFlowConfig, EdgeFlowPolicy, MlpConfig,
    MlpFlowPolicy, MlpPolicy, RandomizedPriorPolicy, Sampling, TabularFlowPolicy, TabularPolicy,
    TransformerConfig, TransformerError, TransformerFlowPolicy, TransformerPolicy, Trunk,
    ValueNetwork,
};
pub use parameters::{
    NamedTensor, ParameterPath, ParametersError, from_safetensors, from_safetensors_with_bytes,
    named_parameters, to_safetensors, to_safetensors_with_bytes, with_parameters,
};
pub use parents::ParentBatch;
pub use policy::{
    BackwardPolicy, Behaviour, FeatureBatch, FlowPolicy, Head, HostPolicy, LaneKey, Logits,
    OnPolicy, Policy, Workspace,
};
pub use recording::Recording;
pub use rollout::{RolloutError, RolloutKey, complete, record_rollout, rollout, rollout_backward};
pub use sampling::sample_index;
pub use score::{TrajectoryScore, estimate_log_terminal_probability, score_trajectories};
pub use softmax_mixture::SoftmaxMixture;
