//! The drawing surface and what every plot has: title, legend, colours.

use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, IntoDrawingArea as _, RGBColor, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontTransform, IntoTextStyle as _, RGBAColor, ShapeStyle};

use super::PlotError;

/// Width of every plot in pixels.
pub(super) const WIDTH: f64 = 720.0;

/// Okabe and Ito's palette, reordered so that the first few contrast most on white; without its yellow.
pub(super) const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(170, 68, 153),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(82, 82, 82),
];
pub(super) const BACKGROUND: RGBColor = RGBColor(255, 255, 255);
pub(super) const TITLE: RGBColor = RGBColor(31, 41, 51);
pub(super) const TEXT: RGBColor = RGBColor(75, 85, 99);
pub(super) const GRID: RGBColor = RGBColor(229, 231, 235);
pub(super) const AXIS: RGBColor = RGBColor(156, 163, 175);

pub(super) const TITLE_SIZE: f64 = 15.0;
pub(super) const TEXT_SIZE: f64 = 12.0;

/// Mean width of a character of a sans-serif font, as a share of its size; only the legend's flow depends on it.
const CHARACTER_WIDTH: f64 = 0.56;

/// plotters rounds places to whole units, which makes curves visibly jagged at one unit per pixel.
const UNITS_PER_PIXEL: f64 = 8.0;

/// plotters divides font sizes by this before it writes them.
const FONT_SCALE: f64 = 1.24;

/// A place in pixels, from the upper left corner.
pub(super) type Place = (f64, f64);

/// Horizontal alignment of a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// An entry of a legend.
pub(super) struct Key<'a> {
    pub(super) name: &'a str,
    pub(super) color: RGBColor,
    pub(super) dash: Dash,
}

/// How a line is broken: lengths of stroke and gap in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Dash {
    Solid,
    Broken(f64, f64),
}

/// A surface to draw on in pixels.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    title: &'a str,
}

/// Draws `content` on a fresh surface of [`WIDTH`] x `height` pixels and returns the SVG.
pub(super) fn svg(
    title: &str,
    height: f64,
    content: impl FnOnce(&Canvas<'_>) -> Result<(), PlotError>,
) -> Result<String, PlotError> {
    let mut text = String::new();
    let size = (units(WIDTH) as u32, units(height) as u32);
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let canvas = Canvas { area, title };
        canvas.check(canvas.area.fill(&BACKGROUND))?;
        canvas.text(
            &fitted(title, TITLE_SIZE, WIDTH - 40.0),
            (20.0, 24.0),
            TITLE_SIZE,
            TITLE,
            Align::Left,
        )?;
        content(&canvas)?;
        canvas.check(canvas.area.present())?;
    }
    // The view box stays in fine units; only the size on the page is in pixels.
    let fine = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    Ok(text.replacen(&fine, &format!("width=\"{WIDTH}\" height=\"{height}\""), 1))
}

impl Canvas<'_> {
    fn check<E: std::error::Error + Send + Sync + 'static>(
        &self,
        result: Result<(), E>,
    ) -> Result<(), PlotError> {
        result.map_err(|error| PlotError::new(self.title, error))
    }

    pub(super) fn text(
        &self,
        text: &str,
        at: Place,
        size: f64,
        color: RGBColor,
        align: Align,
    ) -> Result<(), PlotError> {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = ("system-ui, sans-serif", size * FONT_SCALE * UNITS_PER_PIXEL)
            .into_text_style(&self.area)
            .transform(FontTransform::None)
            .color(&color)
            .pos(Pos::new(horizontal, VPos::Center));
        self.check(
            self.area
                .draw(&Text::new(text.to_owned(), place(at), style)),
        )
    }

    pub(super) fn line(
        &self,
        path: &[Place],
        color: RGBColor,
        width: f64,
        dash: Dash,
    ) -> Result<(), PlotError> {
        let style = ShapeStyle {
            color: color.to_rgba(),
            filled: false,
            stroke_width: units(width) as u32,
        };
        for piece in pieces(path, dash) {
            self.check(self.area.draw(&PathElement::new(
                piece.into_iter().map(place).collect::<Vec<_>>(),
                style,
            )))?;
        }
        Ok(())
    }

    pub(super) fn polygon(&self, corners: &[Place], color: RGBAColor) -> Result<(), PlotError> {
        let corners: Vec<(i32, i32)> = corners.iter().copied().map(place).collect();
        self.check(self.area.draw(&Polygon::new(corners, color.filled())))
    }

    pub(super) fn rectangle(
        &self,
        from: Place,
        to: Place,
        color: RGBColor,
    ) -> Result<(), PlotError> {
        self.check(
            self.area
                .draw(&Rectangle::new([place(from), place(to)], color.filled())),
        )
    }

    pub(super) fn dot(&self, at: Place, radius: f64, color: RGBColor) -> Result<(), PlotError> {
        self.check(
            self.area
                .draw(&Circle::new(place(at), units(radius), color.filled())),
        )
    }

    /// Draws the legend in rows from `top` and returns the place below it.
    pub(super) fn legend(&self, keys: &[Key<'_>], top: f64) -> Result<f64, PlotError> {
        const SWATCH: f64 = 20.0;
        const GAP: f64 = 18.0;
        const ROW: f64 = 18.0;
        let (mut x, mut y) = (20.0, top + 0.5 * ROW);
        for key in keys {
            let width = SWATCH + 6.0 + text_width(key.name, TEXT_SIZE);
            if x > 20.0 && x + width > WIDTH - 20.0 {
                (x, y) = (20.0, y + ROW);
            }
            self.line(&[(x, y), (x + SWATCH, y)], key.color, 3.0, key.dash)?;
            self.text(
                key.name,
                (x + SWATCH + 6.0, y),
                TEXT_SIZE,
                TEXT,
                Align::Left,
            )?;
            x += width + GAP;
        }
        Ok(if keys.is_empty() { top } else { y + 0.5 * ROW })
    }
}

/// Estimated width of a text in pixels.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * CHARACTER_WIDTH
}

/// `text`, or its start with an ellipsis if it is wider than `width`.
pub(super) fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let kept = (width / (size * CHARACTER_WIDTH)).floor().max(1.0) as usize - 1;
    text.chars().take(kept).chain(['…']).collect()
}

/// The nth colour and line style: when the colours are used up, dashes tell the next round apart.
pub(super) fn style(index: usize) -> (RGBColor, Dash) {
    const DASHES: [Dash; 3] = [Dash::Solid, Dash::Broken(7.0, 3.0), Dash::Broken(2.0, 3.0)];
    (
        PALETTE[index % PALETTE.len()],
        DASHES[(index / PALETTE.len()) % DASHES.len()],
    )
}

fn units(pixels: f64) -> i32 {
    (pixels * UNITS_PER_PIXEL).round() as i32
}

fn place((x, y): Place) -> (i32, i32) {
    (units(x), units(y))
}

/// Cuts a path into the strokes of a dashed line.
fn pieces(path: &[Place], dash: Dash) -> Vec<Vec<Place>> {
    let Dash::Broken(stroke, gap) = dash else {
        return vec![path.to_vec()];
    };
    let mut strokes = Vec::new();
    let mut current: Vec<Place> = path.first().copied().into_iter().collect();
    let (mut drawing, mut left) = (true, stroke);
    for pair in path.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length < left {
                left -= length;
                if drawing {
                    current.push(to);
                }
                break;
            }
            let share = left / length;
            from = (
                from.0 + share * (to.0 - from.0),
                from.1 + share * (to.1 - from.1),
            );
            if drawing {
                current.push(from);
                strokes.push(std::mem::take(&mut current));
            } else {
                current = vec![from];
            }
            drawing = !drawing;
            left = if drawing { stroke } else { gap };
        }
    }
    if current.len() > 1 {
        strokes.push(current);
    }
    strokes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_follow_the_length_of_the_path() {
        let strokes = pieces(
            &[(0.0, 0.0), (4.0, 0.0), (9.0, 0.0)],
            Dash::Broken(3.0, 2.0),
        );
        assert_eq!(
            strokes,
            [vec![(0.0, 0.0), (3.0, 0.0)], vec![(5.0, 0.0), (8.0, 0.0)]]
        );
        assert_eq!(pieces(&[(0.0, 0.0), (1.0, 1.0)], Dash::Solid).len(), 1);
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(fitted("short", 10.0, 100.0), "short");
        assert_eq!(fitted("abcdefghij", 10.0, 30.0), "abcd…");
    }

    #[test]
    fn styles_do_not_repeat_soon() {
        let styles: Vec<_> = (0..21).map(style).collect();
        assert!(
            styles
                .iter()
                .enumerate()
                .all(|(i, a)| styles[..i].iter().all(|b| a != b))
        );
    }
}
