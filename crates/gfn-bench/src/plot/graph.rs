//! Graphs with arrows, panel beside panel: what was sampled beside what is exact.

use plotters::prelude::RGBColor;
use plotters::style::Color as _;
use std::f64::consts::TAU;

use super::PlotError;
use super::frame::{
    self, AXIS, Align, BACKGROUND, Canvas, Dash, Key, PALETTE, Place, TEXT, TEXT_SIZE, TITLE, WIDTH,
};
use crate::picture::{GraphPicture, PictureEdge};

const LEFT: f64 = 20.0;
const NODE: f64 = 5.0;
/// Between the middle of a node and the tip of an arrow.
const TIP: f64 = NODE + 2.0;
const WIDEST_LINE: f64 = 4.0;
/// Lighter edges are left out.
const LIGHTEST: f64 = 0.02;
const NAME_SIZE: f64 = 11.0;

/// A [`GraphPicture`] as a plot: the weight of an edge is the width of its line, and how dark it is.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphPlot {
    title: String,
    picture: GraphPicture,
}

impl GraphPlot {
    /// The plot of `picture`.
    #[must_use]
    pub fn new(title: &str, picture: GraphPicture) -> Self {
        Self {
            title: title.to_owned(),
            picture,
        }
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
        let picture = &self.picture;
        let count = picture.panels.len().max(1) as f64;
        let width = (WIDTH - 2.0 * LEFT) / count;
        let height = 320.0;
        let knows = picture.edges.iter().any(|edge| edge.known.is_some());
        let keys = [("known edge", PALETTE[0]), ("another edge", PALETTE[1])];
        let keys: Vec<Key<'_>> = keys
            .iter()
            .filter(|_| knows)
            .map(|(name, color)| Key {
                name,
                color: *color,
                dash: Dash::Solid,
            })
            .collect();
        frame::svg(&self.title, 76.0 + height + 20.0, |canvas| {
            let top = canvas.legend(&keys, 40.0)?.max(58.0);
            for (panel, name) in picture.panels.iter().enumerate() {
                let left = LEFT + panel as f64 * width;
                let name = frame::fitted(name, TEXT_SIZE, width);
                canvas.text(&name, (left, top + 8.0), TEXT_SIZE, TEXT, Align::Left)?;
                self.draw_panel(canvas, panel, (left, top + 18.0, width, height - 18.0))?;
            }
            Ok(())
        })
    }

    fn draw_panel(
        &self,
        canvas: &Canvas<'_>,
        panel: usize,
        (left, top, width, height): (f64, f64, f64, f64),
    ) -> Result<(), PlotError> {
        let picture = &self.picture;
        let layered = picture.nodes.iter().any(|node| node.layer.is_some());
        let unit = if layered {
            in_layers(picture)
        } else {
            on_a_circle(picture.nodes.len())
        };
        // Room for names at all sides.
        let (inner_width, inner_height) = (width - 130.0, height - 48.0);
        let at = |(x, y): Place| {
            (
                left + 0.5 * (width - inner_width) + x * inner_width,
                top + 0.5 * (height - inner_height) + y * inner_height,
            )
        };
        let places: Vec<Place> = unit.into_iter().map(at).collect();
        // Heavy edges lie above light ones.
        let weight = |edge: &PictureEdge| edge.weights.get(panel).copied().unwrap_or(f64::NAN);
        let mut edges: Vec<&PictureEdge> = picture
            .edges
            .iter()
            .filter(|edge| weight(edge) >= LIGHTEST)
            .collect();
        edges.sort_by(|a, b| weight(a).total_cmp(&weight(b)));
        for edge in edges {
            let color = PALETTE[usize::from(edge.known == Some(false))];
            let both = [edge.from, edge.to].map(|node| places.get(node).copied());
            if let [Some(from), Some(to)] = both {
                arrow(canvas, (from, to), weight(edge).min(1.0), color)?;
            }
        }
        for (node, &place) in picture.nodes.iter().zip(&places) {
            canvas.dot(place, NODE, TITLE)?;
            let centre = left + 0.5 * width;
            let name = frame::fitted(&node.name, NAME_SIZE, 62.0);
            let (align, shift) = if layered || (place.0 - centre).abs() < 0.1 * inner_width {
                let above = place.1 < top + 0.5 * height && !layered;
                (Align::Centre, (0.0, if above { -13.0 } else { 13.0 }))
            } else if place.0 < centre {
                (Align::Right, (-9.0, 0.0))
            } else {
                (Align::Left, (9.0, 0.0))
            };
            let place = (place.0 + shift.0, place.1 + shift.1);
            canvas.text(&name, place, NAME_SIZE, TEXT, align)?;
        }
        if picture.nodes.is_empty() {
            let middle = (left + 0.5 * width, top + 0.5 * height);
            canvas.text("no data", middle, TEXT_SIZE, AXIS, Align::Centre)?;
        }
        Ok(())
    }
}

/// Places in the unit square, the first node at the top, clockwise.
fn on_a_circle(n: usize) -> Vec<Place> {
    let angle = |node: usize| TAU * node as f64 / n as f64;
    (0..n)
        .map(|node| (0.5 + 0.5 * angle(node).sin(), 0.5 - 0.5 * angle(node).cos()))
        .collect()
}

/// Places in the unit square: a column for each layer, its nodes at equal distances, those of every other layer lower.
fn in_layers(picture: &GraphPicture) -> Vec<Place> {
    let layer = |node: usize| picture.nodes[node].layer.unwrap_or(0);
    let n_layers = (0..picture.nodes.len()).map(layer).max().unwrap_or(0) + 1;
    let mut sizes = vec![0_usize; n_layers];
    let ranks: Vec<usize> = (0..picture.nodes.len())
        .map(|node| {
            sizes[layer(node)] += 1;
            sizes[layer(node)] - 1
        })
        .collect();
    let place = |(node, rank): (usize, usize)| {
        let x = layer(node) as f64 / (n_layers - 1).max(1) as f64;
        // Edges that pass a layer by would run through its nodes if these lay on the same heights.
        let shift = if layer(node) % 2 == 0 { 0.3 } else { 0.7 };
        (x, (rank as f64 + shift) / sizes[layer(node)] as f64)
    };
    ranks.into_iter().enumerate().map(place).collect()
}

/// An arrow that leaves and ends beside the nodes, a little to the right of the straight line: its opposite does not cover it.
fn arrow(
    canvas: &Canvas<'_>,
    (from, to): (Place, Place),
    weight: f64,
    color: RGBColor,
) -> Result<(), PlotError> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length < 2.0 * TIP {
        return Ok(());
    }
    let (along, aside) = ((dx / length, dy / length), (-dy / length, dx / length));
    let point = |start: Place, forth: f64, right: f64| {
        (
            start.0 + forth * along.0 + right * aside.0,
            start.1 + forth * along.1 + right * aside.1,
        )
    };
    let (start, tip) = (point(from, TIP, 2.5), point(to, -TIP, 2.5));
    let line = 0.6 + (WIDEST_LINE - 0.6) * weight;
    let head = 4.0 + 1.6 * line;
    let paled = pale(color, weight);
    canvas.line(&[start, point(tip, -head, 0.0)], paled, line, Dash::Solid)?;
    let half = 0.45 * head;
    let corners = [tip, point(tip, -head, half), point(tip, -head, -half)];
    canvas.polygon(&corners, paled.to_rgba())
}

/// The colour on a white ground, lighter for less weight but never invisible.
fn pale(color: RGBColor, weight: f64) -> RGBColor {
    let share = 0.2 + 0.8 * weight;
    let mix = |c: u8, ground: u8| {
        (f64::from(ground) + share * (f64::from(c) - f64::from(ground))).round() as u8
    };
    RGBColor(
        mix(color.0, BACKGROUND.0),
        mix(color.1, BACKGROUND.1),
        mix(color.2, BACKGROUND.2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::PictureNode;

    fn picture(layers: [Option<usize>; 3]) -> GraphPicture {
        let nodes = ["a", "b", "c"].iter().zip(layers);
        let edge = |from, to, weight, known| PictureEdge {
            from,
            to,
            weights: vec![weight, 1.0],
            known,
        };
        GraphPicture {
            panels: vec!["samples".to_owned(), "exact".to_owned()],
            nodes: nodes
                .map(|(name, layer)| PictureNode {
                    name: (*name).to_owned(),
                    layer,
                })
                .collect(),
            edges: vec![edge(0, 1, 0.5, Some(true)), edge(1, 2, 0.001, Some(false))],
        }
    }

    #[test]
    fn edges_without_weight_are_left_out() {
        let svg = GraphPlot::new("t", picture([None; 3])).to_svg().unwrap();
        // One arrow of the samples, two of the exact panel; three nodes in each.
        assert_eq!(svg.matches("<polygon").count(), 3);
        assert_eq!(svg.matches("<circle").count(), 6);
        assert!(svg.contains("known edge") && svg.contains("another edge"));
    }

    #[test]
    fn layers_are_columns_from_the_left() {
        let places = in_layers(&picture([Some(0), Some(1), Some(1)]));
        assert_eq!(places, [(0.0, 0.3), (1.0, 0.35), (1.0, 0.85)]);
        let circle = on_a_circle(4);
        assert!((circle[0].0 - 0.5).abs() < 1e-12 && circle[0].1.abs() < 1e-12);
        assert!((circle[1].0 - 1.0).abs() < 1e-12, "clockwise");
    }

    #[test]
    fn an_empty_graph_and_places_of_no_node_are_drawn() {
        let mut empty = picture([None; 3]);
        empty.edges[0].to = 9;
        assert!(GraphPlot::new("t", empty.clone()).to_svg().is_ok());
        empty.nodes.clear();
        assert!(
            GraphPlot::new("t", empty)
                .to_svg()
                .unwrap()
                .contains("no data")
        );
    }
}
