//! What samples with an [`MlpPolicy`](super::MlpPolicy): a copy of its weights on the host.

use super::mlp::HostMlp;
use crate::{BackwardPolicy, HostPolicy, Workspace};
use gfn_env::Features;
use std::ops::Range;

/// Host copy of an [`MlpPolicy`](super::MlpPolicy).
#[derive(Debug)]
pub(super) struct HostMlpPolicy {
    pub(super) forward: HostMlp,
    pub(super) n_actions: usize,
    pub(super) backward: HostBackward,
}

#[derive(Debug)]
pub(super) enum HostBackward {
    Uniform,
    /// Columns of the forward network.
    Shared(Range<usize>),
    Separate(HostMlp),
}

impl HostPolicy for HostMlpPolicy {
    fn forward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        // All heads are computed, so that a recorded pass and any other give the same bits.
        self.forward
            .columns(states, None, workspace, 0..self.n_actions, logits);
    }

    fn allowed_forward_logits(
        &self,
        states: &Features,
        allowed: &[bool],
        workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        let allowed = Some(allowed).filter(|_| self.forward.is_wide());
        self.forward
            .columns(states, allowed, workspace, 0..self.n_actions, logits);
    }

    fn backward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        match &self.backward {
            HostBackward::Shared(columns) => {
                self.forward
                    .columns(states, None, workspace, columns.clone(), logits);
            }
            HostBackward::Separate(mlp) => mlp.forward(states, workspace, logits),
            HostBackward::Uniform => logits.clear(),
        }
    }

    fn backward_policy(&self) -> BackwardPolicy {
        match self.backward {
            HostBackward::Shared(_) | HostBackward::Separate(_) => BackwardPolicy::Learned,
            HostBackward::Uniform => BackwardPolicy::Uniform,
        }
    }
}
