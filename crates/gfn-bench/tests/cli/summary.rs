//! `summary.json` holds what every report relies on.

use crate::program::{BITS, GRID, Place, succeed, summary};
use gfn_bench::summary::REQUIRED_FIGURES;
use serde_json::Value;

/// Required figures that need the exact distribution.
const EXACT: [&str; 4] = ["exact.tv", "exact.l1_sum", "exact.jsd", "log_z_error"];

fn required_by_the_issue() -> [&'static str; 15] {
    [
        "experiment",
        "device",
        "seed",
        "iterations",
        "trajectories",
        "exact.tv",
        "exact.l1_sum",
        "exact.jsd",
        "log_z",
        "log_z_error",
        "modes_found",
        "speed.iterations_per_s",
        "speed.trajectories_per_s",
        "speed.transitions_per_s",
        "peak_memory_bytes",
    ]
}

#[test]
fn every_required_figure_has_its_type() {
    assert_eq!(REQUIRED_FIGURES, required_by_the_issue());
    let place = Place::new(GRID);
    succeed(place.run("run").args(["--seed", "3"]));
    let summary = summary(&place.join("run"));
    assert_eq!(summary["experiment"], "grid");
    assert_eq!(summary["device"], "flex");
    for (name, value) in [
        ("seed", 3),
        ("iterations", 60),
        ("trajectories", 60 * 32),
        ("n_modes", 4),
    ] {
        assert_eq!(summary[name], value, "{name}");
    }
    for name in required_by_the_issue().iter().skip(5) {
        let value = summary[*name].as_f64();
        let value = value.unwrap_or_else(|| panic!("{name} is {:?}", summary[*name]));
        assert!(value.is_finite(), "{name} is {value}");
    }
    for name in [
        "speed.iterations_per_s",
        "speed.trajectories_per_s",
        "speed.transitions_per_s",
    ] {
        assert!(summary[name].as_f64() > Some(0.0), "{name}");
    }
    if cfg!(target_os = "linux") {
        assert!(summary["peak_memory_bytes"].as_u64() > Some(1 << 20));
    }
    // TV is half of the sum, and at most 1.
    let (tv, l1) = (
        summary["exact.tv"].as_f64(),
        summary["exact.l1_sum"].as_f64(),
    );
    assert_eq!(tv.map(|tv| 2.0 * tv), l1);
    assert!(tv < Some(1.0));
}

#[test]
fn what_does_not_exist_is_null() {
    let place = Place::new(BITS);
    succeed(
        place
            .run("run")
            .args(["--set", "evaluation.exact_max_states=0"]),
    );
    let summary = summary(&place.join("run"));
    for name in required_by_the_issue() {
        let value = summary.get(name).unwrap_or_else(|| panic!("no {name}"));
        if EXACT.contains(&name) {
            assert_eq!(value, &Value::Null, "{name}");
        } else {
            assert_ne!(value, &Value::Null, "{name}");
        }
    }
}
