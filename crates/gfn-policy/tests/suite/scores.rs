//! The Monte-Carlo estimate of log P_T against the exact distribution.

use crate::common::{configs, drawn};
use burn::tensor::Device;
use gfn_env::{Hypergrid, Purpose, StateGraph, Streams};
use gfn_policy::{
    MlpPolicy, Policy as _, RolloutKey, estimate_log_terminal_probability,
    exact_terminal_distribution,
};

/// Independent estimates that make a mean and its standard error.
const REPEATS: u32 = 40;
/// Backward trajectories of one estimate.
const SAMPLES: u32 = 16;

#[test]
fn the_estimate_of_the_terminal_probability_is_unbiased() {
    let env = Hypergrid::new(2, 4).unwrap();
    let graph = StateGraph::explore(&env, 100).unwrap();
    let terminals = graph.terminal_states();
    for config in configs() {
        let policy = MlpPolicy::new(&config, &env, Streams::new(0), &Device::flex());
        let policy = drawn(policy, 12, 0.4);
        let sampler = policy.sampler();
        let exact = exact_terminal_distribution(&env, &graph, sampler.as_ref()).unwrap();
        let mut estimates = vec![Vec::new(); terminals.len()];
        for r in 0..REPEATS {
            let key = RolloutKey {
                streams: Streams::new(1),
                purpose: Purpose::Evaluation,
                iteration: r * SAMPLES,
            };
            let log_p =
                estimate_log_terminal_probability(&env, sampler.as_ref(), terminals, SAMPLES, key)
                    .unwrap();
            for (all, log_p) in estimates.iter_mut().zip(log_p) {
                all.push(log_p.exp());
            }
        }
        let n = f64::from(REPEATS);
        let mut spread = 0.0f64;
        for ((state, exact), all) in terminals.iter().zip(exact).zip(estimates) {
            let mean = all.iter().sum::<f64>() / n;
            let variance = all.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let error = (variance / n).sqrt();
            spread = spread.max(error / exact);
            // Four and a half standard errors: with 64 comparisons one run in two thousand misses; the seed is fixed.
            assert!(
                (mean - exact).abs() <= 4.5 * error + 1e-6 * exact,
                "{state:?}: {mean} ± {error} is not {exact}"
            );
            if state.coordinates().contains(&0) {
                // One path leads there: every sample is the answer.
                assert!(error <= 1e-6 * exact, "{state:?}: {error}");
            }
        }
        assert!(spread > 1e-3 && spread < 0.3, "the weights vary: {spread}");
    }
}
