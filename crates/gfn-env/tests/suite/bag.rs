//! Bags: numbering, the reward by hand, and log Z of multisets and of strings against their lists.

use gfn_env::{
    Action, Bag, BagOrder, BagReward, BagRewardConfig, Enumerable as _, Environment as _, Reward,
    Sequence, StateGraph, log_partition,
};

fn config(threshold: usize, mode_probability: f64) -> BagRewardConfig {
    BagRewardConfig::RepeatedLetter {
        threshold,
        poor: 0.01,
        rich: 10.0,
        mode: 30.0,
        mode_probability,
        seed: 0,
    }
}

#[test]
fn multisets_are_numbered_from_the_last_letter_back() {
    let env = Bag::new(3, 2).unwrap();
    let texts: Vec<String> = (0..6).map(|i| env.describe(&env.terminal(i))).collect();
    assert_eq!(texts, ["CC", "BC", "BB", "AC", "AB", "AA"]);
    assert_eq!(Bag::published().n_terminal(), 27_132);
    assert_eq!(Bag::new(16, 32).unwrap().n_terminal(), 751_616_304_549);
    let mut state = env.bag("B").unwrap();
    env.step(&mut state, Action(0)).unwrap();
    assert_eq!(env.describe(&state), "AB");
    assert!(env.step(&mut state, Action(0)).is_err(), "full");
}

#[test]
fn reward_by_hand() {
    let env = Bag::published();
    let reward = BagReward::new(&env, config(7, 0.0)).unwrap();
    let log_reward = |letters: &str| {
        let mut out = [0.0];
        reward
            .log_reward(&[env.bag(letters).unwrap()], &mut out)
            .unwrap();
        out[0]
    };
    assert_eq!(log_reward("AAAAAABBBBBBC"), 0.01f64.ln());
    assert_eq!(log_reward("AAAAAAABBBBBB"), 10f64.ln());
    assert_eq!(log_reward("GGGGGGGGGGGGG"), 10f64.ln());
    assert!(log_reward("AAAAAAAA").is_nan(), "no object");
    // The order of a string does not matter, its letters do.
    let strings = Sequence::new(13, 7).unwrap();
    let string = strings
        .string(&[6, 1, 6, 6, 2, 6, 3, 6, 4, 6, 5, 6, 0])
        .unwrap();
    let mut out = [0.0];
    reward.log_reward(&[string], &mut out).unwrap();
    assert_eq!(out[0], 10f64.ln());
    let short = strings.string(&[6; 12]).unwrap();
    reward.log_reward(&[short], &mut out).unwrap();
    assert!(out[0].is_nan(), "no object");
}

#[test]
fn log_partition_is_that_of_all_multisets_and_of_all_strings() {
    fn sums<E: gfn_env::Environment>(env: &E, reward: &impl Reward<E::State>) -> [f64; 2] {
        let graph = StateGraph::explore(env, 20_000).unwrap();
        let log_rewards = graph.log_rewards(reward).unwrap();
        let log_z = log_partition(&log_rewards);
        let squares: f64 = log_rewards.iter().map(|l| (2.0 * l).exp()).sum();
        [log_z, squares / log_z.exp()]
    }
    for (n_letters, size, threshold) in [(2, 9, 7), (4, 6, 3), (5, 5, 9), (3, 8, 1)] {
        let env = Bag::new(n_letters, size).unwrap();
        let reward = BagReward::new(&env, config(threshold, 0.25)).unwrap();
        let strings = Sequence::new(size, n_letters).unwrap();
        for (order, [log_z, mean]) in [
            (BagOrder::Multiset, sums(&env, &reward)),
            (BagOrder::Append, sums(&strings, &reward)),
        ] {
            let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-10 * b.abs(), "{a} {b}");
            close(reward.log_partition(order), log_z);
            close(reward.mean_reward(order), mean);
        }
    }
}

/// The published mean reward of a perfect sampler, 18.17, is that of the 7^13 strings, not of the 27,132 multisets.
#[test]
fn published_mean_reward_is_that_of_strings() {
    // Strings with seven or more of a letter; of two letters that cannot be.
    let binomial = |n: u64, k: u64| (0..k).fold(1, |c, i| c * (n - i) / (i + 1));
    let n: u64 = (7..=13)
        .map(|k| 7 * binomial(13, k) * 6u64.pow(13 - k as u32))
        .sum();
    assert_eq!(n, 637_424_977);
    // A quarter are modes exactly.
    let mean_reward = |rich: f64, all: f64| {
        let z = rich * (0.75 * 10.0 + 0.25 * 30.0) + (all - rich) * 0.01;
        (rich * (0.75 * 100.0 + 0.25 * 900.0) + (all - rich) * 1e-4) / z
    };
    assert!((mean_reward(n as f64, 7f64.powi(13)) - 18.17).abs() < 0.005);
    assert!((mean_reward(6468.0, 27_132.0) - 19.957).abs() < 0.001);
    // Modes are drawn here, one multiset at a time.
    let env = Bag::published();
    let reward = BagReward::new(&env, BagRewardConfig::repeated_letter()).unwrap();
    let rich =
        (0..env.n_terminal()).filter(|i| *env.terminal(*i).counts().iter().max().unwrap() >= 7);
    assert_eq!(rich.count(), 6468);
    let share = reward.n_modes(BagOrder::Multiset) / 6468.0;
    // Three deviations of a share of 6468 draws.
    assert!(
        (share - 0.25).abs() < 3.0 * (0.25f64 * 0.75 / 6468.0).sqrt(),
        "{share}"
    );
    for (order, n_modes, log_z, mean) in [
        (BagOrder::Multiset, 1648.0, 11.491_156_634, 20.084_512_523),
        (
            BagOrder::Append,
            154_256_976.0,
            23.067_175_692,
            17.958_108_529,
        ),
    ] {
        assert_eq!(reward.n_modes(order), n_modes);
        assert!((reward.log_partition(order) - log_z).abs() < 1e-8);
        assert!((reward.mean_reward(order) - mean).abs() < 1e-8);
    }
}

#[test]
fn bad_parameters_are_refused() {
    let refused = |letters, size| Bag::new(letters, size).unwrap_err().to_string();
    assert!(refused(0, 3).starts_with("`n_letters`"));
    assert!(refused(17, 3).starts_with("`n_letters`"));
    assert!(refused(3, 0).starts_with("`size`"));
    assert!(refused(3, 33).starts_with("`size`"));
    let env = Bag::new(3, 4).unwrap();
    assert!(env.bag("D").is_err() && env.bag("AAAAA").is_err() && env.bag("BA").is_err());
    let refused = |config| BagReward::new(&env, config).unwrap_err().to_string();
    assert!(refused(config(0, 0.5)).starts_with("`threshold`"));
    assert!(refused(config(2, 1.5)).starts_with("`mode_probability`"));
    assert!(refused(config(2, f64::NAN)).starts_with("`mode_probability`"));
    let BagRewardConfig::RepeatedLetter {
        threshold,
        poor,
        mode,
        mode_probability,
        seed,
        ..
    } = config(2, 0.5)
    else {
        unreachable!("the only kind");
    };
    for rich in [0.0, -1.0, f64::INFINITY] {
        let config = BagRewardConfig::RepeatedLetter {
            threshold,
            poor,
            rich,
            mode,
            mode_probability,
            seed,
        };
        assert!(refused(config).starts_with("`rich`"), "{rich}");
    }
    let large = BagReward::new(&Bag::new(16, 32).unwrap(), config(2, 0.5)).unwrap_err();
    assert!(large.to_string().contains("1,000,000"));
}
