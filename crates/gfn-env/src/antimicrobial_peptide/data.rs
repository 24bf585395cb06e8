//! Labelled peptides, some of them held out: [`AntimicrobialData`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rand::RngExt as _;

use super::{MAX_LENGTH, MIN_LENGTH};
use crate::{PeptideState, Purpose, Streams, Table, TableError};

/// Peptides that share so many residues in a row are of one family.
const SHARED_RESIDUES: usize = 7;
/// One of so many peptides is held out.
const HELD_OUT: usize = 5;

static SHIPPED: LazyLock<AntimicrobialData> = LazyLock::new(|| {
    let table = Table::parse(include_str!("peptides.csv")).expect("a table");
    AntimicrobialData::from_table(&table, 0).expect("labelled peptides")
});

/// A peptide and its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LabelledPeptide {
    /// The residues.
    pub chain: PeptideState,
    /// Whether it is antimicrobial.
    pub antimicrobial: bool,
}

/// Peptides for fitting a classifier, and others for judging it.
///
/// A held-out peptide says nothing new where it, or a close relative, was there to learn from. Therefore
///
/// - a sequence that stands in several rows counts once, and not at all where it stands in both classes
/// - peptides that share seven residues in a row are of one family, and so are relatives of relatives; families are held
///   out whole
/// - families are put in the order of a shuffle; in that order each is held out if no more than a fifth of all peptides then
///   are
///
/// Peptides of fewer than 10 or more than 60 residues are left out: of the shortest ones only one class is there, and the others
/// cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AntimicrobialData {
    /// Peptides to fit to, in the order of the table.
    pub training: Vec<LabelledPeptide>,
    /// Peptides of other families, in the order of the table.
    pub held_out: Vec<LabelledPeptide>,
    /// Rows of the table.
    pub n_rows: usize,
    /// Rows whose sequence is too short or too long.
    pub n_wrong_length: usize,
    /// Further rows of a sequence that stands in one class alone.
    pub n_repeated: usize,
    /// Rows of sequences that stand in both classes.
    pub n_contradictory: usize,
    /// Families among the peptides that are left.
    pub n_families: usize,
}

impl AntimicrobialData {
    /// The peptides in `peptides.csv`, the shuffle drawn with seed 0.
    pub fn shipped() -> Self {
        SHIPPED.clone()
    }

    /// The peptides in the columns `sequence`, in one-letter codes, and `antimicrobial`, 0 or 1. The shuffle is drawn from the
    /// stream `(Problem, 0, 0)` of `seed`.
    ///
    /// # Errors
    ///
    /// [`TableError`] for a missing column, a sequence of 10 to 60 characters with one that is no amino acid, and a class that is
    /// neither 0 nor 1.
    pub fn from_table(table: &Table, seed: u64) -> Result<Self, TableError> {
        let [sequences, classes] = [table.column("sequence")?, table.column("antimicrobial")?];
        // Each sequence by its first row, with the number of its rows in each class.
        let mut first_rows: BTreeMap<&str, usize> = BTreeMap::new();
        let mut rows: BTreeMap<usize, (PeptideState, [usize; 2])> = BTreeMap::new();
        let mut n_wrong_length = 0;
        for row in 0..table.n_rows() {
            let class = match table.field(row, classes) {
                "0" => 0,
                "1" => 1,
                _ => return Err(table.refuse(row, classes, "it must be 0 or 1")),
            };
            let sequence = table.field(row, sequences);
            if !(MIN_LENGTH..=MAX_LENGTH).contains(&sequence.len()) {
                n_wrong_length += 1;
                continue;
            }
            let first = *first_rows.entry(sequence).or_insert(row);
            let chain = PeptideState::try_from(format!("{sequence}*")).map_err(|_no_chain| {
                table.refuse(
                    row,
                    sequences,
                    "it must be of letters of ACDEFGHIKLMNPQRSTVWY",
                )
            })?;
            rows.entry(first).or_insert((chain, [0, 0])).1[class] += 1;
        }
        let (mut n_repeated, mut n_contradictory) = (0, 0);
        let mut peptides = Vec::with_capacity(rows.len());
        for (chain, [others, antimicrobial]) in rows.into_values() {
            if others > 0 && antimicrobial > 0 {
                n_contradictory += others + antimicrobial;
                continue;
            }
            n_repeated += others + antimicrobial - 1;
            peptides.push(LabelledPeptide {
                chain,
                antimicrobial: antimicrobial > 0,
            });
        }
        let mut families = families(&peptides);
        let n_families = families.len();
        let mut rng = Streams::new(seed).rng(Purpose::Problem, 0, 0);
        for i in (1..n_families).rev() {
            families.swap(i, rng.random_range(0..=i));
        }
        let mut is_held_out = vec![false; peptides.len()];
        let mut n_held_out = 0;
        for family in families {
            if n_held_out + family.len() <= peptides.len() / HELD_OUT {
                n_held_out += family.len();
                family.into_iter().for_each(|i| is_held_out[i] = true);
            }
        }
        let (mut training, mut held_out) = (Vec::new(), Vec::new());
        for (peptide, is_held_out) in peptides.into_iter().zip(is_held_out) {
            let part = if is_held_out {
                &mut held_out
            } else {
                &mut training
            };
            part.push(peptide);
        }
        Ok(Self {
            training,
            held_out,
            n_rows: table.n_rows(),
            n_wrong_length,
            n_repeated,
            n_contradictory,
            n_families,
        })
    }
}

/// The members of each family, in the order of the first ones.
fn families(peptides: &[LabelledPeptide]) -> Vec<Vec<usize>> {
    // An earlier relative of each, or itself.
    let mut relative: Vec<usize> = (0..peptides.len()).collect();
    let mut first_with: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (i, peptide) in peptides.iter().enumerate() {
        for residues in peptide.chain.letters().windows(SHARED_RESIDUES) {
            let first = *first_with.entry(residues).or_insert(i);
            let (a, b) = (founder(&mut relative, i), founder(&mut relative, first));
            relative[a.max(b)] = a.min(b);
        }
    }
    let mut families: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for i in 0..peptides.len() {
        families
            .entry(founder(&mut relative, i))
            .or_default()
            .push(i);
    }
    families.into_values().collect()
}

/// The first member of a family.
fn founder(relative: &mut [usize], mut member: usize) -> usize {
    while relative[member] != member {
        relative[member] = relative[relative[member]];
        member = relative[member];
    }
    member
}
