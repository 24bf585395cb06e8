//! What a policy-gradient update is made of.

use crate::TrainError;
use crate::optimiser::{Adam, AdamConfig};
use burn::tensor::Tensor;
use gfn_explore::Schedule;
use gfn_loss::LogProbs;
use gfn_loss::policy_gradients::without_correction;

/// How the policy is updated.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum PolicyUpdate {
    /// One step of the trainer's optimiser down the policy gradient.
    Gradient {},
    /// Several steps of the trainer's optimiser down the clipped surrogate and the exact divergence from the policy that
    /// sampled (proximal policy optimisation).
    ///
    /// `(1/B) Σ_t [max(ρA, clip(ρ, 1 − ε, 1 + ε)·A) + weight·KL(π‖π_old)(s_t)]`. The costs hold the policy's own
    /// log-probabilities, whence `J(π) − J(π_old) = E_π[Σ_t A_old + KL(π‖π_old)]`: the weight 1 is what the objective
    /// itself asks for, no penalty.
    ProximalPolicy {
        /// Steps on each batch.
        #[cfg_attr(feature = "serde", serde(default = "default_epochs"))]
        epochs: usize,
        /// `ε`.
        #[cfg_attr(feature = "serde", serde(default = "default_clip"))]
        clip: f64,
        /// Weight of the divergence.
        #[cfg_attr(feature = "serde", serde(default = "default_kl_weight"))]
        kl_weight: f64,
    },
    /// The natural gradient, as far as the mean divergence from the old policy stays below `delta` (trust-region policy
    /// optimisation); log Z takes a step of the trainer's optimiser before it.
    ///
    /// `x = F⁻¹g` by conjugate gradients, with the Fisher matrix `F` of the mean `KL(π_old‖π)` over the visited states,
    /// then `θ − ½^j·√(2δ/gᵀx)·x` for the first `j` at which the surrogate is lower and that divergence at most `δ`; the
    /// policy stays as it is where there is none.
    ///
    /// It needs a policy with a forward-mode pass ([`Policy::forward_tangent`](gfn_policy::Policy::forward_tangent)):
    /// perceptrons and tables.
    TrustRegion {
        /// `δ`, in nats. A constant keeps the last steps as long as the first, and with them the noise of the batch.
        #[cfg_attr(feature = "serde", serde(default = "default_delta"))]
        delta: Schedule,
        /// Most iterations of conjugate gradients.
        #[cfg_attr(feature = "serde", serde(default = "default_cg_iterations"))]
        cg_iterations: usize,
        /// Most steps that are tried.
        #[cfg_attr(feature = "serde", serde(default = "default_line_search_steps"))]
        line_search_steps: usize,
    },
}

#[cfg(feature = "serde")]
fn default_epochs() -> usize {
    4
}

#[cfg(feature = "serde")]
fn default_clip() -> f64 {
    0.2
}

#[cfg(feature = "serde")]
fn default_kl_weight() -> f64 {
    1.0
}

#[cfg(feature = "serde")]
fn default_delta() -> Schedule {
    Schedule::constant(0.01)
}

#[cfg(feature = "serde")]
fn default_cg_iterations() -> usize {
    10
}

#[cfg(feature = "serde")]
fn default_line_search_steps() -> usize {
    20
}

impl Default for PolicyUpdate {
    fn default() -> Self {
        Self::Gradient {}
    }
}

impl PolicyUpdate {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &["gradient", "proximal-policy", "trust-region"];

    pub(super) fn validate(&self) -> Result<(), TrainError> {
        let check = |ok: bool, name, range| {
            if ok {
                Ok(())
            } else {
                Err(TrainError::OutOfRange { name, range })
            }
        };
        match *self {
            Self::Gradient {} => Ok(()),
            Self::ProximalPolicy {
                epochs,
                clip,
                kl_weight,
            } => {
                check(epochs > 0, "epochs", "at least 1")?;
                check(clip > 0.0 && clip < 1.0, "clip", "above 0 and below 1")?;
                check(
                    kl_weight >= 0.0 && kl_weight.is_finite(),
                    "kl_weight",
                    "at least 0 and finite",
                )
            }
            Self::TrustRegion {
                delta,
                cg_iterations,
                line_search_steps,
            } => {
                check(
                    delta.validate(f64::MIN_POSITIVE, 1e3).is_ok(),
                    "delta",
                    "positive throughout, and finite",
                )?;
                check(cg_iterations > 0, "cg_iterations", "at least 1")?;
                check(line_search_steps > 0, "line_search_steps", "at least 1")
            }
        }
    }
}

/// What the policy is to pay for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Costs {
    /// The divergence from the target: [`forward_costs`](gfn_loss::policy_gradients::forward_costs).
    #[default]
    Divergence,
    /// Plain reinforcement learning: `τ·log P_F` for each edge and `− log R(x)` at the end, without P_B and log Z.
    ///
    /// A baseline that does **not** sample from `R/Z`: it ends at `n(x)·R(x)^{1/τ}`, with the number `n(x)` of trajectories
    /// into `x`, and for `τ = 0` at the largest reward.
    LogReward {
        /// `τ`, not negative: 0 for advantage actor-critic, more for its soft forms.
        temperature: f64,
    },
}

impl Costs {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &["divergence", "log-reward"];

    pub(super) fn validate(&self) -> Result<(), TrainError> {
        match *self {
            Self::LogReward { temperature } if !(temperature >= 0.0 && temperature.is_finite()) => {
                Err(TrainError::OutOfRange {
                    name: "temperature",
                    range: "at least 0 and finite",
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether log Z is a part of them.
    pub(super) fn hold_log_z(&self) -> bool {
        matches!(self, Self::Divergence)
    }

    /// Weight of the policy's own log-probabilities.
    pub(super) fn temperature(&self) -> f64 {
        match *self {
            Self::Divergence => 1.0,
            Self::LogReward { temperature } => temperature,
        }
    }

    /// The batch and the log Z whose [`forward_costs`](gfn_loss::policy_gradients::forward_costs) they are.
    pub(super) fn of(&self, x: &LogProbs, log_z: Tensor<1>) -> (LogProbs, Tensor<1>) {
        match *self {
            Self::Divergence => (x.clone(), log_z),
            Self::LogReward { temperature } => {
                (without_correction(x, temperature), log_z.zeros_like())
            }
        }
    }
}

/// What is subtracted from the costs of a trajectory to lower the variance of the gradient.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Baseline {
    /// A learned cost to go, by generalised advantage estimation; the mean of the advantages is subtracted as well.
    Critic(CriticConfig),
    /// The mean cost of the other trajectories, and no critic: REINFORCE.
    LeaveOneOut {},
}

impl Default for Baseline {
    fn default() -> Self {
        Self::Critic(CriticConfig::default())
    }
}

impl Baseline {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &["critic", "leave-one-out"];

    pub(super) fn validate(&self) -> Result<(), TrainError> {
        match self {
            Self::Critic(config) => config.validate(),
            Self::LeaveOneOut {} => Ok(()),
        }
    }
}

/// A critic: a perceptron that says what it costs to go on from a state.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct CriticConfig {
    /// Widths of its hidden layers; none for an affine map, which is a table where each state has a feature of its own.
    pub hidden: Vec<usize>,
    /// Learning rate of its Adam.
    pub learning_rate: Schedule,
    /// `λ` of the advantages, from 0 to 1.
    pub lambda: f64,
    /// What it learns from.
    pub loss: CriticLoss,
}

impl Default for CriticConfig {
    /// Two hidden layers of 256 units at the rate 5e-3, λ = .99, and costs to go as targets: the published settings.
    fn default() -> Self {
        Self {
            hidden: vec![256, 256],
            learning_rate: Schedule::constant(5e-3),
            lambda: 0.99,
            loss: CriticLoss::default(),
        }
    }
}

impl CriticConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// If one is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        if self.hidden.contains(&0) {
            return Err(TrainError::OutOfRange {
                name: "each width of the critic's hidden layers",
                range: "at least 1",
            });
        }
        Adam::new(self.adam(&AdamConfig::default()))?;
        let unit = |lambda: f64| (0.0..=1.0).contains(&lambda);
        if !unit(self.lambda) {
            return Err(TrainError::OutOfRange {
                name: "the critic's lambda",
                range: "between 0 and 1",
            });
        }
        match self.loss {
            CriticLoss::Returns { lambda } if !unit(lambda) => Err(TrainError::OutOfRange {
                name: "lambda of the critic's returns",
                range: "between 0 and 1",
            }),
            CriticLoss::EvaluationBalance { lambda } if !(lambda > 0.0 && lambda.is_finite()) => {
                Err(TrainError::OutOfRange {
                    name: "lambda of evaluation balance",
                    range: "positive and finite",
                })
            }
            _ => Ok(()),
        }
    }

    /// Its optimiser beside one with the hyper-parameters `main`.
    pub(super) fn adam(&self, main: &AdamConfig) -> AdamConfig {
        AdamConfig {
            learning_rate: self.learning_rate,
            weight_decay: None,
            clip_norm: None,
            ..main.clone()
        }
    }
}

/// What a critic learns from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum CriticLoss {
    /// Squared differences from [`value_targets`](gfn_loss::policy_gradients::value_targets).
    Returns {
        /// `λ` of the targets: 1, the default, for costs to go.
        #[cfg_attr(feature = "serde", serde(default = "default_returns_lambda"))]
        lambda: f64,
    },
    /// Squared residuals of [`evaluation_balance`](gfn_loss::policy_gradients::evaluation_balance), normalised within a
    /// trajectory.
    EvaluationBalance {
        /// Weight `λ^length` of a sub-trajectory.
        #[cfg_attr(feature = "serde", serde(default = "default_balance_lambda"))]
        lambda: f64,
    },
}

#[cfg(feature = "serde")]
fn default_returns_lambda() -> f64 {
    1.0
}

#[cfg(feature = "serde")]
fn default_balance_lambda() -> f64 {
    0.9
}

impl Default for CriticLoss {
    fn default() -> Self {
        Self::Returns { lambda: 1.0 }
    }
}

impl CriticLoss {
    /// Names, as experiment files write them.
    pub const NAMES: &[&str] = &["returns", "evaluation-balance"];
}
