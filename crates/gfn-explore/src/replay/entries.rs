//! The entries of a buffer: who joins, who goes, and who is who.

use super::config::{Eviction, Priority, ReplayConfig, Stored};
use gfn_env::Action;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher as _};

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry<S> {
    /// Counts entries as they join.
    pub(super) id: u64,
    pub(super) object: S,
    /// A path from the source to the object: the one that is replayed, or the first that was seen.
    pub(super) actions: Box<[Action]>,
    pub(super) log_reward: f64,
    /// Of the latest training on it.
    pub(super) loss: f64,
}

/// What a batch tells of one of its trajectories.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a, S> {
    pub(super) object: &'a S,
    pub(super) actions: &'a [Action],
    pub(super) log_reward: f64,
    pub(super) loss: f64,
}

/// How entries are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Object,
    Actions,
    /// They are not.
    None,
}

/// Entries in the order in which they joined, the oldest first.
#[derive(Clone, Debug)]
pub(super) struct Entries<S> {
    entries: VecDeque<Entry<S>>,
    next_id: u64,
    capacity: usize,
    eviction: Eviction,
    key: Key,
    /// Hash of the key and id.
    index: BTreeSet<(u64, u64)>,
    /// `(log-reward, id)`, the highest reward first, the older first among equals; of an earlier moment until
    /// [`Entries::rank`].
    ranking: Vec<(f64, u64)>,
    /// Whether an entry may have left since then.
    has_left: bool,
}

/// Descending by reward, ascending by age.
fn better_first(a: &(f64, u64), b: &(f64, u64)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

impl<S: Clone + Eq + Hash> Entries<S> {
    pub(super) fn new(config: &ReplayConfig) -> Self {
        let key = match config.stored {
            _ if !config.distinct => Key::None,
            _ if config.keeps_objects() => Key::Object,
            Stored::Terminals => Key::Object,
            Stored::Trajectories => Key::Actions,
        };
        Self {
            entries: VecDeque::new(),
            next_id: 0,
            capacity: config.capacity,
            eviction: match config.priority {
                // A better object takes the place of its neighbours, so the worst are the ones to spare.
                Priority::DiversityCutoff { .. } => Eviction::LowestReward,
                _ => config.eviction,
            },
            key,
            index: BTreeSet::new(),
            ranking: Vec::new(),
            has_left: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<S>> {
        self.entries.iter()
    }

    pub(super) fn get(&self, position: usize) -> &Entry<S> {
        &self.entries[position]
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// The position of the entry of this id.
    pub(super) fn position(&self, id: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |e| e.id).ok()
    }

    fn hash(&self, object: &S, actions: &[Action]) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        match self.key {
            Key::Object => object.hash(&mut hasher),
            Key::Actions => actions.hash(&mut hasher),
            Key::None => return None,
        }
        Some(hasher.finish())
    }

    fn find(&self, candidate: &Candidate<'_, S>) -> Option<usize> {
        let hash = self.hash(candidate.object, candidate.actions)?;
        let found = self.index.range((hash, 0)..=(hash, u64::MAX));
        found
            .filter_map(|&(_, id)| self.position(id))
            .find(|&i| match self.key {
                Key::Actions => *self.entries[i].actions == *candidate.actions,
                Key::Object | Key::None => self.entries[i].object == *candidate.object,
            })
    }

    pub(super) fn set_loss(&mut self, id: u64, loss: f64) {
        if let Some(i) = self.position(id) {
            self.entries[i].loss = loss;
        }
    }

    /// Lets a candidate join; one that is there already is told its latest loss.
    pub(super) fn join(&mut self, candidate: &Candidate<'_, S>) {
        if let Some(i) = self.find(candidate) {
            self.entries[i].loss = candidate.loss;
            return;
        }
        let id = self.next_id;
        self.append(Entry {
            id,
            object: candidate.object.clone(),
            actions: candidate.actions.into(),
            log_reward: candidate.log_reward,
            loss: candidate.loss,
        });
        self.next_id = id + 1;
    }

    /// [`Entries::join`] among objects that are farther apart than `cutoff`.
    pub(super) fn join_apart(
        &mut self,
        candidate: &Candidate<'_, S>,
        cutoff: f64,
        distance: &dyn Fn(&S, &S) -> f64,
    ) {
        if let Some(i) = self.find(candidate) {
            self.entries[i].loss = candidate.loss;
            return;
        }
        let near: Vec<u64> = self
            .entries
            .iter()
            .filter(|e| distance(&e.object, candidate.object) <= cutoff)
            .map(|e| e.id)
            .collect();
        let is_best = near.iter().filter_map(|&id| self.position(id)).all(|i| {
            // A tie leaves what is there.
            candidate.log_reward > self.entries[i].log_reward
        });
        if is_best {
            self.remove(&near);
            self.join(candidate);
        }
    }

    /// Puts a saved entry behind the others; its id is larger than theirs.
    pub(super) fn append(&mut self, entry: Entry<S>) {
        if let Some(hash) = self.hash(&entry.object, &entry.actions) {
            self.index.insert((hash, entry.id));
        }
        self.entries.push_back(entry);
    }

    pub(super) fn set_next_id(&mut self, id: u64) {
        self.next_id = id;
    }

    /// Removes entries by id, which are in ascending order.
    fn remove(&mut self, ids: &[u64]) {
        if ids.is_empty() {
            return;
        }
        for &id in ids {
            if let Some(i) = self.position(id) {
                self.forget(i);
            }
        }
        self.entries.retain(|e| ids.binary_search(&e.id).is_err());
    }

    fn forget(&mut self, position: usize) {
        self.has_left = true;
        let entry = &self.entries[position];
        if let Some(hash) = self.hash(&entry.object, &entry.actions) {
            self.index.remove(&(hash, entry.id));
        }
    }

    /// Lets go of what is too much.
    pub(super) fn trim(&mut self) {
        let excess = self.entries.len().saturating_sub(self.capacity);
        if excess == 0 {
            return;
        }
        match self.eviction {
            Eviction::Oldest => {
                for position in 0..excess {
                    self.forget(position);
                }
                self.entries.drain(..excess);
            }
            Eviction::LowestReward => {
                let mut all: Vec<(f64, u64)> =
                    self.entries.iter().map(|e| (e.log_reward, e.id)).collect();
                all.select_nth_unstable_by(excess - 1, |a, b| {
                    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
                });
                let mut victims: Vec<u64> = all[..excess].iter().map(|v| v.1).collect();
                victims.sort_unstable();
                self.remove(&victims);
            }
        }
    }

    /// Brings the ranking up to date and returns it.
    pub(super) fn rank(&mut self) -> &[(f64, u64)] {
        let mut ranking = std::mem::take(&mut self.ranking);
        let newest = ranking.iter().map(|r| r.1 + 1).max().unwrap_or(0);
        // Each look-up is a search: only where it can find that an entry has left.
        if std::mem::take(&mut self.has_left) {
            ranking.retain(|&(_, id)| self.position(id).is_some());
        }
        let first_new = self.entries.partition_point(|e| e.id < newest);
        let new = self.entries.range(first_new..);
        ranking.extend(new.map(|e| (e.log_reward, e.id)));
        // Sorted runs are merged: this is linear where few have joined.
        ranking.sort_by(better_first);
        self.ranking = ranking;
        &self.ranking
    }

    /// Bytes of the entries, see [`Replay::bytes`](super::Replay::bytes).
    pub(super) fn bytes(&self) -> usize {
        let index = if self.key == Key::None { 0 } else { 16 };
        let ranking = 16;
        let of_entry = |e: &Entry<S>| {
            size_of::<Entry<S>>() + size_of_val::<[Action]>(&e.actions) + index + ranking
        };
        self.entries.iter().map(of_entry).sum()
    }
}
