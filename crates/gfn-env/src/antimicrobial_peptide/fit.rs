//! Logistic regression with a ridge, by Newton's method.
//!
//! Its steps are solved by conjugate gradients, which need products with the Hessian alone, and halved until the gradient
//! shrinks. A strongly convex function has one minimum, and `‖w − w*‖ ≤ ‖gradient‖/ridge`: where the method has got to says
//! how far it is off.

/// Norm of the gradient at which the weights are good enough.
const TOLERANCE: f64 = 1e-11;
/// Residual of a step, relative to the gradient.
const STEP_TOLERANCE: f64 = 1e-4;
/// Steps, and products of one step: far more than are ever taken.
const MOST_STEPS: usize = 100;
const MOST_PRODUCTS: usize = 10_000;
/// A step that was halved so often does not help any more.
const SMALLEST_SHARE: f64 = 1e-6;

/// Sparse rows of features with a label.
pub(super) struct Rows {
    n_features: usize,
    /// Where the entries of each row end.
    ends: Vec<usize>,
    entries: Vec<(usize, f64)>,
    positive: Vec<bool>,
}

impl Rows {
    /// No rows yet.
    pub(super) fn new(n_features: usize) -> Self {
        Self {
            n_features,
            ends: Vec::new(),
            entries: Vec::new(),
            positive: Vec::new(),
        }
    }

    /// Adds a row, whose entries `features` visits.
    pub(super) fn push(
        &mut self,
        features: impl FnOnce(&mut dyn FnMut(usize, f64)),
        positive: bool,
    ) {
        features(&mut |i, value| self.entries.push((i, value)));
        self.ends.push(self.entries.len());
        self.positive.push(positive);
    }

    /// Rows with their labels.
    fn iter(&self) -> impl Iterator<Item = (&[(usize, f64)], bool)> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let rows = starts.zip(&self.ends).map(|(a, b)| &self.entries[*a..*b]);
        rows.zip(self.positive.iter().copied())
    }
}

/// The weights that minimise `½·ridge·‖w‖²` and the sum of the log-losses.
pub(super) fn minimise(rows: &Rows, ridge: f64) -> Vec<f64> {
    let mut here = Point::at(vec![0.0; rows.n_features], rows, ridge);
    for _ in 0..MOST_STEPS {
        if here.gradient_norm <= TOLERANCE {
            break;
        }
        let step = newton_step(&here, rows, ridge);
        let mut share = 1.0;
        let next = loop {
            let weights = here.weights.iter().zip(&step);
            let weights = weights.map(|(w, s)| w - share * s).collect();
            let next = Point::at(weights, rows, ridge);
            if next.gradient_norm <= (1.0 - 0.1 * share) * here.gradient_norm {
                break Some(next);
            }
            share *= 0.5;
            if share < SMALLEST_SHARE {
                break None;
            }
        };
        // Nothing is left but rounding errors where no share of the step helps.
        let Some(next) = next else { break };
        here = next;
    }
    here.weights
}

/// Weights with their gradient.
struct Point {
    weights: Vec<f64>,
    gradient: Vec<f64>,
    gradient_norm: f64,
    /// `σ(z)·(1 − σ(z))` of each row.
    curvatures: Vec<f64>,
}

impl Point {
    fn at(weights: Vec<f64>, rows: &Rows, ridge: f64) -> Self {
        let mut gradient: Vec<f64> = weights.iter().map(|w| ridge * w).collect();
        let mut curvatures = Vec::with_capacity(rows.positive.len());
        for (row, positive) in rows.iter() {
            let p = 1.0 / (1.0 + (-product(row, &weights)).exp());
            let slope = p - f64::from(u8::from(positive));
            row.iter().for_each(|(i, x)| gradient[*i] += slope * x);
            curvatures.push(p * (1.0 - p));
        }
        Self {
            gradient_norm: dot(&gradient, &gradient).sqrt(),
            weights,
            gradient,
            curvatures,
        }
    }

    /// The Hessian times a vector.
    fn hessian_times(&self, v: &[f64], rows: &Rows, ridge: f64) -> Vec<f64> {
        let mut out: Vec<f64> = v.iter().map(|v| ridge * v).collect();
        for ((row, _), curvature) in rows.iter().zip(&self.curvatures) {
            let scaled = curvature * product(row, v);
            row.iter().for_each(|(i, x)| out[*i] += scaled * x);
        }
        out
    }
}

/// `H⁻¹·gradient`, by conjugate gradients.
fn newton_step(point: &Point, rows: &Rows, ridge: f64) -> Vec<f64> {
    let mut step = vec![0.0; rows.n_features];
    let mut residual = point.gradient.clone();
    let mut direction = residual.clone();
    let mut square = dot(&residual, &residual);
    let enough = (STEP_TOLERANCE * point.gradient_norm).powi(2);
    for _ in 0..MOST_PRODUCTS {
        if square <= enough {
            break;
        }
        let image = point.hessian_times(&direction, rows, ridge);
        let alpha = square / dot(&direction, &image);
        add(&mut step, alpha, &direction);
        add(&mut residual, -alpha, &image);
        let next = dot(&residual, &residual);
        let beta = next / square;
        square = next;
        let pairs = direction.iter_mut().zip(&residual);
        pairs.for_each(|(d, r)| *d = r + beta * *d);
    }
    step
}

fn product(row: &[(usize, f64)], v: &[f64]) -> f64 {
    row.iter().map(|(i, x)| x * v[*i]).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `a += scale·b`.
fn add(a: &mut [f64], scale: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += scale * b);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(positive, entries)` as rows of `n_features`.
    fn rows(n_features: usize, data: &[(bool, &[(usize, f64)])]) -> Rows {
        let mut rows = Rows::new(n_features);
        for (positive, entries) in data {
            rows.push(
                |visit| entries.iter().for_each(|(i, x)| visit(*i, *x)),
                *positive,
            );
        }
        rows
    }

    #[test]
    fn one_weight_is_that_of_its_equation() {
        // Two of three rows are positive: w + σ(w)·3 − 2 = 0, by bisection.
        let data: &[(bool, &[(usize, f64)])] = &[
            (true, &[(0, 1.0)]),
            (true, &[(0, 1.0)]),
            (false, &[(0, 1.0)]),
        ];
        let (mut low, mut high) = (-2.0, 2.0);
        for _ in 0..100 {
            let w: f64 = 0.5 * (low + high);
            if w + 3.0 / (1.0 + (-w).exp()) < 2.0 {
                low = w;
            } else {
                high = w;
            }
        }
        let found = minimise(&rows(1, data), 1.0);
        assert!((found[0] - low).abs() < 1e-11, "{found:?} {low}");
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let data: &[(bool, &[(usize, f64)])] = &[
            (true, &[(0, 1.0), (1, 0.5)]),
            (false, &[(0, 1.0), (2, 2.0)]),
            (true, &[(1, -1.5), (2, 0.3)]),
        ];
        let rows = rows(3, data);
        let loss = |w: &[f64]| {
            let losses = rows.iter().map(|(row, positive)| {
                let z = product(row, w);
                (if positive { -z } else { z }).exp().ln_1p()
            });
            0.5 * 0.7 * dot(w, w) + losses.sum::<f64>()
        };
        let w = vec![0.3, -0.8, 1.1];
        let point = Point::at(w.clone(), &rows, 0.7);
        for i in 0..3 {
            let moved = |by: f64| {
                let mut w = w.clone();
                w[i] += by;
                w
            };
            let slope = (loss(&moved(1e-5)) - loss(&moved(-1e-5))) / 2e-5;
            assert!((slope - point.gradient[i]).abs() < 1e-9, "{i}");
            let [above, below] = [1e-5, -1e-5].map(|by| Point::at(moved(by), &rows, 0.7).gradient);
            let unit = |j: usize| f64::from(u8::from(i == j));
            let column = point.hessian_times(&[unit(0), unit(1), unit(2)], &rows, 0.7);
            for j in 0..3 {
                let second = (above[j] - below[j]) / 2e-5;
                assert!((second - column[j]).abs() < 1e-9, "{i} {j}");
            }
        }
        // At the minimum no direction leads down.
        let least = minimise(&rows, 0.7);
        assert!(Point::at(least, &rows, 0.7).gradient_norm <= TOLERANCE);
    }

    #[test]
    fn steps_are_halved_where_they_lead_too_far() {
        // Whole steps alone jump back and forth here for ever.
        let data: &[(bool, &[(usize, f64)])] = &[
            (true, &[(0, 1.0)]),
            (false, &[(0, -5.0), (1, -1.0)]),
            (false, &[(0, -100.0), (1, -1.0)]),
            (false, &[(0, -10.0), (1, -10.0)]),
        ];
        let rows = rows(2, data);
        let least = minimise(&rows, 0.01);
        assert!((least[0] - 3.359_281_020_659_149).abs() < 1e-9, "{least:?}");
        assert!(Point::at(least, &rows, 0.01).gradient_norm <= TOLERANCE);
    }
}
