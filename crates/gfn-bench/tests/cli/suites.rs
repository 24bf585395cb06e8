//! `suite`: cells, skipping, failures and the report in its three forms.

use crate::program::{Place, TINY, fail_saying, files, gfn_bench, succeed, summary};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// `experiments/small` with two tiny experiments, of which the first expects what it reaches.
fn small_suite() -> Place {
    let place = Place::new("");
    let folder = place.join("experiments").join("small");
    fs::create_dir_all(&folder).expect("the folder can be made");
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("the file can be written");
    };
    write("suite.toml", "title = \"Small\"\nseeds = [0, 1]\n");
    let expect = "\n[[expect]]\nmetric = \"exact.tv\"\nat_most = 1.0\npublished = 0.5\n";
    write("tiny.toml", &format!("{TINY}{expect}"));
    write("other.toml", &TINY.replace("\"tiny\"", "\"other\""));
    place
}

fn suite(place: &Place) -> Command {
    let mut command = gfn_bench();
    command
        .args(["suite", "small", "--experiments"])
        .arg(place.join("experiments"))
        .arg("--runs")
        .arg(place.join("runs"));
    command
}

fn modified(path: &Path) -> SystemTime {
    let metadata = fs::metadata(path).expect("the file exists");
    metadata.modified().expect("the system knows the time")
}

fn report(place: &Place) -> Value {
    let path = place.join("runs").join("small").join("report.json");
    let text = fs::read(path).expect("the suite has a report");
    serde_json::from_slice(&text).expect("the report is JSON")
}

/// The keys of a row and which values they take.
fn assert_is_row(row: &Value) {
    let row = row.as_object().expect("a row is an object");
    let mut keys: Vec<&str> = row.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "cell",
            "device",
            "high",
            "low",
            "median",
            "metric",
            "n",
            "published",
            "study",
            "verdict"
        ]
    );
    for key in ["study", "cell", "device", "metric"] {
        assert!(row[key].is_string(), "{key}: {row:?}");
    }
    assert!(row["n"].is_u64(), "{row:?}");
    for key in ["median", "low", "high", "published"] {
        assert!(row[key].is_number() || row[key].is_null(), "{key}: {row:?}");
    }
    let verdicts = ["reproduced", "not reproduced", "cannot tell"];
    assert!(
        row["verdict"].is_null()
            || row["verdict"]
                .as_str()
                .is_some_and(|v| verdicts.contains(&v)),
        "{row:?}"
    );
}

#[test]
fn a_suite_ends_with_its_report_and_is_not_run_twice() {
    let place = small_suite();
    let dry = succeed(suite(&place).arg("--dry-run"));
    assert!(dry.contains("4 cells") && dry.contains("to run"), "{dry}");
    assert!(!place.join("runs").exists());

    let text = succeed(&mut suite(&place));
    assert!(text.contains("4 of 4 runs finished"), "{text}");
    let folder = place.join("runs").join("small");
    for name in ["report.html", "report.md", "report.json"] {
        assert!(folder.join(name).exists(), "{name}");
    }
    let report = report(&place);
    assert_eq!(report["suite"], "small");
    let rows = report["rows"].as_array().expect("rows are a list");
    rows.iter().for_each(assert_is_row);
    for cell in ["tiny", "other"] {
        let tv = |row: &&Value| {
            row["cell"] == cell && row["metric"] == "exact.tv" && row["device"] == "flex"
        };
        assert!(rows.iter().filter(tv).any(|row| row["n"] == 2), "{cell}");
    }
    let judged: Vec<&Value> = rows.iter().filter(|r| !r["verdict"].is_null()).collect();
    assert_eq!(judged.len(), 1, "{judged:?}");
    assert_eq!(judged[0]["verdict"], "reproduced");
    assert_eq!(judged[0]["published"], 0.5);

    let finished = folder
        .join("tiny")
        .join("flex")
        .join("seed-1")
        .join("summary.json");
    let before = modified(&finished);
    let dry = succeed(suite(&place).arg("--dry-run"));
    assert!(dry.contains("finished") && !dry.contains("to run"), "{dry}");
    // A cell whose process was killed goes on; the others are skipped.
    let killed = folder.join("other").join("flex").join("seed-0");
    fs::remove_file(killed.join("summary.json")).expect("the run is finished");
    succeed(&mut suite(&place));
    assert_eq!(modified(&finished), before);
    assert!(killed.join("summary.json").exists());
}

#[test]
fn a_changed_experiment_is_not_taken_for_a_finished_one() {
    let place = small_suite();
    succeed(suite(&place).args(["--seeds", "1"]));
    let tiny = place.join("experiments").join("small").join("tiny.toml");
    let text = fs::read_to_string(&tiny).expect("the experiment is text");
    let run = place
        .join("runs")
        .join("small")
        .join("tiny")
        .join("flex")
        .join("seed-0");
    // A longer budget goes on with the run.
    fs::write(&tiny, text.replace("iterations = 40", "iterations = 60"))
        .expect("the file can be written");
    succeed(suite(&place).args(["--seeds", "1"]));
    assert_eq!(summary(&run)["iterations"], 60);
    // Anything else is another experiment.
    let before = files(&run);
    fs::write(&tiny, text.replace("batch_size = 8", "batch_size = 4"))
        .expect("the file can be written");
    fail_saying(
        suite(&place).args(["--seeds", "1"]),
        &[
            "tiny",
            "another experiment",
            "`budget.batch_size` is 8 there and 4 here",
        ],
    );
    let mut after = files(&run);
    after.remove("failure.txt");
    assert!(before == after);
}

#[test]
fn a_cell_that_fails_is_reported_beside_the_others() {
    let place = small_suite();
    // e^{1000 t} overflows at the first residual above 0.09.
    let wild =
        TINY.replace("\"tiny\"", "\"wild\"") + "\n[regression]\nkind = \"linex\"\nalpha = 1000.0\n";
    let folder = place.join("experiments").join("small");
    fs::write(folder.join("wild.toml"), wild).expect("the file can be written");
    fail_saying(
        suite(&place).args(["--seeds", "1"]),
        &[
            "failed: ",
            "wild",
            "the loss is",
            "1 of 3 runs failed",
            "the others are in the report",
        ],
    );
    let rows = report(&place);
    let rows = rows["rows"].as_array().expect("rows are a list");
    for cell in ["tiny", "other"] {
        assert!(
            rows.iter()
                .any(|row| row["cell"] == cell && row["metric"] == "exact.tv" && row["n"] == 1),
            "{cell}"
        );
    }
    let path = place.join("runs").join("small").join("report.md");
    let page = fs::read_to_string(path).expect("the report is text");
    assert!(
        page.contains("wild") && page.contains("the loss is"),
        "{page}"
    );
}

/// The reduced suite of this repository: every code path of an experiment file, and learning works on each.
#[test]
fn the_ci_suite_reaches_what_it_expects() {
    let place = Place::new("");
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    succeed(
        gfn_bench()
            .args(["suite", "ci", "--experiments"])
            .arg(experiments)
            .arg("--runs")
            .arg(place.join("runs")),
    );
    let path = place.join("runs").join("ci").join("report.json");
    let report: Value = serde_json::from_slice(&fs::read(path).expect("the suite has a report"))
        .expect("the report is JSON");
    let rows = report["rows"].as_array().expect("rows are a list");
    let judged: Vec<&Value> = rows.iter().filter(|r| !r["verdict"].is_null()).collect();
    assert!(judged.len() >= 15, "{} verdicts", judged.len());
    for row in judged {
        assert_eq!(row["verdict"], "reproduced", "{row}");
    }
}

#[test]
fn unknown_suites_devices_and_seeds() {
    let place = small_suite();
    let mut command = gfn_bench();
    command
        .args(["suite", "smal", "--experiments"])
        .arg(place.join("experiments"));
    fail_saying(&mut command, &["no suite \"smal\"", "suites: small"]);
    fail_saying(
        suite(&place).args(["--devices", "flex,gpu"]),
        &["\"gpu\"", "use one of flex"],
    );
    fail_saying(suite(&place).args(["--seeds", "x"]), &["--seeds", "5..8"]);
    let file = place.join("experiments").join("small").join("tiny.toml");
    fs::write(file, "nam = 3").expect("the file can be written");
    fail_saying(&mut suite(&place), &["tiny.toml", "nam"]);
    assert!(!place.join("runs").exists());
}
