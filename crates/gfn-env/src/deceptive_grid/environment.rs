//! Dynamics of the deceptive grid.

use crate::{
    Action, BackwardAction, Enumerable, Environment, EnvironmentError, FeatureRow, Hypergrid,
    HypergridState,
};

/// A grid that ends at its far sides; see the [module](crate::deceptive_grid) for the conventions.
///
/// # Examples
///
/// ```
/// use gfn_env::{Action, DeceptiveGrid, Environment as _};
///
/// let grid = DeceptiveGrid::new(2, 3)?;
/// let mut state = grid.source();
/// for _ in 0..2 {
///     grid.step(&mut state, Action(1))?;
/// }
/// assert_eq!(state.coordinates(), [0, 2]);
/// assert!(grid.is_terminal(&state), "a far side, without an exit");
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeceptiveGrid {
    grid: Hypergrid,
}

impl DeceptiveGrid {
    /// A grid with `dimensions` axes of `side` cells.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `1 <= dimensions <= 16` and `2 <= side <= 65535`.
    pub fn new(dimensions: usize, side: usize) -> Result<Self, EnvironmentError> {
        let grid = Hypergrid::new(dimensions, side)?;
        Ok(Self { grid })
    }

    /// `D`, the number of axes.
    pub fn dimensions(&self) -> usize {
        self.grid.dimensions()
    }

    /// `H`, the number of cells along an axis.
    pub fn side(&self) -> usize {
        self.grid.side()
    }

    /// The exit action, the last one.
    pub fn exit(&self) -> Action {
        self.grid.exit()
    }

    /// The object at some coordinates: the exited cell, or the cell itself at a far side.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless there are `D` coordinates below `H`, at most one of them `H − 1`.
    pub fn object(&self, coordinates: &[u16]) -> Result<HypergridState, EnvironmentError> {
        let cell = self.grid.cell(coordinates)?;
        match self.n_at_far_sides(&cell) {
            0 => self.grid.exited_cell(coordinates),
            1 => Ok(cell),
            _ => Err(EnvironmentError::invalid_parameter(
                "coordinates",
                &coordinates,
                "at most one of them can be the last: a walk ends there",
            )),
        }
    }

    /// Number of coordinates that are the last.
    fn n_at_far_sides(&self, state: &HypergridState) -> usize {
        let last = |x: &&u16| usize::from(**x) + 1 == self.side();
        state.coordinates().iter().filter(last).count()
    }

    /// The coordinate that is the last.
    fn far_side(&self, state: &HypergridState) -> Option<usize> {
        let mut coordinates = state.coordinates().iter();
        coordinates.position(|x| usize::from(*x) + 1 == self.side())
    }

    /// `(H − 1)^n`, where a `usize` holds it.
    fn n_inner(&self, n: usize) -> Option<usize> {
        (self.side() - 1).checked_pow(n as u32)
    }
}

impl Environment for DeceptiveGrid {
    type State = HypergridState;

    fn source(&self) -> HypergridState {
        self.grid.source()
    }

    fn n_actions(&self) -> usize {
        self.grid.n_actions()
    }

    fn n_backward_actions(&self) -> usize {
        self.grid.n_backward_actions()
    }

    fn max_len(&self) -> usize {
        self.dimensions() * (self.side() - 2) + 1
    }

    fn n_features(&self) -> usize {
        self.grid.n_features()
    }

    fn is_terminal(&self, state: &HypergridState) -> bool {
        state.has_exited() || self.far_side(state).is_some()
    }

    fn forward_mask(&self, state: &HypergridState, allowed: &mut [bool]) {
        allowed.fill(!self.is_terminal(state));
    }

    fn backward_mask(&self, state: &HypergridState, allowed: &mut [bool]) {
        self.grid.backward_mask(state, allowed);
        if let Some(side) = self.far_side(state) {
            for (i, a) in allowed.iter_mut().enumerate() {
                *a = i == side;
            }
        }
    }

    fn step(
        &self,
        state: &mut HypergridState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        if self.is_terminal(state) {
            return Err(EnvironmentError::invalid_action(action, state));
        }
        self.grid.step(state, action)
    }

    fn step_back(
        &self,
        state: &mut HypergridState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        if self
            .far_side(state)
            .is_some_and(|side| side != action.index())
        {
            return Err(EnvironmentError::invalid_backward_action(action, state));
        }
        self.grid.step_back(state, action)
    }

    fn encode(&self, state: &HypergridState, row: &mut FeatureRow<'_>) {
        self.grid.encode(state, row);
    }

    fn describe(&self, state: &HypergridState) -> String {
        self.grid.describe(state)
    }
}

impl Enumerable for DeceptiveGrid {
    /// `(H − 1)^D + D·(H − 1)^{D−1}`; `usize::MAX` where a `usize` cannot hold it, and then
    /// [`index_of`](Enumerable::index_of) is always `None`.
    fn n_terminal(&self) -> usize {
        let d = self.dimensions();
        let count = || {
            let far = self.n_inner(d - 1)?.checked_mul(d)?;
            self.n_inner(d)?.checked_add(far)
        };
        count().unwrap_or(usize::MAX)
    }

    fn terminal(&self, index: usize) -> HypergridState {
        assert!(index < self.n_terminal(), "terminal state {index}");
        let d = self.dimensions();
        let (mut rest, mut side) = (index, None);
        if let Some(within) = self.n_inner(d).and_then(|n| index.checked_sub(n)) {
            // Each far side has as many cells.
            let n = self.n_inner(d - 1).unwrap_or(usize::MAX);
            side = Some(within / n);
            rest = within % n;
        }
        let mut coordinates = vec![0; d];
        for i in (0..d).rev() {
            if side == Some(i) {
                coordinates[i] = (self.side() - 1) as u16;
            } else {
                coordinates[i] = (rest % (self.side() - 1)) as u16;
                rest /= self.side() - 1;
            }
        }
        #[expect(
            clippy::expect_used,
            reason = "the coordinates are in range and at most one is the last"
        )]
        self.object(&coordinates).expect("an object")
    }

    fn index_of(&self, state: &HypergridState) -> Option<usize> {
        if !self.is_terminal(state) || self.n_terminal() == usize::MAX {
            return None;
        }
        let side = self.far_side(state);
        let coordinates = state.coordinates().iter().enumerate();
        let inner = coordinates.filter(|(i, _)| side != Some(*i));
        let number = inner.fold(0, |n, (_, x)| n * (self.side() - 1) + usize::from(*x));
        match side {
            None => Some(number),
            Some(side) => {
                let d = self.dimensions();
                Some(self.n_inner(d)? + side * self.n_inner(d - 1)? + number)
            }
        }
    }
}
