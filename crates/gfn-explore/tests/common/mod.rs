//! The test that counts are put to.

/// Whether a G-test refuses that `counts` were drawn with `probabilities`, at a level of 1e-4.
///
/// `G = 2 Σ n ln(n / E)` over cells of at least five expected draws (the others are merged), against the chi-square
/// distribution by the cube-root approximation of Wilson and Hilferty.
pub(crate) fn refused(counts: &[u64], probabilities: &[f64]) -> bool {
    assert_eq!(counts.len(), probabilities.len());
    let n = counts.iter().sum::<u64>() as f64;
    let mut cells = Vec::new();
    let mut rest = (0.0, 0.0);
    for (&count, p) in counts.iter().zip(probabilities) {
        if n * p < 5.0 {
            rest = (rest.0 + count as f64, rest.1 + n * p);
        } else {
            cells.push((count as f64, n * p));
        }
    }
    if rest.0 > 0.0 || rest.1 > 0.0 {
        cells.push(rest);
    }
    let g: f64 = cells
        .iter()
        .filter(|(observed, _)| *observed > 0.0)
        .map(|(observed, expected)| 2.0 * observed * (observed / expected).ln())
        .sum();
    let k = (cells.len() - 1) as f64;
    let z = ((g / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt();
    // Upper 1e-4 quantile of the normal distribution.
    z > 3.719
}
