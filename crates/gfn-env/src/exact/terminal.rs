//! The distribution over terminal states of a forward policy.

use std::{fmt::Debug, hash::Hash};

use super::{DEFAULT_CHUNK, ExactError, MASS_TOLERANCE, StateGraph};

impl<S: Clone + Eq + Hash + Debug + Send + Sync> StateGraph<S> {
    /// `P_T(x) = Σ_{τ → x} Π_t P_F(s_{t+1} | s_t)` of each terminal state, aligned with
    /// [`terminals`](Self::terminals).
    ///
    /// `policy` is called with consecutive non-terminal states, at most [`DEFAULT_CHUNK`] of them, and writes natural-log
    /// probabilities row-major, `[chunk, n_actions]`. Entries of forbidden actions are ignored. Nothing is
    /// renormalised: the answer sums to 1 as nearly as the rows of the policy do.
    ///
    /// # Errors
    ///
    /// [`ExactError::NotNormalised`] where the allowed probabilities of a state miss 1 by more than 1e-3, NaN included.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_env::exact::StateGraph;
    /// use gfn_env::{Environment as _, Hypergrid};
    ///
    /// let grid = Hypergrid::new(1, 2)?;
    /// let graph = StateGraph::explore(&grid, 10)?;
    /// // Two actions at the source (step, exit), only the exit at the far end.
    /// let p = graph.terminal_distribution(|states, log_probs| {
    ///     for (state, row) in states.iter().zip(log_probs.chunks_mut(2)) {
    ///         row.fill(if state.coordinates() == [0] { 0.5f64.ln() } else { 0.0 });
    ///     }
    /// })?;
    /// assert!(p.iter().all(|p| (p - 0.5).abs() < 1e-12));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn terminal_distribution<F>(&self, policy: F) -> Result<Vec<f64>, ExactError>
    where
        F: FnMut(&[S], &mut [f64]),
    {
        self.terminal_distribution_chunked(DEFAULT_CHUNK, policy)
    }

    /// As [`terminal_distribution`](Self::terminal_distribution), with chunks of at most `chunk` states.
    ///
    /// # Errors
    ///
    /// As [`terminal_distribution`](Self::terminal_distribution).
    ///
    /// # Panics
    ///
    /// If `chunk` is 0.
    pub fn terminal_distribution_chunked<F>(
        &self,
        chunk: usize,
        mut policy: F,
    ) -> Result<Vec<f64>, ExactError>
    where
        F: FnMut(&[S], &mut [f64]),
    {
        let mut mass = vec![0.0; self.len()];
        mass[0] = 1.0;
        let mut buffer = Vec::new();
        let mut first = 0;
        for states in self.states[..self.n_non_terminal].chunks(chunk) {
            // What the policy does not write must not pass for a probability.
            buffer.clear();
            buffer.resize(states.len() * self.n_actions, f64::NAN);
            policy(states, &mut buffer);
            for (i, row) in (first..).zip(buffer.chunks(self.n_actions)) {
                let mut total = 0.0;
                for e in self.raw_edges(i) {
                    let p = row[e.action as usize].exp();
                    total += p;
                    // The edges lead forward in the order, so mass[i] is complete here.
                    mass[e.child as usize] += mass[i] * p;
                }
                self.check_mass(i, total)?;
            }
            first += states.len();
        }
        Ok(mass.split_off(self.n_non_terminal))
    }

    /// As [`terminal_distribution`](Self::terminal_distribution), for a table of natural-log probabilities of all
    /// states, `[len, n_actions]`, such as [`flow_policy`](Self::flow_policy) makes; rows of terminal states are ignored.
    ///
    /// # Errors
    ///
    /// As [`terminal_distribution`](Self::terminal_distribution).
    ///
    /// # Panics
    ///
    /// If `table` has fewer than `n_non_terminal` rows.
    pub fn terminal_distribution_of_table(&self, table: &[f64]) -> Result<Vec<f64>, ExactError> {
        let mut rest = table;
        self.terminal_distribution(|_, out| {
            let (rows, later) = rest.split_at(out.len());
            out.copy_from_slice(rows);
            rest = later;
        })
    }

    /// Refuses a row of probabilities that does not sum to 1.
    pub(super) fn check_mass(&self, i: usize, mass: f64) -> Result<(), ExactError> {
        if (mass - 1.0).abs() <= MASS_TOLERANCE {
            return Ok(());
        }
        Err(ExactError::NotNormalised {
            state: format!("{:?}", self.states[i]),
            mass,
        })
    }
}
