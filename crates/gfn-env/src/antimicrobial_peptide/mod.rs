//! Antimicrobial peptides: chains of up to 60 amino acids, rewarded by a classifier that knows antimicrobial ones from others.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | environment | [`Peptide`](crate::Peptide) with all 20 amino acids; [`MIN_LENGTH`] to [`MAX_LENGTH`] residues unless said otherwise |
//! | reward | `R(x) = σ(z(x))^β`, [`AntimicrobialReward`]: defined on every chain, the empty one too, and positive |
//! | classifier | [`AntimicrobialClassifier`]: logistic regression on the residues of a chain and their pairs up to four places apart |
//! | data | [`AntimicrobialData`]: 2,600 antimicrobial peptides and as many others; whole families are held out |
//!
//! The weights that [`AntimicrobialClassifier::shipped`] reads are those that [`AntimicrobialClassifier::fit`] finds on the training part of
//! [`AntimicrobialData::shipped`] with the ridge [`RIDGE`], rounded to eight decimals. They are the only minimum of a strongly
//! convex function: another processor or mathematical library finds the same.
//!
//! # References
//!
//! Peptides: `peptides.md` beside the data says where they are from. As a GFlowNet benchmark with another classifier: Malkin et al.
//! (2022), *Trajectory balance*, <https://arxiv.org/abs/2201.13259>; Madan et al. (2023), *Learning GFlowNets from partial
//! episodes*, <https://arxiv.org/abs/2209.12782>.

mod classifier;
mod data;
mod figures;
mod fit;
mod reward;

pub use classifier::AntimicrobialClassifier;
pub use data::{AntimicrobialData, LabelledPeptide};
pub use figures::ClassifierFigures;
pub use reward::AntimicrobialReward;

/// Residues of the shortest object unless said otherwise: the data have both classes from there on.
pub const MIN_LENGTH: usize = 10;

/// Residues of the longest object.
pub const MAX_LENGTH: usize = 60;

/// `λ` of the shipped weights.
pub const RIDGE: f64 = 1.0;
