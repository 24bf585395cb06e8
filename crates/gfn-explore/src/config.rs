//! Behaviours as data: what an experiment file says.

use crate::{
    Assignment, EpsilonUniform, Mixture, NoisePeriod, NoisyLayers, RangeError, Schedule,
    ScheduleError, Tempered,
};
use gfn_policy::{Behaviour, OnPolicy};

/// A behaviour policy by name.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum BehaviourConfig {
    /// The policy itself.
    OnPolicy {},
    /// [`EpsilonUniform`] over the policy, or over the tempered policy where `temperature` is given.
    EpsilonUniform {
        /// Share of uniform actions.
        epsilon: Schedule,
        /// Temperature of the rest.
        #[cfg_attr(
            feature = "serde",
            serde(default, skip_serializing_if = "Option::is_none")
        )]
        temperature: Option<Schedule>,
    },
    /// [`Tempered`] policy.
    Tempered {
        /// Temperature.
        temperature: Schedule,
    },
    /// [`NoisyLayers`].
    NoisyLayers {
        /// Scale of the noise.
        sigma: Schedule,
        /// How long it stays the same.
        #[cfg_attr(feature = "serde", serde(default))]
        per: NoisePeriod,
    },
    /// [`Mixture`].
    Mixture {
        /// The behaviours and their shares of the batch.
        parts: Vec<WeightedBehaviour>,
        /// Which lanes are whose.
        #[cfg_attr(feature = "serde", serde(default))]
        assignment: Assignment,
    },
}

/// A behaviour and its share of the batch.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct WeightedBehaviour {
    /// Share, in (0, 1].
    pub weight: f64,
    /// The behaviour.
    pub behaviour: BehaviourConfig,
}

/// A behaviour that is not usable.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BehaviourError {
    /// A schedule leaves its range.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A number is out of range.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl Default for BehaviourConfig {
    fn default() -> Self {
        Self::OnPolicy {}
    }
}

impl BehaviourConfig {
    /// The behaviour that the configuration describes.
    ///
    /// # Errors
    ///
    /// If a schedule leaves its range, or weights do not sum to 1.
    pub fn build(&self) -> Result<Box<dyn Behaviour>, BehaviourError> {
        Ok(match self {
            Self::OnPolicy {} => Box::new(OnPolicy),
            Self::EpsilonUniform {
                epsilon,
                temperature: None,
            } => Box::new(EpsilonUniform::new(OnPolicy, *epsilon)?),
            Self::EpsilonUniform {
                epsilon,
                temperature: Some(temperature),
            } => Box::new(EpsilonUniform::new(Tempered::new(*temperature)?, *epsilon)?),
            Self::Tempered { temperature } => Box::new(Tempered::new(*temperature)?),
            Self::NoisyLayers { sigma, per } => Box::new(NoisyLayers::new(*sigma, *per)?),
            Self::Mixture { parts, assignment } => {
                let parts = parts
                    .iter()
                    .map(|part| Ok((part.weight, part.behaviour.build()?)))
                    .collect::<Result<_, BehaviourError>>()?;
                Box::new(Mixture::new(parts, *assignment)?)
            }
        })
    }

    /// Whether it, or a part of it, needs a policy with a hidden layer.
    pub fn needs_hidden_layer(&self) -> bool {
        match self {
            Self::NoisyLayers { .. } => true,
            Self::Mixture { parts, .. } => parts.iter().any(|p| p.behaviour.needs_hidden_layer()),
            Self::OnPolicy {} | Self::EpsilonUniform { .. } | Self::Tempered { .. } => false,
        }
    }
}
