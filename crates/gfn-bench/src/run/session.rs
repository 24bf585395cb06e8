//! What a run carries from iteration to iteration beside the trainer: sums, windows, modes, bests.

use super::early_stopping::Patience;
use super::health::HealthLog;
use crate::metrics::modes::ModesFound;
use crate::metrics::visits::Visits;
use crate::metrics::window::Window;
use crate::metrics::{Figures, push};
use anyhow::{Context as _, Result};
use gfn_train::{Phases, StepReport};
use std::collections::BTreeMap;

/// Seconds spent in the parts of training.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct PhaseSeconds {
    pub(super) rollout: f64,
    pub(super) evaluation: f64,
    pub(super) backward: f64,
    pub(super) optimiser: f64,
}

impl PhaseSeconds {
    fn add(&mut self, phases: &Phases) {
        self.rollout += phases.rollout.as_secs_f64();
        self.evaluation += phases.evaluation.as_secs_f64();
        self.backward += phases.backward.as_secs_f64();
        self.optimiser += phases.optimiser.as_secs_f64();
    }

    pub(super) fn total(&self) -> f64 {
        self.rollout + self.evaluation + self.backward + self.optimiser
    }
}

/// Means since the last evaluation; empty at every checkpoint.
#[derive(Clone, Debug, Default)]
struct Means {
    n: u64,
    loss: f64,
    length: f64,
    log_reward: f64,
    gradient_norm: f64,
}

/// State beside the trainer.
#[derive(Clone, Debug)]
pub(super) struct Session {
    means: Means,
    pub(super) transitions: u64,
    pub(super) wall_s: f64,
    pub(super) phases: PhaseSeconds,
    pub(super) window: Option<Window>,
    pub(super) modes: ModesFound,
    pub(super) visits: Visits,
    pub(super) best: Option<f64>,
    pub(super) health: Option<HealthLog>,
    pub(super) patience: Option<Patience>,
}

impl Session {
    pub(super) fn new(window: Option<Window>) -> Self {
        Self {
            means: Means::default(),
            transitions: 0,
            wall_s: 0.0,
            phases: PhaseSeconds::default(),
            window,
            modes: ModesFound::default(),
            visits: Visits::default(),
            best: None,
            health: None,
            patience: None,
        }
    }

    pub(super) fn add(&mut self, report: &StepReport, batch_size: usize) {
        let means = &mut self.means;
        means.n += 1;
        means.loss += report.loss;
        means.length += report.n_transitions as f64 / batch_size as f64;
        means.log_reward += report.mean_log_reward;
        means.gradient_norm += report.gradient_norm;
        self.transitions += report.n_transitions as u64;
        self.phases.add(&report.phases);
    }

    /// Loss since the last evaluation.
    pub(super) fn mean_loss(&self) -> f64 {
        self.means.loss / self.means.n as f64
    }

    /// `loss`, `trajectory_length`, `log_reward` and `gradient_norm`: means since the last evaluation, which end here.
    pub(super) fn take_means(&mut self) -> Figures {
        let means = std::mem::take(&mut self.means);
        let mut figures = Figures::new();
        if means.n > 0 {
            let n = means.n as f64;
            push(&mut figures, "loss", means.loss / n);
            push(&mut figures, "trajectory_length", means.length / n);
            push(&mut figures, "log_reward", means.log_reward / n);
            push(&mut figures, "gradient_norm", means.gradient_norm / n);
        }
        figures
    }

    /// Text form for the checkpoint.
    pub(super) fn to_extra(&self) -> BTreeMap<String, String> {
        let p = &self.phases;
        let mut extra = BTreeMap::from([
            ("transitions".to_owned(), self.transitions.to_string()),
            ("wall_s".to_owned(), self.wall_s.to_string()),
            ("modes".to_owned(), self.modes.to_text()),
            (
                "phases".to_owned(),
                format!(
                    "{} {} {} {}",
                    p.rollout, p.evaluation, p.backward, p.optimiser
                ),
            ),
        ]);
        if let Some(window) = &self.window {
            extra.insert("window".to_owned(), window.to_text());
        }
        if !self.visits.is_empty() {
            extra.insert("visits".to_owned(), self.visits.to_text());
        }
        if let Some(best) = self.best {
            extra.insert("best".to_owned(), best.to_string());
        }
        if let Some(health) = &self.health {
            let [seen, found] = health.to_texts();
            extra.insert("health.seen".to_owned(), seen);
            extra.insert("health.found".to_owned(), found);
        }
        if let Some(patience) = &self.patience
            && let Ok(text) = serde_json::to_string(patience)
        {
            extra.insert("patience".to_owned(), text);
        }
        extra
    }

    /// Restores [`Session::to_extra`] into a new session.
    pub(super) fn restore(&mut self, extra: &BTreeMap<String, String>) -> Result<()> {
        let text = |name: &str| {
            extra
                .get(name)
                .with_context(|| format!("the checkpoint has no `{name}`: it is damaged"))
        };
        let damaged = |name: &str| format!("the checkpoint's `{name}` is damaged");
        self.transitions = text("transitions")?
            .parse()
            .with_context(|| damaged("transitions"))?;
        self.wall_s = text("wall_s")?.parse().with_context(|| damaged("wall_s"))?;
        self.modes = ModesFound::from_text(text("modes")?).with_context(|| damaged("modes"))?;
        let seconds: Vec<f64> = text("phases")?
            .split(' ')
            .filter_map(|s| s.parse().ok())
            .collect();
        let [rollout, evaluation, backward, optimiser] = seconds[..] else {
            anyhow::bail!(damaged("phases"));
        };
        self.phases = PhaseSeconds {
            rollout,
            evaluation,
            backward,
            optimiser,
        };
        if let Some(window) = self.window.take() {
            self.window = Some(
                window
                    .with_text(text("window")?)
                    .with_context(|| damaged("window"))?,
            );
        }
        if let Some(visits) = extra.get("visits") {
            self.visits = Visits::from_text(visits).with_context(|| damaged("visits"))?;
        }
        self.best = match extra.get("best") {
            Some(best) => Some(best.parse().with_context(|| damaged("best"))?),
            None => None,
        };
        if let Some(health) = &mut self.health {
            health
                .restore([text("health.seen")?, text("health.found")?])
                .with_context(|| damaged("health"))?;
        }
        // A rule that is new, or of another figure, begins to count now.
        if let (Some(patience), Some(saved)) = (&mut self.patience, extra.get("patience")) {
            let saved: Patience =
                serde_json::from_str(saved).with_context(|| damaged("patience"))?;
            if saved.metric == patience.metric {
                *patience = saved;
            }
        }
        Ok(())
    }
}
