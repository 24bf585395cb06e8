//! Target and learned distribution side by side, for problems whose objects lie on a plane.

use crate::plot::{HeatMap, HeatPanel};
use crate::report::{Run, Section};
use crate::run::file;

/// One pair of maps for the first seed of each experiment that wrote a distribution.
pub(super) fn section(runs: &[Run]) -> Option<Section> {
    let mut drawn: Vec<(&str, &str)> = Vec::new();
    let mut section = Section::new("Target and learned distribution").with_paragraph(
        "Exact probability of every object, R/Z beside P_T, for the first seed of each experiment whose objects lie on a \
         plane.",
    );
    for run in runs {
        let key = (run.experiment.as_str(), run.device.as_str());
        if drawn.contains(&key) {
            continue;
        }
        if let Some(map) = read(run) {
            drawn.push(key);
            section = section.with_plot(map);
        }
    }
    (!drawn.is_empty()).then_some(section)
}

fn read(run: &Run) -> Option<HeatMap> {
    let text = std::fs::read_to_string(run.folder.join(file::DISTRIBUTION)).ok()?;
    let mut cells = Vec::new();
    for line in text.lines().skip(1) {
        let mut parts = line.split(',');
        let row: usize = parts.next()?.parse().ok()?;
        let column: usize = parts.next()?.parse().ok()?;
        let target: f64 = parts.next()?.parse().ok()?;
        let learned: f64 = parts.next()?.parse().ok()?;
        cells.push((row, column, target, learned));
    }
    cells.sort_by_key(|c| (c.0, c.1));
    let columns = cells.iter().map(|c| c.1).max()? + 1;
    let panel = |name: &str, pick: fn(&(usize, usize, f64, f64)) -> f64| {
        HeatPanel::new(name, columns, cells.iter().map(pick).collect())
    };
    Some(
        HeatMap::new(
            &format!("{} on {}", run.experiment, run.device),
            "probability",
        )
        .with_panel(panel("target R/Z", |c| c.2))
        .with_panel(panel("learned P_T", |c| c.3)),
    )
}
