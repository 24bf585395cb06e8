//! Batches that take trajectories from elsewhere.

use super::Trainer;
use crate::observation::log_weights;
use crate::{Evaluation, LogZSource, Objective, TrainError};
use burn::tensor::Tensor;
use gfn_env::{Environment, Reward, Streams, Trajectories};
use gfn_explore::{
    SavedSource, SourceContext, SourceError, TrainedBatch, TrajectorySource, counts_of_shares,
};
use gfn_loss::{LogProbs, Regression};
use gfn_policy::{Policy, Recording, TransitionBatch};
use std::ops::Range;

/// By how much shares may miss their sum.
const ROUNDING: f64 = 1e-9;

/// Sources in order, each with its share of a batch.
pub(super) struct Sources<E: Environment>(Vec<(Box<dyn TrajectorySource<E>>, f64)>);

impl<E: Environment> Default for Sources<E> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<E: Environment> Sources<E> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(
        &mut self,
        source: Box<dyn TrajectorySource<E>>,
        share: f64,
    ) -> Result<(), TrainError> {
        if !(share > 0.0 && share <= 1.0) {
            return Err(TrainError::OutOfRange {
                name: "the share of a source",
                range: "above 0 and at most 1",
            });
        }
        let total = share + self.0.iter().map(|(_, share)| share).sum::<f64>();
        if total > 1.0 + ROUNDING {
            return Err(TrainError::OutOfRange {
                name: "the sum of the sources' shares",
                range: "at most 1",
            });
        }
        self.0.push((source, share));
        Ok(())
    }

    /// How many of `n` trajectories each source gives.
    fn counts(&self, n: usize) -> Vec<usize> {
        let shares: Vec<f64> = self.0.iter().map(|(_, share)| *share).collect();
        let own = (1.0 - shares.iter().sum::<f64>()).max(0.0);
        let shares: Vec<f64> = [own].into_iter().chain(shares).collect();
        let counts = counts_of_shares(&shares, n);
        let pairs = self.0.iter().zip(&counts[1..]);
        pairs
            .map(|((source, _), &n)| source.offers(n).min(n))
            .collect()
    }

    pub(super) fn state(&self) -> Vec<SavedSource> {
        self.0.iter().map(|(source, _)| source.save()).collect()
    }

    /// All of them continue, or none.
    pub(super) fn restore(
        &mut self,
        environment: &E,
        saved: &[SavedSource],
    ) -> Result<(), TrainError> {
        if saved.len() != self.0.len() {
            return Err(TrainError::Sources {
                found: saved.len(),
                expected: self.0.len(),
            });
        }
        let before = self.state();
        for (i, saved) in saved.iter().enumerate() {
            if let Err(error) = self.0[i].0.restore(environment, saved) {
                for (j, state) in before.iter().enumerate().take(i) {
                    self.0[j].0.restore(environment, state)?;
                }
                return Err(error.into());
            }
        }
        Ok(())
    }

    pub(super) fn figures(&self) -> Vec<(String, f64)> {
        let mut figures = Vec::new();
        for (i, (source, _)) in self.0.iter().enumerate() {
            let name = source.name();
            let before = self.0[..i].iter().filter(|(other, _)| other.name() == name);
            let name = match before.count() {
                0 => name.to_owned(),
                n => format!("{name}-{}", n + 1),
            };
            let of_source = source.figures().into_iter();
            figures.extend(of_source.map(|(figure, v)| (format!("source.{name}.{figure}"), v)));
        }
        figures
    }
}

/// A batch before it is evaluated.
pub(super) struct Drawn<S> {
    pub(super) trajectories: Trajectories<S>,
    pub(super) recording: Recording,
    pub(super) n_own: usize,
    pub(super) of_sources: Vec<Range<usize>>,
}

/// What the agent makes of some trajectories, one by one.
#[derive(Debug, Default)]
pub(super) struct View {
    losses: Vec<f64>,
    residuals: Vec<f64>,
}

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// The batch of this iteration: the agent's own trajectories, then those of the sources.
    pub(super) fn draw(&mut self) -> Result<Drawn<E::State>, TrainError> {
        let counts = self.sources.counts(self.config.batch_size);
        let n_own = self.config.batch_size - counts.iter().sum::<usize>();
        let sampler = self.policy.sampler();
        let purpose = gfn_env::Purpose::Rollout;
        let (own, recording) = self.sample_for(sampler.as_ref(), purpose, n_own, self.records())?;
        let mut drawn = Drawn {
            trajectories: own,
            recording,
            n_own,
            of_sources: Vec::with_capacity(counts.len()),
        };
        if counts.is_empty() {
            return Ok(drawn);
        }
        let mut parts = Vec::with_capacity(counts.len());
        let iteration = self.step_key()?;
        for (i, (source, _)) in self.sources.0.iter_mut().enumerate() {
            let context = SourceContext {
                environment: &self.environment,
                reward: &self.reward,
                policy: sampler.as_ref(),
                behaviour: self.behaviour.as_ref(),
                streams: Streams::new(self.config.seed).branch(i as u16),
                iteration,
                own: &drawn.trajectories,
            };
            let part = source.draw(&context, counts[i])?;
            if part.len() != counts[i] {
                let message = format!("gave {} trajectories and not {}", part.len(), counts[i]);
                return Err(SourceError::training(source.name(), message).into());
            }
            parts.push(part);
        }
        for part in parts {
            let start = drawn.trajectories.len();
            drawn.of_sources.push(start..start + part.len());
            drawn.trajectories.append(part);
        }
        Ok(drawn)
    }

    /// Reads losses and residuals back, where there are sources to tell.
    pub(super) fn view(
        &self,
        by_trajectory: Option<Tensor<1>>,
        log_probs: Option<&LogProbs>,
        transitions: &TransitionBatch,
        log_reward: &[f64],
    ) -> Result<View, TrainError> {
        if self.sources.is_empty() {
            return Ok(View::default());
        }
        let losses = by_trajectory.ok_or(TrainError::NoTrajectoryLosses)?;
        let losses = losses.into_data().iter::<f64>().collect();
        let Some(log_probs) = log_probs else {
            let residuals = Vec::new();
            return Ok(View { losses, residuals });
        };
        let log_probs = LogProbs {
            log_pf: log_probs.log_pf.clone().inner(),
            log_pb: log_probs.log_pb.clone().inner(),
            ..log_probs.clone()
        };
        let weights = log_weights(log_probs, log_reward);
        // One value, or one for each trajectory where it depends on a condition.
        let log_z: Vec<f64> = match self.objective.log_z() {
            LogZSource::Parameter => {
                let log_z = transitions.log_z(&self.policy);
                log_z.into_data().iter::<f64>().collect()
            }
            _ => vec![weights.iter().sum::<f64>() / weights.len() as f64],
        };
        let residuals = weights.into_iter().zip(log_z.iter().cycle());
        let residuals = residuals.map(|(weight, log_z)| weight - log_z).collect();
        Ok(View { losses, residuals })
    }

    /// The view of what each source asks for beside the batch.
    pub(super) fn view_of_asked(&self, regression: &Regression) -> Result<Vec<View>, TrainError> {
        let mut views = Vec::with_capacity(self.sources.0.len());
        for (source, _) in &self.sources.0 {
            let Some(asked) = source.asks().filter(|asked| !asked.is_empty()) else {
                views.push(View::default());
                continue;
            };
            let policy = self.policy.clone().no_grad();
            let backward = policy.backward_policy();
            let transitions = TransitionBatch::new(&self.environment, asked, backward);
            let given = self.backward.given(
                &self.environment,
                &policy,
                &transitions,
                asked,
                self.iteration,
            )?;
            let log_guide = self.log_guide(asked)?;
            let mut batch = self.lay_out(transitions, asked, given, log_guide)?;
            batch.by_trajectory = true;
            let Evaluation {
                log_probs,
                by_trajectory,
                ..
            } = self.objective.evaluate(&policy, &batch, regression);
            let log_probs = log_probs.as_ref();
            views.push(self.view(
                by_trajectory,
                log_probs,
                &batch.transitions,
                asked.log_reward(),
            )?);
        }
        Ok(views)
    }

    /// Tells every source of the batch, after the update on it.
    pub(super) fn tell_sources(
        &mut self,
        trajectories: &Trajectories<E::State>,
        n_own: usize,
        of_sources: Vec<Range<usize>>,
        view: &View,
        asked: &[View],
    ) -> Result<(), TrainError> {
        let iteration = self.step_key()?;
        let sources = self.sources.0.iter_mut().zip(of_sources).zip(asked);
        for (((source, _), drawn), asked) in sources {
            let batch = TrainedBatch {
                trajectories,
                n_own,
                drawn,
                losses: &view.losses,
                residuals: &view.residuals,
                asked_losses: &asked.losses,
                asked_residuals: &asked.residuals,
                iteration,
            };
            source.observe(&self.environment, &batch)?;
        }
        Ok(())
    }
}
