//! The figures that reports know by name: what they are called in a table and what they mean.

use std::collections::BTreeMap;

use super::run::Run;
use crate::metrics::statistics::Spread;

/// A figure of `summary.json`.
pub(super) struct Figure {
    /// Its name in the file.
    pub(super) name: &'static str,
    /// Its heading in a table.
    pub(super) label: &'static str,
    /// What it is, for the legend below the table; empty where the label says it all.
    pub(super) meaning: &'static str,
}

const fn figure(name: &'static str, label: &'static str, meaning: &'static str) -> Figure {
    Figure {
        name,
        label,
        meaning,
    }
}

/// How close the sampler came. Three published numbers are all called L1: each has its own name here.
pub(super) const QUALITY: &[Figure] = &[
    figure(
        "exact.tv",
        "exact TV",
        "½ Σ|P_T − R/Z| over all objects, P_T by dynamic programming",
    ),
    figure("exact.l1_sum", "exact L1 (sum)", "Σ|P_T − R/Z|"),
    figure(
        "exact.l1_mean",
        "exact L1 (mean)",
        "Σ|P_T − R/Z| / number of objects",
    ),
    figure(
        "exact.jsd",
        "exact JSD",
        "Jensen–Shannon divergence of P_T and R/Z, nats",
    ),
    figure(
        "exact.kl_forward",
        "KL(R/Z ‖ P_T)",
        "forward divergence, nats; large where mass is missed",
    ),
    figure(
        "exact.kl_reverse",
        "KL(P_T ‖ R/Z)",
        "reverse divergence, nats; large where mass is misplaced",
    ),
    figure("log_z", "log Z", "the learned log-partition function"),
    figure(
        "log_z_error",
        "|log Z − log Z*|",
        "against the exact log-partition function",
    ),
    figure(
        "window.tv",
        "window TV",
        "½ Σ|p̂ − R/Z| of the last samples; cannot fall below its floor on average",
    ),
    figure(
        "window.tv_floor",
        "window TV floor",
        "what the same number of perfect samples would show on average",
    ),
    figure(
        "modes_found",
        "modes found",
        "modes of the reward that training has sampled",
    ),
];

/// How much was done and how fast.
pub(super) const SPEED: &[Figure] = &[
    figure("iterations", "iterations", ""),
    figure("trajectories", "trajectories", ""),
    figure("speed.iterations_per_s", "iterations/s", ""),
    figure("speed.trajectories_per_s", "trajectories/s", ""),
    figure("speed.transitions_per_s", "transitions/s", ""),
    figure(
        "peak_memory_bytes",
        "peak memory",
        "largest resident set of the process",
    ),
];

/// Shares of training time by phase, in the order of an iteration.
pub(super) const SHARES: &[Figure] = &[
    figure("speed.share_rollout", "rollout", ""),
    figure("speed.share_evaluation", "evaluation", ""),
    figure("speed.share_backward", "backward", ""),
    figure("speed.share_optimiser", "optimiser", ""),
];

/// Names that identify a run rather than measure it.
const IDENTITY: [&str; 3] = ["experiment", "device", "seed"];

/// Whether a name is in one of the lists above.
pub(super) fn is_listed(name: &str) -> bool {
    let mut listed = QUALITY.iter().chain(SPEED).chain(SHARES);
    IDENTITY.contains(&name) || listed.any(|figure| figure.name == name)
}

/// Every figure that some run's summary names as a number or null: listed ones first, then the others by name.
pub(super) fn names(runs: &[&Run]) -> Vec<String> {
    let listed = QUALITY
        .iter()
        .chain(SPEED)
        .chain(SHARES)
        .map(|figure| figure.name);
    let present: std::collections::BTreeSet<&str> = runs
        .iter()
        .filter_map(|run| run.summary.as_ref())
        .flat_map(|summary| summary.figures())
        .filter(|(_, value)| value.is_number() || value.is_null())
        .map(|(name, _)| name)
        .collect();
    let further = present.iter().copied().filter(|name| !is_listed(name));
    listed
        .filter(|name| present.contains(name))
        .chain(further)
        .map(str::to_owned)
        .collect()
}

/// Complete runs by experiment and device.
pub(super) fn cells(runs: &[Run]) -> BTreeMap<(&str, &str), Vec<&Run>> {
    let mut cells: BTreeMap<_, Vec<&Run>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.is_complete()) {
        cells
            .entry((run.experiment.as_str(), run.device.as_str()))
            .or_default()
            .push(run);
    }
    cells
}

/// A figure over the runs of a cell.
pub(super) fn spread(runs: &[&Run], name: &str) -> Spread {
    Spread::of_finite(runs.iter().filter_map(|run| run.figure(name)))
}
