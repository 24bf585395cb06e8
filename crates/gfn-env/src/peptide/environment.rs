//! Dynamics of peptides.

use super::PeptideState;
use super::state::{AMINO_ACID_CODES, AMINO_ACIDS, MOST_LETTERS};
use crate::{Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow};

/// Letters of the longest standard chain.
const STANDARD_LENGTH: usize = 30;

/// Chains of amino acids; see the [module](crate::peptide) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{Action, Environment as _, Peptide};
///
/// let env = Peptide::new(2, 3, "AKL")?;
/// let mut state = env.source();
/// for action in [1, 2] {
///     env.step(&mut state, Action(action))?;
/// }
/// env.step(&mut state, env.stop())?;
/// assert_eq!(env.describe(&state), "KL");
/// assert_eq!(state, env.chain("KL")?);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peptide {
    min_length: usize,
    max_length: usize,
    /// One-letter codes in the order of actions, `n_letters` of them.
    letters: [u8; AMINO_ACID_CODES.len()],
    n_letters: usize,
}

impl Peptide {
    /// The 20 amino acids by their one-letter codes, in alphabetical order.
    pub const AMINO_ACIDS: &str = AMINO_ACIDS;

    /// Chains of `min_length` to `max_length` letters of `alphabet`, one-letter codes in the order of actions.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `1 <= min_length <= max_length <= 60` and `alphabet` has 2 to 20
    /// different letters of `ACDEFGHIKLMNPQRSTVWY`.
    pub fn new(
        min_length: usize,
        max_length: usize,
        alphabet: &str,
    ) -> Result<Self, EnvironmentError> {
        if !(1..=MOST_LETTERS).contains(&max_length) {
            return Err(EnvironmentError::invalid_parameter(
                "max_length",
                &max_length,
                "it must be between 1 and 60",
            ));
        }
        if !(1..=max_length).contains(&min_length) {
            return Err(EnvironmentError::invalid_parameter(
                "min_length",
                &min_length,
                "it must be at least 1 and at most `max_length`",
            ));
        }
        let mut letters = [0; AMINO_ACID_CODES.len()];
        let mut n_letters = 0;
        for c in alphabet.chars() {
            let code = u8::try_from(c)
                .ok()
                .filter(|code| AMINO_ACID_CODES.contains(code))
                .filter(|code| !letters[..n_letters].contains(code));
            let Some(code) = code else {
                return Err(EnvironmentError::invalid_parameter(
                    "alphabet",
                    &alphabet,
                    "its letters must be different ones of ACDEFGHIKLMNPQRSTVWY",
                ));
            };
            letters[n_letters] = code;
            n_letters += 1;
        }
        if n_letters < 2 {
            return Err(EnvironmentError::invalid_parameter(
                "alphabet",
                &alphabet,
                "it must have at least two letters",
            ));
        }
        Ok(Self {
            min_length,
            max_length,
            letters,
            n_letters,
        })
    }

    /// Chains of 10 to 30 of all 20 amino acids.
    pub const fn standard() -> Self {
        Self {
            min_length: 10,
            max_length: STANDARD_LENGTH,
            letters: AMINO_ACID_CODES,
            n_letters: AMINO_ACID_CODES.len(),
        }
    }

    /// Letters of the shortest object.
    pub fn min_length(&self) -> usize {
        self.min_length
    }

    /// Letters of the longest object.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// One-letter codes in the order of actions, in ASCII.
    pub fn alphabet(&self) -> &[u8] {
        &self.letters[..self.n_letters]
    }

    /// The stop action, the last.
    pub fn stop(&self) -> Action {
        Action(self.n_letters as u32)
    }

    /// The stopped chain of these letters, an object.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for a chain that is too short or too long, or has letters outside the alphabet.
    pub fn chain(&self, text: &str) -> Result<PeptideState, EnvironmentError> {
        let mut state = self.source();
        let letters = text.bytes().map(|letter| {
            let number = self.number(letter).unwrap_or(self.n_letters + 1);
            Action(number as u32)
        });
        for action in letters.chain([self.stop()]) {
            self.step(&mut state, action).map_err(|_refused| {
                EnvironmentError::invalid_parameter(
                    "chain",
                    &text,
                    "it must have `min_length` to `max_length` letters of the alphabet",
                )
            })?;
        }
        Ok(state)
    }

    /// Number of a letter in the alphabet.
    fn number(&self, letter: u8) -> Option<usize> {
        self.alphabet().iter().position(|code| *code == letter)
    }

    /// Number of chains of `length` letters, where a `usize` holds it.
    fn n_chains(&self, length: usize) -> Option<usize> {
        self.n_letters.checked_pow(length as u32)
    }
}

impl Environment for Peptide {
    type State = PeptideState;

    fn source(&self) -> PeptideState {
        PeptideState::empty()
    }

    fn n_actions(&self) -> usize {
        self.n_letters + 1
    }

    fn n_backward_actions(&self) -> usize {
        1
    }

    fn max_len(&self) -> usize {
        self.max_length + 1
    }

    fn n_features(&self) -> usize {
        self.max_length * self.n_letters
    }

    fn is_terminal(&self, state: &PeptideState) -> bool {
        state.is_stopped()
    }

    fn forward_mask(&self, state: &PeptideState, allowed: &mut [bool]) {
        let (letters, stop) = allowed.split_at_mut(self.n_letters);
        letters.fill(!state.is_stopped() && state.length() < self.max_length);
        stop[0] = !state.is_stopped() && state.length() >= self.min_length;
    }

    fn backward_mask(&self, state: &PeptideState, allowed: &mut [bool]) {
        allowed[0] = state.length() > 0;
    }

    fn step(
        &self,
        state: &mut PeptideState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        let letter = self.alphabet().get(action.index());
        match letter {
            Some(letter) if !state.is_stopped() && state.length() < self.max_length => {
                state.push(*letter);
            }
            None if action == self.stop()
                && !state.is_stopped()
                && state.length() >= self.min_length =>
            {
                state.set_stopped(true);
            }
            _ => return Err(EnvironmentError::invalid_action(action, state)),
        }
        Ok(BackwardAction(0))
    }

    fn step_back(
        &self,
        state: &mut PeptideState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        let undone = if action.0 != 0 {
            None
        } else if state.is_stopped() {
            state.set_stopped(false);
            Some(self.n_letters)
        } else {
            let number = state.letters().last().and_then(|last| self.number(*last));
            number.inspect(|_number| state.pop())
        };
        undone
            .map(|number| Action(number as u32))
            .ok_or_else(|| EnvironmentError::invalid_backward_action(action, state))
    }

    fn encode(&self, state: &PeptideState, row: &mut FeatureRow<'_>) {
        for (i, letter) in state.letters().iter().enumerate() {
            if let Some(number) = self.number(*letter) {
                row.one(self.n_letters * i + number);
            }
        }
    }

    /// The letters, without a mark for the stop.
    fn describe(&self, state: &PeptideState) -> String {
        state.letters().iter().copied().map(char::from).collect()
    }
}

impl Enumerable for Peptide {
    /// `Σ_n k^n` over the lengths; `usize::MAX` where a `usize` cannot hold it, and then
    /// [`index_of`](Enumerable::index_of) is always `None`.
    fn n_terminal(&self) -> usize {
        let mut lengths = self.min_length..=self.max_length;
        lengths
            .try_fold(0usize, |n, length| n.checked_add(self.n_chains(length)?))
            .unwrap_or(usize::MAX)
    }

    fn terminal(&self, index: usize) -> PeptideState {
        assert!(index < self.n_terminal(), "terminal state {index}");
        let (mut length, mut rest) = (self.min_length, index);
        while let Some(n) = self.n_chains(length).filter(|n| rest >= *n) {
            rest -= n;
            length += 1;
        }
        let mut digits = [0; MOST_LETTERS];
        for digit in digits[..length].iter_mut().rev() {
            *digit = rest % self.n_letters;
            rest /= self.n_letters;
        }
        let mut state = self.source();
        for digit in &digits[..length] {
            state.push(self.letters[*digit]);
        }
        state.set_stopped(true);
        state
    }

    fn index_of(&self, state: &PeptideState) -> Option<usize> {
        if !state.is_stopped() || self.n_terminal() == usize::MAX {
            return None;
        }
        let shorter: usize = (self.min_length..state.length())
            .filter_map(|length| self.n_chains(length))
            .sum();
        let letters = state.letters().iter();
        letters
            .map(|letter| self.number(*letter))
            .try_fold(0, |index, number| Some(index * self.n_letters + number?))
            .map(|index| shorter + index)
    }
}
