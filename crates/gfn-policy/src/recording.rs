//! What a network computed while trajectories were sampled, for a training pass under the same parameters.

use crate::kernels::mlp::host::Activations;
use gfn_env::Features;
use std::sync::Arc;

/// The encoded states of a rollout in the order in which they were evaluated, and the network's activations for them.
///
/// Of use for as long as the parameters do not change; [`TransitionBatch::recorded`](crate::TransitionBatch::recorded)
/// takes it.
#[derive(Debug, Default)]
pub struct Recording {
    pub(crate) features: Option<Features>,
    /// Row of the state before each transition, trajectory after trajectory.
    pub(crate) rows: Vec<i32>,
    pub(crate) activations: Vec<Arc<Activations>>,
}

impl Recording {
    /// Appends the rows of one group of lanes; `rows` are counted within it.
    pub(crate) fn push(
        &mut self,
        features: &Features,
        rows: impl Iterator<Item = u32>,
        activations: Activations,
    ) {
        let all = self
            .features
            .get_or_insert_with(|| Features::new(features.width()));
        let start = all.n_rows() as i32;
        all.append(features);
        self.rows.extend(rows.map(|row| start + row as i32));
        self.activations.push(Arc::new(activations));
    }
}
