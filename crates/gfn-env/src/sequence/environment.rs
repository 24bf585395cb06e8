//! Dynamics of sequences.

use std::fmt;

use crate::{Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow};

/// Longest string: its letters live inline in the state.
const MAX_LENGTH: usize = 32;
/// Largest alphabet: a letter is a byte.
const MAX_LETTERS: usize = 256;
/// Largest alphabet that is written in characters.
const MAX_ALPHABET: usize = 64;

/// Where the next letter of a string goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum SequenceOrder {
    /// Behind the last: every state has one parent.
    #[default]
    Append,
    /// Before the first or behind the last.
    EitherEnd,
    /// To any empty position.
    AnyPosition,
}

/// Characters that stand for the letters in texts; without them letters are numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Alphabet {
    characters: [u8; MAX_ALPHABET],
    n: u8,
}

impl fmt::Debug for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.characters()))
    }
}

impl Alphabet {
    const NONE: Self = Self {
        characters: [0; MAX_ALPHABET],
        n: 0,
    };

    fn characters(&self) -> &[u8] {
        &self.characters[..usize::from(self.n)]
    }
}

/// Strings of one length over the letters `0..D`; see the [module](crate::sequence) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::sequence::SequenceOrder;
/// use gfn_env::{Action, Enumerable as _, Environment as _, Sequence};
///
/// let env = Sequence::new(3, 8)?;
/// let mut state = env.source();
/// for letter in [7, 0, 2] {
///     env.step(&mut state, Action(letter))?;
/// }
/// assert_eq!(state.letters(), [7, 0, 2]);
/// assert_eq!(env.index_of(&state), Some(7 * 64 + 2));
///
/// let rna = Sequence::new(3, 4)?.with_order(SequenceOrder::AnyPosition).with_alphabet("ACGU")?;
/// let mut state = rna.source();
/// rna.step(&mut state, Action(4 * 2 + 3))?;
/// assert_eq!(rna.describe(&state), "..U");
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    length: usize,
    n_letters: usize,
    order: SequenceOrder,
    alphabet: Alphabet,
}

/// Some letters of a string.
///
/// With the feature `serde` it is the list of them, up to the last that is there, with −1 at empty positions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "Vec<i16>", into = "Vec<i16>")
)]
pub struct SequenceState {
    /// Letters at empty positions are 0.
    letters: [u8; MAX_LENGTH],
    /// Bit `i`: position `i` has a letter.
    filled: u32,
}

impl SequenceState {
    /// The letters up to the last that is there; 0 at positions that are empty.
    pub fn letters(&self) -> &[u8] {
        let end = u32::BITS - self.filled.leading_zeros();
        &self.letters[..end as usize]
    }

    /// The letter at a position, where there is one.
    pub fn letter(&self, position: usize) -> Option<u8> {
        let filled = position < MAX_LENGTH && self.filled >> position & 1 == 1;
        filled.then(|| self.letters[position])
    }

    /// The letters that are there with their positions.
    pub fn placed(&self) -> impl Iterator<Item = (usize, u8)> {
        (0..MAX_LENGTH).filter_map(|i| Some((i, self.letter(i)?)))
    }

    /// Number of letters.
    pub fn n_letters(&self) -> usize {
        self.filled.count_ones() as usize
    }

    fn place(&mut self, position: usize, letter: u8) {
        self.letters[position] = letter;
        self.filled |= 1 << position;
    }

    fn take(&mut self, position: usize) -> u8 {
        self.filled &= !(1 << position);
        // Equal states are equal in every byte.
        std::mem::take(&mut self.letters[position])
    }
}

impl fmt::Debug for SequenceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Vec::from(*self))
    }
}

impl TryFrom<Vec<i16>> for SequenceState {
    type Error = EnvironmentError;

    fn try_from(letters: Vec<i16>) -> Result<Self, EnvironmentError> {
        // The parameters are not known here: a state has to be read for the environment that it was written for.
        let mut state = Sequence::new(MAX_LENGTH, MAX_LETTERS)?.source();
        let refused = || {
            EnvironmentError::invalid_parameter(
                "letters",
                &letters,
                "there must be at most 32, each below 256, or -1 for an empty position",
            )
        };
        if letters.len() > MAX_LENGTH || letters.last() == Some(&-1) {
            return Err(refused());
        }
        for (position, letter) in letters.iter().enumerate().filter(|(_, l)| **l != -1) {
            let letter = u8::try_from(*letter).map_err(|_wide| refused())?;
            state.place(position, letter);
        }
        Ok(state)
    }
}

impl From<SequenceState> for Vec<i16> {
    fn from(state: SequenceState) -> Self {
        let letter = |i| state.letter(i).map_or(-1, i16::from);
        (0..state.letters().len()).map(letter).collect()
    }
}

impl Sequence {
    /// Strings of `length` of `n_letters` letters, appended to.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `1 <= length <= 32` and `2 <= n_letters <= 256`.
    pub fn new(length: usize, n_letters: usize) -> Result<Self, EnvironmentError> {
        if !(1..=MAX_LENGTH).contains(&length) {
            return Err(EnvironmentError::invalid_parameter(
                "length",
                &length,
                "it must be between 1 and 32",
            ));
        }
        if !(2..=MAX_LETTERS).contains(&n_letters) {
            return Err(EnvironmentError::invalid_parameter(
                "n_letters",
                &n_letters,
                "it must be between 2 and 256",
            ));
        }
        Ok(Self {
            length,
            n_letters,
            order: SequenceOrder::Append,
            alphabet: Alphabet::NONE,
        })
    }

    /// The same strings, built in another order.
    pub fn with_order(self, order: SequenceOrder) -> Self {
        Self { order, ..self }
    }

    /// The same strings, written in these characters.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless there are as many different printable ASCII characters as letters, at most
    /// 64, none of them a comma, a dot, a quote or a space.
    pub fn with_alphabet(self, characters: &str) -> Result<Self, EnvironmentError> {
        let bytes = characters.as_bytes();
        let good = |b: &u8| b.is_ascii_graphic() && !b",.\"".contains(b);
        let distinct = (1..bytes.len()).all(|i| !bytes[..i].contains(&bytes[i]));
        let fits = bytes.len() == self.n_letters && bytes.len() <= MAX_ALPHABET;
        if !fits || !distinct || !bytes.iter().all(good) {
            return Err(EnvironmentError::invalid_parameter(
                "alphabet",
                &characters,
                "it must have as many different characters as there are letters, at most 64, printable and without commas, \
                 dots, quotes and spaces",
            ));
        }
        let mut alphabet = Alphabet::NONE;
        alphabet.characters[..bytes.len()].copy_from_slice(bytes);
        alphabet.n = bytes.len() as u8;
        Ok(Self { alphabet, ..self })
    }

    /// `L`, the number of letters of a complete string.
    pub fn length(&self) -> usize {
        self.length
    }

    /// `D`, the number of letters to choose from.
    pub fn n_letters(&self) -> usize {
        self.n_letters
    }

    /// Where the next letter goes.
    pub fn order(&self) -> SequenceOrder {
        self.order
    }

    /// The state of some letters from the first position on.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for more than `L` letters, or others than `0..D`.
    pub fn string(&self, letters: &[u8]) -> Result<SequenceState, EnvironmentError> {
        let known = letters.iter().all(|b| usize::from(*b) < self.n_letters);
        if letters.len() > self.length || !known {
            return Err(EnvironmentError::invalid_parameter(
                "letters",
                &letters,
                "there must be no more than the length, each below the number of letters",
            ));
        }
        let mut state = self.source();
        for (position, letter) in letters.iter().enumerate() {
            state.place(position, *letter);
        }
        Ok(state)
    }

    /// The complete string of this text, in the characters of the alphabet; `None` for other characters or another length, and
    /// where there is no alphabet.
    pub fn parse(&self, text: &str) -> Option<SequenceState> {
        let characters = self.alphabet.characters();
        let letter = |b: u8| Some(characters.iter().position(|c| *c == b)? as u8);
        let letters: Option<Vec<u8>> = text.bytes().map(letter).collect();
        let letters = letters.filter(|letters| letters.len() == self.length)?;
        self.string(&letters).ok()
    }

    /// Position and letter of an action, where it exists.
    fn place_of(&self, state: &SequenceState, action: Action) -> Option<(usize, u8)> {
        let (d, n) = (self.n_letters, state.n_letters());
        let (part, letter) = (action.index() / d, (action.index() % d) as u8);
        if n == self.length || action.index() >= self.n_actions() {
            return None;
        }
        match self.order {
            SequenceOrder::Append => Some((n, letter)),
            // At the empty string both ends are one.
            SequenceOrder::EitherEnd if part == 1 => (n > 0).then_some((0, letter)),
            SequenceOrder::EitherEnd => Some((n, letter)),
            SequenceOrder::AnyPosition => state.letter(part).is_none().then_some((part, letter)),
        }
    }
}

impl Environment for Sequence {
    type State = SequenceState;

    fn source(&self) -> SequenceState {
        SequenceState {
            letters: [0; MAX_LENGTH],
            filled: 0,
        }
    }

    fn n_actions(&self) -> usize {
        match self.order {
            SequenceOrder::Append => self.n_letters,
            SequenceOrder::EitherEnd => 2 * self.n_letters,
            SequenceOrder::AnyPosition => self.length * self.n_letters,
        }
    }

    fn n_backward_actions(&self) -> usize {
        match self.order {
            SequenceOrder::Append => 1,
            SequenceOrder::EitherEnd => 2,
            SequenceOrder::AnyPosition => self.length,
        }
    }

    fn max_len(&self) -> usize {
        self.length
    }

    fn n_features(&self) -> usize {
        self.length * self.n_letters
    }

    fn is_terminal(&self, state: &SequenceState) -> bool {
        state.n_letters() == self.length
    }

    fn forward_mask(&self, state: &SequenceState, allowed: &mut [bool]) {
        for (action, a) in allowed.iter_mut().enumerate() {
            *a = self.place_of(state, Action(action as u32)).is_some();
        }
    }

    fn backward_mask(&self, state: &SequenceState, allowed: &mut [bool]) {
        for (i, a) in allowed.iter_mut().enumerate() {
            *a = match self.order {
                SequenceOrder::Append => state.n_letters() > 0,
                SequenceOrder::EitherEnd => state.n_letters() > i,
                SequenceOrder::AnyPosition => state.letter(i).is_some(),
            };
        }
    }

    fn step(
        &self,
        state: &mut SequenceState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        let Some((position, letter)) = self.place_of(state, action) else {
            return Err(EnvironmentError::invalid_action(action, state));
        };
        let in_front = self.order == SequenceOrder::EitherEnd && action.index() >= self.n_letters;
        if in_front {
            state.letters.rotate_right(1);
            state.filled <<= 1;
        }
        state.place(position, letter);
        Ok(BackwardAction(match self.order {
            SequenceOrder::AnyPosition => position as u32,
            _ => u32::from(in_front),
        }))
    }

    fn step_back(
        &self,
        state: &mut SequenceState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        let n = state.n_letters();
        let position = match (self.order, action.index()) {
            (SequenceOrder::AnyPosition, i) if i < self.length => i,
            // The only letter has come from behind.
            (SequenceOrder::EitherEnd, 1) if n > 1 => 0,
            (SequenceOrder::Append | SequenceOrder::EitherEnd, 0) if n > 0 => n - 1,
            _ => return Err(EnvironmentError::invalid_backward_action(action, state)),
        };
        if state.letter(position).is_none() {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        let letter = u32::from(state.take(position));
        let d = self.n_letters as u32;
        Ok(Action(match self.order {
            SequenceOrder::AnyPosition => d * position as u32 + letter,
            SequenceOrder::EitherEnd if action.0 == 1 => {
                state.letters.rotate_left(1);
                state.filled >>= 1;
                d + letter
            }
            _ => letter,
        }))
    }

    fn encode(&self, state: &SequenceState, row: &mut FeatureRow<'_>) {
        for (i, letter) in state.placed() {
            row.one(i * self.n_letters + usize::from(letter));
        }
    }

    /// The letters as numbers with spaces between them, or in the characters of the alphabet; a dot at an empty position.
    fn describe(&self, state: &SequenceState) -> String {
        let characters = self.alphabet.characters();
        let text = |i: usize| match state.letter(i) {
            None => ".".to_owned(),
            Some(letter) => match characters.get(usize::from(letter)) {
                Some(character) => char::from(*character).to_string(),
                None => letter.to_string(),
            },
        };
        let end = match self.order {
            SequenceOrder::AnyPosition => self.length,
            _ => state.n_letters(),
        };
        let texts: Vec<String> = (0..end).map(text).collect();
        texts.join(if characters.is_empty() { " " } else { "" })
    }
}

impl Enumerable for Sequence {
    /// `D^L`; `usize::MAX` where a `usize` cannot hold it, and then [`index_of`](Enumerable::index_of) is always `None`.
    fn n_terminal(&self) -> usize {
        self.n_letters
            .checked_pow(self.length as u32)
            .unwrap_or(usize::MAX)
    }

    fn terminal(&self, index: usize) -> SequenceState {
        assert!(index < self.n_terminal(), "terminal state {index}");
        let mut state = self.source();
        let mut rest = index;
        for letter in state.letters[..self.length].iter_mut().rev() {
            *letter = (rest % self.n_letters) as u8;
            rest /= self.n_letters;
        }
        state.filled = u32::MAX >> (MAX_LENGTH - self.length);
        state
    }

    fn index_of(&self, state: &SequenceState) -> Option<usize> {
        if !self.is_terminal(state) || self.n_terminal() == usize::MAX {
            return None;
        }
        let digits = state.letters().iter().map(|letter| usize::from(*letter));
        Some(digits.fold(0, |index, digit| index * self.n_letters + digit))
    }
}
