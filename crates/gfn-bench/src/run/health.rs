//! `health.json`: what was found wrong with a run, and when.

use super::file;
use crate::metrics::Figures;
use anyhow::{Context as _, Result};
use gfn_env::Trajectories;
use gfn_train::health::{Diagnosis, Health, HealthConfig, Kind, Severity};
use gfn_train::{StepReport, write_atomically};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A diagnosis and the iterations in which it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthEntry {
    /// How grave it is.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// Iterations made when it was made first.
    pub first_iteration: u64,
    /// Iterations made when it was made last.
    pub last_iteration: u64,
    /// The evidence, as of the last time.
    pub sentence: String,
    /// What helps.
    pub remedy: String,
}

/// The health of a run and all that was ever found wrong with it.
#[derive(Clone, Debug)]
pub(super) struct HealthLog {
    health: Health,
    entries: Vec<HealthEntry>,
}

impl Default for HealthLog {
    fn default() -> Self {
        Self {
            health: Health::new(HealthConfig::default()),
            entries: Vec::new(),
        }
    }
}

impl HealthLog {
    pub(super) fn observe<S: PartialEq>(
        &mut self,
        report: &StepReport,
        trajectories: &Trajectories<S>,
    ) {
        self.health.observe(report, trajectories);
    }

    pub(super) fn window_ended(&self) -> bool {
        self.health.window_ended()
    }

    /// Notes what is wrong after `iteration` iterations, and returns what was not wrong before.
    pub(super) fn examine(&mut self, iteration: u64, iterations_left: u64) -> Vec<Diagnosis> {
        let mut new = Vec::new();
        for diagnosis in self.health.diagnose(iterations_left) {
            let known = self.entries.iter_mut().find(|e| e.kind == diagnosis.kind);
            if let Some(entry) = known {
                entry.last_iteration = iteration;
                entry.severity = diagnosis.severity;
                entry.sentence = diagnosis.sentence;
                entry.remedy = diagnosis.remedy;
            } else {
                self.entries.push(HealthEntry {
                    severity: diagnosis.severity,
                    kind: diagnosis.kind,
                    first_iteration: iteration,
                    last_iteration: iteration,
                    sentence: diagnosis.sentence.clone(),
                    remedy: diagnosis.remedy.clone(),
                });
                new.push(diagnosis);
            }
        }
        new
    }

    /// All that was ever found wrong, in the order in which it was found.
    pub(super) fn entries(&self) -> &[HealthEntry] {
        &self.entries
    }

    /// The kinds of the entries by name, separated by commas.
    pub(super) fn kinds(&self) -> String {
        let kinds: Vec<&str> = self.entries.iter().map(|e| e.kind.name()).collect();
        kinds.join(", ")
    }

    /// `health.*`.
    pub(super) fn figures(&self) -> Figures {
        let figures = self.health.figures().into_iter();
        figures
            .map(|(name, value)| (format!("health.{name}"), value))
            .collect()
    }

    /// Writes `health.json`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(&self.entries)?;
        text.push(b'\n');
        Ok(write_atomically(&folder.join(file::HEALTH), &text)?)
    }

    /// Text forms for the checkpoint: what was seen, what was found.
    pub(super) fn to_texts(&self) -> [String; 2] {
        // TOML, because it has the numbers that are not finite.
        let seen = toml::to_string(self.health.state());
        let found = serde_json::to_string(&self.entries);
        [
            seen.unwrap_or_else(|error| unreachable!("sums are numbers: {error}")),
            found.unwrap_or_else(|error| unreachable!("entries are text: {error}")),
        ]
    }

    /// Restores [`HealthLog::to_texts`].
    pub(super) fn restore(&mut self, [seen, found]: [&str; 2]) -> Result<()> {
        let state = toml::from_str(seen).context("what was seen")?;
        self.entries = serde_json::from_str(found).context("what was found")?;
        self.health.restore(state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::{Action, BackwardAction};
    use gfn_train::{LogZ, Observation, Phases};

    /// An iteration whose log Z lies `gap` below the log-weights.
    fn iteration(k: u64, gap: f64) -> (StepReport, Trajectories<u64>) {
        let mut trajectories = Trajectories::new();
        for lane in 0..4 {
            let log_reward = (k as f64 / 7.0 + lane as f64).sin();
            trajectories.push([0, lane], &[Action(0)], &[BackwardAction(0)], log_reward);
        }
        let third = 1.0 / 3.0;
        let report = StepReport {
            n_own: 1,
            iteration: k + 1,
            loss: (k as f64 / 11.0).exp(),
            n_transitions: 4,
            mean_log_reward: third,
            gradient_norm: third,
            log_z_gradient_norm: third / 7.0,
            clipped: k.is_multiple_of(3),
            observation: Some(Observation {
                log_weights: trajectories.log_reward().iter().map(|r| r + gap).collect(),
                log_z: Some(LogZ {
                    value: 0.1,
                    learning_rate: 1e-3,
                }),
            }),
            phases: Phases::default(),
        };
        (report, trajectories)
    }

    #[test]
    fn a_diagnosis_is_news_once() {
        let mut log = HealthLog::default();
        for k in 0..100 {
            let (report, trajectories) = iteration(k, 50.0);
            log.observe(&report, &trajectories);
        }
        assert!(log.window_ended());
        let new = log.examine(100, 1000);
        let kinds: Vec<Kind> = new.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, [Kind::LogZBehind, Kind::ResidualOffset]);
        assert_eq!(log.examine(200, 900), []);
        assert_eq!(log.kinds(), "log-z-behind, residual-offset");
        let entry = &log.entries()[0];
        assert_eq!((entry.first_iteration, entry.last_iteration), (100, 200));
        assert!(entry.sentence.ends_with("and 900 are left"), "{entry:?}");
    }

    #[test]
    fn texts_bring_every_bit_back() {
        let (mut whole, mut resumed) = (HealthLog::default(), HealthLog::default());
        for k in 0..350 {
            let (report, trajectories) = iteration(k, 20.0 - k as f64 / 9.0);
            whole.observe(&report, &trajectories);
            resumed.observe(&report, &trajectories);
            if k % 37 == 0 {
                whole.examine(k, 350 - k);
                resumed.examine(k, 350 - k);
                let [seen, found] = resumed.to_texts();
                resumed = HealthLog::default();
                resumed.restore([&seen, &found]).unwrap();
            }
            assert_eq!(whole.health, resumed.health);
            assert_eq!(whole.figures(), resumed.figures());
        }
        assert!(!whole.entries().is_empty());
        assert_eq!(whole.entries(), resumed.entries());
        let error = resumed.restore(["iteration = 1", "[]"]).unwrap_err();
        assert!(format!("{error:#}").contains("what was seen"), "{error:#}");
    }
}
