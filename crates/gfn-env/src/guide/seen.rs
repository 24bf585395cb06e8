//! Objects that were sampled so far.

use std::collections::VecDeque;
use std::hash::Hash;

use crate::{Action, Environment, EnvironmentError, Trajectories};

/// One object, and a way to it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenObject<S> {
    /// The terminal state.
    pub state: S,
    /// Its natural-log reward.
    pub log_reward: f64,
    /// The actions by which it was first reached, from which it can be made again.
    pub actions: Vec<Action>,
}

/// Private index of states.
#[expect(
    clippy::disallowed_types,
    reason = "a private index, never iterated: states need not be ordered"
)]
type Known<S> = std::collections::HashSet<S>;

/// Distinct objects in the order in which they were first seen, at most `capacity` of them: the oldest go first.
///
/// # Examples
///
/// ```
/// use gfn_env::{Action, BackwardAction, Trajectories};
/// use gfn_env::guide::SeenObjects;
///
/// let mut batch = Trajectories::new();
/// for object in ["b", "a", "b", "c"] {
///     batch.push(["", object], &[Action(0)], &[BackwardAction(0)], 0.5);
/// }
/// let mut seen = SeenObjects::new(2);
/// seen.add(&batch);
/// let objects: Vec<_> = seen.iter().map(|object| object.state).collect();
/// assert_eq!(objects, ["a", "c"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SeenObjects<S> {
    capacity: usize,
    objects: VecDeque<SeenObject<S>>,
    known: Known<S>,
}

impl<S: Clone + Eq + Hash> SeenObjects<S> {
    /// None yet.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            objects: VecDeque::new(),
            known: Known::default(),
        }
    }

    /// Takes note of the objects of `trajectories`, in order.
    pub fn add(&mut self, trajectories: &Trajectories<S>) {
        for trajectory in trajectories.iter() {
            if let Some(state) = trajectory.states.last() {
                self.insert(SeenObject {
                    state: state.clone(),
                    log_reward: trajectory.log_reward,
                    actions: trajectory.actions.to_vec(),
                });
            }
        }
    }

    fn insert(&mut self, object: SeenObject<S>) {
        if self.capacity == 0 || !self.known.insert(object.state.clone()) {
            return;
        }
        self.objects.push_back(object);
        if self.objects.len() > self.capacity
            && let Some(oldest) = self.objects.pop_front()
        {
            self.known.remove(&oldest.state);
        }
    }

    /// The objects that the given actions lead to, with their log-rewards; the inverse of keeping
    /// [`SeenObject::actions`].
    ///
    /// # Errors
    ///
    /// If `env` refuses an action.
    pub fn replayed<E: Environment<State = S>>(
        env: &E,
        capacity: usize,
        kept: impl IntoIterator<Item = (Vec<Action>, f64)>,
    ) -> Result<Self, EnvironmentError> {
        let mut seen = Self::new(capacity);
        for (actions, log_reward) in kept {
            let mut state = env.source();
            for &action in &actions {
                env.step(&mut state, action)?;
            }
            seen.insert(SeenObject {
                state,
                log_reward,
                actions,
            });
        }
        Ok(seen)
    }

    /// The objects, the oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &SeenObject<S>> {
        self.objects.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}
