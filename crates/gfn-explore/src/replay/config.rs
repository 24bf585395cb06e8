//! Replay buffers as data.

use crate::RangeError;

/// What an entry of a buffer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Stored {
    /// A terminal state: each time it is replayed, a trajectory into it is sampled with the current P_B.
    #[default]
    Terminals,
    /// A trajectory, replayed as it was.
    Trajectories,
}

/// Which entries go when the buffer is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Eviction {
    /// Those that joined first.
    #[default]
    Oldest,
    /// Those of the lowest reward, the older first among equals.
    LowestReward,
}

/// Which trajectories of a batch may join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Intake {
    /// All but those that the buffer has replayed itself.
    #[default]
    Batch,
    /// The agent's own.
    Own,
}

/// How entries are drawn, always with replacement.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Priority {
    /// Each with the same probability.
    Uniform {},
    /// `p ∝ R^exponent`.
    RewardPrioritised {
        /// Power of the reward, positive.
        #[cfg_attr(feature = "serde", serde(default = "one"))]
        exponent: f64,
    },
    /// Prioritised replay training: half of the draws uniform among entries at or above a percentile of the reward, the
    /// other half uniform among those at or below it.
    ///
    /// Shen et al. (2023), <https://arxiv.org/abs/2305.07170>. The upper half is the larger one where the number is odd.
    Prt {
        /// The percentile as a share, in (0, 1); linear between neighbours, as usual.
        #[cfg_attr(feature = "serde", serde(default = "ninetieth"))]
        percentile: f64,
    },
    /// `p ∝ 1/(k·N + rank)`, the rank counted from 0 at the highest of the `N` rewards, the older first among equals.
    ///
    /// Tripp et al. (2020), <https://arxiv.org/abs/2006.09191>.
    RankPrioritised {
        /// How flat, positive.
        #[cfg_attr(feature = "serde", serde(default = "hundredth"))]
        k: f64,
    },
    /// `p ∝ L^exponent` with the loss of each entry when it was last trained on; uniform while all losses are 0.
    LossPrioritised {
        /// Power of the loss, positive.
        #[cfg_attr(feature = "serde", serde(default = "one"))]
        exponent: f64,
    },
    /// Each with the same probability, among objects that are farther apart than `cutoff`.
    ///
    /// A new object joins where no kept one lies within the cutoff, or takes the place of all that do where its reward is
    /// higher than each of theirs.
    DiversityCutoff {
        /// Distance, not negative.
        cutoff: f64,
    },
}

#[cfg(feature = "serde")]
fn one() -> f64 {
    1.0
}

#[cfg(feature = "serde")]
fn ninetieth() -> f64 {
    0.9
}

#[cfg(feature = "serde")]
fn hundredth() -> f64 {
    0.01
}

/// A replay buffer.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct ReplayConfig {
    /// Largest number of entries.
    pub capacity: usize,
    /// How they are drawn.
    pub priority: Priority,
    /// What they are.
    #[cfg_attr(feature = "serde", serde(default))]
    pub stored: Stored,
    /// Whether an entry is kept once, however often it is seen; always so for `prt` and `diversity-cutoff`.
    #[cfg_attr(feature = "serde", serde(default = "yes"))]
    pub distinct: bool,
    /// Which of them go when there are too many.
    #[cfg_attr(feature = "serde", serde(default))]
    pub eviction: Eviction,
    /// Which trajectories join.
    #[cfg_attr(feature = "serde", serde(default))]
    pub intake: Intake,
    /// Nothing is replayed before there are as many entries.
    #[cfg_attr(feature = "serde", serde(default = "ten"))]
    pub minimum: usize,
}

#[cfg(feature = "serde")]
fn yes() -> bool {
    true
}

#[cfg(feature = "serde")]
fn ten() -> usize {
    10
}

impl ReplayConfig {
    /// A buffer of distinct terminal states that keeps the latest, and replays from ten on.
    pub fn new(capacity: usize, priority: Priority) -> Self {
        Self {
            capacity,
            priority,
            stored: Stored::default(),
            distinct: true,
            eviction: Eviction::default(),
            intake: Intake::default(),
            minimum: 10,
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// Names the key that is out of range.
    pub fn validate(&self) -> Result<(), RangeError> {
        let capacity = self.capacity as f64;
        RangeError::unless(
            self.capacity > 0,
            "capacity",
            capacity,
            "a buffer holds at least one entry",
        )?;
        RangeError::unless(
            (1..=self.capacity).contains(&self.minimum),
            "minimum",
            self.minimum as f64,
            "at least 1 and at most the capacity",
        )?;
        let positive = |v: f64| v > 0.0 && v.is_finite();
        match self.priority {
            Priority::Uniform {} => Ok(()),
            Priority::RewardPrioritised { exponent } | Priority::LossPrioritised { exponent } => {
                RangeError::unless(
                    positive(exponent),
                    "priority.exponent",
                    exponent,
                    "positive and finite; `uniform` is the exponent 0",
                )
            }
            Priority::Prt { percentile } => RangeError::unless(
                percentile > 0.0 && percentile < 1.0,
                "priority.percentile",
                percentile,
                "a share strictly between 0 and 1, 0.9 for the 90th percentile",
            ),
            Priority::RankPrioritised { k } => {
                RangeError::unless(positive(k), "priority.k", k, "positive and finite")
            }
            Priority::DiversityCutoff { cutoff } => RangeError::unless(
                cutoff >= 0.0 && cutoff.is_finite(),
                "priority.cutoff",
                cutoff,
                "a distance, not negative",
            ),
        }?;
        RangeError::unless(
            self.distinct || !self.keeps_objects(),
            "distinct",
            0.0,
            "`prt` and `diversity-cutoff` keep each object once: leave the key out",
        )
    }

    /// Whether entries are told apart by their objects, whatever is stored.
    pub(super) fn keeps_objects(&self) -> bool {
        matches!(
            self.priority,
            Priority::Prt { .. } | Priority::DiversityCutoff { .. }
        )
    }
}
