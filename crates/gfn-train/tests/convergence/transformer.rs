//! Transformers reach the exact distribution: all tokens of a grid's cell or of a set, and strings token by token.

use crate::trained::{Budget, distance};
use burn::tensor::Device;
use gfn_env::set::Stopping;
use gfn_env::{
    Environment, Hypergrid, HypergridReward, LogRewardFn, Reward, Sequence, SequenceState, Set,
    SetState, Streams,
};
use gfn_policy::{
    Attention, BackwardPolicy, Policy, TransformerConfig, TransformerFlowPolicy, TransformerPolicy,
};
use gfn_train::{DetailedBalance, Objective, TrajectoryBalance};

fn config(attention: Attention) -> TransformerConfig {
    TransformerConfig {
        attention,
        layers: 1,
        heads: 2,
        width: 16,
        feed_forward: 32,
        backward: BackwardPolicy::Uniform,
        ..TransformerConfig::default()
    }
}

/// Trains and compares with the exact distribution.
fn check<E, R, P, O>(name: &str, env: &E, reward: &R, policy: P, objective: O)
where
    E: Environment<State: 'static> + Clone + 'static,
    R: Reward<E::State> + Clone + 'static,
    P: Policy,
    O: Objective<P>,
{
    let budget = Budget {
        iterations: 400,
        batch_size: 16,
        rate: 5e-3,
        log_z_rate: 0.1,
        epsilon: 0.1,
    };
    let [tv, error] = distance(env, reward, policy, objective, budget);
    assert!(tv <= 0.05, "{name}: total variation {tv}");
    assert!(error <= 0.1, "{name}: error of log Z {error}");
}

fn device() -> Device {
    Device::flex().autodiff()
}

#[test]
fn bidirectional_attention_reaches_the_exact_distribution() {
    let attention = Attention::Bidirectional;
    let grid = Hypergrid::new(2, 4).expect("valid");
    let reward = HypergridReward::original(&grid, 0.1, 0.5, 2.0).expect("valid");
    let policy = TransformerPolicy::new(&config(attention), &grid, Streams::new(0), &device());
    check(
        "grid",
        &grid,
        &reward,
        policy.expect("valid"),
        TrajectoryBalance,
    );
    let policy = TransformerFlowPolicy::new(&config(attention), &grid, Streams::new(0), &device());
    let objective = DetailedBalance::default();
    check(
        "grid, DB",
        &grid,
        &reward,
        policy.expect("valid"),
        objective,
    );

    // Sets of every size, padded, with a learned P_B.
    let sets = Set::new(4, 3, Stopping::AnySize).expect("valid");
    let reward = LogRewardFn(|x: &SetState| x.elements().map(|i| 0.5 * i as f64 - 0.4).sum());
    let learned = TransformerConfig {
        backward: BackwardPolicy::Learned,
        ..config(attention)
    };
    let policy = TransformerPolicy::new(&learned, &sets, Streams::new(0), &device());
    check(
        "sets",
        &sets,
        &reward,
        policy.expect("valid"),
        TrajectoryBalance,
    );
}

#[test]
fn causal_attention_reaches_the_exact_distribution() {
    let strings = Sequence::new(3, 3).expect("valid");
    // Not a function of the letters' counts, nor of single positions.
    let reward = LogRewardFn(|x: &SequenceState| {
        let letters: Vec<u8> = x.placed().map(|(_, letter)| letter).collect();
        let pairs = letters.windows(2);
        pairs
            .map(|pair| {
                if pair[0] == pair[1] {
                    1.2
                } else {
                    -0.3 * f64::from(pair[1])
                }
            })
            .sum()
    });
    let config = config(Attention::Causal);
    let policy = TransformerPolicy::new(&config, &strings, Streams::new(0), &device());
    check(
        "strings",
        &strings,
        &reward,
        policy.expect("valid"),
        TrajectoryBalance,
    );
    let policy = TransformerFlowPolicy::new(&config, &strings, Streams::new(0), &device());
    let objective = DetailedBalance::default();
    check(
        "strings, DB",
        &strings,
        &reward,
        policy.expect("valid"),
        objective,
    );
}
