//! Networks: one file each, with its host copy for sampling beside it.

mod aggregated;
mod conditional;
mod dense;
mod edge_flow;
mod mlp;
mod mlp_policy;
mod mlp_sampler;
mod randomized_prior;
mod tabular;
mod value;

pub use aggregated::AggregatedPolicy;
pub use conditional::ConditionalPolicy;
pub use edge_flow::{EdgeFlowConfig, EdgeFlowPolicy};
pub use mlp::{HostMlp, Mlp};
pub use mlp_policy::{MlpConfig, MlpFlowPolicy, MlpPolicy, Sampling, Trunk};
pub use randomized_prior::RandomizedPriorPolicy;
pub use tabular::{TabularFlowPolicy, TabularPolicy};
pub use value::ValueNetwork;
