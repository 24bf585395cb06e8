//! Experiments made from one file and every combination of some settings.
//!
//! ```toml
//! [[matrix]]
//! base = "grid.toml"            # in the suite's folder; not run by itself
//! metric = "exact.tv"
//! at_most = 0.02
//!
//! [[matrix.axes]]
//! name = "objective"
//! [matrix.axes.values]
//! tb = ["objective={ kind = \"trajectory-balance\" }"]
//! db = ["objective={ kind = \"detailed-balance\" }"]
//! ```

use super::SuiteExperiment;
use crate::experiment::Experiment;
use crate::metrics::statistics::Spread;
use crate::report::{Progress, ReportRow, Run, Section, Table, Verdict, curves_plot};
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One file and its axes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixConfig {
    /// Experiment file in the suite's folder.
    pub base: String,
    /// The figure that the report tabulates.
    pub metric: String,
    /// Largest acceptable figure of every seed.
    #[serde(default)]
    pub at_most: Option<f64>,
    /// Figures that have tables of their own, without a bound.
    #[serde(default)]
    pub further: Vec<String>,
    /// Figures drawn over training: for each a plot for every value of the last axis, with a line for each combination of the others;
    /// with one axis alone, one plot with a line for each of its values.
    #[serde(default)]
    pub curves: Vec<String>,
    /// Whether each of `curves` is drawn against the seconds of a run too.
    #[serde(default)]
    pub wall_time: bool,
    /// Whether the report draws where training sampled, for the first seed of each cell whose objects lie on a plane.
    #[serde(default)]
    pub visits: bool,
    /// What varies; the last axis makes the columns of a table for each figure. One axis alone makes the rows of one table, with
    /// a column for each figure.
    pub axes: Vec<AxisConfig>,
    /// Combinations that make no sense: a cell that has all the values of one of these is left out.
    #[serde(default)]
    pub skip: Vec<Vec<String>>,
}

/// Settings by name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisConfig {
    /// Heading.
    pub name: String,
    /// The `key=value` settings of each value.
    pub values: BTreeMap<String, Vec<String>>,
}

/// Where an experiment of a matrix stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixPlace {
    /// Number of the matrix in the suite.
    pub matrix: usize,
    /// Its value on each axis.
    pub values: Vec<String>,
}

impl MatrixConfig {
    /// The experiments, in the order of the axes.
    ///
    /// # Errors
    ///
    /// If there are no axes, an axis has no values, or a combination makes no experiment.
    pub(super) fn expand(&self, number: usize, folder: &Path) -> Result<Vec<SuiteExperiment>> {
        if self.axes.is_empty() || self.axes.iter().any(|axis| axis.values.is_empty()) {
            bail!("matrix of {}: every axis needs a value", self.base);
        }
        let path = folder.join(&self.base);
        let mut combinations: Vec<(Vec<String>, Vec<String>)> = vec![Default::default()];
        for axis in &self.axes {
            combinations = combinations
                .into_iter()
                .flat_map(|(values, settings)| {
                    axis.values.iter().map(move |(name, more)| {
                        let mut combination = (values.clone(), settings.clone());
                        combination.0.push(name.clone());
                        combination.1.extend(more.iter().cloned());
                        combination
                    })
                })
                .collect();
        }
        combinations.retain(|(values, _)| {
            let skipped = |rule: &Vec<String>| rule.iter().all(|name| values.contains(name));
            !self.skip.iter().any(skipped)
        });
        let base = Path::new(&self.base).file_stem().unwrap_or_default();
        let base = base.to_string_lossy();
        combinations
            .into_iter()
            .map(|(values, mut overrides)| {
                let name = format!("{base}-{}", values.join("-"));
                overrides.push(format!("name={name:?}"));
                let experiment = Experiment::load(&path, &overrides)
                    .with_context(|| format!("cell {}", values.join(", ")))?;
                Ok(SuiteExperiment {
                    path: path.clone(),
                    overrides,
                    experiment,
                    place: Some(MatrixPlace {
                        matrix: number,
                        values,
                    }),
                })
            })
            .collect()
    }

    /// A table for each figure.
    pub(super) fn section(
        &self,
        suite: &str,
        experiments: &[&SuiteExperiment],
        runs: &[Run],
    ) -> Section {
        let title = format!("Matrix of {}", self.base.trim_end_matches(".toml"));
        let mut section = Section::new(&title).tabulating_rows();
        let further = self.further.iter().map(|metric| (metric, None));
        let figures = [(&self.metric, self.at_most)].into_iter().chain(further);
        let figures = figures.map(|(metric, bound)| {
            let cells = self.cells(experiments, runs, metric, bound);
            (metric.as_str(), bound, cells)
        });
        let figures: Vec<(&str, Option<f64>, Vec<MatrixCell<'_>>)> = figures.collect();
        if let [axis] = self.axes.as_slice() {
            section = section.with_table(self.table_of_one_axis(axis, &figures));
        }
        for (metric, bound, cells) in &figures {
            let bound = *bound;
            if let Some(bound) = bound {
                let within = cells.iter().filter(|cell| cell.is_within()).count();
                section = section.with_paragraph(&format!(
                    "{within} of {} cells stay at or below {bound} with every seed.",
                    cells.len()
                ));
            }
            if self.axes.len() > 1 {
                section = section.with_table(self.table(cells, metric, bound));
            }
            for cell in cells {
                let row = ReportRow::new(suite, cell.name, cell.device, metric, cell.spread);
                section = section.with_row(match bound {
                    Some(_) => row.with_published(None, cell.verdict()),
                    None => row,
                });
            }
        }
        section
    }

    /// The curves over training; `None` where there are none.
    pub(super) fn curves(&self, experiments: &[&SuiteExperiment], runs: &[Run]) -> Option<Section> {
        let mut columns: BTreeMap<&str, BTreeMap<String, Vec<&Run>>> = BTreeMap::new();
        for experiment in experiments {
            let (column, line) = match experiment
                .place
                .as_ref()
                .map(|place| place.values.as_slice())
            {
                Some([rows @ .., column]) if !rows.is_empty() => {
                    (column.as_str(), rows.join(" · "))
                }
                Some([only]) => ("", only.clone()),
                _ => continue,
            };
            let of_cell = runs
                .iter()
                .filter(|run| run.experiment == experiment.experiment.name);
            columns
                .entry(column)
                .or_default()
                .entry(line)
                .or_default()
                .extend(of_cell);
        }
        let axis = self.axes.last().map_or("", |axis| axis.name.as_str());
        let title = format!("Curves of {}", self.base.trim_end_matches(".toml"));
        let mut section = Section::new(&title).with_paragraph(
            "Figures of the page on metrics, by their names; lines are medians over seeds.",
        );
        let mut drawn = false;
        let wall_time = self.wall_time.then_some(Progress::WallTime);
        for figure in &self.curves {
            for (column, rows) in &columns {
                for progress in [Progress::Iterations].into_iter().chain(wall_time) {
                    let lines = rows
                        .iter()
                        .map(|(row, runs)| (row.as_str(), figure.as_str(), runs));
                    let mut title = figure.clone();
                    if progress == Progress::WallTime {
                        title.push_str(" against wall time");
                    }
                    if !column.is_empty() {
                        title = format!("{title}, {axis} {column}");
                    }
                    if let Some(plot) = curves_plot(&title, figure, lines, progress) {
                        drawn = true;
                        section = section.with_plot(plot);
                    }
                }
            }
        }
        drawn.then_some(section)
    }

    fn cells<'a>(
        &self,
        experiments: &[&'a SuiteExperiment],
        runs: &'a [Run],
        metric: &str,
        bound: Option<f64>,
    ) -> Vec<MatrixCell<'a>> {
        let cell = |experiment: &&'a SuiteExperiment| {
            let name = experiment.experiment.name.as_str();
            let of_cell: Vec<&Run> = runs.iter().filter(|run| run.experiment == name).collect();
            let finished = of_cell.iter().filter(|run| run.is_complete());
            Some(MatrixCell {
                name,
                device: of_cell.first().map_or("flex", |run| run.device.as_str()),
                place: experiment.place.as_ref()?,
                n_runs: of_cell.len(),
                spread: Spread::of_finite(finished.filter_map(|run| run.figure(metric))),
                bound,
            })
        };
        experiments.iter().filter_map(cell).collect()
    }

    /// A row for each value of the axis, a column for each figure.
    fn table_of_one_axis(
        &self,
        axis: &AxisConfig,
        figures: &[(&str, Option<f64>, Vec<MatrixCell<'_>>)],
    ) -> Table {
        let names = figures.iter().map(|(metric, ..)| *metric);
        let header: Vec<&str> = [axis.name.as_str()].into_iter().chain(names).collect();
        let mut caption =
            "Medians over the seeds that have a figure; how many where not all do.".to_owned();
        if let Some(bound) = self.at_most {
            let metric = &self.metric;
            caption.push_str(&format!(
                " {metric}: ✗ with the largest where that is above {bound}."
            ));
        }
        let mut table = Table::new(&caption, &header, 1);
        for value in axis.values.keys() {
            let text = |cells: &Vec<MatrixCell<'_>>| {
                let mut cells = cells.iter();
                let cell = cells.find(|cell| cell.place.values.as_slice() == [value.as_str()]);
                cell.map_or_else(|| "–".to_owned(), MatrixCell::text)
            };
            let texts = figures.iter().map(|(.., cells)| text(cells));
            table.push([value.clone()].into_iter().chain(texts));
        }
        table
    }

    fn table(&self, cells: &[MatrixCell<'_>], metric: &str, bound: Option<f64>) -> Table {
        let (columns, rows) = match self.axes.split_last() {
            Some((columns, rows)) => (columns.values.keys(), rows),
            None => return Table::new(metric, &[], 0),
        };
        let mut header: Vec<&str> = rows.iter().map(|axis| axis.name.as_str()).collect();
        header.extend(columns.clone().map(String::as_str));
        let caption = match bound {
            Some(bound) => format!(
                "{metric}: median over seeds; ✗ with the largest where that is above {bound}."
            ),
            None => {
                format!("{metric}: median over the seeds that have it; how many where not all do.")
            }
        };
        let mut table = Table::new(&caption, &header, rows.len());
        let mut lines: BTreeMap<&[String], BTreeMap<&str, String>> = BTreeMap::new();
        for cell in cells {
            if let Some((column, row)) = cell.place.values.split_last() {
                lines.entry(row).or_default().insert(column, cell.text());
            }
        }
        for (row, line) in lines {
            let values = columns.clone().map(|column| {
                let text = line.get(column.as_str()).map(String::as_str);
                text.unwrap_or("–").to_owned()
            });
            table.push(row.iter().cloned().chain(values));
        }
        table
    }
}

/// The runs of one experiment.
struct MatrixCell<'a> {
    name: &'a str,
    device: &'a str,
    place: &'a MatrixPlace,
    n_runs: usize,
    spread: Spread,
    bound: Option<f64>,
}

impl MatrixCell<'_> {
    /// Whether every seed keeps the bound.
    fn is_within(&self) -> bool {
        let below = |high: f64| self.bound.is_none_or(|bound| high <= bound);
        self.n_runs > 0 && self.spread.n == self.n_runs && self.spread.high.is_some_and(below)
    }

    fn verdict(&self) -> Verdict {
        match (self.n_runs, self.is_within()) {
            (0, _) => Verdict::CannotTell,
            (_, true) => Verdict::Reproduced,
            (_, false) => Verdict::NotReproduced,
        }
    }

    fn text(&self) -> String {
        let (n, of) = (self.spread.n, self.n_runs);
        match (self.spread.median, self.spread.high) {
            _ if of == 0 => "–".to_owned(),
            (Some(median), Some(_)) if self.is_within() => significant(median),
            (Some(median), Some(high)) if self.bound.is_some() => {
                format!("{} ✗ (up to {})", significant(median), significant(high))
            }
            (Some(median), _) => format!("{} ({n} of {of})", significant(median)),
            (None, _) => format!("– (0 of {of})"),
        }
    }
}

/// Two significant digits.
fn significant(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 1e-3 {
        let digits = (1.0 - value.abs().log10().floor()).clamp(0.0, 5.0) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{RunFolder, tree};
    use crate::report::{Block, collect};

    fn matrix(skip: &str) -> MatrixConfig {
        let text = format!(
            r#"
            base = "base.toml"
            metric = "exact.tv"
            at_most = 0.02
            skip = {skip}
            [[axes]]
            name = "seed of modes"
            [axes.values]
            a = ["seed=1"]
            b = ["seed=2"]
            [[axes]]
            name = "iterations"
            [axes.values]
            long = ["budget.iterations=20"]
            short = ["budget.iterations=10"]
            "#
        );
        toml::from_str(&text).unwrap()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"
            name = "base"
            [environment]
            kind = "hypergrid"
            dimensions = 2
            side = 4
            reward = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 }
            [objective]
            kind = "trajectory-balance"
            [budget]
            iterations = 1
        "#;
        std::fs::write(folder.path().join("base.toml"), text).unwrap();
        folder
    }

    #[test]
    fn every_combination_but_the_skipped() {
        let folder = folder();
        let experiments = matrix(r#"[["b", "long"]]"#)
            .expand(0, folder.path())
            .unwrap();
        let names: Vec<_> = experiments.iter().map(|e| &e.experiment.name).collect();
        assert_eq!(names, ["base-a-long", "base-a-short", "base-b-short"]);
        assert_eq!(experiments[2].experiment.seed, 2);
        assert_eq!(experiments[2].experiment.budget.iterations, 10);
    }

    #[test]
    fn curves_that_nothing_would_draw_are_refused() {
        let folder = folder();
        let axes = "[[matrix.axes]]\nname = \"seed\"\n[matrix.axes.values]\na = [\"seed=1\"]\n";
        let load = |curves: &str, curves_of_matrix: &str| {
            let text = format!(
                "title = \"t\"\n{curves}\n[[matrix]]\nbase = \"base.toml\"\nmetric = \"exact.tv\"\n{curves_of_matrix}\n{axes}"
            );
            std::fs::write(folder.path().join("suite.toml"), text).unwrap();
            let (root, name) = (
                folder.path().parent().unwrap(),
                folder.path().file_name().unwrap(),
            );
            crate::suite::Suite::load(root, &name.to_string_lossy())
        };
        let curves = "curves = [\"exact.tv\"]";
        let error = load(curves, "").unwrap_err().to_string();
        assert!(
            error.contains("suite.toml") && error.contains("into [[matrix]]"),
            "{error}"
        );
        assert_eq!(load("", curves).unwrap().experiments.len(), 1);
    }

    #[test]
    fn a_wrong_setting_names_its_cell() {
        let folder = folder();
        let mut matrix = matrix("[]");
        let values = &mut matrix.axes[1].values;
        values.insert("none".to_owned(), vec!["budget.iterations=0".to_owned()]);
        let error = matrix.expand(0, folder.path()).unwrap_err();
        assert!(format!("{error:#}").contains("cell a, none"), "{error:#}");
    }

    #[test]
    fn curves_have_a_plot_for_each_column_and_a_line_for_each_row() {
        let experiments = matrix(r#"[["b", "long"]]"#)
            .expand(0, folder().path())
            .unwrap();
        let root = tree(&[
            RunFolder::new("base-a-long", "flex", 0),
            RunFolder::new("base-a-short", "flex", 0),
            RunFolder::new("base-b-short", "flex", 0),
        ]);
        let runs = collect(&[root.path()]).unwrap();
        let drawn = |matrix: &MatrixConfig, experiments: &[SuiteExperiment]| {
            let section = matrix.curves(&experiments.iter().collect::<Vec<_>>(), &runs)?;
            let plots = section.blocks.into_iter().filter_map(|block| match block {
                Block::Plot(plot) => Some((plot.title().to_owned(), plot.to_svg().unwrap())),
                _ => None,
            });
            Some(plots.collect::<Vec<_>>())
        };
        let mut asked = matrix("[]");
        assert!(
            drawn(&asked, &experiments).is_none(),
            "no curve is asked for"
        );
        asked.curves = vec!["exact.tv".to_owned(), "nothing".to_owned()];
        let plots = drawn(&asked, &experiments).unwrap();
        let titles: Vec<&str> = plots.iter().map(|(title, _)| title.as_str()).collect();
        assert_eq!(
            titles,
            ["exact.tv, iterations long", "exact.tv, iterations short"]
        );
        let lines = |svg: &str| ["\na\n", "\nb\n"].map(|name| svg.contains(name));
        assert_eq!(lines(&plots[0].1), [true, false]);
        assert_eq!(lines(&plots[1].1), [true, true]);

        asked.wall_time = true;
        let plots = drawn(&asked, &experiments).unwrap();
        let timed: Vec<&str> = plots.iter().map(|(title, _)| title.as_str()).collect();
        let wall = |column| format!("exact.tv against wall time, iterations {column}");
        assert_eq!(timed, [titles[0], &wall("long"), titles[1], &wall("short")]);
        assert!(plots[1].1.contains("wall time, s"));
        asked.wall_time = false;

        // One axis: one plot, a line for each of its values.
        asked.axes.truncate(1);
        let mut alone = experiments[1..].to_vec();
        for (experiment, value) in alone.iter_mut().zip(["a", "b"]) {
            experiment.place = Some(MatrixPlace {
                matrix: 0,
                values: vec![value.to_owned()],
            });
        }
        let plots = drawn(&asked, &alone).unwrap();
        assert_eq!(plots.len(), 1);
        assert_eq!(plots[0].0, "exact.tv");
        assert_eq!(lines(&plots[0].1), [true, true]);
    }

    #[test]
    fn one_axis_makes_the_rows_of_one_table() {
        let mut matrix = matrix("[]");
        matrix.axes.truncate(1);
        matrix.further = vec!["loss".to_owned(), "nothing".to_owned()];
        let experiments = matrix.expand(0, folder().path()).unwrap();
        let runs = [
            RunFolder::new("base-a", "flex", 0),
            RunFolder::new("base-a", "flex", 1),
        ];
        let root = tree(&runs);
        let runs = collect(&[root.path()]).unwrap();
        let of_matrix: Vec<&SuiteExperiment> = experiments.iter().collect();
        let section = matrix.section("s", &of_matrix, &runs);
        let tables = section.blocks.iter().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            _ => None,
        });
        let [table] = tables.collect::<Vec<_>>()[..] else {
            panic!("one table");
        };
        assert_eq!(
            table.header,
            ["seed of modes", "exact.tv", "loss", "nothing"]
        );
        assert_eq!(table.rows.len(), 2);
        assert_eq!(table.rows[0][0], "a");
        assert_eq!(table.rows[0][3], "– (0 of 2)");
        assert_eq!(table.rows[1], ["b", "–", "–", "–"]);
    }

    #[test]
    fn figures_have_two_digits() {
        assert_eq!(significant(0.0123), "0.012");
        assert_eq!(significant(1.26), "1.3");
        assert_eq!(significant(1.26e-5), "1.3e-5");
        assert_eq!(significant(-0.8142), "-0.81");
        assert_eq!(significant(12_345.0), "12345");
    }
}
