//! Which partial objects are parts of which objects: [`Substructure`].

use std::sync::Arc;

use crate::sequence::SequenceOrder;
use crate::{
    Bag, BagState, BitSequence, BitSequenceState, Environment, Hypergrid, HypergridState, Indexed,
    Peptide, PeptideState, Sequence, SequenceState, Set, SetState, TfBind8, TfBind8State,
};

/// An environment that can tell, without a search, whether a state lies on a way to an object.
///
/// The tests of this crate hold every implementation to the enumerated graph.
///
/// # Examples
///
/// ```
/// use gfn_env::{Hypergrid, Substructure as _};
///
/// let grid = Hypergrid::new(2, 4)?;
/// let object = grid.exited_cell(&[2, 1])?;
/// assert!(grid.contains(&object, &grid.cell(&[2, 0])?));
/// assert!(!grid.contains(&object, &grid.cell(&[0, 3])?));
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
pub trait Substructure: Environment {
    /// Whether some trajectory to the terminal state `object` passes through `part`.
    ///
    /// `object` contains itself and no other terminal state. Where `part` is contained and not `object`, so is one of its
    /// children.
    fn contains(&self, object: &Self::State, part: &Self::State) -> bool;
}

/// No coordinate is larger.
impl Substructure for Hypergrid {
    fn contains(&self, object: &HypergridState, part: &HypergridState) -> bool {
        let mut pairs = part.coordinates().iter().zip(object.coordinates());
        if part.has_exited() {
            part == object
        } else {
            pairs.all(|(p, x)| p <= x)
        }
    }
}

/// The filled words agree.
impl Substructure for BitSequence {
    fn contains(&self, object: &BitSequenceState, part: &BitSequenceState) -> bool {
        let filled = |slot| self.word(part, slot).map(|word| (slot, word));
        (0..self.n_slots())
            .filter_map(filled)
            .all(|(slot, word)| self.word(object, slot) == Some(word))
    }
}

/// A prefix, letters beside each other, or letters at their positions.
impl Substructure for Sequence {
    fn contains(&self, object: &SequenceState, part: &SequenceState) -> bool {
        let (whole, letters) = (object.letters(), part.letters());
        match self.order() {
            SequenceOrder::Append => whole.starts_with(letters),
            SequenceOrder::EitherEnd => {
                let mut places = whole.windows(letters.len().max(1));
                letters.is_empty() || places.any(|window| window == letters)
            }
            SequenceOrder::AnyPosition => part.placed().all(|(i, b)| object.letter(i) == Some(b)),
        }
    }
}

/// A prefix.
impl Substructure for TfBind8 {
    fn contains(&self, object: &TfBind8State, part: &TfBind8State) -> bool {
        (0..part.length()).all(|i| part.letter(i) == object.letter(i))
    }
}

/// A prefix; a chain that has stopped is a part of itself alone.
impl Substructure for Peptide {
    fn contains(&self, object: &PeptideState, part: &PeptideState) -> bool {
        if part.is_stopped() {
            part == object
        } else {
            object.letters().starts_with(part.letters())
        }
    }
}

/// A subset; a set that has exited is a part of itself alone.
impl Substructure for Set {
    fn contains(&self, object: &SetState, part: &SetState) -> bool {
        if part.has_exited() {
            part == object
        } else {
            part.bits() & !object.bits() == 0
        }
    }
}

/// No letter is in more often.
impl Substructure for Bag {
    fn contains(&self, object: &BagState, part: &BagState) -> bool {
        let mut pairs = part.counts().iter().zip(object.counts());
        pairs.all(|(p, x)| p <= x)
    }
}

/// As the wrapped environment.
impl<E: Substructure> Substructure for Indexed<E> {
    fn contains(&self, object: &E::State, part: &E::State) -> bool {
        self.inner().contains(object, part)
    }
}

macro_rules! forward_through {
    ($($pointer:ty),+) => {$(
        impl<E: Substructure + ?Sized> Substructure for $pointer {
            fn contains(&self, object: &Self::State, part: &Self::State) -> bool {
                (**self).contains(object, part)
            }
        }
    )+};
}

forward_through!(&E, Box<E>, Arc<E>);
