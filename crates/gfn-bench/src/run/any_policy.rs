//! Every policy as one type: each type that a run is made for costs seconds of compilation.

use burn::module::Module;
use burn::tensor::Tensor;
use gfn_policy::{
    AggregatedPolicy, BackwardPolicy, ConditionalPolicy, EdgeFlowPolicy, FeatureBatch, FlowPolicy,
    Head, HostPolicy, Kernels, Logits, MlpFlowPolicy, MlpPolicy, Policy, TabularFlowPolicy,
    TabularPolicy, TransformerFlowPolicy, TransformerPolicy,
};

/// The policies that experiments describe.
#[derive(Module, Debug)]
pub(crate) enum AnyPolicy {
    Mlp(MlpPolicy),
    MlpFlow(MlpFlowPolicy),
    Conditional(ConditionalPolicy<MlpPolicy>),
    Tabular(TabularPolicy),
    TabularFlow(TabularFlowPolicy),
    EdgeFlow(EdgeFlowPolicy),
    Aggregated(AggregatedPolicy<MlpPolicy>),
    AggregatedFlow(AggregatedPolicy<MlpFlowPolicy>),
    Transformer(TransformerPolicy),
    TransformerFlow(TransformerFlowPolicy),
}

/// The same call on whichever policy it is.
macro_rules! of {
    ($policy:expr, $p:ident => $call:expr) => {
        match $policy {
            AnyPolicy::Mlp($p) => $call,
            AnyPolicy::MlpFlow($p) => $call,
            AnyPolicy::Conditional($p) => $call,
            AnyPolicy::Tabular($p) => $call,
            AnyPolicy::TabularFlow($p) => $call,
            AnyPolicy::EdgeFlow($p) => $call,
            AnyPolicy::Aggregated($p) => $call,
            AnyPolicy::AggregatedFlow($p) => $call,
            AnyPolicy::Transformer($p) => $call,
            AnyPolicy::TransformerFlow($p) => $call,
        }
    };
}

impl Policy for AnyPolicy {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        of!(self, p => p.logits(states))
    }

    fn log_z(&self) -> Tensor<1> {
        of!(self, p => p.log_z())
    }

    fn backward_policy(&self) -> BackwardPolicy {
        of!(self, p => p.backward_policy())
    }

    fn has_conditional_log_z(&self) -> bool {
        of!(self, p => p.has_conditional_log_z())
    }

    fn log_z_at(&self, sources: &FeatureBatch) -> Tensor<1> {
        of!(self, p => p.log_z_at(sources))
    }

    fn has_own_backward_parameters(&self) -> bool {
        of!(self, p => p.has_own_backward_parameters())
    }

    fn forward_tangent(&self, direction: &Self, states: &FeatureBatch) -> Option<Tensor<2>> {
        match (self, direction) {
            (Self::Mlp(p), Self::Mlp(d)) => p.forward_tangent(d, states),
            (Self::MlpFlow(p), Self::MlpFlow(d)) => p.forward_tangent(d, states),
            (Self::Conditional(p), Self::Conditional(d)) => p.forward_tangent(d, states),
            (Self::Tabular(p), Self::Tabular(d)) => p.forward_tangent(d, states),
            (Self::TabularFlow(p), Self::TabularFlow(d)) => p.forward_tangent(d, states),
            _ => None,
        }
    }

    fn sampler(&self) -> Box<dyn HostPolicy> {
        of!(self, p => p.sampler())
    }

    fn kernels(&self) -> Kernels {
        of!(self, p => p.kernels())
    }
}

impl FlowPolicy for AnyPolicy {
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Head) {
        match self {
            Self::MlpFlow(policy) => policy.logits_and_log_flow(states),
            Self::TabularFlow(policy) => policy.logits_and_log_flow(states),
            Self::EdgeFlow(policy) => policy.logits_and_log_flow(states),
            Self::AggregatedFlow(policy) => policy.logits_and_log_flow(states),
            Self::TransformerFlow(policy) => policy.logits_and_log_flow(states),
            Self::Mlp(_)
            | Self::Conditional(_)
            | Self::Tabular(_)
            | Self::Aggregated(_)
            | Self::Transformer(_) => {
                unreachable!("an objective that asks for flows gets a policy with flows")
            }
        }
    }
}
