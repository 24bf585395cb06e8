//! Killed, torn and extended runs end where an uninterrupted run ends, byte for byte.

use crate::program::{CAUSAL, GRID, Place, TINY, TRANSFORMER, assert_same_run, metrics, succeed};
use gfn_env::rand::RngExt as _;
use gfn_env::{Purpose, Streams};
use gfn_train::Checkpoint;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Small steps and many checkpoints.
const LONG: &str = r#"
name = "long"
environment = { kind = "hypergrid", dimensions = 2, side = 4, reward = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 } }
policy = { kind = "mlp", hidden = [16] }
objective = { kind = "trajectory-balance" }
optimiser = { learning_rate = 0.001 }
budget = { iterations = 4000, batch_size = 8 }

[evaluation]
every = 20
samples = 20
window = 200
correlation = { test_size = 16, backward_samples = 2 }
"#;

/// Guided trajectory balance with few objects, so that some are dropped.
const GUIDED: &str = r#"
objective = { kind = "guided-trajectory-balance", alpha = 0.5, guide = { kind = "substructure", capacity = 20 } }
backward_training = { kind = "guided" }
"#;

/// Intrinsic rewards that fade before the end of the run.
const AUGMENTED: &str = r#"
[objective]
kind = "augmented-trajectory-balance"
weight = { kind = "linear", from = 2.0, to = 0.0, iterations = 50 }
intrinsic = { kind = "random-network-distillation", of = "states", hidden = [8], outputs = 2 }
"#;

/// Two temperatures.
const CONDITION: &str = r#"
[condition]
kind = "temperature"
values = [0.5, 1.0]
"#;

/// An ensemble that takes turns at sampling.
const THOMPSON: &str = r#"
[exploration]
on_policy = 0.5

[[exploration.sources]]
share = 0.5
source = { kind = "thompson", heads = 3, mask_probability = 0.4, prior_scale = 2.0, prior_hidden = [8] }
"#;

/// All preferences between two objectives.
const PREFERENCES: &str = r#"
name = "preferences"
environment = { kind = "multi-objective-grid", side = 4, objectives = ["branin", "shubert"] }
condition = { kind = "preference", concentration = 0.5, exponent = 2.0 }
policy = { kind = "mlp", hidden = [16] }
objective = { kind = "trajectory-balance" }
budget = { iterations = 60, batch_size = 16 }

[evaluation]
every = 20
samples = 50
correlation = { test_size = 16, backward_samples = 2 }
"#;

const ITERATIONS: u64 = 4000;
const EVERY: u64 = 20;
const KILLS: u32 = 10;

fn checkpoint_iteration(run: &Path) -> Option<u64> {
    let path = run.join("checkpoint.safetensors");
    path.exists().then(|| {
        let checkpoint = Checkpoint::load(&path).expect("a checkpoint is whole at every moment");
        checkpoint.trainer.iteration
    })
}

fn event_files(run: &Path) -> usize {
    let entries = fs::read_dir(run).into_iter().flatten().flatten();
    entries
        .filter(|e| e.file_name().to_string_lossy().contains("tfevents"))
        .count()
}

#[test]
#[cfg(unix)]
fn killed_ten_times() {
    use std::os::unix::process::ExitStatusExt as _;

    let place = Place::new(LONG);
    let start = Instant::now();
    succeed(place.run("whole").args(["--threads", "1"]));
    let whole = start.elapsed();

    let run = place.join("killed");
    let mut rng = Streams::new(2).rng(Purpose::Check, 0, 0);
    let mut reached = None;
    let mut inside = 0;
    for kill in 0..KILLS {
        let mut child = place
            .run("killed")
            .args(["--threads", "1"])
            .stderr(Stdio::null())
            .spawn()
            .expect("the program can be started");
        if kill % 3 == 2 {
            // Anywhere in the start.
            sleep(Duration::from_millis(rng.random_range(0..60)));
        } else {
            // Some checkpoints further, and then anywhere between two of them.
            let goal = reached.unwrap_or(0) + EVERY * rng.random_range(1..15);
            while checkpoint_iteration(&run).is_none_or(|i| i < goal) {
                let ended = child.try_wait().expect("the child can be asked");
                assert_eq!(ended, None, "attempt {kill} came to {reached:?} only");
                sleep(Duration::from_millis(1));
            }
            let interval = whole.mul_f64(EVERY as f64 / ITERATIONS as f64);
            sleep(interval.mul_f64(rng.random_range(0.0..2.0)));
        }
        child.kill().expect("the child can be killed");
        let status = child.wait().expect("the child can be waited for");
        assert_eq!(status.signal(), Some(9), "attempt {kill} had ended");
        let iteration = checkpoint_iteration(&run);
        assert!(iteration >= reached, "attempt {kill} started from scratch");
        reached = iteration;
        if iteration.is_some_and(|i| i > 0 && i < ITERATIONS) {
            inside += 1;
        }
    }
    println!(
        "{inside} of {KILLS} kills between checkpoints of one run of {whole:?}, last at {reached:?}"
    );
    assert!(inside >= 5, "only {inside} kills hit the run");
    // Every start that came as far as its figures has an event file of its own.
    let before = event_files(&run);
    succeed(place.run("killed").args(["--threads", "2"]));
    assert_eq!(event_files(&run), before + 1);
    assert_same_run(&place.join("whole"), &run);
}

#[test]
fn rows_beyond_the_checkpoint_and_a_torn_line_are_made_again() {
    let place = Place::new(GRID);
    succeed(&mut place.run("whole"));
    succeed(place.run("torn").args(["--set", "budget.iterations=40"]));
    let run = place.join("torn");
    for name in ["summary.json", "policy.safetensors", "distribution.csv"] {
        fs::remove_file(run.join(name)).expect("a finished run has this file");
    }
    // Killed between figures and checkpoint, and once more in the middle of a line.
    let mut figures = OpenOptions::new()
        .append(true)
        .open(run.join("metrics.csv"))
        .expect("the run has figures");
    figures
        .write_all(b"60,0.500,loss,123\n60,0.500,exact.tv,0.5\n80,0.700,log_z,0.2\n80,0.7")
        .expect("the file can be written");
    drop(figures);
    fs::write(run.join("checkpoint.safetensors.tmp"), "half a check").expect("it can be written");
    succeed(&mut place.run("torn"));
    assert_same_run(&place.join("whole"), &run);
    assert!(!run.join("checkpoint.safetensors.tmp").exists());
}

#[test]
fn the_objects_of_a_guide_and_drawn_conditions_continue() {
    let guided = GRID
        .replace("objective = { kind = \"trajectory-balance\" }", GUIDED)
        .replace(
            "hidden = [32, 32]",
            "hidden = [32, 32], trunk = \"separate\"",
        );
    let conditional = format!("{GRID}{CONDITION}");
    for text in [guided, conditional, PREFERENCES.to_owned()] {
        let place = Place::new(&text);
        succeed(&mut place.run("whole"));
        succeed(place.run("parts").args(["--set", "budget.iterations=40"]));
        succeed(&mut place.run("parts"));
        assert_same_run(&place.join("whole"), &place.join("parts"));
    }
}

#[test]
fn the_heads_of_an_ensemble_continue() {
    // Perceptrons and tables.
    for text in [format!("{GRID}{THOMPSON}"), format!("{TINY}{THOMPSON}")] {
        let place = Place::new(&text);
        succeed(&mut place.run("whole"));
        succeed(place.run("parts").args(["--set", "budget.iterations=20"]));
        succeed(&mut place.run("parts"));
        assert_same_run(&place.join("whole"), &place.join("parts"));
        let rows = metrics(&place.join("whole"));
        for figure in ["loss", "trained", "log_z", "log_z_deviation"] {
            let figure = format!("source.thompson.{figure}");
            assert!(rows.contains(&figure), "{figure} is recorded");
        }
    }
}

#[test]
fn intrinsic_rewards_continue() {
    let without = |text: &str| text.replace("objective = { kind = \"trajectory-balance\" }\n", "");
    for text in [without(GRID), without(TINY)] {
        let place = Place::new(&format!("{text}{AUGMENTED}"));
        succeed(&mut place.run("whole"));
        succeed(place.run("parts").args(["--set", "budget.iterations=20"]));
        succeed(&mut place.run("parts"));
        assert_same_run(&place.join("whole"), &place.join("parts"));
    }
}

#[test]
fn transformers_continue() {
    for text in [TRANSFORMER, CAUSAL] {
        let place = Place::new(text);
        succeed(&mut place.run("whole"));
        succeed(place.run("parts").args(["--set", "budget.iterations=10"]));
        succeed(&mut place.run("parts"));
        assert_same_run(&place.join("whole"), &place.join("parts"));
    }
}

#[test]
fn killed_before_the_first_checkpoint_it_starts_afresh() {
    let place = Place::new(TINY);
    succeed(&mut place.run("whole"));
    let run = place.join("early");
    fs::create_dir(&run).expect("the folder can be made");
    for name in ["config.toml", "manifest.json"] {
        fs::copy(place.join("whole").join(name), run.join(name)).expect("it can be copied");
    }
    fs::write(
        run.join("metrics.csv"),
        "step,wall_s,name,value\n0,0.000,log_z,77\n0,0.0",
    )
    .expect("it can be written");
    succeed(&mut place.run("early"));
    assert_same_run(&place.join("whole"), &run);
}

#[test]
fn killed_between_the_last_checkpoint_and_the_summary() {
    let place = Place::new(GRID);
    succeed(&mut place.run("whole"));
    succeed(&mut place.run("late"));
    let run = place.join("late");
    for name in ["summary.json", "policy.safetensors"] {
        fs::remove_file(run.join(name)).expect("a finished run has this file");
    }
    succeed(&mut place.run("late"));
    assert_same_run(&place.join("whole"), &run);
}

#[test]
fn a_longer_budget_continues_a_finished_run() {
    let place = Place::new(GRID);
    succeed(&mut place.run("whole"));
    succeed(
        place
            .run("extended")
            .args(["--set", "budget.iterations=40"]),
    );
    let run = place.join("extended");
    let first = metrics(&run);
    succeed(&mut place.run("extended"));
    let all = metrics(&run);
    assert!(all.starts_with(&first) && all.len() > first.len());
    assert_same_run(&place.join("whole"), &run);
}

#[test]
fn a_finished_run_is_left_alone() {
    let place = Place::new(TINY);
    succeed(&mut place.run("run"));
    let before = crate::program::files(&place.join("run"));
    succeed(&mut place.run("run"));
    succeed(
        crate::program::gfn_bench()
            .arg("resume")
            .arg(place.join("run"))
            .args(["--progress", "none"]),
    );
    assert!(before == crate::program::files(&place.join("run")));
}
