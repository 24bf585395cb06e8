//! Dynamics of TFBind8.

use std::fmt;

use super::table;
use crate::{Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow};

/// Letters in a complete word.
pub(super) const LENGTH: usize = 8;
/// Letters to choose from.
const N_LETTERS: u32 = 4;
const LETTERS: [char; 4] = ['A', 'C', 'G', 'T'];

/// DNA words of length 8; see the [module](crate::tfbind8) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{Action, Environment as _, TfBind8};
///
/// let env = TfBind8::new();
/// let mut state = env.source();
/// for letter in [0, 1, 2, 3] {
///     env.step(&mut state, Action(letter))?;
/// }
/// assert_eq!(env.describe(&state), "ACGT");
/// assert_eq!(state, env.word("ACGT")?);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TfBind8 {}

/// A word of at most eight letters.
///
/// With the feature `serde` it is its text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct TfBind8State {
    /// Two bits for each letter, the last letter lowest: the lexicographic number among words of this length.
    letters: u16,
    length: u8,
}

impl TfBind8State {
    /// Number of letters.
    pub fn length(&self) -> usize {
        usize::from(self.length)
    }

    /// Letter at position `i`: 0 to 3 for `ACGT`; `None` where the word is shorter.
    pub fn letter(&self, i: usize) -> Option<u8> {
        let from_the_right = self.length().checked_sub(i + 1)?;
        Some((self.letters >> (2 * from_the_right) & 3) as u8)
    }

    /// Lexicographic number of a complete word.
    pub(super) fn index(&self) -> Option<usize> {
        (self.length() == LENGTH).then_some(usize::from(self.letters))
    }
}

impl fmt::Display for TfBind8State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = (0..self.length()).filter_map(|i| self.letter(i));
        letters.try_for_each(|b| write!(f, "{}", LETTERS[usize::from(b)]))
    }
}

impl fmt::Debug for TfBind8State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl TryFrom<String> for TfBind8State {
    type Error = EnvironmentError;

    fn try_from(text: String) -> Result<Self, EnvironmentError> {
        TfBind8::new().word(&text)
    }
}

impl From<TfBind8State> for String {
    fn from(state: TfBind8State) -> Self {
        state.to_string()
    }
}

impl TfBind8 {
    /// The environment; it has no parameters.
    pub const fn new() -> Self {
        Self {}
    }

    /// The state of a word.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for more than eight letters, or others than `ACGT`.
    pub fn word(&self, text: &str) -> Result<TfBind8State, EnvironmentError> {
        let mut state = self.source();
        for c in text.chars() {
            let letter = LETTERS.iter().position(|l| *l == c);
            let action = Action(letter.map_or(N_LETTERS, |l| l as u32));
            self.step(&mut state, action).map_err(|_refused| {
                EnvironmentError::invalid_parameter(
                    "word",
                    &text,
                    "it must have at most 8 letters of ACGT",
                )
            })?;
        }
        Ok(state)
    }

    /// Binding activity `y ∈ [0, 1]` of a complete word; `None` for a shorter one.
    pub fn activity(&self, state: &TfBind8State) -> Option<f64> {
        state.index().map(|i| table::activities()[i])
    }

    /// Whether a complete word is a mode: one of the top 0.5 % by activity (328 words, `y >= 0.946934`).
    pub fn is_mode(&self, state: &TfBind8State) -> bool {
        self.activity(state)
            .is_some_and(|y| y >= table::mode_activity())
    }
}

impl Environment for TfBind8 {
    type State = TfBind8State;

    fn source(&self) -> TfBind8State {
        TfBind8State {
            letters: 0,
            length: 0,
        }
    }

    fn n_actions(&self) -> usize {
        N_LETTERS as usize
    }

    fn n_backward_actions(&self) -> usize {
        1
    }

    fn max_len(&self) -> usize {
        LENGTH
    }

    fn n_features(&self) -> usize {
        LENGTH * N_LETTERS as usize
    }

    fn is_terminal(&self, state: &TfBind8State) -> bool {
        state.length() == LENGTH
    }

    fn forward_mask(&self, state: &TfBind8State, allowed: &mut [bool]) {
        allowed.fill(!self.is_terminal(state));
    }

    fn backward_mask(&self, state: &TfBind8State, allowed: &mut [bool]) {
        allowed[0] = state.length > 0;
    }

    fn step(
        &self,
        state: &mut TfBind8State,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        if action.0 >= N_LETTERS || self.is_terminal(state) {
            return Err(EnvironmentError::invalid_action(action, state));
        }
        state.letters = state.letters << 2 | action.0 as u16;
        state.length += 1;
        Ok(BackwardAction(0))
    }

    fn step_back(
        &self,
        state: &mut TfBind8State,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        if action.0 != 0 || state.length == 0 {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        let last = state.letters & 3;
        state.letters >>= 2;
        state.length -= 1;
        Ok(Action(u32::from(last)))
    }

    fn encode(&self, state: &TfBind8State, row: &mut FeatureRow<'_>) {
        for i in 0..state.length() {
            if let Some(letter) = state.letter(i) {
                row.one(N_LETTERS as usize * i + usize::from(letter));
            }
        }
    }

    fn describe(&self, state: &TfBind8State) -> String {
        state.to_string()
    }
}

impl Enumerable for TfBind8 {
    fn n_terminal(&self) -> usize {
        table::N_WORDS
    }

    fn terminal(&self, index: usize) -> TfBind8State {
        assert!(index < table::N_WORDS, "terminal state {index}");
        TfBind8State {
            letters: index as u16,
            length: LENGTH as u8,
        }
    }

    fn index_of(&self, state: &TfBind8State) -> Option<usize> {
        state.index()
    }
}
