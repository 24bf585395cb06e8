//! Ranges, ticks and tick labels of an axis.

use super::Scale;

/// A tick: its place along the axis in `0..=1`, and its label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) place: f64,
    pub(super) label: String,
}

/// What an axis does with the space beyond its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Margin {
    /// The data reaches both ends.
    Tight,
    /// A little room, and zero is included where it is near.
    Roomy,
}

/// An axis that maps values to `0..=1`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    /// Ends in the scale's own units: logarithms for [`Scale::Log`].
    low: f64,
    high: f64,
}

impl Axis {
    /// An axis that holds all drawable values, or `None` if there is none.
    pub(super) fn fit(
        scale: Scale,
        margin: Margin,
        values: impl IntoIterator<Item = f64>,
    ) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values
            .into_iter()
            .filter_map(|value| to_units(scale, value))
        {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            return None;
        }
        let mut axis = Self { scale, low, high };
        axis.widen(margin);
        Some(axis)
    }

    fn widen(&mut self, margin: Margin) {
        let span = self.high - self.low;
        let smallest = match self.scale {
            // Differences in the last digits are rounding, not data.
            Scale::Linear => 1e-9 * self.high.abs().max(self.low.abs()),
            Scale::Log => 1e-3,
        };
        if span <= smallest {
            let room = match self.scale {
                Scale::Linear if self.high == 0.0 => 1.0,
                Scale::Linear => 0.5 * self.high.abs(),
                Scale::Log => 0.5,
            };
            (self.low, self.high) = (self.low - room, self.high + room);
        } else if margin == Margin::Roomy {
            let near_zero =
                self.scale == Scale::Linear && self.low >= 0.0 && self.low < 0.5 * self.high;
            self.low = if near_zero {
                0.0
            } else {
                self.low - 0.06 * span
            };
            self.high += 0.06 * span;
        }
    }

    /// Where a value lies, `None` if it cannot be drawn on this axis.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        to_units(self.scale, value).map(|value| (value - self.low) / (self.high - self.low))
    }

    /// About five labelled ticks.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let values = match self.scale {
            Scale::Linear => linear_ticks(self.low, self.high),
            Scale::Log => log_ticks(self.low, self.high),
        };
        let on_axis = |place: &f64| (-1e-9..=1.0 + 1e-9).contains(place);
        values
            .into_iter()
            .filter_map(|value| {
                Some(Tick {
                    place: self.place(value).filter(on_axis)?,
                    label: tick_label(value),
                })
            })
            .collect()
    }
}

fn to_units(scale: Scale, value: f64) -> Option<f64> {
    let units = match scale {
        Scale::Linear => value,
        Scale::Log if value > 0.0 => value.log10(),
        Scale::Log => return None,
    };
    units.is_finite().then_some(units)
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    const WANTED: f64 = 5.0;
    let raw = (high - low) / WANTED;
    let power = 10_f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= 0.7 * raw)
        .unwrap_or(10.0);
    let step = factor * power;
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last)
        .map(|index| {
            // Division by a whole number keeps 0.3 from becoming 0.30000000000000004.
            if step < 1.0 {
                index as f64 / (1.0 / step).round()
            } else {
                index as f64 * step
            }
        })
        .collect()
}

fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    const MOST_DECADES: f64 = 7.0;
    let decades = high - low;
    if decades < 0.7 {
        return linear_ticks(10_f64.powf(low), 10_f64.powf(high));
    }
    let (multiples, stride): (&[f64], usize) = if decades < 2.2 {
        (&[1.0, 2.0, 5.0], 1)
    } else {
        (&[1.0], (decades / MOST_DECADES).ceil() as usize)
    };
    // Starting at a multiple of the stride keeps 10⁰ among the ticks.
    let start = (low.floor() as i32).div_euclid(stride as i32) * stride as i32;
    (start..=high.ceil() as i32)
        .step_by(stride)
        .flat_map(|exponent| {
            multiples
                .iter()
                .map(move |multiple| multiple * 10_f64.powi(exponent))
        })
        .collect()
}

/// A short label: `0.05`, `20k`, `1.5M`, `2·10⁻⁵`.
pub(super) fn tick_label(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3 * 0.999..1e9).contains(&size) {
        return scientific(value);
    }
    let (scaled, suffix) = match size {
        _ if size >= 1e6 => (value / 1e6, "M"),
        _ if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    // Four significant digits, without the zeros that say nothing.
    let decimals = (3.0 - scaled.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{scaled:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{}{suffix}", text.replace('-', "\u{2212}"))
}

fn scientific(value: f64) -> String {
    const SUPERSCRIPTS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let text = format!("{value:.2e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa
        .trim_end_matches('0')
        .trim_end_matches('.')
        .replace('-', "\u{2212}");
    let exponent: String = exponent
        .chars()
        .map(|c| {
            c.to_digit(10)
                .map_or('⁻', |digit| SUPERSCRIPTS[digit as usize])
        })
        .collect();
    match mantissa.as_str() {
        "1" => format!("10{exponent}"),
        _ => format!("{mantissa}·10{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, margin: Margin, values: &[f64]) -> Vec<String> {
        let axis = Axis::fit(scale, margin, values.iter().copied()).unwrap();
        axis.ticks().into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(
            labels(Scale::Linear, Margin::Tight, &[0.0, 1.0]),
            ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        );
        assert_eq!(
            labels(Scale::Linear, Margin::Tight, &[0.0, 320_000.0]),
            ["0", "50k", "100k", "150k", "200k", "250k", "300k"]
        );
        assert_eq!(
            labels(Scale::Linear, Margin::Tight, &[-1.0, 1.0]),
            ["−1", "−0.5", "0", "0.5", "1"]
        );
    }

    #[test]
    fn log_ticks_follow_the_span() {
        assert_eq!(
            labels(Scale::Log, Margin::Tight, &[1e-4, 1.0]),
            ["10⁻⁴", "0.001", "0.01", "0.1", "1"]
        );
        assert_eq!(
            labels(Scale::Log, Margin::Tight, &[0.1, 1.0]),
            ["0.1", "0.2", "0.5", "1"]
        );
        assert!(labels(Scale::Log, Margin::Tight, &[1e-30, 1.0]).len() <= 8);
        assert!(labels(Scale::Log, Margin::Tight, &[0.30, 0.34]).len() >= 3);
    }

    #[test]
    fn values_that_cannot_be_drawn_are_left_out() {
        assert_eq!(
            Axis::fit(
                Scale::Log,
                Margin::Roomy,
                [0.0, -1.0, f64::NAN, f64::INFINITY]
            ),
            None
        );
        let axis = Axis::fit(Scale::Log, Margin::Tight, [0.0, 1.0, 100.0]).unwrap();
        assert_eq!(
            (axis.place(10.0), axis.place(0.0), axis.place(f64::NAN)),
            (Some(0.5), None, None)
        );
    }

    #[test]
    fn one_value_lies_in_the_middle() {
        for (scale, value) in [
            (Scale::Linear, 0.0),
            (Scale::Linear, -3.0),
            (Scale::Log, 1e-8),
        ] {
            let axis = Axis::fit(scale, Margin::Roomy, [value, value]).unwrap();
            assert!((axis.place(value).unwrap() - 0.5).abs() < 1e-12);
            assert!(!axis.ticks().is_empty());
        }
    }

    #[test]
    fn labels_are_short() {
        let cases = [
            (0.05, "0.05"),
            (1234.0, "1234"),
            (20_000.0, "20k"),
            (1.5e6, "1.5M"),
            (2e-5, "2·10⁻⁵"),
            (1e12, "10¹²"),
        ];
        for (value, label) in cases {
            assert_eq!(tick_label(value), label);
        }
    }
}
