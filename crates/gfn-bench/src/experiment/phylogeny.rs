//! The sequences of `environment.kind = "phylogeny"`.

use crate::files::read_text;
use crate::problem::PhylogenyProblem;
use anyhow::{Context as _, Result};
use gfn_env::PhylogenyReward;
use gfn_env::phylogeny::{Alignment, PhylogenyRewardConfig, SimulatedAlignment};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Aligned sequences of the taxa.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AlignmentConfig {
    /// A FASTA file.
    Fasta {
        /// The file.
        path: PathBuf,
    },
    /// Made by the model of Jukes and Cantor, [`gfn_env::phylogeny::SimulatedAlignment`].
    Simulated {
        /// Number of taxa.
        n_taxa: usize,
        /// Number of sites.
        n_sites: usize,
        /// Expected substitutions of a site along a branch.
        branch_length: f64,
        /// Seed of the tree and the sequences; apart from the run's.
        #[serde(default)]
        seed: u64,
    },
}

impl AlignmentConfig {
    fn load(&self) -> Result<Alignment> {
        match self {
            Self::Fasta { path } => fasta(path),
            Self::Simulated {
                n_taxa,
                n_sites,
                branch_length,
                seed,
            } => {
                let simulated = SimulatedAlignment {
                    n_taxa: *n_taxa,
                    n_sites: *n_sites,
                    branch_length: *branch_length,
                    seed: *seed,
                };
                Ok(simulated.draw()?)
            }
        }
    }
}

fn fasta(path: &Path) -> Result<Alignment> {
    Alignment::from_fasta(&read_text(path)?).with_context(|| format!("in {}", path.display()))
}

/// The trees over the taxa of an alignment.
pub(super) fn problem(
    data: &AlignmentConfig,
    reward: PhylogenyRewardConfig,
) -> Result<PhylogenyProblem> {
    let alignment = data.load().context("at `environment.data`")?;
    let reward = PhylogenyReward::new(&alignment, reward).context("at `environment.reward`")?;
    Ok(PhylogenyProblem::new(reward))
}
