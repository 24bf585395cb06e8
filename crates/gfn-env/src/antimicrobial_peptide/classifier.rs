//! Logistic regression on peptides: [`AntimicrobialClassifier`].

use std::sync::{Arc, LazyLock};

use super::{ClassifierFigures, LabelledPeptide, fit};
use crate::special::log_sigmoid;
use crate::{EnvironmentError, Peptide, PeptideState, Table, TableError};

/// One-letter codes of the amino acids.
const CODES: &[u8] = Peptide::AMINO_ACIDS.as_bytes();
/// Residues of a pair are at most this many places apart.
const SEPARATIONS: usize = 4;
/// Pairs of one separation.
const N_PAIRS: usize = CODES.len() * CODES.len();
/// The constant, residues, and pairs of each separation.
pub(super) const N_FEATURES: usize = 1 + CODES.len() + SEPARATIONS * N_PAIRS;
/// Counts in shorter chains are divided by this length: they say less.
const FULL_EVIDENCE: usize = 10;

/// The place of each code in [`CODES`].
const NUMBERS: [u8; 256] = {
    let mut numbers = [0; 256];
    let mut i = 0;
    while i < CODES.len() {
        numbers[CODES[i] as usize] = i as u8;
        i += 1;
    }
    numbers
};

static SHIPPED: LazyLock<AntimicrobialClassifier> = LazyLock::new(|| {
    let table = Table::parse(include_str!("weights.csv")).expect("a table");
    AntimicrobialClassifier::from_table(&table).expect("weights")
});

/// Logistic regression on the residues of a chain and on their pairs.
///
/// ```text
/// z(x) = b + Σ_a w_a·√(n_a/m) + Σ_{d=1..4} Σ_{a,c} w_{dac}·√(n_{dac}/m)        P(antimicrobial | x) = σ(z(x))
/// ```
///
/// - `n_a`, how often residue `a` occurs, and `n_{dac}`, how often `c` stands `d` places behind `a`: the turns of a helix bring
///   residues three and four places apart to one side
/// - `m`, the length of the chain, at least 10: the shorter a chain is below that, the nearer it is to the empty one, whose `z` is
///   `b`
/// - square roots, because a second residue of a kind says less than the first. They bound `z` for every chain, by the norms
///   of the weights of residues and of each separation: repeating one residue leads nowhere far
///
/// 1,621 weights, cheap to clone.
///
/// # Examples
///
/// ```
/// use gfn_env::Peptide;
/// use gfn_env::antimicrobial_peptide::{AntimicrobialClassifier, AntimicrobialData};
///
/// let env = Peptide::new(1, 60, Peptide::AMINO_ACIDS)?;
/// let classifier = AntimicrobialClassifier::shipped();
/// let magainin = env.chain("GIGKFLHSAKKFGKAFVGEIMNS")?;
/// assert!(classifier.log_probability(&magainin) > -0.1);
/// let figures = classifier.figures(&AntimicrobialData::shipped().held_out);
/// assert!(figures.accuracy > 0.8);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AntimicrobialClassifier {
    weights: Arc<[f64]>,
}

impl AntimicrobialClassifier {
    /// The weights in `weights.csv`.
    pub fn shipped() -> Self {
        SHIPPED.clone()
    }

    /// The weights that minimise `½·ridge·‖w‖² + Σ log(1 + e^(∓z))`, the upper sign for antimicrobial peptides.
    ///
    /// The minimum is the only one. The norm of the gradient at the weights is at most 1e-11, where double precision
    /// reaches that, and their distance from the minimum at most 1e-11 over the ridge.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless the ridge is positive and finite.
    pub fn fit(peptides: &[LabelledPeptide], ridge: f64) -> Result<Self, EnvironmentError> {
        if !(ridge.is_finite() && ridge > 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "ridge",
                &ridge,
                "it must be positive and finite",
            ));
        }
        let mut rows = fit::Rows::new(N_FEATURES);
        for peptide in peptides {
            let features = |visit: &mut dyn FnMut(usize, f64)| {
                for_each_feature(&peptide.chain, visit);
            };
            rows.push(features, peptide.antimicrobial);
        }
        Ok(Self {
            weights: fit::minimise(&rows, ridge).into(),
        })
    }

    /// The weights in a table with the columns `feature` and `weight`, as [`to_csv`](Self::to_csv) writes it.
    ///
    /// # Errors
    ///
    /// [`TableError`] for a missing column, features that are not those of the classifier in their order, and weights that are no finite
    /// numbers.
    pub fn from_table(table: &Table) -> Result<Self, TableError> {
        let [features, weights] = [table.column("feature")?, table.column("weight")?];
        for row in 0..table.n_rows() {
            let expected = if row < N_FEATURES {
                format!("it must be {}, features have an order", feature_name(row))
            } else {
                format!("there are {N_FEATURES} features")
            };
            if row >= N_FEATURES || table.field(row, features) != feature_name(row) {
                return Err(table.refuse(row, features, expected));
            }
        }
        if table.n_rows() < N_FEATURES {
            return Err(TableError::Column {
                column: "feature".to_owned(),
                problem: format!("{} of {N_FEATURES} features are there", table.n_rows()),
            });
        }
        let weights: Result<Vec<f64>, _> = (0..N_FEATURES)
            .map(|row| table.number(row, weights))
            .collect();
        Ok(Self {
            weights: weights?.into(),
        })
    }

    /// The weights as comma-separated text, rounded to eight decimals.
    pub fn to_csv(&self) -> String {
        let line = |(i, weight): (usize, &f64)| {
            // Zero has no sign.
            let rounded = (weight * 1e8).round() / 1e8 + 0.0;
            format!("{},{rounded:.8}\n", feature_name(i))
        };
        let lines: String = self.weights.iter().enumerate().map(line).collect();
        format!("feature,weight\n{lines}")
    }

    /// The weights, `[1621]`: `b`, then `w_a` in the order of [`Peptide::AMINO_ACIDS`], then `w_{dac}` with `c` counting fastest.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// `z` of a chain, stopped or not.
    pub fn logit(&self, chain: &PeptideState) -> f64 {
        let mut logit = 0.0;
        for_each_feature(chain, &mut |i, value| logit += self.weights[i] * value);
        logit
    }

    /// `log P(antimicrobial | x) = log σ(z)`, finite for every chain.
    pub fn log_probability(&self, chain: &PeptideState) -> f64 {
        log_sigmoid(self.logit(chain))
    }

    /// How well the classifier tells peptides apart.
    pub fn figures(&self, peptides: &[LabelledPeptide]) -> ClassifierFigures {
        let logits = peptides.iter().map(|peptide| self.logit(&peptide.chain));
        ClassifierFigures::new(
            logits
                .zip(peptides.iter().map(|p| p.antimicrobial))
                .collect(),
        )
    }
}

/// Visits the features of a chain that are not 0, each once.
fn for_each_feature(chain: &PeptideState, visit: &mut dyn FnMut(usize, f64)) {
    let letters = chain.letters();
    let size = letters.len().max(FULL_EVIDENCE) as f64;
    let mut counts = [0u8; N_FEATURES];
    for i in occurrences(letters) {
        counts[i] += 1;
    }
    visit(0, 1.0);
    for i in occurrences(letters) {
        let count = std::mem::take(&mut counts[i]);
        if count > 0 {
            visit(i, (f64::from(count) / size).sqrt());
        }
    }
}

/// The features that residues and pairs are occurrences of.
fn occurrences(letters: &[u8]) -> impl Iterator<Item = usize> {
    let number = |letter: &u8| usize::from(NUMBERS[usize::from(*letter)]);
    let residues = letters.iter().map(move |a| 1 + number(a));
    let pairs = (1..=SEPARATIONS).flat_map(move |d| {
        let start = 1 + CODES.len() + (d - 1) * N_PAIRS;
        let ahead = letters.get(d..).unwrap_or_default();
        let pairs = letters.iter().zip(ahead);
        pairs.map(move |(a, c)| start + CODES.len() * number(a) + number(c))
    });
    residues.chain(pairs)
}

/// `bias`, a residue, or two residues with a dot for each place between them.
fn feature_name(feature: usize) -> String {
    let code = |i: usize| char::from(CODES[i]);
    match feature.checked_sub(1) {
        None => "bias".to_owned(),
        Some(residue) if residue < CODES.len() => code(residue).to_string(),
        Some(pair) => {
            let pair = pair - CODES.len();
            let between = ".".repeat(pair / N_PAIRS);
            let (a, c) = (pair % N_PAIRS / CODES.len(), pair % CODES.len());
            format!("{}{between}{}", code(a), code(c))
        }
    }
}
