//! `[energy_learning]`: what it refuses, where its data come from, and that a run that was cut short goes on with its couplings.

use crate::program::{Place, assert_same_run, fail_saying, gfn_bench, succeed, summary};
use std::fs;

const SPINS: &str = r#"
name = "spins"
environment = { kind = "ising", couplings = { kind = "torus", width = 2, height = 2, coupling = 0.2 }, order = "autoregressive" }
policy = { kind = "tabular" }
objective = { kind = "trajectory-balance" }
budget = { iterations = 40, batch_size = 8 }

[energy_learning]
data = { kind = "drawn", count = 30 }
learning_rate = 0.05

[evaluation]
every = 20
samples = 50
window = 100
correlation = { test_size = 16, backward_samples = 2 }
"#;

fn refused(set: &[&str], says: &[&str]) {
    let place = Place::new(SPINS);
    let mut all = vec!["experiment.toml: at `energy_learning`"];
    all.extend_from_slice(says);
    let set = set.iter().flat_map(|set| ["--set", set]);
    fail_saying(place.run("run").args(set), &all);
    assert!(!place.join("run").exists(), "nothing was begun");
}

#[test]
fn what_does_not_go_with_rewards_that_change_is_refused() {
    for (set, says) in [
        (&["energy_learning.share=0.0"][..], &["share = 0"][..]),
        (&["energy_learning.l1=-1.0"], &["`l1` is -1"]),
        (
            &["energy_learning.learning_rate=-0.1"],
            &["learning_rate", "-0.1"],
        ),
        (
            &["energy_learning.data.count=0"],
            &["data.count = 0", "between 1 and"],
        ),
        (
            &[
                "energy_learning.negatives={ kind = \"back-and-forth\", back_track = { kind = \"steps\", steps = 0 } }",
            ],
            &["back_track.steps"],
        ),
        (
            &["objective={ kind = \"flow-matching\" }"],
            &["trajectory-balance", "`objective`"],
        ),
        (&["reward_noise=0.1"], &["`reward_noise`", "leave it out"]),
        (
            &["backward_training={ kind = \"maximum-entropy\" }"],
            &["`backward_training`", "leave it out"],
        ),
        (
            &[
                "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacity = 20, priority = { kind = \"uniform\" } } }] }",
            ],
            &["`exploration`", "leave it out"],
        ),
        (
            &[
                "energy_learning.negatives={ kind = \"policy\" }",
                "behaviour={ kind = \"epsilon-uniform\", epsilon = 0.1 }",
            ],
            &["negatives", "on-policy", "back-and-forth"],
        ),
        (
            &[
                "energy_learning.negatives={ kind = \"policy\" }",
                "energy_learning.share=1.0",
            ],
            &["negatives", "share = 1"],
        ),
        (
            &["environment={ kind = \"set\", n_elements = 4, size = 2 }"],
            &["no parameters", "ising"],
        ),
    ] {
        refused(set, says);
    }
}

#[test]
fn data_of_a_file_are_those_of_its_lines() {
    let place = Place::new(SPINS);
    let path = place.join("spins.csv");
    let set = |text: &str| {
        fs::write(&path, text).expect("it can be written");
        format!(
            "energy_learning.data={{ kind = \"file\", path = \"{}\" }}",
            path.display()
        )
    };
    for (text, says) in [
        ("object\n0110\n011\n", "line 3, column object: \"011\""),
        ("object\n0110\n01-1\n", "4 characters of 0 and 1"),
        ("spins\n0110\n", "column object"),
    ] {
        let set = set(text);
        let says = ["at `energy_learning.data`", "spins.csv", says];
        fail_saying(place.run("bad").args(["--set", &set]), &says);
        assert!(!place.join("bad").join("checkpoint.safetensors").exists());
    }
    // The first two sites agree in every line, the other pairs in half of them.
    let set =
        set("object,log_reward\n0001,1\n0010,1\n1101,1\n1110,1\n0000,2\n0011,2\n1100,2\n1111,2\n");
    succeed(place.run("run").args(["--set", &set]));
    let figures = summary(&place.join("run"));
    let rmse = figures["source.energy-learning.rmse"].as_f64();
    assert!(
        rmse.is_some_and(|rmse| rmse > 0.0 && rmse.is_finite()),
        "{figures:?}"
    );
    // What `sample` writes can be read.
    let sample = succeed(
        gfn_bench()
            .arg("sample")
            .arg(place.join("run"))
            .args(["-n", "20"]),
    );
    fs::write(&path, sample).expect("it can be written");
    let set = format!(
        "energy_learning.data={{ kind = \"file\", path = \"{}\" }}",
        path.display()
    );
    succeed(place.run("again").args(["--set", &set]));
}

#[test]
fn a_longer_budget_goes_on_with_the_couplings() {
    for negatives in [
        "{ kind = \"policy\" }",
        "{ kind = \"back-and-forth\", back_track = { kind = \"up-to\", steps = 4 } }",
    ] {
        let place = Place::new(SPINS);
        let negatives = format!("energy_learning.negatives={negatives}");
        let set = ["--set", &negatives];
        succeed(place.run("straight").args(set));
        succeed(
            place
                .run("parts")
                .args(set)
                .args(["--set", "budget.iterations=20"]),
        );
        succeed(place.run("parts").args(set));
        assert_same_run(&place.join("straight"), &place.join("parts"));
    }
}
