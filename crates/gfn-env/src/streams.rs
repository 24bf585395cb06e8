//! Reproducible randomness: [`Streams`], keyed `ChaCha8` generators.
//!
//! A generator is a pure function of `(seed, purpose, step, lane)`. Nothing has to be saved to resume a run, lanes can
//! be drawn in any order on any number of threads, and a change in what one purpose draws moves no other.
//!
//! Two draws are independent if and only if their keys differ, so every use has a key of its own. The words are
//! promised: a release that changes them says so under "Value changes".

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What a stream is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u16)]
pub enum Purpose {
    /// Initial parameters.
    Init = 0,
    /// Forward trajectories for training.
    Rollout = 1,
    /// Sampling from a replay buffer.
    Replay = 2,
    /// Evaluation.
    Evaluation = 3,
    /// Backward trajectories.
    Backward = 4,
    /// Conformance checks, and backward trajectories of a test set.
    Check = 5,
    /// Parts of a problem that are drawn once: modes, landscapes (step 0 and 1), test sets (step 2).
    Problem = 6,
    /// Which of the given objects a batch is made of.
    Objects = 7,
    /// Backward trajectories from given objects, for training.
    ObjectTrajectories = 8,
    /// Trajectories whose gradients are compared.
    GradientVariance = 9,
    /// Seeds of further streams, see [`Streams::branch`].
    Branch = 10,
}

/// The streams of one seed.
///
/// # Examples
///
/// ```
/// use gfn_env::{Purpose, Streams, rand::Rng as _};
///
/// let streams = Streams::new(42);
/// let mut lane = streams.rng(Purpose::Rollout, 7, 3);
/// assert_eq!(lane.next_u32(), 1_028_471_966);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Streams of another seed, for something that draws with every purpose by itself: a second agent, a source of
    /// trajectories. Equal for equal `index`, and apart from these streams and from those of other indices.
    ///
    /// # Examples
    ///
    /// ```
    /// use gfn_env::{Purpose, Streams, rand::Rng as _};
    ///
    /// let (a, b) = (Streams::new(0).branch(0), Streams::new(0).branch(1));
    /// assert_eq!(a, Streams::new(0).branch(0));
    /// assert_ne!(a.rng(Purpose::Rollout, 0, 0).next_u64(), b.rng(Purpose::Rollout, 0, 0).next_u64());
    /// ```
    #[must_use]
    pub fn branch(&self, index: u16) -> Self {
        Self::new(self.rng(Purpose::Branch, 0, index).next_u64())
    }

    /// The generator of one key: `ChaCha8(seed)`, stream `purpose·2^48 + step·2^16 + lane`.
    pub fn rng(&self, purpose: Purpose, step: u32, lane: u16) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(u64::from(purpose as u16) << 48 | u64::from(step) << 16 | u64::from(lane));
        rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_stable() {
        let mut rng = Streams::new(42).rng(Purpose::Rollout, 7, 3);
        assert_eq!(
            [rng.next_u32(), rng.next_u32(), rng.next_u32()],
            [1_028_471_966, 1_341_589_734, 3_780_056_129]
        );
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let first = |s: u64, p, t, l| Streams::new(s).rng(p, t, l).next_u64();
        let words = [
            first(0, Purpose::Rollout, 1, 1),
            first(1, Purpose::Rollout, 1, 1),
            first(0, Purpose::Backward, 1, 1),
            first(0, Purpose::Rollout, 2, 1),
            first(0, Purpose::Rollout, 1, 2),
            first(0, Purpose::Rollout, 1 << 16, 1),
        ];
        for (i, a) in words.iter().enumerate() {
            assert!(!words[..i].contains(a), "two keys share a stream");
        }
    }
}
