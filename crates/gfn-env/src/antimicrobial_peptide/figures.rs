//! How well a classifier tells two classes apart: [`ClassifierFigures`].

use crate::special::log_sigmoid;

/// Figures of a classifier on labelled peptides.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClassifierFigures {
    /// Number of peptides.
    pub n_peptides: usize,
    /// How many of them are antimicrobial.
    pub n_antimicrobial: usize,
    /// Share of peptides whose class is told right: `z > 0` where they are antimicrobial. NaN without peptides.
    pub accuracy: f64,
    /// Share of the larger class: the accuracy of naming it always.
    pub majority_share: f64,
    /// Area under the receiver operating characteristic: the probability that an antimicrobial peptide has a larger `z` than
    /// another, ties counted half. NaN where a class has no peptides.
    pub auroc: f64,
    /// Mean of `−log P(class | x)`, in nats.
    pub log_loss: f64,
}

impl ClassifierFigures {
    /// Figures of logits with their labels.
    pub(super) fn new(mut logits: Vec<(f64, bool)>) -> Self {
        let n = logits.len() as f64;
        let n_antimicrobial = logits.iter().filter(|(_, label)| *label).count();
        let n_others = logits.len() - n_antimicrobial;
        let right = logits.iter().filter(|(z, label)| (*z > 0.0) == *label);
        let accuracy = right.count() as f64 / n;
        let log_losses = logits
            .iter()
            .map(|(z, label)| -log_sigmoid(if *label { *z } else { -z }));
        let log_loss = log_losses.sum::<f64>() / n;
        logits.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (mut others_below, mut ordered) = (0.0, 0.0);
        for ties in logits.chunk_by(|a, b| a.0 == b.0) {
            let positive = ties.iter().filter(|(_, label)| *label).count() as f64;
            let others = ties.len() as f64 - positive;
            ordered += positive * (others_below + 0.5 * others);
            others_below += others;
        }
        Self {
            n_peptides: logits.len(),
            n_antimicrobial,
            accuracy,
            majority_share: n_antimicrobial.max(n_others) as f64 / n,
            auroc: ordered / (n_antimicrobial as f64 * n_others as f64),
            log_loss,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_by_hand() {
        let logits = [
            (2.0, true),
            (-1.0, true),
            (0.5, false),
            (-1.0, false),
            (-3.0, false),
        ];
        let figures = ClassifierFigures::new(logits.to_vec());
        assert_eq!((figures.n_peptides, figures.n_antimicrobial), (5, 2));
        assert_eq!((figures.accuracy, figures.majority_share), (0.6, 0.6));
        // 2 is above all three; −1 is above −3, even with −1 and below 0.5.
        assert_eq!(figures.auroc, (3.0 + 1.5) / 6.0);
        let loss = |z: f64| (-z).exp().ln_1p();
        let losses = loss(2.0) + loss(-1.0) + loss(-0.5) + loss(1.0) + loss(3.0);
        assert!((figures.log_loss - losses / 5.0).abs() < 1e-15);
        assert!(ClassifierFigures::new(Vec::new()).accuracy.is_nan());
    }
}
