//! What an objective reads of a batch of trajectories.

use burn::tensor::Tensor;
use gfn_env::{Action, Environment, PartialEnergy, Reward, Trajectories, checked_log_reward};
use gfn_policy::{EdgeFlowBatch, TransitionBatch};

use crate::TrainError;

/// What an objective needs of a batch beside its transitions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Requirements {
    /// The energy of every state, see [`TrainingBatch::energies`].
    pub energies: bool,
    /// The reward of every visited state as an object, see [`TrainingBatch::object_log_reward`].
    pub object_rewards: bool,
    /// The edges around every visited state, see [`TrainingBatch::edge_flows`].
    pub edge_flows: bool,
    /// The probability of every trajectory under the guide, see [`TrainingBatch::log_guide`].
    pub guide: bool,
    /// How fast a target network follows the policy, whose word of the transitions is [`TrainingBatch::target`]; none
    /// without.
    pub target_rate: Option<f64>,
    /// The intrinsic reward of every transition, see [`TrainingBatch::log_intrinsic`].
    pub intrinsic: bool,
}

/// What a target network says of the transitions of a batch, without gradients.
#[derive(Clone, Debug)]
pub struct TargetNetwork {
    /// `log P_F` of each transition, `[N]`.
    pub log_pf: Tensor<1>,
    /// The log-sum-exp of the forward logits in the state before each transition, `[N]`.
    pub log_outflow: Tensor<1>,
}

/// A batch of `B` trajectories with `N` transitions, and what the objective asked for in its [`Requirements`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrainingBatch {
    /// The transitions.
    pub transitions: TransitionBatch,
    /// `E(s)` of every state along the trajectories, `[N + B]`.
    pub energies: Option<Vec<f32>>,
    /// `log R(s)` of the state before each transition, as if the trajectory had stopped there, `[N]`.
    pub object_log_reward: Option<Vec<f32>>,
    /// Flows into and out of the visited states.
    pub edge_flows: Option<EdgeFlowBatch>,
    /// `log p(τ | x)` of every trajectory under the trainer's guide, `[B]`.
    pub log_guide: Option<Vec<f32>>,
    /// What the target network says of the transitions.
    pub target: Option<TargetNetwork>,
    /// `log r` of every transition, `−∞` where there is none, `[N]`.
    pub log_intrinsic: Option<Vec<f32>>,
    /// Whether the loss of each trajectory is asked for beside that of the batch.
    pub by_trajectory: bool,
}

impl From<TransitionBatch> for TrainingBatch {
    fn from(transitions: TransitionBatch) -> Self {
        Self {
            transitions,
            energies: None,
            object_log_reward: None,
            edge_flows: None,
            log_guide: None,
            target: None,
            log_intrinsic: None,
            by_trajectory: false,
        }
    }
}

/// Environment, reward and energy: what a batch is made with.
pub(crate) struct Source<'a, E: Environment, R> {
    pub(crate) environment: &'a E,
    pub(crate) reward: &'a R,
    pub(crate) energy: Option<&'a dyn PartialEnergy<E::State>>,
    pub(crate) iteration: u64,
}

impl<E: Environment, R: Reward<E::State>> Source<'_, E, R> {
    /// `transitions` of `trajectories` with what `requirements` ask for.
    pub(crate) fn batch(
        &self,
        transitions: TransitionBatch,
        trajectories: &Trajectories<E::State>,
        requirements: Requirements,
    ) -> Result<TrainingBatch, TrainError> {
        let mut batch = TrainingBatch::from(transitions);
        if requirements.energies {
            batch.energies = Some(self.energies(trajectories.states())?);
        }
        if requirements.object_rewards {
            batch.object_log_reward = Some(self.object_log_reward(trajectories)?);
        }
        if requirements.edge_flows {
            let flows = EdgeFlowBatch::new(self.environment, trajectories);
            batch.edge_flows = Some(flows.map_err(|source| self.rollout_error(source.into()))?);
        }
        Ok(batch)
    }

    fn rollout_error(&self, source: gfn_policy::RolloutError) -> TrainError {
        TrainError::Rollout {
            iteration: self.iteration,
            source,
        }
    }

    fn energies(&self, states: &[E::State]) -> Result<Vec<f32>, TrainError> {
        let energy = self.energy.ok_or(TrainError::NoEnergy)?;
        let mut energies = vec![f64::NAN; states.len()];
        energy.energy(states, &mut energies)?;
        match energies.iter().position(|e| !e.is_finite()) {
            Some(i) => Err(TrainError::Energy {
                state: format!("{:?}", states[i]),
                value: energies[i],
            }),
            None => Ok(energies.into_iter().map(|e| e as f32).collect()),
        }
    }

    pub(crate) fn object_log_reward(
        &self,
        trajectories: &Trajectories<E::State>,
    ) -> Result<Vec<f32>, TrainError> {
        let exit = Action((self.environment.n_actions() - 1) as u32);
        let mut objects = Vec::with_capacity(trajectories.n_transitions());
        for trajectory in trajectories.iter() {
            for state in &trajectory.states[..trajectory.actions.len()] {
                let mut object = state.clone();
                let stepped = self.environment.step(&mut object, exit);
                if stepped.is_err() || !self.environment.is_terminal(&object) {
                    return Err(TrainError::NoExit {
                        state: format!("{state:?}"),
                    });
                }
                objects.push(object);
            }
        }
        let mut log_reward = vec![0.0; objects.len()];
        checked_log_reward(self.reward, &objects, &mut log_reward)?;
        Ok(log_reward.into_iter().map(|r| r as f32).collect())
    }
}
