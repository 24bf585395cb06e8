//! Errors of environments and rewards. Each message says what is wrong and what to do.

use std::{error::Error, fmt::Debug};

use crate::{Action, BackwardAction};

/// What an environment refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// A forward action that does not exist at the state.
    #[error(
        "action {action} does not exist in state {state}; choose one that `forward_mask` allows"
    )]
    InvalidAction {
        /// Index of the action.
        action: u32,
        /// `Debug` form of the state.
        state: String,
    },
    /// A backward action that does not exist at the state.
    #[error(
        "backward action {action} does not exist in state {state}; choose one that `backward_mask` allows"
    )]
    InvalidBackwardAction {
        /// Index of the backward action.
        action: u32,
        /// `Debug` form of the state.
        state: String,
    },
    /// A constructor argument outside its range.
    #[error("`{name}` is {value}, but {requirement}")]
    InvalidParameter {
        /// Name of the parameter.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// What the value has to satisfy, as a clause: "it must be at least 2".
        requirement: &'static str,
    },
}

impl EnvironmentError {
    /// [`InvalidAction`](Self::InvalidAction) for `action` at `state`.
    pub fn invalid_action(action: Action, state: &impl Debug) -> Self {
        Self::InvalidAction {
            action: action.0,
            state: format!("{state:?}"),
        }
    }

    /// [`InvalidBackwardAction`](Self::InvalidBackwardAction) for `action` at `state`.
    pub fn invalid_backward_action(action: BackwardAction, state: &impl Debug) -> Self {
        Self::InvalidBackwardAction {
            action: action.0,
            state: format!("{state:?}"),
        }
    }

    /// [`InvalidParameter`](Self::InvalidParameter): `name` has the value `value`, but `requirement`.
    pub fn invalid_parameter(
        name: &'static str,
        value: &impl Debug,
        requirement: &'static str,
    ) -> Self {
        Self::InvalidParameter {
            name,
            value: format!("{value:?}"),
            requirement,
        }
    }
}

/// What is wrong with a reward.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewardError {
    /// The log-reward is not a number.
    #[error(
        "the log-reward of {state} is NaN; check the reward for 0/0, or for the logarithm of a negative number"
    )]
    NotANumber {
        /// `Debug` form of the terminal state.
        state: String,
    },
    /// The log-reward is `+inf`.
    #[error(
        "the log-reward of {state} is +inf; return the natural logarithm of a finite reward, computed in log space where the reward overflows"
    )]
    Infinite {
        /// `Debug` form of the terminal state.
        state: String,
    },
    /// The log-reward is `-inf`: the reward is zero.
    #[error(
        "the log-reward of {state} is -inf (a reward of zero); add a floor to the reward, or take the state out of the environment"
    )]
    Zero {
        /// `Debug` form of the terminal state.
        state: String,
    },
    /// The reward could not be computed.
    #[error("the reward could not be computed: {source}")]
    Failed {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}
