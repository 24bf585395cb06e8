//! Curves of several seeds at common places of the x axis, as a median over them needs.

use std::collections::{BTreeMap, BTreeSet};

use super::run::Run;
use crate::metrics::statistics::{mean, median};
use crate::summary::Sample;

/// Points of a line: more than the plot has pixels for would only make the page heavy.
const MOST_POINTS: usize = 300;

/// What the x axis of a learning curve counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Updates of the agent.
    Iterations,
    /// Objects whose reward was asked for.
    Trajectories,
    /// Seconds since a run began, evaluations included, without the time in which it was interrupted; the median over seeds.
    WallTime,
}

impl Progress {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Iterations => "iterations",
            Self::Trajectories => "trajectories",
            Self::WallTime => "wall time, s",
        }
    }
}

/// One curve per run, all at the same places of the x axis.
pub(super) fn seed_curves(runs: &[&Run], name: &str, progress: Progress) -> Vec<Vec<(f64, f64)>> {
    let curves: Vec<(&Run, &[Sample])> = runs
        .iter()
        .filter_map(|run| Some((*run, run.metrics.get(name)?.as_slice())))
        .collect();
    let steps: BTreeSet<u64> = curves
        .iter()
        .flat_map(|(_, samples)| samples.iter().map(|sample| sample.step))
        .collect();
    let steps: Vec<u64> = steps.into_iter().collect();
    let ends: Vec<u64> = steps
        .chunks(steps.len().div_ceil(MOST_POINTS).max(1))
        .filter_map(|chunk| chunk.last().copied())
        .collect();
    let averaged: Vec<BTreeMap<u64, Stretch>> = curves
        .iter()
        .map(|(_, samples)| averaged(samples, &ends))
        .collect();
    // Seeds take different times to the same step: the median time is the place where they are compared.
    let wall_s = |end: u64| {
        let times: Vec<f64> = averaged
            .iter()
            .filter_map(|curve| curve.get(&end))
            .map(|stretch| stretch.wall_s)
            .collect();
        median(&times)
    };
    let ratios: Vec<f64> = runs
        .iter()
        .filter_map(|run| trajectories_per_iteration(run))
        .collect();
    let x = |end: u64| match progress {
        Progress::Iterations => end as f64,
        Progress::Trajectories => end as f64 * median(&ratios),
        Progress::WallTime => wall_s(end),
    };
    averaged
        .iter()
        .map(|curve| {
            curve
                .iter()
                .map(|(&end, stretch)| (x(end), size(name, stretch.value)))
                .collect()
        })
        .collect()
}

/// An error is drawn by its size, also where a run has logged its sign.
fn size(name: &str, value: f64) -> f64 {
    if name == "log_z_error" {
        value.abs()
    } else {
        value
    }
}

/// A curve's mean over a stretch of training.
struct Stretch {
    wall_s: f64,
    value: f64,
}

/// Averages a curve over the stretches that end at `ends`; a stretch without samples is missing.
fn averaged(samples: &[Sample], ends: &[u64]) -> BTreeMap<u64, Stretch> {
    let mut collected: BTreeMap<u64, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    let (mut earlier_sessions, mut last) = (0.0, 0.0);
    for sample in samples {
        // A resumed run may have started its clock anew.
        if sample.wall_s < last {
            earlier_sessions += last;
        }
        last = sample.wall_s;
        let end = ends.partition_point(|&end| end < sample.step);
        if let Some(&end) = ends.get(end) {
            let (times, values) = collected.entry(end).or_default();
            times.push(earlier_sessions + sample.wall_s);
            values.push(sample.value);
        }
    }
    collected
        .into_iter()
        .map(|(end, (times, values))| {
            let finite: Vec<f64> = values
                .into_iter()
                .filter(|value| value.is_finite())
                .collect();
            (
                end,
                Stretch {
                    wall_s: mean(&times),
                    value: mean(&finite),
                },
            )
        })
        .collect()
}

/// How many trajectories an iteration trains on, from the summary.
pub(super) fn trajectories_per_iteration(run: &Run) -> Option<f64> {
    let summary = run.summary.as_ref()?;
    let (trajectories, iterations) = (summary.trajectories()?, summary.iterations()?);
    (iterations > 0).then(|| trajectories as f64 / iterations as f64)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RunFolder, tree};
    use super::*;
    use crate::plot::Series;
    use crate::report::collect;

    #[test]
    fn a_gap_in_one_seed_does_not_move_the_others() {
        let gap = "step,wall_s,name,value\n0,0.0,exact.tv,1\n10,0.1,exact.tv,0.5\n90,0.2,exact.tv,0.1\n100,0.4,exact.tv,0.05\n";
        let root = tree(&[
            RunFolder::new("a", "flex", 0),
            RunFolder::new("a", "flex", 1),
            RunFolder::new("a", "flex", 2).with_file("metrics.csv", gap),
        ]);
        let runs = collect(&[root.path()]).unwrap();
        let runs: Vec<&Run> = runs.iter().collect();
        let curves = seed_curves(&runs, "exact.tv", Progress::Trajectories);
        assert_eq!(
            curves[2],
            [(0.0, 1.0), (160.0, 0.5), (1440.0, 0.1), (1600.0, 0.05)]
        );
        let points = Series::over_seeds("a", &curves).points;
        assert_eq!(
            points.len(),
            11,
            "two of three seeds are enough for a median"
        );
        // The clock of the resumed session went on from 0.2 s, as the others' did.
        let wall = seed_curves(&runs, "exact.tv", Progress::WallTime);
        assert_eq!(wall[0].len(), 11);
    }

    #[test]
    fn long_curves_are_averaged_and_a_new_clock_is_added_on() {
        let samples: Vec<Sample> = (0..1000_u32)
            .map(|step| Sample {
                step: step.into(),
                wall_s: f64::from(step % 500),
                value: if step == 1 { f64::NAN } else { f64::from(step) },
            })
            .collect();
        let ends: Vec<u64> = (0..250).map(|stretch| 4 * stretch + 3).collect();
        let curve = averaged(&samples, &ends);
        assert_eq!(
            (curve.len(), curve[&3].value, curve[&7].value),
            (250, 5.0 / 3.0, 5.5)
        );
        assert_eq!(curve[&999].wall_s, 499.0 + 497.5);
    }
}
