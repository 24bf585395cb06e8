//! The rewards of `environment.kind = "sequence"`.

use crate::files::read_table;
use crate::problem::SequenceProblem;
use crate::process_reward::{ProcessReward, ProcessRewardConfig};
use anyhow::{Context as _, Result, bail};
use gfn_env::sequence::{RewardScale, SequenceTableReward};
use gfn_env::{Sequence, SequenceReward, SequenceRewardConfig};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where the rewards of strings are from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SequenceRewardSource {
    /// A log-weight for each position and letter.
    Additive {
        /// A row for each position.
        log_weights: Vec<Vec<f64>>,
    },
    /// The same, normal draws.
    AdditiveNormal {
        /// Standard deviation of the log-weights.
        scale: f64,
        /// Seed of the draws.
        #[serde(default)]
        seed: u64,
    },
    /// The same, products of normal draws.
    SeparableNormal {
        /// Factor of the products.
        scale: f64,
        /// Seed of the draws.
        #[serde(default)]
        seed: u64,
    },
    /// A CSV file with the columns `string`, in the characters of the alphabet, and `reward` or `log_reward`:
    /// `R = max(scale·v^exponent, floor)`.
    Table {
        /// The file.
        path: PathBuf,
        /// Reward of the strings that the file does not have; without it, it has to have all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing: Option<f64>,
        /// Power of a value.
        #[serde(default = "one")]
        exponent: f64,
        /// Factor after the power.
        #[serde(default = "one")]
        scale: f64,
        /// Smallest reward.
        #[serde(default)]
        floor: f64,
    },
    /// Another program that answers lines of JSON, [`ProcessReward`].
    Process {
        /// The program and its arguments.
        command: Vec<String>,
        /// Most objects of one question.
        #[serde(default = "default_batch_size")]
        batch_size: usize,
        /// Seconds that an answer may take.
        #[serde(default = "default_timeout")]
        timeout_s: f64,
        /// How often a program that ends or does not answer is started again for one question.
        #[serde(default = "default_retries")]
        retries: u32,
    },
}

fn one() -> f64 {
    1.0
}

fn default_batch_size() -> usize {
    ProcessRewardConfig::default().batch_size
}

fn default_timeout() -> f64 {
    ProcessRewardConfig::default().timeout_s
}

fn default_retries() -> u32 {
    ProcessRewardConfig::default().retries
}

impl Default for SequenceRewardSource {
    fn default() -> Self {
        Self::AdditiveNormal {
            scale: 1.0,
            seed: 0,
        }
    }
}

fn table(
    env: &Sequence,
    path: &Path,
    scale: RewardScale,
    missing: Option<f64>,
) -> Result<SequenceTableReward> {
    scale.validate()?;
    let table = read_table(path)?;
    SequenceTableReward::new(env, &table, scale, missing)
        .with_context(|| format!("in {}", path.display()))
}

/// The problem of strings with this reward.
pub(super) fn problem(
    environment: Sequence,
    has_alphabet: bool,
    reward: &SequenceRewardSource,
) -> Result<SequenceProblem> {
    let written = matches!(
        reward,
        SequenceRewardSource::Table { .. } | SequenceRewardSource::Process { .. }
    );
    if written && !has_alphabet {
        bail!(
            "at `environment.alphabet`: this reward reads strings as text: set the alphabet, for example \"ACGU\""
        );
    }
    let known = |config| SequenceReward::new(&environment, config);
    let build = || -> Result<SequenceProblem> {
        Ok(match reward {
            SequenceRewardSource::Additive { log_weights } => SequenceProblem::additive(
                environment,
                known(SequenceRewardConfig::Additive {
                    log_weights: log_weights.clone(),
                })?,
            ),
            SequenceRewardSource::AdditiveNormal { scale, seed } => SequenceProblem::additive(
                environment,
                known(SequenceRewardConfig::AdditiveNormal {
                    scale: *scale,
                    seed: *seed,
                })?,
            ),
            SequenceRewardSource::SeparableNormal { scale, seed } => SequenceProblem::additive(
                environment,
                known(SequenceRewardConfig::SeparableNormal {
                    scale: *scale,
                    seed: *seed,
                })?,
            ),
            SequenceRewardSource::Table {
                path,
                missing,
                exponent,
                scale,
                floor,
            } => {
                let scale = RewardScale {
                    exponent: *exponent,
                    scale: *scale,
                    floor: *floor,
                };
                SequenceProblem::listed(environment, table(&environment, path, scale, *missing)?)
            }
            SequenceRewardSource::Process {
                command,
                batch_size,
                timeout_s,
                retries,
            } => {
                let config = ProcessRewardConfig {
                    command: command.clone(),
                    batch_size: *batch_size,
                    timeout_s: *timeout_s,
                    retries: *retries,
                };
                SequenceProblem::asked(environment, ProcessReward::new(environment, config)?)
            }
        })
    };
    build().context("at `environment.reward`")
}
