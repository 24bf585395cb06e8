//! Policies on distinct children as one type: each type that a run is made for costs seconds of compilation.

use burn::module::Module;
use burn::tensor::Tensor;
use gfn_policy::{
    AggregatedPolicy, BackwardPolicy, EdgeFlowPolicy, FeatureBatch, FlowPolicy, Head, HostPolicy,
    Kernels, Logits, MlpFlowPolicy, MlpPolicy, Policy,
};

/// Edge flows, or aggregated logits with or without a flow of states.
#[derive(Module, Debug)]
pub(super) enum ChildPolicy {
    EdgeFlow(EdgeFlowPolicy),
    Aggregated(AggregatedPolicy<MlpPolicy>),
    AggregatedWithFlow(AggregatedPolicy<MlpFlowPolicy>),
}

/// The same call on whichever policy it is.
macro_rules! of {
    ($policy:expr, $p:ident => $call:expr) => {
        match $policy {
            ChildPolicy::EdgeFlow($p) => $call,
            ChildPolicy::Aggregated($p) => $call,
            ChildPolicy::AggregatedWithFlow($p) => $call,
        }
    };
}

impl Policy for ChildPolicy {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        of!(self, p => p.logits(states))
    }

    fn log_z(&self) -> Tensor<1> {
        of!(self, p => p.log_z())
    }

    fn backward_policy(&self) -> BackwardPolicy {
        of!(self, p => p.backward_policy())
    }

    fn has_own_backward_parameters(&self) -> bool {
        of!(self, p => p.has_own_backward_parameters())
    }

    fn sampler(&self) -> Box<dyn HostPolicy> {
        of!(self, p => p.sampler())
    }

    fn kernels(&self) -> Kernels {
        of!(self, p => p.kernels())
    }
}

impl FlowPolicy for ChildPolicy {
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Head) {
        match self {
            Self::EdgeFlow(policy) => policy.logits_and_log_flow(states),
            Self::AggregatedWithFlow(policy) => policy.logits_and_log_flow(states),
            Self::Aggregated(_) => {
                unreachable!("an objective that asks for flows gets a policy with flows")
            }
        }
    }
}
