//! A disk that fills up while a run writes, simulated without root: files of a run folder that lead to `/dev/full`, and a
//! limit on the size of files.

use crate::program::{GRID, Place, assert_same_run, fail_saying, files, metrics, succeed};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

/// Every file that is replaced as a whole is first written under a temporary name; that name leads to a full disk.
#[test]
fn replacing_a_file_fails_and_the_old_one_stays() {
    let place = Place::new(GRID);
    succeed(&mut place.run("whole"));
    succeed(place.run("run").args(["--set", "budget.iterations=20"]));
    let run = place.join("run");
    let start = files(&run);
    for name in [
        "config.toml",
        "manifest.json",
        "metrics.csv",
        "best.safetensors",
        "checkpoint.safetensors",
        "policy.safetensors",
    ] {
        let full = run.join(format!("{name}.tmp"));
        symlink("/dev/full", &full).expect("a link can be made");
        fail_saying(&mut place.run("run"), &[name, "No space left on device"]);
        assert!(!full.exists(), "{name}: nothing is left behind");
        let failure = fs::read_to_string(run.join("failure.txt")).expect("the reason is kept");
        assert!(failure.contains(name), "{failure}");
        let now = files(&run);
        // The run goes on from wherever it came; what it had at iteration 20 is still there or has been replaced whole.
        assert!(now.keys().filter(|n| !n.contains("tfevents")).count() >= 7);
        if name != "policy.safetensors" {
            for kept in [
                "checkpoint.safetensors",
                "policy.safetensors",
                "summary.json",
            ] {
                assert!(now.get(kept) == start.get(kept), "{name}: {kept} is intact");
            }
        }
        let rows = String::from_utf8_lossy(&start["metrics.csv"]).into_owned();
        assert!(String::from_utf8_lossy(&now["metrics.csv"]).starts_with(&rows));
    }
    succeed(&mut place.run("run"));
    assert!(!run.join("failure.txt").exists());
    assert_same_run(&place.join("whole"), &run);
}

/// Appending fails in the middle of a row: no file of the process may grow beyond a few kilobytes.
#[test]
fn appending_fails_and_the_run_goes_on_when_there_is_space() {
    let table = r#"
name = "table"
environment = { kind = "hypergrid", dimensions = 2, side = 4, reward = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 } }
policy = { kind = "tabular" }
objective = { kind = "trajectory-balance" }
optimiser = { learning_rate = 0.05 }
budget = { iterations = 100, batch_size = 8 }
evaluation = { every = 2, samples = 20, window = 0, correlation = { test_size = 0, backward_samples = 1 } }
"#;
    let place = Place::new(table);
    succeed(&mut place.run("whole"));
    let run = place.join("run");
    let program = place.run("run");
    let mut limited = Command::new("sh");
    // The program is told by an error (EFBIG) and not by the signal, as with a full disk.
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 40; exec \"$@\"", "sh"])
        .arg(program.get_program())
        .args(program.get_args());
    fail_saying(
        &mut limited,
        &[
            "metrics.csv",
            "File too large",
            "free some space and resume",
        ],
    );
    assert!(run.join("checkpoint.safetensors").exists());
    let rows = metrics_before_the_torn_line(&run);
    succeed(&mut place.run("run"));
    assert!(metrics(&run).starts_with(&rows));
    assert_same_run(&place.join("whole"), &run);
}

/// The whole rows of a `metrics.csv` whose last line may be torn, without the column `wall_s`.
fn metrics_before_the_torn_line(run: &std::path::Path) -> String {
    let path = run.join("metrics.csv");
    let text = fs::read_to_string(&path).expect("the run has figures");
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let copy = tempfile::tempdir().expect("the system has a folder for temporary files");
    fs::write(copy.path().join("metrics.csv"), &text[..whole]).expect("it can be written");
    let rows = metrics(copy.path());
    assert!(rows.lines().count() > 100, "{rows}");
    rows
}
