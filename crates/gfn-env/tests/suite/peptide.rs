//! Peptides: dynamics at the limits of the length, the reward by hand, and log Z by composition against the list of chains.

use gfn_env::{
    Action, Enumerable as _, Environment as _, Peptide, PeptideReward, PeptideRewardConfig,
    StateGraph, log_partition,
};

fn reward(env: &Peptide, exponent: f64, floor: f64) -> PeptideReward {
    PeptideReward::new(env, PeptideRewardConfig::Gates { exponent, floor }).expect("gates in range")
}

/// Mean reward of a perfect sampler, by composition.
fn mean_reward(reward: &PeptideReward) -> f64 {
    let [log_z, log_second] = reward.log_moments();
    (log_second - log_z).exp()
}

/// `σ(x)` as it is written.
fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn stop_is_allowed_from_the_least_length_and_forced_at_the_largest() {
    let env = Peptide::new(2, 3, "KA").unwrap();
    assert_eq!(
        (env.n_actions(), env.stop(), env.max_len()),
        (3, Action(2), 4)
    );
    let mut state = env.source();
    let mut masks = Vec::new();
    for action in [0, 1, 1, 2] {
        let mut allowed = [false; 3];
        env.forward_mask(&state, &mut allowed);
        masks.push(allowed);
        env.step(&mut state, Action(action)).unwrap();
    }
    assert_eq!(
        masks,
        [
            [true, true, false],
            [true, true, false],
            [true, true, true],
            [false, false, true]
        ]
    );
    assert_eq!(
        (state.to_string(), env.describe(&state)),
        ("KAA*".to_owned(), "KAA".to_owned())
    );
    assert!(env.step(&mut state, Action(2)).is_err(), "stopped");
}

#[test]
fn chains_are_numbered_by_length_and_letters() {
    let env = Peptide::new(1, 3, "KAD").unwrap();
    assert_eq!(env.n_terminal(), 3 + 9 + 27);
    assert_eq!(env.terminal(0), env.chain("K").unwrap());
    assert_eq!(env.terminal(3), env.chain("KK").unwrap());
    assert_eq!(env.index_of(&env.chain("AD").unwrap()), Some(3 + 3 + 2));
    assert_eq!(env.terminal(38), env.chain("DDD").unwrap());
    assert!(env.chain("KADK").is_err() && env.chain("").is_err() && env.chain("KG").is_err());
    // More chains than a number holds: they have no number, and the first ones can still be made.
    let standard = Peptide::standard();
    assert_eq!(standard.n_terminal(), usize::MAX);
    assert_eq!(standard.index_of(&standard.terminal(0)), None);
    assert_eq!(standard.describe(&standard.terminal(21)), "AAAAAAAACC");
    let last = standard.terminal(usize::MAX - 1);
    assert!((10..=30).contains(&last.length()));
}

#[test]
fn reward_by_hand() {
    let env = Peptide::standard();
    // 12 letters: six letters twice, H = log 6; K K R R − D D: charge 2.
    let x = env.chain("KKRRDDAALLGG").unwrap();
    let gates = sigmoid(10.0 * (6f64.ln() / 20f64.ln() - 0.5))
        * sigmoid(1.0)
        * sigmoid(2.0 * 0.5)
        * sigmoid(2.0 * 7.5);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-13, "{a} {b}");
    close(reward(&env, 1.0, 0.0).log_reward_of(&x), gates.ln());
    close(
        reward(&env, 2.5, 0.01).log_reward_of(&x),
        (gates.powf(2.5) + 0.01).ln(),
    );
    // One letter alone: no entropy, charge 10.
    let y = env.chain("RRRRRRRRRR").unwrap();
    let gates = sigmoid(-5.0) * sigmoid(0.0) * sigmoid(17.0) * sigmoid(-1.0);
    close(reward(&env, 1.0, 0.0).log_reward_of(&y), gates.ln());
    // Histidine is neutral, aspartate and glutamate are not.
    let charged = |text| reward(&env, 1.0, 0.0).log_reward_of(&env.chain(text).unwrap());
    close(charged("KKKACFGILM"), charged("KKKHCFGILM"));
    assert!(charged("KKKDCFGILM") < charged("KKKHCFGILM") - 0.01);
    close(charged("KKKDCFGILM"), charged("KKKECFGILM"));
}

#[test]
fn rewards_are_finite_at_any_exponent() {
    let env = Peptide::new(1, 30, Peptide::AMINO_ACIDS).unwrap();
    for text in [
        "D",
        "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDD",
        "KRKRKRKRKRKRKRKRKRKRKRKRKRKRKR",
    ] {
        let x = env.chain(text).unwrap();
        let steep = reward(&env, 1e6, 0.0).log_reward_of(&x);
        assert!(steep.is_finite() && steep < -1e5, "{steep}");
        let floored = reward(&env, 1e6, 1e-8).log_reward_of(&x);
        assert!((floored - 1e-8f64.ln()).abs() < 1e-12, "{floored}");
    }
}

#[test]
fn partition_by_composition_is_that_of_all_chains() {
    for (min_length, max_length, alphabet) in [
        (1, 6, "KADL"),
        (2, 5, "RKDE"),
        (3, 7, "AC"),
        (1, 3, Peptide::AMINO_ACIDS),
    ] {
        let env = Peptide::new(min_length, max_length, alphabet).unwrap();
        for (exponent, floor) in [(1.0, 1e-8), (3.0, 0.0), (0.5, 0.1)] {
            let reward = reward(&env, exponent, floor);
            let graph = StateGraph::explore(&env, 20_000).unwrap();
            let log_rewards = graph.log_rewards(&reward).unwrap();
            let log_z = log_partition(&log_rewards);
            assert!(
                (reward.log_partition() - log_z).abs() < 1e-9,
                "{alphabet} {log_z}"
            );
            let squares: f64 = log_rewards.iter().map(|l| (2.0 * l).exp()).sum();
            let mean = squares / log_z.exp();
            assert!(
                (mean_reward(&reward) / mean - 1.0).abs() < 1e-9,
                "{alphabet}"
            );
        }
    }
}

/// A reward that is all floor makes `Z` the number of chains.
#[test]
fn partition_of_the_standard_chains_counts_them() {
    let env = Peptide::standard();
    // Beside a floor of 1e12 the gates, at most 1, are nothing.
    let log_z = reward(&env, 1.0, 1e12).log_partition();
    let n: f64 = (10..=30).map(|length| 20f64.powi(length)).sum();
    assert!((log_z - (n.ln() + 1e12f64.ln())).abs() < 1e-9, "{log_z}");
}

#[test]
fn bad_parameters_are_refused() {
    let refused = |min, max, alphabet| Peptide::new(min, max, alphabet).unwrap_err().to_string();
    assert!(refused(1, 61, "KA").starts_with("`max_length`"));
    assert!(refused(0, 3, "KA").starts_with("`min_length`"));
    assert!(refused(4, 3, "KA").starts_with("`min_length`"));
    for alphabet in ["K", "", "KK", "KB", "Kä", "ka"] {
        assert!(
            refused(1, 3, alphabet).starts_with("`alphabet`"),
            "{alphabet}"
        );
    }
    let gates = PeptideRewardConfig::gates();
    let long = Peptide::new(1, 31, "KA").unwrap();
    let error = PeptideReward::new(&long, gates).unwrap_err().to_string();
    assert!(error.starts_with("`max_length` is 31"), "{error}");
    let env = Peptide::standard();
    for (exponent, floor, name) in [
        (0.0, 0.1, "`exponent`"),
        (f64::NAN, 0.1, "`exponent`"),
        (1.0, -0.1, "`floor`"),
    ] {
        let config = PeptideRewardConfig::Gates { exponent, floor };
        let error = PeptideReward::new(&env, config).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

/// The recursion of the definition.
fn edits(a: &[u8], b: &[u8]) -> usize {
    match (a, b) {
        ([], rest) | (rest, []) => rest.len(),
        ([x, a @ ..], [y, b @ ..]) if x == y => edits(a, b),
        ([_, a_rest @ ..], [_, b_rest @ ..]) => {
            1 + edits(a_rest, b_rest)
                .min(edits(a_rest, b))
                .min(edits(a, b_rest))
        }
    }
}

#[test]
fn edit_distances_are_those_of_the_definition() {
    let env = Peptide::new(1, 4, "KA").unwrap();
    let chains: Vec<_> = (0..env.n_terminal()).map(|i| env.terminal(i)).collect();
    for a in &chains {
        for b in &chains {
            let expected = edits(a.letters(), b.letters());
            assert_eq!(a.edit_distance(b), expected, "{a} {b}");
        }
        assert_eq!(a.edit_distance(&env.source()), a.length());
    }
    let env = Peptide::new(1, 60, Peptide::AMINO_ACIDS).unwrap();
    let [longest, shifted] = [("A", "C"), ("C", "A")].map(|(first, last)| {
        env.chain(&format!("{first}{}{last}", "KR".repeat(29)))
            .unwrap()
    });
    assert_eq!(longest.edit_distance(&shifted), 2);
    assert_eq!(env.source().edit_distance(&longest), 60);
}
