//! Parentheses: dynamics at the limits, the reward by hand, and log Z by counting against the list of strings.

use gfn_env::parentheses::ParenthesesClass;
use gfn_env::{
    Action, Enumerable as _, Environment as _, Parentheses, ParenthesesReward,
    ParenthesesRewardConfig, Reward as _, StateGraph, log_partition,
};

fn published(env: &Parentheses) -> ParenthesesReward {
    ParenthesesReward::new(env, ParenthesesRewardConfig::deceptive_short()).expect("finite")
}

/// Whether a text of parentheses can be emptied by taking out `()`: another rule than the environment's.
fn reduces_to_nothing(text: &str) -> bool {
    let mut rest = text.to_owned();
    while rest.contains("()") {
        rest = rest.replace("()", "");
    }
    rest.is_empty()
}

#[test]
fn exit_is_allowed_everywhere_and_forced_at_the_full_length() {
    let env = Parentheses::new(4, 2).unwrap();
    assert_eq!(
        (env.n_actions(), env.exit(), env.max_len()),
        (5, Action(4), 3)
    );
    let mut state = env.source();
    let mut allowed = [false; 5];
    for action in [0b01, 0b11] {
        env.forward_mask(&state, &mut allowed);
        assert_eq!(allowed, [true; 5]);
        env.step(&mut state, Action(action)).unwrap();
    }
    env.forward_mask(&state, &mut allowed);
    assert_eq!(allowed, [false, false, false, false, true]);
    assert!(env.step(&mut state, Action(0)).is_err());
    env.step(&mut state, env.exit()).unwrap();
    assert_eq!(env.describe(&state), "()))");
    assert_eq!(state, env.string("()))").unwrap());
    assert!(env.step(&mut state, Action(4)).is_err(), "exited");
}

#[test]
fn strings_are_numbered_by_length_and_bits() {
    let env = Parentheses::new(3, 1).unwrap();
    let texts: Vec<String> = (0..7).map(|i| env.describe(&env.terminal(i))).collect();
    assert_eq!(texts, ["", "(", ")", "((", "()", ")(", "))"]);
    assert_eq!(env.n_terminal(), 15);
    // More strings than a number holds.
    let longest = Parentheses::new(64, 1).unwrap();
    assert_eq!(longest.n_terminal(), usize::MAX);
    let full = longest.string(&")".repeat(64)).unwrap();
    assert_eq!((longest.index_of(&full), full.bits()), (None, u64::MAX));
}

#[test]
fn reward_by_hand() {
    let env = Parentheses::new(12, 1).unwrap();
    let log_reward = |text: &str| {
        let mut out = [0.0];
        let x = env.string(text).unwrap();
        published(&env).log_reward(&[x], &mut out).unwrap();
        out[0]
    };
    assert_eq!(log_reward("(())()((()))"), 0.0);
    assert_eq!(log_reward("(())()((())("), -10.0);
    assert_eq!(log_reward("))((()((()))"), -10.0);
    // Balanced, but not of the full length.
    assert_eq!(log_reward("()()()()()"), -10.0);
    assert_eq!(log_reward("()()()()"), -1.5);
    assert_eq!(log_reward(")))))))))"), -10.0);
    assert_eq!(log_reward(""), -1.5);
    let mut out = [0.0];
    published(&env)
        .log_reward(&[env.source()], &mut out)
        .unwrap();
    assert!(out[0].is_nan(), "not an object");
}

#[test]
fn log_partition_by_counting_is_that_of_all_strings() {
    for (length, word_bits) in [
        (1, 1),
        (2, 1),
        (7, 1),
        (8, 1),
        (8, 4),
        (9, 3),
        (12, 1),
        (12, 2),
    ] {
        let env = Parentheses::new(length, word_bits).unwrap();
        for short_length in [0, 3, 8, 100] {
            let config = ParenthesesRewardConfig::DeceptiveShort {
                log_balanced: 0.5,
                log_short: -1.5,
                log_other: -4.0,
                short_length,
            };
            let reward = ParenthesesReward::new(&env, config).unwrap();
            let graph = StateGraph::explore(&env, 20_000).unwrap();
            let log_rewards: Vec<f64> = graph
                .terminal_states()
                .iter()
                .map(|x| match env.describe(x) {
                    text if text.len() == length && reduces_to_nothing(&text) => 0.5,
                    text if text.len() <= short_length => -1.5,
                    _ => -4.0,
                })
                .collect();
            assert_eq!(graph.log_rewards(&reward).unwrap(), log_rewards);
            let log_z = log_partition(&log_rewards);
            let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-11, "{length} {a} {b}");
            close(reward.log_partition(), log_z);
            let squares: f64 = log_rewards.iter().map(|l| (2.0 * l).exp()).sum();
            close(reward.mean_reward(), squares / log_z.exp());
            let valid: f64 = log_rewards
                .iter()
                .filter(|l| **l == 0.5)
                .map(|l| l.exp())
                .sum();
            close(reward.class_probabilities()[0], valid / log_z.exp());
            close(reward.class_probabilities().iter().sum(), 1.0);
        }
    }
}

#[test]
fn numbers_of_the_published_size() {
    let env = Parentheses::new(32, 1).unwrap();
    let reward = published(&env);
    // C_16; 2^9 - 1 strings of at most 8; the rest of 2^33 - 1.
    let other = 8_589_934_591.0 - 35_357_670.0 - 511.0;
    assert_eq!(reward.class_sizes(), [35_357_670.0, 511.0, other]);
    let z = 35_357_670.0 + 511.0 * (-1.5f64).exp() + other * (-10f64).exp();
    assert!((reward.log_partition() - z.ln()).abs() < 1e-12);
    // C_32, the largest that there is.
    let longest = published(&Parentheses::new(64, 1).unwrap());
    assert_eq!(longest.class_sizes()[0], 55_534_064_877_048_198.0);
    assert_eq!(
        reward.class(&env.string("()").unwrap()),
        ParenthesesClass::Short
    );
}

#[test]
fn bad_parameters_are_refused() {
    let refused = |length, word| Parentheses::new(length, word).unwrap_err().to_string();
    assert!(refused(0, 1).starts_with("`length`"));
    assert!(refused(65, 1).starts_with("`length`"));
    assert!(refused(8, 0).starts_with("`word_bits`"));
    assert!(refused(8, 3).starts_with("`word_bits`"));
    assert!(refused(18, 9).starts_with("`word_bits`"));
    let env = Parentheses::new(4, 2).unwrap();
    assert!(env.string("(((((").is_err() && env.string("(").is_err() && env.string("(x").is_err());
    let config = ParenthesesRewardConfig::DeceptiveShort {
        log_balanced: 0.0,
        log_short: f64::NAN,
        log_other: -10.0,
        short_length: 8,
    };
    let error = ParenthesesReward::new(&env, config)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("`log_short`"), "{error}");
}
