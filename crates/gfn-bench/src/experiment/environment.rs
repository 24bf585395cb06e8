//! `[environment]`: the problem and its reward.

use super::listed_graph::{self, ListedGraphConfig};
use super::phylogeny::{self, AlignmentConfig};
use super::sequence::{self, SequenceRewardSource};
use super::structure::{self, StructureDataConfig, StructureScoreConfig};
use crate::problem::{
    AntimicrobialPeptideProblem, BagProblem, BagStringProblem, BitSequenceProblem,
    DeceptiveGridProblem, HypergridProblem, IsingProblem, ListedGraphProblem,
    MultiObjectiveGridProblem, ParenthesesProblem, PeptideProblem, ProblemVisitor, SetProblem,
    TfBind8Problem,
};
use anyhow::{Context as _, Result};
use gfn_env::antimicrobial_peptide::{MAX_LENGTH, MIN_LENGTH};
use gfn_env::bayesian_network::{Baseline, StructurePrior};
use gfn_env::listed_graph::TreeRewardConfig;
use gfn_env::phylogeny::PhylogenyRewardConfig;
use gfn_env::sequence::SequenceOrder;
use gfn_env::set::Stopping;
use gfn_env::{
    AntimicrobialReward, Bag, BagOrder, BagReward, BagRewardConfig, BitSequence, BitSequenceReward,
    BuildOrder, DeceptiveGrid, DeceptiveGridReward, DeceptiveGridRewardConfig, EnvironmentError,
    GridObjective, HammingReward, Hypergrid, HypergridReward, HypergridRewardConfig, IsingConfig,
    IsingReward, MultiObjectiveGridReward, Parentheses, ParenthesesReward, ParenthesesRewardConfig,
    Peptide, PeptideReward, PeptideRewardConfig, Sequence, Set, SetReward, SetRewardConfig,
    TfBind8, TfBind8Reward, TfBind8RewardConfig,
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
        /// Where the next letter goes.
        #[serde(default, skip_serializing_if = "is_append")]
        order: SequenceOrder,
        /// Characters of the letters, for texts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alphabet: Option<String>,
        /// Log-weights of the letters, a table or another program.
        #[serde(default)]
        reward: SequenceRewardSource,
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
    /// A [`gfn_env::Peptide`] with [`gfn_env::AntimicrobialReward`].
    AntimicrobialPeptide {
        /// Residues of the shortest object.
        #[serde(default = "shortest_antimicrobial")]
        min_length: usize,
        /// Residues of the longest object.
        #[serde(default = "longest_antimicrobial")]
        max_length: usize,
        /// Power of the classifier's probability.
        #[serde(default = "default_antimicrobial_exponent")]
        exponent: f64,
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
    /// [`gfn_env::BayesianNetwork`].
    BayesianNetwork {
        /// Observations of the nodes.
        data: StructureDataConfig,
        /// How well a node's parents explain it.
        #[serde(default)]
        score: StructureScoreConfig,
        /// Prior over graphs.
        #[serde(default)]
        prior: StructurePrior,
        /// What scores are compared with; it moves `log Z` alone.
        #[serde(default)]
        baseline: Baseline,
    },
    /// A [`gfn_env::BitSequence`] with [`gfn_env::IsingReward`].
    Ising {
        /// Which sites are coupled, and how.
        couplings: IsingConfig,
        /// `h`, one for all sites or one for each.
        #[serde(default = "no_field")]
        fields: Vec<f64>,
        /// `β`.
        #[serde(default = "one")]
        inverse_temperature: f64,
        /// Any site next, or one after the other.
        #[serde(default = "any_position")]
        order: BuildOrder,
    },
    /// [`gfn_env::ListedGraph`].
    ListedGraph {
        /// Edges and rewards, here or in a file.
        graph: ListedGraphConfig,
    },
    /// [`gfn_env::ListedGraph::perfect_binary_tree`].
    PerfectBinaryTree {
        /// Edges from the source to a leaf.
        depth: usize,
        /// Rewards of the leaves.
        #[serde(default = "default_tree_reward")]
        reward: TreeRewardConfig,
    },
    /// [`gfn_env::Phylogeny`].
    Phylogeny {
        /// Aligned sequences of the taxa.
        data: AlignmentConfig,
        /// Parsimony or likelihood.
        reward: PhylogenyRewardConfig,
    },
}

fn no_field() -> Vec<f64> {
    vec![0.0]
}

fn one() -> f64 {
    1.0
}

fn any_position() -> BuildOrder {
    BuildOrder::AnyPosition
}

fn is_append(order: &SequenceOrder) -> bool {
    *order == SequenceOrder::Append
}

fn default_tree_reward() -> TreeRewardConfig {
    TreeRewardConfig::LogNormal {
        scale: 1.0,
        seed: 0,
    }
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

fn shortest_antimicrobial() -> usize {
    MIN_LENGTH
}

fn longest_antimicrobial() -> usize {
    MAX_LENGTH
}

fn default_antimicrobial_exponent() -> f64 {
    3.0
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
                order,
                alphabet,
                reward,
            } => {
                let environment = Sequence::new(*length, *n_letters).map(|e| e.with_order(*order));
                let environment = match alphabet {
                    None => environment,
                    Some(alphabet) => environment.and_then(|e| e.with_alphabet(alphabet)),
                };
                let environment = environment.context("at `environment`")?;
                let problem = sequence::problem(environment, alphabet.is_some(), reward)?;
                Ok(visitor.visit(problem))
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
            Self::AntimicrobialPeptide {
                min_length,
                max_length,
                exponent,
            } => {
                let environment = Peptide::new(*min_length, *max_length, Peptide::AMINO_ACIDS)
                    .context("at `environment`")?;
                let reward = AntimicrobialReward::new(*exponent).context("at `environment`")?;
                Ok(visitor.visit(AntimicrobialPeptideProblem {
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
            Self::BayesianNetwork {
                data,
                score,
                prior,
                baseline,
            } => Ok(visitor.visit(structure::problem(data, *score, *prior, *baseline)?)),
            Self::Ising {
                couplings,
                fields,
                inverse_temperature,
                order,
            } => {
                let reward = IsingReward::new(couplings, fields, *inverse_temperature, *order)
                    .context("at `environment`")?;
                Ok(visitor.visit(IsingProblem::new(reward)))
            }
            Self::ListedGraph { graph } => Ok(visitor.visit(listed_graph::problem(graph)?)),
            Self::PerfectBinaryTree { depth, reward } => {
                let tree = reward.tree(*depth).context("at `environment`")?;
                Ok(visitor.visit(ListedGraphProblem::new(tree)))
            }
            Self::Phylogeny { data, reward } => {
                Ok(visitor.visit(phylogeny::problem(data, *reward)?))
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
        "antimicrobial-peptide",
        "parentheses",
        "bag",
        "deceptive-grid",
        "multi-objective-grid",
        "bayesian-network",
        "ising",
        "listed-graph",
        "perfect-binary-tree",
        "phylogeny",
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
