//! Values at a fixed seed do not change between releases, unless the changelog says so.

use crate::walk::push_walk;
use gfn_env::bayesian_network::LinearGaussian;
use gfn_env::hypergrid::HypergridRewardConfig;
use gfn_env::listed_graph::TreeRewardConfig;
use gfn_env::phylogeny::SimulatedAlignment;
use gfn_env::sequence::SequenceOrder;
use gfn_env::set::Stopping;
use gfn_env::{
    Bag, BagReward, BagRewardConfig, BayesianNetwork, BitSequence, BitSequenceReward, BuildOrder,
    DeceptiveGrid, Enumerable as _, Environment, HammingReward, Hypergrid, HypergridReward,
    IsingConfig, IsingReward, NodeState, Parentheses, Peptide, Phylogeny, Purpose, Sequence,
    SequenceReward, SequenceRewardConfig, Set, SetReward, SetRewardConfig, Streams, TfBind8,
    Trajectories,
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
fn set() {
    let (objects, actions) = walks(&Set::new(16, 4, Stopping::AtSize).unwrap());
    assert_eq!(objects, ["2 4 9 14", "2 3 8 15", "2 5 8 15"]);
    assert_eq!(actions, [2, 9, 4, 14]);
    let (objects, _) = walks(&Set::new(4, 4, Stopping::AnySize).unwrap());
    assert_eq!(objects, ["0 1 3", "0", "0"]);
}

#[test]
fn sequence() {
    let (objects, actions) = walks(&Sequence::new(6, 8).unwrap());
    assert_eq!(objects, ["1 4 1 6 3 1", "1 7 1 4 2 6", "1 7 2 3 7 0"]);
    assert_eq!(actions, [1, 4, 1, 6, 3, 1]);
}

/// Logarithm and cosine may differ in the last place from one platform to another.
fn assert_drawn(drawn: &[f64], expected: &[f64]) {
    for (a, b) in drawn.iter().zip(expected) {
        assert!((a - b).abs() < 1e-12, "{drawn:?}");
    }
}

#[test]
fn drawn_weights() {
    let (scale, seed) = (1.0, 42);
    let set = Set::new(3, 1, Stopping::AtSize).unwrap();
    let config = SetRewardConfig::AdditiveNormal { scale, seed };
    let reward = SetReward::new(&set, config).unwrap();
    let z = [
        -0.821_986_697_771_6,
        -0.584_519_618_780_1,
        0.620_541_575_181_2,
    ];
    assert_drawn(reward.log_weights(), &z);
    // The same draws in another order: positions of two letters, or two letters and then positions.
    let strings = Sequence::new(1, 2).unwrap();
    let config = SequenceRewardConfig::AdditiveNormal { scale, seed };
    let reward = SequenceReward::new(&strings, config).unwrap();
    assert_drawn(&reward.log_weights()[0], &z[..2]);
    let config = SequenceRewardConfig::SeparableNormal { scale, seed };
    let reward = SequenceReward::new(&strings, config).unwrap();
    assert_drawn(&reward.log_weights()[0], &[z[0] * z[2], z[1] * z[2]]);
}

#[test]
fn peptide() {
    let (objects, actions) = walks(&Peptide::new(2, 4, Peptide::AMINO_ACIDS).unwrap());
    assert_eq!(objects, ["ENGW", "DYEN", "EYHM"]);
    assert_eq!(actions, [3, 11, 5, 18, 20]);
}

#[test]
fn parentheses() {
    let (objects, actions) = walks(&Parentheses::new(12, 2).unwrap());
    assert_eq!(objects, ["(()(()", "((", "(("]);
    assert_eq!(actions, [0, 2, 1, 4]);
}

#[test]
fn bag() {
    let (objects, actions) = walks(&Bag::new(4, 6).unwrap());
    assert_eq!(objects, ["AAABCD", "AABCDD", "AABBDD"]);
    let env = Bag::new(2, 7).unwrap();
    let config = BagRewardConfig::repeated_letter().with_threshold(4);
    let reward = BagReward::new(&env, config).unwrap();
    let modes: Vec<usize> = (0..8)
        .filter(|i| reward.is_mode(&env.terminal(*i)))
        .collect();
    assert_eq!((actions, modes), (vec![0, 2, 0, 3, 1, 0], vec![0, 6]));
}

#[test]
fn deceptive_grid() {
    let (objects, actions) = walks(&DeceptiveGrid::new(3, 4).unwrap());
    assert_eq!(objects, ["2 0 1", "1 0 0", "1 0 0"]);
    assert_eq!(actions, [0, 2, 0, 3]);
}

#[test]
fn bayesian_network() {
    let (objects, actions) = walks(&BayesianNetwork::new(4).unwrap());
    assert_eq!(objects, ["0>3 1>0 2>1", "0>2", "0>3"]);
    assert_eq!(actions, [2, 7, 3, 12]);
    let known = LinearGaussian::published(4, 42).draw().unwrap();
    assert_eq!(known.parents, [0, 13, 1, 1]);
    let row: Vec<f64> = (0..4).map(|j| known.data.column(j)[0]).collect();
    let expected = [
        -0.003_258_686_655_8,
        1.741_477_850_206_3,
        -0.550_882_120_490_1,
        -0.083_105_944_311_8,
    ];
    assert_drawn(&row, &expected);
}

#[test]
fn sequences_in_other_orders() {
    let strings = Sequence::new(4, 3).unwrap();
    let (objects, _) = walks(&strings.with_order(SequenceOrder::EitherEnd));
    assert_eq!(objects, ["2 0 0 1", "0 2 0 1", "2 0 1 2"]);
    let (objects, _) = walks(&strings.with_order(SequenceOrder::AnyPosition));
    assert_eq!(objects, ["2 1 2 2", "1 1 1 2", "1 1 1 2"]);
}

#[test]
fn phylogeny() {
    let (objects, actions) = walks(&Phylogeny::new(5).unwrap());
    let expected = [
        "(((0 2) (1 3)) 4)",
        "(((0 2) 1) (3 4))",
        "(((0 2) 1) (3 4))",
    ];
    assert_eq!(objects, expected);
    assert_eq!(actions, [1, 5, 0, 3]);
    let simulated = SimulatedAlignment {
        n_taxa: 3,
        n_sites: 4,
        branch_length: 0.3,
        seed: 42,
    };
    let alignment = simulated.draw().unwrap();
    let sequences = [0, 1, 2].map(|taxon| alignment.sequence(taxon).to_vec());
    assert_eq!(sequences, [[1, 1, 2, 2], [1, 4, 8, 4], [1, 1, 8, 2]]);
}

#[test]
fn spin_glass_and_tree() {
    let couplings = IsingConfig::SpinGlass {
        width: 2,
        height: 2,
        scale: 1.0,
        seed: 42,
    };
    let reward = IsingReward::new(&couplings, &[0.0], 1.0, BuildOrder::AnyPosition).unwrap();
    let up = reward.environment().string(0b1111).unwrap();
    let leaves = TreeRewardConfig::LogNormal {
        scale: 1.0,
        seed: 42,
    };
    let tree = leaves.tree(1).unwrap();
    let drawn = [
        reward.energy_of(&up),
        tree.log_reward(NodeState(1)),
        tree.log_reward(NodeState(2)),
    ];
    let expected = [
        4.873_359_972_206_1,
        -0.821_986_697_771_6,
        -0.584_519_618_780_1,
    ];
    assert_drawn(&drawn, &expected);
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
