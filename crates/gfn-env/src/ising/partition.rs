//! `log Z` of the Ising model by transfer matrices and by enumeration.

use super::config::Lattice;

/// Largest number of sites of a row: a vector has an entry for each of its `2^w` states, and there are as many vectors.
pub(super) const MAX_ROW: usize = 10;
/// Largest number of sites whose `2^n` states are summed one by one.
pub(super) const MAX_ENUMERATED: usize = 20;

/// The spin of site `i` in a row.
fn spin(row: usize, i: usize) -> f64 {
    if row >> i & 1 == 1 { 1.0 } else { -1.0 }
}

/// `log Σ_x e^{−β·E(x)}` on a torus, row by row: `O(height·w·4^w)` for rows of `w` sites. `None` for rows that are too long
/// both ways.
///
/// For each first row, a vector holds the sum over all that is between it and the current row. Bonds within a row multiply
/// entries; each bond to the next row is a matrix of two by two on one bit.
pub(super) fn by_transfer_matrices(lattice: &Lattice, fields: &[f64], beta: f64) -> Option<f64> {
    if lattice.width > lattice.height {
        let transposed = lattice.transposed();
        let (w, h) = (lattice.width, lattice.height);
        let moved: Vec<f64> = (0..w * h)
            .map(|place| fields[(place % h) * w + place / h])
            .collect();
        return (h <= MAX_ROW).then(|| sum_of_rows(&transposed, &moved, beta));
    }
    (lattice.width <= MAX_ROW).then(|| sum_of_rows(lattice, fields, beta))
}

fn sum_of_rows(lattice: &Lattice, fields: &[f64], beta: f64) -> f64 {
    let (w, h) = (lattice.width, lattice.height);
    let n = 1_usize << w;
    // Logarithm of the weight of each state of each row.
    let weights: Vec<Vec<f64>> = (0..h)
        .map(|r| {
            let of = |row: usize| {
                let terms = (0..w).map(|c| {
                    let site = r * w + c;
                    lattice.right[site] * spin(row, c) * spin(row, (c + 1) % w)
                        + fields[site] * spin(row, c)
                });
                beta * terms.sum::<f64>()
            };
            (0..n).map(of).collect()
        })
        .collect();
    let mut logs = Vec::with_capacity(n);
    for first in 0..n {
        let mut vector = vec![0.0; n];
        vector[first] = 1.0;
        let mut log_scale = 0.0;
        for (r, weights) in weights.iter().enumerate() {
            let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for (v, weight) in vector.iter_mut().zip(weights) {
                *v *= (weight - largest).exp();
            }
            log_scale += largest;
            if r + 1 == h {
                break;
            }
            for c in 0..w {
                let k = beta * lattice.down[r * w + c];
                // Divided by e^{|k|}, so that nothing overflows.
                let (same, other) = ((k - k.abs()).exp(), (-k - k.abs()).exp());
                log_scale += k.abs();
                for low in (0..n).filter(|row| row >> c & 1 == 0) {
                    let high = low | 1 << c;
                    let (a, b) = (vector[low], vector[high]);
                    vector[low] = same * a + other * b;
                    vector[high] = other * a + same * b;
                }
            }
            let total: f64 = vector.iter().sum();
            vector.iter_mut().for_each(|v| *v /= total);
            log_scale += total.ln();
        }
        // Back to the first row.
        let closing = (0..n).map(|row| {
            let terms =
                (0..w).map(|c| lattice.down[(h - 1) * w + c] * spin(row, c) * spin(first, c));
            vector[row].ln() + beta * terms.sum::<f64>()
        });
        let closing: Vec<f64> = closing.collect();
        logs.push(log_scale + crate::log_partition(&closing));
    }
    crate::log_partition(&logs)
}

/// The same for any bonds, one state after the other in the order of Gray, so that one spin turns at a time. `None` for more
/// than 20 sites.
pub(super) fn by_enumeration(
    bonds: &[(usize, usize, f64)],
    fields: &[f64],
    beta: f64,
) -> Option<f64> {
    let n = fields.len();
    if n > MAX_ENUMERATED {
        return None;
    }
    let mut neighbours = vec![Vec::new(); n];
    for &(i, j, coupling) in bonds {
        neighbours[i].push((j, coupling));
        neighbours[j].push((i, coupling));
    }
    let mut spins = vec![-1.0; n];
    let coupled: f64 = bonds.iter().map(|(_, _, coupling)| coupling).sum();
    let mut log_weight = beta * (coupled - fields.iter().sum::<f64>());
    let mut logs = Vec::with_capacity(1 << n);
    logs.push(log_weight);
    for step in 1..1_usize << n {
        let site = step.trailing_zeros() as usize;
        let around = neighbours[site].iter().map(|(j, c)| c * spins[*j]);
        log_weight -= 2.0 * beta * spins[site] * (around.sum::<f64>() + fields[site]);
        spins[site] = -spins[site];
        logs.push(log_weight);
    }
    Some(crate::log_partition(&logs))
}
