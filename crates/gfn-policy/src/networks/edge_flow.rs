//! Relative edge flows: a scorer on pairs of states in place of a logit for each action.

use super::dense::LayerInit;
use super::mlp::{HostMlp, Mlp};
use crate::{
    BackwardPolicy, FORBIDDEN, FeatureBatch, FlowPolicy, Head, HostPolicy, Logits, Policy,
    Workspace,
};
use burn::module::{Module, Param};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData, activation};
use gfn_env::{ChildLayout, ChildRows, Environment, Features, Streams, UniqueChildren};
use gfn_loss::Kernels;

/// Shape of an [`EdgeFlowPolicy`].
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeFlowConfig {
    /// Widths of the encoder's layers, the last that of an encoded state; at least one.
    pub hidden: Vec<usize>,
    /// Widths of the scorer's hidden layers.
    pub scorer_hidden: Vec<usize>,
    /// Uniform or learned P_B, the latter a network of its own with hidden layers like the encoder's.
    pub backward: BackwardPolicy,
    /// Whether a learned P_B starts uniform over the parents.
    pub uniform_backward_start: bool,
    /// Initial value of log Z.
    pub log_z_init: f32,
    /// Fused operations where the device has them, or the composed reference everywhere.
    pub kernels: Kernels,
}

impl Default for EdgeFlowConfig {
    /// One layer each, as in the paper, of 128 units.
    fn default() -> Self {
        Self {
            hidden: vec![128],
            scorer_hidden: vec![128],
            backward: BackwardPolicy::Learned,
            uniform_backward_start: false,
            log_z_init: 0.0,
            kernels: Kernels::Fused,
        }
    }
}

/// `P_F(s' | s) = f(s, s') / Σ_c f(s, c)` over the distinct children `c`, with `log f` of a scorer on the encodings of both
/// states.
///
/// On an environment of [`UniqueChildren`] with [`ChildFeatures::Encodings`](gfn_env::ChildFeatures). Each distinct state of
/// a pass is encoded once. `f` is a flow up to a factor for each state under objectives that read probabilities alone; where
/// an objective asks for state flows, `log F(s) = log Σ_c f(s, c)`.
///
/// # References
///
/// Shen et al. (2023), *Towards understanding and improving GFlowNet training*, <https://arxiv.org/abs/2305.07170>, where it is
/// the relative edge flow parametrisation, SSR.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use gfn_env::{ChildFeatures, Hypergrid, HypergridReward, Purpose, Streams, UniqueChildren};
/// use gfn_policy::{EdgeFlowConfig, EdgeFlowPolicy, OnPolicy, Policy as _, RolloutKey, rollout};
///
/// let grid = Hypergrid::new(2, 4)?;
/// let reward = HypergridReward::original(&grid, 0.1, 0.5, 2.0)?;
/// let env = UniqueChildren::new(grid, ChildFeatures::Encodings);
/// let policy = EdgeFlowPolicy::new(&EdgeFlowConfig::default(), &env, Streams::new(0), &Device::flex());
/// let key = RolloutKey { streams: Streams::new(0), purpose: Purpose::Rollout, iteration: 0 };
/// let batch = rollout(&env, &reward, policy.sampler().as_ref(), &OnPolicy, key, 16)?;
/// assert_eq!(batch.len(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Module, Debug)]
pub struct EdgeFlowPolicy {
    encoder: Mlp,
    scorer: Mlp,
    backward: Option<Mlp>,
    log_z: Param<Tensor<1>>,
    #[module(skip)]
    shape: Shape,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    layout: ChildLayout,
    kernels: Kernels,
}

/// The edges to distinct children of all rows.
struct Edges {
    /// Row of each edge.
    parents: Vec<i32>,
    /// Row of the child among the states and then the children.
    children: Vec<i32>,
    /// For each row and action, the edge, or the number of edges where there is none; `[R·A]`.
    positions: Vec<i32>,
}

impl Edges {
    fn new(rows: &ChildRows, n_actions: usize) -> Self {
        let n_states = rows.states.n_rows() as i32;
        let mut edges = Self {
            parents: Vec::with_capacity(rows.child_rows.len()),
            children: Vec::with_capacity(rows.child_rows.len()),
            positions: Vec::with_capacity(rows.first_action.len()),
        };
        let none = rows.child_rows.len() as i32;
        for (i, first) in rows.first_action.iter().enumerate() {
            let (row, action) = (i / n_actions, i % n_actions);
            if *first != Some(action as u32) {
                edges.positions.push(none);
                continue;
            }
            let edge = edges.parents.len();
            edges.positions.push(edge as i32);
            edges.parents.push(row as i32);
            edges.children.push(n_states + rows.child_rows[edge] as i32);
        }
        edges
    }
}

fn integers(values: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

impl EdgeFlowPolicy {
    /// A policy for `env`.
    ///
    /// # Panics
    ///
    /// If `config.hidden` is empty.
    pub fn new<E: Environment>(
        config: &EdgeFlowConfig,
        env: &UniqueChildren<E>,
        streams: Streams,
        device: &Device,
    ) -> Self {
        let (&width, inner) = config
            .hidden
            .split_last()
            .expect("an encoder has at least one layer");
        let mut init = LayerInit::new(streams);
        let mut mlp = |inputs, hidden: &[usize], outputs| {
            Mlp::new(&mut init, inputs, hidden, outputs, device)
        };
        let n_features = env.layout().n_features();
        let learned = config.backward == BackwardPolicy::Learned;
        Self {
            encoder: mlp(n_features, inner, width),
            scorer: mlp(2 * width, &config.scorer_hidden, 1),
            backward: learned
                .then(|| mlp(n_features, &config.hidden, env.n_backward_actions()))
                .map(|backward| {
                    if config.uniform_backward_start {
                        backward.with_zero_head(device)
                    } else {
                        backward
                    }
                }),
            log_z: Param::from_data([config.log_z_init], device),
            shape: Shape {
                layout: env.layout(),
                kernels: config.kernels,
            },
        }
    }

    /// Logits, and whether an edge is there, `[R, A]`.
    fn outputs(&self, states: &FeatureBatch) -> (Logits, Tensor<2, Bool>) {
        let layout = self.shape.layout;
        let device = states.device();
        let rows = layout.split(states.features());
        let (r, a) = (rows.states.n_rows(), layout.n_actions());
        let edges = Edges::new(&rows, a);
        let mut all = rows.states.clone();
        all.append(&rows.children);
        let encoded = self
            .encoder
            .evaluate(&FeatureBatch::new(all, device.clone()), self.shape.kernels);
        let encoded = activation::relu(encoded);
        let n = edges.parents.len();
        // Behind the scores, what stands where there is no edge.
        let mut scores = vec![Tensor::<1>::zeros([1], device)];
        if n > 0 {
            let of = |rows: &[i32]| encoded.clone().select(0, integers(rows, device));
            let pairs = Tensor::cat(vec![of(&edges.parents), of(&edges.children)], 1);
            scores.insert(0, self.scorer.forward(pairs).reshape([n]));
        }
        let scores = Tensor::cat(scores, 0).select(0, integers(&edges.positions, device));
        let absent: Vec<bool> = edges.positions.iter().map(|&p| p as usize == n).collect();
        let backward = self.backward.as_ref().map(|mlp| {
            let states = FeatureBatch::new(rows.states, device.clone());
            mlp.evaluate(&states, self.shape.kernels).into()
        });
        let logits = Logits {
            forward: scores.reshape([r, a]).into(),
            backward,
        };
        let absent = Tensor::from_data(TensorData::new(absent, [r, a]), device);
        (logits, absent)
    }
}

impl Policy for EdgeFlowPolicy {
    fn logits(&self, states: &FeatureBatch) -> Logits {
        self.outputs(states).0
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

    fn sampler(&self) -> Box<dyn HostPolicy> {
        Box::new(HostEdgeFlowPolicy {
            encoder: self.encoder.host(),
            scorer: self.scorer.host(),
            backward: self.backward.as_ref().map(Mlp::host),
            layout: self.shape.layout,
        })
    }

    fn kernels(&self) -> Kernels {
        self.shape.kernels
    }
}

impl FlowPolicy for EdgeFlowPolicy {
    fn logits_and_log_flow(&self, states: &FeatureBatch) -> (Logits, Head) {
        let (logits, absent) = self.outputs(states);
        let flows = logits.forward.clone().tensor().mask_fill(absent, FORBIDDEN);
        let max = flows.clone().max_dim(1).detach();
        let log_flow = (flows - max.clone()).exp().sum_dim(1).log() + max;
        (logits, log_flow.into())
    }
}

/// Host copy of an [`EdgeFlowPolicy`].
#[derive(Debug)]
struct HostEdgeFlowPolicy {
    encoder: HostMlp,
    scorer: HostMlp,
    backward: Option<HostMlp>,
    layout: ChildLayout,
}

impl HostPolicy for HostEdgeFlowPolicy {
    fn forward_logits(&self, states: &Features, _workspace: &mut Workspace, logits: &mut Vec<f32>) {
        // Not the workspace of the rollout, which would keep activations that are those of no row.
        let mut workspace = Workspace::default();
        let rows = self.layout.split(states);
        let edges = Edges::new(&rows, self.layout.n_actions());
        let mut all = rows.states;
        all.append(&rows.children);
        let n = all.n_rows();
        let mut encoded = Vec::new();
        self.encoder.forward(&all, &mut workspace, &mut encoded);
        let width = encoded.len() / n.max(1);
        let mut pairs = Features::new(2 * width);
        for (&parent, &child) in edges.parents.iter().zip(&edges.children) {
            let mut pair = pairs.push_row();
            for (first, row) in [(0, parent), (width, child)] {
                let values = &encoded[row as usize * width..][..width];
                for (i, &value) in values.iter().enumerate().filter(|(_, v)| **v > 0.0) {
                    pair.set(first + i, value);
                }
            }
        }
        let mut scores = Vec::new();
        if pairs.n_rows() > 0 {
            self.scorer.forward(&pairs, &mut workspace, &mut scores);
        }
        logits.clear();
        let score = |&edge: &i32| scores.get(edge as usize).copied().unwrap_or(0.0);
        logits.extend(edges.positions.iter().map(score));
    }

    fn backward_logits(
        &self,
        states: &Features,
        _workspace: &mut Workspace,
        logits: &mut Vec<f32>,
    ) {
        logits.clear();
        if let Some(mlp) = &self.backward {
            let rows = self.layout.split(states);
            mlp.forward(&rows.states, &mut Workspace::default(), logits);
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
