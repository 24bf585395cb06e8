//! Two sets of runs, figure by figure.

use std::collections::BTreeSet;

use super::figures;
use super::format;
use super::markdown;
use super::run::Run;
use super::section::Table;
use crate::metrics::statistics::Spread;

/// What [`compare`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Figures that both sides have.
    pub rows: Vec<ComparisonRow>,
    /// `experiment/device` of complete runs that only the first set has.
    pub only_in_a: Vec<String>,
    /// `experiment/device` of complete runs that only the second set has.
    pub only_in_b: Vec<String>,
}

/// One figure of one experiment in both sets.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonRow {
    /// The experiment.
    pub experiment: String,
    /// The device of the first set.
    pub device_a: String,
    /// The device of the second set.
    pub device_b: String,
    /// The figure's name as in `summary.json`.
    pub metric: String,
    /// The first set, over its seeds.
    pub a: Spread,
    /// The second set, over its seeds.
    pub b: Spread,
    /// Median of b minus median of a.
    pub difference: f64,
    /// Median of b over median of a; NaN or infinite where the latter is 0.
    pub ratio: f64,
    /// Whether the ranges over seeds share a value. Where they do not, the difference is larger than the seeds' spread.
    pub ranges_overlap: bool,
}

/// Compares the complete runs of two sets, matched by experiment and device.
///
/// Where an experiment has exactly one device on each side, those two are matched even if they differ: that is a
/// comparison of devices.
#[must_use]
pub fn compare(a_runs: &[Run], b_runs: &[Run]) -> Comparison {
    let (a_cells, b_cells) = (figures::cells(a_runs), figures::cells(b_runs));
    let a_keys: BTreeSet<(&str, &str)> = a_cells.keys().copied().collect();
    let b_keys: BTreeSet<(&str, &str)> = b_cells.keys().copied().collect();
    let partner = |key: (&str, &str)| partner(key, &a_keys, &b_keys);

    let mut rows = Vec::new();
    let (mut only_in_a, mut only_in_b) = (Vec::new(), b_keys.clone());
    for (&key, a) in &a_cells {
        let Some((partner, b)) =
            partner(key).and_then(|partner| Some((partner, b_cells.get(&partner)?)))
        else {
            only_in_a.push(format!("{}/{}", key.0, key.1));
            continue;
        };
        only_in_b.remove(&partner);
        // Facts of the environment are the same on both sides, or the experiments are not the same.
        let measured = |name: &String| !name.starts_with("environment.");
        for metric in figures::names(a).into_iter().filter(measured) {
            rows.extend(row(key, partner.1, metric, (a, b)));
        }
    }
    let only_in_b = only_in_b
        .into_iter()
        .map(|(experiment, device)| format!("{experiment}/{device}"))
        .collect();
    Comparison {
        rows,
        only_in_a,
        only_in_b,
    }
}

/// The cell of the other side that belongs to `key`.
fn partner<'b>(
    key: (&str, &str),
    a_keys: &BTreeSet<(&str, &str)>,
    b_keys: &BTreeSet<(&'b str, &'b str)>,
) -> Option<(&'b str, &'b str)> {
    if let Some(same) = b_keys.iter().find(|other| **other == key) {
        return Some(*same);
    }
    let mut candidates = b_keys.iter().filter(|other| other.0 == key.0);
    let only = candidates.next().filter(|_| candidates.next().is_none())?;
    let alone = a_keys.iter().filter(|other| other.0 == key.0).count() == 1;
    alone.then_some(*only)
}

fn row(
    key: (&str, &str),
    device_b: &str,
    metric: String,
    (a, b): (&[&Run], &[&Run]),
) -> Option<ComparisonRow> {
    let (a, b) = (figures::spread(a, &metric), figures::spread(b, &metric));
    let (median_a, median_b) = (a.median?, b.median?);
    Some(ComparisonRow {
        experiment: key.0.to_owned(),
        device_a: key.1.to_owned(),
        device_b: device_b.to_owned(),
        metric,
        a,
        b,
        difference: median_b - median_a,
        ratio: median_b / median_a,
        ranges_overlap: a.low <= b.high && b.low <= a.high,
    })
}

impl Comparison {
    /// The rows as a table of text, for a terminal or a report.
    #[must_use]
    pub fn to_table(&self) -> Table {
        let header = [
            "experiment",
            "device",
            "figure",
            "a: median [min, max]",
            "b: median [min, max]",
            "b − a",
            "b / a",
            "ranges",
        ];
        let mut table = Table::new("", &header, 3);
        for row in &self.rows {
            let device = if row.device_a == row.device_b {
                row.device_a.clone()
            } else {
                format!("{} → {}", row.device_a, row.device_b)
            };
            table.push([
                row.experiment.clone(),
                device,
                row.metric.clone(),
                side(&row.metric, &row.a),
                side(&row.metric, &row.b),
                format::figure(&row.metric, row.difference),
                format::number(row.ratio),
                if row.ranges_overlap {
                    "overlap"
                } else {
                    "apart"
                }
                .to_owned(),
            ]);
        }
        table
    }

    /// The table in Markdown, with what only one side has below it.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = markdown::table(&self.to_table());
        for (side, missing) in [("a", &self.only_in_a), ("b", &self.only_in_b)] {
            if !missing.is_empty() {
                text += &format!("\nOnly in {side}: {}.\n", missing.join(", "));
            }
        }
        text
    }
}

fn side(metric: &str, spread: &Spread) -> String {
    format!("{} (n = {})", format::spread(metric, spread), spread.n)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RunFolder, tree};
    use super::*;
    use crate::report::collect;

    fn runs(folders: &[RunFolder]) -> Vec<Run> {
        collect(&[tree(folders).path()]).unwrap()
    }

    fn grid(device: &str, seed: u64, tv: f64) -> RunFolder {
        RunFolder::new("grid", device, seed).with_figures(&[("exact.tv", Some(tv))])
    }

    #[test]
    fn medians_are_compared_over_seeds() {
        let a = runs(&[
            grid("flex", 0, 0.125),
            grid("flex", 1, 0.25),
            RunFolder::new("gone", "flex", 0),
        ]);
        let b = runs(&[
            grid("flex", 0, 0.75),
            RunFolder::new("new", "wgpu", 0),
            grid("flex", 1, 0.1).failed("x"),
        ]);
        let comparison = compare(&a, &b);
        let tv = comparison
            .rows
            .iter()
            .find(|row| row.metric == "exact.tv")
            .unwrap();
        assert_eq!(
            (tv.a.n, tv.b.n, tv.difference, tv.ratio, tv.ranges_overlap),
            (2, 1, 0.5625, 4.0, false)
        );
        let speed = comparison
            .rows
            .iter()
            .find(|row| row.metric == "speed.iterations_per_s")
            .unwrap();
        assert_eq!((speed.ratio, speed.ranges_overlap), (1.0, true));
        assert!(
            comparison.rows.iter().all(|row| row.metric != "log_z"),
            "no side has it"
        );
        assert_eq!(
            (&comparison.only_in_a[..], &comparison.only_in_b[..]),
            (&["gone/flex".to_owned()][..], &["new/wgpu".to_owned()][..])
        );
        let text = comparison.to_markdown();
        assert!(text.contains("| grid | flex | exact.tv | 0.1875 [0.1250, 0.2500] (n = 2) | 0.7500 (n = 1) | 0.5625 | 4 | apart |"), "{text}");
        assert!(text.ends_with("\nOnly in a: gone/flex.\n\nOnly in b: new/wgpu.\n"));
    }

    #[test]
    fn a_single_device_on_each_side_is_a_comparison_of_devices() {
        let (a, b) = (
            runs(&[grid("flex", 0, 0.5)]),
            runs(&[grid("cuda:0", 0, 0.5)]),
        );
        let comparison = compare(&a, &b);
        assert_eq!(comparison.rows[0].device_b, "cuda:0");
        assert!(comparison.to_markdown().contains("flex → cuda:0"));
        let two = runs(&[grid("cuda:0", 0, 0.5), grid("wgpu", 0, 0.5)]);
        assert!(compare(&a, &two).rows.is_empty());
    }
}
