//! The parents of the states that trajectories visit.

use crate::distinct_states::{DistinctStates, Index, select};
use burn::tensor::Tensor;
use gfn_env::{BackwardAction, Environment, EnvironmentError, Features, Trajectories};
use gfn_loss::Segments;
use std::sync::Arc;

/// The states that a batch visits behind the source, each once, with their parents.
#[derive(Clone, Debug)]
pub struct ParentBatch {
    features: Arc<Features>,
    is_source: Vec<bool>,
    parents: Vec<i32>,
    segments: Segments,
    inner: Vec<i32>,
    inner_children: Vec<i32>,
    edges: Vec<[i32; 2]>,
}

impl ParentBatch {
    /// Encodes the states of `trajectories` with their parents; a terminal state is no parent and needs no row.
    ///
    /// # Errors
    ///
    /// If the environment refuses a backward action that its mask allows.
    pub fn new<E: Environment>(
        env: &E,
        trajectories: &Trajectories<E::State>,
    ) -> Result<Self, EnvironmentError> {
        let mut states = DistinctStates::new(env);
        let mut is_source = Vec::new();
        let mut row_of = |state: &E::State| {
            let row = states.row_of(state);
            if states.len() > is_source.len() {
                is_source.push(env.is_source(state));
            }
            row
        };
        let mut known: Index<E::State> = Index::default();
        let mut allowed = vec![false; env.n_backward_actions()];
        let (mut parents, mut offsets) = (Vec::new(), vec![0]);
        let (mut inner, mut inner_children) = (Vec::new(), Vec::new());
        let mut edges = Vec::with_capacity(trajectories.n_transitions());
        for trajectory in trajectories.iter() {
            for edge in trajectory.states.windows(2) {
                let (parent, child) = (&edge[0], &edge[1]);
                let number = match known.get(child) {
                    Some(&number) => number,
                    None => {
                        let number = offsets.len() as i32 - 1;
                        env.backward_mask(child, &mut allowed);
                        for b in (0..allowed.len()).filter(|&b| allowed[b]) {
                            let mut state = child.clone();
                            env.step_back(&mut state, BackwardAction(b as u32))?;
                            parents.push(row_of(&state));
                        }
                        offsets.push(parents.len());
                        if !env.is_terminal(child) {
                            inner.push(row_of(child));
                            inner_children.push(number);
                        }
                        known.insert(child.clone(), number);
                        number
                    }
                };
                edges.push([row_of(parent), number]);
            }
        }
        Ok(Self {
            features: Arc::new(states.into_features()),
            is_source,
            parents,
            segments: Segments::new(offsets),
            inner,
            inner_children,
            edges,
        })
    }

    /// One row for each distinct state: parents, and visited states that are not terminal.
    pub fn features(&self) -> Arc<Features> {
        Arc::clone(&self.features)
    }

    /// Whether each row is a source, `[R]`.
    pub fn is_source(&self) -> &[bool] {
        &self.is_source
    }

    /// `log Σ` over the parents of the exponentials of `values`, `[R]`, for every distinct visited state behind the source,
    /// `[C]`.
    pub fn log_sum_of_parents(&self, values: &Tensor<1>) -> Tensor<1> {
        let parents = select(values, &self.parents);
        self.segments.log_sum_exp(parents)
    }

    /// Of the states that are not terminal: the entry of `values`, `[R]`, and that of `sums`, `[C]`; both `[I]`.
    pub fn inner(&self, values: &Tensor<1>, sums: &Tensor<1>) -> [Tensor<1>; 2] {
        let Self {
            inner,
            inner_children,
            ..
        } = self;
        [select(values, inner), select(sums, inner_children)]
    }

    /// How many visited states are neither the source nor terminal.
    pub fn n_inner(&self) -> usize {
        self.inner.len()
    }

    /// `value of the parent − sum of the child` of every transition, `[N]`: `log P_B` where a parent is as likely as the
    /// exponential of its value.
    pub fn log_shares(&self, values: &[f32], sums: &[f32]) -> Vec<f32> {
        let share = |&[parent, child]: &[i32; 2]| values[parent as usize] - sums[child as usize];
        self.edges.iter().map(share).collect()
    }
}
