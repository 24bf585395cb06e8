//! `sample`, `list`, `report` and `compare`.

use crate::program::{GRID, Place, TINY, fail, fail_saying, gfn_bench, metrics, succeed, summary};
use gfn_env::{AntimicrobialReward, GridObjective, Hypergrid, MultiObjectiveGridReward, Peptide};
use std::path::Path;

/// `R = R0 + R1·1[|x/(H−1) − ½| > ¼ everywhere] + R2·1[0.3 < |x/(H−1) − ½| < 0.4 everywhere]` with 0.1, 0.5, 2.
fn reward(side: u16, coordinates: &[u16]) -> f64 {
    let off_centre = |x: &u16| (f64::from(*x) / f64::from(side - 1) - 0.5).abs();
    let outside = coordinates.iter().all(|x| off_centre(x) > 0.25);
    let band = coordinates
        .iter()
        .all(|x| off_centre(x) > 0.3 && off_centre(x) < 0.4);
    0.1 + if outside { 0.5 } else { 0.0 } + if band { 2.0 } else { 0.0 }
}

#[test]
fn samples_are_csv_with_their_log_reward() {
    let place = Place::new(GRID);
    succeed(&mut place.run("run"));
    let sample = |n: &str, seed: &str| {
        let mut command = gfn_bench();
        command
            .arg("sample")
            .arg(place.join("run"))
            .args(["-n", n, "--seed", seed]);
        succeed(&mut command)
    };
    let seven = sample("7", "5");
    let mut lines = seven.lines();
    assert_eq!(lines.next(), Some("object,log_reward"));
    let rows: Vec<&str> = lines.collect();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let (object, log_reward) = row.split_once(',').expect("two columns");
        let coordinates: Vec<u16> = object
            .split(' ')
            .map(|x| x.parse().expect("a coordinate"))
            .collect();
        assert_eq!(coordinates.len(), 2, "{row}");
        let log_reward: f64 = log_reward.parse().expect("a number");
        let expected = reward(8, &coordinates).ln();
        assert!((log_reward - expected).abs() < 1e-12, "{row}: {expected}");
    }
    assert_eq!(sample("7", "5"), seven);
    assert_ne!(sample("7", "6"), seven);
    // More than one batch of the sampler, and none.
    assert_eq!(sample("5000", "5").lines().count(), 5001);
    assert_eq!(sample("0", "5"), "object,log_reward\n");
}

/// Weights of two objectives, with the log-reward of each weighing.
const PREFERENCES: &str = r#"
name = "preferences"
environment = { kind = "multi-objective-grid", side = 4, objectives = ["branin", "currin"] }
condition = { kind = "preference", values = [[1.0, 0.0], [0.25, 0.75]], exponent = 2.0 }
policy = { kind = "mlp", hidden = [16] }
objective = { kind = "trajectory-balance" }
budget = { iterations = 5, batch_size = 8 }

[evaluation]
samples = 50
correlation = { test_size = 16, backward_samples = 2 }
"#;

#[test]
fn preferences_have_figures_and_samples_of_their_own() {
    let place = Place::new(PREFERENCES);
    succeed(&mut place.run("run"));
    let figures = metrics(&place.join("run"));
    for name in ["1_0", "0.25_0.75"] {
        for figure in ["tv", "log_z", "log_z_error"] {
            let name = format!(",condition.{name}.{figure},");
            assert!(figures.contains(&name), "{name}: {figures}");
        }
    }
    let grid = Hypergrid::new(2, 4).expect("a grid");
    let objectives = [GridObjective::Branin, GridObjective::Currin];
    let rewards = MultiObjectiveGridReward::new(&grid, &objectives, 1e-3).expect("two objectives");
    let sample = succeed(
        gfn_bench()
            .arg("sample")
            .arg(place.join("run"))
            .args(["-n", "30"]),
    );
    let mut seen = [0; 2];
    for row in sample.lines().skip(1) {
        let (object, log_reward) = row.split_once(',').expect("two columns");
        let (cell, weights) = object.split_once(" under ").expect("a condition");
        let numbers = |text: &str| -> Vec<f64> {
            let words = text.split(' ').map(|word| word.parse().expect("a number"));
            words.collect()
        };
        let weights = numbers(weights);
        seen[usize::from(weights == [0.25, 0.75])] += 1;
        let cell: Vec<u16> = numbers(cell).iter().map(|x| *x as u16).collect();
        let of = rewards.rewards_at(&grid.exited_cell(&cell).expect("a cell"));
        let expected = 2.0 * (weights[0] * of[0] + weights[1] * of[1]).ln();
        let log_reward: f64 = log_reward.parse().expect("a number");
        assert!((log_reward - expected).abs() < 1e-12, "{row}: {expected}");
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn an_unfinished_run_is_sampled_from_its_checkpoint() {
    let place = Place::new(TINY);
    succeed(&mut place.run("run"));
    let run = place.join("run");
    let sample = || succeed(gfn_bench().arg("sample").arg(&run).args(["-n", "20"]));
    let finished = sample();
    std::fs::remove_file(run.join("policy.safetensors")).expect("the run has a policy");
    assert_eq!(sample(), finished);
}

/// The names that an enum of experiment files takes, by what the program says about a wrong one.
fn names_of(key: &str) -> Vec<String> {
    let place = Place::new(TINY);
    let value = format!("{key}={{ kind = \"no-such-kind\" }}");
    let message = fail(place.run("run").args(["--set", &value]));
    let (_, names) = message
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{key}: {message}"));
    let names: Vec<String> = names
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 1, "{key}: {message}");
    names
}

#[test]
fn list_names_all_that_an_experiment_can_hold() {
    let list = succeed(gfn_bench().arg("list").args(["--experiments", "nowhere"]));
    let words: Vec<&str> = list.split([' ', ',', '\n']).collect();
    for key in [
        "environment",
        "policy",
        "objective",
        "regression",
        "behaviour",
        "optimiser.learning_rate",
    ] {
        for name in names_of(key) {
            assert!(words.contains(&name.as_str()), "{key} {name}: {list}");
        }
    }
    for backend in gfn_bench::Backend::all() {
        let line = list
            .lines()
            .find(|line| line.trim_start().starts_with(backend.name()))
            .unwrap_or_else(|| panic!("{}: {list}", backend.name()));
        assert_eq!(
            line.contains("not compiled in"),
            !backend.is_compiled(),
            "{line}"
        );
    }
    assert!(list.contains("compiled in, found"), "{list}");
}

#[test]
fn report_and_compare_read_run_folders() {
    let place = Place::new(TINY);
    for (run, seed) in [("a/seed-0", "0"), ("a/seed-1", "1"), ("b/seed-0", "0")] {
        succeed(place.run(run).args(["--seed", seed]));
    }
    let out = place.join("report");
    let table = succeed(
        gfn_bench()
            .arg("report")
            .arg(place.join("a"))
            .arg("--out")
            .arg(&out),
    );
    assert!(
        table.contains("tiny") && table.contains("report.html"),
        "{table}"
    );
    for name in ["report.html", "report.md", "report.json"] {
        assert!(out.join(name).exists(), "{name}");
    }
    let page = std::fs::read_to_string(out.join("report.html")).expect("the report is text");
    assert!(page.contains("<svg") && page.contains("tiny"));
    assert!(!page.contains("src=\"http") && !page.contains("<script src"));
    let comparison = succeed(
        gfn_bench()
            .arg("compare")
            .arg(place.join("a"))
            .arg(place.join("b")),
    );
    assert!(
        comparison.contains("tiny") && comparison.contains("ratio"),
        "{comparison}"
    );
}

/// Two residues, exact.
const PEPTIDES: &str = r#"
name = "peptides"
environment = { kind = "antimicrobial-peptide", min_length = 1, max_length = 2 }
policy = { kind = "mlp", hidden = [8], backward = "uniform" }
objective = { kind = "trajectory-balance" }
budget = { iterations = 5, batch_size = 8 }
evaluation = { samples = 100, top_k = 20, correlation = { test_size = 16, backward_samples = 1 } }
"#;

#[test]
fn the_classifier_is_fitted_anew_to_the_same_file() {
    let place = Place::new(PEPTIDES);
    let out = place.join("weights.csv");
    let text = succeed(
        gfn_bench()
            .args(["antimicrobial-classifier", "--out"])
            .arg(&out),
    );
    assert!(text.contains("shipped weights the same"), "{text}");
    assert!(text.contains("held out 880"), "{text}");
    let shipped = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../gfn-env/src/antimicrobial_peptide/weights.csv"
    );
    let [fitted, shipped] =
        [out.as_path(), Path::new(shipped)].map(|path| std::fs::read(path).expect("weights"));
    assert!(fitted == shipped);
    let nowhere = place.join("nowhere").join("weights.csv");
    fail_saying(
        gfn_bench()
            .args(["antimicrobial-classifier", "--out"])
            .arg(nowhere),
        &["cannot write the weights to", "nowhere"],
    );
}

/// `R = P³` of samples, and the mean probability of the best is reported beside their mean reward.
#[test]
fn antimicrobial_samples_are_peptides_with_their_reward() {
    let place = Place::new(PEPTIDES);
    succeed(&mut place.run("run"));
    let figures = summary(&place.join("run"));
    for name in [
        "top_k.mean_score",
        "top_k.mean_reward",
        "top_k.diversity",
        "exact.tv",
    ] {
        assert!(figures[name].is_number(), "{name}");
    }
    let sample = succeed(
        gfn_bench()
            .arg("sample")
            .arg(place.join("run"))
            .args(["-n", "20"]),
    );
    let env = Peptide::new(1, 2, Peptide::AMINO_ACIDS).expect("chains");
    let reward = AntimicrobialReward::new(3.0).expect("a reward");
    for row in sample.lines().skip(1) {
        let (object, log_reward) = row.split_once(',').expect("two columns");
        let x = env.chain(object).expect("one or two residues");
        let log_reward: f64 = log_reward.parse().expect("a number");
        assert!(
            (log_reward - reward.log_reward_of(&x)).abs() < 1e-12,
            "{row}"
        );
    }
}
