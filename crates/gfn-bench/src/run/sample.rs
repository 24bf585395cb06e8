//! Objects from a trained policy.

use super::any_policy::AnyPolicy;
use super::file;
use super::policy::{Maker, PolicyVisitor, visit_policy};
use crate::device::DeviceSpec;
use crate::experiment::Experiment;
use crate::problem::{AnyProblem, Problem as _, State};
use anyhow::{Context as _, Result, bail};
use gfn_env::{Environment as _, Purpose, Streams};
use gfn_policy::{OnPolicy, Policy as _, RolloutKey, from_safetensors, rollout, with_parameters};
use gfn_train::Checkpoint;
use std::io::Write;
use std::path::Path;

/// Writes `n` objects sampled from the policy in `folder` and their log-reward as CSV (`object,log_reward`).
///
/// The policy is the one at the end of the run, or at the last checkpoint of an unfinished one. `seed` chooses the
/// samples.
///
/// # Errors
///
/// If the folder holds no run, its policy does not fit its configuration, or `out` cannot be written.
pub fn sample_csv(folder: &Path, n: usize, seed: u64, out: &mut dyn Write) -> Result<()> {
    let experiment = Experiment::load(&folder.join(file::CONFIG), &[])
        .with_context(|| format!("{} is not a run folder", folder.display()))?;
    let device = experiment.device.parse::<DeviceSpec>()?.open()?;
    let sample = Sample {
        folder,
        n,
        seed,
        out,
    };
    visit_policy(&experiment, &device, sample)
}

struct Sample<'a> {
    folder: &'a Path,
    n: usize,
    seed: u64,
    out: &'a mut dyn Write,
}

impl PolicyVisitor for Sample<'_> {
    type Output = ();

    fn visit<S: State>(self, problem: AnyProblem<S>, make: Maker) -> Result<()> {
        // The weights are those of a file.
        self.write(&problem, make(Streams::new(0)))
    }
}

impl Sample<'_> {
    fn write<S: State>(self, problem: &AnyProblem<S>, policy: AnyPolicy) -> Result<()> {
        let (end, checkpoint) = (
            self.folder.join(file::POLICY),
            self.folder.join(file::CHECKPOINT),
        );
        let parameters = if end.exists() {
            let bytes =
                std::fs::read(&end).with_context(|| format!("cannot read {}", end.display()))?;
            from_safetensors(&bytes)
                .with_context(|| end.display().to_string())?
                .0
        } else if checkpoint.exists() {
            Checkpoint::load(&checkpoint)?.trainer.parameters
        } else {
            bail!(
                "{} has neither a policy nor a checkpoint yet: run the experiment first",
                self.folder.display()
            );
        };
        let policy = with_parameters(policy, &parameters)
            .with_context(|| self.folder.display().to_string())?;
        let sampler = policy.sampler();
        let mut csv = csv::Writer::from_writer(self.out);
        csv.write_record(["object", "log_reward"])?;
        let mut left = self.n;
        let mut round = 0;
        while left > 0 {
            let key = RolloutKey {
                streams: Streams::new(self.seed),
                purpose: Purpose::Evaluation,
                iteration: u32::MAX - round,
            };
            let size = left.min(4096);
            let batch = rollout(
                problem.environment(),
                problem.reward(),
                sampler.as_ref(),
                &OnPolicy,
                key,
                size,
            )?;
            for (terminal, log_reward) in batch.terminals().zip(batch.log_reward()) {
                csv.write_record([
                    problem.environment().describe(terminal),
                    log_reward.to_string(),
                ])?;
            }
            left -= size;
            round += 1;
        }
        csv.flush()?;
        Ok(())
    }
}
