//! The update that a batch leads to.

use super::Trainer;
use super::sources::View;
use crate::error::{TrainError, require_finite};
use crate::gradient_norm::GradientNorm;
use crate::observation::{Observation, read_back, read_loss};
use crate::policy_gradient::AgentUpdate;
use crate::{Evaluation, LogZSource, Objective, TrainingBatch};
use burn::tensor::Tensor;
use gfn_env::{Environment, Reward, Trajectories};
use gfn_loss::LogProbs;
use gfn_policy::Policy;
use std::time::Instant;

/// What an update was made from, and when its parts ended.
pub(super) struct Updated {
    pub(super) loss: f64,
    pub(super) norm: GradientNorm,
    pub(super) observation: Option<Observation>,
    pub(super) view: View,
    pub(super) asked: Vec<View>,
    pub(super) evaluated: Instant,
    pub(super) differentiated: Instant,
}

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// One step down the gradient of the objective's loss.
    pub(super) fn update_by_gradient(
        &mut self,
        batch: &TrainingBatch,
        trajectories: &Trajectories<E::State>,
    ) -> Result<Updated, TrainError> {
        let iteration = self.iteration;
        let regression = self.config.regression.at(iteration);
        let Evaluation {
            mut loss,
            log_probs,
            by_trajectory,
        } = self.objective.evaluate(&self.policy, batch, &regression);
        let log_reward = trajectories.log_reward();
        let view = self.view(
            by_trajectory,
            log_probs.as_ref(),
            &batch.transitions,
            log_reward,
        )?;
        let asked = self.view_of_asked(&regression)?;
        if self.config.loss_scale != 1.0 {
            loss = loss.mul_scalar(self.config.loss_scale);
        }
        let (value, observation) = self.read_and_observe(&loss, log_probs, log_reward);
        require_finite(iteration, "loss", value)?;
        let evaluated = Instant::now();
        let gradients = self.gradients(loss, batch);
        // Devices that queue their work would otherwise do it in the time of whoever reads first.
        self.wait(iteration)?;
        let differentiated = Instant::now();
        let (policy, norm) = self
            .optimiser
            .step(self.policy.clone(), gradients, iteration);
        require_finite(iteration, "gradient norm", norm.global)?;
        self.wait(iteration)?;
        self.policy = policy;
        Ok(Updated {
            loss: value,
            norm,
            observation,
            view,
            asked,
            evaluated,
            differentiated,
        })
    }

    /// A step of the critic, then the update of the policy; all of it counts as work of the optimiser.
    pub(super) fn update_by_policy_gradient(
        &mut self,
        batch: &TrainingBatch,
        trajectories: &Trajectories<E::State>,
    ) -> Result<Updated, TrainError> {
        let iteration = self.iteration;
        let transitions = &batch.transitions;
        let Some(agent) = &self.agent else {
            unreachable!("the caller has seen that there is an agent");
        };
        let sampled = agent.look(&self.policy, transitions);
        let scale = self.config.loss_scale;
        let value = sampled.mean_cost() * scale;
        require_finite(iteration, "loss", value)?;
        let log_probs = sampled.log_probs.clone();
        // The value is known; a tensor stands where a loss would be read.
        let (_, observation) = self.read_and_observe(
            &self.policy.log_z(),
            Some(log_probs),
            trajectories.log_reward(),
        );
        let evaluated = Instant::now();
        let Some(agent) = &mut self.agent else {
            unreachable!("nobody has taken it");
        };
        agent.fit_critic(&sampled, iteration)?;
        let AgentUpdate { policy, norm } = agent.update(
            &self.policy,
            transitions,
            sampled,
            &mut self.optimiser,
            (iteration, scale),
        )?;
        self.wait(iteration)?;
        self.policy = policy;
        Ok(Updated {
            loss: value,
            norm,
            observation,
            view: View::default(),
            asked: Vec::new(),
            evaluated,
            differentiated: evaluated,
        })
    }

    /// The loss, and the observation where it is asked for.
    fn read_and_observe(
        &self,
        loss: &Tensor<1>,
        log_probs: Option<LogProbs>,
        log_reward: &[f64],
    ) -> (f64, Option<Observation>) {
        if !self.observes {
            return (read_loss(loss), None);
        }
        let policy = &self.policy;
        let trained =
            self.objective.log_z() == LogZSource::Parameter && !policy.has_conditional_log_z();
        let log_z = trained.then(|| policy.log_z());
        let rate = self.config.optimiser.log_z_learning_rate.at(self.iteration);
        read_back(loss, log_z, rate, log_probs, log_reward)
    }
}
