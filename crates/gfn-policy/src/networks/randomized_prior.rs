//! A policy with a fixed random function added to its logits.

use super::mlp_policy::{MlpConfig, MlpPolicy};
use crate::{BackwardPolicy, FeatureBatch, HostPolicy, Logits, Policy, Workspace};
use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Device, Tensor};
use gfn_env::{Environment, Features, Streams};
use gfn_loss::Kernels;

/// A policy whose forward logits are `f(s) + β·f*(s)`: those of a policy within, which is trained, and those of a random
/// perceptron, which never changes.
///
/// Where `f` was not trained, the prior `f*` says what the sum is: members of an ensemble with priors of their own go on
/// disagreeing there. P_B and log Z are those of the policy within. The prior is no parameter of the module: it is made anew
/// from its streams, and neither saved nor updated.
///
/// # References
///
/// Osband et al. (2018), *Randomized prior functions for deep reinforcement learning*, <https://arxiv.org/abs/1806.03335>.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use gfn_env::{Hypergrid, Streams};
/// use gfn_policy::{MlpConfig, MlpPolicy, RandomizedPriorPolicy, named_parameters};
///
/// let env = Hypergrid::new(2, 8)?;
/// let policy = MlpPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &Device::flex());
/// let with_prior = RandomizedPriorPolicy::new(policy, &env, &[64], 3.0, Streams::new(1));
/// assert!(named_parameters(&with_prior).keys().all(|name| name.starts_with("policy.")));
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Module, Debug)]
pub struct RandomizedPriorPolicy<P: Module> {
    policy: P,
    #[module(skip)]
    prior: Prior,
}

/// The fixed part; it lies on the policy's device, without gradients.
#[derive(Clone, Debug)]
struct Prior {
    network: MlpPolicy,
    scale: f32,
}

impl<P: Policy + ModuleDisplay> RandomizedPriorPolicy<P> {
    /// `policy`, which was built for `env`, with a prior of the given hidden layers, weights of `streams` and the factor
    /// `scale`. A scale of 0 leaves the policy as it is, to the last bit.
    pub fn new<E: Environment>(
        policy: P,
        env: &E,
        hidden: &[usize],
        scale: f32,
        streams: Streams,
    ) -> Self {
        let config = MlpConfig {
            hidden: hidden.to_vec(),
            backward: BackwardPolicy::Uniform,
            kernels: policy.kernels(),
            ..MlpConfig::default()
        };
        let device = policy.device().inner();
        Self {
            prior: Prior {
                network: MlpPolicy::new(&config, env, streams, &device),
                scale,
            },
            policy,
        }
    }

    /// The policy within, without its prior.
    pub fn inner(&self) -> &P {
        &self.policy
    }

    /// The prior as a policy, whose forward logits are `f*(s)`.
    pub fn prior(&self) -> &MlpPolicy {
        &self.prior.network
    }

    /// The prior's logits of `states` times its scale, `[R, A]`; `None` where the scale is 0.
    fn prior_logits(&self, states: &FeatureBatch) -> Option<Tensor<2>> {
        let Prior { network, scale } = &self.prior;
        if *scale == 0.0 {
            return None;
        }
        let device: Device = network.device();
        let logits = network.logits(&states.on(device)).forward.tensor();
        Some(logits.mul_scalar(*scale))
    }
}

impl<P: Policy + ModuleDisplay> Policy for RandomizedPriorPolicy<P> {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        let logits = self.policy.logits(states);
        match self.prior_logits(states) {
            // A tensor without autodiff is a constant beside one that has it.
            Some(prior) => Logits {
                forward: (logits.forward.tensor() + prior).into(),
                backward: logits.backward,
            },
            None => logits,
        }
    }

    fn log_z(&self) -> Tensor<1> {
        self.policy.log_z()
    }

    fn backward_policy(&self) -> BackwardPolicy {
        self.policy.backward_policy()
    }

    fn has_conditional_log_z(&self) -> bool {
        self.policy.has_conditional_log_z()
    }

    fn log_z_at(&self, sources: &FeatureBatch) -> Tensor<1> {
        self.policy.log_z_at(sources)
    }

    fn has_own_backward_parameters(&self) -> bool {
        self.policy.has_own_backward_parameters()
    }

    fn sampler(&self) -> Box<dyn HostPolicy> {
        let policy = self.policy.sampler();
        if self.prior.scale == 0.0 {
            return policy;
        }
        Box::new(HostRandomizedPrior {
            policy,
            prior: self.prior.network.sampler(),
            scale: self.prior.scale,
        })
    }

    fn kernels(&self) -> Kernels {
        self.policy.kernels()
    }
}

/// Host copy of a [`RandomizedPriorPolicy`].
struct HostRandomizedPrior {
    policy: Box<dyn HostPolicy>,
    prior: Box<dyn HostPolicy>,
    scale: f32,
}

impl HostRandomizedPrior {
    fn add(&self, prior: &[f32], logits: &mut [f32]) {
        for (logit, prior) in logits.iter_mut().zip(prior) {
            *logit += self.scale * prior;
        }
    }
}

impl HostPolicy for HostRandomizedPrior {
    fn forward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        self.policy.forward_logits(states, workspace, logits);
        // What the workspace keeps, a recording or a hidden layer, is that of the policy.
        let (mut own, mut prior) = (Workspace::default(), Vec::new());
        self.prior.forward_logits(states, &mut own, &mut prior);
        self.add(&prior, logits);
    }

    fn allowed_forward_logits(
        &self,
        states: &Features,
        allowed: &[bool],
        workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        let policy = &self.policy;
        policy.allowed_forward_logits(states, allowed, workspace, logits);
        let (mut own, mut prior) = (Workspace::default(), Vec::new());
        self.prior
            .allowed_forward_logits(states, allowed, &mut own, &mut prior);
        self.add(&prior, logits);
    }

    fn backward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        self.policy.backward_logits(states, workspace, logits);
    }

    fn backward_policy(&self) -> BackwardPolicy {
        self.policy.backward_policy()
    }

    fn group_size(&self, n_lanes: usize) -> usize {
        self.policy.group_size(n_lanes)
    }
}
