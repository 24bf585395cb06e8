//! `[objective]`: what the policy is trained to satisfy.

use anyhow::{Context as _, Result, bail};
use gfn_env::SubstructureGuideConfig;
use gfn_explore::{IntrinsicConfig, NoveltyOf, Schedule};
use gfn_loss::divergences::Divergence;
use gfn_loss::{
    Munchausen, StateNormalisation, SubTrajectoryNormalisation, TransitionNormalisation,
};
use gfn_train::{Baseline, Costs, DivergenceControl, PolicyGradient, PolicyUpdate, SoftDqn};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A training objective by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ObjectiveConfig {
    /// [`gfn_loss::trajectory_balance`].
    TrajectoryBalance {},
    /// [`gfn_loss::detailed_balance`].
    DetailedBalance {
        /// How edges are weighted.
        #[serde(default)]
        normalisation: TransitionNormalisation,
    },
    /// [`gfn_loss::sub_trajectory_balance`].
    SubTrajectoryBalance {
        /// Weight `λ^{length}` of a sub-trajectory.
        lambda: f64,
        /// How sub-trajectories are weighted; the paper normalises over the batch.
        #[serde(default)]
        normalisation: SubTrajectoryNormalisation,
    },
    /// [`gfn_loss::log_partition_variance`].
    LogPartitionVariance {},
    /// [`gfn_loss::flow_matching`].
    FlowMatching {
        /// Added to both sides, in the units of the reward.
        #[serde(default)]
        epsilon: f64,
        /// How states are weighted.
        #[serde(default)]
        normalisation: StateNormalisation,
    },
    /// [`gfn_loss::modified_detailed_balance`].
    ModifiedDetailedBalance {
        /// How edges are weighted.
        #[serde(default)]
        normalisation: TransitionNormalisation,
    },
    /// [`gfn_train::ForwardLookingDetailedBalance`].
    ForwardLookingDetailedBalance {
        /// How edges are weighted.
        #[serde(default)]
        normalisation: TransitionNormalisation,
    },
    /// [`gfn_train::ForwardLookingSubTrajectoryBalance`].
    ForwardLookingSubTrajectoryBalance {
        /// Weight `λ^{length}` of a sub-trajectory.
        lambda: f64,
        /// How sub-trajectories are weighted.
        #[serde(default)]
        normalisation: SubTrajectoryNormalisation,
    },
    /// [`gfn_loss::relative_trajectory_balance`].
    RelativeTrajectoryBalance {
        /// The prior policy.
        #[serde(default)]
        prior: PriorConfig,
    },
    /// [`gfn_loss::guided_trajectory_balance`].
    GuidedTrajectoryBalance {
        /// The guide's share, from 0 to 1.
        alpha: f64,
        /// The guide.
        #[serde(default)]
        guide: GuideConfig,
    },
    /// [`gfn_loss::augmented_trajectory_balance`].
    AugmentedTrajectoryBalance {
        /// The intrinsic reward.
        #[serde(default = "default_intrinsic")]
        intrinsic: IntrinsicConfig,
        /// Factor on it, not negative.
        weight: Schedule,
    },
    /// [`gfn_loss::divergences`].
    Divergence {
        /// Which divergence.
        divergence: Divergence,
        /// What is subtracted from its gradient.
        #[serde(default)]
        control_variate: DivergenceControl,
    },
    /// [`gfn_train::PolicyGradient`].
    PolicyGradient {
        /// What the policy is to pay for.
        #[serde(default)]
        costs: Costs,
        /// How the policy is updated.
        #[serde(default)]
        update: PolicyUpdate,
        /// What is subtracted from the costs.
        #[serde(default)]
        baseline: Baseline,
    },
    /// [`gfn_train::SoftDqn`].
    SoftDqn {
        /// Munchausen's share, 0 for none.
        #[serde(default)]
        munchausen: f64,
        /// The least value of its logarithm.
        #[serde(default = "default_least_log_p")]
        least_log_p: f64,
        /// How fast the target network follows.
        #[serde(default = "default_target_rate")]
        target_rate: f64,
        /// How edges are weighted.
        #[serde(default)]
        normalisation: TransitionNormalisation,
        /// Whether an edge is rewarded with `log P_B`.
        #[serde(default = "corrected")]
        corrected: bool,
    },
    /// [`gfn_loss::maximum_likelihood`].
    MaximumLikelihood {
        /// The objects.
        objects: ObjectsConfig,
    },
}

fn default_least_log_p() -> f64 {
    SoftDqn::default().munchausen.least_log_p
}

fn default_target_rate() -> f64 {
    SoftDqn::default().target_rate
}

fn corrected() -> bool {
    true
}

/// The prior of relative trajectory balance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PriorConfig {
    /// A uniform choice among the allowed actions.
    #[default]
    Uniform,
    /// A policy of the same shape that another run has saved.
    File {
        /// Its `policy.safetensors` or `best.safetensors`.
        path: PathBuf,
    },
}

/// The guide of guided trajectory balance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum GuideConfig {
    /// [`gfn_env::SubstructureGuide`].
    Substructure {
        /// The power of a score.
        #[serde(default = "default_temperature")]
        temperature: f64,
        /// Share of a uniform choice in each step.
        #[serde(default = "default_uniform_share")]
        uniform_share: f64,
        /// Objects that are kept.
        #[serde(default = "default_capacity")]
        capacity: usize,
    },
    /// [`gfn_env::UniformGuide`].
    Uniform {},
}

/// Random network distillation of every state behind the source.
fn default_intrinsic() -> IntrinsicConfig {
    match IntrinsicConfig::default() {
        IntrinsicConfig::RandomNetworkDistillation {
            of: _,
            hidden,
            outputs,
            learning_rate,
            scale,
        } => IntrinsicConfig::RandomNetworkDistillation {
            of: NoveltyOf::States,
            hidden,
            outputs,
            learning_rate,
            scale,
        },
        other => other,
    }
}

fn default_temperature() -> f64 {
    SubstructureGuideConfig::default().temperature
}

fn default_uniform_share() -> f64 {
    SubstructureGuideConfig::default().uniform_share
}

fn default_capacity() -> usize {
    SubstructureGuideConfig::default().capacity
}

impl Default for GuideConfig {
    fn default() -> Self {
        Self::Substructure {
            temperature: default_temperature(),
            uniform_share: default_uniform_share(),
            capacity: default_capacity(),
        }
    }
}

impl GuideConfig {
    /// Parameters of the guide by substructures.
    pub(crate) fn substructure(&self) -> Option<SubstructureGuideConfig> {
        match *self {
            Self::Substructure {
                temperature,
                uniform_share,
                capacity,
            } => Some(SubstructureGuideConfig {
                temperature,
                uniform_share,
                capacity,
            }),
            Self::Uniform {} => None,
        }
    }
}

/// Objects to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ObjectsConfig {
    /// Independent draws from `R/Z`, where the objects can be enumerated.
    Target {
        /// How many.
        count: usize,
        /// Seed of the draws; apart from the run's, so that seeds share them.
        #[serde(default)]
        seed: u64,
    },
    /// Those of a CSV file whose first column holds objects as `gfn-bench sample` writes them, where the objects can be
    /// enumerated.
    File {
        /// The file.
        path: PathBuf,
    },
}

/// What an objective asks of environment and policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demands {
    pub(crate) flows: bool,
    pub(crate) energies: bool,
    pub(crate) exits: bool,
    pub(crate) substructures: bool,
}

impl ObjectiveConfig {
    /// Names of the objectives, as experiment files write them.
    pub const NAMES: &[&str] = &[
        "trajectory-balance",
        "detailed-balance",
        "sub-trajectory-balance",
        "log-partition-variance",
        "flow-matching",
        "modified-detailed-balance",
        "forward-looking-detailed-balance",
        "forward-looking-sub-trajectory-balance",
        "relative-trajectory-balance",
        "guided-trajectory-balance",
        "augmented-trajectory-balance",
        "divergence",
        "policy-gradient",
        "soft-dqn",
        "maximum-likelihood",
    ];

    pub(crate) fn demands(&self) -> Demands {
        let none = Demands {
            flows: false,
            energies: false,
            exits: false,
            substructures: false,
        };
        match self {
            Self::TrajectoryBalance {}
            | Self::LogPartitionVariance {}
            | Self::FlowMatching { .. }
            | Self::RelativeTrajectoryBalance { .. }
            | Self::Divergence { .. }
            | Self::PolicyGradient { .. }
            | Self::SoftDqn { .. }
            | Self::MaximumLikelihood { .. } => none,
            Self::GuidedTrajectoryBalance { guide, .. } => Demands {
                substructures: guide.substructure().is_some(),
                ..none
            },
            Self::ModifiedDetailedBalance { .. } => Demands {
                exits: true,
                ..none
            },
            Self::DetailedBalance { .. }
            | Self::SubTrajectoryBalance { .. }
            | Self::AugmentedTrajectoryBalance { .. } => Demands {
                flows: true,
                ..none
            },
            Self::ForwardLookingDetailedBalance { .. }
            | Self::ForwardLookingSubTrajectoryBalance { .. } => Demands {
                flows: true,
                energies: true,
                ..none
            },
        }
    }

    /// The name of an objective that trains no log Z.
    pub(crate) fn without_log_z(&self) -> Option<&'static str> {
        match self {
            Self::LogPartitionVariance {} => Some("log-partition-variance"),
            Self::FlowMatching { .. } => Some("flow-matching"),
            Self::ModifiedDetailedBalance { .. } => Some("modified-detailed-balance"),
            Self::Divergence { .. } => Some("divergence"),
            Self::MaximumLikelihood { .. } => Some("maximum-likelihood"),
            Self::SoftDqn { .. } => Some("soft-dqn"),
            Self::PolicyGradient {
                costs: Costs::LogReward { .. },
                ..
            } => Some("policy-gradient"),
            Self::TrajectoryBalance {}
            | Self::DetailedBalance { .. }
            | Self::SubTrajectoryBalance { .. }
            | Self::ForwardLookingDetailedBalance { .. }
            | Self::ForwardLookingSubTrajectoryBalance { .. }
            | Self::GuidedTrajectoryBalance { .. }
            | Self::PolicyGradient { .. }
            | Self::AugmentedTrajectoryBalance { .. }
            | Self::RelativeTrajectoryBalance { .. } => None,
        }
    }

    /// The parameters of soft Q-learning.
    pub(crate) fn soft_dqn(&self) -> Option<SoftDqn> {
        match *self {
            Self::SoftDqn {
                munchausen,
                least_log_p,
                target_rate,
                normalisation,
                corrected,
            } => Some(SoftDqn {
                munchausen: Munchausen {
                    alpha: munchausen,
                    least_log_p,
                },
                target_rate,
                normalisation,
                corrected,
            }),
            _ => None,
        }
    }

    /// The name of an objective that takes `P_B` as given.
    pub(super) fn takes_backward_as_given(&self) -> Option<&'static str> {
        match self {
            Self::PolicyGradient { .. } => Some("policy-gradient"),
            Self::SoftDqn { .. } => Some("soft-dqn"),
            _ => None,
        }
    }

    /// The name of an objective that is right for samples of the policy as it is alone.
    pub(super) fn on_policy_only(&self) -> Option<&'static str> {
        match self {
            Self::Divergence { .. } => Some("divergence"),
            Self::PolicyGradient { .. } => Some("policy-gradient"),
            _ => None,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::SubTrajectoryBalance { lambda, .. }
            | Self::ForwardLookingSubTrajectoryBalance { lambda, .. }
                if !(*lambda > 0.0 && lambda.is_finite()) =>
            {
                bail!("lambda = {lambda} must be positive and finite")
            }
            Self::FlowMatching {
                epsilon,
                normalisation,
            } => {
                if !(*epsilon >= 0.0 && epsilon.is_finite()) {
                    bail!("epsilon = {epsilon} must be finite and not negative");
                }
                if let StateNormalisation::Batch { leaf_weight }
                | StateNormalisation::Balanced { leaf_weight } = normalisation
                    && !(*leaf_weight > 0.0 && leaf_weight.is_finite())
                {
                    bail!("normalisation.leaf_weight = {leaf_weight} must be positive and finite");
                }
            }
            Self::AugmentedTrajectoryBalance { intrinsic, weight } => {
                intrinsic.validate().context("intrinsic")?;
                let range = weight.validate(0.0, 1e12);
                range.context("weight: it must not be negative, and should end at 0")?;
            }
            Self::Divergence { divergence, .. } => divergence.validate()?,
            Self::PolicyGradient {
                costs,
                update,
                baseline,
            } => PolicyGradient {
                costs: *costs,
                update: *update,
                baseline: baseline.clone(),
            }
            .validate()?,
            Self::SoftDqn { .. } => {
                if let Some(objective) = self.soft_dqn() {
                    objective.validate()?;
                }
            }
            Self::GuidedTrajectoryBalance { alpha, guide } => {
                if !(0.0..=1.0).contains(alpha) {
                    bail!(
                        "alpha = {alpha} must be between 0, trajectory balance, and 1, the guide alone"
                    );
                }
                if let Some(config) = guide.substructure() {
                    config.validate().context("guide")?;
                }
            }
            Self::MaximumLikelihood {
                objects: ObjectsConfig::Target { count: 0, .. },
            } => bail!("objects.count = 0: there must be at least one object"),
            _ => {}
        }
        Ok(())
    }
}
