//! `[backward_training]`: how P_B is trained.

use anyhow::{Result, bail};
use gfn_explore::Schedule;
use gfn_policy::BackwardPolicy;
use gfn_train::BackwardTraining;
use serde::{Deserialize, Serialize};

use super::ObjectiveConfig;
use super::policy::{PolicyConfig, TrunkConfig};

/// How P_B is trained, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum BackwardTrainingConfig {
    /// [`BackwardTraining::WithObjective`].
    #[default]
    WithObjective,
    /// [`BackwardTraining::TrajectoryLikelihood`].
    TrajectoryLikelihood {
        /// How fast the slow copy follows.
        #[serde(default = "default_target_rate")]
        target_rate: f64,
        /// Learning rate of P_B.
        #[serde(default = "default_learning_rate")]
        learning_rate: Schedule,
    },
    /// [`BackwardTraining::Pessimistic`].
    Pessimistic {
        /// Batches that are kept.
        #[serde(default = "default_batches")]
        batches: usize,
        /// Learning rate of P_B.
        #[serde(default = "default_learning_rate")]
        learning_rate: Schedule,
    },
    /// [`BackwardTraining::Guided`].
    Guided {
        /// Learning rate of P_B.
        #[serde(default = "default_learning_rate")]
        learning_rate: Schedule,
    },
    /// [`BackwardTraining::MaximumEntropy`].
    MaximumEntropy,
    /// [`BackwardTraining::LearnedMaximumEntropy`].
    LearnedMaximumEntropy {
        /// Widths of the hidden layers of its network.
        #[serde(default = "default_hidden")]
        hidden: Vec<usize>,
        /// Learning rate of its network.
        #[serde(default = "default_learning_rate")]
        learning_rate: Schedule,
    },
}

fn default_target_rate() -> f64 {
    0.25
}

fn default_learning_rate() -> Schedule {
    Schedule::constant(1e-3)
}

fn default_hidden() -> Vec<usize> {
    vec![128]
}

fn default_batches() -> usize {
    20
}

impl BackwardTrainingConfig {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &[
        "with-objective",
        "trajectory-likelihood",
        "pessimistic",
        "guided",
        "maximum-entropy",
        "learned-maximum-entropy",
    ];

    pub(super) fn build(&self, max_states: usize) -> BackwardTraining {
        match self {
            Self::WithObjective => BackwardTraining::WithObjective,
            Self::TrajectoryLikelihood {
                target_rate,
                learning_rate,
            } => BackwardTraining::TrajectoryLikelihood {
                target_rate: *target_rate,
                learning_rate: *learning_rate,
            },
            Self::Pessimistic {
                batches,
                learning_rate,
            } => BackwardTraining::Pessimistic {
                batches: *batches,
                learning_rate: *learning_rate,
            },
            Self::Guided { learning_rate } => BackwardTraining::Guided {
                learning_rate: *learning_rate,
            },
            Self::MaximumEntropy => BackwardTraining::MaximumEntropy { max_states },
            Self::LearnedMaximumEntropy {
                hidden,
                learning_rate,
            } => BackwardTraining::LearnedMaximumEntropy {
                hidden: hidden.clone(),
                learning_rate: *learning_rate,
            },
        }
    }

    /// Checks it against the objective, whose guide it may follow.
    pub(super) fn suits(&self, objective: &ObjectiveConfig, policy: &PolicyConfig) -> Result<()> {
        let guided = matches!(objective, ObjectiveConfig::GuidedTrajectoryBalance { .. });
        let learned = policy.backward() == BackwardPolicy::Learned;
        match self {
            Self::Guided { .. } if !guided => bail!(
                "P_B follows the guide of an objective, and this one has none: set objective.kind = \
                 \"guided-trajectory-balance\""
            ),
            Self::WithObjective if guided && learned => bail!(
                "guided-trajectory-balance takes P_B as given: set backward_training.kind = \"guided\", or \
                 policy.backward = \"uniform\""
            ),
            _ => Ok(()),
        }
    }

    /// Checks it against the policy whose P_B it trains.
    pub(super) fn validate(&self, policy: &PolicyConfig) -> Result<()> {
        let learned = policy.backward() == BackwardPolicy::Learned;
        match self {
            Self::WithObjective => {}
            Self::TrajectoryLikelihood { .. } | Self::Pessimistic { .. } | Self::Guided { .. } => {
                if !learned {
                    bail!("there is no P_B to train: set policy.backward = \"learned\"");
                }
                if let PolicyConfig::Mlp { trunk, .. } = policy
                    && *trunk == TrunkConfig::Shared
                {
                    bail!("P_B needs a network of its own: set policy.trunk = \"separate\"");
                }
            }
            Self::MaximumEntropy | Self::LearnedMaximumEntropy { .. } => {
                if learned {
                    bail!(
                        "P_B is counted, not learned: set policy.backward = \"uniform\", whose place it takes"
                    );
                }
            }
        }
        if let Self::TrajectoryLikelihood { target_rate, .. } = self
            && !(*target_rate > 0.0 && *target_rate <= 1.0)
        {
            bail!("target_rate = {target_rate} must be above 0 and at most 1");
        }
        if let Self::LearnedMaximumEntropy { hidden, .. } = self
            && hidden.contains(&0)
        {
            bail!("hidden = {hidden:?}: a layer has at least one unit");
        }
        if let Self::Pessimistic { batches: 0, .. } = self {
            bail!("batches = 0: at least one batch is kept");
        }
        if let Self::TrajectoryLikelihood { learning_rate, .. }
        | Self::Pessimistic { learning_rate, .. }
        | Self::LearnedMaximumEntropy { learning_rate, .. }
        | Self::Guided { learning_rate } = self
        {
            learning_rate.validate(0.0, 1e3)?;
        }
        Ok(())
    }
}
