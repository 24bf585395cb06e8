//! Rewards of antimicrobial peptides: [`AntimicrobialReward`].

use super::AntimicrobialClassifier;
use crate::{EnvironmentError, PeptideState, Reward, RewardError};

/// `R(x) = P(antimicrobial | x)^β`, by the [classifier](AntimicrobialClassifier).
///
/// `log R = β·log σ(z)` is computed in logarithms and is finite for every chain and exponent. The empty chain has no residues to judge
/// by: its `z` is the classifier's constant, and chains of a few residues are near it.
///
/// # Examples
///
/// ```
/// use gfn_env::Peptide;
/// use gfn_env::antimicrobial_peptide::{AntimicrobialReward, MAX_LENGTH, MIN_LENGTH};
///
/// let env = Peptide::new(MIN_LENGTH, MAX_LENGTH, Peptide::AMINO_ACIDS)?;
/// let reward = AntimicrobialReward::new(3.0)?;
/// let magainin = env.chain("GIGKFLHSAKKFGKAFVGEIMNS")?;
/// let ribosomal = env.chain("MKVRASVKKICRNCKVIKRNGVVRVICTEPKHKQRQG")?;
/// assert!(reward.log_reward_of(&magainin) > -0.3);
/// assert!(reward.log_reward_of(&ribosomal) < -3.0);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AntimicrobialReward {
    classifier: AntimicrobialClassifier,
    exponent: f64,
}

impl AntimicrobialReward {
    /// The reward of the shipped classifier.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless the exponent `β` is positive and finite.
    pub fn new(exponent: f64) -> Result<Self, EnvironmentError> {
        Self::with_classifier(AntimicrobialClassifier::shipped(), exponent)
    }

    /// The reward of another classifier.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_classifier(
        classifier: AntimicrobialClassifier,
        exponent: f64,
    ) -> Result<Self, EnvironmentError> {
        if !(exponent.is_finite() && exponent > 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "exponent",
                &exponent,
                "it must be positive and finite",
            ));
        }
        Ok(Self {
            classifier,
            exponent,
        })
    }

    /// The classifier.
    pub fn classifier(&self) -> &AntimicrobialClassifier {
        &self.classifier
    }

    /// `β`.
    pub fn exponent(&self) -> f64 {
        self.exponent
    }

    /// `log R` of a chain, stopped or not.
    pub fn log_reward_of(&self, chain: &PeptideState) -> f64 {
        self.exponent * self.classifier.log_probability(chain)
    }
}

impl Reward<PeptideState> for AntimicrobialReward {
    /// Chains that have not stopped have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[PeptideState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = if state.is_stopped() {
                self.log_reward_of(state)
            } else {
                f64::NAN
            };
        }
        Ok(())
    }
}
