//! Rewards of phylogenetic trees: [`PhylogenyReward`].

use std::sync::Arc;

use super::alignment::Alignment;
use super::likelihood::JukesCantor;
use super::parsimony::Fitch;
use super::{ForestState, Phylogeny};
use crate::{Environment as _, EnvironmentError, PartialEnergy, Reward, RewardError};

/// What the published studies of parsimony add to its negative, for the data sets DS1 to DS8, at temperature 4 and with
/// gaps as a fifth state.
pub const PUBLISHED_CONSTANTS: [f64; 8] = [
    5800.0, 8000.0, 8800.0, 3500.0, 2300.0, 2300.0, 12500.0, 2800.0,
];

/// What a gap in a sequence is for parsimony.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Gaps {
    /// Any nucleotide.
    #[default]
    Unknown,
    /// A state beside the four nucleotides, as in the published studies of parsimony.
    FifthState,
}

/// What a tree is worth.
///
/// `constant` moves `log Z` alone; without it the caterpillar `((((0 1) 2) 3) ..)` has a log-reward of 0.
///
/// With the feature `serde` the variants are told apart by `kind`, in kebab case: `kind = "parsimony"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum PhylogenyRewardConfig {
    /// `log R = (constant − M)/temperature`, `M` the smallest number of changes that explains the sequences.
    Parsimony {
        /// Changes that make a factor of e.
        #[cfg_attr(feature = "serde", serde(default = "four"))]
        temperature: f64,
        /// Added to the negative parsimony.
        #[cfg_attr(feature = "serde", serde(default))]
        constant: Option<f64>,
        /// What a gap is.
        #[cfg_attr(feature = "serde", serde(default))]
        gaps: Gaps,
    },
    /// `log R = (L + constant)/temperature`, `L` the log-likelihood under the model of Jukes and Cantor with branches of one
    /// length.
    JukesCantor {
        /// `t`, expected substitutions of a site along a branch.
        branch_length: f64,
        /// Nats of likelihood that make a factor of e.
        #[cfg_attr(feature = "serde", serde(default = "one"))]
        temperature: f64,
        /// Added to the log-likelihood.
        #[cfg_attr(feature = "serde", serde(default))]
        constant: Option<f64>,
    },
}

#[cfg(feature = "serde")]
fn one() -> f64 {
    1.0
}

#[cfg(feature = "serde")]
fn four() -> f64 {
    4.0
}

#[derive(Debug)]
enum Score {
    Fitch(Fitch),
    JukesCantor(JukesCantor),
}

/// The reward of a tree, given aligned sequences.
#[derive(Clone, Debug)]
pub struct PhylogenyReward {
    env: Phylogeny,
    score: Arc<Score>,
    temperature: f64,
    constant: f64,
    /// The score of the forest without merges.
    start: f64,
}

impl PhylogenyReward {
    /// The reward that `config` describes.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless temperature and length are positive and finite, and the constant finite.
    pub fn new(
        alignment: &Alignment,
        config: PhylogenyRewardConfig,
    ) -> Result<Self, EnvironmentError> {
        let positive = |name: &'static str, value: f64| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(EnvironmentError::invalid_parameter(
                name,
                &value,
                "it must be positive and finite",
            ))
        };
        let (score, temperature, constant) = match config {
            PhylogenyRewardConfig::Parsimony {
                temperature,
                constant,
                gaps,
            } => {
                let score = Fitch::new(alignment, gaps);
                (Score::Fitch(score), temperature, constant)
            }
            PhylogenyRewardConfig::JukesCantor {
                branch_length,
                temperature,
                constant,
            } => {
                positive("branch_length", branch_length)?;
                let score = JukesCantor::new(alignment, branch_length);
                (Score::JukesCantor(score), temperature, constant)
            }
        };
        positive("temperature", temperature)?;
        if constant.is_some_and(|c| !c.is_finite()) {
            return Err(EnvironmentError::invalid_parameter(
                "constant",
                &constant,
                "it must be finite",
            ));
        }
        let env = Phylogeny::new(alignment.n_taxa())?;
        let mut reward = Self {
            env,
            score: Arc::new(score),
            temperature,
            constant: 0.0,
            start: 0.0,
        };
        let clades: Vec<u64> = (2..=alignment.n_taxa())
            .map(|n| u64::MAX >> (64 - n))
            .collect();
        reward.start = reward.raw_score(&env.source());
        let caterpillar = reward.raw_score(&env.object(&clades)?);
        reward.constant = constant.unwrap_or(-caterpillar);
        Ok(reward)
    }

    /// The environment of the trees.
    pub fn environment(&self) -> Phylogeny {
        self.env
    }

    /// Negative parsimony, or log-likelihood, of a forest.
    pub fn raw_score(&self, state: &ForestState) -> f64 {
        match &*self.score {
            Score::Fitch(fitch) => -f64::from(fitch.score(state)),
            Score::JukesCantor(model) => model.log_likelihood(state),
        }
    }
}

impl Reward<ForestState> for PhylogenyReward {
    /// Forests of several trees have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[ForestState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = if self.env.is_terminal(state) {
                (self.raw_score(state) + self.constant) / self.temperature
            } else {
                f64::NAN
            };
        }
        Ok(())
    }
}

/// The energy of the trees that are there: the negative of what the reward would be, with constants shared among the merges so
/// that the source has 0.
impl PartialEnergy<ForestState> for PhylogenyReward {
    fn energy(&self, states: &[ForestState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in states.iter().zip(out) {
            let done = state.n_merges() as f64 / (self.env.n_taxa() as f64 - 1.0);
            let gained = self.raw_score(state) - self.start * (1.0 - done);
            *o = -(gained + self.constant * done) / self.temperature;
        }
        Ok(())
    }
}
