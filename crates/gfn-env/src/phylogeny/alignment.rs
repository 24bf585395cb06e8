//! Aligned sequences: [`Alignment`].

use rand::RngExt as _;

use super::state::MAX_TAXA;
use crate::{EnvironmentError, Purpose, Streams};

/// What is wrong with an alignment; each message names the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct FastaError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub problem: String,
}

/// DNA sequences of one length, one for each taxon: sets of possible nucleotides, bit 0 to 3 for A, C, G and T.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    names: Vec<String>,
    /// By taxon; no set is empty.
    sequences: Vec<Vec<u8>>,
    /// By taxon; where the sequence has a gap.
    gaps: Vec<Vec<bool>>,
}

/// The nucleotides that a letter stands for; all of them for a gap and for what is not known.
fn nucleotides(letter: char) -> Option<u8> {
    let (a, c, g, t) = (1, 2, 4, 8);
    Some(match letter.to_ascii_uppercase() {
        'A' => a,
        'C' => c,
        'G' => g,
        'T' | 'U' => t,
        'R' => a | g,
        'Y' => c | t,
        'S' => c | g,
        'W' => a | t,
        'K' => g | t,
        'M' => a | c,
        'B' => c | g | t,
        'D' => a | g | t,
        'H' => a | c | t,
        'V' => a | c | g,
        'N' | 'X' | '?' | '-' | '.' => a | c | g | t,
        _ => return None,
    })
}

impl Alignment {
    /// Reads FASTA: a line `>name` and lines of letters for each taxon. Gaps (`-`), `.`, `N`, `X` and `?` stand for any nucleotide, and the
    /// letters of IUPAC for those that they name. Empty lines are skipped.
    ///
    /// # Errors
    ///
    /// [`FastaError`] for letters before the first name, a name that is empty or stands twice, letters that mean nothing,
    /// sequences that are empty or of different lengths, and fewer than 2 or more than 64 taxa.
    pub fn from_fasta(text: &str) -> Result<Self, FastaError> {
        let error = |line: usize, problem: String| FastaError { line, problem };
        let mut names: Vec<String> = Vec::new();
        let mut sequences: Vec<Vec<u8>> = Vec::new();
        let mut gaps: Vec<Vec<bool>> = Vec::new();
        let mut starts = Vec::new();
        let mut last = 1;
        for (i, text) in text.lines().enumerate() {
            let (line, text) = (i + 1, text.trim());
            last = line;
            if let Some(name) = text.strip_prefix('>') {
                let name = name.split_whitespace().next().unwrap_or_default();
                if name.is_empty() {
                    return Err(error(line, "a name is missing behind `>`".to_owned()));
                }
                if names.iter().any(|known| known == name) {
                    return Err(error(line, format!("the taxon {name} stands twice")));
                }
                names.push(name.to_owned());
                sequences.push(Vec::new());
                gaps.push(Vec::new());
                starts.push(line);
            } else if !text.is_empty() {
                let (Some(sequence), Some(gaps)) = (sequences.last_mut(), gaps.last_mut()) else {
                    let problem = "letters before the first name; start with a line `>name`";
                    return Err(error(line, problem.to_owned()));
                };
                for (place, letter) in text.chars().enumerate() {
                    let set = nucleotides(letter).ok_or_else(|| {
                        let problem = format!(
                            "letter {} is {letter:?}, which is no nucleotide (A, C, G, T, those of IUPAC, - and ?)",
                            place + 1
                        );
                        error(line, problem)
                    })?;
                    sequence.push(set);
                    gaps.push(letter == '-');
                }
            }
        }
        let first = sequences.first().map_or(0, Vec::len);
        for ((name, sequence), start) in names.iter().zip(&sequences).zip(starts) {
            if sequence.is_empty() {
                return Err(error(start, format!("the taxon {name} has no letters")));
            }
            if sequence.len() != first {
                let problem = format!(
                    "the taxon {name} has {} letters, but {} has {first}; the sequences must be aligned",
                    sequence.len(),
                    names[0]
                );
                return Err(error(start, problem));
            }
        }
        if !(2..=MAX_TAXA).contains(&names.len()) {
            let problem = format!(
                "the file ends after {} taxa; there must be between 2 and {MAX_TAXA}",
                names.len()
            );
            return Err(error(last, problem));
        }
        Ok(Self {
            names,
            sequences,
            gaps,
        })
    }

    /// Names of the taxa.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of taxa.
    pub fn n_taxa(&self) -> usize {
        self.names.len()
    }

    /// Number of sites.
    pub fn n_sites(&self) -> usize {
        self.sequences[0].len()
    }

    /// The possible nucleotides of a taxon at each site, bit 0 to 3 for A, C, G and T.
    ///
    /// # Panics
    ///
    /// If there is no such taxon.
    pub fn sequence(&self, taxon: usize) -> &[u8] {
        &self.sequences[taxon]
    }

    /// Where the sequence of a taxon has a gap, `-`, rather than a letter that is not known.
    ///
    /// # Panics
    ///
    /// If there is no such taxon.
    pub fn gaps(&self, taxon: usize) -> &[bool] {
        &self.gaps[taxon]
    }
}

/// Sequences that the model of Jukes and Cantor makes along a random tree with branches of one length.
///
/// Two random trees are merged until one is left, and then every taxon has the nucleotides of its parent, each changed with
/// probability `¾(1 − e^{−4t/3})` to one of the three others; all from the stream `(Problem, 0, 0)` of `seed`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulatedAlignment {
    /// Number of taxa.
    pub n_taxa: usize,
    /// Number of sites.
    pub n_sites: usize,
    /// `t`, expected substitutions of a site along a branch.
    pub branch_length: f64,
    /// Seed of the tree and the sequences.
    pub seed: u64,
}

impl SimulatedAlignment {
    /// Draws tree and sequences.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] unless `2 <= n_taxa <= 64`, `1 <= n_sites <= 100,000` and the length is positive
    /// and finite.
    pub fn draw(&self) -> Result<Alignment, EnvironmentError> {
        super::Phylogeny::new(self.n_taxa)?;
        if !(1..=100_000).contains(&self.n_sites) {
            return Err(EnvironmentError::invalid_parameter(
                "n_sites",
                &self.n_sites,
                "it must be between 1 and 100,000",
            ));
        }
        if !(self.branch_length.is_finite() && self.branch_length > 0.0) {
            return Err(EnvironmentError::invalid_parameter(
                "branch_length",
                &self.branch_length,
                "it must be positive and finite",
            ));
        }
        let mut rng = Streams::new(self.seed).rng(Purpose::Problem, 0, 0);
        // Backwards from the taxa: nodes of trees that are left, and the two children of each inner node.
        let mut roots: Vec<usize> = (0..self.n_taxa).collect();
        let mut children = vec![None; self.n_taxa];
        while roots.len() > 1 {
            let mut take = || roots.swap_remove(rng.random_range(0..roots.len()));
            let pair = [take(), take()];
            roots.push(children.len());
            children.push(Some(pair));
        }
        let change = 0.75 * -(-4.0 * self.branch_length / 3.0).exp_m1();
        let mut sequences: Vec<Vec<u8>> = vec![Vec::new(); children.len()];
        sequences[children.len() - 1] = (0..self.n_sites)
            .map(|_| rng.random_range(0..4_u8))
            .collect();
        for node in (0..children.len()).rev() {
            for child in children[node].into_iter().flatten() {
                let parent = sequences[node].clone();
                let evolve = |letter: u8| {
                    if rng.random::<f64>() < change {
                        (letter + rng.random_range(1..4_u8)) % 4
                    } else {
                        letter
                    }
                };
                sequences[child] = parent.into_iter().map(evolve).collect();
            }
        }
        sequences.truncate(self.n_taxa);
        let as_sets = |sequence: Vec<u8>| sequence.into_iter().map(|letter| 1 << letter).collect();
        Ok(Alignment {
            names: (0..self.n_taxa).map(|i| format!("t{i}")).collect(),
            gaps: vec![vec![false; self.n_sites]; self.n_taxa],
            sequences: sequences.into_iter().map(as_sets).collect(),
        })
    }
}
