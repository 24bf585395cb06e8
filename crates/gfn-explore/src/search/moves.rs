//! One move from an object to another: back with P_B, forward again with P_F, and how likely the way back is.

use crate::RangeError;
use gfn_env::rand::{Rng, RngExt as _};
use gfn_env::{Environment, Purpose, Reward, Streams, Trajectories};
use gfn_policy::{
    HostPolicy, OnPolicy, RolloutError, RolloutKey, complete, rollout_backward, score_trajectories,
};

/// How many edges of a trajectory of length `n` are taken back, between 1 and `n`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum BackTrack {
    /// `min(steps, n)`.
    Steps {
        /// Edges, the exit edge included.
        steps: usize,
    },
    /// `⌈share·n⌉`.
    Share {
        /// In (0, 1].
        share: f64,
    },
    /// Uniform in `1..=min(steps, n)`.
    UpTo {
        /// Largest number of edges, the exit edge included.
        steps: usize,
    },
}

impl BackTrack {
    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// If no step would be taken, or the share is not in (0, 1].
    pub fn validate(&self) -> Result<(), RangeError> {
        match *self {
            Self::Steps { steps } | Self::UpTo { steps } => RangeError::unless(
                steps > 0,
                "back_track.steps",
                steps as f64,
                "at least one edge is taken back",
            ),
            Self::Share { share } => RangeError::unless(
                share > 0.0 && share <= 1.0,
                "back_track.share",
                share,
                "above 0 and at most 1",
            ),
        }
    }

    fn draw(&self, n: usize, rng: &mut impl Rng) -> usize {
        match *self {
            Self::Steps { steps } => steps.min(n),
            Self::Share { share } => share_of(share, n),
            Self::UpTo { steps } => rng.random_range(1..=steps.min(n)),
        }
    }

    /// Log-probability that `k` of `n` edges are taken back.
    fn log_probability(&self, k: usize, n: usize) -> f64 {
        let certain = |chosen: usize| {
            if k == chosen { 0.0 } else { f64::NEG_INFINITY }
        };
        match *self {
            Self::Steps { steps } => certain(steps.min(n)),
            Self::Share { share } => certain(share_of(share, n)),
            Self::UpTo { steps } if k <= steps => -(steps.min(n) as f64).ln(),
            Self::UpTo { .. } => f64::NEG_INFINITY,
        }
    }
}

fn share_of(share: f64, n: usize) -> usize {
    ((share * n as f64).ceil() as usize).clamp(1, n)
}

/// Objects of several chains with their log-rewards.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Objects<S> {
    pub(super) terminals: Vec<S>,
    pub(super) log_reward: Vec<f64>,
}

/// A candidate for each object.
#[derive(Clone, Debug)]
pub(super) struct Candidates<S> {
    pub(super) trajectories: Trajectories<S>,
    /// `log [R(x') q(x' → x)] − log [R(x) q(x → x')]`: the logarithm of the Metropolis-Hastings ratio.
    pub(super) log_ratios: Vec<f64>,
}

/// What moves are made with.
pub(super) struct Mover<'a, E: Environment> {
    pub(super) environment: &'a E,
    pub(super) reward: &'a dyn Reward<E::State>,
    pub(super) proposal: &'a dyn HostPolicy,
    pub(super) back_track: BackTrack,
}

impl<E: Environment> Mover<'_, E> {
    /// One move for each object: a trajectory into it is drawn with P_B, its last `k` edges are dropped, and it is
    /// completed with P_F.
    ///
    /// Object `i` draws from lane `i` of `streams`: its way back under `Backward`, `k` under `Replay`, the rest under
    /// `Rollout`.
    ///
    /// The way `x → s → x'` has the probability `P_B(s ∣ x)·q(k ∣ n)·P_F(x' ∣ s)` along its edges, the same edges the other
    /// way round `P_B(s ∣ x')·q(m ∣ n')·P_F(x ∣ s)`, where `m` edges were built. What the two trajectories share in front of
    /// `s` cancels out of the ratio, so that whole trajectories are scored.
    pub(super) fn candidates(
        &self,
        objects: &Objects<E::State>,
        streams: Streams,
        iteration: u32,
    ) -> Result<Candidates<E::State>, RolloutError> {
        let (env, proposal) = (self.environment, self.proposal);
        let key = |purpose| RolloutKey {
            streams,
            purpose,
            iteration,
        };
        let back = key(Purpose::Backward);
        let old = rollout_backward(env, proposal, &objects.terminals, &objects.log_reward, back)?;
        let mut beginnings = Trajectories::new();
        let mut dropped = Vec::with_capacity(old.len());
        for (lane, trajectory) in old.iter().enumerate() {
            let n = trajectory.actions.len();
            let mut rng = streams.rng(Purpose::Replay, iteration, lane as u16);
            let k = self.back_track.draw(n, &mut rng);
            dropped.push(k);
            beginnings.push(
                trajectory.states[..=n - k].iter().cloned(),
                &trajectory.actions[..n - k],
                &trajectory.backward_actions[..n - k],
                0.0,
            );
        }
        let forward = key(Purpose::Rollout);
        let new = complete(env, self.reward, proposal, &OnPolicy, &beginnings, forward)?;
        let scores = [&old, &new].map(|paths| score_trajectories(env, proposal, paths));
        let log_ratios = (0..old.len())
            .map(|i| {
                let [before, after] = [&scores[0][i], &scores[1][i]];
                let lengths = [&old, &new].map(|paths| paths.trajectory(i).actions.len());
                let built = lengths[1] - (lengths[0] - dropped[i]);
                let there = before.log_pb
                    + after.log_pf
                    + self.back_track.log_probability(dropped[i], lengths[0]);
                let return_ = after.log_pb
                    + before.log_pf
                    + self.back_track.log_probability(built, lengths[1]);
                new.log_reward()[i] - old.log_reward()[i] + return_ - there
            })
            .collect();
        Ok(Candidates {
            trajectories: new,
            log_ratios,
        })
    }
}
