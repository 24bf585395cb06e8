//! What a policy is: logits for a batch of states, a learned log Z, and a copy for sampling on the host.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use gfn_env::Features;

/// Encoded states on their way to a device.
///
/// Holds the sparse rows and makes the form that a network asks for: dense rows or row indices.
#[derive(Clone, Debug)]
pub struct FeatureBatch {
    features: Features,
    device: Device,
}

impl FeatureBatch {
    /// Rows `features`, to be evaluated on `device`.
    pub fn new(features: Features, device: Device) -> Self {
        Self { features, device }
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
    pub fn dense(&self) -> Tensor<2> {
        let shape = [self.features.n_rows(), self.features.width()];
        Tensor::from_data(
            TensorData::new(self.features.to_dense(), shape),
            &self.device,
        )
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
        Tensor::from_data(TensorData::new(indices, [n]), &self.device)
    }
}

/// Logits of one pass over `R` states.
#[derive(Clone, Debug)]
pub struct Logits {
    /// Forward logits, `[R, A]`.
    pub forward: Tensor<2>,
    /// Backward logits, `[R, Ab]`; `None` where P_B is uniform over the parents.
    pub backward: Option<Tensor<2>>,
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
/// Implemented by [`MlpPolicy`](crate::MlpPolicy) and [`TabularPolicy`](crate::TabularPolicy); a user's own burn
/// module implements the first three methods and samples through [`DeviceSampler`](crate::DeviceSampler).
pub trait Policy: Module + Sync + 'static {
    /// Logits of `R` states under the current parameters.
    fn logits(&self, states: &FeatureBatch) -> Logits;

    /// The learned `log Z`, `[1]`.
    fn log_z(&self) -> Tensor<1>;

    /// Whether [`Policy::logits`] returns backward logits.
    fn backward_policy(&self) -> BackwardPolicy;

    /// A copy of the parameters for sampling on the host.
    fn sampler(&self) -> Box<dyn HostPolicy> {
        Box::new(crate::DeviceSampler::new(self))
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
    /// Logits and `log F(s)` (`[R]`) of one pass.
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Tensor<1>);
}

/// Buffers that a [`HostPolicy`] reuses between calls; one for each thread.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(crate) buffers: Vec<Vec<f32>>,
}

/// A policy's parameters on the host, for sampling and for exact evaluation.
///
/// The logits of a state must not depend on the other rows of the call, to the last bit: that is what makes
/// trajectories independent of batch size and thread count. The perceptrons and tables of this crate keep to it;
/// [`DeviceSampler`](crate::DeviceSampler) does as far as its device does.
pub trait HostPolicy: Send + Sync {
    /// Writes the forward logits of every row, row-major `[R, A]`.
    fn forward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>);

    /// Writes the backward logits of every row, row-major `[R, Ab]`; leaves `logits` empty where P_B is uniform.
    fn backward_logits(&self, states: &Features, workspace: &mut Workspace, logits: &mut Vec<f32>);

    /// Whether [`HostPolicy::backward_logits`] writes anything.
    fn backward_policy(&self) -> BackwardPolicy;
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
}

impl Behaviour for Box<dyn Behaviour> {
    fn probabilities(
        &self,
        logits: &[f32],
        allowed: &[bool],
        iteration: u64,
        probabilities: &mut [f32],
    ) {
        (**self).probabilities(logits, allowed, iteration, probabilities);
    }
}

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
}
