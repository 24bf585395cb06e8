//! What continues a run.

use super::{KeptObject, Trainer};
use crate::backward::BackwardState;
use crate::optimiser::AdamState;
use crate::policy_gradient::{Agent, CriticState};
use crate::{Objective, TrainError};
use gfn_env::{Environment, Reward};
use gfn_explore::SavedSource;
use gfn_policy::{NamedTensor, Policy, named_parameters, with_parameters};
use std::collections::BTreeMap;

/// Everything that continues a run: parameters, optimiser state, iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerState {
    /// Iterations made.
    pub iteration: u64,
    /// Parameters by name.
    pub parameters: BTreeMap<String, NamedTensor>,
    /// Optimiser state.
    pub optimiser: AdamState,
    /// State of a P_B that is trained by itself.
    pub backward: BackwardState,
    /// Objects that a guide may look at, the oldest first.
    pub seen: Vec<KeptObject>,
    /// What intrinsic rewards have learned.
    pub intrinsic: Vec<u8>,
    /// State of each source of trajectories, in order.
    pub sources: Vec<SavedSource>,
    /// The critic, where there is one.
    pub critic: Option<CriticState>,
    /// Parameters of the target network by name; none without one, and before the first update.
    pub target: BTreeMap<String, NamedTensor>,
}

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// What continues this run.
    pub fn state(&self) -> TrainerState {
        TrainerState {
            iteration: self.iteration,
            parameters: named_parameters(&self.policy),
            optimiser: self.optimiser.state(),
            backward: self.backward.state(),
            seen: self.kept_objects(),
            intrinsic: self.intrinsic_state(),
            sources: self.sources.state(),
            critic: self.agent.as_ref().and_then(Agent::state),
            target: self
                .target
                .as_ref()
                .map(named_parameters)
                .unwrap_or_default(),
        }
    }

    /// Continues from a saved state.
    ///
    /// # Errors
    ///
    /// If a parameter or a moment does not fit the policy, or what was saved does not fit a source; the trainer is
    /// unchanged then.
    pub fn restore(&mut self, state: &TrainerState) -> Result<(), TrainError> {
        let policy = with_parameters(self.policy.clone(), &state.parameters)?;
        let seen = self.restored_objects(&state.seen)?;
        let intrinsic = self.restored_intrinsic(&state.intrinsic)?;
        let target = if state.target.is_empty() {
            None
        } else {
            Some(with_parameters(self.policy.clone(), &state.target)?)
        };
        let sources = self.sources.state();
        let mut agent = self.agent.clone();
        match &mut agent {
            Some(agent) => agent.restore(state.critic.as_ref())?,
            None if state.critic.is_some() => return Err(TrainError::OtherCritic),
            None => {}
        }
        self.sources.restore(&self.environment, &state.sources)?;
        let rest = self
            .backward
            .restore(&self.environment, &policy, &state.backward)
            .and_then(|()| Ok(self.optimiser.restore(&policy, &state.optimiser)?));
        if let Err(error) = rest {
            // They fitted a moment ago.
            self.sources.restore(&self.environment, &sources)?;
            return Err(error);
        }
        self.policy = policy;
        self.agent = agent;
        self.target = target;
        self.seen = seen;
        self.intrinsic = intrinsic;
        self.iteration = state.iteration;
        Ok(())
    }
}
