//! Dynamics of parentheses.

use std::fmt;

use crate::{Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow};

/// Longest string: its parentheses are the bits of a word.
const MAX_LENGTH: usize = 64;
/// Longest word: there are `2^k` of them in the action space.
const MAX_WORD_BITS: usize = 8;
/// Ends the text of a string that has exited.
const END: char = '.';

/// Strings of parentheses; see the [module](crate::parentheses) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{Environment as _, Parentheses};
///
/// let env = Parentheses::new(4, 1)?;
/// let state = env.string("(())")?;
/// assert!(state.is_balanced() && env.is_terminal(&state));
/// assert_eq!(env.describe(&state), "(())");
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parentheses {
    length: usize,
    word_bits: usize,
}

/// A string of at most 64 parentheses, exited or not.
///
/// With the feature `serde` it is the text that [`Display`](fmt::Display) gives: the parentheses, and a full stop where the
/// walk has exited.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct ParenthesesState {
    length: u8,
    /// The string as a binary number whose lowest bit is the last parenthesis; 1 closes.
    bits: u64,
    exited: bool,
}

impl ParenthesesState {
    /// Number of parentheses.
    pub fn length(&self) -> usize {
        usize::from(self.length)
    }

    /// The string as a binary number whose lowest bit is the last parenthesis; 1 closes.
    pub fn bits(&self) -> u64 {
        self.bits
    }

    /// Whether the walk has exited here.
    pub fn has_exited(&self) -> bool {
        self.exited
    }

    /// Whether each parenthesis has its partner. The empty string is balanced.
    pub fn is_balanced(&self) -> bool {
        let mut open = 0u8;
        for i in 0..self.length() {
            match (self.closes(i), open.checked_sub(1)) {
                (false, _) => open += 1,
                (true, Some(fewer)) => open = fewer,
                (true, None) => return false,
            }
        }
        open == 0
    }

    /// Whether parenthesis `i` closes.
    pub fn closes(&self, i: usize) -> bool {
        i < self.length() && self.bits >> (self.length() - 1 - i) & 1 == 1
    }
}

impl fmt::Display for ParenthesesState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for i in 0..self.length() {
            f.write_str(if self.closes(i) { ")" } else { "(" })?;
        }
        if self.exited {
            write!(f, "{END}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ParenthesesState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl TryFrom<String> for ParenthesesState {
    type Error = EnvironmentError;

    fn try_from(text: String) -> Result<Self, EnvironmentError> {
        let (string, exited) = match text.strip_suffix(END) {
            Some(string) => (string, true),
            None => (text.as_str(), false),
        };
        let bad = || {
            EnvironmentError::invalid_parameter(
                "parentheses",
                &text,
                "it must have at most 64 parentheses, then a full stop where the walk has exited",
            )
        };
        if string.len() > MAX_LENGTH {
            return Err(bad());
        }
        let mut bits = 0;
        for c in string.chars() {
            bits = bits << 1
                | match c {
                    '(' => 0,
                    ')' => 1,
                    _ => return Err(bad()),
                };
        }
        Ok(Self {
            length: string.len() as u8,
            bits,
            exited,
        })
    }
}

impl From<ParenthesesState> for String {
    fn from(state: ParenthesesState) -> Self {
        state.to_string()
    }
}

impl Parentheses {
    /// Strings of at most `length` parentheses in words of `word_bits`.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `1 <= length <= 64`, `1 <= word_bits <= 8` and `word_bits` divides
    /// `length`.
    pub fn new(length: usize, word_bits: usize) -> Result<Self, EnvironmentError> {
        if !(1..=MAX_LENGTH).contains(&length) {
            return Err(EnvironmentError::invalid_parameter(
                "length",
                &length,
                "it must be between 1 and 64",
            ));
        }
        if !(1..=MAX_WORD_BITS).contains(&word_bits) || !length.is_multiple_of(word_bits) {
            return Err(EnvironmentError::invalid_parameter(
                "word_bits",
                &word_bits,
                "it must be between 1 and 8 and divide the length",
            ));
        }
        Ok(Self { length, word_bits })
    }

    /// `L`, the length of the longest string.
    pub fn length(&self) -> usize {
        self.length
    }

    /// `k`, the number of parentheses that an action appends.
    pub fn word_bits(&self) -> usize {
        self.word_bits
    }

    /// The exit action, the last one.
    pub fn exit(&self) -> Action {
        Action(1 << self.word_bits)
    }

    /// The exited string of these parentheses, an object.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for other characters, more than `L` of them, or no whole words.
    pub fn string(&self, text: &str) -> Result<ParenthesesState, EnvironmentError> {
        let state = ParenthesesState::try_from(text.to_owned())?;
        if state.exited
            || state.length() > self.length
            || !state.length().is_multiple_of(self.word_bits)
        {
            return Err(EnvironmentError::invalid_parameter(
                "string",
                &text,
                "it must have whole words of parentheses, no more than the length",
            ));
        }
        Ok(ParenthesesState {
            exited: true,
            ..state
        })
    }

    /// Number of strings of `words` words, where a `usize` holds it.
    fn n_strings(&self, words: usize) -> Option<usize> {
        let bits = u32::try_from(words * self.word_bits).ok()?;
        1usize.checked_shl(bits)
    }
}

impl Environment for Parentheses {
    type State = ParenthesesState;

    fn source(&self) -> ParenthesesState {
        ParenthesesState {
            length: 0,
            bits: 0,
            exited: false,
        }
    }

    fn n_actions(&self) -> usize {
        self.exit().index() + 1
    }

    fn n_backward_actions(&self) -> usize {
        1
    }

    fn max_len(&self) -> usize {
        self.length / self.word_bits + 1
    }

    fn n_features(&self) -> usize {
        (self.length / self.word_bits) << self.word_bits
    }

    fn is_terminal(&self, state: &ParenthesesState) -> bool {
        state.exited
    }

    fn forward_mask(&self, state: &ParenthesesState, allowed: &mut [bool]) {
        allowed.fill(!state.exited && state.length() < self.length);
        allowed[self.exit().index()] = !state.exited;
    }

    fn backward_mask(&self, state: &ParenthesesState, allowed: &mut [bool]) {
        allowed[0] = state.exited || state.length > 0;
    }

    fn step(
        &self,
        state: &mut ParenthesesState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        if state.exited || action > self.exit() {
            return Err(EnvironmentError::invalid_action(action, state));
        }
        if action == self.exit() {
            state.exited = true;
        } else if state.length() < self.length {
            state.bits = state.bits << self.word_bits | u64::from(action.0);
            state.length += self.word_bits as u8;
        } else {
            return Err(EnvironmentError::invalid_action(action, state));
        }
        Ok(BackwardAction(0))
    }

    fn step_back(
        &self,
        state: &mut ParenthesesState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        if action.0 != 0 || !state.exited && state.length == 0 {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        if state.exited {
            state.exited = false;
            return Ok(self.exit());
        }
        let word = state.bits & ((1 << self.word_bits) - 1);
        state.bits >>= self.word_bits;
        state.length -= self.word_bits as u8;
        Ok(Action(word as u32))
    }

    fn encode(&self, state: &ParenthesesState, row: &mut FeatureRow<'_>) {
        let n_words = state.length() / self.word_bits;
        for j in 0..n_words {
            let shift = (n_words - 1 - j) * self.word_bits;
            let word = (state.bits >> shift) as usize & ((1 << self.word_bits) - 1);
            row.one(j << self.word_bits | word);
        }
    }

    /// The parentheses, without a mark for the exit.
    fn describe(&self, state: &ParenthesesState) -> String {
        let mut text = state.to_string();
        if state.exited {
            text.pop();
        }
        text
    }
}

impl Enumerable for Parentheses {
    /// `Σ_j 2^{jk}`; `usize::MAX` where a `usize` cannot hold it, and then [`index_of`](Enumerable::index_of) is always
    /// `None`.
    fn n_terminal(&self) -> usize {
        (0..=self.length / self.word_bits)
            .try_fold(0usize, |n, words| n.checked_add(self.n_strings(words)?))
            .unwrap_or(usize::MAX)
    }

    fn terminal(&self, index: usize) -> ParenthesesState {
        assert!(index < self.n_terminal(), "terminal state {index}");
        let (mut words, mut rest) = (0, index);
        while let Some(n) = self.n_strings(words).filter(|n| rest >= *n) {
            rest -= n;
            words += 1;
        }
        ParenthesesState {
            length: (words * self.word_bits) as u8,
            bits: rest as u64,
            exited: true,
        }
    }

    fn index_of(&self, state: &ParenthesesState) -> Option<usize> {
        if !state.exited || self.n_terminal() == usize::MAX {
            return None;
        }
        let words = state.length() / self.word_bits;
        let shorter: usize = (0..words).filter_map(|j| self.n_strings(j)).sum();
        Some(shorter + usize::try_from(state.bits).ok()?)
    }
}
