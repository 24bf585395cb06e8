//! Networks: one file each, with its host copy for sampling beside it.

mod aggregated;
mod conditional;
mod dense;
mod edge_flow;
mod host_layers;
mod mlp;
mod mlp_policy;
mod mlp_sampler;
mod on_accelerator;
mod parts;
mod randomized_prior;
mod tabular;
pub(crate) mod transformer;
mod value;

pub use aggregated::AggregatedPolicy;
pub use conditional::ConditionalPolicy;
pub use edge_flow::{EdgeFlowConfig, EdgeFlowPolicy};
pub use mlp::{HostMlp, Mlp};
pub use mlp_policy::{MlpConfig, MlpFlowPolicy, MlpPolicy, Sampling, Trunk};
pub use randomized_prior::RandomizedPriorPolicy;
pub use tabular::{TabularFlowPolicy, TabularPolicy};
pub use transformer::{
    Attention, TransformerConfig, TransformerError, TransformerFlowPolicy, TransformerPolicy,
};
pub use value::ValueNetwork;
