//! Dynamics of bags.

use std::fmt;

use crate::{Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow};

/// Largest alphabet: counts live inline in the state.
const MAX_LETTERS: usize = 16;
/// Largest multiset.
const MAX_SIZE: usize = 32;

/// Multisets of letters; see the [module](crate::bag) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{Action, Bag, Enumerable as _, Environment as _};
///
/// let env = Bag::new(7, 13)?;
/// assert_eq!(env.n_terminal(), 27_132);
/// let mut state = env.source();
/// for letter in [2, 0, 2] {
///     env.step(&mut state, Action(letter))?;
/// }
/// assert_eq!(env.describe(&state), "ACC");
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bag {
    n_letters: usize,
    size: usize,
}

/// How often each letter is in.
///
/// With the feature `serde` it is the text of its letters in the order of the alphabet, `A` for the first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct BagState {
    counts: [u8; MAX_LETTERS],
}

impl BagState {
    /// How often each letter is in, with zeros for letters that the environment has not, `[16]`.
    pub fn counts(&self) -> &[u8] {
        &self.counts
    }

    /// Number of letters.
    pub fn size(&self) -> usize {
        self.counts.iter().map(|c| usize::from(*c)).sum()
    }
}

impl fmt::Display for BagState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, count) in (b'A'..).zip(&self.counts) {
            for _ in 0..*count {
                write!(f, "{}", char::from(letter))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for BagState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl TryFrom<String> for BagState {
    type Error = EnvironmentError;

    fn try_from(text: String) -> Result<Self, EnvironmentError> {
        let letters = text.as_bytes();
        let known = letters
            .iter()
            .all(|b| (b'A'..b'A' + MAX_LETTERS as u8).contains(b));
        if letters.len() > MAX_SIZE || !known || !letters.is_sorted() {
            return Err(EnvironmentError::invalid_parameter(
                "bag",
                &text,
                "it must have at most 32 letters of A to P in the order of the alphabet",
            ));
        }
        let mut counts = [0; MAX_LETTERS];
        for letter in letters {
            counts[usize::from(letter - b'A')] += 1;
        }
        Ok(Self { counts })
    }
}

impl From<BagState> for String {
    fn from(state: BagState) -> Self {
        state.to_string()
    }
}

impl Bag {
    /// Multisets of `size` of `n_letters` letters.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `1 <= n_letters <= 16` and `1 <= size <= 32`.
    pub fn new(n_letters: usize, size: usize) -> Result<Self, EnvironmentError> {
        if !(1..=MAX_LETTERS).contains(&n_letters) {
            return Err(EnvironmentError::invalid_parameter(
                "n_letters",
                &n_letters,
                "it must be between 1 and 16",
            ));
        }
        if !(1..=MAX_SIZE).contains(&size) {
            return Err(EnvironmentError::invalid_parameter(
                "size",
                &size,
                "it must be between 1 and 32",
            ));
        }
        Ok(Self { n_letters, size })
    }

    /// Multisets of 13 of the seven letters A to G.
    pub const fn published() -> Self {
        Self {
            n_letters: 7,
            size: 13,
        }
    }

    /// `D`, the number of letters to choose from.
    pub fn n_letters(&self) -> usize {
        self.n_letters
    }

    /// `n`, the number of letters of an object.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The multiset of some letters, `A` for the first, in the order of the alphabet.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for more letters than an object has, or others.
    pub fn bag(&self, letters: &str) -> Result<BagState, EnvironmentError> {
        let state = BagState::try_from(letters.to_owned())?;
        if state.size() > self.size || state.counts[self.n_letters..].iter().any(|c| *c > 0) {
            return Err(EnvironmentError::invalid_parameter(
                "letters",
                &letters,
                "there must be no more than the size, of those of the environment",
            ));
        }
        Ok(state)
    }

    /// Number of the multiset of these counts among the objects.
    pub(super) fn rank(&self, counts: &[u8]) -> usize {
        let mut left = self.size;
        let mut number = 0;
        for (later, count) in (0..self.n_letters).rev().zip(counts) {
            let count = usize::from(*count);
            number += (left + 1 - count..=left)
                .map(|rest| n_multisets(later, rest))
                .sum::<usize>();
            left -= count;
        }
        number
    }
}

/// Number of multisets of `size` of `n` letters, `C(n + size − 1, size)`.
fn n_multisets(n: usize, size: usize) -> usize {
    if n == 0 {
        return usize::from(size == 0);
    }
    // C(n − 1 + i, i) is a whole number for each i, below 2^40 within the limits.
    (1..=size).fold(1, |c, i| c * (n - 1 + i) / i)
}

impl Environment for Bag {
    type State = BagState;

    fn source(&self) -> BagState {
        BagState {
            counts: [0; MAX_LETTERS],
        }
    }

    fn n_actions(&self) -> usize {
        self.n_letters
    }

    fn n_backward_actions(&self) -> usize {
        self.n_letters
    }

    fn max_len(&self) -> usize {
        self.size
    }

    fn n_features(&self) -> usize {
        self.n_letters * self.size
    }

    fn is_terminal(&self, state: &BagState) -> bool {
        state.size() >= self.size
    }

    fn forward_mask(&self, state: &BagState, allowed: &mut [bool]) {
        allowed.fill(!self.is_terminal(state));
    }

    fn backward_mask(&self, state: &BagState, allowed: &mut [bool]) {
        for (a, count) in allowed.iter_mut().zip(&state.counts) {
            *a = *count > 0;
        }
    }

    fn step(
        &self,
        state: &mut BagState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        if action.index() >= self.n_letters || self.is_terminal(state) {
            return Err(EnvironmentError::invalid_action(action, state));
        }
        state.counts[action.index()] += 1;
        Ok(BackwardAction(action.0))
    }

    fn step_back(
        &self,
        state: &mut BagState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        let letters = 0..self.n_letters;
        if !letters.contains(&action.index()) || state.counts[action.index()] == 0 {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        state.counts[action.index()] -= 1;
        Ok(Action(action.0))
    }

    fn encode(&self, state: &BagState, row: &mut FeatureRow<'_>) {
        for (b, count) in state.counts.iter().enumerate().filter(|(_, c)| **c > 0) {
            row.one(self.size * b + usize::from(*count) - 1);
        }
    }

    /// The letters in the order of the alphabet, `A` for the first.
    fn describe(&self, state: &BagState) -> String {
        state.to_string()
    }
}

impl Enumerable for Bag {
    fn n_terminal(&self) -> usize {
        n_multisets(self.n_letters, self.size)
    }

    fn terminal(&self, index: usize) -> BagState {
        assert!(index < self.n_terminal(), "terminal state {index}");
        let mut state = self.source();
        let (mut left, mut rest) = (self.size, index);
        for (b, later) in (0..self.n_letters).rev().enumerate() {
            while let Some(number) = rest.checked_sub(n_multisets(later, left)) {
                if left == 0 {
                    break;
                }
                rest = number;
                left -= 1;
                state.counts[b] += 1;
            }
        }
        state
    }

    fn index_of(&self, state: &BagState) -> Option<usize> {
        (state.size() == self.size).then(|| self.rank(&state.counts))
    }
}
