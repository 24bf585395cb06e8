//! Another behaviour in each lane.

use crate::RangeError;
use gfn_env::rand::RngExt as _;
use gfn_policy::{Behaviour, LaneKey};

/// Which lanes of a batch have which behaviour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Assignment {
    /// The first lanes have the first behaviour and so on, in numbers as near to the weights as whole numbers are: lane `b`
    /// of `B` belongs to the behaviour whose share of `[0, 1]` holds `(b + ½)/B`.
    #[default]
    Shares,
    /// Each lane draws its behaviour by the weights, whatever the size of the batch.
    Draws,
}

/// Several behaviours with weights: each trajectory is sampled with one of them from start to end.
///
/// # Examples
///
/// ```
/// use gfn_explore::{Assignment, Mixture, OnPolicy, Schedule, Tempered};
///
/// let hot = Tempered::new(Schedule::constant(2.0))?;
/// let half = Mixture::new(vec![(0.5, Box::new(OnPolicy)), (0.5, Box::new(hot))], Assignment::Shares)?;
/// # let _ = half;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mixture {
    behaviours: Vec<Box<dyn Behaviour>>,
    /// Sums of the weights up to each behaviour; the last is 1.
    cumulative: Vec<f64>,
    assignment: Assignment,
}

impl std::fmt::Debug for Mixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mixture")
            .field("cumulative", &self.cumulative)
            .field("assignment", &self.assignment)
            .finish_non_exhaustive()
    }
}

impl Mixture {
    /// A mixture of weighted behaviours.
    ///
    /// # Errors
    ///
    /// If a weight is not in (0, 1], or they do not sum to 1 up to 1e-9.
    pub fn new(
        parts: Vec<(f64, Box<dyn Behaviour>)>,
        assignment: Assignment,
    ) -> Result<Self, RangeError> {
        let mut sum = 0.0;
        let mut cumulative = Vec::with_capacity(parts.len());
        for &(weight, _) in &parts {
            let inside = weight > 0.0 && weight <= 1.0;
            RangeError::unless(inside, "parts.weight", weight, "above 0 and at most 1")?;
            sum += weight;
            cumulative.push(sum);
        }
        RangeError::unless(
            (sum - 1.0).abs() <= 1e-9,
            "the sum of parts.weight",
            sum,
            "the weights are shares of the batch and sum to 1",
        )?;
        if let Some(last) = cumulative.last_mut() {
            *last = 1.0;
        }
        Ok(Self {
            behaviours: parts.into_iter().map(|(_, behaviour)| behaviour).collect(),
            cumulative,
            assignment,
        })
    }

    fn part(&self, lane: LaneKey) -> &dyn Behaviour {
        let place = match self.assignment {
            Assignment::Shares => (lane.lane as f64 + 0.5) / lane.n_lanes as f64,
            Assignment::Draws => lane.rng().random(),
        };
        let part = self.cumulative.partition_point(|&c| c <= place);
        self.behaviours[part.min(self.behaviours.len() - 1)].as_ref()
    }
}

impl Behaviour for Mixture {
    /// The probabilities of an action without knowledge of the lane: the weighted mean.
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        iteration: u64,
        probabilities: &mut [f32],
    ) {
        probabilities.fill(0.0);
        let mut of_part = vec![0.0; probabilities.len()];
        let mut before = 0.0;
        for (behaviour, &cumulative) in self.behaviours.iter().zip(&self.cumulative) {
            behaviour.probabilities(logits, allowed, iteration, &mut of_part);
            for (sum, p) in probabilities.iter_mut().zip(&of_part) {
                *sum += (cumulative - before) as f32 * p;
            }
            before = cumulative;
        }
    }

    fn for_lane(&self, lane: LaneKey) -> Option<Box<dyn Behaviour + '_>> {
        let part = self.part(lane);
        // A behaviour within draws from a lane of its own, apart from what chose it.
        let inner = LaneKey {
            streams: lane.streams.branch(0xBF00),
            ..lane
        };
        Some(part.for_lane(inner).unwrap_or_else(|| Box::new(part)))
    }
}
