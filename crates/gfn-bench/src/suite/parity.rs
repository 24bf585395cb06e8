//! Devices compared operation by operation: the same parameters and trajectories, evaluated on each.

use crate::device::DeviceSpec;
use crate::experiment::Experiment;
use crate::metrics::statistics::Spread;
use crate::problem::{AnyProblem, Problem, ProblemVisitor, State, erase};
use crate::report::{ReportRow, Section, Table};
use crate::run::AnyPolicy;
use anyhow::{Context as _, Result};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use gfn_env::{Purpose, Streams, Trajectories};
use gfn_loss::{
    SubTrajectoryNormalisation, TransitionNormalisation, detailed_balance, sub_trajectory_balance,
    trajectory_balance,
};
use gfn_policy::{
    Kernels, MlpConfig, MlpFlowPolicy, OnPolicy, Policy as _, RolloutKey, TransitionBatch, rollout,
};
use gfn_train::{Objective, Trainer, TrajectoryBalance};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// `[parity]` of a suite.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParityConfig {
    /// Relative error that no quantity may pass.
    pub tolerance: f64,
    /// Training iterations that are compared action by action, at most.
    pub iterations: u64,
    /// Seconds after which that comparison stops.
    pub seconds: f64,
}

/// Worst relative error of one quantity on one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParityError {
    /// Experiment.
    pub experiment: String,
    /// Device, compared with the reference.
    pub device: String,
    /// `log_pf`, `log_flow`, `residual.trajectory_balance`, `gradient.detailed_balance`, …
    pub quantity: String,
    /// `max |a − b| / max |b|` over the entries.
    pub relative_error: f64,
}

/// When training on two devices parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parting {
    /// Experiment.
    pub experiment: String,
    /// Device, compared with the reference.
    pub device: String,
    /// First iteration whose sampled actions differ, if any did.
    pub first_different_iteration: Option<u64>,
    /// Iterations compared.
    pub iterations: u64,
}

/// What [`compare`] found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ParityReport {
    /// Errors by quantity.
    pub errors: Vec<ParityError>,
    /// Partings by experiment.
    pub partings: Vec<Parting>,
}

/// Compares `device` with `reference` on the problem of `experiment`.
///
/// # Errors
///
/// If a device cannot be opened or a rollout fails.
pub fn compare(
    experiment: &Experiment,
    reference: DeviceSpec,
    device: DeviceSpec,
    config: &ParityConfig,
) -> Result<ParityReport> {
    experiment.environment.visit(Compare {
        experiment,
        reference: reference.open()?.autodiff(),
        device: device.open()?.autodiff(),
        name: device.to_string(),
        config,
    })?
}

struct Compare<'a> {
    experiment: &'a Experiment,
    reference: Device,
    device: Device,
    name: String,
    config: &'a ParityConfig,
}

impl ProblemVisitor for Compare<'_> {
    type Output = Result<ParityReport>;

    fn visit<P: Problem>(self, problem: P) -> Result<ParityReport> {
        self.compare(&erase(problem))
    }
}

impl Compare<'_> {
    fn compare<S: State>(self, problem: &AnyProblem<S>) -> Result<ParityReport> {
        let config = self
            .experiment
            .policy
            .mlp()
            .context("parity is measured on perceptrons: policy.kind = \"mlp\"")?;
        let streams = Streams::new(self.experiment.seed);
        // The reference is plain tensor operations: what differs is the device, its kernels, or both.
        let composed = MlpConfig {
            kernels: Kernels::Composed,
            ..config.clone()
        };
        let reference =
            MlpFlowPolicy::new(&composed, problem.environment(), streams, &self.reference);
        let compared = MlpFlowPolicy::new(&config, problem.environment(), streams, &self.device);
        let key = RolloutKey {
            streams,
            purpose: Purpose::Rollout,
            iteration: 0,
        };
        let sampler = reference.sampler();
        let batch_size = self.experiment.budget.batch_size;
        let batch = rollout(
            problem.environment(),
            problem.reward(),
            sampler.as_ref(),
            &OnPolicy,
            key,
            batch_size,
        )?;
        let expected = quantities(problem, &reference, &batch);
        let found = quantities(problem, &compared, &batch);
        let errors = expected
            .iter()
            .zip(&found)
            .map(|((quantity, a), (_, b))| ParityError {
                experiment: self.experiment.name.clone(),
                device: self.name.clone(),
                quantity: quantity.clone(),
                relative_error: relative_error(b, a),
            })
            .collect();
        let (first_different_iteration, iterations) =
            self.train_in_step(problem, reference, compared)?;
        Ok(ParityReport {
            errors,
            partings: vec![Parting {
                experiment: self.experiment.name.clone(),
                device: self.name.clone(),
                first_different_iteration,
                iterations,
            }],
        })
    }

    fn train_in_step<S: State>(
        &self,
        problem: &AnyProblem<S>,
        reference: MlpFlowPolicy,
        compared: MlpFlowPolicy,
    ) -> Result<(Option<u64>, u64)> {
        let trainer = |policy| {
            let objective: Box<dyn Objective<AnyPolicy>> = Box::new(TrajectoryBalance);
            Trainer::new(
                problem.environment().clone(),
                problem.reward().clone(),
                AnyPolicy::MlpFlow(policy),
                objective,
                self.experiment.trainer(),
            )
        };
        let (mut a, mut b) = (trainer(reference)?, trainer(compared)?);
        let start = Instant::now();
        let limit = Duration::from_secs_f64(self.config.seconds);
        for iteration in 0..self.config.iterations {
            if start.elapsed() > limit {
                return Ok((None, iteration));
            }
            let (_, x) = a.step()?;
            let (_, y) = b.step()?;
            if x.actions() != y.actions() {
                return Ok((Some(iteration), iteration + 1));
            }
        }
        Ok((None, self.config.iterations))
    }
}

/// Largest `|a − b|` over the largest `|b|`.
fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    let difference = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from((a - b).abs()))
        .fold(0.0, f64::max);
    let scale = b.iter().map(|b| f64::from(b.abs())).fold(0.0, f64::max);
    if a.iter().any(|v| v.is_nan()) {
        f64::NAN
    } else if scale > 0.0 {
        difference / scale
    } else {
        difference
    }
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Log-probabilities, flows, residuals and gradients, by name.
fn quantities<S: State>(
    problem: &AnyProblem<S>,
    policy: &MlpFlowPolicy,
    trajectories: &Trajectories<S>,
) -> Vec<(String, Vec<f32>)> {
    let batch = TransitionBatch::new(
        problem.environment(),
        trajectories,
        policy.backward_policy(),
    );
    let squared = gfn_loss::Regression::Squared {};
    let (x, log_flow) = batch.log_probs_and_log_flow(policy);
    let mut found = vec![
        ("log_pf".to_owned(), read(x.log_pf.clone())),
        ("log_pb".to_owned(), read(x.log_pb.clone())),
        ("log_flow".to_owned(), read(log_flow.clone())),
    ];
    let tb = trajectory_balance(&x, policy.log_z());
    let db = detailed_balance(&x, log_flow.clone(), TransitionNormalisation::Batch {});
    let stb = sub_trajectory_balance(&x, log_flow, 0.9, SubTrajectoryNormalisation::Batch {});
    found.push((
        "residual.trajectory_balance".to_owned(),
        read(tb.target_over_model()),
    ));
    found.push((
        "residual.detailed_balance".to_owned(),
        read(db.target_over_model()),
    ));
    found.push((
        "residual.sub_trajectory_balance".to_owned(),
        read(stb.target_over_model() * stb.weight()),
    ));
    // A graph goes backward once: each objective evaluates the batch again.
    let (x, _) = batch.log_probs_and_log_flow(policy);
    let loss = trajectory_balance(&x, policy.log_z()).loss(&squared);
    found.push((
        "gradient.trajectory_balance".to_owned(),
        gradient(policy, loss),
    ));
    let (x, log_flow) = batch.log_probs_and_log_flow(policy);
    let loss = detailed_balance(&x, log_flow, TransitionNormalisation::Batch {}).loss(&squared);
    found.push((
        "gradient.detailed_balance".to_owned(),
        gradient(policy, loss),
    ));
    let (x, log_flow) = batch.log_probs_and_log_flow(policy);
    let loss = sub_trajectory_balance(&x, log_flow, 0.9, SubTrajectoryNormalisation::Batch {})
        .loss(&squared);
    found.push((
        "gradient.sub_trajectory_balance".to_owned(),
        gradient(policy, loss),
    ));
    found
}

/// All gradients of `loss` in the order of the parameters.
fn gradient<M: Module>(module: &M, loss: Tensor<1>) -> Vec<f32> {
    struct Collect {
        gradients: GradientsParams,
        values: Vec<f32>,
    }
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                self.values.extend(read(gradient));
            }
        }
    }
    let mut collect = Collect {
        gradients: GradientsParams::from_grads(loss.backward(), module),
        values: Vec::new(),
    };
    module.visit(&mut collect);
    collect.values
}

/// The report's part: worst relative error per quantity and the first parting per experiment.
pub fn section(
    suite: &str,
    config: &ParityConfig,
    report: &ParityReport,
    notes: &[String],
) -> Section {
    let mut errors = Table::new(
        &format!(
            "max |a − b| / max |b| against plain tensor operations on flex, same parameters and trajectories; tolerance \
             {:e}.",
            config.tolerance
        ),
        &[
            "experiment",
            "device",
            "quantity",
            "relative error",
            "within",
        ],
        3,
    );
    let mut section = Section::new("The same numbers on every device");
    for e in &report.errors {
        let within = e.relative_error <= config.tolerance;
        errors.push([
            e.experiment.clone(),
            e.device.clone(),
            e.quantity.clone(),
            format!("{:.1e}", e.relative_error),
            if within { "yes" } else { "NO" }.to_owned(),
        ]);
        let metric = format!("parity.{}", e.quantity);
        let spread = Spread::of_finite([e.relative_error]);
        section = section.with_row(ReportRow::new(
            suite,
            &e.experiment,
            &e.device,
            &metric,
            spread,
        ));
    }
    let mut partings = Table::new(
        "First training iteration whose sampled actions differ from those on flex. Rounding differs between devices, so \
         they part sooner or later; until then trajectories are the same.",
        &[
            "experiment",
            "device",
            "first different iteration",
            "iterations compared",
        ],
        2,
    );
    for p in &report.partings {
        partings.push([
            p.experiment.clone(),
            p.device.clone(),
            p.first_different_iteration
                .map_or_else(|| "none".to_owned(), |i| i.to_string()),
            p.iterations.to_string(),
        ]);
        if let Some(first) = p.first_different_iteration {
            let spread = Spread::of_finite([first as f64]);
            section = section.with_row(ReportRow::new(
                suite,
                &p.experiment,
                &p.device,
                "parity.first_different_iteration",
                spread,
            ));
        }
    }
    section = section.with_table(errors).with_table(partings);
    notes
        .iter()
        .fold(section, |section, note| section.with_paragraph(note))
}
