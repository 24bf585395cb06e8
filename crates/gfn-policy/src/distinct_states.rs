//! Distinct states as rows of features, for batches that look at the edges around visited states.

use burn::tensor::{Int, Tensor, TensorData};
use gfn_env::{Environment, Features};

/// Private index from a state to a number.
#[expect(
    clippy::disallowed_types,
    reason = "a private index, never iterated: states need not be ordered"
)]
pub(crate) type Index<S> = std::collections::HashMap<S, i32>;

/// Rows of features, one for each distinct state.
pub(crate) struct DistinctStates<'e, E: Environment> {
    env: &'e E,
    features: Features,
    index: Index<E::State>,
}

impl<'e, E: Environment> DistinctStates<'e, E> {
    pub(crate) fn new(env: &'e E) -> Self {
        Self {
            env,
            features: Features::new(env.n_features()),
            index: Index::default(),
        }
    }

    /// The row of `state`; one more where it is new.
    pub(crate) fn row_of(&mut self, state: &E::State) -> i32 {
        if let Some(&row) = self.index.get(state) {
            return row;
        }
        let row = self.features.n_rows() as i32;
        self.env.encode(state, &mut self.features.push_row());
        self.index.insert(state.clone(), row);
        row
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.features.n_rows()
    }

    pub(crate) fn into_features(self) -> Features {
        self.features
    }
}

/// The entries of `values` at `positions`.
pub(crate) fn select(values: &Tensor<1>, positions: &[i32]) -> Tensor<1> {
    let positions = TensorData::new(positions.to_vec(), [positions.len()]);
    let positions: Tensor<1, Int> = Tensor::from_data(positions, &values.device());
    values.clone().select(0, positions)
}
