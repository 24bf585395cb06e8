//! The Ising model.

use super::{BoxedGuide, KnownTarget, LearnableEnergy, Problem, StateOf, guide_on};
use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    BitSequence, BitSequenceState, Enumerable as _, EnvironmentError, IsingReward, LogLinear,
    PartialEnergy, SubstructureGuideConfig,
};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// The Ising model; the distance is the number of spins that differ. There are no modes.
#[derive(Clone, Debug)]
pub struct IsingProblem {
    environment: BitSequence,
    reward: IsingReward,
    exact: Arc<OnceLock<Option<Exact>>>,
}

#[derive(Clone, Copy, Debug)]
struct Exact {
    target: KnownTarget,
    energy: f64,
}

impl IsingProblem {
    /// The spins of `reward`.
    pub fn new(reward: IsingReward) -> Self {
        Self {
            environment: reward.environment(),
            reward,
            exact: Arc::default(),
        }
    }

    fn exact(&self) -> Option<Exact> {
        *self.exact.get_or_init(|| {
            Some(Exact {
                target: KnownTarget {
                    log_z: self.reward.log_partition()?,
                    mean_reward: self.reward.mean_reward()?,
                },
                energy: self.reward.mean_energy()?,
            })
        })
    }
}

impl Problem for IsingProblem {
    type Environment = BitSequence;
    type Reward = IsingReward;

    fn environment(&self) -> &BitSequence {
        &self.environment
    }

    fn reward(&self) -> &IsingReward {
        &self.reward
    }

    fn energy(&self) -> Option<Arc<dyn PartialEnergy<StateOf<Self>>>> {
        Some(Arc::new(self.reward.clone()))
    }

    fn learnable_energy(&self) -> Option<Arc<dyn LearnableEnergy<StateOf<Self>>>> {
        Some(Arc::new(Couplings(self.reward.clone())))
    }

    fn substructure_guide(
        &self,
        config: SubstructureGuideConfig,
    ) -> Option<BoxedGuide<StateOf<Self>>> {
        guide_on(self.environment, config)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        f64::from((a.bits() ^ b.bits()).count_ones())
    }

    /// Distinct states of independent spins, each test state with its own probability of +1, so that all magnetisations occur.
    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let n_sites = self.reward.n_sites();
        let n_states = self.environment.n_terminal();
        let mut chosen = BTreeSet::new();
        if n_states <= size {
            return (0..n_states)
                .map(|i| self.environment.terminal(i))
                .collect();
        }
        while chosen.len() < size {
            let up: f64 = rng.random();
            let bits = (0..n_sites).fold(0_u128, |bits, _| {
                bits << 1 | u128::from(rng.random::<f64>() < up)
            });
            chosen.extend(self.environment.string(bits));
        }
        chosen.into_iter().collect()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        self.exact().map(|exact| exact.target)
    }

    /// Energy, beside that of the target, and absolute magnetisation of the samples, both over the number of sites.
    fn sample_figures(&self, terminals: &[&StateOf<Self>]) -> Vec<(&'static str, f64)> {
        let (n, n_sites) = (terminals.len() as f64, self.reward.n_sites() as f64);
        let energies = terminals.iter().map(|x| self.reward.energy_of(x));
        let magnetisations = terminals.iter().map(|x| self.reward.magnetisation(x).abs());
        let mut figures = vec![
            ("samples.energy", energies.sum::<f64>() / n / n_sites),
            ("samples.magnetisation", magnetisations.sum::<f64>() / n),
        ];
        if let Some(exact) = self.exact() {
            figures.push(("samples.energy_target", exact.energy / n_sites));
        }
        figures
    }
}

/// A coupling for every pair of sites.
struct Couplings(IsingReward);

impl LearnableEnergy<BitSequenceState> for Couplings {
    fn model(&self) -> Arc<dyn LogLinear<BitSequenceState>> {
        Arc::new(self.0.pair_couplings())
    }

    fn truth(&self) -> Vec<f64> {
        self.0.couplings_of_pairs()
    }

    fn draw(
        &self,
        count: usize,
        sweeps: usize,
        seed: u64,
    ) -> Result<Vec<BitSequenceState>, EnvironmentError> {
        self.0.samples(count, sweeps, seed)
    }

    fn parse(&self, text: &str) -> Result<BitSequenceState, String> {
        let n = self.0.n_sites();
        let requirement = || format!("it must be {n} characters of 0 and 1, one for each site");
        if text.len() != n || !text.bytes().all(|c| c == b'0' || c == b'1') {
            return Err(requirement());
        }
        let bits = u128::from_str_radix(text, 2).map_err(|_too_long| requirement())?;
        self.0
            .environment()
            .string(bits)
            .map_err(|_too_long| requirement())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::ising::IsingConfig;
    use gfn_env::{BuildOrder, Purpose, Streams};

    #[test]
    fn figures_of_samples_by_hand() {
        let config = IsingConfig::Torus {
            width: 3,
            height: 3,
            coupling: 0.25,
        };
        let reward = IsingReward::new(&config, &[0.0], 1.0, BuildOrder::AnyPosition);
        let problem = IsingProblem::new(reward.unwrap());
        let string = |bits| problem.environment.string(bits).unwrap();
        // All up, and one spin turned: 18 bonds of 1/4, then 14 less 4.
        let samples = [string(0b1_1111_1111), string(0b0_1111_1111)];
        let figures = problem.sample_figures(&samples.iter().collect::<Vec<_>>());
        assert_eq!(figures[0].1, -(18.0 + 10.0) / 4.0 / 2.0 / 9.0);
        assert_eq!(figures[1].1, (1.0 + 7.0 / 9.0) / 2.0);
        assert!(figures[2].1 > -0.5 && figures[2].1 < -0.1);
        assert_eq!(problem.distance(&samples[0], &samples[1]), 1.0);
        let mut rng = Streams::new(0).rng(Purpose::Problem, 2, 0);
        assert_eq!(problem.test_set(40, &mut rng).len(), 40);
        assert_eq!(problem.test_set(1_000, &mut rng).len(), 512);
    }
}
