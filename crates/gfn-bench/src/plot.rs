//! Plots for reports, as SVG text: lines with bands over seeds, stacked bars, heat maps, graphs.
//!
//! One look for all of them: light background, thin grid, title and legend above the data so that they never cover it,
//! a palette that readers with colour-blind eyes can tell apart (Okabe and Ito). The SVG names a generic font family and
//! leaves the choice to the viewer, so no font is needed to make it.
//!
//! Data is drawn as far as it can be: values that are not finite, or not positive on a logarithmic axis, leave a gap, and
//! a plot without any drawable value says "no data" in its frame. None of that is an error; a report about failed runs
//! must still come out.
//!
//! # Examples
//!
//! ```
//! use gfn_bench::plot::{LinePlot, Scale, Series};
//!
//! let seeds = [vec![(0.0, 0.9), (100.0, 0.1)], vec![(0.0, 0.8), (100.0, 0.2)]];
//! let plot = LinePlot::new("exact TV", "trajectories", "exact TV")
//!     .with_y_scale(Scale::Log)
//!     .with_series(Series::over_seeds("trajectory balance", &seeds));
//! assert!(plot.to_svg()?.starts_with("<svg"));
//! # Ok::<(), gfn_bench::plot::PlotError>(())
//! ```

mod axis;
mod bars;
mod frame;
mod graph;
mod heat_map;
mod lines;

use std::collections::BTreeMap;

use crate::metrics::statistics::Spread;

pub use bars::{Bar, BarChart};
pub use graph::GraphPlot;
pub use heat_map::{HeatMap, HeatPanel};

/// A plot could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the plot `{title}`")]
pub struct PlotError {
    title: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl PlotError {
    fn new(title: &str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            title: title.to_owned(),
            source: Box::new(source),
        }
    }
}

/// How an axis maps values to places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal distances are equal differences.
    #[default]
    Linear,
    /// Equal distances are equal ratios; values that are not positive are left out.
    Log,
}

/// A place of a curve, with its range over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Place on the x axis.
    pub x: f64,
    /// The line.
    pub median: f64,
    /// Lower edge of the band.
    pub low: f64,
    /// Upper edge of the band.
    pub high: f64,
}

/// One curve of a [`LinePlot`].
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points, in the order of `x`.
    pub points: Vec<Point>,
}

impl Series {
    /// A single curve, without a band.
    pub fn line(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points
            .into_iter()
            .map(|(x, y)| Point {
                x,
                median: y,
                low: y,
                high: y,
            })
            .collect();
        Self {
            name: name.to_owned(),
            points,
        }
    }

    /// The median of several curves and the band between the smallest and the largest of them.
    ///
    /// Curves are matched by equal `x`. A place that half of the curves or fewer reach is left out, because a median over
    /// one seed that ran on alone would look like a jump; of those that reach it, finite values count.
    #[must_use]
    pub fn over_seeds(name: &str, curves: &[Vec<(f64, f64)>]) -> Self {
        let mut columns: BTreeMap<OrderedX, Vec<f64>> = BTreeMap::new();
        for &(x, y) in curves.iter().flatten().filter(|(x, _)| x.is_finite()) {
            columns.entry(OrderedX(x)).or_default().push(y);
        }
        let points = columns
            .into_iter()
            .filter(|(_, values)| 2 * values.len() > curves.len())
            .map(|(x, values)| {
                let spread = Spread::of_finite(values);
                let [median, low, high] =
                    [spread.median, spread.low, spread.high].map(|v| v.unwrap_or(f64::NAN));
                Point {
                    x: x.0,
                    median,
                    low,
                    high,
                }
            })
            .collect();
        Self {
            name: name.to_owned(),
            points,
        }
    }
}

/// A finite place on the x axis as a key.
#[derive(Debug, Clone, Copy)]
struct OrderedX(f64);

impl PartialEq for OrderedX {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for OrderedX {}

impl PartialOrd for OrderedX {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderedX {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Curves over a common pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    title: String,
    x_label: String,
    y_label: String,
    x_scale: Scale,
    y_scale: Scale,
    series: Vec<Series>,
    references: Vec<(String, f64)>,
}

impl LinePlot {
    /// An empty plot with linear axes.
    #[must_use]
    pub fn new(title: &str, x_label: &str, y_label: &str) -> Self {
        Self {
            title: title.to_owned(),
            x_label: x_label.to_owned(),
            y_label: y_label.to_owned(),
            x_scale: Scale::Linear,
            y_scale: Scale::Linear,
            series: Vec::new(),
            references: Vec::new(),
        }
    }

    /// Sets the scale of the x axis.
    #[must_use]
    pub fn with_x_scale(mut self, scale: Scale) -> Self {
        self.x_scale = scale;
        self
    }

    /// Sets the scale of the y axis.
    #[must_use]
    pub fn with_y_scale(mut self, scale: Scale) -> Self {
        self.y_scale = scale;
        self
    }

    /// Adds a curve.
    #[must_use]
    pub fn with_series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds a dashed horizontal line: a published figure, a sampling floor.
    #[must_use]
    pub fn with_reference(mut self, name: &str, value: f64) -> Self {
        self.references.push((name.to_owned(), value));
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Draws it, 720 x 420 pixels.
    ///
    /// # Errors
    ///
    /// If the drawing library fails.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        lines::draw(self)
    }
}

/// Any kind of plot, for lists that hold several kinds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Plot {
    /// Curves.
    Lines(LinePlot),
    /// Stacked bars.
    Bars(BarChart),
    /// Matrices as colours.
    Heat(HeatMap),
    /// Nodes and arrows.
    Graph(GraphPlot),
}

impl Plot {
    /// The plot's title.
    #[must_use]
    pub fn title(&self) -> &str {
        match self {
            Self::Lines(plot) => plot.title(),
            Self::Bars(plot) => plot.title(),
            Self::Heat(plot) => plot.title(),
            Self::Graph(plot) => plot.title(),
        }
    }

    /// Draws it.
    ///
    /// # Errors
    ///
    /// If the drawing library fails.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        match self {
            Self::Lines(plot) => plot.to_svg(),
            Self::Bars(plot) => plot.to_svg(),
            Self::Heat(plot) => plot.to_svg(),
            Self::Graph(plot) => plot.to_svg(),
        }
    }
}

impl From<LinePlot> for Plot {
    fn from(plot: LinePlot) -> Self {
        Self::Lines(plot)
    }
}

impl From<BarChart> for Plot {
    fn from(plot: BarChart) -> Self {
        Self::Bars(plot)
    }
}

impl From<GraphPlot> for Plot {
    fn from(plot: GraphPlot) -> Self {
        Self::Graph(plot)
    }
}

impl From<HeatMap> for Plot {
    fn from(plot: HeatMap) -> Self {
        Self::Heat(plot)
    }
}
