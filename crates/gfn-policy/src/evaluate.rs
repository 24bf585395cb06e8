//! Log-probabilities of ragged trajectories under the current policy: one pass over all visited states, no padding.

use crate::{BackwardPolicy, FeatureBatch, FlowPolicy, Logits, Policy, masked_log_softmax};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use gfn_env::{Environment, Features, Trajectories};
use gfn_loss::{LogProbs, Segments, with_terminal_rewards};

/// A batch of trajectories laid out for evaluation, on the host.
///
/// Row `n` of the first `N` rows is the state before transition `n`. Where P_B is learned, terminal states with more
/// than one parent follow as further rows; all other terminal states are never evaluated, because P_B is 1 there.
#[derive(Clone, Debug)]
pub struct TransitionBatch {
    segments: Segments,
    rows: Features,
    n_actions: usize,
    n_backward_actions: usize,
    forward_forbidden: Vec<bool>,
    actions: Vec<i32>,
    backward: BackwardRows,
    log_reward: Vec<f32>,
}

#[derive(Clone, Debug)]
enum BackwardRows {
    /// `−log #parents` of the state after each transition.
    Uniform(Vec<f32>),
    /// Row, mask and action of the state after each transition.
    Learned {
        child_rows: Vec<i32>,
        forbidden: Vec<bool>,
        actions: Vec<i32>,
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
        let n = trajectories.n_transitions();
        let (a, ab) = (env.n_actions(), env.n_backward_actions());
        let mut rows = Features::new(env.n_features());
        let mut allowed = vec![false; a];
        let mut forward_forbidden = Vec::with_capacity(n * a);
        for trajectory in trajectories.iter() {
            for state in &trajectory.states[..trajectory.actions.len()] {
                env.encode(state, &mut rows.push_row());
                env.forward_mask(state, &mut allowed);
                forward_forbidden.extend(forbidden(&allowed));
            }
        }
        let backward = match backward {
            BackwardPolicy::Uniform => BackwardRows::uniform(env, trajectories),
            BackwardPolicy::Learned => BackwardRows::learned(env, trajectories, &mut rows),
        };
        Self {
            segments: Segments::new(trajectories.offsets().to_vec()),
            rows,
            n_actions: a,
            n_backward_actions: ab,
            forward_forbidden,
            actions: trajectories.actions().iter().map(|a| a.0 as i32).collect(),
            backward,
            log_reward: trajectories
                .log_reward()
                .iter()
                .map(|&r| r as f32)
                .collect(),
        }
    }

    /// Number of transitions `N`.
    pub fn n_transitions(&self) -> usize {
        self.actions.len()
    }

    /// Where the trajectories lie.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    fn features(&self, device: &Device) -> FeatureBatch {
        FeatureBatch::new(self.rows.clone(), device.clone())
    }

    /// `log P_F` and `log P_B` of every transition.
    pub fn log_probs<P: Policy>(&self, policy: &P) -> LogProbs {
        let device = policy.device();
        let logits = policy.logits(&self.features(&device));
        self.gather(logits, &device)
    }

    /// [`TransitionBatch::log_probs`], and `log F` of every state along each trajectory, `[N + B]`.
    ///
    /// `log F(source)` is the policy's log Z and `log F(x)` of a terminal state is `log R(x)`; the network gives the
    /// flows between.
    pub fn log_probs_and_log_flow<P: FlowPolicy>(&self, policy: &P) -> (LogProbs, Tensor<1>) {
        let device = policy.device();
        let (logits, flow) = policy.logits_and_log_flow(&self.features(&device));
        let n = self.n_transitions();
        let mut is_source = vec![false; n];
        for &start in &self.segments.offsets()[..self.segments.n_segments()] {
            if start < n {
                is_source[start] = true;
            }
        }
        let is_source: Tensor<1, Bool> =
            Tensor::from_data(TensorData::new(is_source, [n]), &device);
        let flow = flow
            .narrow(0, 0, n)
            .mask_where(is_source, policy.log_z().expand([n]));
        let log_probs = self.gather(logits, &device);
        let log_flow = with_terminal_rewards(flow, log_probs.log_reward.clone(), &self.segments);
        (log_probs, log_flow)
    }

    fn gather(&self, logits: Logits, device: &Device) -> LogProbs {
        let n = self.n_transitions();
        let log_pf = chosen(
            logits.forward.narrow(0, 0, n),
            &self.forward_forbidden,
            &self.actions,
            device,
        );
        let log_pb = match (&self.backward, logits.backward) {
            (BackwardRows::Uniform(log_pb), _) => {
                Tensor::from_data(TensorData::new(log_pb.clone(), [n]), device)
            }
            (
                BackwardRows::Learned {
                    child_rows,
                    forbidden,
                    actions,
                },
                Some(backward),
            ) => {
                debug_assert_eq!(
                    backward.dims()[1],
                    self.n_backward_actions,
                    "one logit per backward action"
                );
                let rows: Tensor<1, Int> =
                    Tensor::from_data(TensorData::new(child_rows.clone(), [n]), device);
                chosen(backward.select(0, rows), forbidden, actions, device)
            }
            (BackwardRows::Learned { .. }, None) => {
                unreachable!(
                    "a batch laid out for a learned P_B is evaluated by a policy with backward logits"
                )
            }
        };
        debug_assert_eq!(
            self.forward_forbidden.len(),
            n * self.n_actions,
            "one mask entry per action"
        );
        let log_reward = TensorData::new(self.log_reward.clone(), [self.log_reward.len()]);
        LogProbs::new(
            log_pf,
            log_pb,
            Tensor::from_data(log_reward, device),
            self.segments.clone(),
        )
    }
}

/// `log softmax` over the allowed entries at the taken action of each row.
fn chosen(logits: Tensor<2>, forbidden: &[bool], actions: &[i32], device: &Device) -> Tensor<1> {
    let [n, a] = logits.dims();
    let forbidden = Tensor::from_data(TensorData::new(forbidden.to_vec(), [n, a]), device);
    let actions: Tensor<2, Int> =
        Tensor::from_data(TensorData::new(actions.to_vec(), [n, 1]), device);
    masked_log_softmax(logits, forbidden)
        .gather(1, actions)
        .squeeze_dim::<1>(1)
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
        Self::Uniform(log_pb)
    }

    fn learned<E: Environment>(
        env: &E,
        trajectories: &Trajectories<E::State>,
        rows: &mut Features,
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
                    child_rows.len() as i32 + 1
                } else if allowed.iter().filter(|ok| **ok).count() > 1 {
                    env.encode(child, &mut rows.push_row());
                    rows.n_rows() as i32 - 1
                } else {
                    0
                });
            }
        }
        Self::Learned {
            child_rows,
            forbidden: mask,
            actions: trajectories
                .backward_actions()
                .iter()
                .map(|a| a.0 as i32)
                .collect(),
        }
    }
}
