//! Runs an experiment from its start or its last checkpoint to its end.

use super::early_stopping::Patience;
use super::folder::require_same_experiment;
use super::health::HealthLog;
use super::session::Session;
use super::start::start;
use super::{Recorder, file};
use crate::experiment::{EvaluationConfig, Experiment, LogZInit, ObjectiveConfig, PolicyConfig};
use crate::metrics::conditional::{ConditionTarget, conditional_figures};
use crate::metrics::exact::TargetOf;
use crate::metrics::samples::{SampleSettings, sample_figures};
use crate::metrics::window::Window;
use crate::metrics::{Figures, push};
use crate::problem::{KnownTarget, Problem, StateOf};
use crate::summary::RunSummary;
use anyhow::{Context as _, Result, bail};
use gfn_env::{Environment as _, Features, Trajectories, log_partition};
use gfn_policy::{HostPolicy, Kernels, Policy, Workspace, named_parameters, to_safetensors};
use gfn_train::{AwakeThreads, Checkpoint, LogZSource, Objective, Trainer, write_atomically};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// Iterations made.
    pub iteration: u64,
    /// Iterations in all.
    pub iterations: u64,
    /// Mean loss since the last evaluation.
    pub loss: f64,
    /// Learned log Z at the last evaluation.
    pub log_z: Option<f64>,
    /// Exact total variation at the last evaluation.
    pub total_variation: Option<f64>,
    /// Training iterations per second, evaluation aside.
    pub iterations_per_s: f64,
    /// What was found wrong since the last news, each told once in a run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnoses: Vec<String>,
}

/// How a run is made.
pub struct RunOptions<'a> {
    /// Threads that the process gives to rollouts and CPU backends; recorded, not set, here.
    pub threads: usize,
    /// Told about progress now and then.
    pub progress: &'a mut dyn FnMut(&Progress),
}

impl std::fmt::Debug for RunOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunOptions")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Runs `experiment` in `folder`: from the start, from the checkpoint there, or not at all where it is finished.
///
/// # Errors
///
/// If the experiment cannot be built, training stops on a non-finite value, the folder belongs to another experiment, or
/// a file cannot be written. The reason is also left in `failure.txt`; nothing that was written before is lost.
pub fn run(experiment: &Experiment, folder: &Path, options: RunOptions<'_>) -> Result<RunSummary> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    require_same_experiment(experiment, folder)?;
    let failure = folder.join(file::FAILURE);
    let outcome = start(experiment, folder, options);
    match &outcome {
        Ok(_) => {
            // It may not exist; a stale one would contradict the summary.
            std::fs::remove_file(&failure).ok();
        }
        Err(error) => {
            // The error itself is returned; a folder that cannot be written to has nowhere to keep it.
            write_atomically(&failure, format!("{}\n", explain(error)).as_bytes()).ok();
        }
    }
    outcome
}

/// The text of an error and its causes; a cause whose text the one before it holds already is left out.
pub fn explain(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if parts.last().is_none_or(|last| !last.contains(&cause)) {
            parts.push(cause);
        }
    }
    parts.join(": ")
}

/// Sets log Z where the policy's own constructor cannot.
fn start_log_z<P: Problem, Q: Policy>(
    policy: &PolicyConfig,
    trainer: &mut ProblemTrainer<P, Q>,
) -> Result<()> {
    match (policy.log_z_init(), policy) {
        (LogZInit::FirstBatch, _) => trainer.initialise_log_z().map(drop)?,
        (LogZInit::Value(value), PolicyConfig::Tabular { .. }) => {
            trainer.set_log_z(f64::from(value))?;
        }
        (
            LogZInit::Value(_),
            PolicyConfig::Mlp { .. }
            | PolicyConfig::EdgeFlow { .. }
            | PolicyConfig::Transformer { .. },
        ) => {}
    }
    Ok(())
}

type ProblemTrainer<P, Q> =
    Trainer<<P as Problem>::Environment, <P as Problem>::Reward, Q, Box<dyn Objective<Q>>>;

pub(super) struct Run<'a, P: Problem, Q: Policy> {
    pub(super) experiment: &'a Experiment,
    pub(super) folder: &'a Path,
    fingerprint: String,
    pub(super) problem: P,
    pub(super) target: Option<TargetOf<P>>,
    /// The target under each condition, where the reward depends on one.
    pub(super) conditions: Vec<ConditionTarget<P>>,
    /// What is known of the target where it is not enumerated.
    known: Option<KnownTarget>,
    pub(super) trainer: ProblemTrainer<P, Q>,
    pub(super) session: Session,
    recorder: Recorder,
    pub(super) latest: Figures,
    resumed: bool,
    /// Diagnoses that nobody was told of yet.
    news: Vec<String>,
}

impl<'a, P: Problem, Q: Policy> Run<'a, P, Q> {
    pub(super) fn new(
        experiment: &'a Experiment,
        folder: &'a Path,
        problem: P,
        target: Option<TargetOf<P>>,
        mut trainer: ProblemTrainer<P, Q>,
    ) -> Result<Self> {
        let fingerprint = experiment.fingerprint()?;
        let config = &experiment.evaluation;
        let window = target.as_ref().filter(|_| config.window > 0);
        let mut session =
            Session::new(window.map(|t| Window::new(config.window, t.target().len())));
        session.health = config.health.then(HealthLog::default);
        let stopping = experiment.budget.early_stopping.as_ref();
        session.patience = stopping.map(|stopping| Patience::new(&stopping.metric));
        let path = folder.join(file::CHECKPOINT);
        let resumed = path.exists();
        if resumed {
            let context = || {
                format!(
                    "cannot continue from {} (restore a copy of it, or delete it to start again)",
                    path.display()
                )
            };
            let checkpoint = Checkpoint::load_for(&path, &fingerprint).with_context(context)?;
            trainer.restore(&checkpoint.trainer).with_context(context)?;
            session.restore(&checkpoint.extra).with_context(context)?;
        } else {
            start_log_z::<P, Q>(&experiment.policy, &mut trainer)?;
        }
        let recorder = Recorder::open(folder, resumed.then(|| trainer.iteration()))?;
        // Relative trajectory balance samples from another target.
        let samples_the_reward = !matches!(
            experiment.objective,
            ObjectiveConfig::RelativeTrajectoryBalance { .. }
        );
        let known = (target.is_none() && samples_the_reward).then(|| problem.known_target());
        Ok(Self {
            experiment,
            folder,
            fingerprint,
            problem,
            target,
            conditions: Vec::new(),
            known: known.flatten(),
            trainer,
            session,
            recorder,
            latest: Figures::new(),
            resumed,
            news: Vec::new(),
        })
    }

    pub(super) fn finish(mut self, options: RunOptions<'_>) -> Result<RunSummary> {
        let iterations = self.experiment.budget.iterations;
        let every = self.experiment.evaluation.every;
        // Devices other than the host's memory have threads of their own.
        let on_host = Kernels::Fused.run_on_host(&self.trainer.policy().device());
        let _awake = on_host.then(AwakeThreads::new);
        let mut clock = Instant::now();
        if !self.resumed {
            self.evaluate()?;
        }
        let mut last_told = Instant::now();
        while self.trainer.iteration() < iterations && self.stopped().is_none() {
            let (report, trajectories) = match self.trainer.step() {
                Ok(step) => step,
                Err(error) => {
                    // What led to it is worth more now than ever.
                    self.examine()?;
                    (options.progress)(&self.progress());
                    return Err(error.into());
                }
            };
            self.session.add(&report, self.experiment.budget.batch_size);
            self.note_samples(&trajectories, report.n_own)?;
            if let Some(health) = &mut self.session.health {
                health.observe(&report, &trajectories);
                if health.window_ended() {
                    self.examine()?;
                }
            }
            if last_told.elapsed().as_millis() >= 250 || !self.news.is_empty() {
                (options.progress)(&self.progress());
                self.news.clear();
                last_told = Instant::now();
            }
            if report.iteration % every == 0 || report.iteration == iterations {
                self.session.wall_s += clock.elapsed().as_secs_f64();
                clock = Instant::now();
                self.evaluate()?;
            }
        }
        // After the last checkpoint: a longer budget goes on without what is said of the end of this one.
        self.examine()?;
        (options.progress)(&self.progress());
        self.conclude()
    }

    /// Looks at the health of the run, and notes what is new.
    fn examine(&mut self) -> Result<()> {
        let iteration = self.trainer.iteration();
        let left = self.experiment.budget.iterations.saturating_sub(iteration);
        let Some(health) = &mut self.session.health else {
            return Ok(());
        };
        let new = health.examine(iteration, left);
        self.news.extend(new.iter().map(ToString::to_string));
        health.write(self.folder)
    }

    /// Why the run ends before its budget does.
    pub(super) fn stopped(&self) -> Option<String> {
        let stopping = self.experiment.budget.early_stopping.as_ref()?;
        self.session.patience.as_ref()?.stopped(stopping)
    }

    fn progress(&self) -> Progress {
        let find = |name: &str| self.latest.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
        Progress {
            iteration: self.trainer.iteration(),
            iterations: self.experiment.budget.iterations,
            loss: Some(self.session.mean_loss())
                .filter(|l| l.is_finite())
                .or_else(|| find("loss"))
                .unwrap_or(f64::NAN),
            log_z: find("log_z"),
            total_variation: find("exact.tv"),
            iterations_per_s: self.trainer.iteration() as f64 / self.session.phases.total(),
            diagnoses: self.news.clone(),
        }
    }

    /// Modes and places of all samples; the window is of the agent's own, the first `n_own`.
    fn note_samples(
        &mut self,
        trajectories: &Trajectories<StateOf<P>>,
        n_own: usize,
    ) -> Result<()> {
        let iteration = self.trainer.iteration();
        for (b, terminal) in trajectories.terminals().enumerate() {
            if let Some(mode) = self.problem.mode(terminal) {
                self.session.modes.insert(mode, iteration);
            }
            if let Some(cell) = self.problem.cell(terminal) {
                self.session.visits.insert(cell, iteration);
            }
            if let (Some(window), Some(target)) = (&mut self.session.window, &self.target)
                && b < n_own
            {
                let object = target.terminal_index(terminal).with_context(|| {
                    format!("the sampled object {terminal:?} is not among the enumerated ones")
                })?;
                window.push(object);
            }
        }
        Ok(())
    }

    /// Measures, records, keeps the best policy, and saves a checkpoint, in this order: a checkpoint never promises rows
    /// that are not on the disk.
    fn evaluate(&mut self) -> Result<()> {
        let iteration = self.trainer.iteration();
        let figures = self.measure()?;
        self.recorder
            .record(iteration, self.session.wall_s, &figures)?;
        self.keep_best(&figures)?;
        self.count_patience(&figures)?;
        if let Some(health) = &self.session.health {
            health.write(self.folder)?;
        }
        self.latest = figures;
        let checkpoint = Checkpoint {
            experiment: self.fingerprint.clone(),
            trainer: self.trainer.state(),
            extra: self.session.to_extra(),
        };
        checkpoint.save(&self.folder.join(file::CHECKPOINT))?;
        Ok(())
    }

    fn measure(&mut self) -> Result<Figures> {
        let config = &self.experiment.evaluation;
        let sampler = self.trainer.policy().sampler();
        let mut figures = self.session.take_means();
        if let Some(health) = &self.session.health {
            figures.extend(health.figures());
        }
        figures.extend(self.trainer.source_figures());
        figures.extend(self.trainer.policy_gradient_figures());
        let mut sampled = Figures::new();
        if config.samples > 0 {
            let settings = self.sample_settings();
            sampled = sample_figures(
                &self.problem,
                sampler.as_ref(),
                self.target.as_ref(),
                self.known,
                settings,
            )?;
        }
        // Where no log Z is learned, the mean log-weight of the evaluation samples stands for it, a lower bound in
        // expectation.
        let log_z = match self.trainer.objective().log_z() {
            // There is more than one.
            _ if self.experiment.condition.is_some() => None,
            LogZSource::Parameter => Some(self.trainer.log_z()),
            LogZSource::SourceOutflow => Some(self.source_outflow(sampler.as_ref())),
            _ => sampled
                .iter()
                .find(|(name, _)| name == "samples.elbo")
                .map(|(_, v)| *v),
        };
        if let Some(log_z) = log_z {
            push(&mut figures, "log_z", log_z);
        }
        let target = self.target.as_ref();
        let exact_log_z = target.map(TargetOf::<P>::log_z);
        if let Some(exact) = exact_log_z.or(self.known.map(|known| known.log_z)) {
            push(&mut figures, "exact.log_z", exact);
            if let Some(log_z) = log_z {
                push(&mut figures, "log_z_error", (log_z - exact).abs());
            }
        }
        if let Some(target) = target {
            figures.extend(target.figures(&target.learned(&self.problem, sampler.as_ref())?));
            if let Some(window) = &self.session.window {
                figures.extend(window.figures(target.target()));
            }
        }
        let learns_log_z = self.trainer.objective().log_z() == LogZSource::Parameter;
        figures.extend(conditional_figures(
            &self.problem,
            &self.conditions,
            self.trainer.policy(),
            learns_log_z,
        )?);
        figures.extend(sampled);
        let groups = self.experiment.evaluation.gradient_groups;
        if groups > 0 {
            let batch_size = self.experiment.budget.batch_size;
            let found = self.trainer.gradient_variance(groups, batch_size)?;
            push(&mut figures, "gradient.variance", found.variance);
            push(&mut figures, "gradient.mean_squared", found.mean_squared);
        }
        push(
            &mut figures,
            "modes_found",
            self.session.modes.count() as f64,
        );
        Ok(figures)
    }

    /// What the samples of an evaluation now are drawn with.
    pub(super) fn sample_settings(&self) -> SampleSettings {
        let config = &self.experiment.evaluation;
        SampleSettings {
            samples: config.samples,
            top_k: config.top_k,
            seed: self.experiment.seed,
            iteration: self.trainer.iteration(),
        }
    }

    /// The log-sum-exp of the source's forward logits: log Z where these are flows.
    fn source_outflow(&self, sampler: &dyn HostPolicy) -> f64 {
        let env = self.problem.environment();
        let (source, mut features) = (env.source(), Features::new(env.n_features()));
        env.encode(&source, &mut features.push_row());
        let (mut logits, mut allowed) = (Vec::new(), vec![false; env.n_actions()]);
        sampler.forward_logits(&features, &mut Workspace::default(), &mut logits);
        env.forward_mask(&source, &mut allowed);
        let flows = logits.iter().zip(&allowed).filter(|(_, ok)| **ok);
        let flows: Vec<f64> = flows.map(|(&l, _)| f64::from(l)).collect();
        log_partition(&flows)
    }

    fn keep_best(&mut self, figures: &Figures) -> Result<()> {
        let exact = self.target.is_some() || !self.conditions.is_empty();
        let default = exact.then_some("exact.tv");
        let Some(metric) = self.experiment.evaluation.best.as_deref().or(default) else {
            return Ok(());
        };
        let Some((_, value)) = figures.iter().find(|(name, _)| name == metric) else {
            return Ok(());
        };
        let larger = EvaluationConfig::larger_is_better(metric) == Some(true);
        let better = match self.session.best {
            None => !value.is_nan(),
            Some(best) if larger => *value > best,
            Some(best) => *value < best,
        };
        if better {
            self.session.best = Some(*value);
            // One entry: the order of several is not the same in every process, and equal runs write equal bytes.
            let note = format!(
                "{metric} = {value} at iteration {}",
                self.trainer.iteration()
            );
            let metadata = BTreeMap::from([("best".to_owned(), note)]);
            self.save_policy(file::BEST, metadata)?;
        }
        Ok(())
    }

    fn count_patience(&mut self, figures: &Figures) -> Result<()> {
        let (Some(stopping), Some(patience)) = (
            &self.experiment.budget.early_stopping,
            &mut self.session.patience,
        ) else {
            return Ok(());
        };
        let metric = &stopping.metric;
        let figure = figures.iter().find(|(name, _)| name == metric);
        match figure {
            // What nothing was trained for yet is no result.
            _ if self.trainer.iteration() == 0 => {}
            Some((_, value)) => patience.count(stopping, *value),
            None => bail!(
                "at `budget.early_stopping`: {metric} is not measured in this run: choose another figure, or raise \
                 evaluation.exact_max_states if the states are too many to enumerate"
            ),
        }
        Ok(())
    }

    pub(super) fn save_policy(&self, name: &str, metadata: BTreeMap<String, String>) -> Result<()> {
        let bytes = to_safetensors(&named_parameters(self.trainer.policy()), metadata)?;
        Ok(write_atomically(&self.folder.join(name), &bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_not_told_twice() {
        let error = anyhow::anyhow!("disk full")
            .context("cannot write a.txt: disk full")
            .context("the run stopped");
        assert_eq!(
            explain(&error),
            "the run stopped: cannot write a.txt: disk full"
        );
    }
}
