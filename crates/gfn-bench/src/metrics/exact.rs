//! Exact distances between P_T and R/Z, by dynamic programming over the DAG.

use super::distance::{Distances, accuracy, mean_reward};
use super::statistics::spearman;
use super::{Figures, push};
use crate::problem::{Problem, StateOf};
use anyhow::{Context as _, Result};
use gfn_env::{Environment, ExactError, StateGraph, log_partition, target_distribution};
use gfn_policy::{HostPolicy, exact_terminal_distribution};

/// The explored DAG of a problem with its target.
#[derive(Debug)]
pub struct ExactTarget<S> {
    graph: StateGraph<S>,
    log_rewards: Vec<f64>,
    rewards: Vec<f64>,
    target: Vec<f64>,
    log_z: f64,
}

impl<S: Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync> ExactTarget<S> {
    /// Explores `problem`, or `None` where its DAG has more than `max_states` states.
    ///
    /// # Errors
    ///
    /// If the environment is wrong (a cycle, masks and steps that disagree) or the reward fails.
    pub fn explore<P: Problem>(problem: &P, max_states: usize) -> Result<Option<Self>>
    where
        P::Environment: Environment<State = S>,
    {
        Self::explore_from(problem, problem.environment(), max_states)
    }

    /// The same from the source of `environment`, that of `problem` under a condition.
    ///
    /// # Errors
    ///
    /// As [`ExactTarget::explore`].
    pub fn explore_from<P: Problem>(
        problem: &P,
        environment: &P::Environment,
        max_states: usize,
    ) -> Result<Option<Self>>
    where
        P::Environment: Environment<State = S>,
    {
        if max_states == 0 {
            return Ok(None);
        }
        let graph = match StateGraph::explore(environment, max_states) {
            Ok(graph) => graph,
            Err(ExactError::TooManyStates { .. }) => return Ok(None),
            Err(error) => return Err(error).context("cannot enumerate the environment"),
        };
        let log_rewards = graph
            .log_rewards(problem.reward())
            .context("cannot evaluate the reward everywhere")?;
        Ok(Some(Self::new(graph, log_rewards)))
    }

    fn new(graph: StateGraph<S>, log_rewards: Vec<f64>) -> Self {
        Self {
            rewards: log_rewards.iter().map(|l| l.exp()).collect(),
            target: target_distribution(&log_rewards),
            log_z: log_partition(&log_rewards),
            log_rewards,
            graph,
        }
    }

    /// The same with rewards `R(x)·P_{0,T}(x)`, the target of relative trajectory balance against `prior`; none is uniform
    /// over the allowed actions.
    ///
    /// # Errors
    ///
    /// If the prior's probabilities do not sum to one.
    pub fn relative_to<P: Problem>(
        self,
        problem: &P,
        prior: Option<&dyn HostPolicy>,
    ) -> Result<Self>
    where
        P::Environment: Environment<State = S>,
    {
        let prior = match prior {
            Some(prior) => self.learned(problem, prior).context("the prior")?,
            None => uniform_terminal_distribution(problem.environment(), &self.graph)?,
        };
        let pairs = self.log_rewards.iter().zip(&prior);
        let log_rewards = pairs.map(|(log_r, p)| log_r + p.ln()).collect();
        Ok(Self::new(self.graph, log_rewards))
    }

    /// The DAG.
    pub fn graph(&self) -> &StateGraph<S> {
        &self.graph
    }

    /// `R/Z`, aligned with the graph's terminal states.
    pub fn target(&self) -> &[f64] {
        &self.target
    }

    /// `log Z`.
    pub fn log_z(&self) -> f64 {
        self.log_z
    }

    /// Number of a terminal state among [`ExactTarget::target`].
    pub fn terminal_index(&self, terminal: &S) -> Option<u32> {
        let state = self.graph.index_of(terminal)?;
        self.graph
            .terminals()
            .binary_search(&state)
            .ok()
            .map(|i| i as u32)
    }

    /// `Σ R² / Z`, the mean reward of a perfect sampler.
    pub fn mean_reward(&self) -> f64 {
        mean_reward(&self.target, &self.rewards)
    }

    /// P_T of `policy`, aligned with the graph's terminal states.
    ///
    /// # Errors
    ///
    /// If the policy's probabilities do not sum to one.
    pub fn learned<P: Problem>(&self, problem: &P, policy: &dyn HostPolicy) -> Result<Vec<f64>>
    where
        P::Environment: Environment<State = S>,
    {
        exact_terminal_distribution(problem.environment(), &self.graph, policy)
            .context("the policy gives no distribution")
    }

    /// Figures of the distribution `learned`.
    ///
    /// - `exact.tv` = ½ Σ|p − q|, `exact.l1_sum` = Σ|p − q|, `exact.l1_mean` = Σ|p − q| / n
    /// - `exact.kl_forward` = `KL(R/Z ‖ P_T)`, `exact.kl_reverse` = `KL(P_T ‖ R/Z)`, `exact.jsd` (natural logarithm)
    /// - `exact.spearman` of log P_T and log R over all objects, `exact.accuracy` and `exact.mean_reward`
    pub fn figures(&self, learned: &[f64]) -> Figures {
        let mut figures = Figures::new();
        let d = Distances::between(learned, &self.target);
        for (name, value) in [
            ("exact.tv", d.total_variation),
            ("exact.l1_sum", d.l1_sum),
            ("exact.l1_mean", d.l1_mean),
            ("exact.kl_forward", d.kl_forward),
            ("exact.kl_reverse", d.kl_reverse),
            ("exact.jsd", d.jensen_shannon),
            ("exact.spearman", spearman(learned, &self.log_rewards)),
            ("exact.mean_reward", mean_reward(learned, &self.rewards)),
            (
                "exact.accuracy",
                accuracy(learned, &self.target, &self.rewards),
            ),
        ] {
            push(&mut figures, name, value);
        }
        figures
    }
}

/// P_T of the policy that is uniform over the allowed actions.
fn uniform_terminal_distribution<E: Environment>(
    env: &E,
    graph: &StateGraph<E::State>,
) -> Result<Vec<f64>> {
    let mut allowed = vec![false; env.n_actions()];
    let distribution = graph.terminal_distribution(|states, log_probabilities| {
        let rows = log_probabilities.chunks_exact_mut(allowed.len());
        for (state, row) in states.iter().zip(rows) {
            env.forward_mask(state, &mut allowed);
            let n = allowed.iter().filter(|ok| **ok).count() as f64;
            row.fill(-n.ln());
        }
    });
    Ok(distribution?)
}

/// Alias for the target of a problem.
pub type TargetOf<P> = ExactTarget<StateOf<P>>;
