//! Encoded states as sequences of tokens of one length.

use super::Attention;
use gfn_env::Features;

/// Sequences that hold all states of a batch.
///
/// A sequence begins with the class token, whose number is the number of features. States with the same tokens share a
/// sequence; under causal attention so do states whose tokens begin those of another state.
#[derive(Debug, PartialEq)]
pub(super) struct Tokens {
    /// Tokens `[M, T]`, 0 where a sequence has ended.
    pub(super) tokens: Vec<i32>,
    /// Whether a sequence has ended there, `[M, T]`.
    pub(super) is_padding: Vec<bool>,
    /// `M` and `T`.
    pub(super) shape: [usize; 2],
    /// For each state, the place among the `M·T` where its outputs are read, `[R]`.
    pub(super) read: Vec<i32>,
}

/// The tokens of a row, without the class token.
///
/// # Panics
///
/// If a feature is neither 0 nor 1.
pub(super) fn of_row(features: &Features, row: usize) -> &[u32] {
    let (indices, values) = features.row(row);
    assert!(
        values.iter().all(|value| *value == 1.0),
        "tokens are features that are 1: a Transformer cannot read {values:?}"
    );
    indices
}

impl Tokens {
    pub(super) fn new(features: &Features, attention: Attention) -> Self {
        let rows: Vec<&[u32]> = (0..features.n_rows())
            .map(|i| of_row(features, i))
            .collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&i| rows[i]);
        // In this order a state stands right before those that it begins: each is looked at after them.
        let mut sequences: Vec<&[u32]> = Vec::new();
        let mut sequence_of = vec![0; rows.len()];
        for &i in order.iter().rev() {
            let shares = sequences.last().is_some_and(|last| match attention {
                Attention::Bidirectional => *last == rows[i],
                Attention::Causal => last.starts_with(rows[i]),
            });
            if !shares {
                sequences.push(rows[i]);
            }
            sequence_of[i] = sequences.len() - 1;
        }
        let length = 1 + features.max_row_len();
        let shape = [sequences.len(), length];
        let mut tokens = vec![0; shape[0] * length];
        let mut is_padding = vec![true; tokens.len()];
        let padded = tokens.chunks_exact_mut(length);
        let padded = padded.zip(is_padding.chunks_exact_mut(length));
        for (sequence, (tokens, is_padding)) in sequences.iter().zip(padded) {
            tokens[0] = features.width() as i32;
            for (to, &token) in tokens[1..].iter_mut().zip(*sequence) {
                *to = token as i32;
            }
            is_padding[..=sequence.len()].fill(false);
        }
        let place = |(row, &sequence): (&&[u32], &usize)| match attention {
            Attention::Bidirectional => sequence * length,
            Attention::Causal => sequence * length + row.len(),
        };
        let read = rows.iter().zip(&sequence_of).map(place);
        Self {
            read: read.map(|place| place as i32).collect(),
            tokens,
            is_padding,
            shape,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(rows: &[&[usize]]) -> Features {
        let mut features = Features::new(9);
        for row in rows {
            let mut to = features.push_row();
            row.iter().for_each(|&i| to.one(i));
        }
        features
    }

    #[test]
    fn a_causal_batch_has_a_sequence_for_each_longest_state() {
        let rows: &[&[usize]] = &[&[], &[4], &[4, 1], &[2], &[4, 1, 3], &[4], &[4, 0], &[2, 8]];
        let tokens = Tokens::new(&features(rows), Attention::Causal);
        // From the last to the first in lexicographic order.
        assert_eq!(tokens.shape, [3, 4]);
        assert_eq!(tokens.tokens, [9, 4, 1, 3, 9, 4, 0, 0, 9, 2, 8, 0]);
        let ends = [false, false, false, true];
        assert_eq!(tokens.is_padding, [[false; 4], ends, ends].concat());
        assert_eq!(tokens.read, [8, 5, 2, 9, 3, 5, 6, 10]);
    }

    #[test]
    fn a_bidirectional_batch_has_a_sequence_for_each_distinct_state() {
        let rows: &[&[usize]] = &[&[3], &[], &[3, 5], &[3], &[5, 3]];
        let tokens = Tokens::new(&features(rows), Attention::Bidirectional);
        assert_eq!(tokens.shape, [4, 3]);
        assert_eq!(tokens.tokens, [9, 5, 3, 9, 3, 5, 9, 3, 0, 9, 0, 0]);
        assert_eq!(tokens.read, [6, 9, 3, 6, 0]);
    }

    #[test]
    #[should_panic(expected = "a Transformer cannot read [0.5]")]
    fn a_feature_with_another_value_panics() {
        let mut features = Features::new(2);
        features.push_row().set(1, 0.5);
        Tokens::new(&features, Attention::Causal);
    }
}
