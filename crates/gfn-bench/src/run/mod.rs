//! One run: an experiment on one device with one seed, in a folder of its own.
//!
//! | File | Content |
//! |---|---|
//! | `config.toml` | the experiment, every default written out |
//! | `manifest.json` | versions, features, commit, device, threads |
//! | `metrics.csv` | tidy figures: `step,wall_s,name,value` |
//! | `events.out.tfevents.*` | the same for TensorBoard |
//! | `checkpoint.safetensors` | what continues the run, written after each evaluation |
//! | `best.safetensors` | the policy at its best quality figure |
//! | `policy.safetensors` | the policy at the end |
//! | `health.json` | what was found wrong while training, and what helps |
//! | `distribution.csv` | R/Z and P_T cell by cell, where the objects lie on a plane |
//! | `visits.csv` | how often training sampled each cell, part by part of the run |
//! | `graph.json` | nodes, edges and how many samples have each, where the problem draws a graph |
//! | `summary.json` | figures of the finished run |
//! | `failure.txt` | why the run stopped, if it did |

mod any_policy;
mod conclude;
mod early_stopping;
mod energy;
mod folder;
mod health;
mod manifest;
mod objective;
mod policy;
mod recorder;
mod runner;
mod sample;
mod session;
mod sources;
mod start;

pub(crate) use any_policy::AnyPolicy;
pub(crate) use folder::finished;
pub use health::HealthEntry;
pub use manifest::{Manifest, peak_memory_bytes};
pub use recorder::Recorder;
pub use runner::{Progress, RunOptions, explain, run};
pub use sample::sample_csv;

/// File names of a run folder.
pub mod file {
    /// The resolved experiment.
    pub const CONFIG: &str = "config.toml";
    /// Versions and machine.
    pub const MANIFEST: &str = "manifest.json";
    /// Tidy figures.
    pub const METRICS: &str = "metrics.csv";
    /// State of an unfinished run.
    pub const CHECKPOINT: &str = "checkpoint.safetensors";
    /// Policy at its best.
    pub const BEST: &str = "best.safetensors";
    /// Policy at the end.
    pub const POLICY: &str = "policy.safetensors";
    /// What was found wrong while training.
    pub const HEALTH: &str = "health.json";
    /// R/Z and P_T of planar problems.
    pub const DISTRIBUTION: &str = "distribution.csv";
    /// How often each cell of a plane was sampled, part by part of the run.
    pub const VISITS: &str = "visits.csv";
    /// The graph that a problem draws of its samples.
    pub const GRAPH: &str = "graph.json";
    /// Figures of a finished run.
    pub const SUMMARY: &str = "summary.json";
    /// Why a run stopped.
    pub const FAILURE: &str = "failure.txt";
}
