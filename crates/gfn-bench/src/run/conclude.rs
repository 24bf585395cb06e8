//! The end of a run: last figures, the policy, and the summary, whose existence says that the run is finished.

use super::runner::Run;
use super::{file, peak_memory_bytes};
use crate::metrics::Figures;
use crate::metrics::correlation::correlation_figures;
use crate::metrics::samples::fresh_samples;
use crate::problem::Problem;
use crate::summary::RunSummary;
use anyhow::{Context as _, Result};
use gfn_policy::{HostPolicy, Policy};
use gfn_train::write_atomically;
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl<P: Problem, Q: Policy> Run<'_, P, Q> {
    pub(super) fn conclude(self) -> Result<RunSummary> {
        let sampler = self.trainer.policy().sampler();
        let config = &self.experiment.evaluation;
        let mut figures = self.latest.clone();
        if figures.is_empty() {
            // Killed between the last checkpoint and the summary: the figures are those of that checkpoint.
            figures = self.recorded()?;
        }
        figures.extend(correlation_figures(
            &self.problem,
            sampler.as_ref(),
            &config.correlation,
            self.experiment.seed,
        )?);
        self.write_distribution(sampler.as_ref())?;
        self.write_picture(sampler.as_ref())?;
        if !self.session.visits.is_empty() {
            let visits = self.session.visits.to_csv(self.trainer.iteration());
            write_atomically(&self.folder.join(file::VISITS), visits.as_bytes())?;
        }
        let metadata =
            BTreeMap::from([("iteration".to_owned(), self.trainer.iteration().to_string())]);
        self.save_policy(file::POLICY, metadata)?;
        let summary = self.summary(&figures);
        summary.write(&self.folder.join(file::SUMMARY))?;
        Ok(summary)
    }

    fn recorded(&self) -> Result<Figures> {
        let metrics = crate::summary::read_metrics(&self.folder.join(file::METRICS))?;
        let last = self.trainer.iteration();
        let at_end = metrics.into_iter().filter_map(|(name, samples)| {
            let sample = samples.into_iter().rfind(|s| s.step == last)?;
            Some((name, sample.value))
        });
        Ok(at_end.collect())
    }

    fn summary(&self, figures: &Figures) -> RunSummary {
        let e = self.experiment;
        let mut summary = RunSummary::new(&e.name, &e.device, e.seed);
        // Those of the last window are in metrics.csv; the summary has what was made of them.
        for (name, value) in figures.iter().filter(|(n, _)| !n.starts_with("health.")) {
            summary.set(name, *value);
        }
        if let Some(health) = &self.session.health {
            summary.set_count("health.diagnoses", health.entries().len() as u64);
            summary.set_text("health.kinds", &health.kinds());
        }
        if let Some(reason) = self.stopped() {
            summary.set_text("stopped", &reason);
        }
        let iterations = self.trainer.iteration();
        let trajectories = iterations * e.budget.batch_size as u64;
        summary.set_count("iterations", iterations);
        summary.set_count("trajectories", trajectories);
        summary.set_count("transitions", self.session.transitions);
        if let Some(n) = self.problem.n_modes() {
            summary.set_count("n_modes", n);
            let modes = &self.session.modes;
            if n > 0 && modes.count() as u64 == n {
                summary.set_count("modes_all_found_at", modes.last_found_at());
            }
        }
        if let Some(best) = self.session.best {
            summary.set("best", best);
        }
        let phases = &self.session.phases;
        let seconds = phases.total();
        summary.set("speed.iterations_per_s", iterations as f64 / seconds);
        summary.set("speed.trajectories_per_s", trajectories as f64 / seconds);
        summary.set(
            "speed.transitions_per_s",
            self.session.transitions as f64 / seconds,
        );
        summary.set("speed.share_rollout", phases.rollout / seconds);
        summary.set("speed.share_evaluation", phases.evaluation / seconds);
        summary.set("speed.share_backward", phases.backward / seconds);
        summary.set("speed.share_optimiser", phases.optimiser / seconds);
        summary.set("training_s", seconds);
        summary.set("wall_s", self.session.wall_s);
        if let Some(bytes) = peak_memory_bytes() {
            summary.set_count("peak_memory_bytes", bytes);
        }
        summary
    }

    /// The graph that the problem draws of the samples of the last evaluation.
    fn write_picture(&self, sampler: &dyn HostPolicy) -> Result<()> {
        let settings = self.sample_settings();
        if settings.samples == 0 {
            return Ok(());
        }
        let sample = || fresh_samples(&self.problem, sampler, settings);
        let Some(picture) = self.problem.picture(&sample)? else {
            return Ok(());
        };
        let text = serde_json::to_vec_pretty(&picture).context("cannot write a graph")?;
        Ok(write_atomically(&self.folder.join(file::GRAPH), &text)?)
    }

    /// `row,column,target,learned` of problems whose objects lie on a plane.
    fn write_distribution(&self, sampler: &dyn HostPolicy) -> Result<()> {
        let Some(target) = &self.target else {
            return Ok(());
        };
        let terminals = target.graph().terminal_states();
        if terminals
            .first()
            .and_then(|t| self.problem.cell(t))
            .is_none()
        {
            return Ok(());
        }
        let learned = target.learned(&self.problem, sampler)?;
        let mut text = "row,column,target,learned\n".to_owned();
        for ((terminal, p), q) in terminals.iter().zip(target.target()).zip(&learned) {
            if let Some((row, column)) = self.problem.cell(terminal) {
                writeln!(text, "{row},{column},{p},{q}").context("cannot format a figure")?;
            }
        }
        Ok(write_atomically(
            &self.folder.join(file::DISTRIBUTION),
            text.as_bytes(),
        )?)
    }
}
