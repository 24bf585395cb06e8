//! What a report's figures come from: environments, configurations, versions, and the runs that are missing.

use std::collections::{BTreeMap, BTreeSet};

use super::format;
use super::run::{Run, RunState};
use super::section::{Section, Table};

/// Distinct values of a fact that a table shows before it only counts them.
const MOST_VALUES: usize = 4;

/// Tables of a configuration that say what is sampled and what for, as opposed to how.
const TASK_TABLES: [&str; 2] = ["environment", "reward"];

/// The environment and its settings in one line; the experiment's name where the configuration has none.
pub(super) fn environment_label(run: &Run) -> String {
    let facts = environment_facts(run);
    if facts.is_empty() {
        return run.experiment.clone();
    }
    let settings: Vec<String> = facts
        .iter()
        .filter(|(name, _)| name != "kind")
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let kind = facts
        .iter()
        .find(|(name, _)| name == "kind")
        .map(|(_, kind)| kind.as_str());
    match (kind, settings.is_empty()) {
        (Some(kind), true) => kind.to_owned(),
        (Some(kind), false) => format!("{kind}: {}", settings.join(", ")),
        (None, _) => settings.join(", "),
    }
}

/// The settings of the task tables under dotted names; those of the environment without their prefix.
fn environment_facts(run: &Run) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    for table in TASK_TABLES {
        if let Some(value) = run.config.get(table) {
            let prefix = if table == TASK_TABLES[0] { "" } else { table };
            flatten_toml(prefix, value, &mut facts);
        }
    }
    facts
}

fn flatten_toml(prefix: &str, value: &toml::Value, facts: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                flatten_toml(&dotted(prefix, name), value, facts);
            }
        }
        toml::Value::String(text) => facts.push((prefix.to_owned(), text.clone())),
        // TOML would write out hundreds of zeros.
        toml::Value::Float(x) if *x != 0.0 && !(1e-6..1e9).contains(&x.abs()) => {
            facts.push((prefix.to_owned(), format!("{x:e}")));
        }
        other => facts.push((prefix.to_owned(), other.to_string())),
    }
}

fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// One line per environment: its settings, the facts that the summaries state, the experiments in it.
pub(super) fn environments(runs: &[Run]) -> Option<Section> {
    let mut groups: BTreeMap<String, Vec<&Run>> = BTreeMap::new();
    for run in runs.iter().filter(|run| !environment_facts(run).is_empty()) {
        groups.entry(environment_label(run)).or_default().push(run);
    }
    let mut table = Table::new("", &["environment", "facts", "experiments"], 3);
    for (label, runs) in groups {
        let experiments: BTreeSet<&str> = runs.iter().map(|run| run.experiment.as_str()).collect();
        let facts: BTreeMap<String, String> = runs
            .iter()
            .filter_map(|run| run.summary.as_ref())
            .flat_map(|summary| summary.figures())
            .filter_map(|(name, value)| {
                let name = name.strip_prefix("environment.")?;
                let value = value
                    .as_f64()
                    .map(format::number)
                    .or_else(|| value.as_str().map(str::to_owned))?;
                Some((name.to_owned(), value))
            })
            .collect();
        let facts: Vec<String> = facts
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        table.push([
            label,
            facts.join(", "),
            experiments.into_iter().collect::<Vec<_>>().join(", "),
        ]);
    }
    (!table.rows.is_empty()).then(|| Section::new("Environments").with_table(table))
}

/// Runs without a summary, and complete ones with a broken file.
pub(super) fn unfinished(runs: &[&Run]) -> Option<Section> {
    let mut table = Table::new("", &["run", "state", "reason", "last step logged"], 3);
    for run in runs {
        let (state, mut reasons) = match &run.state {
            RunState::Complete if run.problems.is_empty() => continue,
            RunState::Complete => ("complete, with a problem", Vec::new()),
            RunState::Failed { reason } => ("failed", vec![reason.clone()]),
            RunState::Incomplete => ("incomplete", Vec::new()),
        };
        reasons.extend(run.problems.iter().cloned());
        if reasons.is_empty() {
            reasons.push("no summary and no reason: killed, or still running".to_owned());
        }
        let last = run
            .metrics
            .values()
            .filter_map(|samples| samples.last())
            .map(|sample| sample.step)
            .max();
        let last = last.map_or_else(
            || format::MISSING.to_owned(),
            |step| format::number(step as f64),
        );
        table.push([run.label(), state.to_owned(), reasons.join("; "), last]);
    }
    (!table.rows.is_empty()).then(|| Section::new("Runs with problems").with_table(table))
}

/// Every experiment's configuration, folded.
pub(super) fn configurations(runs: &[Run]) -> Option<Section> {
    let mut by_experiment: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        by_experiment.entry(&run.experiment).or_default().push(run);
    }
    let mut section = Section::new("Configurations")
        .with_paragraph("The resolved `config.toml` of the first run of each experiment.");
    for (experiment, runs) in &by_experiment {
        let Some(first) = runs.first() else { continue };
        let differing = runs.iter().filter(|run| run.config != first.config).count();
        let note = if differing == 0 {
            String::new()
        } else {
            format!(
                " (of {}; {differing} of {} differ from it)",
                first.label(),
                runs.len()
            )
        };
        section = section.with_details(
            &format!("{experiment}{note}"),
            "toml",
            &with_exponents(first.config_text.trim_end()),
        );
    }
    (!by_experiment.is_empty()).then_some(section)
}

/// The same TOML with tiny numbers as `1e-300`: its writer spells them with hundreds of zeros.
fn with_exponents(text: &str) -> String {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-');
    let mut short = String::with_capacity(text.len());
    for token in text.split_inclusive(|c| !is_number(c)) {
        let number = token.trim_end_matches(|c| !is_number(c));
        match number.parse::<f64>() {
            Ok(x) if number.trim_start_matches('-').starts_with("0.00000") && x != 0.0 => {
                short.push_str(&format!("{x:e}"));
                short.push_str(&token[number.len()..]);
            }
            _ => short.push_str(token),
        }
    }
    short
}

/// The facts of the manifests: one line per fact, with every value that it has among the runs.
pub(super) fn versions(runs: &[&Run]) -> Option<Section> {
    let mut facts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for run in runs {
        let mut flat = Vec::new();
        flatten_json("", &run.manifest, &mut flat);
        for (name, value) in flat {
            *facts.entry(name).or_default().entry(value).or_default() += 1;
        }
    }
    let mut table = Table::new("", &["fact", "value"], 2);
    for (name, values) in facts {
        let total: usize = values.values().sum();
        let text = match values.len() {
            1 if total == runs.len() => values.into_keys().collect(),
            1..=MOST_VALUES => {
                let counted = values
                    .iter()
                    .map(|(value, count)| format!("{value} ({count} of {} runs)", runs.len()));
                counted.collect::<Vec<_>>().join("; ")
            }
            distinct => format!("{distinct} different values"),
        };
        table.push([name, text]);
    }
    (!table.rows.is_empty()).then(|| Section::new("Versions and devices").with_table(table))
}

fn flatten_json(prefix: &str, value: &serde_json::Value, facts: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                flatten_json(&dotted(prefix, name), value, facts);
            }
        }
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(json_text).collect();
            facts.push((prefix.to_owned(), items.join(", ")));
        }
        serde_json::Value::Null => {}
        other => facts.push((prefix.to_owned(), json_text(other))),
    }
}

fn json_text(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RunFolder, tree};
    use super::*;
    use crate::report::collect;

    #[test]
    fn tiny_numbers_of_a_configuration_have_an_exponent() {
        let text =
            "a = 0.0000000012\nb = [0.5, -0.0000001]\nc = \"ACD\"\nd = 0.0\ne = -2\nf = 0.001";
        let short = "a = 1.2e-9\nb = [0.5, -1e-7]\nc = \"ACD\"\nd = 0.0\ne = -2\nf = 0.001";
        assert_eq!(with_exponents(text), short);
        let value = |text: &str| text.parse::<toml::Table>().unwrap();
        assert_eq!(value(text), value(short));
    }

    #[test]
    fn an_environment_is_its_settings() {
        let config = "name = \"x\"\n[environment]\nkind = \"hypergrid\"\nside = 8\n[reward]\nr0 = 0.001\nr1 = 1e-300\n";
        let root = tree(&[
            RunFolder::new("a", "flex", 0)
                .with_file("config.toml", config)
                .with_figures(&[("environment.n_terminal", Some(64.0))]),
            RunFolder::new("b", "flex", 0).with_file("config.toml", "not toml ["),
        ]);
        let runs = collect(&[root.path()]).unwrap();
        assert_eq!(
            environment_label(&runs[0]),
            "hypergrid: side = 8, reward.r0 = 0.001, reward.r1 = 1e-300"
        );
        assert_eq!(environment_label(&runs[1]), "b");
        let section = format!("{:?}", environments(&runs).unwrap());
        assert!(section.contains("n_terminal = 64"), "{section}");
        assert!(
            format!(
                "{:?}",
                unfinished(&runs.iter().collect::<Vec<_>>()).unwrap()
            )
            .contains("config.toml: ")
        );
    }

    #[test]
    fn unfinished_runs_are_named_with_their_reason() {
        let root = tree(&[
            RunFolder::new("a", "flex", 0),
            RunFolder::new("a", "flex", 1).failed("loss is NaN at step 12"),
            RunFolder::new("a", "flex", 2).without("summary.json"),
        ]);
        let section = format!(
            "{:?}",
            unfinished(&collect(&[root.path()]).unwrap().iter().collect::<Vec<_>>()).unwrap()
        );
        assert!(section.contains("a/flex/seed-1") && section.contains("loss is NaN at step 12"));
        assert!(section.contains("a/flex/seed-2") && section.contains("killed, or still running"));
        assert!(!section.contains("a/flex/seed-0"));
    }

    #[test]
    fn facts_that_differ_between_runs_show_it() {
        let manifest = "{\"version\": \"0.1.0\", \"threads\": 4, \"features\": [\"flex\", \"wgpu\"], \"git\": {\"dirty\": true}}";
        let mut folders: Vec<RunFolder> = (0..5)
            .map(|seed| RunFolder::new("a", "flex", seed))
            .collect();
        folders.push(RunFolder::new("a", "flex", 9).with_file("manifest.json", manifest));
        let root = tree(&folders);
        let section =
            versions(&collect(&[root.path()]).unwrap().iter().collect::<Vec<_>>()).unwrap();
        let super::super::Block::Table(table) = &section.blocks[0] else {
            panic!("not a table")
        };
        assert_eq!(
            table.rows,
            [
                ["features", "flex, wgpu (1 of 6 runs)"],
                ["git.dirty", "true (1 of 6 runs)"],
                ["seed", "5 different values"],
                ["threads", "2 (5 of 6 runs); 4 (1 of 6 runs)"],
                ["version", "0.1.0"],
            ]
        );
    }

    #[test]
    fn configurations_say_where_runs_differ() {
        let root = tree(&[
            RunFolder::new("a", "flex", 0),
            RunFolder::new("a", "flex", 1).with_file("config.toml", "[environment]\nside = 9\n"),
        ]);
        let section = format!(
            "{:?}",
            configurations(&collect(&[root.path()]).unwrap()).unwrap()
        );
        assert!(
            section.contains("1 of 2 differ") && section.contains("side = 8"),
            "{section}"
        );
    }
}
