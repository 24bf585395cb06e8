//! Correlation of log P_T with log R on a test set, by Monte-Carlo over backward trajectories.

use super::statistics::{pearson, spearman};
use super::{Figures, push};
use crate::experiment::CorrelationConfig;
use crate::problem::Problem;
use anyhow::{Context as _, Result};
use gfn_env::{Purpose, Streams, checked_log_reward};
use gfn_policy::{HostPolicy, RolloutKey, estimate_log_terminal_probability};

/// `correlation.pearson`, `correlation.spearman` and `correlation.test_size`.
///
/// `log P_T(x)` is estimated from `backward_samples` trajectories of P_B into each `x`, see
/// [`estimate_log_terminal_probability`]. A correlation does not certify `p ∝ R`: it is blind to monotone maps.
///
/// # Errors
///
/// If a rollout or the reward fails.
pub fn correlation_figures<P: Problem>(
    problem: &P,
    policy: &dyn HostPolicy,
    config: &CorrelationConfig,
    seed: u64,
) -> Result<Figures> {
    let mut figures = Figures::new();
    if config.test_size == 0 || config.backward_samples == 0 {
        return Ok(figures);
    }
    let streams = Streams::new(seed);
    // The test set belongs to the problem: the same for every seed.
    let test_set = problem.test_set(
        config.test_size,
        &mut Streams::new(0).rng(Purpose::Problem, 2, 0),
    );
    let mut log_reward = vec![0.0; test_set.len()];
    checked_log_reward(problem.reward(), &test_set, &mut log_reward)
        .context("rewards of the test set")?;
    let key = RolloutKey {
        streams,
        purpose: Purpose::Check,
        iteration: 0,
    };
    let log_p = estimate_log_terminal_probability(
        problem.environment(),
        policy,
        &test_set,
        config.backward_samples,
        key,
    )
    .context("backward trajectories of the test set")?;
    push(&mut figures, "correlation.test_size", test_set.len() as f64);
    push(
        &mut figures,
        "correlation.pearson",
        pearson(&log_p, &log_reward),
    );
    push(
        &mut figures,
        "correlation.spearman",
        spearman(&log_p, &log_reward),
    );
    Ok(figures)
}
