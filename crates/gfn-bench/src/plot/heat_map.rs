//! Matrices as colours, side by side on one scale: a target beside what was learned.

use plotters::prelude::RGBColor;

use super::axis::{Axis, Margin};
use super::frame::{self, Align, Canvas, GRID, TEXT, TEXT_SIZE, WIDTH};
use super::{PlotError, Scale};

/// Anchors of viridis, dark to light: equal steps of value look like equal steps of lightness, also in grey.
const VIRIDIS: [(u8, u8, u8); 9] = [
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
];

/// Colours are quantised so that equal neighbours can be drawn as one rectangle.
const LEVELS: f64 = 63.0;

const LEFT: f64 = 20.0;
const GAP: f64 = 20.0;
const SCALE_WIDTH: f64 = 76.0;
const LARGEST_PANEL: f64 = 290.0;

/// How far a cell reaches under its right and lower neighbours, which are drawn later: viewers smooth edges, and the
/// ground would shine through between cells that only touch.
const OVERLAP: f64 = 0.75;

/// One matrix of a [`HeatMap`].
#[derive(Debug, Clone, PartialEq)]
pub struct HeatPanel {
    title: String,
    columns: usize,
    values: Vec<f64>,
}

impl HeatPanel {
    /// A matrix in row-major order, its first row at the top. Values that are not finite are drawn grey.
    ///
    /// # Panics
    ///
    /// If `columns` is 0 or does not divide the number of values.
    #[must_use]
    pub fn new(title: &str, columns: usize, values: Vec<f64>) -> Self {
        assert!(
            columns > 0 && values.len().is_multiple_of(columns),
            "{} values in {columns} columns",
            values.len()
        );
        Self {
            title: title.to_owned(),
            columns,
            values,
        }
    }
}

/// Matrices beside each other with a common colour scale.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    title: String,
    value_label: String,
    scale: Scale,
    panels: Vec<HeatPanel>,
}

impl HeatMap {
    /// A map without panels, linear colours.
    #[must_use]
    pub fn new(title: &str, value_label: &str) -> Self {
        Self {
            title: title.to_owned(),
            value_label: value_label.to_owned(),
            scale: Scale::Linear,
            panels: Vec::new(),
        }
    }

    /// Sets how values map to colours.
    #[must_use]
    pub fn with_scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Adds a panel to the right of the others.
    #[must_use]
    pub fn with_panel(mut self, panel: HeatPanel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Draws it, 720 pixels wide.
    ///
    /// # Errors
    ///
    /// If the drawing library fails.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        let count = self.panels.len().max(1) as f64;
        let side = ((WIDTH - 2.0 * LEFT - SCALE_WIDTH) / count - GAP).min(LARGEST_PANEL);
        let top = 72.0;
        frame::svg(&self.title, top + side + 24.0, |canvas| {
            let values = self
                .panels
                .iter()
                .flat_map(|panel| panel.values.iter().copied());
            let Some(axis) = Axis::fit(self.scale, Margin::Tight, values) else {
                return canvas.text(
                    "no data",
                    (0.5 * WIDTH, top + 0.5 * side),
                    TEXT_SIZE,
                    TEXT,
                    Align::Centre,
                );
            };
            for (index, panel) in self.panels.iter().enumerate() {
                let left = LEFT + index as f64 * (side + GAP);
                let title = frame::fitted(&panel.title, TEXT_SIZE, side);
                canvas.text(&title, (left, top - 14.0), TEXT_SIZE, TEXT, Align::Left)?;
                draw_panel(canvas, panel, &axis, (left, top, side))?;
            }
            self.draw_scale(canvas, &axis, (LEFT + count * (side + GAP), top, side))
        })
    }

    fn draw_scale(
        &self,
        canvas: &Canvas<'_>,
        axis: &Axis,
        (left, top, side): (f64, f64, f64),
    ) -> Result<(), PlotError> {
        canvas.text(
            &self.value_label,
            (left, top - 14.0),
            TEXT_SIZE,
            TEXT,
            Align::Left,
        )?;
        let height = side / (LEVELS + 1.0);
        for level in (0..=LEVELS as u32).rev() {
            let upper = top + side - f64::from(level + 1) * height;
            let lower = (upper + height + OVERLAP).min(top + side);
            canvas.rectangle(
                (left, upper),
                (left + 14.0, lower),
                color(f64::from(level) / LEVELS),
            )?;
        }
        for tick in axis.ticks() {
            let y = top + (1.0 - tick.place) * side;
            canvas.text(&tick.label, (left + 20.0, y), TEXT_SIZE, TEXT, Align::Left)?;
        }
        Ok(())
    }
}

fn draw_panel(
    canvas: &Canvas<'_>,
    panel: &HeatPanel,
    axis: &Axis,
    (left, top, side): (f64, f64, f64),
) -> Result<(), PlotError> {
    // The panel's own ground: cells without a value, and no hairlines of the page between cells.
    canvas.rectangle((left, top), (left + side, top + side), GRID)?;
    let rows = panel.values.len() / panel.columns;
    let (width, height) = (side / panel.columns as f64, side / rows as f64);
    for (row, values) in panel.values.chunks(panel.columns).enumerate() {
        let level = |value: &f64| {
            axis.place(*value)
                .map(|place| (place * LEVELS).round() as u32)
        };
        let mut column = 0;
        for run in values.chunk_by(|a, b| level(a) == level(b)) {
            if let Some(level) = run.first().and_then(level) {
                let upper = (left + column as f64 * width, top + row as f64 * height);
                let right = (upper.0 + run.len() as f64 * width + OVERLAP).min(left + side);
                let lower = (right, (upper.1 + height + OVERLAP).min(top + side));
                canvas.rectangle(upper, lower, color(f64::from(level) / LEVELS))?;
            }
            column += run.len();
        }
    }
    Ok(())
}

/// The colour at `place` in `0..=1`, between the two nearest anchors.
fn color(place: f64) -> RGBColor {
    let position = place.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (position.floor() as usize).min(VIRIDIS.len() - 2);
    let share = position - below as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as u8;
    let (a, b) = (VIRIDIS[below], VIRIDIS[below + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_are_one_rectangle() {
        let panel = HeatPanel::new("target", 3, vec![0.0, 0.0, 1.0, f64::NAN, 1.0, 1.0]);
        let svg = HeatMap::new("t", "p").with_panel(panel).to_svg().unwrap();
        // Background, panel, 64 levels of the scale, then 2 runs in the first row and 1 in the second.
        assert_eq!(svg.matches("<rect").count(), 2 + 64 + 3);
    }

    #[test]
    fn colours_end_where_viridis_does() {
        assert_eq!(color(0.0), RGBColor(68, 1, 84));
        assert_eq!(color(1.0), RGBColor(253, 231, 37));
        assert_eq!(color(0.125), RGBColor(71, 44, 122));
    }

    #[test]
    fn a_map_without_values_says_so() {
        assert!(HeatMap::new("t", "p").to_svg().unwrap().contains("no data"));
        let nan = HeatPanel::new("a", 1, vec![f64::NAN]);
        assert!(
            HeatMap::new("t", "p")
                .with_panel(nan)
                .to_svg()
                .unwrap()
                .contains("no data")
        );
        let same = HeatPanel::new("a", 2, vec![0.25; 4]);
        assert!(
            !HeatMap::new("t", "p")
                .with_panel(same)
                .to_svg()
                .unwrap()
                .contains("no data")
        );
    }

    #[test]
    #[should_panic(expected = "3 values in 2 columns")]
    fn a_ragged_matrix_is_refused() {
        let _panel = HeatPanel::new("a", 2, vec![0.0; 3]);
    }
}
