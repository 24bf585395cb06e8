//! Starting the program and reading what it leaves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Trajectory balance with a learned `P_B` on the 8x8 hypergrid.
pub(crate) const GRID: &str = r#"
name = "grid"
environment = { kind = "hypergrid", dimensions = 2, side = 8, reward = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 } }
policy = { kind = "mlp", hidden = [32, 32], backward = "learned" }
objective = { kind = "trajectory-balance" }
budget = { iterations = 60, batch_size = 32 }

[evaluation]
every = 20
samples = 100
window = 1000
correlation = { test_size = 20, backward_samples = 2 }
"#;

/// Bit sequences whose words are placed in any order.
pub(crate) const BITS: &str = r#"
name = "bits"
environment = { kind = "bit-sequence", length = 8, word_bits = 2, order = "any-position", reward = { kind = "normalised-hamming", beta = 3.0 }, n_modes = 4 }
policy = { kind = "mlp", hidden = [32, 32] }
objective = { kind = "trajectory-balance" }
behaviour = { kind = "epsilon-uniform", epsilon = 0.1 }
budget = { iterations = 60, batch_size = 32 }

[evaluation]
every = 20
samples = 100
window = 1000
correlation = { test_size = 20, backward_samples = 2 }
"#;

/// Detailed balance, clipped, with weight decay and a schedule.
pub(crate) const DETAILED_BALANCE: &str = r#"
name = "db"
environment = { kind = "hypergrid", dimensions = 3, side = 4, reward = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 } }
policy = { kind = "mlp", hidden = [32], trunk = "separate" }
objective = { kind = "detailed-balance" }
budget = { iterations = 60, batch_size = 32 }

[optimiser]
learning_rate = { kind = "cosine", from = 1e-2, to = 1e-3, iterations = 60 }
weight_decay = { kind = "decoupled", rate = 1e-4 }
clip_norm = 1.0

[evaluation]
every = 20
samples = 100
window = 1000
correlation = { test_size = 20, backward_samples = 2 }
"#;

/// Products, sums and elementwise operations large enough for flex to share them between threads.
pub(crate) const WIDE: &str = r#"
name = "wide"
environment = { kind = "bit-sequence", length = 16, word_bits = 1, order = "any-position", reward = { kind = "normalised-hamming", beta = 3.0 }, n_modes = 4 }
policy = { kind = "mlp", hidden = [256, 256] }
objective = { kind = "sub-trajectory-balance", lambda = 0.9 }
optimiser = { clip_norm = 1.0 }
budget = { iterations = 4, batch_size = 128 }

[evaluation]
every = 2
exact_max_states = 0
samples = 200
window = 0
best = "samples.elbo"
correlation = { test_size = 20, backward_samples = 2 }
"#;

/// A Transformer over the coordinates of a grid, with a network of its own for `P_B`.
pub(crate) const TRANSFORMER: &str = r#"
name = "transformer"
environment = { kind = "hypergrid", dimensions = 3, side = 4, reward = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 } }
policy = { kind = "transformer", layers = 2, heads = 2, width = 16, feed_forward = 32, trunk = "separate" }
objective = { kind = "trajectory-balance" }
budget = { iterations = 20, batch_size = 16 }

[evaluation]
every = 10
samples = 100
window = 1000
correlation = { test_size = 20, backward_samples = 2 }
"#;

/// A causal Transformer on peptides of several lengths, with state flows.
pub(crate) const CAUSAL: &str = r#"
name = "causal"
environment = { kind = "peptide", min_length = 1, max_length = 4, alphabet = "KADL", reward = { kind = "gates", exponent = 0.5, floor = 1e-6 } }
policy = { kind = "transformer", attention = "causal", layers = 2, heads = 2, width = 16, feed_forward = 32 }
objective = { kind = "sub-trajectory-balance", lambda = 0.9 }
budget = { iterations = 20, batch_size = 16 }

[evaluation]
every = 10
samples = 100
window = 1000
correlation = { test_size = 20, backward_samples = 2 }
"#;

/// A table of logits on the 4x4 hypergrid: a run of a fraction of a second.
pub(crate) const TINY: &str = r#"
name = "tiny"
environment = { kind = "hypergrid", dimensions = 2, side = 4, reward = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 } }
policy = { kind = "tabular" }
objective = { kind = "trajectory-balance" }
optimiser = { learning_rate = 0.05, log_z_learning_rate = 0.1 }
budget = { iterations = 40, batch_size = 8 }

[evaluation]
every = 20
samples = 50
window = 100
correlation = { test_size = 16, backward_samples = 2 }
"#;

/// A temporary folder with an experiment file in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A new folder that holds `experiment.toml`.
    pub(crate) fn new(experiment: &str) -> Self {
        let folder = tempfile::tempdir().expect("the system has a folder for temporary files");
        let place = Self { folder };
        fs::write(place.experiment(), experiment).expect("the temporary folder can be written");
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn experiment(&self) -> PathBuf {
        self.join("experiment.toml")
    }

    /// `run` of the experiment in the folder `run` of this place, quietly; further arguments follow.
    pub(crate) fn run(&self, run: &str) -> Command {
        let mut command = gfn_bench();
        command
            .arg("run")
            .arg(self.experiment())
            .arg("--out")
            .arg(self.join(run))
            .args(["--progress", "none"]);
        command
    }
}

/// The program.
pub(crate) fn gfn_bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gfn-bench"))
}

fn output(command: &mut Command) -> Output {
    command.output().expect("the program can be started")
}

/// Runs a command that has to succeed, and returns its standard output.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = output(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("the program writes UTF-8")
}

/// Runs a command that has to fail with exit code 1, without a panic, and returns its standard error.
pub(crate) fn fail(command: &mut Command) -> String {
    let output = output(command);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{command:?}: {errors}");
    assert!(!errors.contains("panicked"), "{command:?}: {errors}");
    errors
}

/// As [`fail`]; the message has to contain each of `parts`.
pub(crate) fn fail_saying(command: &mut Command, parts: &[&str]) {
    let errors = fail(command);
    for part in parts {
        assert!(
            errors.contains(part),
            "{command:?} does not say {part:?}: {errors}"
        );
    }
}

/// `metrics.csv` without its column `wall_s`.
pub(crate) fn metrics(run: &Path) -> String {
    let text = fs::read_to_string(run.join("metrics.csv")).expect("the run has figures");
    let mut kept = String::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 4, "{line}");
        writeln!(kept, "{},{},{}", fields[0], fields[2], fields[3])
            .expect("a string takes any text");
    }
    kept
}

/// Content of every file of a folder, by name.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read"))
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let content = fs::read(entry.path()).expect("the file can be read");
            (entry.file_name().to_string_lossy().into_owned(), content)
        })
        .collect()
}

/// `summary.json`.
pub(crate) fn summary(run: &Path) -> serde_json::Map<String, serde_json::Value> {
    let text = fs::read(run.join("summary.json")).expect("the run is finished");
    serde_json::from_slice(&text).expect("the summary is a JSON object")
}

/// Two finished runs have the same figures, policies and best policies, times and memory aside.
pub(crate) fn assert_same_run(a: &Path, b: &Path) {
    assert_eq!(metrics(a), metrics(b), "metrics.csv");
    let (mut x, mut y) = (files(a), files(b));
    for name in ["policy.safetensors", "best.safetensors"] {
        assert!(x.contains_key(name), "{name} is missing");
    }
    for name in [
        "policy.safetensors",
        "best.safetensors",
        "distribution.csv",
        "visits.csv",
        "config.toml",
        "health.json",
    ] {
        assert!(x.remove(name) == y.remove(name), "{name} differs");
    }
    let figures = |run| {
        let mut figures = summary(run);
        figures.retain(|name, _| {
            !name.starts_with("speed.")
                && !["wall_s", "training_s", "peak_memory_bytes"].contains(&name.as_str())
        });
        figures
    };
    assert_eq!(figures(a), figures(b), "summary.json");
}
