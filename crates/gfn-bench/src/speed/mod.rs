//! Speed of whole training iterations on fixed workloads, for comparison with other libraries and with the arithmetic.

pub mod floor;
mod transfers;

pub use transfers::TransferFigures;

use crate::run::peak_memory_bytes;
use anyhow::{Context as _, Result, bail};
use burn::tensor::Device;
use gfn_env::{
    BitSequence, BitSequenceReward, BuildOrder, Environment, Features, HammingReward, Hypergrid,
    HypergridReward, Reward, Streams, TfBind8, TfBind8Reward, TfBind8RewardConfig, Trajectories,
};
use gfn_explore::Behaviour;
use gfn_policy::{
    BackwardPolicy, Kernels, MlpConfig, MlpFlowPolicy, MlpPolicy, Policy, Sampling, SoftmaxMixture,
    masked_softmax,
};
use gfn_train::{
    AwakeThreads, DetailedBalance, Objective, Phases, SubTrajectoryBalance, Trainer, TrainerConfig,
    TrajectoryBalance,
};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What is measured, and how long.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedConfig {
    /// Workload by name; [`WORKLOADS`] lists them.
    pub workload: String,
    /// Trajectories of an iteration.
    pub batch_size: usize,
    /// Cells along each coordinate of a hypergrid.
    pub side: usize,
    /// Fused or composed operations.
    pub kernels: Kernels,
    /// Where trajectories are sampled.
    pub sampling: Sampling,
    /// Whether a further window measures transfers.
    pub transfers: bool,
    /// Probability of the exit in every state of a hypergrid; 0 samples from the policy itself.
    pub stop_probability: f64,
    /// Length of a window in seconds.
    pub seconds: f64,
    /// Number of windows.
    pub windows: usize,
    /// Iterations before the first window.
    pub warm_up: u64,
    /// Threads that the process gives to rollouts and CPU backends; recorded, not set, here.
    pub threads: usize,
    /// Seed.
    pub seed: u64,
}

/// Names of the workloads: objective, environment, size.
pub const WORKLOADS: &[&str] = &[
    "tb-hypergrid-4d",
    "db-hypergrid-4d",
    "subtb-hypergrid-4d",
    "tb-tfbind8",
    "db-tfbind8",
    "tb-bit-sequence-120x8",
];

/// Result of a measurement; the line of JSON that drivers of other libraries print too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpeedFigures {
    /// `gfn`.
    pub library: &'static str,
    /// Version of this crate.
    pub version: &'static str,
    /// Workload.
    pub workload: String,
    /// Trajectories of an iteration.
    pub batch_size: usize,
    /// Iterations per second, one entry for each window.
    pub iterations_per_s: Vec<f64>,
    /// Transitions per trajectory, exit edges included.
    pub mean_length: f64,
    /// Transitions per second over all windows.
    pub transitions_per_s: f64,
    /// Threads.
    pub threads: usize,
    /// Exit probability of the behaviour.
    pub stop_probability: f64,
    /// Seconds of compilation at run time: none.
    pub compile_s: f64,
    /// Largest resident memory.
    pub peak_rss_bytes: Option<u64>,
    /// Shares of the time.
    pub shares: PhaseShares,
    /// Time and bytes of transfers, of a window of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfers: Option<TransferFigures>,
    /// Operations per second of a square matrix product on one core, the best of repeated measurements.
    pub product_rate: f64,
    /// The time that the matrix products take at this rate on all threads, over the time taken.
    pub floor_share: f64,
}

/// Where the time of an iteration goes; what is missing to one is measurement itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PhaseShares {
    /// Sampling and rewards.
    pub rollout: f64,
    /// Encoding and the pass over all states.
    pub evaluation: f64,
    /// Gradients.
    pub backward: f64,
    /// Update.
    pub optimiser: f64,
}

/// Exit with a fixed probability, otherwise the policy over the other actions: holds the length of trajectories while the
/// policy learns, so that every library does the same work. For benchmarks only.
#[derive(Clone, Copy, Debug)]
struct FixedStop {
    probability: f32,
    exit: usize,
}

impl Behaviour for FixedStop {
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        _iteration: u64,
        probabilities: &mut [f32],
    ) {
        let mut others = allowed.to_vec();
        others[self.exit] = false;
        probabilities.fill(0.0);
        if others.contains(&true) {
            masked_softmax(logits, &others, probabilities);
            for p in probabilities.iter_mut() {
                *p *= 1.0 - self.probability;
            }
            probabilities[self.exit] = self.probability;
        } else {
            probabilities[self.exit] = 1.0;
        }
    }

    fn closed_form(&self, _iteration: u64) -> Option<SoftmaxMixture> {
        Some(SoftmaxMixture {
            epsilon: self.probability,
            fixed_action: Some(self.exit),
            ..SoftmaxMixture::policy()
        })
    }
}

/// Trains on the workload for the given windows.
///
/// # Errors
///
/// If the workload is unknown or training fails.
pub fn measure(config: &SpeedConfig, device: &Device) -> Result<SpeedFigures> {
    if !(0.0..1.0).contains(&config.stop_probability)
        || config.windows == 0
        || config.seconds <= 0.0
    {
        bail!("--stop-probability is in [0, 1), --windows at least 1 and --seconds positive");
    }
    if !WORKLOADS.contains(&config.workload.as_str()) {
        bail!(unknown(&config.workload));
    }
    match config.workload.split_once('-') {
        Some((objective, "hypergrid-4d")) => {
            let environment = Hypergrid::new(4, config.side)?;
            let reward = HypergridReward::easy(&environment)?;
            let stop = FixedStop {
                probability: config.stop_probability as f32,
                exit: environment.exit().index(),
            };
            let shape = shape(config, BackwardPolicy::Learned, &[256, 256]);
            by_objective(
                config,
                device,
                objective,
                (environment, reward),
                &shape,
                Some(stop),
            )
        }
        Some((objective, "tfbind8")) => {
            let reward = TfBind8Reward::new(TfBind8RewardConfig::floor_after_power())?;
            let shape = shape(config, BackwardPolicy::Uniform, &[256, 256, 256]);
            by_objective(
                config,
                device,
                objective,
                (TfBind8::new(), reward),
                &shape,
                None,
            )
        }
        Some((objective, "bit-sequence-120x8")) => {
            let environment = BitSequence::new(120, 8, BuildOrder::AnyPosition)?;
            let rule = HammingReward::NormalisedHamming { beta: 3.0 };
            let reward = BitSequenceReward::with_drawn_modes(&environment, rule, 60, config.seed)?;
            let shape = shape(config, BackwardPolicy::Uniform, &[256, 256]);
            by_objective(
                config,
                device,
                objective,
                (environment, reward),
                &shape,
                None,
            )
        }
        _ => bail!(unknown(&config.workload)),
    }
}

fn unknown(workload: &str) -> String {
    format!(
        "unknown workload {workload:?}: use one of {}",
        WORKLOADS.join(", ")
    )
}

fn shape(config: &SpeedConfig, backward: BackwardPolicy, hidden: &[usize]) -> MlpConfig {
    MlpConfig {
        hidden: hidden.to_vec(),
        backward,
        kernels: config.kernels,
        ..MlpConfig::default()
    }
}

fn by_objective<E: Environment, R: Reward<E::State>>(
    config: &SpeedConfig,
    device: &Device,
    objective: &str,
    problem: (E, R),
    shape: &MlpConfig,
    stop: Option<FixedStop>,
) -> Result<SpeedFigures> {
    let device = device.clone().autodiff();
    let streams = Streams::new(config.seed);
    let backward = match shape.backward {
        BackwardPolicy::Learned => problem.0.n_backward_actions(),
        _ => 0,
    };
    let outputs = problem.0.n_actions() + backward;
    if objective == "tb" {
        let policy =
            MlpPolicy::new(shape, &problem.0, streams, &device).with_sampling(config.sampling);
        let count = |active| floor::operations_per_transition(active, &shape.hidden, outputs);
        return windows(config, problem, policy, TrajectoryBalance, stop, count);
    }
    let policy =
        MlpFlowPolicy::new(shape, &problem.0, streams, &device).with_sampling(config.sampling);
    let count = |active| floor::operations_per_transition(active, &shape.hidden, outputs + 1);
    if objective == "db" {
        return windows(
            config,
            problem,
            policy,
            DetailedBalance::default(),
            stop,
            count,
        );
    }
    let objective = SubTrajectoryBalance {
        lambda: 0.9,
        // As the other libraries weight.
        normalisation: gfn_loss::SubTrajectoryNormalisation::Trajectory {},
    };
    windows(config, problem, policy, objective, stop, count)
}

fn windows<E, R, P, O>(
    config: &SpeedConfig,
    (environment, reward): (E, R),
    policy: P,
    objective: O,
    stop: Option<FixedStop>,
    operations: impl Fn(f64) -> f64,
) -> Result<SpeedFigures>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    let trainer_config = TrainerConfig {
        seed: config.seed,
        batch_size: config.batch_size,
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(environment, reward, policy, objective, trainer_config)?;
    if let Some(stop) = stop.filter(|stop| stop.probability > 0.0) {
        trainer = trainer.with_behaviour(stop);
    }
    let on_host = Kernels::Fused.run_on_host(&trainer.policy().device());
    let _awake = on_host.then(AwakeThreads::new);
    trainer.run(config.warm_up, |_, _| {}).context("warm-up")?;
    let window = Duration::from_secs_f64(config.seconds);
    let mut totals = Totals::default();
    let mut rates = Vec::new();
    let mut active = 0.0;
    for _ in 0..config.windows {
        let (rate, last) = totals.run(&mut trainer, window)?;
        rates.push(rate);
        active = active_features(trainer.environment(), &last);
    }
    let transfers = if config.transfers {
        Some(transfers::measure(&mut trainer, window)?)
    } else {
        None
    };
    drop(_awake);
    let product_rate = floor::product_rate(Duration::from_millis(300));
    let Totals {
        iterations,
        transitions,
        seconds: total,
        phases,
    } = totals;
    let floor_s = transitions as f64 * operations(active) / product_rate / config.threads as f64;
    Ok(SpeedFigures {
        library: "gfn",
        version: env!("CARGO_PKG_VERSION"),
        workload: config.workload.clone(),
        batch_size: config.batch_size,
        iterations_per_s: rates,
        mean_length: transitions as f64 / (iterations as f64 * config.batch_size as f64),
        transitions_per_s: transitions as f64 / total,
        threads: config.threads,
        stop_probability: config.stop_probability,
        compile_s: 0.0,
        peak_rss_bytes: peak_memory_bytes(),
        shares: PhaseShares {
            rollout: phases.rollout.as_secs_f64() / total,
            evaluation: phases.evaluation.as_secs_f64() / total,
            backward: phases.backward.as_secs_f64() / total,
            optimiser: phases.optimiser.as_secs_f64() / total,
        },
        transfers,
        product_rate,
        floor_share: floor_s / total,
    })
}

/// Sums over windows.
#[derive(Debug, Default)]
struct Totals {
    iterations: u64,
    transitions: usize,
    seconds: f64,
    phases: Phases,
}

impl Totals {
    /// Trains for a window; returns its iterations per second and the last batch.
    fn run<E, R, P, O>(
        &mut self,
        trainer: &mut Trainer<E, R, P, O>,
        window: Duration,
    ) -> Result<(f64, Trajectories<E::State>)>
    where
        E: Environment,
        R: Reward<E::State>,
        P: Policy,
        O: Objective<P>,
    {
        let start = Instant::now();
        let mut done = 0_u64;
        loop {
            let (report, trajectories) = trainer.step()?;
            self.transitions += report.n_transitions;
            self.phases.rollout += report.phases.rollout;
            self.phases.evaluation += report.phases.evaluation;
            self.phases.backward += report.phases.backward;
            self.phases.optimiser += report.phases.optimiser;
            done += 1;
            if start.elapsed() >= window {
                let elapsed = start.elapsed().as_secs_f64();
                self.iterations += done;
                self.seconds += elapsed;
                return Ok((done as f64 / elapsed, trajectories));
            }
        }
    }
}

/// Features of a state: of the last batch, they hardly vary.
fn active_features<E: Environment>(environment: &E, batch: &Trajectories<E::State>) -> f64 {
    let mut features = Features::new(environment.n_features());
    for trajectory in batch.iter() {
        for state in &trajectory.states[..trajectory.actions.len()] {
            environment.encode(state, &mut features.push_row());
        }
    }
    features.indices().len() as f64 / features.n_rows().max(1) as f64
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    fn config(workload: &str) -> SpeedConfig {
        SpeedConfig {
            workload: workload.to_owned(),
            batch_size: 3,
            side: 4,
            kernels: Kernels::Fused,
            sampling: Sampling::Automatic,
            transfers: false,
            stop_probability: 0.1,
            seconds: 1e-3,
            windows: 2,
            warm_up: 1,
            threads: 1,
            seed: 0,
        }
    }

    #[test]
    fn every_workload_runs() {
        for workload in WORKLOADS {
            let figures = measure(&config(workload), &Device::flex()).unwrap();
            assert_eq!(figures.iterations_per_s.len(), 2, "{workload}");
            assert!(
                figures.mean_length >= 1.0 && figures.floor_share > 0.0,
                "{figures:?}"
            );
        }
    }

    #[test]
    fn every_workload_runs_as_on_an_accelerator() {
        for workload in WORKLOADS {
            let config = SpeedConfig {
                kernels: Kernels::Composed,
                sampling: Sampling::Device,
                transfers: true,
                ..config(workload)
            };
            let figures = measure(&config, &Device::flex()).unwrap();
            let transfers = figures.transfers.unwrap();
            assert!(
                transfers.uploaded_bytes_per_transition > 0.0
                    && transfers.read_back_bytes_per_transition > 0.0,
                "{workload}: {transfers:?}"
            );
            let share = transfers.upload_share + transfers.read_back_share;
            assert!(share > 0.0 && share < 1.0, "{workload}: {transfers:?}");
        }
    }

    #[test]
    fn a_fixed_exit_is_its_closed_form() {
        let stop = FixedStop {
            probability: 0.1,
            exit: 2,
        };
        let form = stop.closed_form(0).unwrap();
        for allowed in [[true; 3], [true, false, true], [false, false, true]] {
            let (mut expected, mut found) = ([9.0; 3], [9.0; 3]);
            stop.probabilities(&[1.0, -1.0, 4.0], &allowed, 0, &mut expected);
            form.probabilities(&[1.0, -1.0, 4.0], &allowed, &mut found);
            for (a, b) in expected.iter().zip(found) {
                assert!((a - b).abs() < 1e-6, "{expected:?} {found:?}");
            }
        }
    }

    #[test]
    fn an_unknown_workload_is_refused_with_the_known_ones() {
        for workload in ["tb-hypergrid", "vargrad-tfbind8", "tb"] {
            let error = measure(&config(workload), &Device::flex())
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("tb-hypergrid-4d, db-hypergrid-4d"),
                "{error}"
            );
        }
    }
}
