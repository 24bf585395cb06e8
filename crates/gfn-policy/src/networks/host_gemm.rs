//! The one place that calls the matrix-product crate.

/// Longest sum that the product crate always makes in one piece, whatever the number of rows.
const INNER_BLOCK: usize = 512;

/// `out = x · w` with `x` `[rows, inner]`, `w` `[inner, columns]`, `out` `[rows, columns]`, all row-major.
///
/// A row of the result does not depend on the number of rows, to the last bit (tested in `mlp.rs`): long sums are split
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

#[expect(
    unsafe_code,
    reason = "gemm takes raw pointers; lengths are asserted just above the call"
)]
fn blocks(x: &[f32], w: &[f32], out: &mut [f32], rows: usize, inner: usize, columns: usize) {
    assert!(
        x.len() >= rows * inner && w.len() >= inner * columns && out.len() >= rows * columns,
        "slices hold their matrices"
    );
    for start in (0..inner).step_by(INNER_BLOCK) {
        let block = INNER_BLOCK.min(inner - start);
        // SAFETY: the pointers cover `rows * inner`, `inner * columns` and `rows * columns` elements (asserted above);
        // the block from `start` on lies inside them, `out` is borrowed mutably and so does not overlap the inputs, and
        // the strides are those of row-major storage.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                block,
                out.as_mut_ptr(),
                1,
                columns as isize,
                start > 0,
                x.as_ptr().add(start),
                1,
                inner as isize,
                w.as_ptr().add(start * columns),
                1,
                columns as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}
