//! Every objective reaches the exact distribution, with tables that can represent it.
//!
//! Total variation against `R/Z` by dynamic programming, and log Z where the objective learns it, on three shapes of
//! graph: a grid with an exit everywhere, a tree, and a graph whose complete objects have several parents.

use burn::tensor::Device;
use gfn_env::{
    BitSequence, BitSequenceReward, BuildOrder, Environment, HammingReward, Hypergrid,
    HypergridReward, Indexed, Reward, Streams, log_partition, target_distribution, total_variation,
};
use gfn_explore::{EpsilonUniform, OnPolicy, Schedule};
use gfn_loss::SubTrajectoryNormalisation;
use gfn_policy::{
    BackwardPolicy, MlpConfig, MlpPolicy, Policy as _, TabularFlowPolicy,
    exact_terminal_distribution,
};
use gfn_train::{
    AdamConfig, DetailedBalance, LogPartitionVariance, Objective, SubTrajectoryBalance, Trainer,
    TrainerConfig, TrajectoryBalance,
};

const ITERATIONS: u64 = 1_500;

/// Largest exact total variation at the end.
const TV: f64 = 1e-3;
/// Largest error of log Z at the end.
const LOG_Z: f64 = 1e-3;

fn config() -> TrainerConfig {
    let down = |from: f64| Schedule::Cosine {
        from,
        to: 1e-3,
        iterations: ITERATIONS,
    };
    TrainerConfig {
        optimiser: AdamConfig {
            learning_rate: down(0.1),
            log_z_learning_rate: down(0.1),
            ..AdamConfig::default()
        },
        ..TrainerConfig::default()
    }
}

/// Trains a table and returns the total variation and the error of log Z.
fn train<E, R, O>(
    env: &Indexed<E>,
    reward: &R,
    backward: BackwardPolicy,
    objective: O,
) -> (f64, f64)
where
    E: Environment,
    R: Reward<E::State>,
    O: Objective<TabularFlowPolicy>,
{
    let device = Device::flex().autodiff();
    let policy = TabularFlowPolicy::new(env, backward, &device);
    let explore = EpsilonUniform::new(OnPolicy, Schedule::constant(0.1)).expect("in range");
    let mut trainer = Trainer::new(env, reward, policy, objective, config())
        .expect("a valid configuration")
        .with_behaviour(explore);
    trainer
        .run(ITERATIONS, |_report, _trajectories| {})
        .expect("finite losses");
    let log_rewards = env.graph().log_rewards(reward).expect("rewards");
    let sampler = trainer.policy().sampler();
    let learned = exact_terminal_distribution(env, env.graph(), sampler.as_ref()).expect("finite");
    let tv = total_variation(&learned, &target_distribution(&log_rewards));
    (tv, (trainer.log_z() - log_partition(&log_rewards)).abs())
}

fn check<O: Objective<TabularFlowPolicy> + Copy>(objective: O, learns_log_z: bool) {
    let grid = Hypergrid::new(2, 6).expect("a grid");
    let grid_reward = HypergridReward::original(&grid, 0.1, 0.5, 2.0).expect("a reward");
    let grid = Indexed::new(grid, 100).expect("72 states");
    let strings = |order| {
        let env = BitSequence::new(4, 1, order).expect("strings");
        let modes = [0b0110, 0b1111].map(|bits| env.string(bits).expect("four bits"));
        let rule = HammingReward::RawHamming { exponent: 1.0 };
        let reward = BitSequenceReward::new(&env, rule, modes.to_vec()).expect("a reward");
        (Indexed::new(env, 100).expect("at most 81 states"), reward)
    };
    let (tree, tree_reward) = strings(BuildOrder::Autoregressive);
    let (lattice, lattice_reward) = strings(BuildOrder::AnyPosition);
    for backward in [BackwardPolicy::Uniform, BackwardPolicy::Learned] {
        for (name, (tv, log_z)) in [
            ("grid", train(&grid, &grid_reward, backward, objective)),
            ("tree", train(&tree, &tree_reward, backward, objective)),
            (
                "lattice",
                train(&lattice, &lattice_reward, backward, objective),
            ),
        ] {
            assert!(tv <= TV, "{name} {backward:?}: total variation {tv}");
            assert!(
                !learns_log_z || log_z <= LOG_Z,
                "{name} {backward:?}: error of log Z {log_z}"
            );
        }
    }
}

#[test]
fn trajectory_balance_reaches_the_exact_distribution() {
    check(TrajectoryBalance, true);
}

#[test]
fn detailed_balance_reaches_the_exact_distribution() {
    check(DetailedBalance::default(), true);
}

#[test]
fn sub_trajectory_balance_reaches_the_exact_distribution() {
    let objective = SubTrajectoryBalance {
        lambda: 0.9,
        normalisation: SubTrajectoryNormalisation::Batch {},
    };
    check(objective, true);
}

#[test]
fn log_partition_variance_reaches_the_exact_distribution() {
    check(LogPartitionVariance, false);
}

#[test]
fn an_untrained_policy_is_far_from_the_exact_distribution() {
    // What the bounds above are worth: the start is a long way off.
    let env = Hypergrid::new(2, 6).expect("a grid");
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).expect("a reward");
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &device);
    let trainer = Trainer::new(
        env,
        reward,
        policy,
        TrajectoryBalance,
        TrainerConfig::default(),
    )
    .expect("a valid configuration");
    let tv = trainer.exact_total_variation(100).expect("72 states");
    assert!(tv > 0.2, "{tv}");
}
