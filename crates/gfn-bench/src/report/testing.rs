//! Synthetic run folders for the tests of this module.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::summary::RunSummary;

/// A run folder to be written; complete unless something is taken away.
pub(crate) struct RunFolder {
    path: String,
    files: Vec<(String, String)>,
}

impl RunFolder {
    /// A complete run whose exact TV falls as `1 / (1 + step)`, scaled with the seed.
    pub(crate) fn new(experiment: &str, device: &str, seed: u64) -> Self {
        let mut metrics = "step,wall_s,name,value\n".to_owned();
        for step in (0..=100_u32).step_by(10) {
            let value = (1.0 + 0.1 * seed as f64) / f64::from(1 + step);
            for (name, value) in [
                ("exact.tv", value),
                ("log_z_error", -value),
                ("loss", value * value),
            ] {
                writeln!(
                    metrics,
                    "{step},{:.3},{name},{value}",
                    f64::from(step) * 0.01
                )
                .unwrap();
            }
        }
        let mut summary = RunSummary::new(experiment, device, seed);
        summary.set_count("iterations", 100);
        summary.set_count("trajectories", 1600);
        summary.set("exact.tv", (1.0 + 0.1 * seed as f64) / 101.0);
        summary.set("speed.iterations_per_s", 100.0);
        summary.set("speed.share_rollout", 0.4);
        summary.set("speed.share_backward", 0.6);
        let files = [
            (
                "config.toml",
                "[environment]\nkind = \"hypergrid\"\nside = 8\n".to_owned(),
            ),
            (
                "manifest.json",
                format!("{{\"version\": \"0.1.0\", \"threads\": 2, \"seed\": {seed}}}"),
            ),
            ("metrics.csv", metrics),
            ("summary.json", serde_json::to_string(&summary).unwrap()),
        ];
        let files = files
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text))
            .collect();
        Self {
            path: format!("{experiment}/{device}/seed-{seed}"),
            files,
        }
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.files.retain(|(file, _)| file != name);
        self
    }

    pub(crate) fn with_file(self, name: &str, text: &str) -> Self {
        let mut folder = self.without(name);
        folder.files.push((name.to_owned(), text.to_owned()));
        folder
    }

    /// Replaces figures of the summary; `None` is null.
    pub(crate) fn with_figures(self, figures: &[(&str, Option<f64>)]) -> Self {
        let text = self
            .files
            .iter()
            .find(|(name, _)| name == "summary.json")
            .map(|(_, text)| text.clone());
        let mut summary: RunSummary = serde_json::from_str(&text.unwrap()).unwrap();
        for (name, value) in figures {
            summary.set(name, value.unwrap_or(f64::NAN));
        }
        self.with_file("summary.json", &serde_json::to_string(&summary).unwrap())
    }

    pub(crate) fn failed(self, reason: &str) -> Self {
        self.without("summary.json")
            .with_file("failure.txt", reason)
    }

    fn write(&self, root: &Path) {
        let folder = root.join(&self.path);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in &self.files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
}

/// Writes run folders below a temporary folder.
pub(crate) fn tree(folders: &[RunFolder]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in folders {
        folder.write(root.path());
    }
    root
}
