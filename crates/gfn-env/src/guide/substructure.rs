//! The guide by substructures.

use super::{Guide, SeenObject, SeenObjects, sums};
use crate::{Action, EnvironmentError, Substructure, Trajectories, log_partition};

/// Parameters of a [`SubstructureGuide`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct SubstructureGuideConfig {
    /// The power `T` of a score: 1, or 3 in the paper's experiments on TFBind8.
    pub temperature: f64,
    /// Share of a uniform choice in each step, in (0, 1].
    pub uniform_share: f64,
    /// Objects that are kept, at least 1.
    pub capacity: usize,
}

impl Default for SubstructureGuideConfig {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            uniform_share: 0.01,
            capacity: 1000,
        }
    }
}

impl SubstructureGuideConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// If one is out of range.
    pub fn validate(&self) -> Result<(), EnvironmentError> {
        let Self {
            temperature,
            uniform_share,
            capacity,
        } = *self;
        if !(temperature >= 0.0 && temperature.is_finite()) {
            let requirement = "it must be finite and not negative";
            return Err(EnvironmentError::invalid_parameter(
                "temperature",
                &temperature,
                requirement,
            ));
        }
        if !(uniform_share > 0.0 && uniform_share <= 1.0) {
            let requirement =
                "it must be above 0 and at most 1, so that no trajectory has probability 0";
            return Err(EnvironmentError::invalid_parameter(
                "uniform_share",
                &uniform_share,
                requirement,
            ));
        }
        if capacity == 0 {
            let requirement = "it must be at least 1";
            return Err(EnvironmentError::invalid_parameter(
                "capacity",
                &capacity,
                requirement,
            ));
        }
        Ok(())
    }
}

/// Ways to an object by the parts that it shares with rewarding objects.
///
/// With the objects `X` that were seen, a state scores `φ(s) = mean {R(y) : y ∈ X∖{x}, s ⊂ y}`, 0 where no such `y` is
/// known. From a state, the children that are parts of `x` are chosen with
/// `p(s' | s, x) = (1 − μ)·φ(s')^T / Σ φ^T + μ/n`, the sum over these `n` children; where all of them score 0, uniformly.
/// Each of them lies on a way to `x`, so that the product over a path is a distribution over the paths to `x`.
///
/// # References
///
/// Shen et al. (2023), *Towards understanding and improving GFlowNet training*, <https://arxiv.org/abs/2305.07170>. The share
/// `μ` is not in the paper: without it a path through a part that no other object has would have probability 0, and its
/// loss would be infinite.
#[derive(Clone, Debug)]
pub struct SubstructureGuide<E> {
    env: E,
    config: SubstructureGuideConfig,
}

/// A child of a state with the natural logarithm of its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct GuidedChild<S> {
    /// The child.
    pub state: S,
    /// `log p(child | state, object)`.
    pub log_prob: f64,
}

impl<E: Substructure> SubstructureGuide<E> {
    /// A guide on `env`.
    ///
    /// # Errors
    ///
    /// See [`SubstructureGuideConfig::validate`].
    pub fn new(env: E, config: SubstructureGuideConfig) -> Result<Self, EnvironmentError> {
        config.validate()?;
        Ok(Self { env, config })
    }

    /// The distinct children of `state` on the ways to `object`, with their probabilities; none at `object` itself.
    ///
    /// # Errors
    ///
    /// If the environment refuses an action that its mask allows.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_env::guide::{SeenObjects, SubstructureGuide, SubstructureGuideConfig};
    /// use gfn_env::{Environment as _, Hypergrid};
    ///
    /// let grid = Hypergrid::new(2, 4)?;
    /// let guide = SubstructureGuide::new(grid, SubstructureGuideConfig::default())?;
    /// let object = grid.exited_cell(&[2, 1])?;
    /// let children = guide.children(&object, &grid.source(), &SeenObjects::new(10))?;
    /// // Down and right; nothing was seen, so that both are as likely.
    /// assert_eq!(children.len(), 2);
    /// assert_eq!(children[0].log_prob, 0.5f64.ln());
    /// # Ok::<(), gfn_env::EnvironmentError>(())
    /// ```
    pub fn children(
        &self,
        object: &E::State,
        state: &E::State,
        seen: &SeenObjects<E::State>,
    ) -> Result<Vec<GuidedChild<E::State>>, EnvironmentError> {
        let others: Vec<_> = seen.iter().filter(|other| other.state != *object).collect();
        self.children_among(object, state, &others)
    }

    fn children_among(
        &self,
        object: &E::State,
        state: &E::State,
        others: &[&SeenObject<E::State>],
    ) -> Result<Vec<GuidedChild<E::State>>, EnvironmentError> {
        let mut allowed = vec![false; self.env.n_actions()];
        self.env.forward_mask(state, &mut allowed);
        let mut children: Vec<E::State> = Vec::new();
        for action in (0..allowed.len()).filter(|&a| allowed[a]) {
            let mut child = state.clone();
            self.env.step(&mut child, Action(action as u32))?;
            if self.env.contains(object, &child) && !children.contains(&child) {
                children.push(child);
            }
        }
        let scores: Vec<f64> = children
            .iter()
            .map(|child| self.log_score(child, others))
            .collect();
        let total = log_partition(&scores);
        let n = children.len() as f64;
        let share = self.config.uniform_share;
        let probability = |log_score: f64| {
            if total == f64::NEG_INFINITY {
                1.0 / n
            } else {
                (1.0 - share) * (log_score - total).exp() + share / n
            }
        };
        let probabilities: Vec<f64> = scores.into_iter().map(probability).collect();
        Ok(children
            .into_iter()
            .zip(probabilities)
            .map(|(state, p)| GuidedChild {
                state,
                log_prob: p.ln(),
            })
            .collect())
    }

    /// `T·log φ(part)`, `-inf` where none of `others` has the part.
    fn log_score(&self, part: &E::State, others: &[&SeenObject<E::State>]) -> f64 {
        let having = others.iter().filter(|y| self.env.contains(&y.state, part));
        let log_rewards: Vec<f64> = having.map(|y| y.log_reward).collect();
        if log_rewards.is_empty() {
            return f64::NEG_INFINITY;
        }
        let log_mean = log_partition(&log_rewards) - (log_rewards.len() as f64).ln();
        self.config.temperature * log_mean
    }
}

impl<E: Substructure> Guide<E::State> for SubstructureGuide<E> {
    fn log_probs(
        &self,
        trajectories: &Trajectories<E::State>,
        seen: &SeenObjects<E::State>,
    ) -> Result<Vec<f64>, EnvironmentError> {
        let edges = self.log_edge_probs(trajectories, seen)?;
        Ok(sums(trajectories, &edges))
    }

    fn log_edge_probs(
        &self,
        trajectories: &Trajectories<E::State>,
        seen: &SeenObjects<E::State>,
    ) -> Result<Vec<f64>, EnvironmentError> {
        let mut log_probs = Vec::with_capacity(trajectories.n_transitions());
        for (b, trajectory) in trajectories.iter().enumerate() {
            let object = trajectories.terminal(b);
            let mut others: Vec<_> = seen.iter().filter(|y| y.state != *object).collect();
            for edge in trajectory.states.windows(2) {
                // What lacks a part lacks whatever is built on it.
                others.retain(|y| self.env.contains(&y.state, &edge[0]));
                let children = self.children_among(object, &edge[0], &others)?;
                let taken = children.iter().find(|child| child.state == edge[1]);
                log_probs.push(taken.map_or(f64::NEG_INFINITY, |child| child.log_prob));
            }
        }
        Ok(log_probs)
    }

    fn capacity(&self) -> usize {
        self.config.capacity
    }
}
