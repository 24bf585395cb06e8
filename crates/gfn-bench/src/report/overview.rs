//! The results of a suite: what was reached, and how fast.

use std::collections::BTreeSet;

use super::figures::{self, Figure};
use super::format;
use super::run::Run;
use super::section::{Section, Table};
use crate::plot::BarChart;

/// The quality figures of every experiment on every device: the table for the terminal and the top of the report.
///
/// A column that no run has is left out.
#[must_use]
pub fn results_table(runs: &[Run]) -> Table {
    cell_table(runs, figures::QUALITY)
}

/// One line per cell, one column per figure that some cell has.
fn cell_table(runs: &[Run], columns: &[Figure]) -> Table {
    let cells = figures::cells(runs);
    let shown: Vec<&Figure> = columns
        .iter()
        .filter(|figure| {
            cells
                .values()
                .any(|runs| figures::spread(runs, figure.name).n > 0)
        })
        .collect();
    let mut header = vec!["experiment", "device", "n"];
    header.extend(shown.iter().map(|figure| figure.label));
    let mut table = Table::new("median over seeds [min, max]", &header, 2);
    for ((experiment, device), runs) in &cells {
        let mut row = vec![
            (*experiment).to_owned(),
            (*device).to_owned(),
            runs.len().to_string(),
        ];
        row.extend(shown.iter().map(|figure| {
            format::spread_of(figure.name, runs.len(), &figures::spread(runs, figure.name))
        }));
        table.push(row);
    }
    table
}

/// The first section: counts, the table, and what each column is.
pub(super) fn results(runs: &[Run]) -> Section {
    let distinct = |name: fn(&Run) -> &str| runs.iter().map(name).collect::<BTreeSet<_>>().len();
    let complete = runs.iter().filter(|run| run.is_complete()).count();
    let experiments = counted(distinct(|run| &run.experiment), "experiment", "experiments");
    let devices = counted(distinct(|run| &run.device), "device", "devices");
    let mut text = format!(
        "{experiments} on {devices}, {}.",
        counted(complete, "complete run", "complete runs")
    );
    if complete < runs.len() {
        text += &format!(
            " **{} did not finish** and take no part in any figure; they are listed below.",
            runs.len() - complete
        );
    }
    let section = Section::new("Results").with_paragraph(&text);
    if complete == 0 {
        return section.with_paragraph("No run is complete: there are no figures to show.");
    }
    let table = results_table(runs);
    let mut meanings =
        Table::new("", &["column", "what it is"], 2).with_row(["n", "number of seeds"]);
    for figure in figures::QUALITY {
        if table.header.iter().any(|label| label == figure.label) {
            meanings.push([figure.label, figure.meaning]);
        }
    }
    section.with_table(table).with_table(meanings)
}

/// The speed table and the shares of the phases.
pub(super) fn speed(runs: &[Run]) -> Option<Section> {
    let table = cell_table(runs, figures::SPEED);
    if table.rows.is_empty() {
        return None;
    }
    let section = Section::new("Speed")
        .with_paragraph("As each run's summary states it. A ratio between two devices means something only for runs of one machine.")
        .with_table(table);
    let labels: Vec<&str> = figures::SHARES.iter().map(|figure| figure.label).collect();
    let mut chart = BarChart::new(
        "Training time by phase",
        "share of training time, %",
        &labels,
    );
    let mut has_shares = false;
    for ((experiment, device), runs) in figures::cells(runs) {
        let median = |figure: &Figure| {
            figures::spread(&runs, figure.name)
                .median
                .map_or(f64::NAN, |share| 100.0 * share)
        };
        let shares: Vec<f64> = figures::SHARES.iter().map(median).collect();
        if shares.iter().any(|share| share.is_finite()) {
            has_shares = true;
            chart = chart.with_bar(&format!("{experiment} · {device}"), &shares);
        }
    }
    Some(if has_shares {
        section.with_plot(chart)
    } else {
        section
    })
}

/// Figures that this module does not know by name, one line each.
pub(super) fn further(runs: &[Run]) -> Option<Section> {
    let mut table = Table::new(
        "median over seeds [min, max]",
        &["experiment", "device", "figure", "value"],
        3,
    );
    for ((experiment, device), runs) in figures::cells(runs) {
        // Facts of the environment have a table of their own.
        let unlisted =
            |name: &String| !figures::is_listed(name) && !name.starts_with("environment.");
        for name in figures::names(&runs).into_iter().filter(unlisted) {
            let spread = figures::spread(&runs, &name);
            if spread.n > 0 {
                let value = format::spread_of(&name, runs.len(), &spread);
                table.push([experiment.to_owned(), device.to_owned(), name, value]);
            }
        }
    }
    (!table.rows.is_empty()).then(|| Section::new("Further figures").with_table(table))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("**{count}** {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RunFolder, tree};
    use super::*;
    use crate::report::collect;

    #[test]
    fn columns_without_figures_are_left_out() {
        let root = tree(&[
            RunFolder::new("a", "flex", 0),
            RunFolder::new("a", "flex", 2).with_figures(&[("log_z", Some(1.5))]),
        ]);
        let table = results_table(&collect(&[root.path()]).unwrap());
        assert_eq!(
            table.header,
            ["experiment", "device", "n", "exact TV", "log Z"]
        );
        assert_eq!(
            table.rows,
            [[
                "a",
                "flex",
                "2",
                "0.01089 [0.009901, 0.01188]",
                "1.500 (n = 1)"
            ]]
        );
    }

    #[test]
    fn runs_that_did_not_finish_are_counted() {
        let root = tree(&[
            RunFolder::new("a", "flex", 0),
            RunFolder::new("a", "wgpu", 0).failed("x"),
        ]);
        let text = format!("{:?}", results(&collect(&[root.path()]).unwrap()));
        assert!(
            text.contains("**1** experiment on **2** devices, **1** complete run")
                && text.contains("**1 did not finish**")
        );
        let none = tree(&[RunFolder::new("a", "wgpu", 0).failed("x")]);
        assert!(
            format!("{:?}", results(&collect(&[none.path()]).unwrap()))
                .contains("No run is complete")
        );
    }

    #[test]
    fn unknown_figures_are_shown_too() {
        let figures = [
            ("bound.elbo", Some(2.5)),
            ("environment.n_terminal", Some(64.0)),
        ];
        let root = tree(&[RunFolder::new("a", "flex", 0).with_figures(&figures)]);
        let section = further(&collect(&[root.path()]).unwrap()).unwrap();
        let text = format!("{section:?}");
        assert!(text.contains("bound.elbo") && !text.contains("n_terminal"));
    }
}
