//! A toy in which several actions lead to one child; tests of other crates include this file.

use gfn_env::{Action, BackwardAction, Environment, EnvironmentError, FeatureRow};

/// Strings of at most three letters, made by putting a letter at either end: a letter put to the empty string, or beside
/// letters that all equal it, gives the same child from both ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EitherEnd;

impl Environment for EitherEnd {
    type State = String;

    fn source(&self) -> String {
        String::new()
    }
    fn n_actions(&self) -> usize {
        4 // a or b in front, a or b behind
    }
    fn n_backward_actions(&self) -> usize {
        2
    }
    fn max_len(&self) -> usize {
        3
    }
    fn n_features(&self) -> usize {
        9
    }
    fn is_terminal(&self, state: &String) -> bool {
        state.len() == 3
    }
    fn forward_mask(&self, state: &String, allowed: &mut [bool]) {
        allowed.fill(!self.is_terminal(state));
    }
    fn backward_mask(&self, state: &String, allowed: &mut [bool]) {
        allowed.fill(!state.is_empty());
    }
    fn step(&self, state: &mut String, action: Action) -> Result<BackwardAction, EnvironmentError> {
        if self.is_terminal(state) || action.0 > 3 {
            return Err(EnvironmentError::invalid_action(action, state));
        }
        let letter = ['a', 'b'][action.index() % 2];
        let place = if action.0 < 2 { 0 } else { state.len() };
        state.insert(place, letter);
        Ok(BackwardAction(u32::from(action.0 >= 2)))
    }
    fn step_back(
        &self,
        state: &mut String,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        if state.is_empty() || action.0 > 1 {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        let place = if action.0 == 0 { 0 } else { state.len() - 1 };
        let letter = state.remove(place);
        Ok(Action(2 * action.0 + u32::from(letter == 'b')))
    }
    fn encode(&self, state: &String, row: &mut FeatureRow<'_>) {
        for i in 0..3 {
            let letter = state
                .as_bytes()
                .get(i)
                .map_or(2, |l| usize::from(*l - b'a'));
            row.one(3 * i + letter);
        }
    }
}
