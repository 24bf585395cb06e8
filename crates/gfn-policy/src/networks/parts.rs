//! What policies on any kind of network have in common: which outputs there are, where they lie, and the copy on the host.

use super::dense::LayerInit;
use super::on_accelerator;
use super::{Sampling, Trunk};
use crate::{BackwardPolicy, FeatureBatch, Head, HostPolicy, Kernels, Logits, Policy, Workspace};
use burn::module::{Module, ModuleDisplay, Param};
use burn::tensor::{Device, Tensor};
use gfn_env::{Environment, Features, Streams};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// A network from encoded states to some columns of outputs.
pub(super) trait Network: Module + ModuleDisplay + Sync + 'static {
    /// The same on the host.
    type Host: HostNetwork;

    /// The outputs of encoded states, `[R, outputs]`.
    fn evaluate(&self, states: &FeatureBatch) -> Tensor<2>;

    /// A copy, as it is now, which can compute some of the outputs at a time.
    fn host(&self, heads: &[Range<usize>]) -> Self::Host;
}

/// A network on the host. The outputs of a row do not depend on the other rows of the call, to the last bit.
pub(super) trait HostNetwork: Debug + Send + Sync + 'static {
    /// The outputs of one of the heads for every row, row-major.
    fn evaluate(
        self: &Arc<Self>,
        head: usize,
        states: &Features,
        workspace: &mut Workspace,
        out: &mut Vec<f32>,
    );
}

/// Which outputs a policy has, and how it is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    n_actions: usize,
    /// Outputs for P_B, wherever they lie.
    n_backward: usize,
    trunk: Trunk,
    kernels: Kernels,
    sampling: Sampling,
}

impl Layout {
    pub(super) fn new<E: Environment>(
        env: &E,
        backward: BackwardPolicy,
        trunk: Trunk,
        kernels: Kernels,
    ) -> Self {
        Self {
            n_actions: env.n_actions(),
            n_backward: match backward {
                BackwardPolicy::Uniform => 0,
                BackwardPolicy::Learned => env.n_backward_actions(),
            },
            trunk,
            kernels,
            sampling: Sampling::default(),
        }
    }
}

/// What a network is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outputs {
    pub(super) forward: usize,
    pub(super) backward: usize,
    pub(super) flow: usize,
}

/// The networks of a policy, and log Z.
#[derive(Module, Debug)]
pub(super) struct Parts<N: Module> {
    forward: N,
    backward: Option<N>,
    flow: Option<N>,
    log_z: Param<Tensor<1>>,
    #[module(skip)]
    layout: Layout,
}

impl<N: Network> Parts<N> {
    /// Networks made by `make`, with so many flows.
    pub(super) fn new(
        layout: Layout,
        flow: usize,
        log_z_init: f32,
        (streams, device): (Streams, &Device),
        mut make: impl FnMut(&mut LayerInit, Outputs) -> N,
    ) -> Self {
        let mut init = LayerInit::new(streams);
        let (forward, backward) = (layout.n_actions, layout.n_backward);
        let none = Outputs::default();
        let (forward, backward, flow) = match layout.trunk {
            Trunk::Shared => {
                let all = Outputs {
                    forward,
                    backward,
                    flow,
                };
                (make(&mut init, all), None, None)
            }
            Trunk::Separate => (
                make(&mut init, Outputs { forward, ..none }),
                (backward > 0).then(|| make(&mut init, Outputs { backward, ..none })),
                (flow > 0).then(|| make(&mut init, Outputs { flow, ..none })),
            ),
        };
        Self {
            forward,
            backward,
            flow,
            log_z: Param::from_data([log_z_init], device),
            layout,
        }
    }

    pub(super) fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.layout.sampling = sampling;
        self
    }

    /// Logits, and the flow where there is one.
    pub(super) fn evaluate(&self, states: &FeatureBatch) -> (Logits, Option<Head>) {
        let (a, ab) = (self.layout.n_actions, self.layout.n_backward);
        let outputs = self.forward.evaluate(states);
        match self.layout.trunk {
            Trunk::Shared => {
                let flow = outputs.dims()[1] > a + ab;
                let flow = flow.then(|| Head::columns(outputs.clone(), a + ab, 1));
                let logits = Logits {
                    backward: (ab > 0).then(|| Head::columns(outputs.clone(), a, ab)),
                    forward: Head::columns(outputs, 0, a),
                };
                (logits, flow)
            }
            Trunk::Separate => {
                let head = |network: &N| network.evaluate(states).into();
                let logits = Logits {
                    backward: self.backward.as_ref().map(head),
                    forward: outputs.into(),
                };
                (logits, self.flow.as_ref().map(head))
            }
        }
    }

    /// A copy of the weights on the host.
    fn host(&self) -> HostParts<N::Host> {
        let (a, ab) = (self.layout.n_actions, self.layout.n_backward);
        if let Some(backward) = &self.backward {
            return HostParts {
                forward: Arc::new(self.forward.host(std::slice::from_ref(&(0..a)))),
                backward: Some((Arc::new(backward.host(std::slice::from_ref(&(0..ab)))), 0)),
            };
        }
        if ab == 0 {
            return HostParts {
                forward: Arc::new(self.forward.host(std::slice::from_ref(&(0..a)))),
                backward: None,
            };
        }
        let forward = Arc::new(self.forward.host(&[0..a, a..a + ab]));
        HostParts {
            backward: Some((Arc::clone(&forward), 1)),
            forward,
        }
    }
}

impl<N: Network> Policy for Parts<N> {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        self.evaluate(states).0
    }

    fn log_z(&self) -> Tensor<1> {
        self.log_z.val()
    }

    fn backward_policy(&self) -> BackwardPolicy {
        if self.layout.n_backward > 0 {
            BackwardPolicy::Learned
        } else {
            BackwardPolicy::Uniform
        }
    }

    fn has_own_backward_parameters(&self) -> bool {
        self.backward.is_some()
    }

    fn sampler(&self) -> Box<dyn HostPolicy> {
        on_accelerator::sampler(self, self.layout.sampling, Self::host)
    }

    fn kernels(&self) -> Kernels {
        self.layout.kernels
    }
}

/// Host copy of [`Parts`].
#[derive(Debug)]
struct HostParts<H> {
    forward: Arc<H>,
    /// A network, and which of its heads.
    backward: Option<(Arc<H>, usize)>,
}

impl<H: HostNetwork> HostPolicy for HostParts<H> {
    fn forward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        self.forward.evaluate(0, states, workspace, logits);
    }

    fn backward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        match &self.backward {
            Some((network, head)) => network.evaluate(*head, states, workspace, logits),
            None => logits.clear(),
        }
    }

    fn backward_policy(&self) -> BackwardPolicy {
        match &self.backward {
            Some(_) => BackwardPolicy::Learned,
            None => BackwardPolicy::Uniform,
        }
    }
}

/// Implements [`Policy`] for two types with a field `networks` of [`Parts`], and [`FlowPolicy`](crate::FlowPolicy) for the second.
macro_rules! policies_of_parts {
    ($policy:ty, $flow_policy:ty) => {
        policies_of_parts!(@policy $policy);
        policies_of_parts!(@policy $flow_policy);

        impl $crate::FlowPolicy for $flow_policy {
            fn logits_and_log_flow(
                &self,
                states: &$crate::FeatureBatch,
            ) -> ($crate::Logits, $crate::Head) {
                let (logits, log_flow) = self.networks.evaluate(states);
                let log_flow = log_flow.expect("a flow policy is built with a flow output");
                (logits, log_flow)
            }
        }
    };
    (@policy $policy:ty) => {
        impl $policy {
            /// The same policy, sampled somewhere else.
            #[must_use]
            pub fn with_sampling(self, sampling: $crate::Sampling) -> Self {
                Self {
                    networks: self.networks.with_sampling(sampling),
                }
            }
        }

        impl $crate::Policy for $policy {
            fn logits(&self, states: &$crate::FeatureBatch) -> $crate::Logits {
                self.networks.logits(states)
            }

            fn log_z(&self) -> burn::tensor::Tensor<1> {
                self.networks.log_z()
            }

            fn backward_policy(&self) -> $crate::BackwardPolicy {
                self.networks.backward_policy()
            }

            fn has_own_backward_parameters(&self) -> bool {
                self.networks.has_own_backward_parameters()
            }

            fn sampler(&self) -> Box<dyn $crate::HostPolicy> {
                self.networks.sampler()
            }

            fn kernels(&self) -> $crate::Kernels {
                self.networks.kernels()
            }
        }
    };
}

pub(super) use policies_of_parts;
