//! Transformer policies: a token for each active feature of a state.
//!
//! The one decision: **which states share a pass is read off the tokens alone.** A rollout hands over encoded states and no
//! lanes, and so does a training batch. Under causal attention the vectors of a token depend on the tokens before it, so a
//! state whose tokens begin those of another one is computed with it: in a training pass once for each trajectory, while
//! sampling from the keys and values that the step before left behind (`prefixes.rs`). Neither the traits nor the
//! environments know of it, and a wrong guess costs time and no correctness.
//!
//! | file | what |
//! |---|---|
//! | `config.rs` | the shape, and which environments it reads |
//! | `tokens.rs` | encoded states as padded sequences of tokens |
//! | `network.rs` | the encoder as a module, on any device |
//! | `host.rs` | the same on the host, row by row, for sampling |
//! | `prefixes.rs` | keys and values of the latest states |
//! | `policy.rs` | the policies |

mod config;
mod host;
mod network;
mod policy;
mod prefixes;
mod tokens;

pub use config::{Attention, TransformerConfig, TransformerError};
pub use policy::{TransformerFlowPolicy, TransformerPolicy};
pub(crate) use prefixes::Prefixes;
