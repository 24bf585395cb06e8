//! Figures on their way to `metrics.csv` and TensorBoard.

use super::file;
use crate::tensorboard::EventWriter;
use anyhow::{Context as _, Result};
use gfn_train::write_atomically;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const HEADER: &str = "step,wall_s,name,value\n";

/// Appends figures to a run folder.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    metrics: File,
    events: EventWriter<BufWriter<File>>,
}

fn unix_time() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}

impl Recorder {
    /// Opens `metrics.csv` in `folder`, keeping the rows up to `last_step`; `None` starts afresh.
    ///
    /// Rows after `last_step` belong to iterations that a resumed run makes again; a line that a killed run left half
    /// written is dropped with them.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or written.
    pub fn open(folder: &Path, last_step: Option<u64>) -> Result<Self> {
        let path = folder.join(file::METRICS);
        let kept = match last_step {
            None => HEADER.to_owned(),
            Some(last) => {
                let text = std::fs::read_to_string(&path).with_context(|| {
                    format!(
                        "cannot read {} (restore it, or delete {} beside it to start again)",
                        path.display(),
                        file::CHECKPOINT
                    )
                })?;
                rows_up_to(&text, last)
            }
        };
        write_atomically(&path, kept.as_bytes())?;
        let metrics = OpenOptions::new()
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot append to {}", path.display()))?;
        let now = unix_time();
        let context = || cannot_write_events(&path);
        let mut events = EventWriter::create(folder, now).with_context(context)?;
        if let Some(last) = last_step {
            events.resume(last + 1, now).with_context(context)?;
        }
        Ok(Self {
            path,
            metrics,
            events,
        })
    }

    /// Appends the figures of `step`, `wall_s` seconds into the run, and flushes.
    ///
    /// # Errors
    ///
    /// If a file cannot be written (a full disk); what was there before stays.
    pub fn record(&mut self, step: u64, wall_s: f64, figures: &[(String, f64)]) -> Result<()> {
        let mut rows = String::new();
        let now = unix_time();
        for (name, value) in figures {
            writeln!(rows, "{step},{wall_s:.3},{name},{value}")
                .context("cannot format a figure")?;
            if value.is_finite() {
                self.events
                    .scalar(name, *value, step, now)
                    .with_context(|| cannot_write_events(&self.path))?;
            }
        }
        // One write for all rows of a step: a killed run leaves whole steps and at most one torn line.
        self.metrics
            .write_all(rows.as_bytes())
            .and_then(|()| self.metrics.flush())
            .with_context(|| {
                format!(
                    "cannot write {}: free some space and resume the run",
                    self.path.display()
                )
            })?;
        self.events
            .flush()
            .with_context(|| cannot_write_events(&self.path))
    }
}

fn cannot_write_events(metrics: &Path) -> String {
    format!(
        "cannot write the TensorBoard events beside {}: free some space and resume the run",
        metrics.display()
    )
}

fn rows_up_to(text: &str, last: u64) -> String {
    let complete = text.rfind('\n').map_or("", |end| &text[..=end]);
    let keep = |line: &str| {
        let step = line.split(',').next().and_then(|s| s.parse::<u64>().ok());
        step.is_some_and(|step| step <= last)
    };
    let rows = complete.lines().skip(1).filter(|line| keep(line));
    rows.fold(HEADER.to_owned(), |mut kept, line| {
        kept.push_str(line);
        kept.push('\n');
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_after_the_checkpoint_and_torn_lines_go() {
        let text = "step,wall_s,name,value\n0,0.000,a,1\n10,1.000,a,2\n20,2.000,a,3\n20,2.000,b,";
        assert_eq!(
            rows_up_to(text, 10),
            "step,wall_s,name,value\n0,0.000,a,1\n10,1.000,a,2\n"
        );
        assert_eq!(
            rows_up_to(text, 99),
            text.rsplit_once('\n').unwrap().0.to_owned() + "\n"
        );
        assert_eq!(rows_up_to("", 5), HEADER);
    }
}
