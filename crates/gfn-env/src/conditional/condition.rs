//! What a reward depends on beside the object: [`Condition`].

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Numbers on which the reward depends, such as an inverse temperature or the weights of several objectives.
///
/// Copies share the numbers. Both zeros are one number.
///
/// # Examples
///
/// ```
/// use gfn_env::Condition;
///
/// let weights = Condition::new([0.25, 0.75]);
/// assert_eq!(weights.values(), [0.25, 0.75]);
/// assert_eq!(weights.to_string(), "0.25 0.75");
/// assert_eq!(Condition::new(2.0).value(), 2.0);
/// assert_eq!(Condition::new(-0.0), Condition::new(0.0));
/// ```
#[derive(Clone)]
pub struct Condition(Arc<[f64]>);

impl Condition {
    /// The condition of a number, an array, a slice or a vector.
    pub fn new(values: impl Into<Self>) -> Self {
        values.into()
    }

    /// Its numbers.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Its only number.
    ///
    /// # Panics
    ///
    /// If it has not exactly one.
    pub fn value(&self) -> f64 {
        assert_eq!(self.0.len(), 1, "a condition of one number");
        self.0[0]
    }
}

impl From<&[f64]> for Condition {
    fn from(values: &[f64]) -> Self {
        Self(values.iter().map(|v| v + 0.0).collect())
    }
}

impl From<Vec<f64>> for Condition {
    fn from(values: Vec<f64>) -> Self {
        values.as_slice().into()
    }
}

impl<const N: usize> From<[f64; N]> for Condition {
    fn from(values: [f64; N]) -> Self {
        values.as_slice().into()
    }
}

impl From<f64> for Condition {
    fn from(value: f64) -> Self {
        [value].into()
    }
}

/// Compares bits, which are equal where the numbers are: there is one zero.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Condition {}

impl PartialOrd for Condition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Lexicographic.
impl Ord for Condition {
    fn cmp(&self, other: &Self) -> Ordering {
        let mut pairs = self.0.iter().zip(&*other.0).map(|(a, b)| a.total_cmp(b));
        let first_difference = pairs.find(|order| order.is_ne());
        first_difference.unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl Hash for Condition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.len().hash(state);
        self.0.iter().for_each(|v| v.to_bits().hash(state));
    }
}

/// The numbers with spaces between.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, value) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
