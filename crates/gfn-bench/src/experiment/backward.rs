//! `[backward_training]`: how P_B is trained.

use anyhow::{Context as _, Result, bail};
use gfn_explore::Schedule;
use gfn_policy::BackwardPolicy;
use gfn_train::{BackwardTarget, BackwardTraining, CriticConfig, CriticLoss};
use serde::{Deserialize, Serialize};

use super::objective::Demands;
use super::policy::{PolicyConfig, TrunkConfig};
use super::{GuideConfig, ObjectiveConfig};

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
    /// [`BackwardTraining::PolicyGradient`].
    PolicyGradient {
        /// What P_B is led towards.
        #[serde(default)]
        target: BackwardTargetConfig,
        /// Learning rate of P_B.
        #[serde(default = "default_learning_rate")]
        learning_rate: Schedule,
        /// Its critic, whose `loss` has to be the default.
        #[serde(default = "default_critic")]
        critic: CriticConfig,
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

/// What P_B is led towards by its policy gradients, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum BackwardTargetConfig {
    /// [`BackwardTarget::ForwardPolicy`].
    #[default]
    ForwardPolicy,
    /// [`BackwardTarget::SuppressedExit`].
    SuppressedExit {
        /// The exit is rare in states whose log-reward is at most this.
        log_reward: f64,
        /// Its largest probability there.
        #[serde(default = "default_exit_probability")]
        probability: f64,
    },
    /// [`BackwardTarget::Guide`].
    Guide {
        /// The guide.
        #[serde(default)]
        guide: GuideConfig,
    },
}

fn default_exit_probability() -> f64 {
    1e-5
}

/// Costs to go with λ = 1, as published.
fn default_critic() -> CriticConfig {
    CriticConfig {
        lambda: 1.0,
        ..CriticConfig::default()
    }
}

impl BackwardTargetConfig {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &["forward-policy", "suppressed-exit", "guide"];

    fn build(&self) -> BackwardTarget {
        match *self {
            Self::ForwardPolicy => BackwardTarget::ForwardPolicy,
            Self::SuppressedExit {
                log_reward,
                probability,
            } => BackwardTarget::SuppressedExit {
                log_reward,
                probability,
            },
            Self::Guide { .. } => BackwardTarget::Guide,
        }
    }

    fn validate(&self) -> Result<()> {
        match self {
            Self::ForwardPolicy => {}
            Self::SuppressedExit {
                log_reward,
                probability,
            } => {
                if !log_reward.is_finite() {
                    bail!("target.log_reward = {log_reward} must be finite");
                }
                if !(*probability > 0.0 && *probability < 1.0) {
                    bail!("target.probability = {probability} must be above 0 and below 1");
                }
            }
            Self::Guide { guide } => {
                if let Some(config) = guide.substructure() {
                    config.validate().context("target.guide")?;
                }
            }
        }
        Ok(())
    }
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
        "policy-gradient",
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
            Self::PolicyGradient {
                target,
                learning_rate,
                critic,
            } => BackwardTraining::PolicyGradient {
                target: target.build(),
                learning_rate: *learning_rate,
                critic: critic.clone(),
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

    /// What it asks of the environment.
    pub(super) fn demands(&self) -> Demands {
        let target = match self {
            Self::PolicyGradient { target, .. } => Some(target),
            _ => None,
        };
        Demands {
            flows: false,
            energies: false,
            exits: matches!(target, Some(BackwardTargetConfig::SuppressedExit { .. })),
            substructures: self
                .guide()
                .is_some_and(|guide| guide.substructure().is_some()),
        }
    }

    /// The guide that P_B is led towards.
    pub(crate) fn guide(&self) -> Option<&GuideConfig> {
        match self {
            Self::PolicyGradient {
                target: BackwardTargetConfig::Guide { guide },
                ..
            } => Some(guide),
            _ => None,
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
            Self::WithObjective
                if learned && let Some(name) = objective.takes_backward_as_given() =>
            {
                bail!(
                    "{name} takes P_B as given: set policy.backward = \"uniform\", or train P_B by itself, as \
                     backward_training.kind = \"policy-gradient\" does"
                )
            }
            Self::PolicyGradient {
                target: BackwardTargetConfig::Guide { .. },
                ..
            } if guided => bail!(
                "P_B is led towards a guide of its own beside that of guided-trajectory-balance: set \
                 backward_training.kind = \"guided\""
            ),
            _ => Ok(()),
        }
    }

    /// Checks it against the policy whose P_B it trains.
    pub(super) fn validate(&self, policy: &PolicyConfig) -> Result<()> {
        let learned = policy.backward() == BackwardPolicy::Learned;
        match self {
            Self::WithObjective => {}
            Self::TrajectoryLikelihood { .. }
            | Self::Pessimistic { .. }
            | Self::Guided { .. }
            | Self::PolicyGradient { .. } => {
                if !learned {
                    bail!("there is no P_B to train: set policy.backward = \"learned\"");
                }
                if let PolicyConfig::Mlp { trunk, .. } | PolicyConfig::Transformer { trunk, .. } =
                    policy
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
        if let Self::PolicyGradient { target, critic, .. } = self {
            target.validate()?;
            critic.validate().context("critic")?;
            if critic.loss != CriticLoss::default() {
                bail!("critic.loss: the critic of P_B learns costs to go: leave the key out");
            }
        }
        if let Self::Pessimistic { batches: 0, .. } = self {
            bail!("batches = 0: at least one batch is kept");
        }
        if let Self::TrajectoryLikelihood { learning_rate, .. }
        | Self::Pessimistic { learning_rate, .. }
        | Self::LearnedMaximumEntropy { learning_rate, .. }
        | Self::PolicyGradient { learning_rate, .. }
        | Self::Guided { learning_rate } = self
        {
            learning_rate.validate(0.0, 1e3)?;
        }
        Ok(())
    }
}
