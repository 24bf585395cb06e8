//! Learning curves: each quantity over training, one line per experiment and device.

use std::collections::{BTreeMap, BTreeSet};

use super::aligned::{Progress, seed_curves, trajectories_per_iteration};
use super::provenance::environment_label;
use super::run::Run;
use super::section::Section;
use crate::metrics::statistics::median;
use crate::plot::{LinePlot, Scale, Series};

/// Lines of a plot: beyond that nobody can follow one.
const MOST_LINES: usize = 10;

/// A quantity worth a plot.
struct Quantity {
    name: &'static str,
    title: &'static str,
    label: &'static str,
}

const EXACT_TV: Quantity = Quantity {
    name: "exact.tv",
    title: "Exact TV",
    label: "exact TV",
};
const WINDOW_TV: Quantity = Quantity {
    name: "window.tv",
    title: "Window TV",
    label: "window TV",
};
const LOG_Z_ERROR: Quantity = Quantity {
    name: "log_z_error",
    title: "Error of log Z",
    label: "|log Z − log Z*|",
};
const LOSS: Quantity = Quantity {
    name: "loss",
    title: "Loss",
    label: "loss",
};

/// The runs of one experiment on one device, under the name of their line.
struct Line<'a> {
    name: String,
    runs: Vec<&'a Run>,
}

/// The section with all learning curves; `None` if no run has one.
pub(super) fn sections(runs: &[Run]) -> Option<Section> {
    let mut section = Section::new("Learning curves").with_paragraph(
        "Lines are medians over seeds, bands reach from the smallest to the largest seed. Curves with many points are \
         averaged over stretches of training. Only complete runs are drawn where an experiment has any.",
    );
    let without_plots = section.blocks.len();
    for (environment, lines) in by_environment(runs) {
        for (index, chunk) in lines.chunks(MOST_LINES).enumerate() {
            let plots = plots(chunk);
            if plots.is_empty() {
                continue;
            }
            let part = if index == 0 {
                String::new()
            } else {
                format!(" ({})", index + 1)
            };
            section = section.with_heading(&format!("{environment}{part}"));
            for plot in plots {
                section = section.with_plot(plot);
            }
        }
    }
    (section.blocks.len() > without_plots).then_some(section)
}

/// Lines that share an environment share a plot: others have nothing to do with each other.
fn by_environment(runs: &[Run]) -> BTreeMap<String, Vec<Line<'_>>> {
    let mut cells: BTreeMap<(String, &str, &str), Vec<&Run>> = BTreeMap::new();
    for run in runs.iter().filter(|run| !run.metrics.is_empty()) {
        cells
            .entry((environment_label(run), &run.experiment, &run.device))
            .or_default()
            .push(run);
    }
    let several_devices = runs
        .iter()
        .map(|run| &run.device)
        .collect::<BTreeSet<_>>()
        .len()
        > 1;
    let mut groups: BTreeMap<String, Vec<Line<'_>>> = BTreeMap::new();
    for ((environment, experiment, device), runs) in cells {
        let mut name = if several_devices {
            format!("{experiment} · {device}")
        } else {
            experiment.to_owned()
        };
        let complete: Vec<&Run> = runs
            .iter()
            .copied()
            .filter(|run| run.is_complete())
            .collect();
        let runs = if complete.is_empty() {
            name += " (incomplete)";
            runs
        } else {
            complete
        };
        groups
            .entry(environment)
            .or_default()
            .push(Line { name, runs });
    }
    groups
}

fn plots(lines: &[Line<'_>]) -> Vec<LinePlot> {
    let all_count_trajectories = lines
        .iter()
        .flat_map(|line| &line.runs)
        .all(|run| trajectories_per_iteration(run).is_some());
    let progress = if all_count_trajectories {
        Progress::Trajectories
    } else {
        Progress::Iterations
    };
    let has = |name: &str| {
        lines
            .iter()
            .flat_map(|line| &line.runs)
            .any(|run| run.metrics.contains_key(name))
    };
    // Where the exact distance is out of reach, the empirical one has to do.
    let distance = if has(EXACT_TV.name) {
        EXACT_TV
    } else {
        WINDOW_TV
    };
    [
        (&distance, progress),
        (&distance, Progress::WallTime),
        (&LOG_Z_ERROR, progress),
        (&LOSS, progress),
    ]
    .into_iter()
    .filter(|(quantity, _)| has(quantity.name))
    .map(|(quantity, progress)| plot(quantity, progress, lines))
    .collect()
}

fn plot(quantity: &Quantity, progress: Progress, lines: &[Line<'_>]) -> LinePlot {
    let title = format!("{} against {}", quantity.title, progress.label());
    let mut plot = LinePlot::new(&title, progress.label(), quantity.label)
        .with_y_scale(scale(quantity, lines));
    for line in lines {
        plot = plot.with_series(Series::over_seeds(
            &line.name,
            &seed_curves(&line.runs, quantity.name, progress),
        ));
    }
    if quantity.name == WINDOW_TV.name {
        let floors = lines
            .iter()
            .flat_map(|line| &line.runs)
            .filter_map(|run| run.figure("window.tv_floor"));
        let floors: Vec<f64> = floors.collect();
        if !floors.is_empty() {
            plot = plot.with_reference("sampling floor", median(&floors));
        }
    }
    plot
}

/// Logarithmic, unless a value below zero would be lost: a loss need not be a square.
fn scale(quantity: &Quantity, lines: &[Line<'_>]) -> Scale {
    let samples = lines
        .iter()
        .flat_map(|line| &line.runs)
        .filter_map(|run| run.metrics.get(quantity.name))
        .flatten();
    let signed = quantity.name == LOSS.name && samples.into_iter().any(|sample| sample.value < 0.0);
    if signed { Scale::Linear } else { Scale::Log }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RunFolder, tree};
    use super::*;
    use crate::report::collect;
    use crate::report::section::Block;

    fn titles(section: &Section) -> Vec<String> {
        let title = |block: &Block| match block {
            Block::Plot(plot) => Some(plot.title().to_owned()),
            Block::Heading(text) => Some(format!("# {text}")),
            _ => None,
        };
        section.blocks.iter().filter_map(title).collect()
    }

    #[test]
    fn experiments_in_one_environment_share_plots() {
        let other = "[environment]\nkind = \"tfbind8\"\n";
        let root = tree(&[
            RunFolder::new("a", "flex", 0),
            RunFolder::new("b", "flex", 0),
            RunFolder::new("c", "flex", 0)
                .with_file("config.toml", other)
                .without("summary.json"),
        ]);
        let section = sections(&collect(&[root.path()]).unwrap()).unwrap();
        let found = titles(&section);
        assert_eq!(
            found.iter().filter(|title| title.starts_with('#')).count(),
            2
        );
        assert_eq!(
            found[1..3],
            [
                "Exact TV against trajectories",
                "Exact TV against wall time, s"
            ]
        );
        assert!(
            found.contains(&"Exact TV against iterations".to_owned()),
            "no summary, no trajectories: {found:?}"
        );
        assert!(format!("{section:?}").contains("c (incomplete)"));
    }

    #[test]
    fn nothing_to_draw_is_no_section() {
        let root = tree(&[RunFolder::new("a", "flex", 0).without("metrics.csv")]);
        assert_eq!(sections(&collect(&[root.path()]).unwrap()), None);
    }
}
