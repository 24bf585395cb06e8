//! Drawing of a [`LinePlot`].

use plotters::style::Color as _;

use super::axis::{Axis, Margin};
use super::frame::{self, AXIS, Align, Canvas, Dash, GRID, Key, Place, TEXT, TEXT_SIZE, WIDTH};
use super::{LinePlot, PlotError, Point};

const HEIGHT: f64 = 420.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = WIDTH - 24.0;
const BOTTOM: f64 = HEIGHT - 52.0;
const REFERENCE_DASH: Dash = Dash::Broken(5.0, 4.0);

/// The pair of axes, and where on the canvas they are.
struct Axes {
    x: Axis,
    y: Axis,
    top: f64,
}

impl Axes {
    fn place(&self, x: f64, y: f64) -> Option<Place> {
        Some((
            LEFT + self.x.place(x)? * (RIGHT - LEFT),
            BOTTOM - self.y.place(y)? * (BOTTOM - self.top),
        ))
    }
}

pub(super) fn draw(plot: &LinePlot) -> Result<String, PlotError> {
    frame::svg(&plot.title, HEIGHT, |canvas| {
        let below_legend = canvas.legend(&keys(plot), 40.0)?;
        canvas.text(
            &plot.y_label,
            (20.0, below_legend + 14.0),
            TEXT_SIZE,
            TEXT,
            Align::Left,
        )?;
        let middle = 0.5 * (LEFT + RIGHT);
        canvas.text(
            &plot.x_label,
            (middle, HEIGHT - 16.0),
            TEXT_SIZE,
            TEXT,
            Align::Centre,
        )?;
        let top = below_legend + 32.0;
        match axes(plot, top) {
            Some(axes) => {
                draw_grid(canvas, &axes)?;
                draw_references(canvas, plot, &axes)?;
                draw_series(canvas, plot, &axes)
            }
            None => {
                canvas.line(&[(LEFT, BOTTOM), (RIGHT, BOTTOM)], AXIS, 1.0, Dash::Solid)?;
                canvas.text(
                    "no data",
                    (middle, 0.5 * (top + BOTTOM)),
                    TEXT_SIZE,
                    TEXT,
                    Align::Centre,
                )
            }
        }
    })
}

fn keys(plot: &LinePlot) -> Vec<Key<'_>> {
    let series = plot.series.iter().enumerate().map(|(index, series)| {
        let (color, dash) = frame::style(index);
        Key {
            name: &series.name,
            color,
            dash,
        }
    });
    let references = plot.references.iter().map(|(name, _)| Key {
        name,
        color: TEXT,
        dash: REFERENCE_DASH,
    });
    series.chain(references).collect()
}

/// Axes that hold every point that can be drawn on both of them; `None` if there is none.
fn axes(plot: &LinePlot, top: f64) -> Option<Axes> {
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let x_values = points()
        .filter(|point| point.median.is_finite())
        .map(|point| point.x);
    let x = Axis::fit(plot.x_scale, Margin::Tight, x_values)?;
    let y_values = points()
        .filter(|point| x.place(point.x).is_some())
        .flat_map(|point| [point.median, point.low, point.high])
        .chain(plot.references.iter().map(|(_, value)| *value));
    let y = Axis::fit(plot.y_scale, Margin::Roomy, y_values)?;
    Some(Axes { x, y, top })
}

fn draw_grid(canvas: &Canvas<'_>, axes: &Axes) -> Result<(), PlotError> {
    for tick in axes.y.ticks() {
        let y = BOTTOM - tick.place * (BOTTOM - axes.top);
        canvas.line(&[(LEFT, y), (RIGHT, y)], GRID, 1.0, Dash::Solid)?;
        canvas.text(&tick.label, (LEFT - 8.0, y), TEXT_SIZE, TEXT, Align::Right)?;
    }
    for tick in axes.x.ticks() {
        let x = LEFT + tick.place * (RIGHT - LEFT);
        canvas.line(&[(x, axes.top), (x, BOTTOM)], GRID, 1.0, Dash::Solid)?;
        canvas.line(&[(x, BOTTOM), (x, BOTTOM + 4.0)], AXIS, 1.0, Dash::Solid)?;
        canvas.text(
            &tick.label,
            (x, BOTTOM + 15.0),
            TEXT_SIZE,
            TEXT,
            Align::Centre,
        )?;
    }
    canvas.line(&[(LEFT, BOTTOM), (RIGHT, BOTTOM)], AXIS, 1.0, Dash::Solid)
}

fn draw_references(canvas: &Canvas<'_>, plot: &LinePlot, axes: &Axes) -> Result<(), PlotError> {
    for (_, value) in &plot.references {
        if let Some(place) = axes.y.place(*value) {
            let y = BOTTOM - place * (BOTTOM - axes.top);
            canvas.line(&[(LEFT, y), (RIGHT, y)], TEXT, 1.5, REFERENCE_DASH)?;
        }
    }
    Ok(())
}

fn draw_series(canvas: &Canvas<'_>, plot: &LinePlot, axes: &Axes) -> Result<(), PlotError> {
    // All bands before all lines: a band must not tint another curve.
    for (index, series) in plot.series.iter().enumerate() {
        let (color, _) = frame::style(index);
        for run in drawable_runs(&series.points, axes) {
            draw_band(canvas, &run, axes, color)?;
        }
    }
    for (index, series) in plot.series.iter().enumerate() {
        let (color, dash) = frame::style(index);
        for run in drawable_runs(&series.points, axes) {
            let path: Vec<Place> = run
                .iter()
                .filter_map(|point| axes.place(point.x, point.median))
                .collect();
            match path[..] {
                [only] => canvas.dot(only, 3.5, color)?,
                _ => canvas.line(&path, color, 2.0, dash)?,
            }
        }
    }
    Ok(())
}

fn draw_band(
    canvas: &Canvas<'_>,
    run: &[Point],
    axes: &Axes,
    color: plotters::style::RGBColor,
) -> Result<(), PlotError> {
    if run.iter().all(|point| point.low == point.high) {
        return Ok(());
    }
    // On a logarithmic axis a band can reach zero where its median does not: it then ends at the axis.
    let edge = |point: &Point, value: f64| {
        axes.place(point.x, value)
            .or_else(|| axes.place(point.x, point.median).map(|(x, _)| (x, BOTTOM)))
    };
    let upper: Vec<Place> = run
        .iter()
        .filter_map(|point| edge(point, point.high))
        .collect();
    let lower: Vec<Place> = run
        .iter()
        .filter_map(|point| edge(point, point.low))
        .collect();
    if let ([(x, high)], [(_, low)]) = (&upper[..], &lower[..]) {
        return canvas.line(&[(*x, *high), (*x, *low)], color, 1.5, Dash::Solid);
    }
    let outline: Vec<Place> = upper.into_iter().chain(lower.into_iter().rev()).collect();
    canvas.polygon(&outline, color.mix(0.16))
}

/// Stretches of points whose median can be drawn; what lies between them is a gap.
fn drawable_runs(points: &[Point], axes: &Axes) -> Vec<Vec<Point>> {
    points
        .chunk_by(|a, b| axes.place(a.x, a.median).is_some() == axes.place(b.x, b.median).is_some())
        .filter(|run| {
            run.first()
                .is_some_and(|point| axes.place(point.x, point.median).is_some())
        })
        .map(<[Point]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Scale, Series};
    use super::*;

    fn count(svg: &str, tag: &str) -> usize {
        svg.matches(tag).count()
    }

    fn curve_colour() -> &'static str {
        "#0072B2"
    }

    #[test]
    fn nothing_to_draw_says_so() {
        let empty = LinePlot::new("title", "x", "y");
        assert!(draw(&empty).unwrap().contains("no data"));
        let zeros = LinePlot::new("title", "x", "y")
            .with_y_scale(Scale::Log)
            .with_series(Series::line(
                "a",
                [(0.0, 0.0), (1.0, -1.0), (2.0, f64::NAN)],
            ));
        assert!(draw(&zeros).unwrap().contains("no data"));
        let empty_series = LinePlot::new("title", "x", "y").with_series(Series::line("a", []));
        assert!(draw(&empty_series).unwrap().contains("no data"));
    }

    #[test]
    fn texts_are_escaped() {
        let svg = draw(&LinePlot::new("a < b & \"c\"", "x<y", "<script>")).unwrap();
        assert!(
            svg.contains("a &lt; b &amp;")
                && svg.contains("&lt;script&gt;")
                && !svg.contains("<script>")
        );
    }

    #[test]
    fn undrawable_values_leave_a_gap() {
        let values = [
            (0.0, 1.0),
            (1.0, 2.0),
            (2.0, f64::NAN),
            (3.0, 1.0),
            (4.0, 3.0),
            (5.0, 0.0),
            (6.0, 1.0),
        ];
        let plot = LinePlot::new("t", "x", "y")
            .with_y_scale(Scale::Log)
            .with_series(Series::line("a", values));
        let svg = draw(&plot).unwrap();
        let polylines = svg
            .lines()
            .filter(|line| line.contains("<polyline") && line.contains(curve_colour()))
            .count();
        // The key in the legend, and two stretches; the last point stands alone.
        assert_eq!((polylines, count(&svg, "<circle")), (3, 1), "{svg}");
    }

    #[test]
    fn a_band_is_drawn_where_seeds_differ() {
        let curves = [
            vec![(0.0, 1.0), (1.0, 2.0)],
            vec![(0.0, 3.0), (1.0, 2.0)],
            vec![(0.0, 2.0)],
        ];
        let series = Series::over_seeds("a", &curves);
        assert_eq!(
            series.points[0],
            Point {
                x: 0.0,
                median: 2.0,
                low: 1.0,
                high: 3.0
            }
        );
        assert_eq!(
            series.points[1],
            Point {
                x: 1.0,
                median: 2.0,
                low: 2.0,
                high: 2.0
            }
        );
        let svg = draw(&LinePlot::new("t", "x", "y").with_series(series)).unwrap();
        assert_eq!(count(&svg, "<polygon"), 1);
        let lonely = Series::over_seeds("a", &[vec![(5.0, 1.0)], vec![(5.0, 2.0)]]);
        assert!(
            draw(&LinePlot::new("t", "x", "y").with_series(lonely))
                .unwrap()
                .contains("<circle")
        );
    }

    #[test]
    fn the_size_on_the_page_is_in_pixels() {
        let svg = draw(&LinePlot::new("t", "x", "y").with_reference("published", 0.5)).unwrap();
        assert!(
            svg.starts_with("<svg width=\"720\" height=\"420\" viewBox=\"0 0 5760 3360\""),
            "{}",
            &svg[..90]
        );
    }
}
