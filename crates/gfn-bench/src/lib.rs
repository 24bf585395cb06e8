//! GFlowNet experiments: experiment files, run folders, metrics, suites and reports.
//!
//! The one decision of this crate: **an experiment is data.** A TOML file names environment, policy, objective,
//! exploration and budget; everything else (folders, figures, reports, resume) follows from it.
//!
//! The `gfn-bench` program is a thin layer over [`Experiment`], [`run::run`], [`suite`] and [`report`].
//!
//! # Features
//!
//! - `cli` (default): the program.
//! - `flex` (default), `ndarray`, `wgpu`, `vulkan`, `cuda`, `cpu`: burn's backends.

pub mod device;
pub mod experiment;
mod files;
pub mod metrics;
pub mod picture;
pub mod plot;
pub mod problem;
pub mod process_reward;
pub mod report;
pub mod run;
pub mod speed;
pub mod suite;
pub mod summary;
pub mod tensorboard;

pub use device::{Backend, DeviceError, DeviceSpec};
pub use experiment::Experiment;
