//! Intrinsic rewards of a trainer: what they are worth, and what they learn from.

use super::Trainer;
use crate::{Objective, TrainError};
use gfn_env::{Environment, Reward, Streams, Trajectories};
use gfn_explore::{Intrinsic, IntrinsicConfig, Schedule};
use gfn_policy::Policy;

/// Branch of the streams of its networks.
const STREAMS: u16 = 0xC5;

/// An intrinsic reward, and the factor that fades it.
#[derive(Clone, Debug)]
pub(super) struct IntrinsicRewards {
    reward: Intrinsic,
    weight: Schedule,
}

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// The same trainer with intrinsic rewards, for augmented trajectory balance.
    ///
    /// The reward of a transition is `weight` times the novelty of the state that it leads to, under what was seen in the
    /// batches before. What `config` looks at says which transitions have one: all of them, or those into objects alone.
    /// While the weight is 0 nothing is learned of novelty. Weights of networks are those of branch 0xC5 of the seed; what was
    /// learned is part of the trainer's state.
    ///
    /// # Errors
    ///
    /// If a number of `config` is out of range, or a value of `weight` negative or above 10¹².
    pub fn with_intrinsic_rewards(
        mut self,
        config: &IntrinsicConfig,
        weight: Schedule,
    ) -> Result<Self, TrainError> {
        weight
            .validate(0.0, 1e12)
            .map_err(TrainError::IntrinsicWeight)?;
        let streams = Streams::new(self.config.seed).branch(STREAMS);
        let reward = Intrinsic::new(config, self.environment.n_features(), streams)?;
        self.intrinsic = Some(IntrinsicRewards { reward, weight });
        Ok(self)
    }

    /// `log r` of every transition, where the objective asks for it.
    pub(super) fn log_intrinsic(
        &self,
        trajectories: &Trajectories<E::State>,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        if !self.objective.requirements().intrinsic {
            return Ok(None);
        }
        let intrinsic = self.intrinsic.as_ref().ok_or(TrainError::NoIntrinsic)?;
        let weight = intrinsic.weight.at(self.iteration);
        if weight == 0.0 {
            return Ok(Some(vec![f32::NEG_INFINITY; trajectories.n_transitions()]));
        }
        let of_transitions = intrinsic
            .reward
            .novelty_of_transitions(&self.environment, trajectories);
        let log = |novelty: f64| (weight * novelty).ln() as f32;
        Ok(Some(of_transitions.into_iter().map(log).collect()))
    }

    /// Takes note of a batch: its states are less new from now on.
    pub(super) fn train_intrinsic(&mut self, trajectories: &Trajectories<E::State>) {
        if let Some(IntrinsicRewards { reward, weight }) = &mut self.intrinsic
            && weight.at(self.iteration) > 0.0
        {
            reward.train(&self.environment, trajectories);
        }
    }

    /// What continues the intrinsic rewards; empty where there are none.
    pub(super) fn intrinsic_state(&self) -> Vec<u8> {
        let intrinsic = self.intrinsic.as_ref();
        intrinsic.map_or_else(Vec::new, |intrinsic| intrinsic.reward.save())
    }

    pub(super) fn restored_intrinsic(
        &self,
        state: &[u8],
    ) -> Result<Option<IntrinsicRewards>, TrainError> {
        let Some(mut intrinsic) = self.intrinsic.clone() else {
            return Ok(None);
        };
        match intrinsic.reward.restore(state) {
            Some(()) => Ok(Some(intrinsic)),
            None => Err(TrainError::IntrinsicState),
        }
    }
}
