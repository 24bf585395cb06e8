//! The one place that calls the matrix-product crate.

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
    multiply(Matrix::rows(a, k), Matrix::rows(b, n), out, n, shape, false);
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

/// `out (+)= a · b` with `a` `[m, k]`, `b` `[k, n]` and `out` `[m, n]`, for `shape = [m, k, n]`; the rows of `out` lie
/// `stride` entries apart.
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
    stride: usize,
    shape: [usize; 3],
    accumulate: bool,
) {
    let [m, k, n] = shape;
    let room = Matrix {
        values: &*out,
        strides: [stride, 1],
    };
    assert!(
        a.holds(m, k) && b.holds(k, n) && room.holds(m, n) && n <= stride,
        "slices hold their matrices"
    );
    // SAFETY: every entry that the shapes and strides reach lies inside the slices (asserted above), `out` is borrowed
    // mutably and so does not overlap the inputs, and its rows do not overlap each other.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
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
