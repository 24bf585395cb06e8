//! The reward of spins: [`IsingReward`].

use super::config::{IsingConfig, Lattice};
use super::couplings::spin;
use super::partition::{by_enumeration, by_transfer_matrices};
use crate::{
    BitSequence, BitSequenceState, BuildOrder, Environment as _, EnvironmentError, PartialEnergy,
    Reward, RewardError,
};

/// `log R(x) = −β·E(x)` of an Ising model.
///
/// # Examples
///
/// ```
/// use gfn_env::ising::IsingConfig;
/// use gfn_env::{BuildOrder, IsingReward};
///
/// // Two spins with one bond: 2·e^{βJ} + 2·e^{−βJ}.
/// let config = IsingConfig::Couplings { n_sites: 2, couplings: vec![(0, 1, 0.7)] };
/// let reward = IsingReward::new(&config, &[0.0], 2.0, BuildOrder::AnyPosition)?;
/// let expected = (4.0 * 1.4f64.cosh()).ln();
/// assert!((reward.log_partition().unwrap() - expected).abs() < 1e-12);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IsingReward {
    env: BitSequence,
    bonds: Vec<(usize, usize, f64)>,
    fields: Vec<f64>,
    inverse_temperature: f64,
    lattice: Option<Lattice>,
}

impl IsingReward {
    /// The model with these couplings, `h_i` one for all sites or one for each, and `β = inverse_temperature`.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for what [`IsingConfig`] does not allow, other numbers of fields, and fields or
    /// temperatures that are not finite; `β` may not be negative.
    pub fn new(
        config: &IsingConfig,
        fields: &[f64],
        inverse_temperature: f64,
        order: BuildOrder,
    ) -> Result<Self, EnvironmentError> {
        let found = config.bonds()?;
        let n_sites = found.n_sites;
        let whole = fields.len() == 1 || fields.len() == n_sites;
        if !whole || fields.iter().any(|h| !h.is_finite()) {
            return Err(EnvironmentError::invalid_parameter(
                "fields",
                &fields,
                "there must be one finite number for all sites, or one for each",
            ));
        }
        if !(inverse_temperature.is_finite() && inverse_temperature >= 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "inverse_temperature",
                &inverse_temperature,
                "it must be finite and not negative",
            ));
        }
        Ok(Self {
            env: BitSequence::new(n_sites, 1, order)?,
            bonds: found.bonds,
            fields: (0..n_sites).map(|i| fields[i % fields.len()]).collect(),
            inverse_temperature,
            lattice: found.lattice,
        })
    }

    /// The environment of the spins.
    pub fn environment(&self) -> BitSequence {
        self.env
    }

    /// Number of sites.
    pub fn n_sites(&self) -> usize {
        self.fields.len()
    }

    /// The bonds, each with its `J`; a pair can stand several times.
    pub(super) fn bonds(&self) -> &[(usize, usize, f64)] {
        &self.bonds
    }

    /// `h` of each site.
    pub fn fields(&self) -> &[f64] {
        &self.fields
    }

    /// `β`.
    pub fn inverse_temperature(&self) -> f64 {
        self.inverse_temperature
    }

    /// ±1, or 0 where the site has no spin.
    fn spin(&self, state: &BitSequenceState, site: usize) -> f64 {
        spin(&self.env, state, site)
    }

    /// `E` of the spins that are there: bonds and fields of sites without one do not count.
    pub fn energy_of(&self, state: &BitSequenceState) -> f64 {
        let spins: Vec<f64> = (0..self.n_sites()).map(|i| self.spin(state, i)).collect();
        let bonds = self.bonds.iter().map(|(i, j, c)| c * spins[*i] * spins[*j]);
        let fields = self.fields.iter().zip(&spins).map(|(h, s)| h * s);
        -bonds.sum::<f64>() - fields.sum::<f64>()
    }

    /// `Σ_i s_i` over the number of sites.
    pub fn magnetisation(&self, state: &BitSequenceState) -> f64 {
        let spins = (0..self.n_sites()).map(|i| self.spin(state, i));
        spins.sum::<f64>() / self.n_sites() as f64
    }

    /// `log Z`, where a side of the torus has at most 10 sites or there are at most 20 sites in all.
    pub fn log_partition(&self) -> Option<f64> {
        self.log_partition_at(self.inverse_temperature)
    }

    /// The same at another `β`. `R²` is the reward at twice its `β`.
    pub fn log_partition_at(&self, inverse_temperature: f64) -> Option<f64> {
        match &self.lattice {
            Some(lattice) => by_transfer_matrices(lattice, &self.fields, inverse_temperature),
            None => by_enumeration(&self.bonds, &self.fields, inverse_temperature),
        }
    }

    /// `log Z` by a sum over all states, for at most 20 sites.
    pub fn log_partition_by_enumeration(&self) -> Option<f64> {
        by_enumeration(&self.bonds, &self.fields, self.inverse_temperature)
    }

    /// Mean reward of a perfect sampler, `Z(2β)/Z(β)`, where `log Z` is known.
    pub fn mean_reward(&self) -> Option<f64> {
        let beta = self.inverse_temperature;
        Some((self.log_partition_at(2.0 * beta)? - self.log_partition_at(beta)?).exp())
    }

    /// Mean energy of a perfect sampler, `−∂ log Z/∂β`, by a central difference that is good to eight digits; where `log Z` is
    /// known.
    pub fn mean_energy(&self) -> Option<f64> {
        let (beta, step) = (self.inverse_temperature, 1e-4);
        // The sums are defined below 0 as well.
        let [above, below] = [step, -step].map(|step| self.log_partition_at(beta + step));
        Some((below? - above?) / (2.0 * step))
    }
}

impl Reward<BitSequenceState> for IsingReward {
    /// States in which a site has no spin have no reward: their entry is NaN.
    fn log_reward(
        &self,
        terminals: &[BitSequenceState],
        out: &mut [f64],
    ) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = if self.env.is_terminal(state) {
                -self.inverse_temperature * self.energy_of(state)
            } else {
                f64::NAN
            };
        }
        Ok(())
    }
}

/// `β·E` of the spins that are there; 0 at the source.
impl PartialEnergy<BitSequenceState> for IsingReward {
    fn energy(&self, states: &[BitSequenceState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in states.iter().zip(out) {
            *o = self.inverse_temperature * self.energy_of(state);
        }
        Ok(())
    }
}
