//! What a policy is: logits for a batch of states, a learned log Z, and a copy for sampling on the host.

use crate::device_sampler::lies_on_host;
use crate::kernels::mlp::Rows;
use crate::kernels::mlp::host::Activations;
use crate::networks::transformer::Prefixes;
use crate::{DeviceActions, SoftmaxMixture};
use burn::module::Module;
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Features, Purpose, Streams};
use gfn_loss::Kernels;
use gfn_loss::transfers::upload;
use std::sync::Arc;

/// Encoded states on their way to a device.
///
/// Holds the sparse rows and makes the form that a network asks for: dense rows or row indices.
#[derive(Clone, Debug)]
pub struct FeatureBatch {
    features: Arc<Features>,
    device: Device,
    recorded: Vec<Arc<Activations>>,
}

impl FeatureBatch {
    /// Rows `features`, to be evaluated on `device`.
    pub fn new(features: impl Into<Arc<Features>>, device: Device) -> Self {
        Self {
            features: features.into(),
            device,
            recorded: Vec::new(),
        }
    }

    /// Other features of the same rows: what was recorded for the rows is kept.
    pub(crate) fn with_features(&self, features: Features) -> Self {
        Self {
            features: features.into(),
            ..self.clone()
        }
    }

    /// The same rows for another network on `device`.
    pub(crate) fn on(&self, device: Device) -> Self {
        Self::new(Arc::clone(&self.features), device)
    }

    /// The same with what the forward network put out for the first rows under the current parameters.
    pub(crate) fn with_recorded(self, recorded: Vec<Arc<Activations>>) -> Self {
        Self { recorded, ..self }
    }

    /// The rows for a fused perceptron, which takes what was recorded if it is of its own parameters.
    pub(crate) fn rows(&self) -> Rows {
        Rows::new(Arc::clone(&self.features), self.recorded.clone())
    }

    /// Number of states `R`.
    pub fn n_rows(&self) -> usize {
        self.features.n_rows()
    }

    /// The sparse rows.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The device that evaluates them.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Dense rows, `[R, F]`.
    ///
    /// An accelerator gets the entries of sparse rows and makes dense ones itself.
    pub fn dense(&self) -> Tensor<2> {
        let shape = [self.features.n_rows(), self.features.width()];
        let most = self.features.max_row_len();
        // An entry is an index and a value.
        if !lies_on_host(&self.device) && most > 0 && 4 * most <= shape[1] {
            return self.made_dense(most);
        }
        self.upload(TensorData::new(self.features.to_dense(), shape))
    }

    /// Dense rows from rows of `most` entries, those behind a shorter row's own being zeros.
    fn made_dense(&self, most: usize) -> Tensor<2> {
        let (n, width) = (self.features.n_rows(), self.features.width());
        let (mut indices, mut values) = (vec![0i32; n * most], vec![0.0f32; n * most]);
        for i in 0..n {
            let (of_row, values_of_row) = self.features.row(i);
            for (j, (&index, &value)) in of_row.iter().zip(values_of_row).enumerate() {
                indices[i * most + j] = index as i32;
                values[i * most + j] = value;
            }
        }
        let indices: Tensor<2, Int> =
            upload(TensorData::new(indices, [n, most]), &self.device, |data| {
                Tensor::from_data(data, &self.device)
            });
        let values = self.upload(TensorData::new(values, [n, most]));
        Tensor::zeros([n, width], (&self.device, values.dtype())).scatter(
            1,
            indices,
            values,
            IndexingUpdateOp::Add,
        )
    }

    fn upload(&self, data: TensorData) -> Tensor<2> {
        upload(data, &self.device, |data| {
            Tensor::from_data(data, &self.device)
        })
    }

    /// Index of the only entry of each row, `[R]`; tabular policies use it to pick rows of their tables.
    ///
    /// # Panics
    ///
    /// If a row does not hold exactly one entry: wrap the environment in [`gfn_env::Indexed`].
    pub fn indices(&self) -> Tensor<1, Int> {
        let n = self.features.n_rows();
        assert!(
            self.features.indices().len() == n && (0..n).all(|i| self.features.row(i).0.len() == 1),
            "a tabular policy needs one feature per state: wrap the environment in gfn_env::Indexed"
        );
        let indices: Vec<i32> = self.features.indices().iter().map(|&i| i as i32).collect();
        upload(TensorData::new(indices, [n]), &self.device, |data| {
            Tensor::from_data(data, &self.device)
        })
    }
}

/// Some columns of a network's outputs.
///
/// Heads of one network share its outputs without being cut out of them. A tensor of logits is a head by `into()`.
#[derive(Clone, Debug)]
pub struct Head {
    pub(crate) outputs: Tensor<2>,
    pub(crate) first_column: usize,
    pub(crate) n_columns: usize,
}

impl Head {
    /// Columns `first_column..first_column + n_columns` of `outputs`.
    ///
    /// # Panics
    ///
    /// If there are fewer columns.
    pub fn columns(outputs: Tensor<2>, first_column: usize, n_columns: usize) -> Self {
        let [_, width] = outputs.dims();
        assert!(
            first_column + n_columns <= width,
            "columns {first_column}..{} of outputs with {width}",
            first_column + n_columns
        );
        Self {
            outputs,
            first_column,
            n_columns,
        }
    }

    /// The columns as a tensor, `[R, n_columns]`.
    pub fn tensor(self) -> Tensor<2> {
        self.outputs.narrow(1, self.first_column, self.n_columns)
    }
}

impl From<Tensor<2>> for Head {
    fn from(outputs: Tensor<2>) -> Self {
        let [_, n_columns] = outputs.dims();
        Self {
            outputs,
            first_column: 0,
            n_columns,
        }
    }
}

/// Logits of one pass over `R` states.
#[derive(Clone, Debug)]
pub struct Logits {
    /// Forward logits, `[R, A]`.
    pub forward: Head,
    /// Backward logits, `[R, Ab]`; `None` where P_B is uniform over the parents.
    pub backward: Option<Head>,
}

/// Where P_B comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackwardPolicy {
    /// `P_B(s | s') = 1 / #parents(s')`.
    Uniform,
    /// A head or network of the policy, trained with the objective.
    Learned,
}

/// A forward policy, perhaps a backward policy, and log Z.
///
/// Implemented by [`MlpPolicy`](crate::MlpPolicy), [`TransformerPolicy`](crate::TransformerPolicy) and
/// [`TabularPolicy`](crate::TabularPolicy) among others; a user's own burn module implements the first three methods and samples through [`DeviceSampler`](crate::DeviceSampler).
pub trait Policy: Module + Sync + 'static {
    /// Logits of `R` states under the current parameters.
    fn logits(&self, states: &FeatureBatch) -> Logits;

    /// The learned `log Z`, `[1]`.
    fn log_z(&self) -> Tensor<1>;

    /// Whether [`Policy::logits`] returns backward logits.
    fn backward_policy(&self) -> BackwardPolicy;

    /// Whether log Z differs between sources, as it does where the reward depends on a condition.
    fn has_conditional_log_z(&self) -> bool {
        false
    }

    /// `log Z` of trajectories that start at the given sources: `[1]` where all have the same, else one for each, `[B]`.
    fn log_z_at(&self, _sources: &FeatureBatch) -> Tensor<1> {
        self.log_z()
    }

    /// Whether P_B has parameters that nothing else depends on, so that it can be trained apart.
    fn has_own_backward_parameters(&self) -> bool {
        false
    }

    /// A copy of the parameters for sampling on the host.
    fn sampler(&self) -> Box<dyn HostPolicy> {
        Box::new(crate::DeviceSampler::new(self))
    }

    /// The derivative of the forward logits along a direction in the space of parameters, `[R, A]` without gradients;
    /// `None` where a policy has no forward-mode pass, which trust-region updates need.
    ///
    /// `direction` is a policy of the same shape whose parameters are the components of the direction.
    fn forward_tangent(&self, _direction: &Self, _states: &FeatureBatch) -> Option<Tensor<2>> {
        None
    }

    /// Which kernels evaluate it; the fused ones unless a policy says otherwise.
    fn kernels(&self) -> Kernels {
        Kernels::default()
    }

    /// The device that holds the parameters.
    fn device(&self) -> Device {
        self.log_z().device()
    }
}

/// A policy with state flows, which detailed balance and sub-trajectory balance ask for.
///
/// A policy without flows does not implement it, so those objectives do not compile with it.
pub trait FlowPolicy: Policy {
    /// Logits and `log F(s)` (one column of `R`) of one pass.
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Head);
}

/// Buffers that a [`HostPolicy`] reuses between calls; one for each thread.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(crate) activations: Activations,
    /// Whether forward passes add to the activations or replace them.
    pub(crate) recording: bool,
    /// How many rows a recording is likely to get.
    pub(crate) expected_rows: usize,
    /// What a Transformer keeps of the states of the latest call.
    pub(crate) prefixes: Prefixes,
}

impl Workspace {
    /// One that keeps what every forward pass computes.
    pub(crate) fn recording(expected_rows: usize) -> Self {
        Self {
            recording: true,
            expected_rows,
            ..Self::default()
        }
    }

    /// Outputs of the last hidden layer for the `n_rows` of the latest forward pass, row-major.
    ///
    /// `None` where the policy is no perceptron with a hidden layer.
    pub fn last_hidden(&self, n_rows: usize) -> Option<&[f32]> {
        self.activations.last_hidden(n_rows)
    }
}

/// A policy's parameters on the host, for sampling and for exact evaluation.
///
/// The logits of a state must not depend on the other rows of the call, to the last bit: that is what makes
/// trajectories independent of batch size and thread count. The perceptrons and tables of this crate keep to it;
/// [`DeviceSampler`](crate::DeviceSampler) does as far as its device does.
pub trait HostPolicy: Send + Sync {
    /// Writes the forward logits of every row, row-major `[R, A]`.
    fn forward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>);

    /// [`forward_logits`](Self::forward_logits) of the actions that exist; those of others may be any finite number.
    ///
    /// `allowed`, row-major `[R, A]`, is true where the action exists. A policy with very many actions need not compute
    /// all.
    fn allowed_forward_logits(
        &self,
        states: &Features,
        allowed: &[bool],
        workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        debug_assert!(allowed.len().is_multiple_of(states.n_rows().max(1)));
        self.forward_logits(states, workspace, logits);
    }

    /// Writes the backward logits of every row, row-major `[R, Ab]`; leaves `logits` empty where P_B is uniform.
    fn backward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>);

    /// Whether [`HostPolicy::backward_logits`] writes anything.
    fn backward_policy(&self) -> BackwardPolicy;

    /// How many lanes of a batch of `n_lanes` one thread runs to their ends, evaluating those alive together.
    ///
    /// Small enough to give every thread work, large enough for matrix products. It must not depend on the number of
    /// threads.
    fn group_size(&self, n_lanes: usize) -> usize {
        host_group_size(n_lanes)
    }

    /// The policy on a device that samples actions itself, if a batch of `n_lanes` is to be sampled there.
    ///
    /// It is asked once for each rollout, and used where the behaviour of every lane has a
    /// [closed form](Behaviour::closed_form).
    fn device_actions(&self, _n_lanes: usize) -> Option<&dyn DeviceActions> {
        None
    }
}

/// Lanes of a group in host memory.
pub(crate) fn host_group_size(n_lanes: usize) -> usize {
    n_lanes.div_ceil(2).clamp(8, 64)
}

/// One lane of a rollout.
#[derive(Clone, Copy, Debug)]
pub struct LaneKey {
    /// Streams of the rollout.
    pub streams: Streams,
    /// What the trajectories are for.
    pub purpose: Purpose,
    /// Iteration that owns them.
    pub iteration: u32,
    /// Number of the lane.
    pub lane: usize,
    /// Lanes of the batch.
    pub n_lanes: usize,
}

impl LaneKey {
    /// Random numbers of the behaviour in this lane, apart from those that choose the lane's actions.
    ///
    /// They are those of lane `lane mod 65536` of [`Streams::branch`] `0xBE00 + purpose`.
    pub fn rng(&self) -> ChaCha8Rng {
        let branch = self.streams.branch(0xBE00 + self.purpose as u16);
        branch.rng(Purpose::Rollout, self.iteration, self.lane as u16)
    }
}

/// How actions are chosen while training: turns a state's logits into the probabilities that are sampled from.
///
/// Implementations live in `gfn-explore`. Trajectories are always scored under the current policy, never with
/// these probabilities.
pub trait Behaviour: Send + Sync {
    /// Writes probabilities that sum to one over the allowed actions and are zero elsewhere.
    ///
    /// `iteration` lets schedules move; all slices have one entry per action.
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        iteration: u64,
        probabilities: &mut [f32],
    );

    /// The behaviour of one lane, where lanes differ; `None` where every lane behaves like `self`.
    fn for_lane(&self, _lane: LaneKey) -> Option<Box<dyn Behaviour + '_>> {
        None
    }

    /// The same distribution in closed form at an iteration, for policies that sample actions on a device.
    ///
    /// `None` where there is none: then the device's logits are read back and [`Behaviour::probabilities`] turns them into
    /// probabilities on the host.
    fn closed_form(&self, _iteration: u64) -> Option<SoftmaxMixture> {
        None
    }

    /// Whether [`Behaviour::move_logits`] is to be called before [`Behaviour::probabilities`].
    fn moves_logits(&self) -> bool {
        false
    }

    /// Changes the logits of a state from the outputs of the last hidden layer there.
    fn move_logits(&self, _hidden: &[f32], _iteration: u64, _logits: &mut [f32]) {}
}

/// Forwards the trait through a pointer.
macro_rules! behave_through {
    ($($pointer:ty),+) => {$(
        impl<B: Behaviour + ?Sized> Behaviour for $pointer {
            fn probabilities(
                &self,
                logits: &[f32],
                allowed: &[bool],
                iteration: u64,
                probabilities: &mut [f32],
            ) {
                (**self).probabilities(logits, allowed, iteration, probabilities);
            }

            fn for_lane(&self, lane: LaneKey) -> Option<Box<dyn Behaviour + '_>> {
                (**self).for_lane(lane)
            }

            fn closed_form(&self, iteration: u64) -> Option<SoftmaxMixture> {
                (**self).closed_form(iteration)
            }

            fn moves_logits(&self) -> bool {
                (**self).moves_logits()
            }

            fn move_logits(&self, hidden: &[f32], iteration: u64, logits: &mut [f32]) {
                (**self).move_logits(hidden, iteration, logits);
            }
        }
    )+};
}

behave_through!(&B, Box<B>);

/// Sampling from the policy itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnPolicy;

impl Behaviour for OnPolicy {
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        _iteration: u64,
        probabilities: &mut [f32],
    ) {
        crate::masked_softmax(logits, allowed, probabilities);
    }

    fn closed_form(&self, _iteration: u64) -> Option<SoftmaxMixture> {
        Some(SoftmaxMixture::policy())
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn rows_made_dense_on_the_device_are_those_of_the_host() {
        let mut features = Features::new(9);
        for i in 0..17 {
            let mut row = features.push_row();
            for j in 0..i % 4 {
                row.set((i * 5 + j * 2) % 9, 0.5 + j as f32);
            }
        }
        // Two entries of one row at the same index add up.
        let mut row = features.push_row();
        row.one(8);
        row.one(8);
        let most = features.max_row_len();
        let expected = features.to_dense();
        let batch = FeatureBatch::new(features, Device::flex());
        for dense in [batch.made_dense(most), batch.dense()] {
            assert_eq!(dense.dims(), [18, 9]);
            assert_eq!(
                dense.into_data().iter::<f32>().collect::<Vec<_>>(),
                expected
            );
        }
    }
}
