//! Modes found: distinct modes among all training samples so far.

use std::collections::BTreeSet;

/// The modes seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModesFound {
    seen: BTreeSet<u64>,
}

impl ModesFound {
    /// Notes the mode of a sample.
    pub fn insert(&mut self, mode: u64) {
        self.seen.insert(mode);
    }

    /// Number of distinct modes.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Text form for checkpoints.
    pub fn to_text(&self) -> String {
        self.seen
            .iter()
            .map(u64::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Reads [`ModesFound::to_text`]; `None` where the text is none.
    pub fn from_text(text: &str) -> Option<Self> {
        let seen = text
            .split_whitespace()
            .map(|n| n.parse().ok())
            .collect::<Option<_>>()?;
        Some(Self { seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_distinct_modes_and_survives_a_checkpoint() {
        let mut modes = ModesFound::default();
        for m in [3, 7, 3, 12] {
            modes.insert(m);
        }
        assert_eq!(modes.count(), 3);
        assert_eq!(ModesFound::from_text(&modes.to_text()), Some(modes));
        assert_eq!(ModesFound::from_text("1 x"), None);
    }
}
