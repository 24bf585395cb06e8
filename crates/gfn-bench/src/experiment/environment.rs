//! `[environment]`: the problem and its reward.

use crate::problem::{
    BagProblem, BagStringProblem, BitSequenceProblem, DeceptiveGridProblem, HypergridProblem,
    MultiObjectiveGridProblem, ParenthesesProblem, PeptideProblem, ProblemVisitor, SequenceProblem,
    SetProblem, TfBind8Problem,
};
use anyhow::{Context as _, Result};
use gfn_env::set::Stopping;
use gfn_env::{
    Bag, BagOrder, BagReward, BagRewardConfig, BitSequence, BitSequenceReward, BuildOrder,
    DeceptiveGrid, DeceptiveGridReward, DeceptiveGridRewardConfig, EnvironmentError, GridObjective,
    HammingReward, Hypergrid, HypergridReward, HypergridRewardConfig, MultiObjectiveGridReward,
    Parentheses, ParenthesesReward, ParenthesesRewardConfig, Peptide, PeptideReward,
    PeptideRewardConfig, Sequence, SequenceReward, SequenceRewardConfig, Set, SetReward,
    SetRewardConfig, TfBind8, TfBind8Reward, TfBind8RewardConfig,
};
use serde::{Deserialize, Serialize};

/// An environment with its reward, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum EnvironmentConfig {
    /// [`gfn_env::Hypergrid`].
    Hypergrid {
        /// Number of coordinates.
        dimensions: usize,
        /// Cells along each coordinate.
        side: usize,
        /// Reward family.
        reward: HypergridRewardConfig,
    },
    /// [`gfn_env::BitSequence`].
    BitSequence {
        /// Bits of a string.
        length: usize,
        /// Bits added by one action.
        word_bits: usize,
        /// Left to right or any position.
        order: BuildOrder,
        /// Reward convention.
        reward: HammingReward,
        /// Number of modes.
        n_modes: usize,
        /// Seed that draws the modes; apart from the run's seed, so that seeds share a problem.
        #[serde(default)]
        mode_seed: u64,
        /// A mode counts as found by an object closer than this many bits.
        #[serde(default = "default_mode_distance")]
        mode_distance: u32,
    },
    /// [`gfn_env::TfBind8`].
    #[serde(rename = "tfbind8")]
    TfBind8 {
        /// Reward convention.
        #[serde(default = "TfBind8RewardConfig::floor_after_power")]
        reward: TfBind8RewardConfig,
    },
    /// [`gfn_env::Set`].
    Set {
        /// Elements to choose from.
        n_elements: usize,
        /// Elements of a full set.
        size: usize,
        /// Whether smaller sets are objects as well.
        #[serde(default)]
        stopping: Stopping,
        /// Log-weights of the elements.
        #[serde(default = "default_set_reward")]
        reward: SetRewardConfig,
    },
    /// [`gfn_env::Sequence`].
    Sequence {
        /// Letters of a string.
        length: usize,
        /// Letters to choose from.
        n_letters: usize,
        /// Log-weights of the letters.
        #[serde(default = "default_sequence_reward")]
        reward: SequenceRewardConfig,
    },
    /// [`gfn_env::Peptide`].
    Peptide {
        /// Letters of the shortest object.
        #[serde(default = "default_min_length")]
        min_length: usize,
        /// Letters of the longest object.
        #[serde(default = "default_max_length")]
        max_length: usize,
        /// One-letter codes in the order of actions.
        #[serde(default = "default_alphabet")]
        alphabet: String,
        /// Reward convention.
        #[serde(default = "PeptideRewardConfig::gates")]
        reward: PeptideRewardConfig,
    },
    /// [`gfn_env::Parentheses`].
    Parentheses {
        /// Parentheses of the longest string.
        #[serde(default = "default_parentheses")]
        length: usize,
        /// Parentheses added by one action.
        #[serde(default = "default_word_bits")]
        word_bits: usize,
        /// Reward convention.
        #[serde(default = "ParenthesesRewardConfig::deceptive_short")]
        reward: ParenthesesRewardConfig,
    },
    /// [`gfn_env::Bag`], or a [`gfn_env::Sequence`] of its letters.
    Bag {
        /// Letters to choose from.
        #[serde(default = "default_bag_letters")]
        n_letters: usize,
        /// Letters of an object.
        #[serde(default = "default_bag_size")]
        size: usize,
        /// Multisets or strings.
        #[serde(default)]
        order: BagOrder,
        /// Reward convention.
        #[serde(default = "BagRewardConfig::repeated_letter")]
        reward: BagRewardConfig,
    },
    /// [`gfn_env::DeceptiveGrid`].
    DeceptiveGrid {
        /// Number of coordinates.
        dimensions: usize,
        /// Cells along each coordinate.
        side: usize,
        /// Reward convention.
        #[serde(default = "DeceptiveGridRewardConfig::deceptive")]
        reward: DeceptiveGridRewardConfig,
    },
    /// A [`gfn_env::Hypergrid`] of two dimensions with [`gfn_env::MultiObjectiveGridReward`].
    MultiObjectiveGrid {
        /// Cells along each coordinate.
        side: usize,
        /// The functions that are objectives, each once.
        objectives: Vec<GridObjective>,
        /// Weights of the objectives, where no condition has them; equal ones where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<Vec<f64>>,
        /// Reward of an objective at its worst cell.
        #[serde(default = "default_floor")]
        floor: f64,
    },
}

fn default_floor() -> f64 {
    1e-3
}

fn default_parentheses() -> usize {
    32
}

fn default_word_bits() -> usize {
    1
}

fn default_bag_letters() -> usize {
    Bag::published().n_letters()
}

fn default_bag_size() -> usize {
    Bag::published().size()
}

fn default_min_length() -> usize {
    Peptide::standard().min_length()
}

fn default_max_length() -> usize {
    Peptide::standard().max_length()
}

fn default_alphabet() -> String {
    Peptide::AMINO_ACIDS.to_owned()
}

fn default_mode_distance() -> u32 {
    1
}

fn default_set_reward() -> SetRewardConfig {
    SetRewardConfig::AdditiveNormal {
        scale: 1.0,
        seed: 0,
    }
}

fn default_sequence_reward() -> SequenceRewardConfig {
    SequenceRewardConfig::AdditiveNormal {
        scale: 1.0,
        seed: 0,
    }
}

impl EnvironmentConfig {
    /// Builds the problem and hands it to `visitor`.
    ///
    /// # Errors
    ///
    /// If a parameter is out of range.
    pub fn visit<V: ProblemVisitor>(&self, visitor: V) -> Result<V::Output> {
        match self {
            Self::Hypergrid {
                dimensions,
                side,
                reward,
            } => {
                let environment = Hypergrid::new(*dimensions, *side).context("at `environment`")?;
                let reward = HypergridReward::new(&environment, reward.clone())
                    .context("at `environment.reward`")?;
                Ok(visitor.visit(HypergridProblem {
                    environment,
                    reward,
                }))
            }
            Self::BitSequence {
                length,
                word_bits,
                order,
                reward,
                n_modes,
                mode_seed,
                mode_distance,
            } => {
                let environment =
                    BitSequence::new(*length, *word_bits, *order).context("at `environment`")?;
                let reward = BitSequenceReward::with_drawn_modes(
                    &environment,
                    *reward,
                    *n_modes,
                    *mode_seed,
                )
                .context("at `environment.reward`")?;
                Ok(visitor.visit(BitSequenceProblem {
                    environment,
                    reward,
                    mode_distance: *mode_distance,
                }))
            }
            Self::TfBind8 { reward } => {
                let reward = TfBind8Reward::new(*reward).context("at `environment.reward`")?;
                Ok(visitor.visit(TfBind8Problem {
                    environment: TfBind8::new(),
                    reward,
                }))
            }
            Self::Set {
                n_elements,
                size,
                stopping,
                reward,
            } => {
                let environment =
                    Set::new(*n_elements, *size, *stopping).context("at `environment`")?;
                let reward = SetReward::new(&environment, reward.clone())
                    .context("at `environment.reward`")?;
                Ok(visitor.visit(SetProblem {
                    environment,
                    reward,
                }))
            }
            Self::Sequence {
                length,
                n_letters,
                reward,
            } => {
                let environment = Sequence::new(*length, *n_letters).context("at `environment`")?;
                let reward = SequenceReward::new(&environment, reward.clone())
                    .context("at `environment.reward`")?;
                Ok(visitor.visit(SequenceProblem {
                    environment,
                    reward,
                }))
            }
            Self::Peptide {
                min_length,
                max_length,
                alphabet,
                reward,
            } => {
                let environment =
                    Peptide::new(*min_length, *max_length, alphabet).context("at `environment`")?;
                let reward =
                    PeptideReward::new(&environment, *reward).context("at `environment.reward`")?;
                Ok(visitor.visit(PeptideProblem {
                    environment,
                    reward,
                }))
            }
            Self::Parentheses {
                length,
                word_bits,
                reward,
            } => {
                let environment =
                    Parentheses::new(*length, *word_bits).context("at `environment`")?;
                let reward = ParenthesesReward::new(&environment, *reward)
                    .context("at `environment.reward`")?;
                Ok(visitor.visit(ParenthesesProblem {
                    environment,
                    reward,
                }))
            }
            Self::Bag {
                n_letters,
                size,
                order,
                reward,
            } => visit_bag(*n_letters, *size, *order, *reward, visitor),
            Self::DeceptiveGrid {
                dimensions,
                side,
                reward,
            } => {
                let environment =
                    DeceptiveGrid::new(*dimensions, *side).context("at `environment`")?;
                let reward = DeceptiveGridReward::new(&environment, *reward)
                    .context("at `environment.reward`")?;
                Ok(visitor.visit(DeceptiveGridProblem {
                    environment,
                    reward,
                }))
            }
            Self::MultiObjectiveGrid {
                side,
                objectives,
                weights,
                floor,
            } => {
                let build = || {
                    let environment = Hypergrid::new(2, *side)?;
                    let mut reward =
                        MultiObjectiveGridReward::new(&environment, objectives, *floor)?;
                    if let Some(weights) = weights {
                        reward = reward.with_weights(weights)?;
                    }
                    Ok::<_, EnvironmentError>(MultiObjectiveGridProblem {
                        environment,
                        reward,
                    })
                };
                Ok(visitor.visit(build().context("at `environment`")?))
            }
        }
    }

    /// Names of the environments, as experiment files write them.
    pub const NAMES: &[&str] = &[
        "hypergrid",
        "bit-sequence",
        "tfbind8",
        "set",
        "sequence",
        "peptide",
        "parentheses",
        "bag",
        "deceptive-grid",
        "multi-objective-grid",
    ];
}

/// Multisets, or strings of as many letters.
fn visit_bag<V: ProblemVisitor>(
    n_letters: usize,
    size: usize,
    order: BagOrder,
    reward: BagRewardConfig,
    visitor: V,
) -> Result<V::Output> {
    let environment = Bag::new(n_letters, size).context("at `environment`")?;
    let reward = BagReward::new(&environment, reward).context("at `environment.reward`")?;
    Ok(match order {
        BagOrder::Multiset => visitor.visit(BagProblem {
            environment,
            reward,
        }),
        BagOrder::Append => {
            let environment = Sequence::new(size, n_letters).context("at `environment`")?;
            visitor.visit(BagStringProblem {
                environment,
                reward,
            })
        }
    })
}
