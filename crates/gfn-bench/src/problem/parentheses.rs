//! Parentheses.

use super::{KnownTarget, Problem, StateOf};
use gfn_env::parentheses::ParenthesesClass;
use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Action, Environment as _, Parentheses, ParenthesesReward};
use std::collections::BTreeSet;

/// Parentheses; the distance is Hamming between positions, each position that one string lacks counts 1. A mode is a balanced
/// string of the full length.
#[derive(Clone, Debug)]
pub struct ParenthesesProblem {
    /// Dynamics.
    pub environment: Parentheses,
    /// Reward.
    pub reward: ParenthesesReward,
}

impl Problem for ParenthesesProblem {
    type Environment = Parentheses;
    type Reward = ParenthesesReward;

    fn environment(&self) -> &Parentheses {
        &self.environment
    }

    fn reward(&self) -> &ParenthesesReward {
        &self.reward
    }

    fn mode(&self, terminal: &StateOf<Self>) -> Option<u64> {
        (self.reward.class(terminal) == ParenthesesClass::Balanced).then_some(terminal.bits())
    }

    fn n_modes(&self) -> Option<u64> {
        // Every one of these is below 2^56.
        Some(self.reward.class_sizes()[0] as u64)
    }

    fn distance(&self, a: &StateOf<Self>, b: &StateOf<Self>) -> f64 {
        let common = a.length().min(b.length());
        let differ = (0..common).filter(|i| a.closes(*i) != b.closes(*i)).count();
        (differ + a.length().abs_diff(b.length())) as f64
    }

    /// Distinct strings: of uniform length and then uniform words, because almost all strings have the largest length.
    fn test_set(&self, size: usize, rng: &mut ChaCha8Rng) -> Vec<StateOf<Self>> {
        let env = &self.environment;
        let n_words = env.length() / env.word_bits();
        let n_strings = (1u128 << (env.length() + 1)) - 1;
        // Where there are hardly more strings than are asked for, a draw that is refused often has to end.
        let tries = if n_strings < 1 << 20 {
            64 * size.max(1024)
        } else {
            usize::MAX
        };
        let mut chosen = BTreeSet::new();
        for _ in 0..tries {
            if chosen.len() >= size {
                break;
            }
            let length = rng.random_range(0..=n_words);
            let mut state = env.source();
            let words = (0..length).map(|_| Action(rng.random_range(0..env.exit().0)));
            let actions: Vec<Action> = words.chain([env.exit()]).collect();
            if actions.into_iter().all(|a| env.step(&mut state, a).is_ok()) {
                chosen.insert(state);
            }
        }
        chosen.into_iter().collect()
    }

    fn known_target(&self) -> Option<KnownTarget> {
        Some(KnownTarget {
            log_z: self.reward.log_partition(),
            mean_reward: self.reward.mean_reward(),
        })
    }

    /// Shares of balanced and of short strings, beside those of the target, and the number of distinct balanced ones.
    fn sample_figures(&self, terminals: &[&StateOf<Self>]) -> Vec<(&'static str, f64)> {
        let of = |class| {
            let strings = terminals.iter().copied();
            strings.filter(move |x| self.reward.class(x) == class)
        };
        let share = |class| of(class).count() as f64 / terminals.len() as f64;
        let distinct: BTreeSet<_> = of(ParenthesesClass::Balanced).collect();
        let [valid, trap, _] = self.reward.class_probabilities();
        vec![
            ("samples.valid_share", share(ParenthesesClass::Balanced)),
            ("samples.valid_share_target", valid),
            ("samples.unique_valid", distinct.len() as f64),
            ("samples.trap_share", share(ParenthesesClass::Short)),
            ("samples.trap_share_target", trap),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gfn_env::{ParenthesesRewardConfig, Purpose, Streams};

    fn problem(length: usize) -> ParenthesesProblem {
        let environment = Parentheses::new(length, 1).unwrap();
        let config = ParenthesesRewardConfig::deceptive_short();
        ParenthesesProblem {
            environment,
            reward: ParenthesesReward::new(&environment, config).unwrap(),
        }
    }

    #[test]
    fn figures_of_samples_by_hand() {
        let problem = problem(10);
        let strings = [
            "((((()))))",
            "()()()()()",
            "()()()()()",
            "(()",
            "((((((((((",
            "()()()()",
        ];
        let states = strings.map(|text| problem.environment.string(text).unwrap());
        let figures = problem.sample_figures(&states.each_ref());
        assert_eq!(figures[0], ("samples.valid_share", 0.5));
        assert_eq!(figures[2], ("samples.unique_valid", 2.0));
        assert_eq!(figures[3], ("samples.trap_share", 1.0 / 3.0));
        // C_5 = 42 and 511 short strings of 2047.
        let trap = 511.0 * (-1.5f64).exp();
        let z = 42.0 + trap + (2047.0 - 42.0 - 511.0) * (-10f64).exp();
        assert!((figures[1].1 - 42.0 / z).abs() < 1e-12);
        assert!((figures[4].1 - trap / z).abs() < 1e-12);
        assert_eq!(problem.n_modes(), Some(42));
        assert_eq!(problem.mode(&states[0]), Some(0b11111));
        assert_eq!(problem.mode(&states[3]), None);
        // Two of three positions differ, and seven are missing.
        assert_eq!(problem.distance(&states[1], &states[3]), 9.0);
    }

    #[test]
    fn figures_of_samples_survive_numbering() {
        let problem = problem(4);
        let state = problem.environment.string("(())").unwrap();
        let expected = problem.sample_figures(&[&state]);
        let indexed = super::super::IndexedProblem::new(problem, 100).unwrap();
        assert_eq!(indexed.sample_figures(&[&state]), expected);
        assert_eq!(expected.len(), 5);
    }

    #[test]
    fn test_sets_end_where_there_are_few_strings() {
        let mut rng = Streams::new(0).rng(Purpose::Problem, 2, 0);
        assert_eq!(problem(2).test_set(100, &mut rng).len(), 7);
        assert_eq!(problem(32).test_set(100, &mut rng).len(), 100);
    }
}
