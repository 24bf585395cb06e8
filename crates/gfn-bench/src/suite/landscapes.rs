//! Maps for problems whose objects lie on a plane: target and learned distribution, and where training sampled.

use crate::plot::{HeatMap, HeatPanel, Scale};
use crate::report::{Run, Section};
use crate::run::file;
use std::collections::BTreeMap;

/// Maps for the first seed of each experiment that wrote them: distributions of `runs`, and where training sampled in `visited`.
pub(super) fn sections<'a>(runs: &[Run], visited: impl Iterator<Item = &'a Run>) -> Vec<Section> {
    let learned = Section::new("Target and learned distribution").with_paragraph(
        "Exact probability of every object, R/Z beside P_T, for the first seed of each experiment whose objects lie on a \
         plane.",
    );
    let sampled = Section::new("Where training sampled").with_paragraph(
        "How often each object was in a training batch, whichever source it came from, in the iterations above each map; \
         the first seed of each experiment. Grey: never.",
    );
    let drawn = [
        draw(runs.iter(), learned, distribution),
        draw(visited, sampled, visits),
    ];
    drawn.into_iter().flatten().collect()
}

fn draw<'a>(
    runs: impl Iterator<Item = &'a Run>,
    mut section: Section,
    read: fn(&Run) -> Option<HeatMap>,
) -> Option<Section> {
    let mut drawn: Vec<(&str, &str)> = Vec::new();
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

fn visits(run: &Run) -> Option<HeatMap> {
    let text = std::fs::read_to_string(run.folder.join(file::VISITS)).ok()?;
    visits_of(&text, &format!("{} on {}", run.experiment, run.device))
}

/// A panel for each part of the run, all of one size.
fn visits_of(csv: &str, title: &str) -> Option<HeatMap> {
    let mut parts: BTreeMap<[usize; 2], Vec<[usize; 3]>> = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let numbers: Vec<usize> = line.split(',').filter_map(|n| n.parse().ok()).collect();
        let &[first, last, row, column, n] = numbers.as_slice() else {
            return None;
        };
        parts
            .entry([first, last])
            .or_default()
            .push([row, column, n]);
    }
    let largest = |i: usize| parts.values().flatten().map(|cell| cell[i]).max();
    let (rows, columns) = (largest(0)? + 1, largest(1)? + 1);
    let map = HeatMap::new(title, "samples").with_scale(Scale::Log);
    Some(parts.into_iter().fold(map, |map, ([first, last], cells)| {
        let mut values = vec![f64::NAN; rows * columns];
        for [row, column, n] in cells {
            values[row * columns + column] = n as f64;
        }
        map.with_panel(HeatPanel::new(
            &format!("{first} to {last}"),
            columns,
            values,
        ))
    }))
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

fn distribution(run: &Run) -> Option<HeatMap> {
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

    #[test]
    fn visits_have_a_panel_for_each_part() {
        let csv = "first_iteration,last_iteration,row,column,samples\n1,5,0,0,9\n6,10,1,2,4\n";
        let svg = visits_of(csv, "t").unwrap().to_svg().unwrap();
        assert!(svg.contains("1 to 5") && svg.contains("6 to 10"), "{svg}");
        assert!(visits_of("header\n1,5,0,x,9\n", "t").is_none());
        assert!(visits_of("header\n", "t").is_none());
    }
}
