//! Flows over all edges into and out of visited states, which flow matching asks for.

use crate::distinct_states::{DistinctStates, select};
use crate::{FeatureBatch, Policy};
use burn::tensor::{Tensor, TensorData};
use gfn_env::{Action, BackwardAction, Environment, EnvironmentError, Features, Trajectories};
use gfn_loss::{EdgeFlows, Segments};
use std::sync::Arc;

/// The edges around the states of a batch of trajectories, laid out for evaluation.
///
/// A forward logit is read as the logarithm of the flow over its edge. The `S` states are those that the trajectories
/// visit behind the source, each as often as it is visited; states that share a parent share its evaluation.
#[derive(Clone, Debug)]
pub struct EdgeFlowBatch {
    features: Arc<Features>,
    inflow: Entries,
    outflow: Entries,
    log_reward: Vec<f32>,
    is_terminal: Vec<bool>,
}

/// Entries of the logits, state after state.
#[derive(Clone, Debug)]
struct Entries {
    /// Row times the number of actions plus the action.
    positions: Vec<i32>,
    segments: Segments,
}

impl Entries {
    fn gather(&self, logits: &Tensor<1>) -> Tensor<1> {
        select(logits, &self.positions)
    }
}

impl EdgeFlowBatch {
    /// Encodes the states of `trajectories` with their parents.
    ///
    /// # Errors
    ///
    /// If the environment refuses a backward action that its mask allows.
    pub fn new<E: Environment>(
        env: &E,
        trajectories: &Trajectories<E::State>,
    ) -> Result<Self, EnvironmentError> {
        let mut states = DistinctStates::new(env);
        let n_actions = env.n_actions() as i32;
        let mut forward = vec![false; env.n_actions()];
        let mut backward = vec![false; env.n_backward_actions()];
        let (mut into, mut out_of) = (Vec::new(), Vec::new());
        let (mut inflow_offsets, mut outflow_offsets) = (vec![0], vec![0]);
        let (mut log_reward, mut is_terminal) = (Vec::new(), Vec::new());
        for trajectory in trajectories.iter() {
            for state in &trajectory.states[1..] {
                env.backward_mask(state, &mut backward);
                for action in (0..backward.len()).filter(|&b| backward[b]) {
                    let mut parent = state.clone();
                    let Action(action) =
                        env.step_back(&mut parent, BackwardAction(action as u32))?;
                    into.push(states.row_of(&parent) * n_actions + action as i32);
                }
                inflow_offsets.push(into.len());
                is_terminal.push(env.is_terminal(state));
                if env.is_terminal(state) {
                    log_reward.push(trajectory.log_reward as f32);
                } else {
                    let row = states.row_of(state);
                    env.forward_mask(state, &mut forward);
                    let allowed = (0..n_actions).zip(&forward).filter(|(_, ok)| **ok);
                    out_of.extend(allowed.map(|(action, _)| row * n_actions + action));
                    log_reward.push(f32::NEG_INFINITY);
                }
                outflow_offsets.push(out_of.len());
            }
        }
        Ok(Self {
            features: Arc::new(states.into_features()),
            inflow: Entries {
                positions: into,
                segments: Segments::new(inflow_offsets),
            },
            outflow: Entries {
                positions: out_of,
                segments: Segments::new(outflow_offsets),
            },
            log_reward,
            is_terminal,
        })
    }

    /// The flows under the current parameters.
    pub fn evaluate<P: Policy>(&self, policy: &P) -> EdgeFlows {
        let device = policy.device();
        let states = FeatureBatch::new(Arc::clone(&self.features), device.clone());
        let logits = policy.logits(&states).forward.tensor();
        let n = logits.dims().iter().product::<usize>();
        let logits = logits.reshape([n]);
        let log_reward = TensorData::new(self.log_reward.clone(), [self.log_reward.len()]);
        EdgeFlows::new(
            self.inflow.gather(&logits),
            self.inflow.segments.clone(),
            self.outflow.gather(&logits),
            self.outflow.segments.clone(),
            Tensor::from_data(log_reward, &device),
            self.is_terminal.clone(),
        )
    }
}
