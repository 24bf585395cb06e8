//! The guide of a trainer, and the objects that it has seen.

use super::Trainer;
use crate::{Objective, TrainError};
use gfn_env::{Action, Environment, Guide, Reward, SeenObjects, Trajectories};
use gfn_policy::Policy;

/// An object that a guide may look at: the actions that lead to it, and its log-reward.
pub type KeptObject = (Vec<u32>, f64);

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// The same trainer with a guide, for guided trajectory balance.
    ///
    /// The objects that it may look at are those of the batches before; they are part of the trainer's state.
    #[must_use]
    pub fn with_guide(mut self, guide: impl Guide<E::State> + 'static) -> Self {
        self.seen = SeenObjects::new(guide.capacity());
        self.guide = Some(Box::new(guide));
        self
    }

    /// `log p(τ | x)` of every trajectory, where the objective or P_B asks for it.
    pub(super) fn log_guide(
        &self,
        trajectories: &Trajectories<E::State>,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        if !self.objective.requirements().guide && !self.backward.is_guided() {
            return Ok(None);
        }
        let guide = self.guide.as_ref().ok_or(TrainError::NoGuide)?;
        let log_probs = guide.log_probs(trajectories, &self.seen);
        let log_probs = log_probs.map_err(|source| TrainError::Rollout {
            iteration: self.iteration,
            source: source.into(),
        })?;
        if let Some(b) = log_probs.iter().position(|p| !p.is_finite()) {
            return Err(TrainError::Guide {
                state: format!("{:?}", trajectories.terminal(b)),
                value: log_probs[b],
            });
        }
        Ok(Some(log_probs.into_iter().map(|p| p as f32).collect()))
    }

    pub(super) fn kept_objects(&self) -> Vec<KeptObject> {
        let kept = self.seen.iter().map(|object| {
            let actions = object.actions.iter().map(|a| a.0).collect();
            (actions, object.log_reward)
        });
        kept.collect()
    }

    pub(super) fn restored_objects(
        &self,
        kept: &[KeptObject],
    ) -> Result<SeenObjects<E::State>, TrainError> {
        let capacity = self.guide.as_ref().map_or(0, |guide| guide.capacity());
        let kept = kept.iter().map(|(actions, log_reward)| {
            let actions = actions.iter().copied().map(Action).collect();
            (actions, *log_reward)
        });
        SeenObjects::replayed(&self.environment, capacity, kept)
            .map_err(|_refused| TrainError::Buffer)
    }
}

/// `log p` of every edge of `trajectories` under a guide and the objects that it has seen.
pub(super) fn log_edge_guide<S>(
    (guide, seen): (Option<&dyn Guide<S>>, &SeenObjects<S>),
    trajectories: &Trajectories<S>,
    iteration: u64,
) -> Result<Vec<f64>, TrainError>
where
    S: std::fmt::Debug,
{
    let guide = guide.ok_or(TrainError::NoGuide)?;
    let log_probs = guide.log_edge_probs(trajectories, seen);
    let log_probs = log_probs.map_err(|source| TrainError::Rollout {
        iteration,
        source: source.into(),
    })?;
    if let Some(i) = log_probs.iter().position(|p| !p.is_finite()) {
        let b = trajectories.offsets().partition_point(|&start| start <= i) - 1;
        return Err(TrainError::Guide {
            state: format!("{:?}", trajectories.terminal(b)),
            value: log_probs[i],
        });
    }
    Ok(log_probs)
}
