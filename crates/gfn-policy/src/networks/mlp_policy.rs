//! Policies on multi-layer perceptrons, with a shared trunk or one network for each head.

use super::dense::LayerInit;
use super::mlp::Mlp;
use super::mlp_sampler::{HostBackward, HostMlpPolicy};
use super::on_accelerator;
use crate::{BackwardPolicy, FeatureBatch, FlowPolicy, Head, HostPolicy, Logits, Policy};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use gfn_env::{Environment, Streams};
use gfn_loss::Kernels;

/// Whether the heads share their hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trunk {
    /// One network; its last layer holds the logits of P_F, of P_B and log F.
    Shared,
    /// A network for each of P_F, P_B and log F.
    Separate,
}

/// Where trajectories are sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampling {
    /// On the host where the parameters lie there. On an accelerator, batches of at least [`Sampling::LEAST_DEVICE_LANES`]
    /// are sampled on it and smaller ones from a copy of the weights on the host.
    #[default]
    Automatic,
    /// From a copy of the weights on the host.
    Host,
    /// With tensor operations on the policy's device, whatever it is: for tests and benches.
    Device,
}

impl Sampling {
    /// The smallest batch that [`Sampling::Automatic`] samples on an accelerator.
    ///
    /// A step of a rollout on a device takes some thirty operations, of about ten microseconds each on a GPU, whatever the
    /// batch; a transition takes about a microsecond of a core on the host with two hidden layers of 256 units. An
    /// estimate from these, not a measurement on a card: from here on a step of the device is cheaper than a step of a
    /// few cores.
    pub const LEAST_DEVICE_LANES: usize = 1024;
}

/// Shape of an [`MlpPolicy`].
#[derive(Clone, Debug, PartialEq)]
pub struct MlpConfig {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Shared or separate hidden layers.
    pub trunk: Trunk,
    /// Uniform or learned P_B.
    pub backward: BackwardPolicy,
    /// Whether a backward network of its own starts with a last layer of zeros, and so P_B uniform over the parents.
    pub uniform_backward_start: bool,
    /// Initial value of log Z.
    pub log_z_init: f32,
    /// Fused operations where the device has them, or the composed reference everywhere.
    pub kernels: Kernels,
}

impl Default for MlpConfig {
    /// Two shared hidden layers of 256 units, a learned P_B, log Z = 0.
    fn default() -> Self {
        Self {
            hidden: vec![256, 256],
            trunk: Trunk::Shared,
            backward: BackwardPolicy::Learned,
            uniform_backward_start: false,
            log_z_init: 0.0,
            kernels: Kernels::Fused,
        }
    }
}

/// P_F, perhaps P_B, and log Z on multi-layer perceptrons.
///
/// The initial weights come from `streams` and are equal on every backend.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use gfn_env::{Hypergrid, Streams};
/// use gfn_policy::{MlpConfig, MlpPolicy, Policy as _};
///
/// let env = Hypergrid::new(2, 8)?;
/// let policy = MlpPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &Device::flex());
/// assert_eq!(policy.log_z().into_scalar::<f32>(), 0.0);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Module, Debug)]
pub struct MlpPolicy {
    forward: Mlp,
    backward: Option<Mlp>,
    flow: Option<Mlp>,
    log_z: Param<Tensor<1>>,
    #[module(skip)]
    layout: Layout,
}

/// Which outputs exist and where they lie.
#[derive(Clone, Copy, Debug)]
struct Layout {
    n_actions: usize,
    n_backward_actions: usize,
    backward: BackwardPolicy,
    trunk: Trunk,
    kernels: Kernels,
    sampling: Sampling,
}

impl Layout {
    fn backward_outputs(&self) -> usize {
        match self.backward {
            BackwardPolicy::Uniform => 0,
            BackwardPolicy::Learned => self.n_backward_actions,
        }
    }
}

struct Outputs {
    logits: Logits,
    log_flow: Option<Head>,
}

impl MlpPolicy {
    /// A policy without state flows.
    pub fn new<E: Environment>(
        config: &MlpConfig,
        env: &E,
        streams: Streams,
        device: &Device,
    ) -> Self {
        Self::build(config, env, streams, device, 0)
    }

    fn build<E: Environment>(
        config: &MlpConfig,
        env: &E,
        streams: Streams,
        device: &Device,
        flows: usize,
    ) -> Self {
        let layout = Layout {
            n_actions: env.n_actions(),
            n_backward_actions: env.n_backward_actions(),
            backward: config.backward,
            trunk: config.trunk,
            kernels: config.kernels,
            sampling: Sampling::default(),
        };
        let mut init = LayerInit::new(streams);
        let mut mlp =
            |outputs| Mlp::new(&mut init, env.n_features(), &config.hidden, outputs, device);
        let backward_outputs = layout.backward_outputs();
        let (forward, backward, flow) = match config.trunk {
            Trunk::Shared => (mlp(layout.n_actions + backward_outputs + flows), None, None),
            Trunk::Separate => (
                mlp(layout.n_actions),
                (backward_outputs > 0).then(|| {
                    let backward = mlp(backward_outputs);
                    if config.uniform_backward_start {
                        backward.with_zero_head(device)
                    } else {
                        backward
                    }
                }),
                (flows > 0).then(|| mlp(flows)),
            ),
        };
        Self {
            forward,
            backward,
            flow,
            log_z: Param::from_data([config.log_z_init], device),
            layout,
        }
    }

    /// The same policy, sampled somewhere else.
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.layout.sampling = sampling;
        self
    }

    fn outputs(&self, states: &FeatureBatch) -> Outputs {
        let (a, ab) = (self.layout.n_actions, self.layout.backward_outputs());
        let kernels = self.layout.kernels;
        let forward = self.forward.evaluate(states, kernels);
        match self.layout.trunk {
            Trunk::Shared => {
                let flow = forward.dims()[1] > a + ab;
                Outputs {
                    log_flow: flow.then(|| Head::columns(forward.clone(), a + ab, 1)),
                    logits: Logits {
                        backward: (ab > 0).then(|| Head::columns(forward.clone(), a, ab)),
                        forward: Head::columns(forward, 0, a),
                    },
                }
            }
            Trunk::Separate => {
                let head = |mlp: &Mlp| mlp.evaluate(states, kernels).into();
                Outputs {
                    logits: Logits {
                        backward: self.backward.as_ref().map(head),
                        forward: forward.into(),
                    },
                    log_flow: self.flow.as_ref().map(head),
                }
            }
        }
    }

    /// A copy of the weights on the host.
    pub(super) fn host(&self) -> HostMlpPolicy {
        let (a, ab) = (self.layout.n_actions, self.layout.backward_outputs());
        HostMlpPolicy {
            forward: self.forward.host(),
            n_actions: a,
            backward: match (self.layout.trunk, &self.backward) {
                (Trunk::Shared, _) if ab > 0 => HostBackward::Shared(a..a + ab),
                (Trunk::Separate, Some(mlp)) => HostBackward::Separate(mlp.host()),
                _ => HostBackward::Uniform,
            },
        }
    }
}

impl Policy for MlpPolicy {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        self.outputs(states).logits
    }

    fn log_z(&self) -> Tensor<1> {
        self.log_z.val()
    }

    fn backward_policy(&self) -> BackwardPolicy {
        self.layout.backward
    }

    fn has_own_backward_parameters(&self) -> bool {
        self.backward.is_some()
    }

    fn forward_tangent(&self, direction: &Self, states: &FeatureBatch) -> Option<Tensor<2>> {
        let tangent = self.forward.tangent(&direction.forward, states.dense());
        Some(tangent.narrow(1, 0, self.layout.n_actions))
    }

    fn sampler(&self) -> Box<dyn HostPolicy> {
        on_accelerator::sampler(self, self.layout.sampling, Self::host)
    }

    fn kernels(&self) -> Kernels {
        self.layout.kernels
    }
}

/// An [`MlpPolicy`] that also has a state flow `log F(s)`.
#[derive(Module, Debug)]
pub struct MlpFlowPolicy {
    policy: MlpPolicy,
}

impl MlpFlowPolicy {
    /// A policy with state flows.
    pub fn new<E: Environment>(
        config: &MlpConfig,
        env: &E,
        streams: Streams,
        device: &Device,
    ) -> Self {
        Self {
            policy: MlpPolicy::build(config, env, streams, device, 1),
        }
    }

    /// The same policy, sampled somewhere else.
    #[must_use]
    pub fn with_sampling(self, sampling: Sampling) -> Self {
        Self {
            policy: self.policy.with_sampling(sampling),
        }
    }
}

impl Policy for MlpFlowPolicy {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        self.policy.logits(states)
    }

    fn log_z(&self) -> Tensor<1> {
        self.policy.log_z()
    }

    fn backward_policy(&self) -> BackwardPolicy {
        self.policy.backward_policy()
    }

    fn has_own_backward_parameters(&self) -> bool {
        self.policy.has_own_backward_parameters()
    }

    fn forward_tangent(&self, direction: &Self, states: &FeatureBatch) -> Option<Tensor<2>> {
        self.policy.forward_tangent(&direction.policy, states)
    }

    fn sampler(&self) -> Box<dyn HostPolicy> {
        self.policy.sampler()
    }

    fn kernels(&self) -> Kernels {
        self.policy.kernels()
    }
}

impl FlowPolicy for MlpFlowPolicy {
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Head) {
        let outputs = self.policy.outputs(states);
        let log_flow = outputs
            .log_flow
            .expect("a flow policy is built with a flow output");
        (outputs.logits, log_flow)
    }
}
