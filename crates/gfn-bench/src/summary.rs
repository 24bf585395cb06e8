//! The two files that a report reads from a run folder: `summary.json` and `metrics.csv`.
//!
//! `summary.json` is one flat object with dotted names, final figures only. `metrics.csv` is tidy: one row per value,
//! `step,wall_s,name,value`. JSON has no NaN and no infinity, so a figure that does not exist and one that is not finite
//! are both `null`; the curves in `metrics.csv` keep the difference.

mod atomic;
mod metrics;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

pub use atomic::write_atomically;
pub use metrics::{LineError, Metrics, Sample, read_metrics, read_metrics_until_error};

/// What can go wrong with a file of a run folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFileError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written; what was there before is intact.
    #[error("cannot write {}: {source}; the file is as it was before", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a flat JSON object.
    #[error("{} is not a run summary: {source}; delete it and run the cell again", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A line of `metrics.csv` does not read as `step,wall_s,name,value`.
    #[error("{} line {line}: {reason}", path.display())]
    MetricsLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why.
        reason: LineError,
    },
}

/// Names that every `summary.json` holds, in the order they are written in.
pub const REQUIRED_FIGURES: [&str; 15] = [
    "experiment",
    "device",
    "seed",
    "iterations",
    "trajectories",
    "exact.tv",
    "exact.l1_sum",
    "exact.jsd",
    "log_z",
    "log_z_error",
    "modes_found",
    "speed.iterations_per_s",
    "speed.trajectories_per_s",
    "speed.transitions_per_s",
    "peak_memory_bytes",
];

/// The final figures of one run.
///
/// # Examples
///
/// ```
/// use gfn_bench::summary::RunSummary;
///
/// let mut summary = RunSummary::new("hypergrid-tb", "flex", 0);
/// summary.set_count("iterations", 2000);
/// summary.set("exact.tv", 0.0125);
/// assert_eq!(summary.exact_tv(), Some(0.0125));
/// assert_eq!(summary.exact_jsd(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct RunSummary {
    figures: BTreeMap<String, Value>,
}

impl RunSummary {
    /// A summary with its three names set and every other required figure missing.
    #[must_use]
    pub fn new(experiment: &str, device: &str, seed: u64) -> Self {
        let mut figures: BTreeMap<String, Value> = REQUIRED_FIGURES
            .iter()
            .map(|name| ((*name).to_owned(), Value::Null))
            .collect();
        figures.insert("experiment".to_owned(), experiment.into());
        figures.insert("device".to_owned(), device.into());
        figures.insert("seed".to_owned(), seed.into());
        Self { figures }
    }

    /// Sets a figure; a value that is not finite is stored as missing.
    pub fn set(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Sets a figure that is a whole number.
    pub fn set_count(&mut self, name: &str, value: u64) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Sets a figure that is a word, such as the kind of an environment.
    pub fn set_text(&mut self, name: &str, value: &str) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// A figure as a number; `None` if it is missing, null or text.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.get(name).and_then(Value::as_f64)
    }

    /// A figure as a whole number.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<u64> {
        self.figures.get(name).and_then(Value::as_u64)
    }

    /// A figure as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.figures.get(name).and_then(Value::as_str)
    }

    /// The experiment's name.
    #[must_use]
    pub fn experiment(&self) -> Option<&str> {
        self.text("experiment")
    }

    /// The device's name.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        self.text("device")
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.count("seed")
    }

    /// Training iterations done.
    #[must_use]
    pub fn iterations(&self) -> Option<u64> {
        self.count("iterations")
    }

    /// Trajectories sampled for training.
    #[must_use]
    pub fn trajectories(&self) -> Option<u64> {
        self.count("trajectories")
    }

    /// Exact total variation, `½ Σ|P_T − R/Z|`.
    #[must_use]
    pub fn exact_tv(&self) -> Option<f64> {
        self.figure("exact.tv")
    }

    /// Exact L1 distance as a sum, `Σ|P_T − R/Z|`.
    #[must_use]
    pub fn exact_l1_sum(&self) -> Option<f64> {
        self.figure("exact.l1_sum")
    }

    /// Exact Jensen–Shannon divergence in nats.
    #[must_use]
    pub fn exact_jsd(&self) -> Option<f64> {
        self.figure("exact.jsd")
    }

    /// The learned log Z.
    #[must_use]
    pub fn log_z(&self) -> Option<f64> {
        self.figure("log_z")
    }

    /// `|log Z − log Z*|`.
    #[must_use]
    pub fn log_z_error(&self) -> Option<f64> {
        self.figure("log_z_error")
    }

    /// Modes of the reward that were sampled.
    #[must_use]
    pub fn modes_found(&self) -> Option<f64> {
        self.figure("modes_found")
    }

    /// Training iterations per second.
    #[must_use]
    pub fn iterations_per_s(&self) -> Option<f64> {
        self.figure("speed.iterations_per_s")
    }

    /// Trajectories per second.
    #[must_use]
    pub fn trajectories_per_s(&self) -> Option<f64> {
        self.figure("speed.trajectories_per_s")
    }

    /// Transitions per second.
    #[must_use]
    pub fn transitions_per_s(&self) -> Option<f64> {
        self.figure("speed.transitions_per_s")
    }

    /// Largest resident memory of the process, in bytes.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        self.count("peak_memory_bytes")
    }

    /// Every figure by name, in the order of their names.
    pub fn figures(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.figures
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Reads `path`.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not a flat JSON object.
    pub fn read(path: &Path) -> Result<Self, RunFileError> {
        let text = fs::read_to_string(path).map_err(|source| RunFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| RunFileError::Json {
            path: path.to_owned(),
            source,
        })
    }

    /// Writes `path` atomically: a reader finds the old summary or the new one.
    ///
    /// # Errors
    ///
    /// If it cannot be written; an older file is intact then.
    pub fn write(&self, path: &Path) -> Result<(), RunFileError> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|source| RunFileError::Json {
            path: path.to_owned(),
            source,
        })?;
        text.push(b'\n');
        write_atomically(path, &text)
    }
}

impl Serialize for RunSummary {
    /// Required figures first and always present, then the others by name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in REQUIRED_FIGURES {
            map.serialize_entry(name, self.figures.get(name).unwrap_or(&Value::Null))?;
        }
        for (name, value) in self
            .figures
            .iter()
            .filter(|(name, _)| !REQUIRED_FIGURES.contains(&name.as_str()))
        {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_figures_are_always_written_and_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        let mut summary = RunSummary::new("grid", "flex", 3);
        summary.set("a.further", 1.5);
        summary.set("exact.tv", f64::NAN);
        summary.set("exact.jsd", f64::INFINITY);
        summary.set_count("peak_memory_bytes", 1 << 40);
        summary.write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let positions: Vec<usize> = REQUIRED_FIGURES
            .iter()
            .map(|name| text.find(&format!("\"{name}\":")).unwrap())
            .collect();
        assert!(positions.is_sorted() && positions.last() < text.find("a.further").as_ref());
        assert!(text.contains("\"exact.tv\": null") && text.contains("\"exact.jsd\": null"));
        let read = RunSummary::read(&path).unwrap();
        assert_eq!(read, summary);
        assert_eq!(
            (read.experiment(), read.device(), read.seed()),
            (Some("grid"), Some("flex"), Some(3))
        );
        assert_eq!(
            (read.exact_tv(), read.peak_memory_bytes()),
            (None, Some(1 << 40))
        );
        assert_eq!(read.figure("a.further"), Some(1.5));
    }

    #[test]
    fn a_file_that_is_no_summary_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        fs::write(&path, "{\"exact.tv\": 0.").unwrap();
        let message = RunSummary::read(&path).unwrap_err().to_string();
        assert!(
            message.contains("summary.json") && message.contains("line 1"),
            "{message}"
        );
        assert!(matches!(
            RunSummary::read(&folder.path().join("none")),
            Err(RunFileError::Read { .. })
        ));
    }
}
