//! Markov chains on objects whose stationary distribution is the target.

use super::moves::{BackTrack, Mover, Objects};
use super::uniform::UniformPolicy;
use crate::codec::{Reader, Writer, walk_to_the_end};
use crate::{RangeError, SavedSource, SourceContext, SourceError, TrainedBatch, TrajectorySource};
use gfn_env::rand::RngExt as _;
use gfn_env::{Action, Environment, Purpose, Trajectories};
use gfn_policy::{OnPolicy, RolloutKey, rollout, rollout_backward};

const MAGIC: [u8; 8] = *b"gfn-mcm1";
const SAVED: &str = "chains";

/// Branch of the streams that the chains start with; moves are counted from 0.
const STARTS: u16 = u16::MAX;

/// Chains and a path into the object of each, which is what is saved of it.
#[derive(Clone, Debug)]
struct Chains<S> {
    objects: Objects<S>,
    paths: Vec<Box<[Action]>>,
}

/// Markov chains.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct McmcConfig {
    /// Number of chains.
    pub chains: usize,
    /// Moves of each chain before its object is used again.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub moves: usize,
    /// How far a move goes back.
    pub back_track: BackTrack,
}

#[cfg(feature = "serde")]
fn one() -> usize {
    1
}

impl McmcConfig {
    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// Names the key that is out of range.
    pub fn validate(&self) -> Result<(), RangeError> {
        RangeError::unless(
            (1..=1 << 16).contains(&self.chains),
            "chains",
            self.chains as f64,
            "between 1 and 65536",
        )?;
        RangeError::unless(
            (1..=10_000).contains(&self.moves),
            "moves",
            self.moves as f64,
            "between 1 and 10000",
        )?;
        self.back_track.validate()
    }
}

/// Metropolis-Hastings on objects, as a source of trajectories.
///
/// A move goes back from `x` by some edges ([`BackTrack`]) with the uniform P_B and forward to some `x'` with the uniform P_F,
/// and is accepted with probability `min(1, R(x')·q(x' → x)/(R(x)·q(x → x')))` along its own edges. The chains keep `R/Z`
/// whatever the agent does; they reach it where moves connect all objects, which [`BackTrack::UpTo`] with the longest length
/// ensures everywhere. The other two kinds never change the length of a trajectory where lengths differ, because the way
/// back would have taken another number of edges.
///
/// `n` trajectories are drawn with the current P_B into the objects of the chains in turn, each after `moves` further moves.
/// The chains start from uniform rollouts, go on from iteration to iteration, and are saved with checkpoints.
///
/// # Examples
///
/// ```
/// use gfn_env::Hypergrid;
/// use gfn_explore::{BackTrack, Mcmc, McmcConfig};
///
/// let back_track = BackTrack::UpTo { steps: 15 };
/// let mcmc: Mcmc<Hypergrid> = Mcmc::new(McmcConfig { chains: 8, moves: 1, back_track })?;
/// # let _ = mcmc;
/// # Ok::<(), gfn_explore::RangeError>(())
/// ```
#[derive(Debug)]
pub struct Mcmc<E: Environment> {
    config: McmcConfig,
    /// None before the first draw.
    chains: Option<Chains<E::State>>,
    /// The chain whose turn it is.
    next: usize,
    accepted: Option<f64>,
}

impl<E: Environment> Mcmc<E> {
    /// Chains that have not started.
    ///
    /// # Errors
    ///
    /// If a number is out of range.
    pub fn new(config: McmcConfig) -> Result<Self, RangeError> {
        config.validate()?;
        Ok(Self {
            config,
            chains: None,
            next: 0,
            accepted: None,
        })
    }

    /// The objects of the chains; none before the first draw.
    pub fn objects(&self) -> &[E::State] {
        self.chains
            .as_ref()
            .map_or(&[], |chains| &chains.objects.terminals)
    }

    /// Moves all chains once; returns how many moves were accepted.
    fn advance(
        &self,
        context: &SourceContext<'_, E>,
        chains: &mut Chains<E::State>,
        index: u16,
    ) -> Result<u32, SourceError> {
        let uniform = UniformPolicy::new(context.environment);
        let mover = Mover {
            environment: context.environment,
            reward: context.reward,
            proposal: &uniform,
            back_track: self.config.back_track,
        };
        let streams = context.streams.branch(index);
        let candidates = mover.candidates(&chains.objects, streams, context.iteration)?;
        let mut n_accepted = 0;
        for (chain, candidate) in candidates.trajectories.iter().enumerate() {
            let mut rng = streams.rng(Purpose::Objects, context.iteration, chain as u16);
            if rng.random::<f64>() < candidates.log_ratios[chain].min(0.0).exp() {
                let objects = &mut chains.objects;
                objects.terminals[chain] = candidates.trajectories.terminal(chain).clone();
                objects.log_reward[chain] = candidate.log_reward;
                chains.paths[chain] = candidate.actions.into();
                n_accepted += 1;
            }
        }
        Ok(n_accepted)
    }

    /// Each move of an iteration draws from a branch of the streams, and so many there are.
    fn require_streams(&self, n: usize) -> Result<(), SourceError> {
        let McmcConfig { chains, moves, .. } = self.config;
        let n_moves = moves * n.div_ceil(chains);
        if n_moves <= usize::from(STARTS) {
            return Ok(());
        }
        Err(SourceError::training(
            "mcmc",
            format_args!(
                "{n} trajectories from {chains} chains take {n_moves} moves in one iteration, and at most {STARTS} have \
                 random numbers of their own: use more chains or fewer moves"
            ),
        ))
    }

    fn start(&self, context: &SourceContext<'_, E>) -> Result<Chains<E::State>, SourceError> {
        let key = RolloutKey {
            streams: context.streams.branch(STARTS),
            purpose: Purpose::Rollout,
            iteration: context.iteration,
        };
        let (env, reward) = (context.environment, context.reward);
        let uniform = UniformPolicy::new(env);
        let starts = rollout(env, reward, &uniform, &OnPolicy, key, self.config.chains)?;
        Ok(Chains {
            objects: Objects {
                terminals: starts.terminals().cloned().collect(),
                log_reward: starts.log_reward().to_vec(),
            },
            paths: starts.iter().map(|path| path.actions.into()).collect(),
        })
    }

    fn saved(&self, chains: &Chains<E::State>) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.whole(chains.paths.len() as u64);
        writer.whole(self.next as u64);
        for (log_reward, path) in chains.objects.log_reward.iter().zip(&chains.paths) {
            writer.real(*log_reward);
            writer.actions(path);
        }
        writer.finish(MAGIC)
    }

    fn restored(&self, env: &E, bytes: &[u8]) -> Result<(Chains<E::State>, usize), String> {
        let mut reader = Reader::new(bytes, MAGIC)?;
        let (n, next) = (reader.whole()?, reader.whole()?);
        if n != self.config.chains as u64 || next >= n {
            let chains = self.config.chains;
            return Err(format!("it holds {n} chains, and there are {chains}"));
        }
        let mut objects = Objects {
            terminals: Vec::new(),
            log_reward: Vec::new(),
        };
        let mut paths = Vec::new();
        for _ in 0..n {
            objects.log_reward.push(reader.real()?);
            let actions = reader.actions()?;
            objects.terminals.push(walk_to_the_end(env, &actions)?);
            paths.push(actions.into());
        }
        reader.finish()?;
        Ok((Chains { objects, paths }, next as usize))
    }
}

impl<E: Environment> TrajectorySource<E> for Mcmc<E> {
    fn name(&self) -> &'static str {
        "mcmc"
    }

    fn draw(
        &mut self,
        context: &SourceContext<'_, E>,
        n: usize,
    ) -> Result<Trajectories<E::State>, SourceError> {
        self.require_streams(n)?;
        let mut chains = match self.chains.take() {
            Some(chains) => chains,
            None => self.start(context)?,
        };
        let (mut terminals, mut log_reward) = (Vec::new(), Vec::new());
        let (mut n_accepted, mut n_moves) = (0, 0);
        while terminals.len() < n {
            for _ in 0..self.config.moves {
                n_accepted += self.advance(context, &mut chains, n_moves)?;
                n_moves += 1;
            }
            for _ in 0..(n - terminals.len()).min(self.config.chains) {
                terminals.push(chains.objects.terminals[self.next].clone());
                log_reward.push(chains.objects.log_reward[self.next]);
                self.next = (self.next + 1) % self.config.chains;
            }
        }
        let n_candidates = u64::from(n_moves) * self.config.chains as u64;
        self.accepted = (n_candidates > 0).then(|| f64::from(n_accepted) / n_candidates as f64);
        self.chains = Some(chains);
        let key = RolloutKey {
            streams: context.streams,
            purpose: Purpose::Backward,
            iteration: context.iteration,
        };
        let (env, policy) = (context.environment, context.policy);
        Ok(rollout_backward(env, policy, &terminals, &log_reward, key)?)
    }

    fn observe(
        &mut self,
        _environment: &E,
        _batch: &TrainedBatch<'_, E::State>,
    ) -> Result<(), SourceError> {
        Ok(())
    }

    fn save(&self) -> SavedSource {
        let mut saved = SavedSource::default();
        if let Some(chains) = &self.chains {
            saved.bytes.insert(SAVED.to_owned(), self.saved(chains));
        }
        saved
    }

    fn restore(&mut self, environment: &E, saved: &SavedSource) -> Result<(), SourceError> {
        let restored = match saved.bytes.get(SAVED) {
            Some(bytes) => self
                .restored(environment, bytes)
                .map(|(chains, next)| (Some(chains), next)),
            None => Ok((None, 0)),
        };
        let (chains, next) = restored.map_err(|reason| SourceError::saved("mcmc", reason))?;
        (self.chains, self.next) = (chains, next);
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let accepted = self.accepted.map(|share| ("accepted_share", share));
        accepted.into_iter().collect()
    }
}
