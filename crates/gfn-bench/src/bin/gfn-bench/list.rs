//! `gfn-bench list`.

use gfn_bench::experiment::{
    BackwardTargetConfig, BackwardTrainingConfig, ConditionConfig, EnvironmentConfig,
    ObjectiveConfig, SourceConfig,
};
use gfn_bench::{Backend, DeviceSpec, suite};
use gfn_loss::Regression;
use gfn_train::{Baseline, Costs, CriticLoss, PolicyUpdate};
use std::path::Path;

/// Prints what an experiment file can name and which devices this program can open.
pub(super) fn print(experiments: &Path) {
    let lines = [
        ("environments", EnvironmentConfig::NAMES),
        ("objectives", ObjectiveConfig::NAMES),
        ("backward", BackwardTrainingConfig::NAMES),
        ("targets", BackwardTargetConfig::NAMES),
        ("costs", Costs::NAMES),
        ("updates", PolicyUpdate::NAMES),
        ("baselines", Baseline::NAMES),
        ("critics", CriticLoss::NAMES),
        ("regressions", Regression::NAMES),
        ("policies", &["mlp", "edge-flow", "transformer", "tabular"]),
        ("guides", &["substructure", "uniform"]),
        ("conditions", ConditionConfig::NAMES),
        (
            "behaviours",
            &[
                "on-policy",
                "epsilon-uniform",
                "tempered",
                "noisy-layers",
                "mixture",
            ],
        ),
        ("sources", SourceConfig::NAMES),
        (
            "replay",
            &[
                "uniform",
                "reward-prioritised",
                "prt",
                "rank-prioritised",
                "loss-prioritised",
                "diversity-cutoff",
            ],
        ),
        (
            "auxiliary",
            &[
                "loss-guided",
                "adaptive-teacher",
                "multiplicative",
                "sibling-augmented",
                "novelty",
                "unguided",
            ],
        ),
        (
            "intrinsic",
            &["random-network-distillation", "state-counts"],
        ),
        (
            "schedules",
            &["constant", "linear", "exponential", "cosine"],
        ),
    ];
    for (title, names) in lines {
        println!("{title:<14}{}", names.join(", "));
    }
    println!("{:<14}{}", "suites", suite::names(experiments).join(", "));
    println!("devices");
    for backend in Backend::all() {
        let spec = DeviceSpec {
            backend,
            index: None,
        };
        let state = if backend.is_compiled() {
            match spec.open() {
                Ok(_) => "compiled in, found".to_owned(),
                Err(error) => error.to_string(),
            }
        } else {
            format!("not compiled in (--features {})", backend.name())
        };
        println!("  {:<12}{state}", backend.name());
    }
}
