//! Every experiment that this repository ships loads.

use gfn_bench::experiment::Experiment;
use gfn_bench::suite::{Suite, names};
use std::fs;
use std::path::Path;

/// The folder of experiments whose data do not come with this repository.
const YOUR_DATA: &str = "your-data";

#[test]
fn every_suite_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let names = names(&folder);
    for name in ["ci", "smoke"] {
        assert!(
            names.iter().any(|n| n == name),
            "no suite {name}: {names:?}"
        );
    }
    for name in &names {
        let suite = Suite::load(&folder, name).unwrap_or_else(|error| panic!("{error:#}"));
        let mut experiments: Vec<&str> = suite
            .experiments
            .iter()
            .map(|e| e.experiment.name.as_str())
            .collect();
        experiments.sort_unstable();
        let n = experiments.len();
        experiments.dedup();
        assert_eq!(n, experiments.len(), "{name}: two experiments share a name");
    }
    // Files outside of suites would never be run.
    for entry in fs::read_dir(&folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        assert!(
            !path.is_dir() || path.ends_with(YOUR_DATA) || path.join("suite.toml").exists(),
            "{} is no suite",
            path.display()
        );
    }
}

#[test]
fn every_experiment_on_data_of_the_user_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let data = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = data.path().join(name);
        fs::write(&path, text).expect("written");
        format!("{:?}", path.display().to_string())
    };
    let alignment = write("taxa.fasta", ">a\nAC-T\n>b\nACGT\n>c\nTCGA\n");
    let table = write("table.csv", "string,reward\n0123a,2.5\n");
    let data_of = |name: &str| match name {
        "ds1.toml" => vec![format!("environment.data.path={alignment}")],
        "qm9.toml" => vec![
            format!("environment.reward.path={table}"),
            "environment.reward.missing=1.0".to_owned(),
        ],
        _ => Vec::new(),
    };
    let mut n = 0;
    for entry in fs::read_dir(folder.join(YOUR_DATA)).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".toml") {
            let loaded = Experiment::load(&path, &data_of(&name));
            loaded.unwrap_or_else(|error| panic!("{name}: {error:#}"));
            n += 1;
        }
    }
    assert_eq!(n, 3);
}
