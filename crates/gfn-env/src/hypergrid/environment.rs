//! Dynamics of the hypergrid.

use std::fmt;

use crate::{Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow};

/// Largest number of dimensions: coordinates live inline in the state.
pub const MAX_DIMENSIONS: usize = 16;

/// A `D`-dimensional grid of side `H`; see the [module](crate::hypergrid) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{Action, Environment as _, Hypergrid};
///
/// let grid = Hypergrid::new(2, 8)?;
/// let mut state = grid.source();
/// grid.step(&mut state, Action(1))?;
/// grid.step(&mut state, grid.exit())?;
/// assert_eq!(state.coordinates(), [0, 1]);
/// assert!(grid.is_terminal(&state));
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hypergrid {
    dimensions: usize,
    side: u16,
}

/// A cell of a [`Hypergrid`], and whether the walk has exited there.
///
/// With the feature `serde` it is a map of `coordinates` and `exited`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "Parts", into = "Parts")
)]
pub struct HypergridState {
    /// Coordinates beyond the dimensions of the grid are 0.
    coordinates: [u16; MAX_DIMENSIONS],
    dimensions: u8,
    exited: bool,
}

impl HypergridState {
    /// The coordinates, one per dimension.
    pub fn coordinates(&self) -> &[u16] {
        &self.coordinates[..usize::from(self.dimensions)]
    }

    /// Whether the walk has exited here, which makes the state terminal.
    pub fn has_exited(&self) -> bool {
        self.exited
    }
}

/// A state as it is written.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    coordinates: Vec<u16>,
    exited: bool,
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for HypergridState {
    type Error = EnvironmentError;

    fn try_from(parts: Parts) -> Result<Self, EnvironmentError> {
        // The side is not known here: a state has to be read for the grid that it was written for.
        let grid = Hypergrid::new(parts.coordinates.len(), usize::from(u16::MAX))?;
        let mut state = grid.cell(&parts.coordinates)?;
        state.exited = parts.exited;
        Ok(state)
    }
}

#[cfg(feature = "serde")]
impl From<HypergridState> for Parts {
    fn from(state: HypergridState) -> Self {
        Self {
            coordinates: state.coordinates().to_vec(),
            exited: state.exited,
        }
    }
}

impl fmt::Debug for HypergridState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exited = if self.exited { " exited" } else { "" };
        write!(f, "{:?}{exited}", self.coordinates())
    }
}

impl Hypergrid {
    /// A grid with `dimensions` axes of `side` cells.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `1 <= dimensions <= 16` and `2 <= side <= 65535`.
    pub fn new(dimensions: usize, side: usize) -> Result<Self, EnvironmentError> {
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(EnvironmentError::invalid_parameter(
                "dimensions",
                &dimensions,
                "it must be between 1 and 16",
            ));
        }
        match u16::try_from(side) {
            Ok(side) if side >= 2 => Ok(Self { dimensions, side }),
            _ => Err(EnvironmentError::invalid_parameter(
                "side",
                &side,
                "it must be between 2 and 65535",
            )),
        }
    }

    /// `D`, the number of axes.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// `H`, the number of cells along an axis.
    pub fn side(&self) -> usize {
        usize::from(self.side)
    }

    /// The exit action, the last one.
    pub fn exit(&self) -> Action {
        Action(self.dimensions as u32)
    }

    /// `H^D`, the number of cells; `None` where a `usize` cannot hold it.
    pub fn n_cells(&self) -> Option<usize> {
        self.side().checked_pow(self.dimensions as u32)
    }

    /// The cell at `coordinates`, not exited.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] where there are not `D` coordinates below `H`.
    pub fn cell(&self, coordinates: &[u16]) -> Result<HypergridState, EnvironmentError> {
        if coordinates.len() != self.dimensions || coordinates.iter().any(|x| *x >= self.side) {
            return Err(EnvironmentError::invalid_parameter(
                "coordinates",
                &coordinates,
                "there must be one per dimension, each below the side of the grid",
            ));
        }
        let mut state = self.source();
        state.coordinates[..self.dimensions].copy_from_slice(coordinates);
        Ok(state)
    }

    /// The terminal state at `coordinates`.
    ///
    /// # Errors
    ///
    /// As [`cell`](Self::cell).
    pub fn exited_cell(&self, coordinates: &[u16]) -> Result<HypergridState, EnvironmentError> {
        let mut state = self.cell(coordinates)?;
        state.exited = true;
        Ok(state)
    }
}

impl Environment for Hypergrid {
    type State = HypergridState;

    fn source(&self) -> HypergridState {
        HypergridState {
            coordinates: [0; MAX_DIMENSIONS],
            dimensions: self.dimensions as u8,
            exited: false,
        }
    }

    fn n_actions(&self) -> usize {
        self.dimensions + 1
    }

    fn n_backward_actions(&self) -> usize {
        self.dimensions
    }

    fn max_len(&self) -> usize {
        self.dimensions * (self.side() - 1) + 1
    }

    fn n_features(&self) -> usize {
        self.dimensions * self.side()
    }

    fn is_terminal(&self, state: &HypergridState) -> bool {
        state.exited
    }

    fn forward_mask(&self, state: &HypergridState, allowed: &mut [bool]) {
        for (a, x) in allowed.iter_mut().zip(state.coordinates()) {
            *a = !state.exited && *x + 1 < self.side;
        }
        allowed[self.dimensions] = !state.exited;
    }

    fn backward_mask(&self, state: &HypergridState, allowed: &mut [bool]) {
        for (a, x) in allowed.iter_mut().zip(state.coordinates()) {
            *a = !state.exited && *x > 0;
        }
        // The one parent of an exited cell is the cell.
        allowed[0] |= state.exited;
    }

    fn step(
        &self,
        state: &mut HypergridState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        let d = action.index();
        if state.exited
            || d > self.dimensions
            || (d < self.dimensions && state.coordinates[d] + 1 >= self.side)
        {
            return Err(EnvironmentError::invalid_action(action, state));
        }
        if d == self.dimensions {
            state.exited = true;
            return Ok(BackwardAction(0));
        }
        state.coordinates[d] += 1;
        Ok(BackwardAction(action.0))
    }

    fn step_back(
        &self,
        state: &mut HypergridState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        let d = action.index();
        let allowed = if state.exited {
            d == 0
        } else {
            d < self.dimensions && state.coordinates[d] > 0
        };
        if !allowed {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        if state.exited {
            state.exited = false;
            return Ok(self.exit());
        }
        state.coordinates[d] -= 1;
        Ok(Action(action.0))
    }

    fn encode(&self, state: &HypergridState, row: &mut FeatureRow<'_>) {
        for (d, x) in state.coordinates().iter().enumerate() {
            row.one(d * self.side() + usize::from(*x));
        }
    }

    fn describe(&self, state: &HypergridState) -> String {
        let words: Vec<String> = state.coordinates().iter().map(u16::to_string).collect();
        words.join(" ")
    }
}

impl Enumerable for Hypergrid {
    /// `H^D`; `usize::MAX` where a `usize` cannot hold it, and then [`index_of`](Enumerable::index_of) is always `None`.
    fn n_terminal(&self) -> usize {
        self.n_cells().unwrap_or(usize::MAX)
    }

    fn terminal(&self, index: usize) -> HypergridState {
        assert!(index < self.n_terminal(), "terminal state {index}");
        let mut state = self.source();
        state.exited = true;
        let mut rest = index;
        for x in state.coordinates[..self.dimensions].iter_mut().rev() {
            *x = (rest % self.side()) as u16;
            rest /= self.side();
        }
        state
    }

    fn index_of(&self, state: &HypergridState) -> Option<usize> {
        if !state.exited {
            return None;
        }
        self.n_cells()?;
        let index = state
            .coordinates()
            .iter()
            .fold(0, |index, x| index * self.side() + usize::from(*x));
        Some(index)
    }
}
