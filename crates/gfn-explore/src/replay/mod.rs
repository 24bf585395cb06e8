//! Replay buffers: trajectories or objects of earlier batches, trained on again.

mod config;
mod draws;
mod entries;

pub use config::{Eviction, Intake, Priority, ReplayConfig, Stored};

use crate::codec::{Reader, Writer, walk_to_the_end};
use crate::{RangeError, SavedSource, SourceContext, SourceError, TrainedBatch, TrajectorySource};
use entries::{Candidate, Entries, Entry};
use gfn_env::{Environment, Purpose, Trajectories, walk};
use gfn_policy::{RolloutError, RolloutKey, rollout_backward};

const MAGIC: [u8; 8] = *b"gfn-rep1";
const SAVED: &str = "entries";

/// How far apart two objects are.
pub type Distance<S> = Box<dyn Fn(&S, &S) -> f64 + Send>;

/// A bounded buffer of trajectories or of terminal states, as a source of trajectories.
///
/// After each update the trajectories of the batch join, then what is too much goes ([`Eviction`]); what the buffer has
/// replayed itself does not join again, its entries are told their latest loss. With `distinct` an entry that is seen
/// again keeps its place and its age. Draws are with replacement, [`Priority`] says with which probabilities, under one
/// generator for each iteration; trajectories into stored terminal states are sampled with the P_B of the moment.
///
/// # Examples
///
/// ```
/// use gfn_env::Hypergrid;
/// use gfn_explore::{Priority, Replay, ReplayConfig, TrajectorySource as _};
///
/// let config = ReplayConfig::new(1_000, Priority::Prt { percentile: 0.9 });
/// let replay: Replay<Hypergrid> = Replay::new(config)?;
/// assert_eq!(replay.offers(16), 0, "nothing has been seen yet");
/// # Ok::<(), gfn_explore::RangeError>(())
/// ```
pub struct Replay<E: Environment> {
    config: ReplayConfig,
    distance: Option<Distance<E::State>>,
    entries: Entries<E::State>,
    /// Entries of the latest draw.
    drawn: Vec<u64>,
}

impl<E: Environment> std::fmt::Debug for Replay<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("config", &self.config)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl<E: Environment> Replay<E> {
    /// An empty buffer.
    ///
    /// # Errors
    ///
    /// If a number is out of range, or the priority is `diversity-cutoff`, which needs
    /// [a distance](Replay::with_distance).
    pub fn new(config: ReplayConfig) -> Result<Self, RangeError> {
        if let Priority::DiversityCutoff { cutoff } = config.priority {
            return Err(RangeError {
                name: "priority.cutoff",
                value: cutoff,
                remedy: "a cutoff needs a distance: make the buffer with `Replay::with_distance`",
            });
        }
        Self::build(config, None)
    }

    /// An empty buffer with a distance between objects, symmetric and 0 from each to itself.
    ///
    /// # Errors
    ///
    /// If a number is out of range.
    pub fn with_distance(
        config: ReplayConfig,
        distance: Distance<E::State>,
    ) -> Result<Self, RangeError> {
        Self::build(config, Some(distance))
    }

    fn build(
        config: ReplayConfig,
        distance: Option<Distance<E::State>>,
    ) -> Result<Self, RangeError> {
        config.validate()?;
        Ok(Self {
            entries: Entries::new(&config),
            config,
            distance,
            drawn: Vec::new(),
        })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries from the oldest to the newest: object, log-reward, latest loss.
    pub fn iter(&self) -> impl Iterator<Item = (&E::State, f64, f64)> {
        let entries = self.entries.iter();
        entries.map(|e| (&e.object, e.log_reward, e.loss))
    }

    /// Bytes of all entries.
    ///
    /// An entry of a path of `T` actions takes `size_of::<State>() + 4·T + 72` bytes up to alignment: the state, the
    /// actions, and id, log-reward, loss, length, pointer, ranking and (where entries are distinct) the place in the index.
    /// What a state itself keeps elsewhere is not counted.
    pub fn bytes(&self) -> usize {
        self.entries.bytes()
    }

    fn draw_entries(
        &mut self,
        context: &SourceContext<'_, E>,
        positions: &[usize],
    ) -> Result<Trajectories<E::State>, RolloutError> {
        let chosen = positions.iter().map(|&i| self.entries.get(i));
        match self.config.stored {
            Stored::Trajectories => {
                let mut drawn = Trajectories::new();
                for entry in chosen {
                    let (states, backward_actions) = walk(context.environment, &entry.actions)?;
                    drawn.push(states, &entry.actions, &backward_actions, entry.log_reward);
                }
                Ok(drawn)
            }
            Stored::Terminals => {
                let (objects, log_reward): (Vec<_>, Vec<_>) = chosen
                    .map(|entry| (entry.object.clone(), entry.log_reward))
                    .unzip();
                let key = RolloutKey {
                    streams: context.streams,
                    purpose: Purpose::Backward,
                    iteration: context.iteration,
                };
                let (env, policy) = (context.environment, context.policy);
                rollout_backward(env, policy, &objects, &log_reward, key)
            }
        }
    }

    fn saved(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.whole(self.entries.len() as u64);
        writer.whole(self.entries.next_id());
        for entry in self.entries.iter() {
            writer.whole(entry.id);
            writer.real(entry.log_reward);
            writer.real(entry.loss);
            writer.actions(&entry.actions);
        }
        writer.finish(MAGIC)
    }

    fn restored(&self, env: &E, bytes: &[u8]) -> Result<Entries<E::State>, String> {
        let mut reader = Reader::new(bytes, MAGIC)?;
        let (n, next_id) = (reader.whole()?, reader.whole()?);
        if n > self.config.capacity as u64 {
            let capacity = self.config.capacity;
            return Err(format!(
                "it holds {n} entries, and the capacity is {capacity}"
            ));
        }
        let mut entries = Entries::new(&self.config);
        let mut least = 0;
        for _ in 0..n {
            let id = reader.whole()?;
            if id < least || id >= next_id {
                return Err("its entries are out of order".to_owned());
            }
            least = id + 1;
            let (log_reward, loss) = (reader.real()?, reader.real()?);
            let actions = reader.actions()?;
            entries.append(Entry {
                id,
                object: walk_to_the_end(env, &actions)?,
                actions: actions.into(),
                log_reward,
                loss,
            });
        }
        entries.set_next_id(next_id);
        reader.finish()?;
        Ok(entries)
    }
}

impl<E: Environment> TrajectorySource<E> for Replay<E> {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn offers(&self, n: usize) -> usize {
        if self.entries.len() < self.config.minimum {
            return 0;
        }
        n
    }

    fn draw(
        &mut self,
        context: &SourceContext<'_, E>,
        n: usize,
    ) -> Result<Trajectories<E::State>, SourceError> {
        if n == 0 {
            // Asked for what was not offered: there may be no entries.
            self.drawn.clear();
            return Ok(Trajectories::new());
        }
        let mut rng = context.streams.rng(Purpose::Replay, context.iteration, 0);
        let positions = draws::draw(&mut self.entries, &self.config.priority, n, &mut rng);
        let trajectories = self.draw_entries(context, &positions)?;
        self.drawn = positions.iter().map(|&i| self.entries.get(i).id).collect();
        Ok(trajectories)
    }

    fn observe(
        &mut self,
        _environment: &E,
        batch: &TrainedBatch<'_, E::State>,
    ) -> Result<(), SourceError> {
        for (id, b) in std::mem::take(&mut self.drawn)
            .into_iter()
            .zip(batch.drawn.clone())
        {
            self.entries.set_loss(id, batch.losses[b]);
        }
        let n = match self.config.intake {
            Intake::Batch => batch.trajectories.len(),
            Intake::Own => batch.n_own,
        };
        for b in (0..n).filter(|b| !batch.drawn.contains(b)) {
            let trajectory = batch.trajectories.trajectory(b);
            let candidate = Candidate {
                object: batch.trajectories.terminal(b),
                actions: trajectory.actions,
                log_reward: trajectory.log_reward,
                loss: batch.losses[b],
            };
            match (&self.config.priority, &self.distance) {
                (Priority::DiversityCutoff { cutoff }, Some(distance)) => {
                    self.entries.join_apart(&candidate, *cutoff, distance);
                }
                _ => self.entries.join(&candidate),
            }
        }
        self.entries.trim();
        Ok(())
    }

    fn save(&self) -> SavedSource {
        let mut saved = SavedSource::default();
        saved.bytes.insert(SAVED.to_owned(), self.saved());
        saved
    }

    fn restore(&mut self, environment: &E, saved: &SavedSource) -> Result<(), SourceError> {
        let entries = match saved.bytes.get(SAVED) {
            Some(bytes) => self.restored(environment, bytes),
            None => Err(format!("it has no `{SAVED}`")),
        };
        self.entries = entries.map_err(|reason| SourceError::saved("replay", reason))?;
        self.drawn.clear();
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let n = self.len() as f64;
        let mut figures = vec![("size", n), ("bytes", self.bytes() as f64)];
        if !self.is_empty() {
            let mean = self.entries.iter().map(|e| e.log_reward).sum::<f64>() / n;
            figures.push(("mean_log_reward", mean));
        }
        figures
    }
}
