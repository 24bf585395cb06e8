//! State flows of a reward and a backward policy, and the forward policy they induce.

use std::{fmt::Debug, hash::Hash};

use super::{DEFAULT_CHUNK, ExactError, StateGraph, log_partition};

impl<S: Clone + Eq + Hash + Debug + Send + Sync> StateGraph<S> {
    /// `log F(s)` of every state, `[len]`, for the backward policy that is uniform over the parents.
    ///
    /// See [`log_flows`](Self::log_flows).
    ///
    /// # Panics
    ///
    /// If `log_rewards` is not aligned with [`terminals`](Self::terminals).
    pub fn log_flows_uniform(&self, log_rewards: &[f64]) -> Vec<f64> {
        self.flows_from(log_rewards, &self.uniform_backward())
    }

    /// `log F(s)` of every state, `[len]`: `F(x) = R(x)` at terminal states, `F(s) = Σ_{s'} F(s')·P_B(s | s')` elsewhere.
    ///
    /// `F(source) = Z` whatever the backward policy is. A state from which no reward can be reached has `-inf`.
    ///
    /// `backward` is called with consecutive states, at most [`DEFAULT_CHUNK`] of them, terminal ones included and the
    /// source left out, and writes natural-log probabilities row-major, `[chunk, n_backward_actions]`. Entries of
    /// forbidden actions are ignored.
    ///
    /// # Errors
    ///
    /// [`ExactError::NotNormalised`] where the allowed probabilities of a state miss 1 by more than 1e-3, NaN included.
    ///
    /// # Panics
    ///
    /// If `log_rewards` is not aligned with [`terminals`](Self::terminals).
    pub fn log_flows<F>(&self, log_rewards: &[f64], backward: F) -> Result<Vec<f64>, ExactError>
    where
        F: FnMut(&[S], &mut [f64]),
    {
        Ok(self.flows_from(log_rewards, &self.edge_log_probs(backward)?))
    }

    /// The forward policy of the flows [`log_flows_uniform`](Self::log_flows_uniform), `[len, n_actions]`.
    ///
    /// See [`flow_policy`](Self::flow_policy).
    ///
    /// # Panics
    ///
    /// If `log_flows` does not have one entry per state.
    pub fn flow_policy_uniform(&self, log_flows: &[f64]) -> Vec<f64> {
        self.policy_from(log_flows, &self.uniform_backward())
    }

    /// The forward policy that flows and a backward policy induce, as natural-log probabilities, `[len, n_actions]`:
    /// `log P_F(s' | s) = log F(s') + log P_B(s | s') − log F(s)`.
    ///
    /// Forbidden actions, and all actions of terminal states, have `-inf`. A state of no flow is never visited by this
    /// policy; it gets the uniform policy, so that every row of a non-terminal state is a distribution. `backward` is
    /// called as in [`log_flows`](Self::log_flows), and has to be the policy of `log_flows`.
    ///
    /// # Errors
    ///
    /// [`ExactError::NotNormalised`] as in [`log_flows`](Self::log_flows).
    ///
    /// # Panics
    ///
    /// If `log_flows` does not have one entry per state.
    pub fn flow_policy<F>(&self, log_flows: &[f64], backward: F) -> Result<Vec<f64>, ExactError>
    where
        F: FnMut(&[S], &mut [f64]),
    {
        Ok(self.policy_from(log_flows, &self.edge_log_probs(backward)?))
    }

    /// `log P_B` of each edge for the uniform backward policy.
    fn uniform_backward(&self) -> Vec<f64> {
        self.edges
            .iter()
            .map(|e| -(self.n_parents(e.child as usize) as f64).ln())
            .collect()
    }

    /// `log P_B` of each edge.
    fn edge_log_probs<F>(&self, mut backward: F) -> Result<Vec<f64>, ExactError>
    where
        F: FnMut(&[S], &mut [f64]),
    {
        let mut log_probs = vec![f64::NAN; self.edges.len()];
        let mut buffer = Vec::new();
        let mut first = 1;
        for states in self.states[1..].chunks(DEFAULT_CHUNK) {
            buffer.clear();
            buffer.resize(states.len() * self.n_backward_actions, f64::NAN);
            backward(states, &mut buffer);
            for (i, row) in (first..).zip(buffer.chunks(self.n_backward_actions)) {
                let mut total = 0.0;
                for &edge in self.incoming_edges(i) {
                    let edge = edge as usize;
                    let log_prob = row[self.edges[edge].backward_action as usize];
                    log_probs[edge] = log_prob;
                    total += log_prob.exp();
                }
                self.check_mass(i, total)?;
            }
            first += states.len();
        }
        Ok(log_probs)
    }

    fn flows_from(&self, log_rewards: &[f64], log_pb: &[f64]) -> Vec<f64> {
        assert_eq!(
            log_rewards.len(),
            self.terminals.len(),
            "one log-reward per terminal state"
        );
        let mut flows = vec![f64::NEG_INFINITY; self.n_non_terminal];
        flows.extend_from_slice(log_rewards);
        let mut terms = Vec::new();
        for i in (0..self.n_non_terminal).rev() {
            let start = self.edge_offsets[i];
            terms.clear();
            terms.extend(
                self.raw_edges(i)
                    .iter()
                    .zip(&log_pb[start..])
                    .map(|(e, pb)| flows[e.child as usize] + pb),
            );
            flows[i] = log_partition(&terms);
        }
        flows
    }

    fn policy_from(&self, log_flows: &[f64], log_pb: &[f64]) -> Vec<f64> {
        assert_eq!(log_flows.len(), self.len(), "one log-flow per state");
        let mut table = vec![f64::NEG_INFINITY; self.len() * self.n_actions];
        for i in 0..self.n_non_terminal {
            let edges = self.raw_edges(i);
            let uniform = -(edges.len() as f64).ln();
            let row = &mut table[i * self.n_actions..][..self.n_actions];
            for (e, pb) in edges.iter().zip(&log_pb[self.edge_offsets[i]..]) {
                row[e.action as usize] = if log_flows[i] == f64::NEG_INFINITY {
                    uniform
                } else {
                    log_flows[e.child as usize] + pb - log_flows[i]
                };
            }
        }
        table
    }
}
