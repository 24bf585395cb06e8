//! Sampling with any burn module on its own device.

use crate::device_choice::choose;
use crate::{BackwardPolicy, FeatureBatch, HostPolicy, Policy, SoftmaxMixture, Workspace};
use burn::tensor::{Device, Tensor};
use gfn_env::{Action, Features};
use gfn_loss::Kernels;
use gfn_loss::transfers::{measuring, read_back};

/// A part of a batch that waits for a device by itself has at least so many lanes: with fewer, a second part adds as many
/// operations again, each of which takes the time of its start.
const LEAST_LANES_OF_A_PART: usize = 512;

/// The states of one step of a rollout, for a policy that samples actions itself.
#[derive(Clone, Debug)]
pub struct RowsToSample {
    /// The encoded states, `R` rows.
    pub features: Features,
    /// Whether each action is allowed, `[R, A]`; at least one of every row is.
    pub allowed: Vec<bool>,
    /// A uniform number in [0, 1) for each row, which decides the action, `[R]`.
    pub uniform: Vec<f64>,
    /// The behaviour in each row, `[R]`; all have the same fixed action, or none.
    pub mixtures: Vec<SoftmaxMixture>,
}

/// A policy that samples actions on its device, so that one small number for each state comes back and not its logits.
pub trait DeviceActions: Sync {
    /// In how many parts of a batch of so many lanes the lanes step together.
    ///
    /// With two, the lanes of one part step on the host while the device works for the other, given two threads.
    fn n_parts(&self, n_lanes: usize) -> usize {
        // What is measured must not overlap.
        if n_lanes < 2 * LEAST_LANES_OF_A_PART || measuring() {
            1
        } else {
            2
        }
    }

    /// An allowed action for each row, drawn by the row's uniform number as [`sample_index`](crate::sample_index) draws,
    /// up to the rounding of single precision; `None` where the logits of the row are not finite.
    fn sample_actions(&self, rows: RowsToSample) -> Vec<Option<Action>>;
}

/// Whether tensors of `device` lie in host memory, as far as this build knows.
pub(crate) fn lies_on_host(device: &Device) -> bool {
    Kernels::Fused.run_on_host(device)
}

/// The fallback of [`Policy::sampler`] for networks without a host implementation.
///
/// On an accelerator it samples actions there where the behaviour has a
/// [closed form](crate::Behaviour::closed_form). Elsewhere rows go to the device and logits come back, one call per step.
#[derive(Debug)]
pub struct DeviceSampler<P> {
    policy: P,
    device: Device,
    samples: bool,
}

impl<P: Policy> DeviceSampler<P> {
    /// A copy of `policy` without gradient tracking.
    pub fn new(policy: &P) -> Self {
        let policy = policy.valid();
        let device = policy.device();
        Self {
            policy,
            samples: !lies_on_host(&device),
            device,
        }
    }

    /// The same, which samples actions in tensor operations on host memory too: what an accelerator does, for tests and
    /// benches.
    #[must_use]
    pub fn sampling_on_device(self) -> Self {
        Self {
            samples: true,
            ..self
        }
    }

    pub(crate) fn policy(&self) -> &P {
        &self.policy
    }

    fn batch(&self, states: Features) -> FeatureBatch {
        FeatureBatch::new(states, self.device.clone())
    }

    fn read(&self, tensor: Tensor<2>, out: &mut Vec<f32>) {
        out.clear();
        out.extend(read_back(&self.device, || tensor.into_data()).iter::<f32>());
    }
}

impl<P: Policy> DeviceActions for DeviceSampler<P> {
    fn sample_actions(&self, mut rows: RowsToSample) -> Vec<Option<Action>> {
        let features = std::mem::replace(&mut rows.features, Features::new(0));
        let logits = self.policy.logits(&self.batch(features)).forward.tensor();
        choose(logits, &rows)
    }
}

impl<P: Policy> HostPolicy for DeviceSampler<P> {
    fn forward_logits(&self, states: &Features, _workspace: &mut Workspace, logits: &mut Vec<f32>) {
        let states = self.batch(states.clone());
        self.read(self.policy.logits(&states).forward.tensor(), logits);
    }

    fn backward_logits(
        &self,
        states: &Features,
        _workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        logits.clear();
        let states = self.batch(states.clone());
        if let Some(backward) = self.policy.logits(&states).backward {
            self.read(backward.tensor(), logits);
        }
    }

    fn backward_policy(&self) -> BackwardPolicy {
        self.policy.backward_policy()
    }

    fn group_size(&self, n_lanes: usize) -> usize {
        if self.samples {
            // One call of the device for as many lanes as can be.
            n_lanes.div_ceil(self.n_parts(n_lanes))
        } else {
            crate::policy::host_group_size(n_lanes)
        }
    }

    fn device_actions(&self, _n_lanes: usize) -> Option<&dyn DeviceActions> {
        self.samples.then_some(self as &dyn DeviceActions)
    }
}
