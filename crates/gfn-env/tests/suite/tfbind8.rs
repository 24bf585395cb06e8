//! TFBind8: the table, the reward conventions and the modes against values computed from the source data.

use gfn_env::{
    Enumerable as _, TfBind8, TfBind8Reward, TfBind8RewardConfig, log_partition,
    target_distribution,
};

fn reward(config: TfBind8RewardConfig) -> TfBind8Reward {
    TfBind8Reward::new(config).unwrap()
}

/// `E_p[R]` with `p = R/Z`.
fn target_mean(reward: &TfBind8Reward) -> f64 {
    let p = target_distribution(reward.table());
    p.iter().zip(reward.table()).map(|(p, r)| p * r.exp()).sum()
}

fn activity(text: &str) -> f64 {
    let env = TfBind8::new();
    env.activity(&env.word(text).unwrap()).unwrap()
}

#[test]
fn activities_are_those_of_the_source() {
    // E-scores 0.03000 and -0.12351.
    let y = |e: f64| (e + 0.47907) / (0.49105 + 0.47907);
    assert!((activity("AAAAAAAA") - y(0.03)).abs() < 1e-15);
    assert!((activity("AAAAAAAC") - y(-0.12351)).abs() < 1e-15);
    // The other strand: a word, its reverse complement.
    assert_eq!(activity("GTTTTTTT"), activity("AAAAAAAC"));
    assert_eq!(
        [activity("AGGTATCA"), activity("TGATACCT")],
        [1.0, 1.0],
        "the best words"
    );
    assert_eq!(activity("GGCCGGCC"), 0.0, "the worst, a palindrome");
}

#[test]
fn floor_after_power() {
    let reward = reward(TfBind8RewardConfig::floor_after_power());
    assert!((log_partition(reward.table()) - 11.462_147_130_398).abs() < 1e-11);
    assert!((target_mean(&reward) - 3.319_954_590_295).abs() < 1e-11);
    let min = reward.table().iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(min, 1e-3f64.ln());
}

#[test]
fn floor_before_power() {
    let reward = reward(TfBind8RewardConfig::floor_before_power());
    assert!((log_partition(reward.table()) - 11.462_147_080_289).abs() < 1e-11);
    assert!((target_mean(&reward) - 3.319_954_756_600).abs() < 1e-11);
    // 10·(1e-3)^3
    let min = reward.table().iter().copied().fold(f64::INFINITY, f64::min);
    assert!((min - 1e-8f64.ln()).abs() < 1e-12);
}

#[test]
fn modes_are_the_top_half_percent() {
    let env = TfBind8::new();
    let words: Vec<_> = (0..env.n_terminal()).map(|i| env.terminal(i)).collect();
    let modes: Vec<_> = words.iter().filter(|w| env.is_mode(w)).collect();
    assert_eq!(modes.len(), 328);
    let lowest = modes
        .iter()
        .filter_map(|w| env.activity(w))
        .fold(f64::INFINITY, f64::min);
    assert!((lowest - 0.946_934_4).abs() < 1e-7, "{lowest}");
    assert!(!env.is_mode(&env.word("ACGT").unwrap()));
}

#[test]
fn words() {
    let env = TfBind8::new();
    assert_eq!(env.word("AAAAAACA").unwrap(), env.terminal(4));
    assert_eq!(env.word("CAAAAAAA").unwrap(), env.terminal(1 << 14));
    let word = env.word("ACG").unwrap();
    assert_eq!(
        (word.length(), word.letter(2), word.letter(3)),
        (3, Some(2), None)
    );
    assert_eq!(env.activity(&word), None);
    assert!(env.word("ACGX").is_err());
    assert!(env.word("ACGTACGTA").is_err());
}

#[test]
fn bad_parameters_are_refused() {
    let refused = |exponent, scale, floor| {
        let config = TfBind8RewardConfig::FloorAfterPower {
            exponent,
            scale,
            floor,
        };
        TfBind8Reward::new(config).unwrap_err().to_string()
    };
    assert!(refused(0.0, 10.0, 1e-3).starts_with("`exponent`"));
    assert!(refused(3.0, f64::NAN, 1e-3).starts_with("`scale`"));
    assert_eq!(
        refused(3.0, 10.0, 0.0),
        "`floor` is 0.0, but it must be positive and finite"
    );
}
