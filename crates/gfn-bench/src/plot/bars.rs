//! Horizontal stacked bars.

use super::PlotError;
use super::Scale;
use super::axis::{Axis, Margin, tick_label};
use super::frame::{
    self, AXIS, Align, BACKGROUND, Canvas, Dash, GRID, Key, TEXT, TEXT_SIZE, TITLE, WIDTH,
};

const RIGHT: f64 = WIDTH - 60.0;
const BAR: f64 = 18.0;
const ROW: f64 = 28.0;
const WIDEST_NAME: f64 = 260.0;

/// One bar of a [`BarChart`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Its name, left of it.
    pub name: String,
    /// One value per segment; a value that is not finite or not positive is left out.
    pub values: Vec<f64>,
}

/// Horizontal bars, each a stack of the same named segments: time by phase, speed by device.
#[derive(Debug, Clone, PartialEq)]
pub struct BarChart {
    title: String,
    value_label: String,
    segments: Vec<String>,
    bars: Vec<Bar>,
}

impl BarChart {
    /// An empty chart with the names of its segments, in the order they are stacked in.
    #[must_use]
    pub fn new(title: &str, value_label: &str, segments: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            value_label: value_label.to_owned(),
            segments: segments.iter().map(|name| (*name).to_owned()).collect(),
            bars: Vec::new(),
        }
    }

    /// Adds a bar below the others.
    #[must_use]
    pub fn with_bar(mut self, name: &str, values: &[f64]) -> Self {
        self.bars.push(Bar {
            name: name.to_owned(),
            values: values.to_vec(),
        });
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Draws it, 720 pixels wide and as high as its bars need.
    ///
    /// # Errors
    ///
    /// If the drawing library fails.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        let height = 132.0 + ROW * self.bars.len().max(1) as f64;
        frame::svg(&self.title, height, |canvas| {
            // One segment needs no legend: the axis says what it is.
            let keys: Vec<Key<'_>> = if self.segments.len() > 1 {
                self.keys()
            } else {
                Vec::new()
            };
            let top = canvas.legend(&keys, 40.0)? + 12.0;
            let bottom = top + ROW * self.bars.len().max(1) as f64;
            self.draw_bars(canvas, top, bottom)
        })
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let key = |(index, name)| Key {
            name,
            color: frame::style(index).0,
            dash: Dash::Solid,
        };
        self.segments
            .iter()
            .map(String::as_str)
            .enumerate()
            .map(key)
            .collect()
    }

    fn draw_bars(&self, canvas: &Canvas<'_>, top: f64, bottom: f64) -> Result<(), PlotError> {
        let names = self
            .bars
            .iter()
            .map(|bar| frame::text_width(&bar.name, TEXT_SIZE));
        let left = 32.0 + names.fold(20.0, f64::max).min(WIDEST_NAME);
        let middle = 0.5 * (left + RIGHT);
        canvas.text(
            &self.value_label,
            (middle, bottom + 36.0),
            TEXT_SIZE,
            TEXT,
            Align::Centre,
        )?;
        let totals = self
            .bars
            .iter()
            .map(|bar| drawable(&bar.values).map(|(_, value)| value).sum::<f64>());
        let axis = Axis::fit(
            Scale::Linear,
            Margin::Tight,
            totals.filter(|total| *total > 0.0).chain([0.0]),
        );
        let Some(axis) = axis.filter(|_| {
            self.bars
                .iter()
                .any(|bar| drawable(&bar.values).next().is_some())
        }) else {
            return canvas.text(
                "no data",
                (middle, 0.5 * (top + bottom)),
                TEXT_SIZE,
                TEXT,
                Align::Centre,
            );
        };
        for tick in axis.ticks() {
            let x = left + tick.place * (RIGHT - left);
            canvas.line(&[(x, top), (x, bottom)], GRID, 1.0, Dash::Solid)?;
            canvas.text(
                &tick.label,
                (x, bottom + 14.0),
                TEXT_SIZE,
                TEXT,
                Align::Centre,
            )?;
        }
        for (row, bar) in self.bars.iter().enumerate() {
            let y = top + ROW * (row as f64 + 0.5);
            let name = frame::fitted(&bar.name, TEXT_SIZE, WIDEST_NAME);
            canvas.text(&name, (left - 8.0, y), TEXT_SIZE, TITLE, Align::Right)?;
            self.draw_bar(canvas, bar, &axis, (left, y))?;
        }
        canvas.line(&[(left, top), (left, bottom)], AXIS, 1.0, Dash::Solid)
    }

    fn draw_bar(
        &self,
        canvas: &Canvas<'_>,
        bar: &Bar,
        axis: &Axis,
        (left, y): (f64, f64),
    ) -> Result<(), PlotError> {
        let place = |value: f64| left + axis.place(value).unwrap_or(0.0) * (RIGHT - left);
        let (upper, lower) = (y - 0.5 * BAR, y + 0.5 * BAR);
        let mut total = 0.0;
        for (segment, value) in drawable(&bar.values) {
            let (from, to) = (place(total), place(total + value));
            canvas.rectangle((from, upper), (to, lower), frame::style(segment).0)?;
            // A hairline in the background's colour keeps neighbours apart whatever their colours.
            canvas.line(&[(to, upper), (to, lower)], BACKGROUND, 1.0, Dash::Solid)?;
            total += value;
        }
        canvas.text(
            &tick_label(total),
            (place(total) + 6.0, y),
            TEXT_SIZE,
            TEXT,
            Align::Left,
        )
    }
}

fn drawable(values: &[f64]) -> impl Iterator<Item = (usize, f64)> + '_ {
    values
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, value)| value.is_finite() && *value > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_a_stack_of_its_drawable_segments() {
        let chart =
            BarChart::new("t", "share", &["a", "b", "c"]).with_bar("x", &[1.0, f64::NAN, 3.0]);
        let svg = chart.to_svg().unwrap();
        // The background and two segments.
        assert_eq!(svg.matches("<rect").count(), 3);
        assert!(svg.contains(">\n4\n<"), "the total stands beside the bar");
    }

    #[test]
    fn a_chart_without_values_says_so() {
        assert!(
            BarChart::new("t", "share", &["a"])
                .to_svg()
                .unwrap()
                .contains("no data")
        );
        let zeros = BarChart::new("t", "share", &["a"])
            .with_bar("x", &[0.0])
            .with_bar("y", &[f64::NAN]);
        assert!(zeros.to_svg().unwrap().contains("no data"));
    }
}
