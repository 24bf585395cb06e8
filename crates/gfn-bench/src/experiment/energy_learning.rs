//! `[energy_learning]`: an energy that is learned from data beside the agent.

use super::{BackwardTrainingConfig, Experiment, ObjectiveConfig};
use anyhow::{Result, bail};
use gfn_explore::{BackTrack, BehaviourConfig, EnergyLearningConfig, Negatives, Schedule};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the energy is learned from, and how: [`gfn_explore::EnergyLearning`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedEnergyConfig {
    /// The data.
    pub data: EnergyDataConfig,
    /// Share of a batch that is trajectories into data.
    #[serde(default = "half")]
    pub share: f64,
    /// Learning rate of the parameters.
    #[serde(default = "default_learning_rate")]
    pub learning_rate: Schedule,
    /// Factor of the sum of the absolute values of the parameters.
    #[serde(default)]
    pub l1: f64,
    /// Where samples of the model come from.
    #[serde(default = "default_negatives")]
    pub negatives: Negatives,
}

/// Objects to learn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum EnergyDataConfig {
    /// Samples of the environment's own reward, which the learned one should become.
    Drawn {
        /// How many.
        count: usize,
        /// Sweeps of the chain that ends in each, where they cannot be drawn exactly.
        #[serde(default = "default_sweeps")]
        sweeps: usize,
        /// Seed of the draws; apart from the run's, so that seeds share them.
        #[serde(default)]
        seed: u64,
    },
    /// The column `object` of a CSV file, with objects as `gfn-bench sample` writes them.
    File {
        /// The file.
        path: PathBuf,
    },
}

fn half() -> f64 {
    0.5
}

fn default_learning_rate() -> Schedule {
    Schedule::constant(1e-3)
}

fn default_sweeps() -> usize {
    1_000
}

fn default_negatives() -> Negatives {
    Negatives::BackAndForth {
        back_track: BackTrack::Share { share: 1.0 },
        metropolis_hastings: true,
    }
}

impl LearnedEnergyConfig {
    /// The part of the source of trajectories.
    pub(crate) fn learning(&self) -> EnergyLearningConfig {
        EnergyLearningConfig {
            learning_rate: self.learning_rate,
            l1: self.l1,
            negatives: self.negatives,
        }
    }

    /// Checks the numbers, and that nothing in `experiment` holds on to rewards that change.
    pub(super) fn validate(&self, experiment: &Experiment) -> Result<()> {
        if !(self.share > 0.0 && self.share <= 1.0) {
            bail!("share = {} must be above 0 and at most 1", self.share);
        }
        self.learning().validate()?;
        if let EnergyDataConfig::Drawn { count, sweeps, .. } = self.data {
            for (name, value) in [("count", count), ("sweeps", sweeps)] {
                if !(1..=1_000_000).contains(&value) {
                    bail!("data.{name} = {value} must be between 1 and 1,000,000");
                }
            }
        }
        let is_balance = matches!(
            experiment.objective,
            ObjectiveConfig::TrajectoryBalance {}
                | ObjectiveConfig::LogPartitionVariance {}
                | ObjectiveConfig::DetailedBalance { .. }
                | ObjectiveConfig::SubTrajectoryBalance { .. }
        );
        if !is_balance {
            bail!(
                "an energy is learned beside trajectory-balance, log-partition-variance, detailed-balance or \
                 sub-trajectory-balance: choose one of these as `objective`"
            );
        }
        let others = [
            ("exploration", !experiment.exploration.is_default()),
            ("reward_noise", experiment.reward_noise != 0.0),
            ("condition", experiment.condition.is_some()),
            (
                "backward_training",
                experiment.backward_training != BackwardTrainingConfig::default(),
            ),
        ];
        if let Some((name, _)) = others.iter().find(|(_, set)| *set) {
            bail!("`{name}` cannot be combined with rewards that change: leave it out");
        }
        if matches!(self.negatives, Negatives::Policy {}) {
            if experiment.behaviour != (BehaviourConfig::OnPolicy {}) {
                bail!(
                    "negatives: samples of the policy need behaviour = {{ kind = \"on-policy\" }}; or use negatives = \
                     {{ kind = \"back-and-forth\", back_track = {{ kind = \"share\", share = 1.0 }} }}"
                );
            }
            if self.share == 1.0 {
                bail!(
                    "negatives: with share = 1 the policy samples nothing itself: lower it, or use `back-and-forth`"
                );
            }
        }
        Ok(())
    }
}
