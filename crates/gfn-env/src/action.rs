//! Edge labels: [`Action`] for forward edges, [`BackwardAction`] for backward edges.
//!
//! The two are separate types because they index different policies: a forward action indexes a row of
//! `n_actions` logits at the parent, a backward action a row of `n_backward_actions` logits at the child.

/// Index of a forward edge at the state it leaves, in `0..n_actions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Action(pub u32);

impl Action {
    /// The index as a `usize`, to index a row of masks or logits.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a backward edge at the state it leaves (the child), in `0..n_backward_actions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BackwardAction(pub u32);

impl BackwardAction {
    /// The index as a `usize`, to index a row of masks or logits.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
