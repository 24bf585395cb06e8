//! Fitch parsimony, twelve sites at a time.

use super::alignment::Alignment;
use super::reward::Gaps;
use super::state::ForestState;

/// Sites in a word, and bits of a site: four nucleotides and the gap.
const SITES: usize = 12;
const BITS: usize = 5;
/// The lowest bit of every site.
const LOWEST: u64 = {
    let (mut bits, mut site) = (0, 0);
    while site < SITES {
        bits |= 1 << (BITS * site);
        site += 1;
    }
    bits
};
/// Every state of a site.
const ANY: u64 = (1 << BITS) - 1;
/// The gap, where it is a state.
const GAP: u64 = 1 << 4;
/// Every nucleotide.
const NUCLEOTIDES: u8 = 0xf;

/// Sequences with twelve sites in a word.
#[derive(Clone, Debug)]
pub(super) struct Fitch {
    taxa: Vec<Vec<u64>>,
}

impl Fitch {
    pub(super) fn new(alignment: &Alignment, gaps: Gaps) -> Self {
        let of = |(set, is_gap): (&u8, &bool)| match gaps {
            Gaps::FifthState if *is_gap => GAP,
            // What is not known may be a gap as well.
            _ if *set == NUCLEOTIDES => ANY,
            _ => u64::from(*set),
        };
        let pack = |taxon| {
            let sites = alignment.sequence(taxon).iter().zip(alignment.gaps(taxon));
            let sites: Vec<u64> = sites.map(of).collect();
            let word = |sites: &[u64]| {
                // Sites beyond the last are free.
                let sets = sites.iter().enumerate();
                sets.fold(u64::MAX, |word, (i, set)| {
                    word & !(ANY << (BITS * i)) | set << (BITS * i)
                })
            };
            sites.chunks(SITES).map(word).collect()
        };
        Self {
            taxa: (0..alignment.n_taxa()).map(pack).collect(),
        }
    }

    /// The smallest number of changes on the trees of a forest, all sites together.
    pub(super) fn score(&self, state: &ForestState) -> u32 {
        // By the first taxon of a tree that is merged so far.
        let mut sets: Vec<Option<Vec<u64>>> = vec![None; self.taxa.len()];
        let mut changes = 0;
        for clade in state.clades() {
            let [left, right] = state.parts_of(*clade);
            let [left, right] = [left, right].map(|part| part.trailing_zeros() as usize);
            let mut merged = sets[left].take().unwrap_or_else(|| self.taxa[left].clone());
            let other = sets[right].take();
            let other = other.as_ref().unwrap_or(&self.taxa[right]);
            for (a, b) in merged.iter_mut().zip(other) {
                let both = *a & b;
                let any = both | both >> 1 | both >> 2 | both >> 3 | both >> 4;
                // Sites without a common state: one change, and either set.
                let none = !any & LOWEST;
                changes += none.count_ones();
                *a = both | (*a | b) & (none * ANY);
            }
            sets[left] = Some(merged);
        }
        changes
    }
}
