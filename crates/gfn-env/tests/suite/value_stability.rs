//! Values at a fixed seed do not change between releases, unless the changelog says so.

use crate::walk::push_walk;
use gfn_env::hypergrid::HypergridRewardConfig;
use gfn_env::{
    BitSequence, BitSequenceReward, BuildOrder, Environment, HammingReward, Hypergrid,
    HypergridReward, Purpose, Streams, TfBind8, Trajectories,
};

/// The first three uniform random walks of seed 42, as the final objects and the actions of the first walk.
fn walks<E: Environment>(env: &E) -> (Vec<String>, Vec<u32>) {
    let mut batch = Trajectories::new();
    for lane in 0..3 {
        let mut rng = Streams::new(42).rng(Purpose::Rollout, 0, lane);
        push_walk(env, &mut rng, &mut batch);
    }
    batch.validate(env).unwrap();
    let objects = batch.terminals().map(|x| env.describe(x)).collect();
    let actions = batch.trajectory(0).actions.iter().map(|a| a.0).collect();
    (objects, actions)
}

#[test]
fn hypergrid() {
    let (objects, actions) = walks(&Hypergrid::new(4, 8).unwrap());
    assert_eq!(objects, ["1 1 1 0", "1 0 0 0", "1 0 0 0"]);
    assert_eq!(actions, [0, 2, 1, 4]);
}

#[test]
fn bit_sequence() {
    let (objects, actions) = walks(&BitSequence::new(16, 4, BuildOrder::Autoregressive).unwrap());
    assert_eq!(
        objects,
        ["0010100100111101", "0010111100101000", "0010111101010111"]
    );
    assert_eq!(actions, [2, 9, 3, 13]);
    let (objects, actions) = walks(&BitSequence::new(16, 4, BuildOrder::AnyPosition).unwrap());
    assert_eq!(
        objects,
        ["1011011111001101", "1001010110001111", "1010101001111111"]
    );
    assert_eq!(actions, [11, 44, 23, 61]);
}

#[test]
fn tfbind8() {
    let (objects, actions) = walks(&TfBind8::new());
    assert_eq!(objects, ["AGATCAGT", "ATAGCTGG", "ATCCTAAG"]);
    assert_eq!(actions, [0, 2, 0, 3, 1, 0, 2, 3]);
}

#[test]
fn drawn_modes() {
    let env = BitSequence::new(16, 8, BuildOrder::Autoregressive).unwrap();
    let rule = HammingReward::RawHamming { exponent: 2.0 };
    let reward = BitSequenceReward::with_drawn_modes(&env, rule, 3, 42).unwrap();
    let modes: Vec<String> = reward.modes().iter().map(|m| env.describe(m)).collect();
    assert_eq!(
        modes,
        ["1111000000001111", "0011110000001111", "1111111100000000"]
    );
}

#[test]
fn random_landscapes() {
    let grid = Hypergrid::new(2, 100).unwrap();
    let config = HypergridRewardConfig::UniformRandom {
        r0: 0.1,
        r_mode: 2.0,
        mode_probability: 0.1,
        seed: 42,
    };
    let reward = HypergridReward::new(&grid, config).unwrap();
    let modes: Vec<u16> = (0..100)
        .filter(|y| reward.is_mode(&grid.cell(&[0, *y]).unwrap()))
        .collect();
    assert_eq!(modes, [14, 17, 21, 28, 80, 86, 90, 95, 99]);
}
