//! Samples of an Ising model.

use super::partition::MAX_ENUMERATED;
use super::reward::IsingReward;
use crate::{BitSequenceState, Enumerable as _, EnvironmentError, Purpose, Streams};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

impl IsingReward {
    /// `n` independent samples of `R/Z` with the stream `(Problem, 1, 0)` of `seed`.
    ///
    /// Up to 20 sites they are exact. Beyond, each is the end of a chain of its own from independent fair spins: `sweeps` times
    /// every site in turn is given a spin drawn from its distribution given the others (heat bath). Near and below the critical
    /// temperature many sweeps are needed, and below it a chain may never leave the phase that it fell into.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `sweeps` is at least 1.
    pub fn samples(
        &self,
        n: usize,
        sweeps: usize,
        seed: u64,
    ) -> Result<Vec<BitSequenceState>, EnvironmentError> {
        if sweeps == 0 {
            return Err(EnvironmentError::invalid_parameter(
                "sweeps",
                &sweeps,
                "it must be at least 1",
            ));
        }
        let mut rng = Streams::new(seed).rng(Purpose::Problem, 1, 0);
        if self.n_sites() <= MAX_ENUMERATED {
            return Ok(self.exact_samples(n, &mut rng));
        }
        let neighbours = self.neighbours();
        (0..n)
            .map(|_| self.heat_bath(&neighbours, sweeps, &mut rng))
            .collect()
    }

    fn exact_samples(&self, n: usize, rng: &mut ChaCha8Rng) -> Vec<BitSequenceState> {
        let env = self.environment();
        let beta = self.inverse_temperature();
        let log_weights = (0..env.n_terminal()).map(|i| -beta * self.energy_of(&env.terminal(i)));
        let log_weights: Vec<f64> = log_weights.collect();
        let log_z = crate::log_partition(&log_weights);
        let mut sums = Vec::with_capacity(log_weights.len());
        let mut sum = 0.0;
        for log_weight in log_weights {
            sum += (log_weight - log_z).exp();
            sums.push(sum);
        }
        let draw = |_| {
            let u = rng.random::<f64>() * sum;
            let index = sums.partition_point(|sum| *sum <= u);
            env.terminal(index.min(sums.len() - 1))
        };
        (0..n).map(draw).collect()
    }

    /// The bonds of each site.
    fn neighbours(&self) -> Vec<Vec<(usize, f64)>> {
        let mut neighbours = vec![Vec::new(); self.n_sites()];
        for &(i, j, coupling) in self.bonds() {
            neighbours[i].push((j, coupling));
            neighbours[j].push((i, coupling));
        }
        neighbours
    }

    /// The end of one chain.
    pub(super) fn heat_bath(
        &self,
        neighbours: &[Vec<(usize, f64)>],
        sweeps: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<BitSequenceState, EnvironmentError> {
        let draw = |rng: &mut ChaCha8Rng, p: f64| if rng.random::<f64>() < p { 1.0 } else { -1.0 };
        let mut spins: Vec<f64> = neighbours.iter().map(|_| draw(rng, 0.5)).collect();
        for _ in 0..sweeps {
            for (site, around) in neighbours.iter().enumerate() {
                let field = around.iter().map(|(j, c)| c * spins[*j]).sum::<f64>();
                let up = 2.0 * self.inverse_temperature() * (field + self.fields()[site]);
                spins[site] = draw(rng, 1.0 / (1.0 + (-up).exp()));
            }
        }
        // Site 0 is the first bit.
        let bits = spins
            .iter()
            .fold(0_u128, |bits, spin| bits << 1 | u128::from(*spin > 0.0));
        self.environment().string(bits)
    }
}
