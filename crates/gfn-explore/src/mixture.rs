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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OnPolicy, Schedule, Tempered};
    use gfn_env::{Purpose, Streams};

    /// Which of the parts on-policy, and at temperature 2, each lane has.
    fn lanes(weight: f64, assignment: Assignment, n_lanes: usize) -> Vec<usize> {
        let hot = Tempered::new(Schedule::constant(2.0)).unwrap();
        let parts: Vec<(f64, Box<dyn Behaviour>)> =
            vec![(weight, Box::new(OnPolicy)), (1.0 - weight, Box::new(hot))];
        let mixture = Mixture::new(parts, assignment).unwrap();
        (0..n_lanes)
            .map(|lane| {
                let key = LaneKey {
                    streams: Streams::new(0),
                    purpose: Purpose::Rollout,
                    iteration: 0,
                    lane,
                    n_lanes,
                };
                let mut p = [0.0; 2];
                let behaviour = mixture.for_lane(key).unwrap();
                behaviour.probabilities(&[4f32.ln(), 0.0], &[true; 2], 0, &mut p);
                // 4 : 1 on-policy, 2 : 1 at temperature 2.
                usize::from(p[0] < 0.7)
            })
            .collect()
    }

    #[test]
    fn shares_of_a_batch_by_hand() {
        let shares = |weight, n| lanes(weight, Assignment::Shares, n);
        assert_eq!(shares(0.25, 8), [0, 0, 1, 1, 1, 1, 1, 1]);
        // Lane 3 of 7 lies at ½ exactly, where the second begins.
        assert_eq!(shares(0.5, 7), [0, 0, 0, 1, 1, 1, 1]);
        assert_eq!(shares(0.9, 10), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(shares(0.01, 4), [1; 4]);
    }

    #[test]
    fn the_mean_over_lanes_without_a_lane() {
        let hot = Tempered::new(Schedule::constant(2.0)).unwrap();
        let parts: Vec<(f64, Box<dyn Behaviour>)> =
            vec![(0.25, Box::new(OnPolicy)), (0.75, Box::new(hot))];
        let mixture = Mixture::new(parts, Assignment::Draws).unwrap();
        let mut p = [0.0; 2];
        mixture.probabilities(&[4f32.ln(), 0.0], &[true; 2], 0, &mut p);
        // 0.25·0.8 + 0.75·2/3.
        assert!((p[0] - 0.7).abs() < 1e-6, "{p:?}");
    }
}
