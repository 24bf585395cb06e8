//! Rewards of an auxiliary agent: what it is sent to look for, as a function of what the main agent makes of a trajectory.

use crate::intrinsic::{IntrinsicConfig, RewardConfigError, check};
use crate::{Schedule, ScheduleError};

/// What a main agent makes of some trajectories, one entry each.
#[derive(Clone, Copy, Debug)]
pub struct MainView<'a> {
    /// `log R(x)`.
    pub log_reward: &'a [f64],
    /// Loss under the main agent.
    pub losses: &'a [f64],
    /// `t = log R(x) + Σ log P_B − log Z − Σ log P_F` under the main agent; empty where it is not known.
    pub residuals: &'a [f64],
    /// Intrinsic reward; empty where the auxiliary reward has none.
    pub novelty: &'a [f64],
}

/// The reward of an auxiliary agent by name.
///
/// It is a function of the trajectory: of two that end in the same object, one can be worth more.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum AuxiliaryReward {
    /// `log (R + λ·ℓ)` with the loss `ℓ` of the main agent (Malek et al., 2025, <https://arxiv.org/abs/2505.15251>).
    ///
    /// As the main agent learns, `ℓ` vanishes and the reward turns into `R`.
    LossGuided {
        /// λ, not negative.
        #[cfg_attr(feature = "serde", serde(default = "one"))]
        lambda: Schedule,
        /// Keeps `λ·ℓ` on the scale of `R`: `λ` is then multiplied by the mean of `R` over that of `ℓ`, both over the
        /// auxiliary agent's batches so far with this decay, in `[0, 1)`.
        #[cfg_attr(
            feature = "serde",
            serde(default, skip_serializing_if = "Option::is_none")
        )]
        scale_decay: Option<f64>,
    },
    /// `log (ε + (1 + C·[t > 0])·t²) + α·log R` (Kim et al., 2025, <https://arxiv.org/abs/2410.01432>): the square of the
    /// main agent's residual, `1 + C` times as much where it gives too little.
    AdaptiveTeacher {
        /// C, not negative.
        #[cfg_attr(feature = "serde", serde(default = "nineteen"))]
        c: f64,
        /// α, not negative.
        #[cfg_attr(feature = "serde", serde(default))]
        alpha: f64,
        /// ε, positive.
        #[cfg_attr(feature = "serde", serde(default = "thousandth"))]
        epsilon: f64,
    },
    /// `λ·log max(ℓ, 10⁻¹²) + log R`: loss times reward, as code that compares with loss-guided agents has it.
    Multiplicative {
        /// λ, not negative.
        #[cfg_attr(feature = "serde", serde(default = "one"))]
        lambda: Schedule,
    },
    /// `β_sn·log (R^β_e + r^β_i)` with an intrinsic reward `r` (Madan et al., 2025, sibling-augmented GFlowNets).
    SiblingAugmented {
        /// `β_sn`, positive: sharpness of the sum.
        #[cfg_attr(feature = "serde", serde(default = "unit"))]
        beta_sn: f64,
        /// `β_e`, not negative: exponent of the reward.
        #[cfg_attr(feature = "serde", serde(default = "unit"))]
        beta_e: f64,
        /// `β_i`, positive: exponent of the intrinsic reward.
        #[cfg_attr(feature = "serde", serde(default = "unit"))]
        beta_i: f64,
        /// r.
        #[cfg_attr(feature = "serde", serde(default))]
        intrinsic: IntrinsicConfig,
    },
    /// `β·log r`: novelty alone.
    Novelty {
        /// β, positive.
        #[cfg_attr(feature = "serde", serde(default = "unit"))]
        beta: f64,
        /// r.
        #[cfg_attr(feature = "serde", serde(default))]
        intrinsic: IntrinsicConfig,
    },
    /// `log R`: a second agent for the same target.
    Unguided {},
}

#[cfg(feature = "serde")]
fn one() -> Schedule {
    Schedule::constant(1.0)
}

#[cfg(feature = "serde")]
fn unit() -> f64 {
    1.0
}

#[cfg(feature = "serde")]
fn nineteen() -> f64 {
    19.0
}

#[cfg(feature = "serde")]
fn thousandth() -> f64 {
    1e-3
}

/// The least loss whose logarithm is taken, and the least intrinsic reward.
const LEAST: f64 = 1e-12;

/// Why an auxiliary reward cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuxiliaryRewardError {
    /// A number is out of range.
    #[error(transparent)]
    OutOfRange(#[from] RewardConfigError),
    /// λ is negative or not finite.
    #[error("lambda: {0}")]
    Lambda(ScheduleError),
}

/// Means of reward and loss over the batches so far, in natural logarithms; none before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RewardScale {
    /// Logarithms of the means of `R` and `ℓ`.
    pub log_means: Option<[f64; 2]>,
}

impl RewardScale {
    /// Takes note of a batch; the first one counts whole.
    pub fn update(&mut self, view: &MainView<'_>, decay: f64) {
        let n = (view.log_reward.len() as f64).ln();
        let log_losses: Vec<f64> = view.losses.iter().map(|l| l.max(LEAST).ln()).collect();
        let of_batch = [
            log_sum_exp(view.log_reward) - n,
            log_sum_exp(&log_losses) - n,
        ];
        self.log_means = Some(match self.log_means {
            None => of_batch,
            Some(before) => [0, 1].map(|i| {
                let parts = [decay.ln() + before[i], (1.0 - decay).ln() + of_batch[i]];
                log_sum_exp(&parts)
            }),
        });
    }

    /// `log (mean R / mean ℓ)`, 0 before the first batch.
    pub fn log_ratio(&self) -> f64 {
        self.log_means.map_or(0.0, |[reward, loss]| reward - loss)
    }
}

fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    let sum: f64 = values.iter().map(|v| (v - largest).exp()).sum();
    largest + sum.ln()
}

impl AuxiliaryReward {
    /// Checks ranges.
    ///
    /// # Errors
    ///
    /// Names the number that is out of range.
    pub fn validate(&self) -> Result<(), AuxiliaryRewardError> {
        let positive = |name, value: f64| {
            let ok = value > 0.0 && value.is_finite();
            check(name, value, ok, "positive and finite")
        };
        let not_negative = |name, value: f64| {
            let ok = value >= 0.0 && value.is_finite();
            check(name, value, ok, "at least 0 and finite")
        };
        match self {
            Self::LossGuided {
                lambda,
                scale_decay,
            } => {
                lambda
                    .validate(0.0, 1e12)
                    .map_err(AuxiliaryRewardError::Lambda)?;
                if let Some(decay) = *scale_decay {
                    let ok = (0.0..1.0).contains(&decay);
                    check("scale_decay", decay, ok, "in [0, 1)")?;
                }
            }
            Self::Multiplicative { lambda } => lambda
                .validate(0.0, 1e12)
                .map_err(AuxiliaryRewardError::Lambda)?,
            Self::AdaptiveTeacher { c, alpha, epsilon } => {
                not_negative("c", *c)?;
                not_negative("alpha", *alpha)?;
                positive("epsilon", *epsilon)?;
            }
            Self::SiblingAugmented {
                beta_sn,
                beta_e,
                beta_i,
                intrinsic,
            } => {
                positive("beta_sn", *beta_sn)?;
                not_negative("beta_e", *beta_e)?;
                positive("beta_i", *beta_i)?;
                intrinsic.validate()?;
            }
            Self::Novelty { beta, intrinsic } => {
                positive("beta", *beta)?;
                intrinsic.validate()?;
            }
            Self::Unguided {} => {}
        }
        Ok(())
    }

    /// The intrinsic reward that it needs.
    #[must_use]
    pub fn intrinsic(&self) -> Option<&IntrinsicConfig> {
        match self {
            Self::SiblingAugmented { intrinsic, .. } | Self::Novelty { intrinsic, .. } => {
                Some(intrinsic)
            }
            _ => None,
        }
    }

    /// Whether it depends on the main agent.
    #[must_use]
    pub fn looks_at_the_main_agent(&self) -> bool {
        matches!(
            self,
            Self::LossGuided { .. } | Self::AdaptiveTeacher { .. } | Self::Multiplicative { .. }
        )
    }

    /// The decay of the means that it scales with.
    #[must_use]
    pub fn scale_decay(&self) -> Option<f64> {
        match self {
            Self::LossGuided { scale_decay, .. } => *scale_decay,
            _ => None,
        }
    }

    /// The natural-log reward of each trajectory at an iteration.
    ///
    /// `scale` is the ratio of [`RewardScale`], 0 where nothing is scaled.
    ///
    /// # Panics
    ///
    /// If `view` lacks what the reward needs.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_explore::{AuxiliaryReward, MainView, Schedule};
    ///
    /// let reward = AuxiliaryReward::LossGuided { lambda: Schedule::constant(2.0), scale_decay: None };
    /// let view = MainView { log_reward: &[0.0, 0.0], losses: &[0.0, 3.0], residuals: &[], novelty: &[] };
    /// let log_reward = reward.log_reward(&view, 0.0, 0);
    /// assert_eq!(log_reward[0], 0.0);
    /// assert!((log_reward[1] - 7f64.ln()).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn log_reward(&self, view: &MainView<'_>, scale: f64, iteration: u64) -> Vec<f64> {
        let each = |f: &dyn Fn(usize) -> f64| (0..view.log_reward.len()).map(f).collect();
        let log_r = view.log_reward;
        match self {
            Self::LossGuided { lambda, .. } => {
                let log_lambda = lambda.at(iteration).ln() + scale;
                each(&|b| log_sum_exp(&[log_lambda + view.losses[b].ln(), log_r[b]]))
            }
            Self::AdaptiveTeacher { c, alpha, epsilon } => each(&|b| {
                let t = view.residuals[b];
                let weight = if t > 0.0 { 1.0 + c } else { 1.0 };
                (epsilon + weight * t * t).ln() + alpha * log_r[b]
            }),
            Self::Multiplicative { lambda } => {
                each(&|b| lambda.at(iteration) * view.losses[b].max(LEAST).ln() + log_r[b])
            }
            Self::SiblingAugmented {
                beta_sn,
                beta_e,
                beta_i,
                ..
            } => each(&|b| {
                let log_novelty = view.novelty[b].max(LEAST).ln();
                beta_sn * log_sum_exp(&[beta_e * log_r[b], beta_i * log_novelty])
            }),
            Self::Novelty { beta, .. } => each(&|b| beta * view.novelty[b].max(LEAST).ln()),
            Self::Unguided {} => log_r.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: MainView<'_> = MainView {
        log_reward: &[0.5, -1.0],
        losses: &[4.0, 0.0],
        residuals: &[2.0, -3.0],
        novelty: &[0.25, 0.0],
    };

    fn assert_close(reward: &AuxiliaryReward, scale: f64, expected: [f64; 2]) {
        reward.validate().unwrap();
        let found = reward.log_reward(&VIEW, scale, 3);
        for (v, expected) in found.iter().zip(expected) {
            assert!((v - expected).abs() < 1e-12, "{reward:?}: {v} {expected}");
        }
    }

    #[test]
    fn every_reward_by_hand() {
        let r = 0.5f64.exp();
        let lambda = Schedule::Linear {
            from: 0.0,
            to: 1.0,
            iterations: 6,
        };
        // λ = 1/2 at iteration 3; a loss of 0 adds nothing.
        let guided = AuxiliaryReward::LossGuided {
            lambda,
            scale_decay: None,
        };
        assert_close(&guided, 0.0, [(r + 2.0).ln(), -1.0]);
        assert_close(&guided, 3f64.ln(), [(r + 6.0).ln(), -1.0]);
        let off = AuxiliaryReward::LossGuided {
            lambda: Schedule::constant(0.0),
            scale_decay: None,
        };
        assert_close(&off, 0.0, [0.5, -1.0]);
        let teacher = AuxiliaryReward::AdaptiveTeacher {
            c: 19.0,
            alpha: 0.5,
            epsilon: 1e-3,
        };
        // Under-sampled where t > 0: 20·4; else 9.
        assert_close(&teacher, 0.0, [80.001f64.ln() + 0.25, 9.001f64.ln() - 0.5]);
        let product = AuxiliaryReward::Multiplicative { lambda };
        let floor = 0.5 * 1e-12f64.ln() - 1.0;
        assert_close(&product, 0.0, [2f64.ln() + 0.5, floor]);
        let sibling = AuxiliaryReward::SiblingAugmented {
            beta_sn: 2.0,
            beta_e: 0.25,
            beta_i: 0.5,
            intrinsic: IntrinsicConfig::default(),
        };
        let second = 2.0 * ((-0.25f64).exp() + 1e-6).ln();
        assert_close(&sibling, 0.0, [2.0 * (0.125f64.exp() + 0.5).ln(), second]);
        let novelty = AuxiliaryReward::Novelty {
            beta: 2.0,
            intrinsic: IntrinsicConfig::default(),
        };
        assert_close(&novelty, 0.0, [2.0 * 0.25f64.ln(), 2.0 * 1e-12f64.ln()]);
        assert_close(&AuxiliaryReward::Unguided {}, 0.0, [0.5, -1.0]);
    }

    #[test]
    fn the_scale_is_the_ratio_of_decayed_means() {
        let mut scale = RewardScale::default();
        assert_eq!(scale.log_ratio(), 0.0);
        fn view<'a>(log_reward: &'a [f64], losses: &'a [f64]) -> MainView<'a> {
            MainView {
                log_reward,
                losses,
                residuals: &[],
                novelty: &[],
            }
        }
        // R 1 and 3, ℓ 8 and 0: means 2 and 4.
        scale.update(&view(&[0.0, 3f64.ln()], &[8.0, 0.0]), 0.75);
        assert!((scale.log_ratio() - 0.5f64.ln()).abs() < 1e-9);
        // R 6, ℓ 0.4: means 0.75·2 + 0.25·6 = 3 and 0.75·4 + 0.1 = 3.1.
        scale.update(&view(&[6f64.ln()], &[0.4]), 0.75);
        assert!((scale.log_ratio() - (3.0f64 / 3.1).ln()).abs() < 1e-9);
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let text = |reward: AuxiliaryReward| reward.validate().unwrap_err().to_string();
        let lambda = Schedule::constant(-0.1);
        let guided = AuxiliaryReward::LossGuided {
            lambda,
            scale_decay: None,
        };
        assert!(
            text(guided).contains("lambda")
                && text(AuxiliaryReward::Multiplicative { lambda }).contains("-0.1")
        );
        let decay = AuxiliaryReward::LossGuided {
            lambda: Schedule::constant(1.0),
            scale_decay: Some(1.0),
        };
        assert!(text(decay).contains("scale_decay = 1 must be in [0, 1)"));
        let teacher = |c, alpha, epsilon| AuxiliaryReward::AdaptiveTeacher { c, alpha, epsilon };
        assert!(text(teacher(-1.0, 0.0, 1.0)).contains("c = -1"));
        assert!(text(teacher(0.0, f64::NAN, 1.0)).contains("alpha"));
        assert!(text(teacher(0.0, 0.0, 0.0)).contains("epsilon = 0 must be positive"));
        let intrinsic = IntrinsicConfig::StateCounts {
            of: crate::NoveltyOf::States,
            scale: 0.0,
        };
        let novelty = AuxiliaryReward::Novelty {
            beta: 1.0,
            intrinsic,
        };
        assert!(text(novelty).contains("scale = 0"));
    }
}
