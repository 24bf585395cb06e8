//! The policy without preferences.

use gfn_env::{Environment, Features};
use gfn_policy::{BackwardPolicy, HostPolicy, Workspace};

/// P_F and P_B uniform over the allowed actions.
#[derive(Clone, Copy, Debug)]
pub(super) struct UniformPolicy {
    n_actions: usize,
}

impl UniformPolicy {
    pub(super) fn new<E: Environment>(env: &E) -> Self {
        Self {
            n_actions: env.n_actions(),
        }
    }
}

impl HostPolicy for UniformPolicy {
    fn forward_logits(&self, states: &Features, _workspace: &mut Workspace, logits: &mut Vec<f32>) {
        logits.clear();
        logits.resize(states.n_rows() * self.n_actions, 0.0);
    }

    fn backward_logits(
        &self,
        _states: &Features,
        _workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        logits.clear();
    }

    fn backward_policy(&self) -> BackwardPolicy {
        BackwardPolicy::Uniform
    }
}
