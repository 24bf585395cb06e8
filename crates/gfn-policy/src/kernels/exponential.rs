//! Exponentials of rows of logits.

use super::vectorised::vectorised;
use std::array;

/// Entries that are looked at together; a piece without an allowed action costs nothing.
pub(crate) const PIECE: usize = 64;

/// `2^(i/32)` as bits, without the part of the exponent that `i` has in [`exp`].
const TABLE: [u64; 32] = [
    0x3ff0_0000_0000_0000,
    0x3fef_d9b0_d315_8574,
    0x3fef_b558_6cf9_890f,
    0x3fef_9301_d012_5b51,
    0x3fef_72b8_3c7d_517b,
    0x3fef_5487_3168_b9aa,
    0x3fef_387a_6e75_6238,
    0x3fef_1e9d_f51f_dee1,
    0x3fef_06fe_0a31_b715,
    0x3fee_f1a7_373a_a9cb,
    0x3fee_dea6_4c12_3422,
    0x3fee_ce08_6061_892d,
    0x3fee_bfda_d536_2a27,
    0x3fee_b42b_569d_4f82,
    0x3fee_ab07_dd48_5429,
    0x3fee_a47e_b03a_5585,
    0x3fee_a09e_667f_3bcd,
    0x3fee_9f75_e8ec_5f74,
    0x3fee_a114_73eb_0187,
    0x3fee_a589_994c_ce13,
    0x3fee_ace5_422a_a0db,
    0x3fee_b737_b0cd_c5e5,
    0x3fee_c491_82a3_f090,
    0x3fee_d503_b23e_255d,
    0x3fee_e89f_995a_d3ad,
    0x3fee_ff76_f2fb_5e47,
    0x3fef_199b_dd85_529c,
    0x3fef_3720_dcef_9069,
    0x3fef_5818_dcfb_a487,
    0x3fef_7c97_337b_9b5f,
    0x3fef_a4af_a2a4_90da,
    0x3fef_d076_5b6e_4540,
];

/// `32 / ln 2`.
const SCALE: f64 = 32.0 * f64::from_bits(0x3ff7_1547_652b_82fe);

/// Added and taken away again, it rounds a number to an integer, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// A cubic for `2^(r/32)`, `|r| <= 1/2`.
const CUBIC: [f64; 3] = [
    f64::from_bits(0x3fac_6af8_4b91_2394) / 32_768.0,
    f64::from_bits(0x3fce_bfce_50fa_c4f3) / 1024.0,
    f64::from_bits(0x3fe6_2e42_ff0c_52d6) / 32.0,
];

/// `e^x` for `x <= 0`, to 0.502 units in the last place; NaN stays NaN.
///
/// `x = (k + r) ln 2 / 32` with an integer `k`: a table, a cubic and a shift of the exponent, in double precision. It is the
/// method and the constants of ARM's optimized routines (MIT licence), which the C libraries of most systems use, and so
/// gives their bits; but without a branch, so that it is compiled to vector instructions.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = if x < -200.0 { -200.0 } else { f64::from(x) };
    let shifted = x.mul_add(SCALE, ROUND);
    let k = shifted.to_bits();
    let r = x.mul_add(SCALE, -(shifted - ROUND));
    let power = f64::from_bits(TABLE[(k & 31) as usize].wrapping_add(k << 47));
    let [a, b, c] = CUBIC;
    let cubic = r.mul_add(a, b).mul_add(r * r, r.mul_add(c, 1.0));
    (cubic * power) as f32
}

/// What [`exponentials`] finds in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    /// The largest logit of an allowed action.
    pub(crate) max: f32,
    /// The sum of the exponentials, from the first to the last.
    pub(crate) sum: f32,
    /// Number of allowed actions.
    pub(crate) allowed: usize,
}

/// `exp(ℓ − max)` of the allowed actions into `weights`, 0 elsewhere. Actions whose mask is `allow` are allowed.
///
/// # Panics
///
/// If the lengths differ.
pub(crate) fn exponentials(logits: &[f32], mask: &[bool], allow: bool, weights: &mut [f32]) -> Row {
    assert!(
        logits.len() == mask.len() && logits.len() == weights.len(),
        "logits, mask and weights have one entry per action"
    );
    let mut row = Row {
        max: f32::NEG_INFINITY,
        sum: 0.0,
        allowed: 0,
    };
    fill(logits, mask, allow, weights, &mut row);
    row
}

/// The number of allowed actions in a piece.
#[inline(always)]
fn count(mask: &[bool], allow: bool) -> usize {
    // A piece is short enough for a byte.
    let true_ones = mask.iter().fold(0u8, |n, &m| n + u8::from(m));
    let true_ones = usize::from(true_ones);
    if allow {
        true_ones
    } else {
        mask.len() - true_ones
    }
}

/// The largest allowed logit of a piece and `max`.
#[inline(always)]
fn largest(logits: &[f32], mask: &[bool], allow: bool, max: f32) -> f32 {
    const LANES: usize = 16;
    let pick = |m: f32, l: f32, ok: bool| if ok == allow && l > m { l } else { m };
    let mut lanes = [max; LANES];
    let (whole, rest) = logits.as_chunks::<LANES>();
    let (masks, rest_mask) = mask.as_chunks::<LANES>();
    for (l, m) in whole.iter().zip(masks) {
        lanes = array::from_fn(|i| pick(lanes[i], l[i], m[i]));
    }
    let mut max = lanes
        .into_iter()
        .fold(max, |m, l| if l > m { l } else { m });
    for (&l, &m) in rest.iter().zip(rest_mask) {
        max = pick(max, l, m);
    }
    max
}

vectorised! {
    fn fill<'a>(
        logits: &'a [f32],
        mask: &'a [bool],
        allow: bool,
        weights: &'a mut [f32],
        row: &'a mut Row,
    ) {
        let (mut max, mut allowed) = (f32::NEG_INFINITY, 0);
        for (logits, mask) in logits.chunks(PIECE).zip(mask.chunks(PIECE)) {
            let n = count(mask, allow);
            if n > 0 {
                allowed += n;
                max = largest(logits, mask, allow, max);
            }
        }
        let mut sum = 0.0f32;
        let pieces = logits.chunks(PIECE).zip(mask.chunks(PIECE));
        for (weights, (logits, mask)) in weights.chunks_mut(PIECE).zip(pieces) {
            if count(mask, allow) == 0 {
                weights.fill(0.0);
                continue;
            }
            for ((w, &l), &m) in weights.iter_mut().zip(logits).zip(mask) {
                let e = exp(l - max);
                *w = if m == allow { e } else { 0.0 };
            }
            for &w in &*weights {
                sum += w;
            }
        }
        *row = Row { max, sum, allowed };
    }
}

vectorised! {
    /// Every entry over `divisor`; pieces of zeros are left alone.
    pub(crate) fn divide<'a>(values: &'a mut [f32], divisor: f32) {
        for v in values {
            *v /= divisor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_within_one_unit_in_the_last_place() {
        let mut x = 0.0f32;
        while x > -110.0 {
            let (e, exact) = (exp(x), f64::from(x).exp());
            // Below the normal numbers a unit is 2^-149.
            let unit = f64::from(e.max(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON);
            assert!(
                (f64::from(e) - exact).abs() <= 0.51 * unit,
                "{x}: {e} {exact}"
            );
            x -= 1e-4 + x.abs() * 1e-4;
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-3e38), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    /// Whether the bits are those that they always were: a number of every log-probability depends on them.
    #[test]
    fn the_bits_of_exponentials_stay() {
        let hash = (0..200_000u32).fold(0xcbf2_9ce4_8422_2325u64, |hash, i| {
            let e = exp(-5e-4 * i as f32 - 1e-7 * (i % 97) as f32);
            (hash ^ u64::from(e.to_bits())).wrapping_mul(0x0000_0100_0000_01b3)
        });
        assert_eq!(hash, 0xe700_5f90_54e3_91c5);
    }

    #[test]
    fn rows_of_any_length_are_what_plain_loops_make() {
        for n in [1, 2, 9, 16, 63, 64, 65, 128, 300] {
            for every in [1, 2, 70] {
                let logits: Vec<f32> = (0..n).map(|i| (i * 37 % 101) as f32 * 0.1).collect();
                let allowed: Vec<bool> = (0..n).map(|i| i / every % 2 == 0).collect();
                let forbidden: Vec<bool> = allowed.iter().map(|ok| !ok).collect();
                let ok = |i: &usize| allowed[*i];
                let max = (0..n)
                    .filter(ok)
                    .fold(f32::NEG_INFINITY, |m, i| m.max(logits[i]));
                let expected: Vec<f32> = (0..n)
                    .map(|i| if ok(&i) { exp(logits[i] - max) } else { 0.0 })
                    .collect();
                let row = Row {
                    max,
                    sum: expected.iter().fold(0.0, |sum, w| sum + w),
                    allowed: (0..n).filter(ok).count(),
                };
                let mut weights = vec![f32::NAN; n];
                assert_eq!(exponentials(&logits, &allowed, true, &mut weights), row);
                assert_eq!(weights, expected);
                assert_eq!(exponentials(&logits, &forbidden, false, &mut weights), row);
                assert_eq!(weights, expected);
            }
        }
    }

    #[test]
    fn a_row_without_actions_is_empty() {
        let mut weights = [1.0; 3];
        let row = exponentials(&[1.0, 2.0, 3.0], &[false; 3], true, &mut weights);
        assert_eq!((row.sum, row.allowed, weights), (0.0, 0, [0.0; 3]));
    }
}
