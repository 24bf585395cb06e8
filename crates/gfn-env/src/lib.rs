//! Environments for GFlowNets: deterministic graphs, rewards, reproducible randomness and exact answers.
//!
//! A GFlowNet learns to sample objects `x` with probability `R(x)/Z` by building them step by step. This crate has what it
//! samples in, and nothing that learns: no tensors, no networks, no files, no clocks.
//!
//! # The one decision
//!
//! **An environment is written for one state, in place; a reward is separate.** [`Environment`] has no batch dimension and
//! allocates nothing: batches, threads and vectors are made around it, once, for all environments. [`Reward`] is a
//! function of terminal states in batches, because a reward may be a table, a closure, a network or another process. A
//! new environment is about sixty lines, and [`check_environment`] proves it right.
//!
//! # Conventions
//!
//! | what | how |
//! |---|---|
//! | forward actions | [`Action`], `0..n_actions`, the exit included where there is one |
//! | backward actions | [`BackwardAction`], `0..n_backward_actions`; a step answers with the one that leads back |
//! | exit edge | its only parent is the same object not exited; backward index 0 is allowed there and no other, so that `log P_B = 0` |
//! | objects of fixed size | no exit: a state is terminal when it is complete |
//! | masks | `true` is allowed; all `false` forward at a terminal state, and backward at the source |
//! | lengths | `max_len` counts edges, the exit edge included |
//! | encoding | [`Features`], sparse rows; distinct among non-terminal states, and among terminal states |
//! | rewards | natural logarithms in f64, everywhere; a reward of zero is `-inf` and [`checked_log_reward`] refuses it |
//! | randomness | [`Streams`], keyed by seed, purpose, step and lane; the words are part of the interface |
//! | trajectories | [`Trajectories`], ragged and flat, never padded |
//! | exact answers | [`StateGraph`], states in topological order, f64 |
//!
//! # What is here
//!
//! - [`hypergrid`], [`bit_sequence`], [`tfbind8`], [`set`], [`sequence`], [`peptide`], [`parentheses`], [`bag`],
//!   [`antimicrobial_peptide`], [`deceptive_grid`], [`multi_objective_grid`], [`bayesian_network`], [`ising`], [`phylogeny`] and [`listed_graph`], each
//!   with its rewards; [`Indexed`] makes any of them tabular,
//!   [`UniqueChildren`] gives each child one action
//! - [`Conditional`] has one graph for each condition; [`ConditionalReward`], [`TemperedReward`] and [`PreferenceReward`] are
//!   rewards under one
//! - [`guide`]: distributions over the trajectories into an object
//! - [`exact`]: terminal distribution of a policy, flows of a reward, the policy of the flows, `log Z`
//! - [`check_environment`] and [`check_enumerable`]: conformance of an environment
//!
//! # Examples
//!
//! Sample a trajectory from the exact flow policy of a small grid:
//!
//! ```
//! use gfn_env::rand::RngExt as _;
//! use gfn_env::{
//!     Action, Environment as _, Hypergrid, HypergridReward, Purpose, StateGraph, Streams, Trajectories,
//!     checked_log_reward,
//! };
//!
//! let grid = Hypergrid::new(2, 8)?;
//! let reward = HypergridReward::easy(&grid)?;
//!
//! // The forward policy that samples R(x)/Z, by dynamic programming.
//! let graph = StateGraph::explore(&grid, 10_000)?;
//! let flows = graph.log_flows_uniform(&graph.log_rewards(&reward)?);
//! let policy = graph.flow_policy_uniform(&flows);
//!
//! let mut rng = Streams::new(1).rng(Purpose::Rollout, 0, 0);
//! let mut state = grid.source();
//! let (mut states, mut actions, mut backward_actions) = (vec![state], vec![], vec![]);
//! while !grid.is_terminal(&state) {
//!     let i = graph.index_of(&state).ok_or("not a state of the grid")?;
//!     let row = &policy[i * grid.n_actions()..][..grid.n_actions()];
//!     let mut u: f64 = rng.random();
//!     let chosen = row.iter().position(|log_p| {
//!         u -= log_p.exp();
//!         u < 0.0
//!     });
//!     let action = chosen.map_or(grid.exit(), |a| Action(a as u32));
//!     backward_actions.push(grid.step(&mut state, action)?);
//!     actions.push(action);
//!     states.push(state);
//! }
//!
//! let mut log_reward = [0.0];
//! checked_log_reward(&reward, &[state], &mut log_reward)?;
//! let mut batch = Trajectories::new();
//! batch.push(states, &actions, &backward_actions, log_reward[0]);
//! batch.validate(&grid)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `serde`: serialisation of configurations, states and actions

mod action;
pub mod antimicrobial_peptide;
pub mod bag;
pub mod bayesian_network;
pub mod bit_sequence;
mod check;
mod conditional;
pub mod deceptive_grid;
mod energy;
mod environment;
mod error;
pub mod exact;
mod features;
pub mod guide;
pub mod hypergrid;
mod indexed;
pub mod ising;
pub mod listed_graph;
mod log_linear;
pub mod multi_objective_grid;
mod normal;
pub mod parentheses;
pub mod peptide;
pub mod phylogeny;
mod reward;
pub mod sequence;
pub mod set;
mod special;
mod streams;
mod substructure;
mod table;
pub mod tfbind8;
mod trajectories;
mod unique_children;

pub use action::{Action, BackwardAction};
pub use antimicrobial_peptide::{AntimicrobialClassifier, AntimicrobialReward};
pub use bag::{Bag, BagOrder, BagReward, BagRewardConfig, BagState};
pub use bayesian_network::{BayesianNetwork, BayesianNetworkReward, DagState};
pub use bit_sequence::{
    BitSequence, BitSequenceReward, BitSequenceState, BuildOrder, HammingReward,
};
pub use check::{CheckError, CheckReport, check_enumerable, check_environment};
pub use conditional::{
    Condition, ConditionSet, Conditional, ConditionalReward, ConditionalState, Objectives,
    PreferenceReward, TemperedReward, check_preference,
};
pub use deceptive_grid::{DeceptiveGrid, DeceptiveGridReward, DeceptiveGridRewardConfig};
pub use energy::{EnergyFn, PartialEnergy};
pub use environment::{Enumerable, Environment};
pub use error::{EnvironmentError, RewardError};
pub use exact::{ExactError, StateGraph, log_partition, target_distribution, total_variation};
pub use features::{FeatureRow, Features};
pub use guide::{Guide, SeenObjects, SubstructureGuide, SubstructureGuideConfig, UniformGuide};
pub use hypergrid::{Hypergrid, HypergridReward, HypergridRewardConfig, HypergridState};
pub use indexed::Indexed;
pub use ising::{IsingConfig, IsingReward};
pub use listed_graph::{ListedGraph, ListedGraphReward, NodeState};
pub use log_linear::{LogLinear, LogLinearReward};
pub use multi_objective_grid::{GridObjective, MultiObjectiveGridReward};
pub use normal::standard_normal;
pub use parentheses::{Parentheses, ParenthesesReward, ParenthesesRewardConfig, ParenthesesState};
pub use peptide::{Peptide, PeptideReward, PeptideRewardConfig, PeptideState};
pub use phylogeny::{ForestState, Phylogeny, PhylogenyReward};
pub use reward::{LogRewardFn, Reward, checked_log_reward};
pub use sequence::{Sequence, SequenceReward, SequenceRewardConfig, SequenceState};
pub use set::{Set, SetReward, SetRewardConfig, SetState};
pub use streams::{Purpose, Streams};
pub use substructure::Substructure;
pub use table::{Table, TableError};
pub use tfbind8::{TfBind8, TfBind8Reward, TfBind8RewardConfig, TfBind8State};
pub use trajectories::{Trajectories, TrajectoryError, TrajectoryRef, walk};
pub use unique_children::{ChildFeatures, ChildLayout, ChildRows, UniqueChildren};
pub use {rand, rand_chacha};
