//! Conformance checks for environments: [`check_environment`] and [`check_enumerable`].
//!
//! An environment that passes can be trained on: its masks and its steps agree, every edge can be walked in both
//! directions, no trajectory is longer than promised, and no two states that a policy has to tell apart look the same.
//! The checks walk at random, forward from the source and backward from the terminal states reached; on a small
//! environment a few hundred walks see everything.

mod error;

use std::{collections::BTreeMap, fmt::Debug};

use rand::{Rng, RngExt as _};

pub use error::CheckError;

use crate::{Action, BackwardAction, Enumerable, Environment, Features, Purpose, Streams};

/// What [`check_environment`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Forward walks, and as many backward ones.
    pub n_walks: usize,
    /// Distinct states visited.
    pub n_states: usize,
    /// Distinct terminal states visited.
    pub n_terminals: usize,
    /// Edges of the longest walk.
    pub longest_walk: usize,
    /// Entries of the longest encoding.
    pub longest_row: usize,
}

const FORWARD: &str = "forward";
const BACKWARD: &str = "backward";

/// Walks `env` forward and backward `n_walks` times at random, and tests at every state visited that
///
/// - the masks allow exactly the actions that the steps accept; a refused step, and one out of range, changes nothing;
/// - the action that a step answers with is in range and leads back, along the same edge, in both directions;
/// - the source has no parents and every other state has one; a terminal state has no children and every other has one;
/// - no walk has more than `max_len` edges, and a backward walk ends at the source;
/// - feature indices are in range, and distinct states have distinct encodings: non-terminal states among themselves, and
///   terminal states among themselves (an exited state may look like its parent, see [`Environment::encode`]).
///
/// Walk `i` is drawn from the stream `(Check, i, 0)` of `streams`.
///
/// # Errors
///
/// [`CheckError`] for the first disagreement; it names the state, the action and what disagreed.
pub fn check_environment<E: Environment>(
    env: &E,
    n_walks: usize,
    streams: Streams,
) -> Result<CheckReport, CheckError> {
    let mut checker = Checker::new(env);
    for walk in 0..n_walks {
        let mut rng = streams.rng(Purpose::Check, walk as u32, 0);
        let terminal = checker.walk_forward(&mut rng)?;
        checker.walk_backward(terminal, &mut rng)?;
    }
    Ok(CheckReport {
        n_walks,
        n_states: checker.seen[0].len() + checker.seen[1].len(),
        n_terminals: checker.seen[1].len(),
        longest_walk: checker.longest_walk,
        longest_row: checker.longest_row,
    })
}

/// Tests every listed terminal state: `index_of(terminal(i)) = Some(i)`, it is terminal, and a backward walk from it
/// reaches the source; on the way `index_of` is `None`.
///
/// Walk `i` is drawn from the stream `(Check, i, 1)` of `streams`.
///
/// # Errors
///
/// [`CheckError`] for the first disagreement.
pub fn check_enumerable<E: Enumerable>(env: &E, streams: Streams) -> Result<(), CheckError> {
    let mut checker = Checker::new(env);
    for index in 0..env.n_terminal() {
        let state = env.terminal(index);
        if !env.is_terminal(&state) {
            return Err(CheckError::NotTerminal {
                index,
                state: text(&state),
            });
        }
        check_index(env, &state, Some(index))?;
        let mut rng = streams.rng(Purpose::Check, index as u32, 1);
        for parent in checker.walk_backward(state, &mut rng)? {
            check_index(env, &parent, None)?;
        }
    }
    Ok(())
}

fn check_index<E: Enumerable>(
    env: &E,
    state: &E::State,
    expected: Option<usize>,
) -> Result<(), CheckError> {
    let found = env.index_of(state);
    if found == expected {
        return Ok(());
    }
    Err(CheckError::Index {
        state: text(state),
        found,
        expected,
    })
}

fn text(state: &impl Debug) -> String {
    format!("{state:?}")
}

/// A sorted encoding; values by their bits, which are ordered.
type Encoding = Vec<(u32, u32)>;

struct Checker<'a, E: Environment> {
    env: &'a E,
    source: E::State,
    features: Features,
    /// Encodings seen: of non-terminal states, and of terminal states.
    seen: [BTreeMap<Encoding, E::State>; 2],
    longest_walk: usize,
    longest_row: usize,
}

impl<'a, E: Environment> Checker<'a, E> {
    fn new(env: &'a E) -> Self {
        Self {
            env,
            source: env.source(),
            // As wide as can be: an index out of range has to come back as an error, not as a panic.
            features: Features::new(usize::MAX),
            seen: [BTreeMap::new(), BTreeMap::new()],
            longest_walk: 0,
            longest_row: 0,
        }
    }

    fn walk_forward(&mut self, rng: &mut impl Rng) -> Result<E::State, CheckError> {
        let mut state = self.source.clone();
        let mut length = 0;
        loop {
            let allowed = self.visit(&state)?;
            if self.env.is_terminal(&state) {
                self.longest_walk = self.longest_walk.max(length);
                return Ok(state);
            }
            state = self.child(&state, allowed[rng.random_range(0..allowed.len())])?;
            length += 1;
            if length > self.env.max_len() {
                return Err(self.too_long(FORWARD, &state));
            }
        }
    }

    /// Answers with the states after the first.
    fn walk_backward(
        &mut self,
        start: E::State,
        rng: &mut impl Rng,
    ) -> Result<Vec<E::State>, CheckError> {
        let mut state = start;
        let mut path = Vec::new();
        self.visit(&state)?;
        while state != self.source {
            let allowed = self.backward_actions(&state);
            state = self.parent(&state, allowed[rng.random_range(0..allowed.len())])?;
            self.visit(&state)?;
            path.push(state.clone());
            if path.len() > self.env.max_len() {
                return Err(self.too_long(BACKWARD, &state));
            }
        }
        self.longest_walk = self.longest_walk.max(path.len());
        Ok(path)
    }

    fn too_long(&self, direction: &'static str, state: &E::State) -> CheckError {
        CheckError::TooLong {
            direction,
            state: text(state),
            max_len: self.env.max_len(),
        }
    }

    /// Tests everything about one state, and answers with its forward actions.
    fn visit(&mut self, state: &E::State) -> Result<Vec<u32>, CheckError> {
        let terminal = self.env.is_terminal(state);
        let forward = self.forward_actions(state);
        let backward = self.backward_actions(state);
        let rule = match (terminal, forward.is_empty()) {
            (true, false) => Some("a terminal state has none"),
            (false, true) => Some("a state that is not terminal has at least one"),
            _ => None,
        };
        self.mask_rule(FORWARD, state, forward.len(), rule)?;
        let rule = match (*state == self.source, backward.is_empty()) {
            (true, false) => Some("the source has none"),
            (false, true) => Some("a state that is not the source has at least one"),
            _ => None,
        };
        self.mask_rule(BACKWARD, state, backward.len(), rule)?;
        // One index beyond the range is tested too.
        for action in 0..=self.env.n_actions() as u32 {
            if forward.contains(&action) {
                self.child(state, action)?;
            } else {
                let mut copy = state.clone();
                let accepted = self.env.step(&mut copy, Action(action)).is_ok();
                Self::refused(FORWARD, state, action, accepted, &copy)?;
            }
        }
        for action in 0..=self.env.n_backward_actions() as u32 {
            if backward.contains(&action) {
                self.parent(state, action)?;
            } else {
                let mut copy = state.clone();
                let accepted = self
                    .env
                    .step_back(&mut copy, BackwardAction(action))
                    .is_ok();
                Self::refused(BACKWARD, state, action, accepted, &copy)?;
            }
        }
        self.encoding(state, terminal)?;
        Ok(forward)
    }

    fn mask_rule(
        &self,
        direction: &'static str,
        state: &E::State,
        n_allowed: usize,
        rule: Option<&'static str>,
    ) -> Result<(), CheckError> {
        match rule {
            None => Ok(()),
            Some(rule) => Err(CheckError::Mask {
                direction,
                state: text(state),
                n_allowed,
                rule,
            }),
        }
    }

    fn refused(
        direction: &'static str,
        state: &E::State,
        action: u32,
        accepted: bool,
        copy: &E::State,
    ) -> Result<(), CheckError> {
        let state_text = text(state);
        if accepted {
            return Err(CheckError::Accepted {
                direction,
                state: state_text,
                action,
            });
        }
        if copy != state {
            return Err(CheckError::ChangedOnError {
                direction,
                state: state_text,
                action,
                changed: text(copy),
            });
        }
        Ok(())
    }

    /// Takes an allowed action and tests that its answer leads back.
    fn child(&self, state: &E::State, action: u32) -> Result<E::State, CheckError> {
        let mut child = state.clone();
        let answer = self
            .env
            .step(&mut child, Action(action))
            .map_err(|source| CheckError::Refused {
                direction: FORWARD,
                state: text(state),
                action,
                source,
            })?;
        Self::in_range(
            FORWARD,
            state,
            action,
            answer.0,
            self.env.n_backward_actions(),
        )?;
        let mut back = child.clone();
        let back_action =
            self.env
                .step_back(&mut back, answer)
                .map_err(|source| CheckError::Refused {
                    direction: BACKWARD,
                    state: text(&child),
                    action: answer.0,
                    source,
                })?;
        let edge = [action, answer.0, back_action.0];
        Self::inverse(FORWARD, state, &back, edge)?;
        Ok(child)
    }

    /// Takes an allowed backward action and tests that its answer leads back.
    fn parent(&self, state: &E::State, action: u32) -> Result<E::State, CheckError> {
        let mut parent = state.clone();
        let answer = self
            .env
            .step_back(&mut parent, BackwardAction(action))
            .map_err(|source| CheckError::Refused {
                direction: BACKWARD,
                state: text(state),
                action,
                source,
            })?;
        Self::in_range(BACKWARD, state, action, answer.0, self.env.n_actions())?;
        let mut back = parent.clone();
        let back_action =
            self.env
                .step(&mut back, answer)
                .map_err(|source| CheckError::Refused {
                    direction: FORWARD,
                    state: text(&parent),
                    action: answer.0,
                    source,
                })?;
        let edge = [action, answer.0, back_action.0];
        Self::inverse(BACKWARD, state, &back, edge)?;
        Ok(parent)
    }

    fn in_range(
        direction: &'static str,
        state: &E::State,
        action: u32,
        answer: u32,
        n: usize,
    ) -> Result<(), CheckError> {
        if (answer as usize) < n {
            return Ok(());
        }
        Err(CheckError::OutOfRange {
            direction,
            state: text(state),
            action,
            answer,
            n,
        })
    }

    /// `edge`: the action taken, its answer, and the answer of the step back.
    fn inverse(
        direction: &'static str,
        state: &E::State,
        back: &E::State,
        edge: [u32; 3],
    ) -> Result<(), CheckError> {
        let [action, answer, back_action] = edge;
        if back == state && back_action == action {
            return Ok(());
        }
        Err(CheckError::NotInverse {
            direction,
            state: text(state),
            action,
            answer,
            back: text(back),
            back_action,
        })
    }

    fn encoding(&mut self, state: &E::State, terminal: bool) -> Result<(), CheckError> {
        self.features.clear();
        self.env.encode(state, &mut self.features.push_row());
        let (indices, values) = self.features.row(0);
        let n_features = self.env.n_features();
        if let Some(&index) = indices.iter().find(|i| **i as usize >= n_features) {
            return Err(CheckError::Feature {
                state: text(state),
                index: index as usize,
                n_features,
            });
        }
        let mut encoding: Encoding = indices
            .iter()
            .zip(values)
            .map(|(i, v)| (*i, v.to_bits()))
            .collect();
        encoding.sort_unstable();
        self.longest_row = self.longest_row.max(encoding.len());
        let other = self.seen[usize::from(terminal)]
            .entry(encoding)
            .or_insert_with(|| state.clone());
        if other == state {
            return Ok(());
        }
        Err(CheckError::SameEncoding {
            state: text(state),
            other: text(other),
        })
    }

    fn forward_actions(&self, state: &E::State) -> Vec<u32> {
        // Starts as all true: a mask that forgets an entry is found out.
        let mut allowed = vec![true; self.env.n_actions()];
        self.env.forward_mask(state, &mut allowed);
        indices_of(&allowed)
    }

    fn backward_actions(&self, state: &E::State) -> Vec<u32> {
        let mut allowed = vec![true; self.env.n_backward_actions()];
        self.env.backward_mask(state, &mut allowed);
        indices_of(&allowed)
    }
}

fn indices_of(allowed: &[bool]) -> Vec<u32> {
    (0u32..)
        .zip(allowed)
        .filter_map(|(i, a)| a.then_some(i))
        .collect()
}
