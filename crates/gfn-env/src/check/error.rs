//! What a conformance check finds: [`CheckError`].

use crate::EnvironmentError;

/// What an environment gets wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A mask allows an action that the step refuses.
    #[error(
        "the mask of {state} allows {direction} action {action}, but the step refuses it: {source}"
    )]
    Refused {
        /// `"forward"` or `"backward"`.
        direction: &'static str,
        /// `Debug` form of the state.
        state: String,
        /// The action.
        action: u32,
        /// What the environment says.
        source: EnvironmentError,
    },
    /// A step accepts an action that the mask forbids, or that is out of range.
    #[error("the mask of {state} forbids {direction} action {action}, but the step accepts it")]
    Accepted {
        /// `"forward"` or `"backward"`.
        direction: &'static str,
        /// `Debug` form of the state.
        state: String,
        /// The action.
        action: u32,
    },
    /// A refused step changes the state.
    #[error("the refused {direction} action {action} changes state {state} to {changed}")]
    ChangedOnError {
        /// `"forward"` or `"backward"`.
        direction: &'static str,
        /// `Debug` form of the state before.
        state: String,
        /// The action.
        action: u32,
        /// `Debug` form of the state after.
        changed: String,
    },
    /// A step answers with an action index that is out of range.
    #[error(
        "{direction} action {action} of {state} answers with action {answer}, but there are {n}"
    )]
    OutOfRange {
        /// `"forward"` or `"backward"`.
        direction: &'static str,
        /// `Debug` form of the state.
        state: String,
        /// The action.
        action: u32,
        /// The answer.
        answer: u32,
        /// Number of actions the answer may be.
        n: usize,
    },
    /// A step there and back does not end where it began, or along the same edge.
    #[error(
        "{direction} action {action} of {state} and back along {answer} gives {back} and action {back_action}"
    )]
    NotInverse {
        /// Direction of the first step.
        direction: &'static str,
        /// `Debug` form of the state.
        state: String,
        /// Action of the first step.
        action: u32,
        /// Action of the step back.
        answer: u32,
        /// `Debug` form of the state after both.
        back: String,
        /// Action that the step back answers with.
        back_action: u32,
    },
    /// A number of allowed actions that the kind of state does not have.
    #[error("{state} has {n_allowed} allowed {direction} actions, but {rule}")]
    Mask {
        /// `"forward"` or `"backward"`.
        direction: &'static str,
        /// `Debug` form of the state.
        state: String,
        /// How many are allowed.
        n_allowed: usize,
        /// What holds for such a state.
        rule: &'static str,
    },
    /// A walk longer than `max_len`.
    #[error("a {direction} walk of more than `max_len` = {max_len} edges reaches {state}")]
    TooLong {
        /// `"forward"` or `"backward"`.
        direction: &'static str,
        /// `Debug` form of the state reached.
        state: String,
        /// The promise.
        max_len: usize,
    },
    /// A feature index beyond `n_features`.
    #[error("the encoding of {state} has feature {index}, but there are {n_features}")]
    Feature {
        /// `Debug` form of the state.
        state: String,
        /// The index.
        index: usize,
        /// The promise.
        n_features: usize,
    },
    /// Two states with one encoding.
    #[error("{state} and {other} have the same encoding")]
    SameEncoding {
        /// `Debug` form of a state.
        state: String,
        /// `Debug` form of the other.
        other: String,
    },
    /// `terminal(i)` is not terminal.
    #[error("`terminal({index})` = {state} is not terminal")]
    NotTerminal {
        /// The index.
        index: usize,
        /// `Debug` form of the state.
        state: String,
    },
    /// `index_of` answers something else than it should.
    #[error("`index_of({state})` is {found:?}, but {expected:?} is right")]
    Index {
        /// `Debug` form of the state.
        state: String,
        /// What it answers.
        found: Option<usize>,
        /// What it should answer; `None` for a state that is not terminal.
        expected: Option<usize>,
    },
}
