//! Trajectory balance reaches the exact distribution of the environments of the field.

use crate::trained::{Budget, distance};
use burn::tensor::Device;
use gfn_env::bayesian_network::{Baseline, BdeScore, BgeScore, LinearGaussian, StructurePrior};
use gfn_env::phylogeny::{Gaps, PhylogenyRewardConfig, SimulatedAlignment};
use gfn_env::sequence::{RewardScale, SequenceOrder, SequenceTableReward};
use gfn_env::{
    AntimicrobialReward, BayesianNetworkReward, BuildOrder, Environment, Indexed, IsingConfig,
    IsingReward, ListedGraph, ListedGraphReward, Peptide, PhylogenyReward, Reward, Sequence,
    Streams, Table,
};
use gfn_policy::{BackwardPolicy, MlpConfig, MlpPolicy, TabularPolicy};
use gfn_train::{ModifiedDetailedBalance, Objective, TrajectoryBalance};

fn budget(iterations: u64, rate: f64, epsilon: f64) -> Budget {
    Budget {
        iterations,
        batch_size: 32,
        rate,
        log_z_rate: 0.2,
        epsilon,
    }
}

/// [`distance`] of a table.
fn of_table<E, R, O>(env: E, reward: &R, objective: O, iterations: u64) -> [f64; 2]
where
    E: Environment<State: 'static> + Clone + 'static,
    R: Reward<E::State> + Clone + 'static,
    O: Objective<TabularPolicy>,
{
    let env = Indexed::new(env, 20_000).expect("few states");
    let device = Device::flex().autodiff();
    let policy = TabularPolicy::new(&env, BackwardPolicy::Uniform, &device);
    distance(
        &env,
        reward,
        policy,
        objective,
        budget(iterations, 0.2, 0.3),
    )
}

/// [`distance`] of a small perceptron.
fn of_perceptron<E, R, O>(env: &E, reward: &R, objective: O, iterations: u64) -> [f64; 2]
where
    E: Environment<State: 'static> + Clone + 'static,
    R: Reward<E::State> + Clone + 'static,
    O: Objective<MlpPolicy>,
{
    let config = MlpConfig {
        hidden: vec![64],
        backward: BackwardPolicy::Uniform,
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&config, env, Streams::new(0), &device);
    distance(
        env,
        reward,
        policy,
        objective,
        budget(iterations, 0.01, 0.1),
    )
}

#[test]
fn bayesian_networks_of_four_nodes() {
    let known = LinearGaussian::published(4, 0).draw().expect("data");
    let score = BgeScore::new(&known.data, 1.0, 2.0).expect("a score");
    let prior = StructurePrior::Uniform {};
    let reward = BayesianNetworkReward::new(Box::new(score), prior, Baseline::BestGraph);
    let reward = reward.expect("a reward");
    let env = reward.environment();
    let [tv, log_z] = of_perceptron(&env, &reward, TrajectoryBalance, 4_000);
    assert!(tv <= 0.05 && log_z <= 0.05, "{tv}, {log_z}");
}

#[test]
fn bayesian_networks_of_levels_by_modified_detailed_balance() {
    let known = LinearGaussian {
        n_rows: 60,
        ..LinearGaussian::published(4, 1)
    };
    let levels = known.draw().expect("data").data.discretised(3);
    let score = BdeScore::new(levels.expect("three levels"), 1.0).expect("a score");
    let prior = StructurePrior::ErdosRenyi {
        edges_per_node: 1.0,
    };
    let reward = BayesianNetworkReward::new(Box::new(score), prior, Baseline::BestGraph);
    let reward = reward.expect("a reward");
    let objective = ModifiedDetailedBalance::default();
    let [tv, _] = of_table(reward.environment(), &reward, objective, 1_500);
    assert!(tv <= 0.05, "{tv}");
}

#[test]
fn ising_on_a_torus_of_three_by_three() {
    let couplings = IsingConfig::Torus {
        width: 3,
        height: 3,
        coupling: 0.2,
    };
    let reward = IsingReward::new(&couplings, &[0.05], 1.0, BuildOrder::AnyPosition);
    let reward = reward.expect("a reward");
    let [tv, log_z] = of_perceptron(&reward.environment(), &reward, TrajectoryBalance, 800);
    assert!(tv <= 0.05 && log_z <= 0.05, "{tv}, {log_z}");
}

#[test]
fn written_graphs() {
    let edges = [
        ("s", "a"),
        ("s", "b"),
        ("a", "c"),
        ("b", "c"),
        ("c", "x"),
        ("c", "y"),
        ("b", "y"),
        ("b", "z"),
    ];
    let rewards = [("x", 1.0), ("y", 4.0), ("z", 0.5)];
    let graph = ListedGraph::new(&edges, &rewards, None).expect("a graph");
    let reward = ListedGraphReward(graph.clone());
    let [tv, log_z] = of_table(graph, &reward, TrajectoryBalance, 500);
    assert!(tv <= 0.01 && log_z <= 0.01, "{tv}, {log_z}");
}

#[test]
fn phylogenies_of_five_taxa() {
    let alignment = SimulatedAlignment {
        n_taxa: 5,
        n_sites: 40,
        branch_length: 0.3,
        seed: 1,
    };
    let alignment = alignment.draw().expect("sequences");
    let config = PhylogenyRewardConfig::Parsimony {
        temperature: 4.0,
        constant: None,
        gaps: Gaps::Unknown,
    };
    let reward = PhylogenyReward::new(&alignment, config).expect("a reward");
    let [tv, log_z] = of_table(reward.environment(), &reward, TrajectoryBalance, 1_000);
    assert!(tv <= 0.05 && log_z <= 0.05, "{tv}, {log_z}");
}

#[test]
fn strings_of_a_table_from_either_end_and_at_any_position() {
    let text = "string,reward\nACG,3\nGUU,5\nUUA,1\nAAA,4\n";
    let table = Table::parse(text).expect("a table");
    for order in [SequenceOrder::EitherEnd, SequenceOrder::AnyPosition] {
        let env = Sequence::new(3, 4).expect("strings").with_order(order);
        let env = env.with_alphabet("ACGU").expect("four letters");
        let scale = RewardScale::default();
        let reward = SequenceTableReward::new(&env, &table, scale, Some(0.1)).expect("rewards");
        let [tv, log_z] = of_table(env, &reward, TrajectoryBalance, 1_000);
        assert!(tv <= 0.05 && log_z <= 0.05, "{order:?}: {tv}, {log_z}");
    }
}

#[test]
fn antimicrobial_peptides_of_two_residues() {
    let env = Peptide::new(1, 2, Peptide::AMINO_ACIDS).expect("420 chains");
    let reward = AntimicrobialReward::new(3.0).expect("a reward");
    let [tv, log_z] = of_table(env, &reward, TrajectoryBalance, 2_000);
    assert!(tv <= 0.01 && log_z <= 0.01, "{tv}, {log_z}");
}
