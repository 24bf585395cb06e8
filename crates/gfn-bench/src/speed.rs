//! Speed of whole training iterations on fixed workloads, for comparison with other libraries.

use crate::run::peak_memory_bytes;
use anyhow::{Context as _, Result, bail};
use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Streams};
use gfn_explore::Behaviour;
use gfn_policy::{MlpConfig, MlpPolicy, masked_softmax};
use gfn_train::{AwakeThreads, Phases, Trainer, TrainerConfig, TrajectoryBalance};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What is measured, and how long.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedConfig {
    /// Workload by name; [`WORKLOADS`] lists them.
    pub workload: String,
    /// Probability of the exit in every state; 0 samples from the policy itself.
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

/// Names of the workloads.
pub const WORKLOADS: &[&str] = &["tb-hypergrid-20x4"];

/// Result of a measurement; the line of JSON that drivers of other libraries print too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpeedFigures {
    /// `gfn`.
    pub library: &'static str,
    /// Version of this crate.
    pub version: &'static str,
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
}

/// Trains on the workload for the given windows.
///
/// # Errors
///
/// If the workload is unknown or training fails.
pub fn measure(config: &SpeedConfig, device: &Device) -> Result<SpeedFigures> {
    if config.workload != WORKLOADS[0] {
        bail!(
            "unknown workload {:?}: use one of {}",
            config.workload,
            WORKLOADS.join(", ")
        );
    }
    if !(0.0..1.0).contains(&config.stop_probability)
        || config.windows == 0
        || config.seconds <= 0.0
    {
        bail!("--stop-probability is in [0, 1), --windows at least 1 and --seconds positive");
    }
    let environment = Hypergrid::new(4, 20)?;
    let reward = HypergridReward::easy(&environment)?;
    let device = device.clone().autodiff();
    let policy = MlpPolicy::new(
        &MlpConfig::default(),
        &environment,
        Streams::new(config.seed),
        &device,
    );
    let trainer_config = TrainerConfig {
        seed: config.seed,
        ..TrainerConfig::default()
    };
    let batch = trainer_config.batch_size as f64;
    let exit = environment.exit().index();
    let mut trainer = Trainer::new(
        environment,
        reward,
        policy,
        TrajectoryBalance,
        trainer_config,
    )?;
    if config.stop_probability > 0.0 {
        trainer = trainer.with_behaviour(FixedStop {
            probability: config.stop_probability as f32,
            exit,
        });
    }
    let _awake = AwakeThreads::new();
    trainer.run(config.warm_up, |_, _| {}).context("warm-up")?;
    let window = Duration::from_secs_f64(config.seconds);
    let (mut rates, mut transitions, mut iterations, mut total) = (Vec::new(), 0, 0_u64, 0.0);
    let mut phases = Phases::default();
    for _ in 0..config.windows {
        let start = Instant::now();
        let mut done = 0_u64;
        while start.elapsed() < window {
            let (report, _) = trainer.step()?;
            transitions += report.n_transitions;
            phases.rollout += report.phases.rollout;
            phases.evaluation += report.phases.evaluation;
            phases.backward += report.phases.backward;
            phases.optimiser += report.phases.optimiser;
            done += 1;
        }
        let elapsed = start.elapsed().as_secs_f64();
        rates.push(done as f64 / elapsed);
        iterations += done;
        total += elapsed;
    }
    Ok(SpeedFigures {
        library: "gfn",
        version: env!("CARGO_PKG_VERSION"),
        iterations_per_s: rates,
        mean_length: transitions as f64 / (iterations as f64 * batch),
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
    })
}
