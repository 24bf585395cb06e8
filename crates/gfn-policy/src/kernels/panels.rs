//! Products with a weight matrix that was laid out for them once: a sampler's weights meet many small batches of rows.
//!
//! General matrix products lay their operands out anew in each call, which costs as much as the product itself where
//! there are few rows.

use pulp::{Arch, Simd, WithSimd};
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;
use std::ops::Range;

/// Columns of a panel: two vectors of AVX-512.
pub(crate) const PANEL: usize = 32;

/// Terms that are summed in one piece; longer sums are sums of such pieces, in order.
pub(crate) const INNER_BLOCK: usize = 512;

/// Rows that are computed side by side: their sums fit into 32 registers, or into 16 shorter ones.
const fn rows_at_once(lanes: usize) -> usize {
    if lanes >= 16 { 8 } else { 6 }
}

/// Vectors of columns at a time where there are one or two rows and a panel has as many.
const FEW: usize = 4;

/// From this number of weights on, panels are laid out side by side.
const PARALLEL: usize = 1 << 18;

/// A matrix `[inner, columns]`, [`PANEL`] columns after another, each panel with its rows behind one another.
#[derive(Clone, Debug)]
pub(crate) struct Panels {
    values: Vec<f32>,
    inner: usize,
    columns: usize,
}

/// What is done with the finished sums of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finish<'a> {
    /// Nothing.
    Keep,
    /// The bias is added.
    Bias(&'a [f32]),
    /// The bias is added, and what is negative becomes zero.
    BiasRelu(&'a [f32]),
}

/// Which part of a product is computed.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    /// Rows, or all of them.
    pub(crate) rows: Option<&'a [u32]>,
    /// Terms of the sums.
    pub(crate) inner: Range<usize>,
    /// Panels of columns.
    pub(crate) panels: Range<usize>,
    /// Whether the sums are added to what is there.
    pub(crate) accumulate: bool,
}

impl Panels {
    /// Lays out `[inner, columns]` in row-major order.
    pub(crate) fn new(matrix: &[f32], columns: usize) -> Self {
        let inner = matrix.len() / columns.max(1);
        Self::laid_out(inner, columns, |panel, out| {
            let start = panel * PANEL;
            let n = PANEL.min(columns - start);
            for (to, from) in out
                .chunks_exact_mut(PANEL)
                .zip(matrix.chunks_exact(columns))
            {
                to[..n].copy_from_slice(&from[start..start + n]);
            }
        })
    }

    /// Lays out the transpose of `[rows, inner]` in row-major order: `rows` become the columns.
    pub(crate) fn transposed(matrix: &[f32], inner: usize) -> Self {
        let columns = matrix.len() / inner.max(1);
        Self::laid_out(inner, columns, |panel, out| {
            let rows = matrix.chunks_exact(inner).skip(panel * PANEL).take(PANEL);
            let rows: Vec<&[f32]> = rows.collect();
            // In squares, so that what is read and what is written both stay in the cache.
            for (k, out) in out.chunks_mut(PANEL * 16).enumerate() {
                for (j, row) in rows.iter().enumerate() {
                    let row = &row[k * 16..(k * 16 + out.len() / PANEL)];
                    for (to, &value) in out[j..].iter_mut().step_by(PANEL).zip(row) {
                        *to = value;
                    }
                }
            }
        })
    }

    fn laid_out(inner: usize, columns: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let size = inner * PANEL;
        let mut values = vec![0.0; columns.div_ceil(PANEL) * size];
        if size > 0 && values.len() >= PARALLEL {
            let panels = values.par_chunks_exact_mut(size).enumerate();
            panels.for_each(|(panel, out)| fill(panel, out));
        } else if size > 0 {
            let panels = values.chunks_exact_mut(size).enumerate();
            panels.for_each(|(panel, out)| fill(panel, out));
        }
        Self {
            values,
            inner,
            columns,
        }
    }

    pub(crate) fn inner(&self) -> usize {
        self.inner
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn n_panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// `out = finish(x · matrix)` with `x` `[rows, inner]` and `out` `[rows, columns]` in row-major order.
    ///
    /// An entry is the sum over `inner` from the first term to the last, of fused multiply-adds, in pieces of
    /// [`INNER_BLOCK`]: it does not depend on the number of rows, to the last bit.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than its shape says.
    pub(crate) fn multiply(&self, x: &[f32], out: &mut [f32], finish: Finish<'_>) {
        self.in_blocks(x, out, 0..self.n_panels(), None, finish);
    }

    /// The same for some panels of columns and some rows; the other entries of `out` stay as they are.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than its shape says.
    pub(crate) fn multiply_rows(
        &self,
        x: &[f32],
        out: &mut [f32],
        panels: Range<usize>,
        rows: &[u32],
        finish: Finish<'_>,
    ) {
        self.in_blocks(x, out, panels, Some(rows), finish);
    }

    fn in_blocks(
        &self,
        x: &[f32],
        out: &mut [f32],
        panels: Range<usize>,
        rows: Option<&[u32]>,
        finish: Finish<'_>,
    ) {
        let blocks = self.inner.div_ceil(INNER_BLOCK).max(1);
        for block in 0..blocks {
            let end = self.inner.min((block + 1) * INNER_BLOCK);
            let part = Part {
                rows,
                inner: block * INNER_BLOCK..end,
                panels: panels.clone(),
                accumulate: block > 0,
            };
            let last = block + 1 == blocks;
            self.multiply_part(x, out, part, if last { finish } else { Finish::Keep });
        }
    }

    /// A part of the product; the other entries of `out` stay as they are.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than its shape says, or the part is longer than [`INNER_BLOCK`].
    pub(crate) fn multiply_part(
        &self,
        x: &[f32],
        out: &mut [f32],
        part: Part<'_>,
        finish: Finish<'_>,
    ) {
        assert!(
            part.inner.len() <= INNER_BLOCK,
            "long sums are made in pieces"
        );
        Arch::new().dispatch(Multiply {
            weights: self,
            x,
            out,
            part,
            finish,
        });
    }
}

struct Multiply<'a> {
    weights: &'a Panels,
    x: &'a [f32],
    out: &'a mut [f32],
    part: Part<'a>,
    finish: Finish<'a>,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Panels {
            values,
            inner,
            columns,
        } = self.weights;
        let (values, _) = S::as_simd_f32s(values);
        let per_row = PANEL / S::F32_LANES;
        let n_rows = match self.part.rows {
            Some(rows) => rows.len(),
            None => self.out.len() / (*columns).max(1),
        };
        for panel in self.part.panels.clone() {
            let rows = panel * inner + self.part.inner.start..panel * inner + self.part.inner.end;
            let mut tile = Tile {
                simd,
                weights: &values[rows.start * per_row..rows.end * per_row],
                x: self.x,
                stride: *inner,
                first_term: self.part.inner.start,
                out: &mut *self.out,
                columns: *columns,
                first_column: panel * PANEL,
                rows: self.part.rows,
                accumulate: self.part.accumulate,
                finish: self.finish,
            };
            let at_once = rows_at_once(S::F32_LANES);
            let mut first = 0;
            while first < n_rows {
                let left = n_rows - first;
                // Sums of a few rows wait for each other: no row is left alone if it can be helped.
                let n = match left {
                    left if left != at_once + 1 => at_once.min(left),
                    left if per_row >= FEW => left - 2,
                    left => left.div_ceil(2),
                };
                match n {
                    1 => tile.few::<1>(first),
                    2 => tile.few::<2>(first),
                    3 => tile.compute::<3, 2>(first),
                    4 => tile.compute::<4, 2>(first),
                    5 => tile.compute::<5, 2>(first),
                    6 => tile.compute::<6, 2>(first),
                    7 => tile.compute::<7, 2>(first),
                    _ => tile.compute::<8, 2>(first),
                }
                first += n;
            }
        }
    }
}

/// One panel of columns, a few rows at a time.
struct Tile<'a, S: Simd> {
    simd: S,
    weights: &'a [S::f32s],
    x: &'a [f32],
    stride: usize,
    first_term: usize,
    out: &'a mut [f32],
    columns: usize,
    first_column: usize,
    rows: Option<&'a [u32]>,
    accumulate: bool,
    finish: Finish<'a>,
}

impl<S: Simd> Tile<'_, S> {
    /// One row or two: more columns at a time, so that enough sums go on side by side.
    #[inline(always)]
    fn few<const R: usize>(&mut self, first: usize) {
        if PANEL / S::F32_LANES >= FEW {
            self.compute::<R, FEW>(first);
        } else {
            self.compute::<R, 2>(first);
        }
    }

    /// `R` rows, `V` vectors of columns at a time.
    #[inline(always)]
    fn compute<const R: usize, const V: usize>(&mut self, first: usize) {
        let simd = self.simd;
        let per_row = PANEL / S::F32_LANES;
        let n_terms = self.weights.len() / per_row;
        let rows: [usize; R] = std::array::from_fn(|r| match self.rows {
            Some(rows) => rows[first + r] as usize,
            None => first + r,
        });
        let x: [&[f32]; R] =
            std::array::from_fn(|r| &self.x[rows[r] * self.stride + self.first_term..][..n_terms]);
        for v in (0..per_row).step_by(V) {
            let mut sums = [[simd.splat_f32s(0.0); V]; R];
            for (k, w) in self.weights.chunks_exact(per_row).enumerate() {
                let w: [S::f32s; V] = std::array::from_fn(|i| w[v + i]);
                for r in 0..R {
                    let x = simd.splat_f32s(x[r][k]);
                    for i in 0..V {
                        sums[r][i] = simd.mul_add_e_f32s(x, w[i], sums[r][i]);
                    }
                }
            }
            let start = self.first_column + v * S::F32_LANES;
            for (&row, sums) in rows.iter().zip(sums) {
                self.store(row, start, sums);
            }
        }
    }

    #[inline(always)]
    fn store<const V: usize>(&mut self, row: usize, start: usize, sums: [S::f32s; V]) {
        let width = V * S::F32_LANES;
        if start >= self.columns {
            return;
        }
        let n = width.min(self.columns - start);
        let out = &mut self.out[row * self.columns + start..][..n];
        let bias = match self.finish {
            Finish::Keep => None,
            Finish::Bias(bias) | Finish::BiasRelu(bias) => Some(&bias[start..start + n]),
        };
        let relu = matches!(self.finish, Finish::BiasRelu(_));
        if n == width {
            let (out, _) = S::as_mut_simd_f32s(out);
            let bias = bias.map(|bias| first_vectors(S::as_simd_f32s(bias).0));
            let old = self.accumulate.then(|| first_vectors(out));
            let new = finished(self.simd, sums, old, bias, relu);
            out.copy_from_slice(&new);
        } else {
            let padded = |values: &[f32]| {
                let mut padded = [0.0; PANEL];
                padded[..n].copy_from_slice(values);
                first_vectors(S::as_simd_f32s(&padded).0)
            };
            let old = self.accumulate.then(|| padded(out));
            let new = finished(self.simd, sums, old, bias.map(padded), relu);
            let mut padded = [0.0; PANEL];
            S::as_mut_simd_f32s(&mut padded).0[..V].copy_from_slice(&new);
            out.copy_from_slice(&padded[..n]);
        }
    }
}

#[inline(always)]
fn first_vectors<T: Copy, const V: usize>(vectors: &[T]) -> [T; V] {
    std::array::from_fn(|i| vectors[i])
}

#[inline(always)]
fn finished<S: Simd, const V: usize>(
    simd: S,
    sums: [S::f32s; V],
    old: Option<[S::f32s; V]>,
    bias: Option<[S::f32s; V]>,
    relu: bool,
) -> [S::f32s; V] {
    let mut new = sums;
    for i in 0..V {
        if let Some(old) = old {
            new[i] = simd.add_f32s(old[i], new[i]);
        }
        if let Some(bias) = bias {
            new[i] = simd.add_f32s(new[i], bias[i]);
        }
        if relu {
            new[i] = simd.max_f32s(new[i], simd.splat_f32s(0.0));
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers: sums are exact in whatever order.
    fn numbers(n: usize, step: usize) -> Vec<f32> {
        (0..n).map(|i| (i * step % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn any_number_of_rows_terms_and_columns() {
        for inner in [1, 31, 256, 515] {
            for columns in [1, 31, 32, 65, 256] {
                let (w, bias) = (numbers(inner * columns, 37), numbers(columns, 3));
                let mut turned = vec![0.0; w.len()];
                for (k, row) in w.chunks_exact(columns).enumerate() {
                    for (c, &v) in row.iter().enumerate() {
                        turned[c * inner + k] = v;
                    }
                }
                let panels = [Panels::new(&w, columns), Panels::transposed(&turned, inner)];
                for rows in [0, 1, 2, 3, 4, 7, 8, 9, 17] {
                    let x = numbers(rows * inner, 13);
                    let sum = |r: usize, c: usize| -> f32 {
                        (0..inner)
                            .map(|k| x[r * inner + k] * w[k * columns + c])
                            .sum()
                    };
                    for panels in &panels {
                        let mut out = vec![f32::NAN; rows * columns];
                        panels.multiply(&x, &mut out, Finish::BiasRelu(&bias));
                        for (i, &v) in out.iter().enumerate() {
                            let (r, c) = (i / columns, i % columns);
                            let what = format!("{rows}x{inner}x{columns} at {r}, {c}");
                            assert_eq!(v, (sum(r, c) + bias[c]).max(0.0), "{what}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_part_leaves_the_rest_as_it_is() {
        let (x, w) = (numbers(5 * 7, 13), numbers(7 * 70, 37));
        let panels = Panels::new(&w, 70);
        let mut out = vec![0.5; 5 * 70];
        panels.multiply_rows(&x, &mut out, 1..2, &[1, 4], Finish::Keep);
        for (i, &v) in out.iter().enumerate() {
            let (r, c) = (i / 70, i % 70);
            let sum: f32 = (0..7).map(|k| x[r * 7 + k] * w[k * 70 + c]).sum();
            let computed = [1, 4].contains(&r) && (32..64).contains(&c);
            assert_eq!(v, if computed { sum } else { 0.5 }, "{r}, {c}");
        }
    }
}
