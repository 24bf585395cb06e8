//! Pictures of what was learned: maps for problems whose objects lie on a plane, of target and learned distribution and of where
//! training sampled; and graphs, of problems that draw one.

use crate::picture::GraphPicture;
use crate::plot::{GraphPlot, HeatMap, HeatPanel, Plot, Scale};
use crate::report::{Run, Section, Table};
use crate::run::file;
use std::collections::BTreeMap;

/// Most edges of a table.
const MOST_EDGES: usize = 30;

/// Pictures for the first seed of each experiment that wrote them: distributions of `runs`, where training sampled in `visited`,
/// and graphs of `all`.
pub(super) fn sections<'a>(
    runs: &[Run],
    visited: impl Iterator<Item = &'a Run>,
    all: &[Run],
) -> Vec<Section> {
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
    drawn.into_iter().flatten().chain(graphs(all)).collect()
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

/// A graph and the table of its heaviest edges for the first seed of each experiment that wrote one.
fn graphs(runs: &[Run]) -> Option<Section> {
    let mut section = Section::new("Edges of the samples").with_paragraph(
        "How many of the samples of the last evaluation have each edge, or pass it, for the first seed of each experiment. The \
         width of an arrow is its share.",
    );
    let mut drawn: Vec<(&str, &str)> = Vec::new();
    for run in runs {
        let key = (run.experiment.as_str(), run.device.as_str());
        if drawn.contains(&key) {
            continue;
        }
        let text = std::fs::read_to_string(run.folder.join(file::GRAPH)).ok();
        let picture = text.and_then(|text| serde_json::from_str::<GraphPicture>(&text).ok());
        if let Some(picture) = picture {
            drawn.push(key);
            let title = format!("{} on {}", run.experiment, run.device);
            let table = edge_table(&title, &picture);
            let plot: Plot = GraphPlot::new(&title, picture).into();
            section = section.with_plot(plot).with_table(table);
        }
    }
    (!drawn.is_empty()).then_some(section)
}

/// The heaviest edges, by the last panel: the exact one, where there is one.
fn edge_table(title: &str, picture: &GraphPicture) -> Table {
    let knows = picture.edges.iter().any(|edge| edge.known.is_some());
    let mut header = vec!["from", "to"];
    header.extend(knows.then_some("known"));
    let n_text_columns = header.len();
    header.extend(picture.panels.iter().map(String::as_str));
    let mut edges: Vec<_> = picture.edges.iter().collect();
    let last = |weights: &[f64]| weights.last().copied().unwrap_or(0.0);
    // The sort is stable: edges of one weight keep their order.
    edges.sort_by(|a, b| last(&b.weights).total_cmp(&last(&a.weights)));
    let name = |node: usize| {
        picture
            .nodes
            .get(node)
            .map_or("", |node| node.name.as_str())
    };
    let caption = if edges.len() > MOST_EDGES {
        format!(
            "{title}: the {MOST_EDGES} heaviest edges of {}",
            edges.len()
        )
    } else {
        title.to_owned()
    };
    let rows = edges.into_iter().take(MOST_EDGES);
    rows.fold(
        Table::new(&caption, &header, n_text_columns),
        |table, edge| {
            let mut row = vec![name(edge.from).to_owned(), name(edge.to).to_owned()];
            let known = edge.known.map(|known| if known { "yes" } else { "no" });
            row.extend(knows.then(|| known.unwrap_or("").to_owned()));
            row.extend(edge.weights.iter().map(|weight| format!("{weight:.3}")));
            table.with_row(row)
        },
    )
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
    fn edges_are_listed_by_their_last_weight() {
        let picture: GraphPicture = serde_json::from_str(
            r#"{"panels": ["samples", "exact"], "nodes": [{"name": "a"}, {"name": "b"}],
                "edges": [{"from": 0, "to": 1, "weights": [0.9, 0.25], "known": true},
                          {"from": 1, "to": 0, "weights": [0.1, 0.5], "known": false}]}"#,
        )
        .unwrap();
        let table = edge_table("t", &picture);
        assert_eq!(table.header, ["from", "to", "known", "samples", "exact"]);
        assert_eq!(table.rows[0], ["b", "a", "no", "0.100", "0.500"]);
        assert_eq!(table.rows[1], ["a", "b", "yes", "0.900", "0.250"]);
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
