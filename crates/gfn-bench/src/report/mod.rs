//! Reports of a suite: one page for people, one Markdown page for the repository, one JSON file for programs.
//!
//! A report is made from run folders alone, so it can be made again at any time, from runs of any machine, complete or
//! not. Its flow is: [`collect`] reads run folders into [`Run`]s, the built-in parts and a suite's own [`Section`]s become
//! one list of blocks, and that list is rendered twice. Nothing is computed while rendering, so the page and the Markdown
//! cannot differ in a number.
//!
//! Every figure is a median over seeds with its smallest and largest value, never a mean with a standard error: there are
//! three to ten seeds. A seed without a finite figure does not count, and the printed `n` says so.
//!
//! - [`write_report`]: `report.html`, `report.md` with `plots/`, `report.json`
//! - [`publish`]: the committed copy of a report
//! - [`compare`]: two sets of runs, figure by figure

mod aligned;
mod chosen;
mod compare;
mod curves;
mod figures;
mod format;
mod health;
mod html;
mod markdown;
mod overview;
mod provenance;
mod publish;
mod row;
mod run;
mod section;
#[cfg(test)]
pub(crate) mod testing;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub use aligned::Progress;
pub use chosen::{chosen_curves, curves_plot};
pub use compare::{Comparison, ComparisonRow, compare};
pub use overview::results_table;
pub use publish::publish;
pub use row::{ReportFile, ReportRow, Verdict, rows};
pub use run::{Run, RunState, collect};
pub use section::{Block, Section, Table};

use crate::summary::write_atomically;

/// Where a report was written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPaths {
    /// The self-contained page.
    pub html: PathBuf,
    /// The Markdown page; its plots are in `plots/` beside it.
    pub markdown: PathBuf,
    /// The machine-readable rows.
    pub json: PathBuf,
}

/// Writes the report of `suite` into `out_dir`.
///
/// `tabulated` are further runs, whose figures stand in `extra_sections`: the page adds only their problems and their versions.
///
/// `extra_sections` are a suite's own parts; they come right after the results. Their rows join `report.json`, and one
/// with the study, cell, device and metric of a built-in row replaces it, which is how a suite adds published figures.
///
/// # Errors
///
/// If a plot cannot be drawn or a file cannot be written; every file is then the whole old one or the whole new one.
pub fn write_report(
    suite: &str,
    runs: &[Run],
    tabulated: &[Run],
    extra_sections: &[Section],
    out_dir: &Path,
) -> anyhow::Result<ReportPaths> {
    let rows = row::merged(rows(suite, runs), extra_sections);
    let mut sections = Vec::new();
    if !runs.is_empty() || extra_sections.is_empty() {
        sections.push(overview::results(runs));
    }
    sections.extend(row::published_section(&rows, extra_sections));
    sections.extend(extra_sections.iter().cloned());
    sections.extend(curves::sections(runs));
    sections.extend(overview::speed(runs));
    sections.extend(overview::further(runs));
    sections.extend(provenance::environments(runs));
    sections.extend(health::section(runs));
    let all: Vec<&Run> = runs.iter().chain(tabulated).collect();
    sections.extend(provenance::unfinished(&all));
    sections.extend(provenance::configurations(runs));
    sections.extend(provenance::versions(&all));
    let plots = section::drawn(&sections)?;

    let plots_dir = out_dir.join("plots");
    fs::create_dir_all(&plots_dir)
        .with_context(|| format!("cannot make the folder {}", plots_dir.display()))?;
    for plot in &plots {
        write_atomically(&plots_dir.join(&plot.file_name), plot.svg.as_bytes())?;
    }
    let paths = ReportPaths {
        html: out_dir.join("report.html"),
        markdown: out_dir.join("report.md"),
        json: out_dir.join("report.json"),
    };
    write_atomically(&paths.html, html::page(suite, &sections, &plots).as_bytes())?;
    write_atomically(
        &paths.markdown,
        markdown::page(suite, &sections, &plots).as_bytes(),
    )?;
    let mut json = serde_json::to_vec_pretty(&ReportFile {
        suite: suite.to_owned(),
        rows,
    })?;
    json.push(b'\n');
    write_atomically(&paths.json, &json)?;
    let current = plots
        .iter()
        .map(|plot| plot.file_name.clone().into())
        .collect();
    publish::remove_plots_except(&current, &plots_dir)?;
    Ok(paths)
}

#[cfg(test)]
mod tests;
