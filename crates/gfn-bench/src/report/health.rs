//! What was found wrong while training, run by run, and why runs ended early.

use std::cmp::Reverse;

use super::format;
use super::run::Run;
use super::section::{Section, Table};

/// The diagnoses of all runs, and the runs that stopped before their budget did.
pub(super) fn section(runs: &[Run]) -> Option<Section> {
    let header = ["run", "severity", "iterations", "what", "what helps"];
    let mut diagnoses = Table::new("", &header, header.len());
    let mut stopped = Table::new("stopped early", &["run", "iterations", "reason"], 3);
    let mut ill = 0;
    for run in runs {
        let mut entries: Vec<_> = run.health.iter().collect();
        entries.sort_by_key(|entry| Reverse(entry.severity));
        ill += usize::from(!entries.is_empty());
        for entry in entries {
            diagnoses.push([
                run.label(),
                entry.severity.to_string(),
                iterations(entry.first_iteration, entry.last_iteration),
                entry.sentence.clone(),
                entry.remedy.clone(),
            ]);
        }
        if let Some(summary) = &run.summary
            && let Some(reason) = summary.text("stopped")
        {
            let made = summary.iterations().unwrap_or_default();
            stopped.push([run.label(), format::number(made as f64), reason.to_owned()]);
        }
    }
    if diagnoses.rows.is_empty() && stopped.rows.is_empty() {
        return None;
    }
    let mut section = Section::new("Training health");
    if !diagnoses.rows.is_empty() {
        section = section
            .with_paragraph(&format!(
                "Something was found wrong in **{ill}** of {} runs. Each line is as of the last iteration in which it was \
                 found.",
                runs.len()
            ))
            .with_table(diagnoses);
    }
    if !stopped.rows.is_empty() {
        section = section.with_table(stopped);
    }
    Some(section)
}

fn iterations(first: u64, last: u64) -> String {
    let number = |iteration: u64| format::number(iteration as f64);
    if first == last {
        number(first)
    } else {
        format!("{} to {}", number(first), number(last))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RunFolder, tree};
    use crate::report::{collect, write_report};

    const HEALTH: &str = r#"[
        {"severity": "note", "kind": "reward-floor", "first_iteration": 100, "last_iteration": 100,
         "sentence": "all rewards are <small>", "remedy": "explore"},
        {"severity": "warning", "kind": "log-z-behind", "first_iteration": 100, "last_iteration": 4000,
         "sentence": "log Z is 52 nats behind", "remedy": "raise its rate"}
    ]"#;

    #[test]
    fn the_report_shows_the_sentences_of_each_run() {
        let root = tree(&[
            RunFolder::new("a", "flex", 0).with_file("health.json", HEALTH),
            RunFolder::new("a", "flex", 1).with_file("health.json", "[]"),
            RunFolder::new("a", "flex", 2)
                .with_file("health.json", HEALTH)
                .failed("loss is NaN"),
            RunFolder::new("a", "flex", 3).with_file(
                "summary.json",
                r#"{"iterations": 40, "stopped": "exact.tv = 0.1"}"#,
            ),
        ]);
        let runs = collect(&[root.path()]).unwrap();
        let out = tempfile::tempdir().unwrap();
        let paths = write_report("smoke", &runs, &[], &[], out.path()).unwrap();
        for path in [&paths.html, &paths.markdown] {
            let text = std::fs::read_to_string(path).unwrap();
            for (part, times) in [
                ("Training health", 1),
                ("log Z is 52 nats behind", 2),
                ("all rewards are &lt;small", 2),
                ("100 to 4000", 2),
                ("exact.tv = 0.1", 1),
            ] {
                assert!(text.matches(part).count() >= times, "{part}: {text}");
            }
            assert!(text.contains("in <strong>2</strong> of 4") || text.contains("**2** of 4"));
            let warning = text.find("log Z is 52 nats").unwrap();
            assert!(
                warning < text.find("all rewards are").unwrap(),
                "the gravest first"
            );
        }
    }

    #[test]
    fn healthy_runs_need_no_section_and_a_torn_file_is_a_problem() {
        let root = tree(&[
            RunFolder::new("a", "flex", 0).with_file("health.json", "[]"),
            RunFolder::new("a", "flex", 1),
        ]);
        assert_eq!(super::section(&collect(&[root.path()]).unwrap()), None);
        let torn = tree(&[RunFolder::new("a", "flex", 0).with_file("health.json", "[{")]);
        let runs = collect(&[torn.path()]).unwrap();
        assert!(
            runs[0].problems[0].starts_with("health.json: "),
            "{:?}",
            runs[0].problems
        );
    }
}
