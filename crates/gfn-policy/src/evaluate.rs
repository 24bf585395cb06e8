//! Log-probabilities of ragged trajectories under the current policy: one pass over all visited states, no padding.

mod distributions;

use crate::kernels::log_probability::{ChoicesOfRows, log_probability};
use crate::kernels::mlp::host::Activations;
use crate::{BackwardPolicy, FeatureBatch, FlowPolicy, Head, Logits, Policy, Recording};
use burn::tensor::{Device, Int, Tensor, TensorData};
use gfn_env::{Environment, Features, Trajectories};
use gfn_loss::transfers::upload;
use gfn_loss::{Kernels, LogProbs, Segments};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// A batch of trajectories laid out for evaluation, on the host.
///
/// Row `n` of the first `N` rows is the state before transition `n`. Where P_B is learned, terminal states with more
/// than one parent follow as further rows; all other terminal states are never evaluated, because P_B is 1 there.
#[derive(Clone, Debug)]
pub struct TransitionBatch {
    segments: Segments,
    features: Arc<Features>,
    recorded: Vec<Arc<Activations>>,
    /// Row of the state before each transition.
    rows: Arc<[i32]>,
    forward_forbidden: Arc<[bool]>,
    actions: Arc<[i32]>,
    backward: BackwardRows,
    log_reward: Vec<f32>,
}

#[derive(Clone, Debug)]
enum BackwardRows {
    /// `log P_B` of each transition, without parameters.
    Fixed(Vec<f32>),
    /// Row, mask and action of the state after each transition.
    Learned {
        child_rows: Arc<[i32]>,
        forbidden: Arc<[bool]>,
        actions: Arc<[i32]>,
    },
}

fn forbidden(allowed: &[bool]) -> impl Iterator<Item = bool> + '_ {
    allowed.iter().map(|ok| !ok)
}

impl TransitionBatch {
    /// Encodes `trajectories` for a policy with the given kind of P_B.
    pub fn new<E: Environment>(
        env: &E,
        trajectories: &Trajectories<E::State>,
        backward: BackwardPolicy,
    ) -> Self {
        let mut features = Features::new(env.n_features());
        for trajectory in trajectories.iter() {
            for state in &trajectory.states[..trajectory.actions.len()] {
                env.encode(state, &mut features.push_row());
            }
        }
        let rows = (0..features.n_rows() as i32).collect();
        Self::with_rows(env, trajectories, backward, features, rows, Vec::new())
    }

    /// Lays out the trajectories of [`record_rollout`](crate::record_rollout) with what was computed for them already.
    ///
    /// The recording may be of the first trajectories alone: others, from elsewhere, can follow them. A policy whose
    /// forward network has other parameters than that of the rollout evaluates all states anew.
    ///
    /// # Panics
    ///
    /// If the recording does not end where one of the trajectories does.
    pub fn recorded<E: Environment>(
        env: &E,
        trajectories: &Trajectories<E::State>,
        backward: BackwardPolicy,
        recording: Recording,
    ) -> Self {
        let Recording {
            features,
            mut rows,
            activations,
        } = recording;
        let Some(mut features) = features else {
            return Self::new(env, trajectories, backward);
        };
        let Ok(recorded) = trajectories.offsets().binary_search(&rows.len()) else {
            panic!("a recording of other trajectories");
        };
        for trajectory in trajectories.iter().skip(recorded) {
            for state in &trajectory.states[..trajectory.actions.len()] {
                rows.push(features.n_rows() as i32);
                env.encode(state, &mut features.push_row());
            }
        }
        Self::with_rows(env, trajectories, backward, features, rows, activations)
    }

    fn with_rows<E: Environment>(
        env: &E,
        trajectories: &Trajectories<E::State>,
        backward: BackwardPolicy,
        mut features: Features,
        rows: Vec<i32>,
        recorded: Vec<Arc<Activations>>,
    ) -> Self {
        let n = trajectories.n_transitions();
        let mut forward_forbidden = vec![false; n * env.n_actions()];
        let mut masks = forward_forbidden.chunks_exact_mut(env.n_actions());
        for trajectory in trajectories.iter() {
            let states = &trajectory.states[..trajectory.actions.len()];
            for (state, mask) in states.iter().zip(&mut masks) {
                env.forward_mask(state, mask);
                mask.iter_mut().for_each(|m| *m = !*m);
            }
        }
        let backward = match backward {
            BackwardPolicy::Uniform => BackwardRows::uniform(env, trajectories),
            BackwardPolicy::Learned => {
                BackwardRows::learned(env, trajectories, &rows, &mut features)
            }
        };
        Self {
            segments: Segments::new(trajectories.offsets().to_vec()),
            features: Arc::new(features),
            recorded,
            rows: rows.into(),
            forward_forbidden: forward_forbidden.into(),
            actions: trajectories.actions().iter().map(|a| a.0 as i32).collect(),
            backward,
            log_reward: trajectories
                .log_reward()
                .iter()
                .map(|&r| r as f32)
                .collect(),
        }
    }

    /// The same transitions under a backward policy that is given, `log P_B` of each, `[N]`: no gradient reaches a P_B
    /// of the policy.
    ///
    /// # Panics
    ///
    /// If there is not one value per transition.
    #[must_use]
    pub fn with_log_pb(self, log_pb: Vec<f32>) -> Self {
        assert_eq!(
            log_pb.len(),
            self.n_transitions(),
            "one log P_B per transition"
        );
        Self {
            backward: BackwardRows::Fixed(log_pb),
            ..self
        }
    }

    /// `−log` of the number of actions that each transition could have taken, `[N]`: the uniform forward policy.
    pub fn log_uniform(&self) -> Vec<f32> {
        let n_actions = self.forward_forbidden.len() / self.n_transitions().max(1);
        let rows = self.forward_forbidden.chunks_exact(n_actions.max(1));
        rows.map(|row| -(row.iter().filter(|forbidden| !**forbidden).count() as f32).ln())
            .collect()
    }

    /// Number of transitions `N`.
    pub fn n_transitions(&self) -> usize {
        self.actions.len()
    }

    /// Where the trajectories lie.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// `log Z` of the trajectories under `policy`: `[1]`, or `[B]` where it depends on their sources.
    pub fn log_z<P: Policy>(&self, policy: &P) -> Tensor<1> {
        if !policy.has_conditional_log_z() {
            return policy.log_z();
        }
        let mut sources = Features::new(self.features.width());
        for (indices, values) in self.sources() {
            let mut row = sources.push_row();
            for (&index, &value) in indices.iter().zip(values) {
                row.set(index as usize, value);
            }
        }
        policy.log_z_at(&FeatureBatch::new(sources, policy.device()))
    }

    /// A number for each trajectory, equal for those that start at the same source, `[B]`.
    pub fn source_groups(&self) -> Vec<usize> {
        let mut known = BTreeMap::new();
        let encodings = self.sources().map(|(indices, values)| {
            let bits = values.iter().map(|v| v.to_bits());
            indices.iter().copied().zip(bits).collect::<Vec<_>>()
        });
        encodings
            .map(|encoding| {
                let n = known.len();
                *known.entry(encoding).or_insert(n)
            })
            .collect()
    }

    /// Encodings of the states that the trajectories start at.
    fn sources(&self) -> impl Iterator<Item = (&[u32], &[f32])> {
        let starts = self.segments.offsets().windows(2);
        starts.map(|ends| {
            assert!(
                ends[0] < ends[1],
                "a trajectory has at least one transition"
            );
            self.features.row(self.rows[ends[0]] as usize)
        })
    }

    fn states(&self, device: &Device) -> FeatureBatch {
        FeatureBatch::new(Arc::clone(&self.features), device.clone())
            .with_recorded(self.recorded.clone())
    }

    /// `log P_F` and `log P_B` of every transition.
    pub fn log_probs<P: Policy>(&self, policy: &P) -> LogProbs {
        let device = policy.device();
        let logits = policy.logits(&self.states(&device));
        self.gather(logits, &device, policy.kernels())
    }

    /// [`TransitionBatch::log_probs`], and `log P_F(exit | s)` of the state before each transition, `[N]`.
    ///
    /// For environments in which every state may stop; the exit is the last forward action.
    ///
    /// # Panics
    ///
    /// If a state of the batch does not allow its last action.
    pub fn log_probs_and_log_exit<P: Policy>(&self, policy: &P) -> (LogProbs, Tensor<1>) {
        let device = policy.device();
        let n = self.n_transitions();
        let logits = policy.logits(&self.states(&device));
        let exit = self.forward_forbidden.len() / n - 1;
        let exits = self.forward_forbidden.iter().skip(exit).step_by(exit + 1);
        assert!(
            exits.into_iter().all(|forbidden| !forbidden),
            "every state must allow the exit, the last action"
        );
        let actions: Arc<[i32]> = vec![exit as i32; n].into();
        let log_exit = chosen(
            logits.forward.clone(),
            [&self.rows, &actions],
            &self.forward_forbidden,
            0.0,
            policy.kernels(),
        );
        (self.gather(logits, &device, policy.kernels()), log_exit)
    }

    /// Log-probabilities of the transitions under the mixture `(1 − ε) P_F + ε · uniform over the allowed actions`,
    /// `[N]`, differentiable in the policy.
    ///
    /// # Panics
    ///
    /// If `epsilon` is not in `[0, 1]`.
    pub fn log_mixture<P: Policy>(&self, policy: &P, epsilon: f32) -> Tensor<1> {
        assert!(
            (0.0..=1.0).contains(&epsilon),
            "epsilon is in [0, 1], not {epsilon}"
        );
        let logits = policy.logits(&self.states(&policy.device()));
        self.log_forward(logits.forward, epsilon, policy.kernels())
    }

    /// [`TransitionBatch::log_probs`], and `log F` of every state along each trajectory, `[N + B]`.
    ///
    /// `log F(source)` is the policy's log Z and `log F(x)` of a terminal state is `log R(x)`; the network gives the
    /// flows between.
    pub fn log_probs_and_log_flow<P: FlowPolicy>(&self, policy: &P) -> (LogProbs, Tensor<1>) {
        let device = policy.device();
        let (logits, flow) = policy.logits_and_log_flow(&self.states(&device));
        let log_probs = self.gather(logits, &device, policy.kernels());
        let n_rows = self.features.n_rows();
        let flow = flow.tensor().reshape([n_rows]);
        // Rows of the network, then log Z, then the rewards: each state along the trajectories is one of them.
        let values = Tensor::cat(vec![flow, policy.log_z(), log_probs.log_reward.clone()], 0);
        let ends = self.segments.offsets().windows(2).enumerate();
        let order: Vec<i32> = ends
            .flat_map(|(b, ends)| {
                let inner = self
                    .rows
                    .get(ends[0] + 1..ends[1])
                    .unwrap_or(&[])
                    .iter()
                    .copied();
                let first = (ends[0] < ends[1]).then_some(n_rows as i32);
                first
                    .into_iter()
                    .chain(inner)
                    .chain([(n_rows + 1 + b) as i32])
            })
            .collect();
        let n_states = order.len();
        let order = TensorData::new(order, [n_states]);
        let order: Tensor<1, Int> = upload(order, &device, |data| Tensor::from_data(data, &device));
        (log_probs, values.select(0, order))
    }

    fn log_forward(&self, head: Head, epsilon: f32, kernels: Kernels) -> Tensor<1> {
        let taken = [&self.rows, &self.actions];
        chosen(head, taken, &self.forward_forbidden, epsilon, kernels)
    }

    fn gather(&self, logits: Logits, device: &Device, kernels: Kernels) -> LogProbs {
        let n = self.n_transitions();
        let log_pf = self.log_forward(logits.forward, 0.0, kernels);
        let log_pb = match (&self.backward, logits.backward) {
            (BackwardRows::Fixed(log_pb), _) => {
                upload(TensorData::new(log_pb.clone(), [n]), device, |data| {
                    Tensor::from_data(data, device)
                })
            }
            (
                BackwardRows::Learned {
                    child_rows,
                    forbidden,
                    actions,
                },
                Some(head),
            ) => chosen(head, [child_rows, actions], forbidden, 0.0, kernels),
            (BackwardRows::Learned { .. }, None) => {
                unreachable!(
                    "a batch laid out for a learned P_B is evaluated by a policy with backward logits"
                )
            }
        };
        let log_reward = TensorData::new(self.log_reward.clone(), [self.log_reward.len()]);
        LogProbs::new(
            log_pf,
            log_pb,
            upload(log_reward, device, |data| Tensor::from_data(data, device)),
            self.segments.clone(),
        )
        .with_kernels(kernels)
    }
}

/// The log-probabilities of the actions that were taken in the given rows, see [`log_probability`].
fn chosen(
    head: Head,
    [rows, actions]: [&Arc<[i32]>; 2],
    forbidden: &Arc<[bool]>,
    epsilon: f32,
    kernels: Kernels,
) -> Tensor<1> {
    let choices = ChoicesOfRows {
        shape: head.outputs.dims(),
        first_column: head.first_column,
        rows: Arc::clone(rows),
        actions: Arc::clone(actions),
        forbidden: Arc::clone(forbidden),
        epsilon,
        kept: OnceLock::new(),
    };
    debug_assert_eq!(
        choices.n_actions(),
        head.n_columns,
        "one mask entry and one logit per action"
    );
    log_probability(head.outputs, choices, kernels)
}

impl BackwardRows {
    fn uniform<E: Environment>(env: &E, trajectories: &Trajectories<E::State>) -> Self {
        let mut allowed = vec![false; env.n_backward_actions()];
        let mut log_pb = Vec::with_capacity(trajectories.n_transitions());
        for trajectory in trajectories.iter() {
            for child in &trajectory.states[1..] {
                env.backward_mask(child, &mut allowed);
                let parents = allowed.iter().filter(|ok| **ok).count();
                log_pb.push(-(parents as f32).ln());
            }
        }
        Self::Fixed(log_pb)
    }

    fn learned<E: Environment>(
        env: &E,
        trajectories: &Trajectories<E::State>,
        rows: &[i32],
        features: &mut Features,
    ) -> Self {
        let n = trajectories.n_transitions();
        let mut allowed = vec![false; env.n_backward_actions()];
        let mut child_rows = Vec::with_capacity(n);
        let mut mask = Vec::with_capacity(n * allowed.len());
        for trajectory in trajectories.iter() {
            let last = trajectory.actions.len();
            for (t, child) in trajectory.states.iter().enumerate().skip(1) {
                env.backward_mask(child, &mut allowed);
                mask.extend(forbidden(&allowed));
                // The child's own row is the next transition's; any row serves where P_B is 1 whatever the logits.
                child_rows.push(if t < last {
                    rows[child_rows.len() + 1]
                } else if allowed.iter().filter(|ok| **ok).count() > 1 {
                    env.encode(child, &mut features.push_row());
                    features.n_rows() as i32 - 1
                } else {
                    0
                });
            }
        }
        Self::Learned {
            child_rows: child_rows.into(),
            forbidden: mask.into(),
            actions: trajectories
                .backward_actions()
                .iter()
                .map(|a| a.0 as i32)
                .collect(),
        }
    }
}
