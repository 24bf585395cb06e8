//! `manifest.json`: what a run was made with.

use crate::device::Backend;
use serde::Serialize;
use std::path::Path;
use std::process::Command;

/// Versions, features, commit, device and threads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    /// Version of this crate.
    pub version: &'static str,
    /// Version of burn that the workspace is pinned to.
    pub burn: &'static str,
    /// Commit of the git repository that the run was started in, where there is one.
    pub git_commit: Option<String>,
    /// Whether the tree had changes.
    pub git_dirty: Option<bool>,
    /// Backends compiled in.
    pub backends: Vec<&'static str>,
    /// Device of the run.
    pub device: String,
    /// Threads of the rollouts and of the CPU backends.
    pub threads: usize,
    /// Cores of the machine.
    pub cores: usize,
    /// Operating system and architecture.
    pub platform: String,
    /// Optimised build.
    pub optimised: bool,
}

impl Manifest {
    /// The facts of this process.
    pub fn collect(device: &str, threads: usize) -> Self {
        let git = |args: &[&str]| -> Option<String> {
            let output = Command::new("git").args(args).output().ok()?;
            output
                .status
                .success()
                .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let git_commit = git(&["rev-parse", "HEAD"]);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            burn: "0.22.1",
            git_dirty: git_commit
                .as_ref()
                .and_then(|_| git(&["status", "--porcelain"]))
                .map(|s| !s.is_empty()),
            git_commit,
            backends: Backend::all()
                .filter(|b| b.is_compiled())
                .map(Backend::name)
                .collect(),
            device: device.to_owned(),
            threads,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            optimised: !cfg!(debug_assertions),
        }
    }
}

/// Largest resident memory of this process so far, where the system tells it (Linux).
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
