//! Curves that a suite asks for by name: figures over training, and several figures of one experiment in one plot.

use std::collections::BTreeMap;

use super::aligned::{Progress, seed_curves};
use super::run::Run;
use super::section::Section;
use crate::plot::{LinePlot, Scale, Series};

/// The curves a suite asks for.
///
/// For each group of figures one plot of each experiment, so that a loss can be seen beside what it says nothing of; its axis is
/// logarithmic where all values are positive. For each of `figures` one plot with a line for each experiment. `None` where
/// no run has such a figure.
pub fn chosen_curves(
    runs: &[Run],
    together: &[Vec<String>],
    figures: &[String],
) -> Option<Section> {
    let mut experiments: BTreeMap<String, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        experiments.entry(name(run)).or_default().push(run);
    }
    let mut plots = Vec::new();
    for group in together {
        for (experiment, runs) in &experiments {
            let lines = group
                .iter()
                .map(|figure| (figure.as_str(), figure.as_str(), runs));
            let title = format!("{}, {experiment}", group.join(" beside "));
            plots.extend(curves_plot(&title, "value", lines, Progress::Iterations));
        }
    }
    for figure in figures {
        let lines = experiments
            .iter()
            .map(|(experiment, runs)| (experiment.as_str(), figure.as_str(), runs));
        plots.extend(curves_plot(
            &format!("{figure} of every experiment"),
            figure,
            lines,
            Progress::Iterations,
        ));
    }
    let section = Section::new("Curves of this suite").with_paragraph(
        "Figures of the page on metrics, by their names; lines are medians over seeds.",
    );
    (!plots.is_empty()).then(|| plots.into_iter().fold(section, Section::with_plot))
}

/// Experiment and device, as lines are named.
fn name(run: &Run) -> String {
    if run.device == "flex" {
        run.experiment.clone()
    } else {
        format!("{} · {}", run.experiment, run.device)
    }
}

/// One plot over training of `(name of the line, figure, runs of all seeds)` against `progress`, labelled `label` on its vertical axis,
/// which is logarithmic where all values are positive; lines are medians over seeds. `None` where no run has any of the figures.
pub fn curves_plot<'a>(
    title: &str,
    label: &str,
    lines: impl Iterator<Item = (&'a str, &'a str, &'a Vec<&'a Run>)>,
    progress: Progress,
) -> Option<LinePlot> {
    let mut series = Vec::new();
    let mut positive = true;
    for (name, figure, runs) in lines {
        let curves = seed_curves(runs, figure, progress);
        if curves.iter().all(Vec::is_empty) {
            continue;
        }
        positive &= curves.iter().flatten().all(|(_, value)| *value > 0.0);
        series.push(Series::over_seeds(name, &curves));
    }
    let scale = if positive { Scale::Log } else { Scale::Linear };
    let plot = LinePlot::new(title, progress.label(), label).with_y_scale(scale);
    (!series.is_empty()).then(|| series.into_iter().fold(plot, LinePlot::with_series))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RunFolder, tree};
    use super::*;
    use crate::report::collect;
    use crate::report::section::Block;

    #[test]
    fn figures_are_drawn_together_and_alone() {
        let root = tree(&[
            RunFolder::new("a", "flex", 0),
            RunFolder::new("b", "wgpu", 0),
        ]);
        let runs = collect(&[root.path()]).unwrap();
        let group = vec!["loss".to_owned(), "exact.tv".to_owned()];
        let section = chosen_curves(&runs, &[group], &["exact.tv".to_owned()]).unwrap();
        let titles: Vec<&str> = section
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Plot(plot) => Some(plot.title()),
                _ => None,
            })
            .collect();
        assert_eq!(
            titles,
            [
                "loss beside exact.tv, a",
                "loss beside exact.tv, b · wgpu",
                "exact.tv of every experiment"
            ]
        );
        assert_eq!(chosen_curves(&runs, &[], &["nothing".to_owned()]), None);
    }
}
