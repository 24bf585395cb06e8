//! The latest batches of trajectories, first in, first out.

use crate::TrainError;
use gfn_env::rand::{Rng, RngExt as _};
use gfn_env::{Action, Environment, Trajectories, walk};
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Buffer<S> {
    capacity: usize,
    batches: VecDeque<Trajectories<S>>,
}

impl<S: Clone> Buffer<S> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            batches: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, batch: Trajectories<S>) {
        if self.batches.len() == self.capacity {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }

    /// `n` trajectories, each from a uniform batch and uniform within it, with replacement.
    pub(super) fn draw(&self, n: usize, rng: &mut impl Rng) -> Trajectories<S> {
        let mut drawn = Trajectories::new();
        for _ in 0..n {
            let batch = &self.batches[rng.random_range(0..self.batches.len())];
            drawn.push_copy(batch.trajectory(rng.random_range(0..batch.len())));
        }
        drawn
    }

    /// The actions of all trajectories, from which the rest follows.
    pub(super) fn actions(&self) -> Vec<Vec<Vec<u32>>> {
        let of_batch = |batch: &Trajectories<S>| {
            let trajectories = batch.iter();
            trajectories
                .map(|t| t.actions.iter().map(|a| a.0).collect())
                .collect()
        };
        self.batches.iter().map(of_batch).collect()
    }

    /// A buffer of this capacity with the trajectories of the given actions.
    ///
    /// Their log-rewards are not kept: P_B does not depend on them.
    pub(super) fn replayed<E: Environment<State = S>>(
        &self,
        env: &E,
        batches: &[Vec<Vec<u32>>],
    ) -> Result<Self, TrainError> {
        let mut buffer = Self::new(self.capacity);
        for actions in batches {
            let mut batch = Trajectories::new();
            for actions in actions {
                let actions: Vec<Action> = actions.iter().copied().map(Action).collect();
                let path = walk(env, &actions).map_err(|_refused| TrainError::Buffer)?;
                let (states, backward_actions) = path;
                batch.push(states, &actions, &backward_actions, 0.0);
            }
            buffer.push(batch);
        }
        Ok(buffer)
    }
}
