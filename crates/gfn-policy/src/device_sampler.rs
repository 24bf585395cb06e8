//! Sampling with any burn module: rows go to its device and logits come back, one call per step.

use crate::{BackwardPolicy, FeatureBatch, HostPolicy, Policy, Workspace};
use burn::tensor::{Device, Tensor};
use gfn_env::Features;

/// The fallback of [`Policy::sampler`] for networks without a host implementation.
#[derive(Debug)]
pub struct DeviceSampler<P> {
    policy: P,
    device: Device,
}

impl<P: Policy> DeviceSampler<P> {
    /// A copy of `policy` without gradient tracking.
    pub fn new(policy: &P) -> Self {
        let policy = policy.valid();
        let device = policy.device();
        Self { policy, device }
    }

    fn batch(&self, states: &Features) -> FeatureBatch {
        FeatureBatch::new(states.clone(), self.device.clone())
    }
}

fn read(tensor: Tensor<2>, out: &mut Vec<f32>) {
    out.clear();
    out.extend(tensor.into_data().iter::<f32>());
}

impl<P: Policy> HostPolicy for DeviceSampler<P> {
    fn forward_logits(&self, states: &Features, _workspace: &mut Workspace, logits: &mut Vec<f32>) {
        read(
            self.policy.logits(&self.batch(states)).forward.tensor(),
            logits,
        );
    }

    fn backward_logits(
        &self,
        states: &Features,
        _workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        logits.clear();
        if let Some(backward) = self.policy.logits(&self.batch(states)).backward {
            read(backward.tensor(), logits);
        }
    }

    fn backward_policy(&self) -> BackwardPolicy {
        self.policy.backward_policy()
    }
}
