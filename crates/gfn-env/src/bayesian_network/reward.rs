//! The reward of Bayesian-network structures: [`BayesianNetworkReward`].

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::{BayesianNetwork, DagPosterior, DagState, StructurePrior};
use crate::{EnvironmentError, Reward, RewardError};

/// Most nodes for which every local score is computed at once, `d·2^{d−1}` of them.
pub(super) const MAX_TABULATED: usize = 12;

/// `log P(x_j ∣ x_P)`, the term of a node in a score that is a sum over nodes.
pub trait LocalScore: Send + Sync + fmt::Debug {
    /// `d`, the number of nodes.
    fn n_nodes(&self) -> usize;

    /// The term of `node` whose parents are the bits of `parents`; `node` is not among them.
    fn local_score(&self, node: usize, parents: u32) -> f64;
}

/// What a graph's score is compared with; it changes `log Z` and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Baseline {
    /// The score of the graph without edges.
    #[default]
    EmptyGraph,
    /// The score and prior of the best graph: no log-reward is positive and one is 0, so that rewards do not overflow where
    /// there are many observations, and `log Z` is small. At most 12 nodes.
    BestGraph,
    /// 0.
    None,
}

/// Private index from a node and its parents to the local score.
#[expect(clippy::disallowed_types, reason = "a private cache, never iterated")]
type Cache = std::collections::HashMap<(u8, u32), f64>;

/// Local scores: all of them, made when the first is asked for, or those that were asked for.
#[derive(Debug)]
enum Memory {
    /// Entry `node·2^d + parents`.
    Table(OnceLock<Vec<f64>>),
    Cache(RwLock<Cache>),
}

#[derive(Debug)]
struct Inner {
    env: BayesianNetwork,
    score: Box<dyn LocalScore>,
    /// Term of the prior by the number of parents.
    prior: Vec<f64>,
    memory: Memory,
    baseline: Baseline,
    /// The value of the baseline.
    offset: OnceLock<f64>,
}

/// `log R(G) = log P(D ∣ G) + log P(G) − baseline`, a sum over nodes that are scored once for each set of parents.
///
/// # Examples
///
/// ```
/// use gfn_env::bayesian_network::{Baseline, BgeScore, LinearGaussian, StructurePrior};
/// use gfn_env::{BayesianNetwork, BayesianNetworkReward};
///
/// let drawn = LinearGaussian::published(4, 0).draw()?;
/// let score = BgeScore::new(&drawn.data, 1.0, 2.0)?;
/// let prior = StructurePrior::Uniform {};
/// let reward = BayesianNetworkReward::new(Box::new(score), prior, Baseline::EmptyGraph)?;
/// let empty = BayesianNetwork::new(4)?.object(&[])?;
/// assert_eq!(reward.log_score(&empty), 0.0);
/// # Ok::<(), gfn_env::EnvironmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BayesianNetworkReward {
    inner: Arc<Inner>,
}

impl BayesianNetworkReward {
    /// The reward of the graphs over the nodes of `score`.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::InvalidParameter`] for fewer than 2 or more than 32 nodes, what the prior refuses, and
    /// [`Baseline::BestGraph`] with more than 12 nodes.
    pub fn new(
        score: Box<dyn LocalScore>,
        prior: StructurePrior,
        baseline: Baseline,
    ) -> Result<Self, EnvironmentError> {
        let d = score.n_nodes();
        let env = BayesianNetwork::new(d)?;
        let prior = prior.by_number_of_parents(d)?;
        let memory = if d <= MAX_TABULATED {
            Memory::Table(OnceLock::new())
        } else if baseline == Baseline::BestGraph {
            return Err(EnvironmentError::invalid_parameter(
                "baseline",
                &baseline,
                "it needs all sets of parents, which are listed for at most 12 nodes: use \"empty-graph\"",
            ));
        } else {
            Memory::Cache(RwLock::default())
        };
        let inner = Inner {
            env,
            score,
            prior,
            memory,
            baseline,
            offset: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The environment of the graphs.
    pub fn environment(&self) -> BayesianNetwork {
        self.inner.env
    }

    /// `log P(D ∣ G) + log P(G)` of one node, the prior up to a constant.
    ///
    /// # Panics
    ///
    /// If `node` is not below `d`, or among its parents.
    pub fn term(&self, node: usize, parents: u32) -> f64 {
        self.inner.term(node, parents)
    }

    /// `log R` of a graph, complete or not.
    pub fn log_score(&self, state: &DagState) -> f64 {
        let nodes = 0..self.inner.env.n_nodes();
        let terms = nodes.map(|node| self.inner.term(node, state.parents(node)));
        terms.sum::<f64>() - self.inner.offset()
    }

    /// What the edge `from → to` adds to `log R`: the difference of two terms of one node.
    ///
    /// # Panics
    ///
    /// If a node is not below `d`, or both are the same.
    pub fn delta(&self, state: &DagState, from: usize, to: usize) -> f64 {
        let parents = state.parents(to);
        self.inner.term(to, parents | 1 << from) - self.inner.term(to, parents)
    }

    /// The exact posterior, for at most 12 nodes.
    pub fn posterior(&self) -> Option<DagPosterior> {
        self.tempered_posterior(1.0)
    }

    /// The distribution in proportion to `R^power`, for at most 12 nodes; its `log Z` is that of the same baseline.
    pub fn tempered_posterior(&self, power: f64) -> Option<DagPosterior> {
        let d = self.inner.env.n_nodes();
        let Memory::Table(table) = &self.inner.memory else {
            return None;
        };
        let mut terms = self.inner.table(table).to_vec();
        for (i, term) in terms.iter_mut().enumerate() {
            let parents = (i & ((1 << d) - 1)) as u32;
            let prior = self.inner.prior.get(parents.count_ones() as usize);
            // A node is never its own parent: that entry stays NaN.
            *term = power * (*term + prior.copied().unwrap_or(f64::NAN));
        }
        Some(DagPosterior::new(d, terms, power * self.inner.offset()))
    }
}

impl Inner {
    /// The value of the baseline.
    fn offset(&self) -> f64 {
        let nodes = 0..self.env.n_nodes();
        *self.offset.get_or_init(|| match self.baseline {
            Baseline::None => 0.0,
            Baseline::EmptyGraph => nodes.map(|node| self.term(node, 0)).sum(),
            Baseline::BestGraph => self.best_score(),
        })
    }

    /// The largest `Σ_j term(j, P_j)` of all graphs, by dynamic programming over sets of nodes (Silander and Myllymäki, 2006):
    /// the best graph on some nodes has a node without children, with the best of its parents among the others.
    fn best_score(&self) -> f64 {
        let d = self.env.n_nodes();
        let mut best = vec![f64::NEG_INFINITY; 1 << d];
        best[0] = 0.0;
        // The best term of each node whose parents are among a set.
        let mut terms = vec![vec![f64::NEG_INFINITY; 1 << d]; d];
        for set in 0..1_usize << d {
            for (node, terms) in terms.iter_mut().enumerate() {
                if set >> node & 1 == 1 {
                    continue;
                }
                let smaller = (0..d).filter(|i| set >> i & 1 == 1);
                let inherited = smaller.map(|i| terms[set ^ 1 << i]);
                let own = self.term(node, set as u32);
                terms[set] = inherited.fold(own, f64::max);
                let with = set | 1 << node;
                best[with] = f64::max(best[with], best[set] + terms[set]);
            }
        }
        best[(1 << d) - 1]
    }

    /// The sets that do not have `node`.
    fn parent_sets(&self, node: usize) -> impl Iterator<Item = u32> + use<> {
        (0..1_u32 << self.env.n_nodes()).filter(move |parents| parents >> node & 1 == 0)
    }

    /// All local scores.
    fn table<'a>(&self, table: &'a OnceLock<Vec<f64>>) -> &'a [f64] {
        table.get_or_init(|| {
            let d = self.env.n_nodes();
            let mut table = vec![f64::NAN; d << d];
            for node in 0..d {
                for parents in self.parent_sets(node) {
                    table[node << d | parents as usize] = self.score.local_score(node, parents);
                }
            }
            table
        })
    }

    fn term(&self, node: usize, parents: u32) -> f64 {
        self.local_score(node, parents) + self.prior[parents.count_ones() as usize]
    }

    fn local_score(&self, node: usize, parents: u32) -> f64 {
        let d = self.env.n_nodes();
        assert!(
            node < d && parents >> node & 1 == 0,
            "node {node} with parents {parents:b}"
        );
        match &self.memory {
            Memory::Table(table) => self.table(table)[node << d | parents as usize],
            Memory::Cache(cache) => {
                let key = (node as u8, parents);
                // A thread that panicked left the map whole: every entry is written at once.
                let read = cache.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(score) = read.get(&key) {
                    return *score;
                }
                drop(read);
                let score = self.score.local_score(node, parents);
                let mut write = cache.write().unwrap_or_else(PoisonError::into_inner);
                write.insert(key, score);
                score
            }
        }
    }
}

impl Reward<DagState> for BayesianNetworkReward {
    /// Graphs that have not stopped have no reward: their entry is NaN.
    fn log_reward(&self, terminals: &[DagState], out: &mut [f64]) -> Result<(), RewardError> {
        for (state, o) in terminals.iter().zip(out) {
            *o = if state.has_stopped() {
                self.log_score(state)
            } else {
                f64::NAN
            };
        }
        Ok(())
    }
}
