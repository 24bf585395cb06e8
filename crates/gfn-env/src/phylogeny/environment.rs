//! Dynamics of phylogenetic trees.

use super::state::{ForestState, MAX_TAXA};
use crate::{Action, BackwardAction, Environment, EnvironmentError, FeatureRow, Substructure};

/// Rooted binary trees over `n` taxa; see the [module](crate::phylogeny) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{Environment as _, Phylogeny};
///
/// let env = Phylogeny::new(4)?;
/// let mut state = env.source();
/// for (i, j) in [(1, 3), (0, 1), (0, 2)] {
///     env.step(&mut state, env.merge(i, j))?;
/// }
/// assert!(env.is_terminal(&state));
/// assert_eq!(env.describe(&state), "((0 (1 3)) 2)");
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phylogeny {
    n_taxa: usize,
}

impl Phylogeny {
    /// Trees over `n_taxa` taxa.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `2 <= n_taxa <= 64`.
    pub fn new(n_taxa: usize) -> Result<Self, EnvironmentError> {
        if !(2..=MAX_TAXA).contains(&n_taxa) {
            return Err(EnvironmentError::invalid_parameter(
                "n_taxa",
                &n_taxa,
                "it must be between 2 and 64",
            ));
        }
        Ok(Self { n_taxa })
    }

    /// `n`, the number of taxa.
    pub fn n_taxa(&self) -> usize {
        self.n_taxa
    }

    /// The action that merges the trees whose first taxa are `i` and `j`.
    ///
    /// # Panics
    ///
    /// Unless `i < j < n`.
    pub fn merge(&self, i: usize, j: usize) -> Action {
        assert!(i < j && j < self.n_taxa, "no pair {i}, {j}");
        Action(self.pair(i, j) as u32)
    }

    fn pair(&self, i: usize, j: usize) -> usize {
        i * (2 * self.n_taxa - i - 1) / 2 + j - i - 1
    }

    /// The pair of an action.
    fn taxa(&self, index: usize) -> Option<(usize, usize)> {
        let mut rest = index;
        for i in 0..self.n_taxa {
            let row = self.n_taxa - i - 1;
            if rest < row {
                return Some((i, i + 1 + rest));
            }
            rest -= row;
        }
        None
    }

    fn n_pairs(&self) -> usize {
        self.n_taxa * (self.n_taxa - 1) / 2
    }

    /// Bit `i`: a tree has the first taxon `i`.
    fn first_taxa(&self, state: &ForestState) -> u64 {
        let all = u64::MAX >> (64 - self.n_taxa);
        // In a clade, all taxa but the first are first no more.
        let inner = state.clades().iter().map(|clade| clade & (clade - 1));
        all & !inner.fold(0, |bits, clade| bits | clade)
    }

    /// The object with these clades, `n − 1` of them.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] where they are not those of one binary tree over all taxa.
    pub fn object(&self, clades: &[u64]) -> Result<ForestState, EnvironmentError> {
        let state = ForestState::with_clades(clades)?;
        if !self.is_terminal(&state) || state.tree_of(0) != u64::MAX >> (64 - self.n_taxa) {
            return Err(EnvironmentError::invalid_parameter(
                "clades",
                &clades,
                "they must be those of one tree over all taxa",
            ));
        }
        Ok(state)
    }
}

impl Environment for Phylogeny {
    type State = ForestState;

    fn source(&self) -> ForestState {
        ForestState::singletons()
    }

    fn n_actions(&self) -> usize {
        self.n_pairs()
    }

    fn n_backward_actions(&self) -> usize {
        self.n_taxa
    }

    fn max_len(&self) -> usize {
        self.n_taxa - 1
    }

    fn n_features(&self) -> usize {
        self.n_pairs()
    }

    fn is_terminal(&self, state: &ForestState) -> bool {
        state.n_merges() + 1 >= self.n_taxa
    }

    fn forward_mask(&self, state: &ForestState, allowed: &mut [bool]) {
        let first = self.first_taxa(state);
        let mut pair = 0;
        for i in 0..self.n_taxa {
            for j in i + 1..self.n_taxa {
                allowed[pair] = first >> i & first >> j & 1 == 1;
                pair += 1;
            }
        }
    }

    fn backward_mask(&self, state: &ForestState, allowed: &mut [bool]) {
        let first = self.first_taxa(state);
        for (i, a) in allowed.iter_mut().enumerate() {
            *a = first >> i & 1 == 1 && state.tree_of(i).count_ones() > 1;
        }
    }

    fn step(
        &self,
        state: &mut ForestState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        let first = self.first_taxa(state);
        match self.taxa(action.index()) {
            Some((i, j)) if first >> i & first >> j & 1 == 1 => {
                state.insert(state.tree_of(i) | state.tree_of(j));
                Ok(BackwardAction(i as u32))
            }
            _ => Err(EnvironmentError::invalid_action(action, state)),
        }
    }

    fn step_back(
        &self,
        state: &mut ForestState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        let i = action.index();
        let whole = i < self.n_taxa && self.first_taxa(state) >> i & 1 == 1;
        let tree = if whole { state.tree_of(i) } else { 0 };
        if tree.count_ones() < 2 {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        let [_, right] = state.parts_of(tree);
        state.remove(tree);
        Ok(self.merge(i, right.trailing_zeros() as usize))
    }

    fn encode(&self, state: &ForestState, row: &mut FeatureRow<'_>) {
        let mut sizes = vec![0_u32; self.n_pairs()];
        // Smaller clades last, so that they have the last word.
        for clade in state.clades().iter().rev() {
            let taxa: Vec<usize> = (0..self.n_taxa).filter(|i| clade >> i & 1 == 1).collect();
            for (k, &i) in taxa.iter().enumerate() {
                for &j in &taxa[k + 1..] {
                    sizes[self.pair(i, j)] = clade.count_ones();
                }
            }
        }
        for (pair, size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
            row.set(pair, *size as f32 / self.n_taxa as f32);
        }
    }

    /// Trees in the notation of Newick with spaces for commas, by their first taxa.
    fn describe(&self, state: &ForestState) -> String {
        let first = self.first_taxa(state);
        let firsts = (0..self.n_taxa).filter(|i| first >> i & 1 == 1);
        let trees = firsts.map(|i| state.newick(state.tree_of(i), &|taxon| taxon.to_string()));
        trees.collect::<Vec<_>>().join(" ")
    }
}

/// All clades of the part are clades of the object.
impl Substructure for Phylogeny {
    fn contains(&self, object: &ForestState, part: &ForestState) -> bool {
        let mut clades = part.clades().iter();
        clades.all(|clade| object.clades().contains(clade))
    }
}
