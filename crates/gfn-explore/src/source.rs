//! Trajectories that a batch takes from elsewhere than the agent's own rollout: [`TrajectorySource`].
//!
//! A batch of `B` trajectories is `own` trajectories of the agent itself, then those of each source in order. All of
//! them are scored under the agent's current policy, so a source changes what is learned from and never what is learned.

use gfn_env::{Environment, Reward, Streams, Trajectories};
use gfn_policy::{Behaviour, HostPolicy, NamedTensor, RolloutError};
use std::collections::BTreeMap;

/// What a source may use to make trajectories.
pub struct SourceContext<'a, E: Environment> {
    /// Dynamics.
    pub environment: &'a E,
    /// Reward.
    pub reward: &'a dyn Reward<E::State>,
    /// The agent under its current parameters.
    pub policy: &'a dyn HostPolicy,
    /// How the agent explores.
    pub behaviour: &'a dyn Behaviour,
    /// Streams of this source alone, the same at every iteration; every purpose is free.
    pub streams: Streams,
    /// Iteration of the agent.
    pub iteration: u32,
    /// What the agent has sampled itself for this batch.
    pub own: &'a Trajectories<E::State>,
}

impl<E: Environment> std::fmt::Debug for SourceContext<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceContext")
            .field("iteration", &self.iteration)
            .field("own", &self.own.len())
            .finish_non_exhaustive()
    }
}

/// A batch that the agent has just been trained on.
#[derive(Clone, Debug)]
pub struct TrainedBatch<'a, S> {
    /// All trajectories, the agent's own first.
    pub trajectories: &'a Trajectories<S>,
    /// How many of them are the agent's own.
    pub n_own: usize,
    /// Which of them the source has drawn itself.
    pub drawn: std::ops::Range<usize>,
    /// The loss of each trajectory under the parameters before the update.
    pub losses: &'a [f64],
    /// `t = log R(x) + Σ log P_B − log Z − Σ log P_F` of each trajectory under the parameters before the update, positive
    /// where the agent gives too little; empty where the objective does not tell its log-probabilities. Where no log Z is
    /// learned, the mean of the others stands for it.
    pub residuals: &'a [f64],
    /// The loss of each of the trajectories that the source [asks](TrajectorySource::asks) for beside the batch.
    pub asked_losses: &'a [f64],
    /// Their `t`.
    pub asked_residuals: &'a [f64],
    /// Iteration of the agent.
    pub iteration: u32,
}

/// What continues a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SavedSource {
    /// Parameters and moments of networks.
    pub tensors: BTreeMap<String, NamedTensor>,
    /// Everything else, in a form of the source's own.
    pub bytes: BTreeMap<String, Vec<u8>>,
}

/// Why a source cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A rollout or a reward failed.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// What was saved does not fit this source.
    #[error("the saved state of {source_name} is damaged or of another experiment: {reason}")]
    Saved {
        /// Name of the source.
        source_name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A source that learns has failed to.
    #[error("{source_name}: {message}")]
    Training {
        /// Name of the source.
        source_name: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl SourceError {
    /// [`SourceError::Saved`], with why.
    pub fn saved(source_name: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Saved {
            source_name,
            reason: reason.to_string(),
        }
    }

    /// [`SourceError::Training`], with why.
    pub fn training(source_name: &'static str, message: impl std::fmt::Display) -> Self {
        Self::Training {
            source_name,
            message: message.to_string(),
        }
    }
}

/// Makes part of a batch.
///
/// The same context gives the same trajectories whatever the number of threads: randomness comes from `context.streams`
/// alone.
pub trait TrajectorySource<E: Environment>: Send {
    /// Name in messages and figures.
    fn name(&self) -> &'static str;

    /// How many of `n` trajectories the source has to offer now; the agent samples the others itself.
    fn offers(&self, n: usize) -> usize {
        n
    }

    /// The `n` trajectories that were offered.
    ///
    /// # Errors
    ///
    /// See [`SourceError`].
    fn draw(
        &mut self,
        context: &SourceContext<'_, E>,
        n: usize,
    ) -> Result<Trajectories<E::State>, SourceError>;

    /// Further trajectories whose loss under the agent the source wants to be told, beside those of the batch; asked
    /// between [`TrajectorySource::draw`] and the update. They cost a pass without gradients.
    fn asks(&self) -> Option<&Trajectories<E::State>> {
        None
    }

    /// Takes note of a batch after the update on it.
    ///
    /// # Errors
    ///
    /// See [`SourceError`].
    fn observe(
        &mut self,
        environment: &E,
        batch: &TrainedBatch<'_, E::State>,
    ) -> Result<(), SourceError>;

    /// What continues the source.
    fn save(&self) -> SavedSource;

    /// Continues from [`TrajectorySource::save`]; unchanged where it fails.
    ///
    /// # Errors
    ///
    /// [`SourceError::Saved`].
    fn restore(&mut self, environment: &E, saved: &SavedSource) -> Result<(), SourceError>;

    /// Figures for reports, by name: sizes of buffers, accepted shares.
    fn figures(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}
