//! The functions of two coordinates that are objectives of the grid: [`GridObjective`].

use std::f64::consts::PI;

/// A function of two numbers, with the domain over which the grid is laid.
///
/// | | formula | domain | best |
/// |---|---|---|---|
/// | `Branin` | `(y − 5.1·x²/(4π²) + 5x/π − 6)² + 10·(1 − 1/(8π))·cos x + 10` | `[−5, 10] × [0, 15]` | smallest |
/// | `Currin` | `(1 − e^{−1/(2y)})·(2300x³ + 1900x² + 2092x + 60)/(100x³ + 500x² + 4x + 20)` | `[0, 1]²` | largest |
/// | `Shubert` | `Π_{z = x, y} Σ_{i=1}^5 i·cos((i + 1)·z + i)` | `[−1.5, 1.5]²` | smallest |
/// | `Beale` | `(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²` | `[−1, 1]²` | smallest |
///
/// The first factor of Currin is 1 at `y = 0`, its limit.
///
/// With the feature `serde` they are written in lower case: `"branin"`.
///
/// # References
///
/// The formulas are those of Surjanovic and Bingham, *Virtual library of simulation experiments*,
/// <https://www.sfu.ca/~ssurjano/>. There Shubert has the domain `[−10, 10]²` and Beale `[−4.5, 4.5]²`, on which a grid of a few
/// dozen cells sees nothing of the one and little but the corners of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum GridObjective {
    /// The Branin function: three minima, each 0.397887.
    Branin,
    /// The exponential function of Currin et al.: 10.179 at `(1, 0)`.
    Currin,
    /// The Shubert function: −186.7309 at its minima.
    Shubert,
    /// The Beale function: 0 at `(3, 0.5)`, which is outside of the domain here.
    Beale,
}

impl GridObjective {
    /// Names in files.
    pub const NAMES: &[&str] = &["branin", "currin", "shubert", "beale"];

    /// The value at a point, in the function's own coordinates.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_env::GridObjective;
    ///
    /// let minimum = GridObjective::Branin.value([std::f64::consts::PI, 2.275]);
    /// assert!((minimum - 0.397887).abs() < 1e-6);
    /// ```
    pub fn value(self, [x, y]: [f64; 2]) -> f64 {
        match self {
            Self::Branin => {
                let valley = y - 5.1 * x * x / (4.0 * PI * PI) + 5.0 * x / PI - 6.0;
                valley * valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
            }
            Self::Currin => {
                // e^{-1/0} is 0.
                let factor = 1.0 - (-1.0 / (2.0 * y)).exp();
                let above = ((2300.0 * x + 1900.0) * x + 2092.0) * x + 60.0;
                let below = ((100.0 * x + 500.0) * x + 4.0) * x + 20.0;
                factor * above / below
            }
            Self::Shubert => {
                let sum = |z: f64| -> f64 {
                    let term = |i: f64| i * ((i + 1.0) * z + i).cos();
                    [1.0, 2.0, 3.0, 4.0, 5.0].map(term).iter().sum()
                };
                sum(x) * sum(y)
            }
            Self::Beale => {
                let power = |n: i32| x * y.powi(n) - x;
                (1.5 + power(1)).powi(2) + (2.25 + power(2)).powi(2) + (2.625 + power(3)).powi(2)
            }
        }
    }

    /// The smallest and the largest of each coordinate.
    pub fn domain(self) -> [[f64; 2]; 2] {
        match self {
            Self::Branin => [[-5.0, 10.0], [0.0, 15.0]],
            Self::Currin => [[0.0, 1.0]; 2],
            Self::Shubert => [[-1.5, 1.5]; 2],
            Self::Beale => [[-1.0, 1.0]; 2],
        }
    }

    /// Whether the largest value is the best, and not the smallest.
    pub fn larger_is_better(self) -> bool {
        matches!(self, Self::Currin)
    }

    /// The value at a place of the domain, both coordinates from 0 to 1.
    pub(super) fn value_at(self, place: [f64; 2]) -> f64 {
        let [x, y] = self.domain();
        let along = |[from, to]: [f64; 2], share: f64| from + (to - from) * share;
        self.value([along(x, place[0]), along(y, place[1])])
    }
}
