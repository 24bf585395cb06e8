//! Intrinsic rewards: how new a trajectory is.

mod counts;
mod distillation;
mod perceptron;

pub use counts::StateCounts;
pub use distillation::RandomNetworkDistillation;

use gfn_env::{Environment, Features, Streams, Trajectories};

/// Which states of a trajectory are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum NoveltyOf {
    /// The terminal state.
    #[default]
    Terminals,
    /// Every state behind the source; the novelty of the trajectory is their mean.
    States,
}

/// An intrinsic reward by name.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum IntrinsicConfig {
    /// [`RandomNetworkDistillation`].
    RandomNetworkDistillation {
        /// States that are looked at.
        #[cfg_attr(feature = "serde", serde(default))]
        of: NoveltyOf,
        /// Widths of the hidden layers of both networks.
        #[cfg_attr(feature = "serde", serde(default = "default_hidden"))]
        hidden: Vec<usize>,
        /// Outputs of both networks.
        #[cfg_attr(feature = "serde", serde(default = "default_outputs"))]
        outputs: usize,
        /// Learning rate of the predictor.
        #[cfg_attr(feature = "serde", serde(default = "default_learning_rate"))]
        learning_rate: f64,
        /// Factor on the novelty.
        #[cfg_attr(feature = "serde", serde(default = "one"))]
        scale: f64,
    },
    /// [`StateCounts`].
    StateCounts {
        /// States that are looked at.
        #[cfg_attr(feature = "serde", serde(default))]
        of: NoveltyOf,
        /// Factor on the novelty.
        #[cfg_attr(feature = "serde", serde(default = "one"))]
        scale: f64,
    },
}

#[cfg(feature = "serde")]
fn one() -> f64 {
    1.0
}

fn default_hidden() -> Vec<usize> {
    vec![128, 128]
}

fn default_outputs() -> usize {
    1
}

fn default_learning_rate() -> f64 {
    1e-3
}

impl Default for IntrinsicConfig {
    /// Random network distillation on terminal states with one output and a rate of 1e-3, as sibling-augmented GFlowNets
    /// have it.
    fn default() -> Self {
        Self::RandomNetworkDistillation {
            of: NoveltyOf::Terminals,
            hidden: default_hidden(),
            outputs: default_outputs(),
            learning_rate: default_learning_rate(),
            scale: 1.0,
        }
    }
}

/// A number of an intrinsic or auxiliary reward that is out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} = {value} must be {range}")]
pub struct RewardConfigError {
    /// Which number.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// What is allowed.
    pub range: &'static str,
}

pub(crate) fn check(
    name: &'static str,
    value: f64,
    ok: bool,
    range: &'static str,
) -> Result<(), RewardConfigError> {
    if ok {
        return Ok(());
    }
    Err(RewardConfigError { name, value, range })
}

impl IntrinsicConfig {
    /// Checks ranges.
    ///
    /// # Errors
    ///
    /// Names the number that is out of range.
    pub fn validate(&self) -> Result<(), RewardConfigError> {
        let positive = |name, value: f64| {
            let ok = value > 0.0 && value.is_finite();
            check(name, value, ok, "positive and finite")
        };
        match self {
            Self::RandomNetworkDistillation {
                hidden,
                outputs,
                learning_rate,
                scale,
                ..
            } => {
                check("outputs", *outputs as f64, *outputs > 0, "at least 1")?;
                check(
                    "hidden",
                    0.0,
                    !hidden.contains(&0),
                    "at least 1 in each layer",
                )?;
                positive("learning_rate", *learning_rate)?;
                positive("scale", *scale)
            }
            Self::StateCounts { scale, .. } => positive("scale", *scale),
        }
    }
}

/// An intrinsic reward at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Intrinsic {
    of: NoveltyOf,
    scale: f64,
    method: Method,
}

#[derive(Clone, Debug, PartialEq)]
enum Method {
    Distillation(RandomNetworkDistillation),
    Counts(StateCounts),
}

/// The states that are looked at, and how many of each trajectory.
fn looked_at<E: Environment>(
    env: &E,
    of: NoveltyOf,
    trajectories: &Trajectories<E::State>,
) -> (Features, Vec<usize>) {
    let mut features = Features::new(env.n_features());
    let mut lengths = Vec::with_capacity(trajectories.len());
    for trajectory in trajectories.iter() {
        let states = &trajectory.states[1..];
        let states = match of {
            NoveltyOf::Terminals => &states[states.len().saturating_sub(1)..],
            NoveltyOf::States => states,
        };
        for state in states {
            env.encode(state, &mut features.push_row());
        }
        lengths.push(states.len());
    }
    (features, lengths)
}

impl Intrinsic {
    /// One that has seen nothing; networks over `n_features` features have weights of `streams`.
    ///
    /// # Errors
    ///
    /// As [`IntrinsicConfig::validate`].
    pub fn new(
        config: &IntrinsicConfig,
        n_features: usize,
        streams: Streams,
    ) -> Result<Self, RewardConfigError> {
        config.validate()?;
        Ok(match config {
            IntrinsicConfig::RandomNetworkDistillation {
                of,
                hidden,
                outputs,
                learning_rate,
                scale,
            } => Self {
                of: *of,
                scale: *scale,
                method: Method::Distillation(RandomNetworkDistillation::new(
                    n_features,
                    hidden,
                    *outputs,
                    *learning_rate,
                    streams,
                )),
            },
            IntrinsicConfig::StateCounts { of, scale } => Self {
                of: *of,
                scale: *scale,
                method: Method::Counts(StateCounts::default()),
            },
        })
    }

    /// The novelty of each trajectory, `[B]`.
    pub fn novelty<E: Environment>(
        &self,
        env: &E,
        trajectories: &Trajectories<E::State>,
    ) -> Vec<f64> {
        let (features, lengths) = looked_at(env, self.of, trajectories);
        let of_states = self.of_rows(&features);
        let mut rest = &of_states[..];
        let mean = |n: usize| {
            let (these, others) = rest.split_at(n);
            rest = others;
            self.scale * these.iter().sum::<f64>() / n.max(1) as f64
        };
        lengths.into_iter().map(mean).collect()
    }

    /// The novelty of the state that each transition leads to, `[N]`; 0 for states that are not looked at.
    pub fn novelty_of_transitions<E: Environment>(
        &self,
        env: &E,
        trajectories: &Trajectories<E::State>,
    ) -> Vec<f64> {
        let (features, lengths) = looked_at(env, self.of, trajectories);
        let mut of_states = self.of_rows(&features).into_iter();
        let mut of_transitions = Vec::with_capacity(trajectories.n_transitions());
        for (b, looked_at) in lengths.into_iter().enumerate() {
            let passed_by = trajectories.length(b) - looked_at;
            of_transitions.extend(std::iter::repeat_n(0.0, passed_by));
            let seen = of_states.by_ref().take(looked_at);
            of_transitions.extend(seen.map(|novelty| self.scale * novelty));
        }
        of_transitions
    }

    fn of_rows(&self, features: &Features) -> Vec<f64> {
        match &self.method {
            Method::Distillation(rnd) => rnd.novelty(features),
            Method::Counts(counts) => counts.novelty(features),
        }
    }

    /// Takes note of the trajectories: they are less new from now on.
    pub fn train<E: Environment>(&mut self, env: &E, trajectories: &Trajectories<E::State>) {
        let (features, _) = looked_at(env, self.of, trajectories);
        match &mut self.method {
            Method::Distillation(rnd) => rnd.train(&features),
            Method::Counts(counts) => counts.train(&features),
        }
    }

    /// What continues it.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        match &self.method {
            Method::Distillation(rnd) => rnd.save(),
            Method::Counts(counts) => counts.save(),
        }
    }

    /// Continues from [`Intrinsic::save`]; `None` where it does not fit, and then it is unchanged.
    #[must_use]
    pub fn restore(&mut self, bytes: &[u8]) -> Option<()> {
        match &mut self.method {
            Method::Distillation(rnd) => rnd.restore(bytes),
            Method::Counts(counts) => counts.restore(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::{Action, Hypergrid, walk};

    #[test]
    fn transitions_have_the_novelty_of_the_state_behind_them() {
        let env = Hypergrid::new(2, 4).unwrap();
        let mut batch = Trajectories::new();
        for actions in [&[0, 1, 0, 2][..], &[2], &[1, 2]] {
            let actions: Vec<Action> = actions.iter().map(|&a| Action(a)).collect();
            let (states, back) = walk(&env, &actions).unwrap();
            batch.push(states, &actions, &back, 0.0);
        }
        let of = |of, scale| {
            let config = IntrinsicConfig::StateCounts { of, scale };
            let mut intrinsic = Intrinsic::new(&config, env.n_features(), Streams::new(0)).unwrap();
            // The first trajectory was seen: all of its states once, its terminal state shares features with its parent.
            intrinsic.train(&env, &batch.part(0..1));
            intrinsic
        };
        let states = of(NoveltyOf::States, 2.0);
        let of_transitions = states.novelty_of_transitions(&env, &batch);
        assert_eq!(of_transitions.len(), 7);
        let of_trajectories = states.novelty(&env, &batch);
        for (b, mean) in of_trajectories.iter().enumerate() {
            let offsets = batch.offsets();
            let of_this = &of_transitions[offsets[b]..offsets[b + 1]];
            let expected = of_this.iter().sum::<f64>() / of_this.len() as f64;
            assert!((mean - expected).abs() < 1e-12, "{mean} {expected}");
        }
        let seen_once = 2.0 / 2f64.sqrt();
        assert!((of_transitions[0] - seen_once).abs() < 1e-12);
        assert_eq!(of_transitions[5], 2.0, "(0, 1) is new");
        let terminals = of(NoveltyOf::Terminals, 1.0);
        let of_terminals = terminals.novelty(&env, &batch);
        let [a, b, c] = of_terminals[..] else {
            panic!("three trajectories");
        };
        let expected = [0.0, 0.0, 0.0, a, b, 0.0, c];
        assert_eq!(terminals.novelty_of_transitions(&env, &batch), expected);
    }
}
