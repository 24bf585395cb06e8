//! The target network: a slow copy of the policy.

use super::Trainer;
use crate::average::move_towards;
use crate::{Objective, TargetNetwork, TrainError};
use gfn_env::{Environment, Reward};
use gfn_policy::{Policy, TransitionBatch};

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// What the target network says of `transitions`, where the objective asks for it; before the first update it is the
    /// policy.
    pub(super) fn target_of(&self, transitions: &TransitionBatch) -> Option<TargetNetwork> {
        self.objective.requirements().target_rate?;
        let target = self.target.as_ref().unwrap_or(&self.policy);
        let (log_probs, log_outflow) = transitions.log_probs_and_log_outflow(target);
        Some(TargetNetwork {
            log_pf: log_probs.log_pf.detach(),
            log_outflow: log_outflow.detach(),
        })
    }

    /// Moves the target network towards the policy as it is, after the update of the policy from `before`.
    pub(super) fn follow(&mut self, before: Option<P>) -> Result<(), TrainError> {
        let (Some(rate), Some(before)) = (self.objective.requirements().target_rate, before) else {
            return Ok(());
        };
        let target = self.target.take().unwrap_or(before);
        self.target = Some(move_towards(target, &self.policy, rate)?);
        Ok(())
    }
}
