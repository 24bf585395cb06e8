//! Broken environments fail the conformance checks, each for its own reason.

use gfn_env::{
    Action, BackwardAction, CheckError, Enumerable, Environment, EnvironmentError, FeatureRow,
    Hypergrid, HypergridState, Streams, check_enumerable, check_environment,
};

/// What is broken in an otherwise correct 3 by 3 grid.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    MaskAllowsWhatStepRefuses,
    MaskForbidsWhatStepAccepts,
    MaskLeavesEntriesUnwritten,
    BackwardMaskAllowsAtSource,
    BackwardMaskForbids,
    NothingAllowed,
    TerminalAllows,
    StepAnswersOtherEdge,
    StepAnswersOutOfRange,
    StepChangesOnError,
    StepBackGoesElsewhere,
    StepBackAnswersOtherEdge,
    StepBackAcceptsTooMuch,
    TwoActionsOneEdge,
    LongerThanPromised,
    SameEncoding,
    FeatureOutOfRange,
    WrongIndex,
    IndexOfNonTerminal,
    NotTerminal,
}

struct Broken {
    grid: Hypergrid,
    fault: Fault,
}

impl Broken {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl Environment for Broken {
    type State = HypergridState;

    fn source(&self) -> HypergridState {
        self.grid.source()
    }
    fn n_actions(&self) -> usize {
        self.grid.n_actions() + usize::from(self.has(Fault::TwoActionsOneEdge))
    }
    fn n_backward_actions(&self) -> usize {
        self.grid.n_backward_actions()
    }
    fn max_len(&self) -> usize {
        self.grid.max_len() - usize::from(self.has(Fault::LongerThanPromised))
    }
    fn n_features(&self) -> usize {
        self.grid.n_features() - usize::from(self.has(Fault::FeatureOutOfRange))
    }
    fn is_terminal(&self, state: &HypergridState) -> bool {
        self.grid.is_terminal(state)
    }
    fn forward_mask(&self, state: &HypergridState, allowed: &mut [bool]) {
        if !self.has(Fault::MaskLeavesEntriesUnwritten) || !state.has_exited() {
            self.grid.forward_mask(state, allowed);
        }
        match self.fault {
            Fault::MaskAllowsWhatStepRefuses => allowed[0] = !state.has_exited(),
            Fault::MaskForbidsWhatStepAccepts => allowed[1] = false,
            Fault::NothingAllowed if state.coordinates() == [2, 2] => allowed.fill(false),
            Fault::TerminalAllows => allowed[2] = true,
            Fault::TwoActionsOneEdge => allowed[3] = allowed[0],
            _ => {}
        }
    }
    fn backward_mask(&self, state: &HypergridState, allowed: &mut [bool]) {
        self.grid.backward_mask(state, allowed);
        match self.fault {
            Fault::BackwardMaskAllowsAtSource => allowed[0] = true,
            Fault::BackwardMaskForbids => allowed[1] = false,
            _ => {}
        }
    }
    fn step(
        &self,
        state: &mut HypergridState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        let before = *state;
        let action = if self.has(Fault::TwoActionsOneEdge) && action.0 == 3 {
            Action(0)
        } else {
            action
        };
        match self.grid.step(state, action) {
            Err(error) => {
                if self.has(Fault::StepChangesOnError) && before.has_exited() {
                    *state = self.grid.source();
                }
                Err(error)
            }
            Ok(_) if self.has(Fault::StepAnswersOutOfRange) => Ok(BackwardAction(2)),
            Ok(b) if self.has(Fault::StepAnswersOtherEdge) && before.coordinates() == [1, 1] => {
                Ok(BackwardAction((b.0 + 1) % 2))
            }
            Ok(b) => Ok(b),
        }
    }
    fn step_back(
        &self,
        state: &mut HypergridState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        if self.has(Fault::StepBackAcceptsTooMuch) && action.0 == 1 && state.has_exited() {
            return self.grid.step_back(state, BackwardAction(0));
        }
        let answer = self.grid.step_back(state, action)?;
        match self.fault {
            Fault::StepBackGoesElsewhere if state.coordinates() == [1, 1] => {
                *state = self.grid.cell(&[0, 1])?;
                Ok(answer)
            }
            Fault::StepBackAnswersOtherEdge if state.coordinates() == [1, 1] => Ok(Action(2)),
            _ => Ok(answer),
        }
    }
    fn encode(&self, state: &HypergridState, row: &mut FeatureRow<'_>) {
        if self.has(Fault::SameEncoding) {
            row.one(usize::from(state.coordinates()[0]));
        } else {
            self.grid.encode(state, row);
        }
    }
}

impl Enumerable for Broken {
    fn n_terminal(&self) -> usize {
        self.grid.n_terminal()
    }
    fn terminal(&self, index: usize) -> HypergridState {
        if self.has(Fault::NotTerminal) && index == 4 {
            return self.grid.source();
        }
        self.grid.terminal(index)
    }
    fn index_of(&self, state: &HypergridState) -> Option<usize> {
        if self.has(Fault::IndexOfNonTerminal) && !state.has_exited() {
            return Some(0);
        }
        let index = self.grid.index_of(state)?;
        Some(if self.has(Fault::WrongIndex) && index == 5 {
            6
        } else {
            index
        })
    }
}

fn broken(fault: Fault) -> Broken {
    let grid = Hypergrid::new(2, 3).unwrap();
    Broken { grid, fault }
}

fn error(fault: Fault) -> CheckError {
    check_environment(&broken(fault), 200, Streams::new(3)).unwrap_err()
}

macro_rules! assert_error {
    ($fault:ident, $pattern:pat $(if $guard:expr)?) => {
        let error = error(Fault::$fault);
        assert!(
            matches!(error, $pattern $(if $guard)?),
            "{} gives {error:?}",
            stringify!($fault)
        );
    };
}

#[test]
fn masks_that_disagree_with_steps() {
    assert_error!(
        MaskAllowsWhatStepRefuses,
        CheckError::Refused {
            direction: "forward",
            action: 0,
            ..
        }
    );
    assert_error!(
        MaskForbidsWhatStepAccepts,
        CheckError::Accepted {
            direction: "forward",
            action: 1,
            ..
        }
    );
    assert_error!(
        BackwardMaskForbids,
        CheckError::Accepted {
            direction: "backward",
            action: 1,
            ..
        } | CheckError::Mask {
            direction: "backward",
            n_allowed: 0,
            ..
        }
    );
    assert_error!(
        StepBackAcceptsTooMuch,
        CheckError::Accepted {
            direction: "backward",
            action: 1,
            ..
        }
    );
    assert_error!(
        StepChangesOnError,
        CheckError::ChangedOnError {
            direction: "forward",
            ..
        }
    );
}

#[test]
fn masks_of_the_wrong_kind_of_state() {
    assert_error!(
        BackwardMaskAllowsAtSource,
        CheckError::Mask {
            direction: "backward",
            n_allowed: 1,
            ..
        }
    );
    assert_error!(
        NothingAllowed,
        CheckError::Mask {
            direction: "forward",
            n_allowed: 0,
            ..
        }
    );
    assert_error!(
        TerminalAllows,
        CheckError::Mask {
            direction: "forward",
            n_allowed: 1,
            ..
        }
    );
    // A terminal state whose mask writes nothing keeps what was there.
    assert_error!(
        MaskLeavesEntriesUnwritten,
        CheckError::Mask {
            direction: "forward",
            n_allowed: 3,
            ..
        }
    );
}

#[test]
fn steps_that_are_not_inverse() {
    assert_error!(StepAnswersOtherEdge, CheckError::NotInverse { .. });
    assert_error!(StepBackGoesElsewhere, CheckError::NotInverse { .. });
    assert_error!(StepBackAnswersOtherEdge, CheckError::NotInverse { .. });
    assert_error!(
        StepAnswersOutOfRange,
        CheckError::OutOfRange {
            answer: 2,
            n: 2,
            ..
        }
    );
}

#[test]
fn two_actions_for_one_edge() {
    // The way back can only be that of one of them.
    assert_error!(
        TwoActionsOneEdge,
        CheckError::NotInverse {
            action: 3,
            answer: 0,
            back_action: 0,
            ..
        }
    );
}

#[test]
fn lengths_and_encodings() {
    let error = check_enumerable(&broken(Fault::LongerThanPromised), Streams::new(3)).unwrap_err();
    assert!(matches!(
        error,
        CheckError::TooLong {
            direction: "backward",
            max_len: 4,
            ..
        }
    ));
    assert_error!(
        LongerThanPromised,
        CheckError::TooLong {
            direction: "forward",
            max_len: 4,
            ..
        }
    );
    assert_error!(SameEncoding, CheckError::SameEncoding { .. });
    assert_error!(
        FeatureOutOfRange,
        CheckError::Feature {
            index: 5,
            n_features: 5,
            ..
        }
    );
}

#[test]
fn enumerations() {
    let error = |fault| check_enumerable(&broken(fault), Streams::new(3)).unwrap_err();
    assert!(matches!(
        error(Fault::WrongIndex),
        CheckError::Index {
            found: Some(6),
            expected: Some(5),
            ..
        }
    ));
    assert!(matches!(
        error(Fault::IndexOfNonTerminal),
        CheckError::Index {
            found: Some(0),
            expected: None,
            ..
        }
    ));
    assert!(matches!(
        error(Fault::NotTerminal),
        CheckError::NotTerminal { index: 4, .. }
    ));
}

#[test]
fn messages_name_the_state_and_the_action() {
    let text = error(Fault::MaskAllowsWhatStepRefuses).to_string();
    assert!(
        text.starts_with("the mask of [2, ") && text.contains("allows forward action 0"),
        "{text}"
    );
}
