//! Rewards that are measured with noise.

use super::Trainer;
use crate::{Objective, TrainError};
use gfn_env::{Environment, Purpose, Reward, Streams, Trajectories, standard_normal};
use gfn_policy::Policy;
use std::borrow::Cow;

/// Branch of the streams of the noise.
const STREAMS: u16 = 0xC6;

impl<E, R, P, O> Trainer<E, R, P, O>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    /// The same trainer, which sees `log R(x) + σ·z` of each trajectory into `x`, `z` standard normal and drawn anew for every
    /// trajectory of every batch.
    ///
    /// Losses, critics and guides are given the noisy value; step reports and the returned trajectories hold the exact one.
    /// Where the loss is a square of a residual the noise moves no optimum: the expected gradient is that of the mean, which is
    /// `log R`. Under other regression losses it does.
    ///
    /// # Errors
    ///
    /// If `standard_deviation` is negative or not finite, or the objective reads rewards of states along the way, which would
    /// stay exact.
    pub fn with_reward_noise(mut self, standard_deviation: f64) -> Result<Self, TrainError> {
        if !(standard_deviation >= 0.0 && standard_deviation.is_finite()) {
            return Err(TrainError::OutOfRange {
                name: "the standard deviation of the reward's noise",
                range: "finite and not negative",
            });
        }
        let requirements = self.objective.requirements();
        if standard_deviation > 0.0 && (requirements.energies || requirements.object_rewards) {
            return Err(TrainError::NoiseAlongTheWay);
        }
        self.reward_noise = standard_deviation;
        Ok(self)
    }

    /// The trajectories with the rewards that the training is given.
    pub(super) fn as_measured<'a>(
        &self,
        trajectories: &'a Trajectories<E::State>,
    ) -> Result<Cow<'a, Trajectories<E::State>>, TrainError> {
        if self.reward_noise == 0.0 {
            return Ok(Cow::Borrowed(trajectories));
        }
        let streams = Streams::new(self.config.seed).branch(STREAMS);
        let step = self.step_key()?;
        let exact = trajectories.log_reward().iter().enumerate();
        let noisy = exact.map(|(lane, log_reward)| {
            let mut rng = streams.rng(Purpose::Rollout, step, lane as u16);
            log_reward + self.reward_noise * standard_normal(&mut rng)
        });
        let noisy = noisy.collect();
        let mut measured = trajectories.clone();
        measured.set_log_reward(noisy);
        Ok(Cow::Owned(measured))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModifiedDetailedBalance, TrainerConfig, TrajectoryBalance};
    use burn::tensor::Device;
    use gfn_env::{Hypergrid, HypergridReward, HypergridState};
    use gfn_policy::{BackwardPolicy, MlpConfig, MlpFlowPolicy};

    type GridTrainer<O> = Trainer<Hypergrid, HypergridReward, MlpFlowPolicy, O>;

    fn trainer<O: Objective<MlpFlowPolicy>>(objective: O) -> GridTrainer<O> {
        let env = Hypergrid::new(2, 4).unwrap();
        let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
        let config = MlpConfig {
            hidden: vec![8],
            backward: BackwardPolicy::Uniform,
            ..MlpConfig::default()
        };
        let device = Device::flex().autodiff();
        let policy = MlpFlowPolicy::new(&config, &env, Streams::new(0), &device);
        let config = TrainerConfig {
            batch_size: 1000,
            ..TrainerConfig::default()
        };
        Trainer::new(env, reward, policy, objective, config).unwrap()
    }

    fn differences(exact: &Trajectories<HypergridState>, noisy: &[f64]) -> Vec<f64> {
        let pairs = exact.log_reward().iter().zip(noisy);
        pairs.map(|(exact, noisy)| noisy - exact).collect()
    }

    #[test]
    fn noise_has_its_moments_and_is_new_in_every_iteration() {
        let mut trainer = trainer(TrajectoryBalance).with_reward_noise(0.5).unwrap();
        let mut all = Vec::new();
        for _ in 0..4 {
            let batch = trainer.draw().unwrap().trajectories;
            let measured = trainer.as_measured(&batch).unwrap();
            let again = trainer.as_measured(&batch).unwrap();
            assert_eq!(measured.log_reward(), again.log_reward());
            all.push(differences(&batch, measured.log_reward()));
            let (_, returned) = trainer.step().unwrap();
            assert_eq!(
                returned.log_reward(),
                batch.log_reward(),
                "reports are exact"
            );
        }
        assert_ne!(all[0], all[1]);
        let all = all.concat();
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let variance = all.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / n;
        // Five standard errors: a false alarm in 1.7 million.
        assert!(mean.abs() < 5.0 * 0.5 / n.sqrt(), "{mean}");
        assert!(
            (variance - 0.25).abs() < 5.0 * 0.25 * (2.0 / n).sqrt(),
            "{variance}"
        );
    }

    #[test]
    fn the_loss_is_that_of_the_noisy_rewards() {
        let loss = |noise: f64| {
            let mut trainer = trainer(TrajectoryBalance).with_reward_noise(noise).unwrap();
            trainer.step().unwrap().0.loss
        };
        // Squared residuals grow by the variance of the noise, give or take five standard errors of the cross term.
        let (exact, noisy) = (loss(0.0), loss(10.0));
        let error = 5.0 * (2.0 * 10.0 * exact.sqrt() + 100.0 * 2f64.sqrt()) / 1000f64.sqrt();
        assert!((noisy - exact - 100.0).abs() < error, "{exact} {noisy}");
    }

    #[test]
    fn what_reads_rewards_along_the_way_is_refused() {
        let refused = trainer(ModifiedDetailedBalance::default()).with_reward_noise(0.1);
        let Err(error) = refused else {
            panic!("noise is refused");
        };
        let error = error.to_string();
        assert!(error.contains("along the way"), "{error}");
        assert!(trainer(TrajectoryBalance).with_reward_noise(-1.0).is_err());
        assert!(
            trainer(TrajectoryBalance)
                .with_reward_noise(f64::NAN)
                .is_err()
        );
    }
}
