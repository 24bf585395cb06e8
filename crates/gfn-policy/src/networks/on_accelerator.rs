//! Where a policy is sampled: on the accelerator that it lies on, or from a copy of its weights on the host.

use super::Sampling;
use crate::device_sampler::lies_on_host;
use crate::{BackwardPolicy, DeviceActions, DeviceSampler, HostPolicy, Policy, Workspace};
use gfn_env::Features;
use std::sync::OnceLock;

/// What samples with `policy`, where `sampling` says; `copy` makes a copy of its weights on the host.
pub(super) fn sampler<P: Policy, H: HostPolicy + 'static>(
    policy: &P,
    sampling: Sampling,
    copy: fn(&P) -> H,
) -> Box<dyn HostPolicy> {
    match sampling {
        Sampling::Automatic if !lies_on_host(&policy.device()) => {
            let least_lanes = Sampling::LEAST_DEVICE_LANES;
            Box::new(OnAccelerator::new(policy, copy, least_lanes))
        }
        Sampling::Device => Box::new(OnAccelerator::new(policy, copy, 0)),
        Sampling::Automatic | Sampling::Host => Box::new(copy(policy)),
    }
}

/// A policy on an accelerator: batches of at least `least_lanes` are sampled there. All else is computed from a copy of the
/// weights on the host, made when it is first asked for.
#[derive(Debug)]
struct OnAccelerator<P, H> {
    device: DeviceSampler<P>,
    host: OnceLock<H>,
    copy: fn(&P) -> H,
    least_lanes: usize,
}

impl<P: Policy, H> OnAccelerator<P, H> {
    fn new(policy: &P, copy: fn(&P) -> H, least_lanes: usize) -> Self {
        Self {
            device: DeviceSampler::new(policy),
            host: OnceLock::new(),
            copy,
            least_lanes,
        }
    }

    fn host(&self) -> &H {
        self.host.get_or_init(|| (self.copy)(self.device.policy()))
    }
}

impl<P: Policy, H: HostPolicy> HostPolicy for OnAccelerator<P, H> {
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
