//! Forests as sets of clades.

use std::fmt;

use crate::EnvironmentError;

/// Most taxa: a clade is the bits of a word.
pub(super) const MAX_TAXA: usize = 64;

/// A forest of rooted binary trees: its clades of more than one taxon.
///
/// With the feature `serde` it is the list of its clades, each the list of its taxa.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "Vec<Vec<usize>>", into = "Vec<Vec<usize>>")
)]
pub struct ForestState {
    /// Smaller clades first, then by their bits: equal forests are equal lists.
    clades: Vec<u64>,
}

fn order(clade: u64) -> (u32, u64) {
    (clade.count_ones(), clade)
}

impl ForestState {
    /// Single taxa alone.
    pub(super) fn singletons() -> Self {
        Self { clades: Vec::new() }
    }

    /// The clades of more than one taxon, bit `i` for taxon `i`, smaller ones first.
    pub fn clades(&self) -> &[u64] {
        &self.clades
    }

    /// Number of merges.
    pub fn n_merges(&self) -> usize {
        self.clades.len()
    }

    /// The taxa of the tree that has `taxon`.
    pub(super) fn tree_of(&self, taxon: usize) -> u64 {
        let largest = self.clades.iter().rev().find(|c| *c >> taxon & 1 == 1);
        largest.copied().unwrap_or(1 << taxon)
    }

    /// The two clades that a clade was merged from, that with its first taxon first.
    pub(super) fn parts_of(&self, clade: u64) -> [u64; 2] {
        let first = clade.trailing_zeros();
        let smaller = self.clades.iter().rev();
        let mut within = smaller.filter(|c| **c != clade && **c & !clade == 0);
        let left = within.find(|c| **c >> first & 1 == 1).copied();
        let left = left.unwrap_or(1 << first);
        [left, clade & !left]
    }

    /// Number of clades that are shared, and in one of both alone.
    pub fn shared_and_different_clades(&self, other: &Self) -> [usize; 2] {
        let shared = self.clades.iter().filter(|c| other.clades.contains(c));
        let shared = shared.count();
        [shared, self.clades.len() + other.clades.len() - 2 * shared]
    }

    pub(super) fn insert(&mut self, clade: u64) {
        let place = self.clades.partition_point(|c| order(*c) < order(clade));
        self.clades.insert(place, clade);
    }

    pub(super) fn remove(&mut self, clade: u64) {
        self.clades.retain(|c| *c != clade);
    }

    /// The forest with these clades.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] where they are no clades of binary trees.
    pub(super) fn with_clades(clades: &[u64]) -> Result<Self, EnvironmentError> {
        let mut sorted = clades.to_vec();
        sorted.sort_unstable_by_key(|clade| order(*clade));
        let mut state = Self::singletons();
        for clade in sorted {
            let first = clade
                .checked_ilog2()
                .map(|_| clade.trailing_zeros() as usize);
            let left = first.map(|taxon| state.tree_of(taxon));
            let rest = left.map(|left| clade & !left).filter(|rest| *rest != 0);
            // A merge of two whole trees.
            let right = rest.map(|rest| state.tree_of(rest.trailing_zeros() as usize));
            let merged = left.zip(right).map(|(left, right)| left | right);
            if merged != Some(clade) {
                return Err(EnvironmentError::invalid_parameter(
                    "clades",
                    &clades,
                    "each must be the union of two trees of the ones before, smaller clades first",
                ));
            }
            state.insert(clade);
        }
        Ok(state)
    }

    /// The tree that has `taxon` in the notation of Newick, without lengths.
    pub(super) fn newick(&self, clade: u64, names: &dyn Fn(usize) -> String) -> String {
        if clade.count_ones() == 1 {
            return names(clade.trailing_zeros() as usize);
        }
        let [left, right] = self.parts_of(clade);
        format!(
            "({} {})",
            self.newick(left, names),
            self.newick(right, names)
        )
    }
}

impl fmt::Debug for ForestState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen = 0_u64;
        f.write_str("[")?;
        for clade in self.clades.iter().rev() {
            if clade & seen == 0 {
                let space = if seen == 0 { "" } else { " " };
                write!(f, "{space}{}", self.newick(*clade, &|i| i.to_string()))?;
                seen |= clade;
            }
        }
        f.write_str("]")
    }
}

impl From<ForestState> for Vec<Vec<usize>> {
    fn from(state: ForestState) -> Self {
        let taxa = |clade: &u64| {
            let clade = *clade;
            (0..MAX_TAXA).filter(|i| clade >> i & 1 == 1).collect()
        };
        state.clades.iter().map(taxa).collect()
    }
}

impl TryFrom<Vec<Vec<usize>>> for ForestState {
    type Error = EnvironmentError;

    fn try_from(clades: Vec<Vec<usize>>) -> Result<Self, EnvironmentError> {
        let bits = |taxa: &Vec<usize>| {
            let within = taxa.iter().all(|i| *i < MAX_TAXA);
            within.then(|| taxa.iter().fold(0, |bits, i| bits | 1_u64 << i))
        };
        let sets: Option<Vec<u64>> = clades.iter().map(bits).collect();
        match sets {
            Some(sets) => Self::with_clades(&sets),
            None => Err(EnvironmentError::invalid_parameter(
                "clades",
                &clades,
                "every taxon must be below 64",
            )),
        }
    }
}
