//! Products with few columns, such as heads: general matrix products spend most of their time around these.

use pulp::{Arch, Simd, WithSimd};

/// Most columns.
pub(crate) const WIDTH: usize = 32;

/// Rows that are computed side by side: their sums fit into the registers.
const ROWS: usize = 8;

/// A weight matrix `[inner, columns]` with its rows padded to [`WIDTH`] entries.
pub(crate) fn padded(weight: &[f32], columns: usize) -> Vec<f32> {
    let rows = weight.chunks_exact(columns);
    let mut padded = vec![0.0; rows.len() * WIDTH];
    for (to, from) in padded.chunks_exact_mut(WIDTH).zip(rows) {
        to[..columns].copy_from_slice(from);
    }
    padded
}

/// `out = x · w + bias` with `x` `[rows, inner]`, `w` from [`padded`] and `out` `[rows, columns]`.
///
/// Every entry is one sum in the order of `inner`, whatever the number of rows.
///
/// # Panics
///
/// If there are more columns than [`WIDTH`], or a slice is shorter than its shape says.
pub(crate) fn product(x: &[f32], padded: &[f32], bias: &[f32], out: &mut [f32]) {
    assert!(bias.len() <= WIDTH, "{} columns are not few", bias.len());
    Arch::new().dispatch(Product {
        x,
        padded,
        bias,
        out,
    });
}

struct Product<'a> {
    x: &'a [f32],
    padded: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (columns, inner) = (self.bias.len(), self.padded.len() / WIDTH);
        let mut bias = [0.0; WIDTH];
        bias[..columns].copy_from_slice(self.bias);
        let (bias, _) = S::as_simd_f32s(&bias);
        let (w, _) = S::as_simd_f32s(self.padded);
        let blocks = self.out.chunks_mut(ROWS * columns);
        for (x, out) in self.x.chunks(ROWS * inner).zip(blocks) {
            match out.len() / columns {
                1 => block::<S, 1>(simd, x, w, bias, out),
                2 => block::<S, 2>(simd, x, w, bias, out),
                3 => block::<S, 3>(simd, x, w, bias, out),
                4 => block::<S, 4>(simd, x, w, bias, out),
                5 => block::<S, 5>(simd, x, w, bias, out),
                6 => block::<S, 6>(simd, x, w, bias, out),
                7 => block::<S, 7>(simd, x, w, bias, out),
                _ => block::<S, 8>(simd, x, w, bias, out),
            }
        }
    }
}

/// `R` rows, one vector of columns at a time.
#[inline(always)]
fn block<S: Simd, const R: usize>(
    simd: S,
    x: &[f32],
    w: &[S::f32s],
    bias: &[S::f32s],
    out: &mut [f32],
) {
    let columns = out.len() / R;
    let inner = x.len() / R;
    let rows: [&[f32]; R] = std::array::from_fn(|r| &x[r * inner..][..inner]);
    for (v, start) in (0..columns).step_by(S::F32_LANES).enumerate() {
        let mut sums = [bias[v]; R];
        for (k, w) in w.chunks_exact(bias.len()).enumerate() {
            for r in 0..R {
                sums[r] = simd.mul_add_e_f32s(simd.splat_f32s(rows[r][k]), w[v], sums[r]);
            }
        }
        let n = S::F32_LANES.min(columns - start);
        for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(columns)) {
            let mut tile = [0.0; WIDTH];
            S::as_mut_simd_f32s(&mut tile).0[0] = sum;
            out[start..start + n].copy_from_slice(&tile[..n]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_and_columns() {
        for inner in [1, 31, 256] {
            for columns in [1, 9, 16, 17, 32] {
                let w: Vec<f32> = (0..inner * columns)
                    .map(|i| (i * 37 % 101) as f32 - 50.0)
                    .collect();
                let bias: Vec<f32> = (0..columns).map(|i| i as f32).collect();
                for rows in [0, 1, 3, 8, 17] {
                    // Small integers: sums are exact in whatever order.
                    let x: Vec<f32> = (0..rows * inner)
                        .map(|i| (i * 13 % 11) as f32 - 5.0)
                        .collect();
                    let mut out = vec![f32::NAN; rows * columns];
                    product(&x, &padded(&w, columns), &bias, &mut out);
                    for r in 0..rows {
                        for c in 0..columns {
                            let sum: f32 = (0..inner)
                                .map(|k| x[r * inner + k] * w[k * columns + c])
                                .sum();
                            assert_eq!(
                                out[r * columns + c],
                                sum + bias[c],
                                "{rows}x{inner}x{columns}"
                            );
                        }
                    }
                }
            }
        }
    }
}
