//! Log Z as a function of a condition.

use super::dense::LayerInit;
use super::mlp::Mlp;
use crate::{BackwardPolicy, FeatureBatch, HostPolicy, Logits, Policy};
use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Device, Tensor};
use gfn_env::{Conditional, Environment, Features, Streams};
use gfn_loss::Kernels;

/// The streams of its layers, apart from those of the policy within.
const LOG_Z_STREAMS: u16 = 0xC0;

/// A policy on a [`Conditional`] environment with `log Z(c) = log Z + network(c)`.
///
/// The policy within sees the condition as it sees every feature. The network reads the condition alone and starts with a
/// last layer of zeros; the number `log Z` is the policy's own, with the learning rate of log Z.
#[derive(Module, Debug)]
pub struct ConditionalPolicy<P: Module> {
    policy: P,
    log_z_network: Mlp,
    #[module(skip)]
    columns: ConditionColumns,
}

/// Where the condition lies in a row.
#[derive(Clone, Copy, Debug)]
struct ConditionColumns {
    first: usize,
    n: usize,
}

impl<P: Policy + ModuleDisplay> ConditionalPolicy<P> {
    /// `policy`, which was built for `env`, with a network of the given hidden layers for log Z.
    pub fn new<E: Environment>(
        policy: P,
        env: &Conditional<E>,
        hidden: &[usize],
        streams: Streams,
        device: &Device,
    ) -> Self {
        let n = env.n_condition_features();
        let mut init = LayerInit::new(streams.branch(LOG_Z_STREAMS));
        Self {
            policy,
            log_z_network: Mlp::new(&mut init, n, hidden, 1, device).with_zero_head(device),
            columns: ConditionColumns {
                first: env.n_features() - n,
                n,
            },
        }
    }

    /// `log Z` of the source of `env`, whose condition is the one that it is [`at`](Conditional::at).
    pub fn log_z_of<E: Environment>(&self, env: &Conditional<E>) -> f64 {
        let mut features = Features::new(env.n_features());
        env.encode(&env.source(), &mut features.push_row());
        let sources = FeatureBatch::new(features, self.device());
        f64::from(self.log_z_at(&sources).into_scalar::<f32>())
    }
}

impl<P: Policy + ModuleDisplay> Policy for ConditionalPolicy<P> {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        self.policy.logits(states)
    }

    fn log_z(&self) -> Tensor<1> {
        self.policy.log_z()
    }

    fn has_conditional_log_z(&self) -> bool {
        true
    }

    fn log_z_at(&self, sources: &FeatureBatch) -> Tensor<1> {
        let ConditionColumns { first, n } = self.columns;
        let mut conditions = Features::new(n);
        for i in 0..sources.n_rows() {
            let mut row = conditions.push_row();
            let (indices, values) = sources.features().row(i);
            for (&index, &value) in indices.iter().zip(values) {
                if let Some(column) = (index as usize).checked_sub(first) {
                    row.set(column, value);
                }
            }
        }
        let conditions = FeatureBatch::new(conditions, sources.device().clone());
        let difference = self.log_z_network.forward(conditions.dense());
        difference.reshape([sources.n_rows()]) + self.policy.log_z()
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
