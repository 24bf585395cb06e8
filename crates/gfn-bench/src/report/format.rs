//! Numbers as a reader wants them.

use crate::metrics::statistics::Spread;

/// What stands where there is no number.
pub(super) const MISSING: &str = "–";

/// A value with four significant digits; whole numbers in full, with thousands apart.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            MISSING.to_owned()
        } else {
            value.to_string()
        };
    }
    let size = value.abs();
    if value.fract() == 0.0 && size < 1e15 {
        return whole(value);
    }
    if !(1e-3..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let decimals = (3.0 - size.log10().floor()).max(0.0) as usize;
    if size >= 1e4 {
        whole(value.round())
    } else {
        format!("{value:.decimals$}")
    }
}

/// A whole number with thin gaps between thousands.
fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    // Four digits read well as they are.
    if digits.len() < 5 {
        return format!("{value:.0}");
    }
    let mut text = if value < 0.0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in the unit that its name calls for.
pub(super) fn figure(name: &str, value: f64) -> String {
    const MEBIBYTE: f64 = 1024.0 * 1024.0;
    if name.ends_with("_bytes") {
        format!("{} MiB", number((value / MEBIBYTE * 10.0).round() / 10.0))
    } else {
        number(value)
    }
}

/// `median [low, high]`, or the value alone where all seeds agree or there is one.
pub(super) fn spread(name: &str, spread: &Spread) -> String {
    let (Some(median), Some(low), Some(high)) = (spread.median, spread.low, spread.high) else {
        return MISSING.to_owned();
    };
    if low == high {
        return figure(name, median);
    }
    format!(
        "{} [{}, {}]",
        figure(name, median),
        figure(name, low),
        figure(name, high)
    )
}

/// A spread, with its `n` where not all of the cell's runs have the figure.
pub(super) fn spread_of(name: &str, of: usize, found: &Spread) -> String {
    let text = spread(name, found);
    if found.n == of || found.n == 0 {
        text
    } else {
        format!("{text} (n = {})", found.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_their_meaning() {
        let cases = [
            (0.0, "0"),
            (0.012_345_6, "0.01235"),
            (0.000_12, "1.20e-4"),
            (62_500.0, "62,500"),
            (1000.0, "1000"),
            (-1_234_567.0, "-1,234,567"),
            (123.456, "123.5"),
            (45_678.9, "45,679"),
            (f64::NAN, "–"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            figure("peak_memory_bytes", 150.0 * 1024.0 * 1024.0),
            "150 MiB"
        );
    }

    #[test]
    fn a_spread_says_its_range_and_its_n() {
        let three = Spread::of_finite([0.1, 0.2, 0.4]);
        assert_eq!(spread_of("exact.tv", 3, &three), "0.2000 [0.1000, 0.4000]");
        assert_eq!(
            spread_of("exact.tv", 4, &three),
            "0.2000 [0.1000, 0.4000] (n = 3)"
        );
        assert_eq!(spread("exact.tv", &Spread::of_finite([0.25])), "0.2500");
        assert_eq!(spread("exact.tv", &Spread::default()), "–");
    }
}
