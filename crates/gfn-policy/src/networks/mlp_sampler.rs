//! What samples with an [`MlpPolicy`]: a copy of its weights on the host, or its device.

use super::mlp::HostMlp;
use super::mlp_policy::MlpPolicy;
use crate::{BackwardPolicy, DeviceActions, DeviceSampler, HostPolicy, Policy as _, Workspace};
use gfn_env::Features;
use std::ops::Range;
use std::sync::OnceLock;

/// Host copy of an [`MlpPolicy`].
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

/// An [`MlpPolicy`] on an accelerator: batches of at least `least_lanes` are sampled there. All else is computed from a copy
/// of the weights on the host, made when it is first asked for.
#[derive(Debug)]
pub(super) struct DeviceMlpPolicy {
    device: DeviceSampler<MlpPolicy>,
    host: OnceLock<HostMlpPolicy>,
    least_lanes: usize,
}

impl DeviceMlpPolicy {
    pub(super) fn new(policy: &MlpPolicy, least_lanes: usize) -> Self {
        Self {
            device: DeviceSampler::new(policy),
            host: OnceLock::new(),
            least_lanes,
        }
    }

    fn host(&self) -> &HostMlpPolicy {
        self.host.get_or_init(|| self.device.policy().host())
    }
}

impl HostPolicy for DeviceMlpPolicy {
    fn forward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        self.host().forward_logits(states, workspace, logits);
    }

    fn allowed_forward_logits(
        &self,
        states: &Features,
        allowed: &[bool],
        workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        let host = self.host();
        host.allowed_forward_logits(states, allowed, workspace, logits);
    }

    fn backward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        self.host().backward_logits(states, workspace, logits);
    }

    fn backward_policy(&self) -> BackwardPolicy {
        self.device.policy().backward_policy()
    }

    fn device_actions(&self, n_lanes: usize) -> Option<&dyn DeviceActions> {
        (n_lanes >= self.least_lanes).then_some(&self.device)
    }
}
