//! Couplings of all pairs of sites, to be learned: [`PairCouplings`].

use super::reward::IsingReward;
use crate::{BitSequence, BitSequenceState, LogLinear};

/// Ising models with a coupling for every pair of sites: `log R_J(x) = β·Σ_i h_i·s_i + β·Σ_{i<j} J_ij·s_i·s_j`, with known
/// fields `h` and `β`.
///
/// Parameter `i·(2n − i − 1)/2 + j − i − 1` of `n` sites is `J_ij`, `i < j`: `(0, 1), (0, 2), .., (1, 2), ..`.
#[derive(Clone, Debug)]
pub struct PairCouplings {
    env: BitSequence,
    fields: Vec<f64>,
    inverse_temperature: f64,
}

impl PairCouplings {
    pub(super) fn new(env: BitSequence, fields: Vec<f64>, inverse_temperature: f64) -> Self {
        Self {
            env,
            fields,
            inverse_temperature,
        }
    }

    /// The spins of a complete state.
    fn spins(&self, state: &BitSequenceState) -> Vec<f64> {
        let sites = 0..self.fields.len();
        sites.map(|site| spin(&self.env, state, site)).collect()
    }
}

/// ±1, or 0 where the site has no spin.
pub(super) fn spin(env: &BitSequence, state: &BitSequenceState, site: usize) -> f64 {
    match env.word(state, site) {
        None => 0.0,
        Some(0) => -1.0,
        Some(_) => 1.0,
    }
}

impl LogLinear<BitSequenceState> for PairCouplings {
    fn n_parameters(&self) -> usize {
        let n = self.fields.len();
        n * (n - 1) / 2
    }

    fn add_statistics(&self, terminal: &BitSequenceState, sums: &mut [f64]) {
        let spins = self.spins(terminal);
        let mut sums = sums.iter_mut();
        for (i, first) in spins.iter().enumerate() {
            for (second, sum) in spins[i + 1..].iter().zip(&mut sums) {
                *sum += self.inverse_temperature * first * second;
            }
        }
    }

    fn log_reward(&self, terminal: &BitSequenceState, parameters: &[f64]) -> f64 {
        let spins = self.spins(terminal);
        let mut parameters = parameters.iter();
        let mut sum = 0.0;
        for (i, first) in spins.iter().enumerate() {
            let rest = spins[i + 1..].iter().zip(&mut parameters);
            sum += first
                * rest
                    .map(|(second, coupling)| second * coupling)
                    .sum::<f64>();
            sum += self.fields[i] * first;
        }
        self.inverse_temperature * sum
    }
}

impl IsingReward {
    /// The family of models with the same sites, fields and temperature, and a coupling for every pair of sites.
    pub fn pair_couplings(&self) -> PairCouplings {
        PairCouplings::new(
            self.environment(),
            self.fields().to_vec(),
            self.inverse_temperature(),
        )
    }

    /// The parameters at which [`IsingReward::pair_couplings`] is this model; 0 for pairs without a bond.
    pub fn couplings_of_pairs(&self) -> Vec<f64> {
        let n = self.n_sites();
        let mut couplings = vec![0.0; n * (n - 1) / 2];
        for &(a, b, coupling) in self.bonds() {
            let (i, j) = (a.min(b), a.max(b));
            couplings[i * (2 * n - i - 1) / 2 + j - i - 1] += coupling;
        }
        couplings
    }
}
