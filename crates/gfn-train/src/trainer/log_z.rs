//! Where log Z starts.

use super::Trainer;
use crate::error::{TrainError, require_finite};
use crate::observation::log_weights;
use crate::optimiser::is_log_z;
use crate::{Evaluation, LogZSource, Objective};
use gfn_env::{Environment, Reward};
use gfn_policy::{Policy, TransitionBatch, named_parameters, with_parameters};

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// Sets log Z before the first update.
    ///
    /// # Errors
    ///
    /// If an update was made, or the policy has no parameter `log_z`; the trainer is unchanged then.
    pub fn set_log_z(&mut self, value: f64) -> Result<(), TrainError> {
        if self.iteration > 0 {
            return Err(TrainError::LogZAfterTraining {
                iterations: self.iteration,
            });
        }
        if !value.is_finite() {
            return Err(TrainError::OutOfRange {
                name: "log Z",
                range: "finite",
            });
        }
        let mut parameters = named_parameters(&self.policy);
        let mut found = false;
        for (_, tensor) in parameters.iter_mut().filter(|(name, _)| is_log_z(name)) {
            tensor.values.fill(value as f32);
            found = true;
        }
        if !found {
            return Err(TrainError::NoLogZ(
                "the policy has no parameter of the name `log_z`",
            ));
        }
        self.policy = with_parameters(self.policy.clone(), &parameters)?;
        Ok(())
    }

    /// Sets log Z to the mean log-weight of the first batch, and returns it.
    ///
    /// `log Z := (1/B) Σ_b ζ_b` with `ζ = log R(x) + Σ log P_B − Σ log P_F`, over the very batch that iteration 0
    /// trains on: no random number is drawn that training would not draw, and the same ones are drawn again.
    ///
    /// Sources of trajectories play no part: the agent samples the whole of this batch itself.
    ///
    /// The mean makes the mean residual of that batch zero, which is what a squared loss asks of log Z and what keeps
    /// the first gradients free of a common offset. It is no estimate of the true log Z, but below it: sampled
    /// on-policy its expectation is the evidence lower bound, short of log Z by the divergence of the policy from the
    /// target. `log (1/B) Σ_b e^ζ` would be nearer, yet one trajectory decides it as soon as the `ζ` spread over some
    /// nats, and then the residuals of all others start from an offset again. Training moves log Z from there.
    ///
    /// # Errors
    ///
    /// If an update was made, the objective trains no log Z, the policy has no parameter `log_z`, the rollout fails,
    /// or the mean is not finite; the trainer is unchanged then.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use gfn_env::{Hypergrid, HypergridReward, Streams};
    /// use gfn_policy::{MlpConfig, MlpPolicy};
    /// use gfn_train::{Trainer, TrainerConfig, TrajectoryBalance};
    ///
    /// let env = Hypergrid::new(4, 20)?;
    /// let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0)?;
    /// let device = Device::flex().autodiff();
    /// let policy = MlpPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &device);
    /// let mut trainer = Trainer::new(env, reward, policy, TrajectoryBalance, TrainerConfig::default())?;
    /// let log_z = trainer.initialise_log_z()?;
    /// assert!((trainer.log_z() - log_z).abs() < 1e-5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initialise_log_z(&mut self) -> Result<f64, TrainError> {
        if self.objective.log_z() != LogZSource::Parameter {
            return Err(TrainError::NoLogZ("the objective trains none"));
        }
        let (trajectories, recording) = self.sample()?;
        let transitions = TransitionBatch::recorded(
            &self.environment,
            &trajectories,
            self.policy.backward_policy(),
            recording,
        );
        let given = self
            .backward
            .given(&self.policy, &transitions, &trajectories);
        let batch = self.lay_out(transitions, &trajectories, given)?;
        let Evaluation { log_probs, .. } =
            self.objective
                .evaluate(&self.policy, &batch, &self.config.regression.at(0));
        let log_probs = log_probs.ok_or(TrainError::NoLogZ(
            "the objective does not give its log-probabilities away",
        ))?;
        let weights = log_weights(log_probs, trajectories.log_reward());
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        require_finite(self.iteration, "mean log-weight", mean)?;
        self.set_log_z(mean)?;
        Ok(mean)
    }
}
