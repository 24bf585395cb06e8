//! The one place that calls the matrix-product crate.

/// Longest sum that the product crate always makes in one piece, whatever the number of rows.
const INNER_BLOCK: usize = 512;

/// `out = x · w` with `x` `[rows, inner]`, `w` `[inner, columns]`, `out` `[rows, columns]`, all row-major.
///
/// A row of the result does not depend on the number of rows, to the last bit (tested in `networks/mlp.rs`): long sums are split
/// here, because the crate would split them by a rule that depends on the number of rows, and a single row is computed
/// as one of two, because the crate sums single rows in another order.
///
/// # Panics
///
/// If a slice is shorter than its shape says.
pub(crate) fn product(
    x: &[f32],
    w: &[f32],
    out: &mut [f32],
    rows: usize,
    inner: usize,
    columns: usize,
) {
    if rows == 1 {
        let mut twice = vec![0.0; 2 * columns];
        blocks(&x[..inner].repeat(2), w, &mut twice, 2, inner, columns);
        out[..columns].copy_from_slice(&twice[..columns]);
    } else {
        blocks(x, w, out, rows, inner, columns);
    }
}

fn blocks(x: &[f32], w: &[f32], out: &mut [f32], rows: usize, inner: usize, columns: usize) {
    for start in (0..inner).step_by(INNER_BLOCK) {
        let block = INNER_BLOCK.min(inner - start);
        multiply(
            Matrix {
                values: &x[start..],
                strides: [inner, 1],
            },
            Matrix {
                values: &w[start * columns..],
                strides: [columns, 1],
            },
            out,
            [rows, block, columns],
            start > 0,
        );
    }
}

/// `out = a · b` on one thread, by the products that this crate's kernels are made of.
///
/// # Shapes
///
/// For `shape = [m, k, n]`: `a` `[m, k]`, `b` `[k, n]` and `out` `[m, n]`, all in row-major order.
///
/// # Panics
///
/// If a slice is too short.
///
/// # Examples
///
/// ```
/// let mut out = [0.0; 2];
/// gfn_policy::matrix_product(&[1.0, 2.0], &[3.0, 4.0, 5.0, 6.0], &mut out, [1, 2, 2]);
/// assert_eq!(out, [13.0, 16.0]);
/// ```
pub fn matrix_product(a: &[f32], b: &[f32], out: &mut [f32], shape: [usize; 3]) {
    let [_, k, n] = shape;
    multiply(Matrix::rows(a, k), Matrix::rows(b, n), out, shape, false);
}

/// A matrix in a slice: entry `(i, j)` lies at `i * strides[0] + j * strides[1]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` entries.
    pub(crate) fn rows(values: &'a [f32], columns: usize) -> Self {
        Self {
            values,
            strides: [columns, 1],
        }
    }

    /// The transpose.
    pub(crate) fn transposed(self) -> Self {
        let [row, column] = self.strides;
        Self {
            strides: [column, row],
            ..self
        }
    }

    /// Whether all entries of a matrix of this shape lie in the slice.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.strides[0] + (columns - 1) * self.strides[1] < self.values.len()
    }
}

/// `out (+)= a · b` with `a` `[m, k]`, `b` `[k, n]` and `out` `[m, n]` in row-major order, for `shape = [m, k, n]`.
///
/// # Panics
///
/// If a slice is too short.
#[expect(
    unsafe_code,
    reason = "gemm takes raw pointers; lengths are asserted just above the call"
)]
pub(crate) fn multiply(
    a: Matrix<'_>,
    b: Matrix<'_>,
    out: &mut [f32],
    shape: [usize; 3],
    accumulate: bool,
) {
    let [m, k, n] = shape;
    assert!(
        a.holds(m, k) && b.holds(k, n) && out.len() >= m * n,
        "slices hold their matrices"
    );
    // SAFETY: every entry that the shapes and strides reach lies inside the slices (asserted above), `out` is borrowed
    // mutably and so does not overlap the inputs, and it is in row-major order.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.values.as_ptr(),
            a.strides[1] as isize,
            a.strides[0] as isize,
            b.values.as_ptr(),
            b.strides[1] as isize,
            b.strides[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
