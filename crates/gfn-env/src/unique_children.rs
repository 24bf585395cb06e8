//! One action for each child: [`UniqueChildren`].

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use crate::{
    Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow, Features,
    Substructure,
};

/// What [`UniqueChildren`] adds to the encoding of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildFeatures {
    /// Which actions lead to one child.
    Actions,
    /// That, and the encoding of every child.
    Encodings,
}

/// An environment in which the edges are pairs of states.
///
/// Where several actions lead from one state to the same child, the first of them is allowed and stands for all; where
/// several backward actions lead to the same parent, the first of them. So `P_F` is a distribution over the distinct
/// children, and a uniform `P_B` is uniform over the distinct parents.
///
/// The encoding of a state grows by what a policy needs to score children: [`ChildLayout`] reads it back. A mask costs a step
/// of the wrapped environment for each action.
///
/// # Examples
///
/// ```
/// use gfn_env::{ChildFeatures, Environment as _, Features, Hypergrid, UniqueChildren};
///
/// let grid = UniqueChildren::new(Hypergrid::new(2, 3)?, ChildFeatures::Encodings);
/// let mut features = Features::new(grid.n_features());
/// grid.encode(&grid.source(), &mut features.push_row());
/// let rows = grid.layout().split(&features);
/// assert_eq!(rows.states.n_rows(), 1);
/// assert_eq!(rows.children.n_rows(), 3); // down, right, and the exit
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct UniqueChildren<E> {
    env: E,
    features: ChildFeatures,
}

/// The children of a state, and which of them each action leads to.
struct Children<S> {
    /// The first action that leads to the same child, where the action is allowed.
    first_action: Vec<Option<u32>>,
    /// First action and child.
    distinct: Vec<(u32, S)>,
}

/// Private index from a child to the first action that leads there.
#[expect(
    clippy::disallowed_types,
    reason = "a private index, never iterated: states need not be ordered"
)]
type FirstActions<S> = std::collections::HashMap<S, u32>;

impl<E: Environment> UniqueChildren<E> {
    /// `env` with one action for each child.
    pub fn new(env: E, features: ChildFeatures) -> Self {
        Self { env, features }
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// Where the encoding has what.
    pub fn layout(&self) -> ChildLayout {
        ChildLayout {
            n_features: self.env.n_features(),
            n_actions: self.env.n_actions(),
            features: self.features,
        }
    }

    fn children(&self, state: &E::State) -> Children<E::State> {
        let mut allowed = vec![false; self.env.n_actions()];
        self.env.forward_mask(state, &mut allowed);
        let mut index = FirstActions::default();
        let mut children = Children {
            first_action: vec![None; allowed.len()],
            distinct: Vec::new(),
        };
        for action in (0..allowed.len()).filter(|&a| allowed[a]) {
            let mut child = state.clone();
            // An environment that refuses what its mask allows is told so where the step is taken.
            if self.env.step(&mut child, Action(action as u32)).is_err() {
                children.first_action[action] = Some(action as u32);
                continue;
            }
            let first = *index.entry(child.clone()).or_insert(action as u32);
            children.first_action[action] = Some(first);
            if first == action as u32 {
                children.distinct.push((first, child));
            }
        }
        children
    }

    /// The first action from `parent` to `child`, up to `action`, which is one.
    fn first_action(&self, parent: &E::State, child: &E::State, action: Action) -> Action {
        let mut allowed = vec![false; self.env.n_actions()];
        self.env.forward_mask(parent, &mut allowed);
        let leads_there = |a: &usize| {
            let mut other = parent.clone();
            allowed[*a] && self.env.step(&mut other, Action(*a as u32)).is_ok() && other == *child
        };
        let first = (0..action.index()).find(leads_there);
        Action(first.map_or(action.0, |a| a as u32))
    }

    /// The first backward action from `child` to `parent`, up to `action`, which is one.
    fn first_backward_action(
        &self,
        child: &E::State,
        parent: &E::State,
        action: BackwardAction,
    ) -> BackwardAction {
        let mut allowed = vec![false; self.env.n_backward_actions()];
        self.env.backward_mask(child, &mut allowed);
        let leads_there = |b: &usize| {
            let mut other = child.clone();
            let back = BackwardAction(*b as u32);
            allowed[*b] && self.env.step_back(&mut other, back).is_ok() && other == *parent
        };
        let first = (0..action.index()).find(leads_there);
        BackwardAction(first.map_or(action.0, |b| b as u32))
    }
}

impl<E: Environment> Environment for UniqueChildren<E> {
    type State = E::State;

    fn source(&self) -> E::State {
        self.env.source()
    }

    fn draw_source(&self, rng: &mut ChaCha8Rng) -> E::State {
        self.env.draw_source(rng)
    }

    fn is_source(&self, state: &E::State) -> bool {
        self.env.is_source(state)
    }

    fn n_actions(&self) -> usize {
        self.env.n_actions()
    }

    fn n_backward_actions(&self) -> usize {
        self.env.n_backward_actions()
    }

    fn max_len(&self) -> usize {
        self.env.max_len()
    }

    fn n_features(&self) -> usize {
        self.layout().width()
    }

    fn is_terminal(&self, state: &E::State) -> bool {
        self.env.is_terminal(state)
    }

    fn forward_mask(&self, state: &E::State, allowed: &mut [bool]) {
        let first_action = self.children(state).first_action;
        for (a, (allowed, first)) in (0..).zip(allowed.iter_mut().zip(first_action)) {
            *allowed = first == Some(a);
        }
    }

    fn backward_mask(&self, state: &E::State, allowed: &mut [bool]) {
        self.env.backward_mask(state, allowed);
        let mut parents = FirstActions::default();
        for (b, allowed) in allowed.iter_mut().enumerate().filter(|(_, ok)| **ok) {
            let mut parent = state.clone();
            let back = BackwardAction(b as u32);
            if self.env.step_back(&mut parent, back).is_ok() {
                *allowed = *parents.entry(parent).or_insert(b as u32) == b as u32;
            }
        }
    }

    fn step(
        &self,
        state: &mut E::State,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        let mut child = state.clone();
        let backward = self.env.step(&mut child, action)?;
        if self.first_action(state, &child, action) != action {
            return Err(EnvironmentError::invalid_action(action, state));
        }
        let backward = self.first_backward_action(&child, state, backward);
        *state = child;
        Ok(backward)
    }

    fn step_back(
        &self,
        state: &mut E::State,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        let mut parent = state.clone();
        let forward = self.env.step_back(&mut parent, action)?;
        if self.first_backward_action(state, &parent, action) != action {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        let forward = self.first_action(&parent, state, forward);
        *state = parent;
        Ok(forward)
    }

    fn encode(&self, state: &E::State, row: &mut FeatureRow<'_>) {
        self.env.encode(state, row);
        let layout = self.layout();
        let children = self.children(state);
        for (action, first) in children.first_action.iter().enumerate() {
            if let Some(first) = first {
                // One more than the action, so that the first action of all is not a zero.
                row.set(layout.n_features + action, *first as f32 + 1.0);
            }
        }
        if self.features == ChildFeatures::Encodings {
            let mut features = Features::new(layout.n_features);
            for (action, child) in &children.distinct {
                features.clear();
                self.env.encode(child, &mut features.push_row());
                let (indices, values) = features.row(0);
                for (&index, &value) in indices.iter().zip(values) {
                    row.set(layout.child_column(*action) + index as usize, value);
                }
            }
        }
    }

    fn describe(&self, state: &E::State) -> String {
        self.env.describe(state)
    }
}

impl<E: Enumerable> Enumerable for UniqueChildren<E> {
    fn n_terminal(&self) -> usize {
        self.env.n_terminal()
    }

    fn terminal(&self, index: usize) -> E::State {
        self.env.terminal(index)
    }

    fn index_of(&self, state: &E::State) -> Option<usize> {
        self.env.index_of(state)
    }
}

/// As the wrapped environment.
impl<E: Substructure> Substructure for UniqueChildren<E> {
    fn contains(&self, object: &E::State, part: &E::State) -> bool {
        self.env.contains(object, part)
    }
}

/// Where the encoding of [`UniqueChildren`] has what.
///
/// Columns `0..F` are the state's own; column `F + a` holds, for an allowed action `a`, one more than the first action to
/// the same child; with [`ChildFeatures::Encodings`], columns `F + A + a·F ..` are those of the child of a first action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLayout {
    n_features: usize,
    n_actions: usize,
    features: ChildFeatures,
}

/// Encodings of states with their children, taken apart.
#[derive(Clone, Debug)]
pub struct ChildRows {
    /// The states alone, `[R, F]`.
    pub states: Features,
    /// The first action to the same child, for each allowed action; row-major `[R, A]`.
    pub first_action: Vec<Option<u32>>,
    /// Distinct encodings of children, `[C, F]`; none where children are not encoded.
    pub children: Features,
    /// Row of `children` of each edge to a distinct child, in the order of states and of first actions.
    pub child_rows: Vec<u32>,
}

impl ChildLayout {
    /// Features of the wrapped environment, `F`.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Forward actions, `A`.
    pub fn n_actions(&self) -> usize {
        self.n_actions
    }

    /// Columns in all.
    pub fn width(&self) -> usize {
        let children = match self.features {
            ChildFeatures::Actions => 0,
            ChildFeatures::Encodings => self.n_actions * self.n_features,
        };
        self.n_features + self.n_actions + children
    }

    fn child_column(&self, action: u32) -> usize {
        self.n_features + self.n_actions + action as usize * self.n_features
    }

    /// Takes rows of the whole width apart.
    ///
    /// # Panics
    ///
    /// If `features` have another width.
    pub fn split(&self, features: &Features) -> ChildRows {
        assert_eq!(
            features.width(),
            self.width(),
            "rows of another environment: wrap it in UniqueChildren"
        );
        let (f, a) = (self.n_features, self.n_actions);
        let mut rows = ChildRows {
            states: Features::new(f),
            first_action: vec![None; features.n_rows() * a],
            children: Features::new(f),
            child_rows: Vec::new(),
        };
        let mut known: BTreeMap<Vec<(u32, u32)>, u32> = BTreeMap::new();
        let mut of_children: BTreeMap<usize, Vec<(u32, u32)>> = BTreeMap::new();
        for i in 0..features.n_rows() {
            let first_action = &mut rows.first_action[i * a..][..a];
            let mut state = rows.states.push_row();
            let (indices, values) = features.row(i);
            of_children.clear();
            for (&index, &value) in indices.iter().zip(values) {
                let index = index as usize;
                if index < f {
                    state.set(index, value);
                } else if index < f + a {
                    first_action[index - f] = Some(value as u32 - 1);
                } else {
                    let (action, column) = ((index - f - a) / f, (index - f - a) % f);
                    let entry = (column as u32, value.to_bits());
                    of_children.entry(action).or_default().push(entry);
                }
            }
            if self.features == ChildFeatures::Actions {
                continue;
            }
            for action in (0..a).filter(|&a| first_action[a] == Some(a as u32)) {
                let encoding = of_children.remove(&action).unwrap_or_default();
                let row = *known.entry(encoding).or_insert_with_key(|encoding| {
                    let mut row = rows.children.push_row();
                    for &(column, bits) in encoding {
                        row.set(column as usize, f32::from_bits(bits));
                    }
                    rows.children.n_rows() as u32 - 1
                });
                rows.child_rows.push(row);
            }
        }
        rows
    }
}
