//! Counts of visited states.

use gfn_env::Features;
use std::collections::BTreeMap;

/// The novelty `1/√(1 + n)` of a state that was seen `n` times.
///
/// States are told apart by their features. A state takes 8 bytes for each feature that is not 0 and 8 for its count, and
/// every distinct state stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateCounts {
    counts: BTreeMap<Vec<u64>, u64>,
}

/// The entries of a row: index above, bits of the value below.
fn key(features: &Features, row: usize) -> Vec<u64> {
    let (indices, values) = features.row(row);
    let pairs = indices.iter().zip(values);
    pairs
        .map(|(&i, v)| u64::from(i) << 32 | u64::from(v.to_bits()))
        .collect()
}

impl StateCounts {
    /// Number of distinct states seen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether none was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The novelty of each row.
    #[must_use]
    pub fn novelty(&self, features: &Features) -> Vec<f64> {
        let count = |row| self.counts.get(&key(features, row)).copied().unwrap_or(0);
        (0..features.n_rows())
            .map(|row| (1.0 + count(row) as f64).sqrt().recip())
            .collect()
    }

    /// Counts each row.
    pub fn train(&mut self, features: &Features) {
        for row in 0..features.n_rows() {
            *self.counts.entry(key(features, row)).or_default() += 1;
        }
    }

    /// For each state: its length, its key, its count, 8 bytes each.
    pub(super) fn save(&self) -> Vec<u8> {
        let of_state = |(key, count): (&Vec<u64>, &u64)| -> Vec<u8> {
            let words = [key.len() as u64].into_iter().chain(key.iter().copied());
            words.chain([*count]).flat_map(u64::to_le_bytes).collect()
        };
        self.counts.iter().flat_map(of_state).collect()
    }

    /// Continues from [`StateCounts::save`]; `None` where the bytes are no counts.
    pub(super) fn restore(&mut self, bytes: &[u8]) -> Option<()> {
        if !bytes.len().is_multiple_of(8) {
            return None;
        }
        let words = bytes.chunks_exact(8);
        let mut words = words.map(|w| w.try_into().map_or(0, u64::from_le_bytes));
        let mut counts = BTreeMap::new();
        while let Some(n) = words.next() {
            let n = usize::try_from(n).ok().filter(|n| *n < words.len())?;
            let key: Vec<u64> = words.by_ref().take(n).collect();
            counts.insert(key, words.next()?);
        }
        self.counts = counts;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn novelty_by_hand() {
        let mut features = Features::new(4);
        for i in [0, 1, 0, 0] {
            features.push_row().one(i);
        }
        features.push_row().set(0, 2.0);
        let mut counts = StateCounts::default();
        assert_eq!(counts.novelty(&features), [1.0; 5]);
        counts.train(&features);
        let novelty = counts.novelty(&features);
        let expected = [0.5, 0.5f64.sqrt(), 0.5, 0.5, 0.5f64.sqrt()];
        for (v, expected) in novelty.iter().zip(expected) {
            assert!((v - expected).abs() < 1e-15, "{v} {expected}");
        }
        assert_eq!(counts.len(), 3);
        let mut again = StateCounts::default();
        again.restore(&counts.save()).unwrap();
        assert_eq!(again, counts);
        let bytes = counts.save();
        assert!(again.restore(&bytes[..bytes.len() - 8]).is_none());
        assert!(again.restore(&bytes[..bytes.len() - 1]).is_none());
    }
}
