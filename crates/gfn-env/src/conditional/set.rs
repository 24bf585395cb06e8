//! Which conditions occur: [`ConditionSet`].

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::Condition;
use super::dirichlet::draw_dirichlet;
use crate::EnvironmentError;

/// Knots of the encoding of a coordinate that takes a range of values.
const KNOTS: usize = 8;

/// Concentrations that can be drawn from: below, a draw is a corner to the last digit.
const CONCENTRATIONS: [f64; 2] = [1e-3, 1e6];

/// Which conditions occur, and how often.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConditionSet {
    /// One of these numbers, each as often.
    Values(Vec<f64>),
    /// A number, uniformly from `from` to `to`.
    Range {
        /// The smallest.
        from: f64,
        /// The largest, above the smallest.
        to: f64,
    },
    /// One of these vectors, each as often.
    Vectors(Vec<Vec<f64>>),
    /// Uniformly from a box: each coordinate by itself from its first number to its second.
    Ranges(Vec<[f64; 2]>),
    /// Weights that are not negative and sum to 1, from the Dirichlet distribution; uniform where every concentration is 1.
    Simplex {
        /// The parameters of the distribution, one for each weight, at least two, each from 1e-3 to 1e6.
        concentration: Vec<f64>,
    },
}

/// A [`ConditionSet`] that has been checked.
#[derive(Clone, Debug)]
pub(super) enum Law {
    List(Vec<Condition>),
    Ranges(Vec<[f64; 2]>),
    Simplex(Vec<f64>),
}

impl Law {
    pub(super) fn new(set: &ConditionSet) -> Result<Self, EnvironmentError> {
        match set {
            ConditionSet::Values(values) => {
                list(values.iter().map(|v| Condition::new(*v)).collect())
            }
            ConditionSet::Vectors(vectors) => {
                list(vectors.iter().map(|v| v.as_slice().into()).collect())
            }
            ConditionSet::Range { from, to } => ranges("range", &[[*from, *to]]),
            ConditionSet::Ranges(given) => ranges("ranges", given),
            ConditionSet::Simplex { concentration } => simplex(concentration),
        }
    }

    /// Knots of each coordinate, rising: the values that it takes, or eight over its range.
    pub(super) fn knots(&self) -> Vec<Vec<f64>> {
        match self {
            Self::List(conditions) => {
                let of = |k: usize| {
                    let mut knots: Vec<f64> = conditions.iter().map(|c| c.values()[k]).collect();
                    knots.sort_by(f64::total_cmp);
                    knots.dedup();
                    knots
                };
                (0..conditions[0].values().len()).map(of).collect()
            }
            Self::Ranges(ranges) => ranges.iter().map(|range| spread(*range)).collect(),
            Self::Simplex(concentration) => vec![spread([0.0, 1.0]); concentration.len()],
        }
    }

    /// One of the conditions: the first, the smallest corner, or the mean of the weights.
    pub(super) fn first(&self) -> Condition {
        match self {
            Self::List(conditions) => conditions[0].clone(),
            Self::Ranges(ranges) => ranges
                .iter()
                .map(|[from, _]| *from)
                .collect::<Vec<_>>()
                .into(),
            Self::Simplex(concentration) => {
                let sum: f64 = concentration.iter().sum();
                let means: Vec<f64> = concentration.iter().map(|a| a / sum).collect();
                means.into()
            }
        }
    }

    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Condition {
        match self {
            Self::List(conditions) => conditions[rng.random_range(0..conditions.len())].clone(),
            Self::Ranges(ranges) => {
                let mut draw = |[from, to]: &[f64; 2]| from + (to - from) * rng.random::<f64>();
                ranges.iter().map(&mut draw).collect::<Vec<_>>().into()
            }
            Self::Simplex(concentration) => draw_dirichlet(concentration, rng).into(),
        }
    }
}

/// Eight knots at equal distances.
fn spread([from, to]: [f64; 2]) -> Vec<f64> {
    let knot = |i: usize| from + (to - from) * i as f64 / (KNOTS - 1) as f64;
    (0..KNOTS).map(knot).collect()
}

fn list(conditions: Vec<Condition>) -> Result<Law, EnvironmentError> {
    let dimension = conditions.first().map_or(0, |c| c.values().len());
    let finite = |c: &Condition| c.values().iter().all(|v| v.is_finite());
    let same = |c: &Condition| c.values().len() == dimension;
    let mut sorted = conditions.clone();
    sorted.sort();
    let distinct = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    if dimension == 0 || !distinct || !conditions.iter().all(|c| finite(c) && same(c)) {
        return Err(EnvironmentError::invalid_parameter(
            "values",
            &conditions,
            "there must be at least one condition, all finite, different and of one dimension",
        ));
    }
    Ok(Law::List(conditions))
}

fn ranges(name: &'static str, given: &[[f64; 2]]) -> Result<Law, EnvironmentError> {
    let is_range = |[from, to]: &[f64; 2]| from < to && (to - from).is_finite();
    if given.is_empty() || !given.iter().all(is_range) {
        return Err(EnvironmentError::invalid_parameter(
            name,
            &given,
            "it must go from a finite number to a larger one",
        ));
    }
    Ok(Law::Ranges(given.to_vec()))
}

fn simplex(concentration: &[f64]) -> Result<Law, EnvironmentError> {
    let [low, high] = CONCENTRATIONS;
    if concentration.len() < 2 || !concentration.iter().all(|a| (low..=high).contains(a)) {
        return Err(EnvironmentError::invalid_parameter(
            "concentration",
            &concentration,
            "there must be at least two numbers, each above 0: from 1e-3 to 1e6",
        ));
    }
    Ok(Law::Simplex(concentration.to_vec()))
}
