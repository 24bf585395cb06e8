//! State-action logits whose actions to one child count as one.

use crate::{
    BackwardPolicy, FORBIDDEN, FeatureBatch, FlowPolicy, Head, HostPolicy, Logits, Policy,
    Workspace,
};
use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Int, Tensor, TensorData};
use gfn_env::{ChildLayout, Environment, Features, UniqueChildren};
use gfn_loss::Kernels;

/// A policy on a [`UniqueChildren`] environment: the probability of a child is the sum of those of all actions that lead there.
///
/// `log P_F(s' | s) = log Σ_{a: s → s'} exp ℓ_a − log Σ_a exp ℓ_a`, with the logits of the policy within, which was built for
/// the wrapped environment. Where no two actions share a child it is that policy, to the last bit. In a learned P_B the
/// first backward action to a parent stands for all.
#[derive(Module, Debug)]
pub struct AggregatedPolicy<P: Module> {
    policy: P,
    #[module(skip)]
    layout: ChildLayout,
}

impl<P: Policy + ModuleDisplay> AggregatedPolicy<P> {
    /// `policy`, which was built for `env.inner()`.
    pub fn new<E: Environment>(policy: P, env: &UniqueChildren<E>) -> Self {
        Self {
            policy,
            layout: env.layout(),
        }
    }

    fn aggregated(&self, logits: Logits, groups: &Groups) -> Logits {
        if groups.size < 2 {
            return logits;
        }
        let forward = logits.forward.tensor();
        let [r, a] = forward.dims();
        let device = forward.device();
        let padding = Tensor::<1>::from_data([FORBIDDEN], &device);
        let flat = Tensor::cat(vec![forward.reshape([r * a]), padding], 0);
        let n = groups.members.len();
        let members = TensorData::new(groups.members.clone(), [n]);
        let members: Tensor<1, Int> = Tensor::from_data(members, &device);
        let members = flat.select(0, members).reshape([r * a, groups.size]);
        let max = members.clone().max_dim(1).detach();
        let sums = (members - max.clone()).exp().sum_dim(1).log() + max;
        Logits {
            forward: sums.reshape([r, a]).into(),
            backward: logits.backward,
        }
    }
}

/// The actions that each first action stands for.
struct Groups {
    /// Most actions to one child.
    size: usize,
    /// Positions in the flat logits, `[R·A, size]`: of the group of a first action, of any other action itself; then the
    /// padding behind all logits.
    members: Vec<i32>,
}

impl Groups {
    fn new(first_action: &[Option<u32>], n_actions: usize) -> Self {
        let n = first_action.len();
        let mut groups: Vec<Vec<i32>> = (0..n as i32).map(|i| vec![i]).collect();
        for (i, first) in first_action.iter().enumerate() {
            let own = i % n_actions;
            if let Some(first) = first.filter(|first| *first as usize != own) {
                groups[i - own + first as usize].push(i as i32);
            }
        }
        let size = groups.iter().map(Vec::len).max().unwrap_or(1);
        let padded = groups.into_iter().flat_map(|mut group| {
            group.resize(size, n as i32);
            group
        });
        Self {
            size,
            members: if size < 2 {
                Vec::new()
            } else {
                padded.collect()
            },
        }
    }
}

impl<P: Policy + ModuleDisplay> Policy for AggregatedPolicy<P> {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        let rows = self.layout.split(states.features());
        let groups = Groups::new(&rows.first_action, self.layout.n_actions());
        let logits = self.policy.logits(&states.with_features(rows.states));
        self.aggregated(logits, &groups)
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

    fn sampler(&self) -> Box<dyn HostPolicy> {
        Box::new(HostAggregated {
            policy: self.policy.sampler(),
            layout: self.layout,
        })
    }

    fn kernels(&self) -> Kernels {
        self.policy.kernels()
    }
}

impl<P: FlowPolicy + ModuleDisplay> FlowPolicy for AggregatedPolicy<P> {
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Head) {
        let rows = self.layout.split(states.features());
        let groups = Groups::new(&rows.first_action, self.layout.n_actions());
        let states = states.with_features(rows.states);
        let (logits, log_flow) = self.policy.logits_and_log_flow(&states);
        (self.aggregated(logits, &groups), log_flow)
    }
}

/// Host copy of an [`AggregatedPolicy`].
struct HostAggregated {
    policy: Box<dyn HostPolicy>,
    layout: ChildLayout,
}

impl HostPolicy for HostAggregated {
    fn forward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        let rows = self.layout.split(states);
        self.policy.forward_logits(&rows.states, workspace, logits);
        let n_actions = self.layout.n_actions();
        let rows = rows.first_action.chunks_exact(n_actions);
        for (first_action, logits) in rows.zip(logits.chunks_exact_mut(n_actions)) {
            for (action, first) in first_action.iter().enumerate() {
                let first = first.map_or(action, |first| first as usize);
                if first != action {
                    logits[first] = log_add_exp(logits[first], logits[action]);
                }
            }
        }
    }

    fn backward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>) {
        let rows = self.layout.split(states);
        self.policy.backward_logits(&rows.states, workspace, logits);
    }

    fn backward_policy(&self) -> BackwardPolicy {
        self.policy.backward_policy()
    }
}

fn log_add_exp(a: f32, b: f32) -> f32 {
    let max = a.max(b);
    max + ((a - max).exp() + (b - max).exp()).ln()
}
