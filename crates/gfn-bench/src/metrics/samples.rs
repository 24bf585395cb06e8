//! Figures of fresh on-policy samples: bounds on log Z, mean reward against its target, uniqueness, top-k.

use super::statistics::{effective_sample_size, log_mean_exp, mean};
use super::{Figures, push};
use crate::problem::{KnownTarget, Problem, StateOf};
use anyhow::{Context as _, Result};
use gfn_env::rand::RngExt as _;
use gfn_env::{Environment as _, Purpose, Streams, Trajectories};
use gfn_policy::{HostPolicy, OnPolicy, RolloutKey, rollout, rollout_backward, score_trajectories};
use std::collections::BTreeMap;

use super::exact::TargetOf;

/// The on-policy samples that [`sample_figures`] measures: the same for the same settings and policy.
///
/// # Errors
///
/// If a rollout or the reward fails.
pub fn fresh_samples<P: Problem>(
    problem: &P,
    policy: &dyn HostPolicy,
    settings: SampleSettings,
) -> Result<Trajectories<StateOf<P>>> {
    rollout(
        problem.environment(),
        problem.reward(),
        policy,
        &OnPolicy,
        settings.key(Purpose::Evaluation),
        settings.samples,
    )
    .context("evaluation samples")
}

/// Draws `n` objects from `policy` and measures them.
///
/// With `w = log R + Σ log P_B − Σ log P_F` of a trajectory:
///
/// - `samples.elbo` = mean w ≤ log Z, `samples.importance_weighted_bound` = log mean e^w, between the ELBO and log Z in
///   expectation, `samples.ess_share` = effective sample size of e^w over n
/// - `samples.elbo_gap` = log Z − ELBO, in expectation the KL divergence of the policy's trajectories from the target's
/// - `samples.eubo` ≥ log Z: mean w over objects drawn from the exact target, each with one backward trajectory
/// - `samples.mean_reward`, `samples.mean_reward_target` = Σ R²/Z and `samples.mean_reward_ratio_error` = |ratio − 1|:
///   a mean reward above its target is as wrong as one below
/// - `samples.unique_ratio` = distinct objects over n
/// - what the problem itself measures of them, [`Problem::sample_figures`]
/// - `top_k.mean_reward`, `top_k.mean_score` where the problem has [scores](Problem::score), and `top_k.diversity` (mean
///   pairwise distance) of the k best distinct objects
///
/// What needs the target comes from `target`, where it is enumerated, or else from what is `known` of it.
///
/// # Errors
///
/// If a rollout or the reward fails.
pub fn sample_figures<P: Problem>(
    problem: &P,
    policy: &dyn HostPolicy,
    target: Option<&TargetOf<P>>,
    known: Option<KnownTarget>,
    settings: SampleSettings,
) -> Result<Figures> {
    let trajectories = fresh_samples(problem, policy, settings)?;
    let weights = log_weights(problem, policy, &trajectories);
    let mut figures = Figures::new();
    let elbo = mean(&weights);
    push(&mut figures, "samples.elbo", elbo);
    let exact_log_z = target.map(TargetOf::<P>::log_z);
    if let Some(log_z) = exact_log_z.or(known.map(|known| known.log_z)) {
        push(&mut figures, "samples.elbo_gap", log_z - elbo);
    }
    push(
        &mut figures,
        "samples.importance_weighted_bound",
        log_mean_exp(&weights),
    );
    push(
        &mut figures,
        "samples.ess_share",
        effective_sample_size(&weights) / weights.len() as f64,
    );
    let rewards: Vec<f64> = trajectories.log_reward().iter().map(|l| l.exp()).collect();
    push(&mut figures, "samples.mean_reward", mean(&rewards));
    let expected = target.map(TargetOf::<P>::mean_reward);
    if let Some(expected) = expected.or(known.map(|known| known.mean_reward)) {
        push(&mut figures, "samples.mean_reward_target", expected);
        push(
            &mut figures,
            "samples.mean_reward_ratio_error",
            (mean(&rewards) / expected - 1.0).abs(),
        );
    }
    if let Some(target) = target {
        push(
            &mut figures,
            "samples.eubo",
            eubo(problem, policy, target, settings)?,
        );
    }
    let distinct: BTreeMap<String, (f64, &StateOf<P>)> = (0..trajectories.len())
        .map(|b| {
            let terminal = trajectories.terminal(b);
            (
                problem.environment().describe(terminal),
                (rewards[b], terminal),
            )
        })
        .collect();
    push(
        &mut figures,
        "samples.unique_ratio",
        distinct.len() as f64 / trajectories.len() as f64,
    );
    let terminals: Vec<&StateOf<P>> = trajectories.terminals().collect();
    for (name, value) in problem.sample_figures(&terminals) {
        push(&mut figures, name, value);
    }
    let mut best: Vec<_> = distinct.into_values().collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0));
    best.truncate(settings.top_k);
    if !best.is_empty() {
        push(
            &mut figures,
            "top_k.mean_reward",
            mean(&best.iter().map(|(r, _)| *r).collect::<Vec<_>>()),
        );
    }
    let scores: Option<Vec<f64>> = best.iter().map(|(_, x)| problem.score(x)).collect();
    if let Some(scores) = scores.filter(|scores| !scores.is_empty()) {
        push(&mut figures, "top_k.mean_score", mean(&scores));
    }
    if best.len() > 1 {
        let pairs = (0..best.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let distances: Vec<f64> = pairs
            .map(|(i, j)| problem.distance(best[i].1, best[j].1))
            .collect();
        push(&mut figures, "top_k.diversity", mean(&distances));
    }
    Ok(figures)
}

/// How many samples, and which random numbers.
#[derive(Clone, Copy, Debug)]
pub struct SampleSettings {
    /// Objects to draw.
    pub samples: usize,
    /// Best distinct objects that count.
    pub top_k: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Iteration of the evaluation.
    pub iteration: u64,
}

impl SampleSettings {
    fn key(&self, purpose: Purpose) -> RolloutKey {
        RolloutKey {
            streams: Streams::new(self.seed),
            purpose,
            iteration: self.iteration as u32,
        }
    }
}

fn log_weights<P: Problem>(
    problem: &P,
    policy: &dyn HostPolicy,
    trajectories: &Trajectories<StateOf<P>>,
) -> Vec<f64> {
    let scores = score_trajectories(problem.environment(), policy, trajectories);
    let weights = scores.iter().zip(trajectories.log_reward());
    weights
        .map(|(score, log_reward)| log_reward + score.log_pb - score.log_pf)
        .collect()
}

/// Mean log-weight of exact target samples with backward trajectories.
fn eubo<P: Problem>(
    problem: &P,
    policy: &dyn HostPolicy,
    target: &TargetOf<P>,
    settings: SampleSettings,
) -> Result<f64> {
    let cumulative: Vec<f64> = target
        .target()
        .iter()
        .scan(0.0, |total, p| {
            *total += p;
            Some(*total)
        })
        .collect();
    let total = cumulative.last().copied().unwrap_or(0.0);
    let mut rng =
        Streams::new(settings.seed).rng(Purpose::Evaluation, settings.iteration as u32, u16::MAX);
    let states = target.graph().terminal_states();
    let terminals: Vec<_> = (0..settings.samples)
        .map(|_| {
            let u = rng.random::<f64>() * total;
            let i = cumulative
                .partition_point(|c| *c <= u)
                .min(states.len() - 1);
            states[i].clone()
        })
        .collect();
    let mut log_reward = vec![0.0; terminals.len()];
    gfn_env::checked_log_reward(problem.reward(), &terminals, &mut log_reward)
        .context("evaluation rewards")?;
    let key = settings.key(Purpose::Backward);
    let trajectories =
        rollout_backward(problem.environment(), policy, &terminals, &log_reward, key)
            .context("backward trajectories from target samples")?;
    Ok(mean(&log_weights(problem, policy, &trajectories)))
}
