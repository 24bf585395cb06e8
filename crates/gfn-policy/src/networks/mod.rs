//! Networks: one file each, with its host copy for sampling beside it.

mod dense;
mod mlp;
mod mlp_policy;
mod tabular;

pub use mlp::{HostMlp, Mlp};
pub use mlp_policy::{MlpConfig, MlpFlowPolicy, MlpPolicy, Trunk};
pub use tabular::{TabularFlowPolicy, TabularPolicy};
