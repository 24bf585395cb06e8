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

/// Row, column, target and learned probability.
type Cell = (usize, usize, f64, f64);

/// Row-major values of all cells up to the last row; NaN where there is no object.
fn matrix(cells: &[Cell], columns: usize, pick: fn(&Cell) -> f64) -> Vec<f64> {
    let rows = cells.iter().map(|c| c.0 + 1).max().unwrap_or(0);
    let mut values = vec![f64::NAN; rows * columns];
    for cell in cells {
        values[cell.0 * columns + cell.1] = pick(cell);
    }
    values
}

fn read(run: &Run) -> Option<HeatMap> {
    let text = std::fs::read_to_string(run.folder.join(file::DISTRIBUTION)).ok()?;
    let mut cells: Vec<Cell> = Vec::new();
    for line in text.lines().skip(1) {
        let mut parts = line.split(',');
        let row: usize = parts.next()?.parse().ok()?;
        let column: usize = parts.next()?.parse().ok()?;
        let target: f64 = parts.next()?.parse().ok()?;
        let learned: f64 = parts.next()?.parse().ok()?;
        cells.push((row, column, target, learned));
    }
    let columns = cells.iter().map(|c| c.1).max()? + 1;
    let panel = |name: &str, pick: fn(&Cell) -> f64| {
        HeatPanel::new(name, columns, matrix(&cells, columns, pick))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_without_an_object_have_no_value() {
        let cells = [(1, 0, 0.5, 0.25), (0, 1, 0.2, 0.3), (0, 0, 0.3, 0.45)];
        let values = matrix(&cells, 2, |c| c.2);
        assert_eq!(values[..3], [0.3, 0.2, 0.5]);
        assert!(values[3].is_nan(), "{values:?}");
    }
}
