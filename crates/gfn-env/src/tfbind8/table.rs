//! The table of binding activities; `six6_e_scores.md` describes the file.

use std::sync::LazyLock;

use super::environment::LENGTH;

/// Words of length 8.
pub(super) const N_WORDS: usize = 1 << (2 * LENGTH);
/// Words of the top 0.5 %: `ceil(0.005·65536)`.
const N_MODES: usize = 328;

/// Smallest and largest score, in units of 1e-5.
const RANGE: [i32; 2] = [-47_907, 49_105];

/// Scores of the canonical words.
static SCORES: &[u8] = include_bytes!("six6_e_scores.bin");

static ACTIVITIES: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let (scores, _) = SCORES.as_chunks::<4>();
    let mut activities = vec![0.0; N_WORDS];
    let canonical = (0..N_WORDS).filter(|w| *w <= reverse_complement(*w));
    for (word, bytes) in canonical.zip(scores) {
        let score = i32::from_le_bytes(*bytes);
        let activity = f64::from(score - RANGE[0]) / f64::from(RANGE[1] - RANGE[0]);
        activities[word] = activity;
        activities[reverse_complement(word)] = activity;
    }
    activities
});

static MODE_ACTIVITY: LazyLock<f64> = LazyLock::new(|| {
    let mut sorted = ACTIVITIES.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[N_WORDS - N_MODES]
});

/// Activity of each word, in lexicographic order.
pub(super) fn activities() -> &'static [f64] {
    &ACTIVITIES
}

/// Smallest activity of a mode.
pub(super) fn mode_activity() -> f64 {
    *MODE_ACTIVITY
}

/// The other strand, read backwards. With `ACGT` = 0 to 3 the complement of a letter is its bitwise not.
fn reverse_complement(word: usize) -> usize {
    (0..LENGTH).fold(0, |reversed, i| reversed << 2 | (!(word >> (2 * i)) & 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_score_for_each_canonical_word() {
        let canonical = (0..N_WORDS).filter(|w| *w <= reverse_complement(*w));
        assert_eq!(canonical.count(), 32_896);
        assert_eq!(SCORES.len(), 4 * 32_896);
        // AAAAAAAC and GTTTTTTT
        assert_eq!(reverse_complement(1), 0b10_11_11_11_11_11_11_11);
    }
}
