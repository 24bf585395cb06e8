//! Policies with one row of logits for each state: no approximation error, for tests and small problems.

use crate::{
    BackwardPolicy, FeatureBatch, FlowPolicy, Head, HostPolicy, Logits, Policy, Workspace,
};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use gfn_env::{Environment, Features};

/// P_F, perhaps P_B, and log Z as tables over the states of an [`Indexed`](gfn_env::Indexed) environment.
///
/// All logits and log Z start at zero: P_F and P_B are uniform.
#[derive(Module, Debug)]
pub struct TabularPolicy {
    forward: Param<Tensor<2>>,
    backward: Option<Param<Tensor<2>>>,
    log_z: Param<Tensor<1>>,
}

fn table(rows: usize, columns: usize, device: &Device) -> Param<Tensor<2>> {
    Param::from_data(
        TensorData::new(vec![0.0f32; rows * columns], [rows, columns]),
        device,
    )
}

impl TabularPolicy {
    /// Tables for `env`, whose features must be one index per state.
    pub fn new<E: Environment>(env: &E, backward: BackwardPolicy, device: &Device) -> Self {
        Self {
            forward: table(env.n_features(), env.n_actions(), device),
            backward: (backward == BackwardPolicy::Learned)
                .then(|| table(env.n_features(), env.n_backward_actions(), device)),
            log_z: Param::from_data([0.0f32], device),
        }
    }
}

impl Policy for TabularPolicy {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        let rows = states.indices();
        Logits {
            backward: self
                .backward
                .as_ref()
                .map(|t| t.val().select(0, rows.clone()).into()),
            forward: self.forward.val().select(0, rows).into(),
        }
    }

    fn log_z(&self) -> Tensor<1> {
        self.log_z.val()
    }

    fn backward_policy(&self) -> BackwardPolicy {
        if self.backward.is_some() {
            BackwardPolicy::Learned
        } else {
            BackwardPolicy::Uniform
        }
    }

    fn has_own_backward_parameters(&self) -> bool {
        self.backward.is_some()
    }

    fn forward_tangent(&self, direction: &Self, states: &FeatureBatch) -> Option<Tensor<2>> {
        let table = direction.forward.val().detach();
        Some(table.select(0, states.indices()))
    }

    fn sampler(&self) -> Box<dyn HostPolicy> {
        Box::new(HostTable {
            forward: HostColumns::new(&self.forward),
            backward: self.backward.as_ref().map(HostColumns::new),
        })
    }
}

/// A [`TabularPolicy`] with a table of state flows.
#[derive(Module, Debug)]
pub struct TabularFlowPolicy {
    policy: TabularPolicy,
    log_flow: Param<Tensor<1>>,
}

impl TabularFlowPolicy {
    /// Tables for `env`, whose features must be one index per state.
    pub fn new<E: Environment>(env: &E, backward: BackwardPolicy, device: &Device) -> Self {
        Self {
            policy: TabularPolicy::new(env, backward, device),
            log_flow: Param::from_data(
                TensorData::new(vec![0.0f32; env.n_features()], [env.n_features()]),
                device,
            ),
        }
    }
}

impl Policy for TabularFlowPolicy {
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
}

impl FlowPolicy for TabularFlowPolicy {
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Head) {
        let log_flow = self.log_flow.val().select(0, states.indices());
        (
            self.policy.logits(states),
            log_flow.unsqueeze_dim::<2>(1).into(),
        )
    }
}

#[derive(Debug)]
struct HostColumns {
    values: Vec<f32>,
    columns: usize,
}

impl HostColumns {
    fn new(table: &Param<Tensor<2>>) -> Self {
        let table = table.val();
        Self {
            columns: table.dims()[1],
            values: table.into_data().iter::<f32>().collect(),
        }
    }

    fn gather(&self, states: &Features, out: &mut Vec<f32>) {
        out.clear();
        for i in 0..states.n_rows() {
            let row = states.row(i).0[0] as usize;
            out.extend_from_slice(&self.values[row * self.columns..][..self.columns]);
        }
    }
}

#[derive(Debug)]
struct HostTable {
    forward: HostColumns,
    backward: Option<HostColumns>,
}

impl HostPolicy for HostTable {
    fn forward_logits(&self, states: &Features, _workspace: &mut Workspace, logits: &mut Vec<f32>) {
        self.forward.gather(states, logits);
    }

    fn backward_logits(
        &self,
        states: &Features,
        _workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        match &self.backward {
            Some(table) => table.gather(states, logits),
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
