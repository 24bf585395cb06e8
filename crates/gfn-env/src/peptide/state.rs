//! A chain of amino acids: [`PeptideState`].

use std::fmt;

use crate::EnvironmentError;

/// The standard amino acids by their one-letter codes.
pub(super) const AMINO_ACIDS: &str = "ACDEFGHIKLMNPQRSTVWY";
/// The same in ASCII.
pub(super) const AMINO_ACID_CODES: [u8; 20] = *b"ACDEFGHIKLMNPQRSTVWY";
/// Letters of the longest chain: they live inline in the state.
pub(super) const MOST_LETTERS: usize = 60;
/// Ends the text of a chain that has stopped, as it marks a stop in the genetic code.
const STOP: char = '*';

/// A chain of at most 60 amino acids, stopped or not.
///
/// With the feature `serde` it is the text that [`Display`](fmt::Display) gives: its letters, and `*` where it has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct PeptideState {
    /// One-letter codes; 0 beyond the length, so that equal chains are equal states.
    letters: [u8; MOST_LETTERS],
    length: u8,
    stopped: bool,
}

impl PeptideState {
    /// The empty chain.
    pub(super) const fn empty() -> Self {
        Self {
            letters: [0; MOST_LETTERS],
            length: 0,
            stopped: false,
        }
    }

    /// One-letter codes of the amino acids, in ASCII.
    pub fn letters(&self) -> &[u8] {
        &self.letters[..self.length()]
    }

    /// Number of amino acids.
    pub fn length(&self) -> usize {
        usize::from(self.length)
    }

    /// Whether the chain has stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The Levenshtein distance: the fewest letters that are put in, taken out or replaced to make one chain of the other.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_env::Peptide;
    ///
    /// let env = Peptide::standard();
    /// let (a, b) = (env.chain("GIGKFLHSAK")?, env.chain("IGKFLHHSAR")?);
    /// // G is taken out in front, H is put in, K is replaced.
    /// assert_eq!(a.edit_distance(&b), 3);
    /// # Ok::<(), gfn_env::EnvironmentError>(())
    /// ```
    pub fn edit_distance(&self, other: &Self) -> usize {
        // Distances of the letters of `self` so far from each beginning of `other`.
        let mut row: [usize; MOST_LETTERS + 1] = std::array::from_fn(|j| j);
        for (i, x) in self.letters().iter().enumerate() {
            let mut diagonal = i;
            row[0] = i + 1;
            for (j, y) in other.letters().iter().enumerate() {
                let replaced = diagonal + usize::from(x != y);
                diagonal = row[j + 1];
                row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
            }
        }
        row[other.length()]
    }

    /// Appends a letter to a chain that has room for it.
    pub(super) fn push(&mut self, letter: u8) {
        self.letters[self.length()] = letter;
        self.length += 1;
    }

    /// Takes the last letter away, where there is one.
    pub(super) fn pop(&mut self) {
        if let Some(last) = self.length.checked_sub(1) {
            self.length = last;
            self.letters[self.length as usize] = 0;
        }
    }

    /// Marks the chain as stopped or not.
    pub(super) fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }
}

impl fmt::Display for PeptideState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.letters() {
            write!(f, "{}", char::from(*letter))?;
        }
        if self.stopped {
            write!(f, "{STOP}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PeptideState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl TryFrom<String> for PeptideState {
    type Error = EnvironmentError;

    fn try_from(text: String) -> Result<Self, EnvironmentError> {
        let (letters, stopped) = match text.strip_suffix(STOP) {
            Some(letters) => (letters, true),
            None => (text.as_str(), false),
        };
        if letters.len() > MOST_LETTERS
            || !letters.bytes().all(|code| AMINO_ACID_CODES.contains(&code))
        {
            return Err(EnvironmentError::invalid_parameter(
                "peptide",
                &text,
                "it must have at most 60 letters of ACDEFGHIKLMNPQRSTVWY, then * where it has stopped",
            ));
        }
        let mut state = Self::empty();
        letters.bytes().for_each(|letter| state.push(letter));
        state.stopped = stopped;
        Ok(state)
    }
}

impl From<PeptideState> for String {
    fn from(state: PeptideState) -> Self {
        state.to_string()
    }
}
