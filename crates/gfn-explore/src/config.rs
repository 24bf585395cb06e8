//! Behaviours as data: what an experiment file says.

use crate::{EpsilonUniform, Schedule, ScheduleError, Tempered};
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
    /// If a schedule leaves its range.
    pub fn build(&self) -> Result<Box<dyn Behaviour>, ScheduleError> {
        Ok(match *self {
            Self::OnPolicy {} => Box::new(OnPolicy),
            Self::EpsilonUniform {
                epsilon,
                temperature: None,
            } => Box::new(EpsilonUniform::new(OnPolicy, epsilon)?),
            Self::EpsilonUniform {
                epsilon,
                temperature: Some(temperature),
            } => Box::new(EpsilonUniform::new(Tempered::new(temperature)?, epsilon)?),
            Self::Tempered { temperature } => Box::new(Tempered::new(temperature)?),
        })
    }
}
