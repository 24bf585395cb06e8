//! Numbers of paths from the source, learned on sampled states.
//!
//! `n(s') = Σ n(s)` over the parents `s` of `s'`, and 1 at the source. In logarithms, with `l = log n`,
//!
//! `l(s') = log Σ_s exp l(s)`,
//!
//! of which the right side is taken as given and the left descends the squared difference. On an acyclic graph there is one
//! solution: it is right at the children of the source, then at theirs, and so on. `P_B(s | s') = exp (l(s) − log Σ exp l)` is
//! normalised over the parents whatever `l` is, so that the objective of P_F is a valid one at every moment.

use crate::error::require_finite;
use crate::optimiser::{Adam, AdamState};
use crate::{TrainError, backward::BackwardState};
use burn::optim::GradientsParams;
use burn::tensor::{Bool, Device, Tensor, TensorData};
use gfn_env::{Environment, Streams, Trajectories};
use gfn_policy::{
    FeatureBatch, Kernels, ParentBatch, RolloutError, ValueNetwork, named_parameters,
    with_parameters,
};

/// The streams of its network, apart from those of a policy.
const STREAMS: u16 = 0xC1;

/// `log n(s)` as a network of the state.
#[derive(Debug)]
pub(super) struct PathCounts {
    network: ValueNetwork,
    optimiser: Adam,
    kernels: Kernels,
    device: Device,
}

impl PathCounts {
    pub(super) fn new<E: Environment>(
        env: &E,
        hidden: &[usize],
        (optimiser, kernels): (Adam, Kernels),
        seed: u64,
        device: &Device,
    ) -> Self {
        let streams = Streams::new(seed).branch(STREAMS);
        Self {
            network: ValueNetwork::new(env, hidden, streams, device),
            optimiser,
            kernels,
            device: device.clone(),
        }
    }

    /// `l` of every row, 0 at sources.
    fn values(&self, batch: &ParentBatch) -> Tensor<1> {
        let states = FeatureBatch::new(batch.features(), self.device.clone());
        let is_source = TensorData::new(batch.is_source().to_vec(), [batch.is_source().len()]);
        let is_source: Tensor<1, Bool> = Tensor::from_data(is_source, &self.device);
        let values = self.network.values(&states, self.kernels);
        values.mask_fill(is_source, 0.0)
    }

    fn batch<E: Environment>(
        env: &E,
        trajectories: &Trajectories<E::State>,
        iteration: u64,
    ) -> Result<ParentBatch, TrainError> {
        ParentBatch::new(env, trajectories).map_err(|source| TrainError::Rollout {
            iteration,
            source: RolloutError::from(source),
        })
    }

    /// One update on the states of `trajectories`.
    pub(super) fn step<E: Environment>(
        &mut self,
        env: &E,
        trajectories: &Trajectories<E::State>,
        iteration: u64,
    ) -> Result<(), TrainError> {
        let batch = Self::batch(env, trajectories, iteration)?;
        if batch.n_inner() == 0 {
            return Ok(());
        }
        let values = self.values(&batch);
        let sums = batch.log_sum_of_parents(&values).detach();
        let [of_states, of_parents] = batch.inner(&values, &sums);
        let loss = (of_states - of_parents).square().mean();
        let value = f64::from(loss.clone().into_scalar::<f32>());
        require_finite(iteration, "loss of the path counts", value)?;
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        let (network, norm) = self
            .optimiser
            .step(self.network.clone(), gradients, iteration);
        require_finite(iteration, "gradient norm of the path counts", norm.global)?;
        self.network = network;
        Ok(())
    }

    /// `log P_B` of every transition.
    pub(super) fn log_pb<E: Environment>(
        &self,
        env: &E,
        trajectories: &Trajectories<E::State>,
        iteration: u64,
    ) -> Result<Vec<f32>, TrainError> {
        let batch = Self::batch(env, trajectories, iteration)?;
        let values = self.values(&batch).detach();
        let sums = batch.log_sum_of_parents(&values);
        let read = |x: Tensor<1>| -> Vec<f32> { x.into_data().iter::<f32>().collect() };
        Ok(batch.log_shares(&read(values), &read(sums)))
    }

    pub(super) fn state(&self) -> BackwardState {
        BackwardState {
            optimiser: Some(self.optimiser.state()),
            target: named_parameters(&self.network),
            ..BackwardState::default()
        }
    }

    /// Continues from a saved state; nothing is changed where it does not fit.
    pub(super) fn restore(
        &mut self,
        state: &BackwardState,
        optimiser: &AdamState,
    ) -> Result<(), TrainError> {
        let network = with_parameters(self.network.clone(), &state.target)?;
        self.optimiser.restore(&network, optimiser)?;
        self.network = network;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdamConfig;
    use gfn_env::{Hypergrid, Indexed, LogRewardFn, Purpose};
    use gfn_explore::Schedule;
    use gfn_policy::{BackwardPolicy, Policy as _, RolloutKey, TabularPolicy, rollout};

    #[test]
    fn learned_counts_are_the_exact_ones_on_a_grid() {
        let env = Indexed::new(Hypergrid::new(2, 6).unwrap(), 100).unwrap();
        let device = Device::flex().autodiff();
        let learning_rate = Schedule::Cosine {
            from: 0.1,
            to: 1e-3,
            iterations: 2_000,
        };
        let config = AdamConfig {
            learning_rate,
            ..AdamConfig::default()
        };
        let adam = (Adam::new(config).unwrap(), Kernels::default());
        let mut counts = PathCounts::new(&env, &[], adam, 0, &device);
        let policy = TabularPolicy::new(&env, BackwardPolicy::Uniform, &device);
        let sampler = policy.sampler();
        let reward = LogRewardFn(|_: &gfn_env::HypergridState| 0.0);
        let graph = env.graph();
        let exact = graph.log_path_counts();
        // Every trajectory that a policy may sample: those of the uniform one reach the far corner too rarely.
        let walk = |iteration| {
            let key = RolloutKey {
                streams: Streams::new(1),
                purpose: Purpose::Rollout,
                iteration,
            };
            let stay = StayLong { exit: 2 };
            rollout(&env, &reward, sampler.as_ref(), &stay, key, 32).unwrap()
        };
        let worst = |counts: &PathCounts| -> f64 {
            let mut worst: f64 = 0.0;
            for iteration in 10_000..10_020 {
                let trajectories = walk(iteration);
                let log_pb = counts.log_pb(&env, &trajectories, 0).unwrap();
                let mut log_pb = log_pb.into_iter();
                for t in trajectories.iter() {
                    for edge in t.states.windows(2) {
                        let of = |state| exact[graph.index_of(state).unwrap()];
                        let expected = of(&edge[0]) - of(&edge[1]);
                        let found = f64::from(log_pb.next().unwrap());
                        worst = worst.max((found - expected).abs());
                    }
                }
            }
            worst
        };
        let before = worst(&counts);
        for iteration in 0..2_000 {
            counts
                .step(&env, &walk(iteration), u64::from(iteration))
                .unwrap();
        }
        let after = worst(&counts);
        assert!(before > 0.5 && after < 1e-2, "{before} {after}");
    }

    /// Uniform over the moves, and the exit with one in twenty.
    struct StayLong {
        exit: usize,
    }

    impl gfn_policy::Behaviour for StayLong {
        fn probabilities(
            &self,
            _logits: &[f32],
            allowed: &[bool],
            _iteration: u64,
            probabilities: &mut [f32],
        ) {
            let moves = allowed.iter().filter(|ok| **ok).count() - 1;
            for (a, p) in probabilities.iter_mut().enumerate() {
                *p = match (allowed[a], a == self.exit) {
                    (false, _) => 0.0,
                    (true, true) if moves == 0 => 1.0,
                    (true, true) => 0.05,
                    (true, false) => 0.95 / moves as f32,
                };
            }
        }
    }
}
