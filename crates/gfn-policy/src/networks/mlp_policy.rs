//! Policies on multi-layer perceptrons, with a shared trunk or one network for each head.

use super::dense::LayerInit;
use super::mlp::{HostMlp, Mlp};
use crate::{BackwardPolicy, FeatureBatch, FlowPolicy, HostPolicy, Logits, Policy, Workspace};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use gfn_env::{Environment, Features, Streams};

/// Whether the heads share their hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trunk {
    /// One network; its last layer holds the logits of P_F, of P_B and log F.
    Shared,
    /// A network for each of P_F, P_B and log F.
    Separate,
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
    /// Initial value of log Z.
    pub log_z_init: f32,
}

impl Default for MlpConfig {
    /// Two shared hidden layers of 256 units, a learned P_B, log Z = 0.
    fn default() -> Self {
        Self {
            hidden: vec![256, 256],
            trunk: Trunk::Shared,
            backward: BackwardPolicy::Learned,
            log_z_init: 0.0,
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
    log_flow: Option<Tensor<1>>,
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
        };
        let mut init = LayerInit::new(streams);
        let mut mlp =
            |outputs| Mlp::new(&mut init, env.n_features(), &config.hidden, outputs, device);
        let backward_outputs = layout.backward_outputs();
        let (forward, backward, flow) = match config.trunk {
            Trunk::Shared => (mlp(layout.n_actions + backward_outputs + flows), None, None),
            Trunk::Separate => (
                mlp(layout.n_actions),
                (backward_outputs > 0).then(|| mlp(backward_outputs)),
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

    fn outputs(&self, states: &FeatureBatch) -> Outputs {
        let x = states.dense();
        let (a, ab) = (self.layout.n_actions, self.layout.backward_outputs());
        match self.layout.trunk {
            Trunk::Shared => {
                let y = self.forward.forward(x);
                let width = y.dims()[1];
                Outputs {
                    logits: Logits {
                        backward: (ab > 0).then(|| y.clone().narrow(1, a, ab)),
                        forward: y.clone().narrow(1, 0, a),
                    },
                    log_flow: (width > a + ab).then(|| y.narrow(1, a + ab, 1).squeeze_dim::<1>(1)),
                }
            }
            Trunk::Separate => Outputs {
                logits: Logits {
                    backward: self.backward.as_ref().map(|mlp| mlp.forward(x.clone())),
                    forward: self.forward.forward(x.clone()),
                },
                log_flow: self
                    .flow
                    .as_ref()
                    .map(|mlp| mlp.forward(x).squeeze_dim::<1>(1)),
            },
        }
    }

    fn host(&self) -> HostMlpPolicy {
        let network = self.forward.host();
        let (a, ab) = (self.layout.n_actions, self.layout.backward_outputs());
        let backward = match (self.layout.trunk, &self.backward) {
            (Trunk::Separate, Some(mlp)) => Some(mlp.host()),
            (Trunk::Shared, _) if ab > 0 => Some(network.output_columns(a, ab)),
            _ => None,
        };
        HostMlpPolicy {
            forward: network.output_columns(0, a),
            backward,
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

    fn sampler(&self) -> Box<dyn HostPolicy> {
        Box::new(self.host())
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

    fn sampler(&self) -> Box<dyn HostPolicy> {
        self.policy.sampler()
    }
}

impl FlowPolicy for MlpFlowPolicy {
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Tensor<1>) {
        let outputs = self.policy.outputs(states);
        let log_flow = outputs
            .log_flow
            .expect("a flow policy is built with a flow output");
        (outputs.logits, log_flow)
    }
}

/// Host copy of an [`MlpPolicy`].
#[derive(Debug)]
struct HostMlpPolicy {
    forward: HostMlp,
    backward: Option<HostMlp>,
}

impl HostPolicy for HostMlpPolicy {
    fn forward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        self.forward.forward(states, workspace, logits);
    }

    fn backward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        match &self.backward {
            Some(mlp) => mlp.forward(states, workspace, logits),
            None => logits.clear(),
        }
    }

    fn backward_policy(&self) -> BackwardPolicy {
        if self.backward.is_some() {
            BackwardPolicy::Learned
        } else {
            BackwardPolicy::Uniform
        }
    }
}
