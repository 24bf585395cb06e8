//! One policy for several temperatures: exact at each, with log Z of each.

use burn::tensor::Device;
use gfn_env::{
    ConditionSet, Conditional, Environment as _, Hypergrid, HypergridReward, StateGraph, Streams,
    TemperedReward, log_partition, target_distribution, total_variation,
};
use gfn_explore::{EpsilonUniform, OnPolicy, Schedule};
use gfn_policy::{
    BackwardPolicy, ConditionalPolicy, MlpConfig, MlpPolicy, Policy as _,
    exact_terminal_distribution,
};
use gfn_train::{
    AdamConfig, LogPartitionVariance, Objective, RelativeTrajectoryBalance, Trainer, TrainerConfig,
    TrajectoryBalance,
};

type Policy = ConditionalPolicy<MlpPolicy>;

const ITERATIONS: u64 = 2_500;

/// Largest total variation and largest error of log Z over `betas`.
fn distances(
    set: ConditionSet,
    betas: &[f64],
    objective: impl Objective<Policy>,
    relative: bool,
) -> (f64, f64) {
    let grid = Hypergrid::new(2, 4).expect("a grid");
    let reward = HypergridReward::original(&grid, 0.1, 0.5, 2.0).expect("a reward");
    let reward = TemperedReward(reward);
    let env = Conditional::new(grid, set).expect("conditions");
    let device = Device::flex().autodiff();
    let config = MlpConfig {
        hidden: vec![48, 48],
        backward: BackwardPolicy::Uniform,
        ..MlpConfig::default()
    };
    let policy = MlpPolicy::new(&config, &env, Streams::new(0), &device);
    let policy = ConditionalPolicy::new(policy, &env, &[16], Streams::new(0), &device);
    let down = |from: f64| Schedule::Cosine {
        from,
        to: from / 100.0,
        iterations: ITERATIONS,
    };
    let config = TrainerConfig {
        batch_size: 32,
        optimiser: AdamConfig {
            learning_rate: down(5e-3),
            log_z_learning_rate: down(0.1),
            ..AdamConfig::default()
        },
        ..TrainerConfig::default()
    };
    let explore = EpsilonUniform::new(OnPolicy, Schedule::constant(0.05)).expect("in range");
    let mut trainer = Trainer::new(env, reward.clone(), policy, objective, config)
        .expect("a valid configuration")
        .with_behaviour(explore)
        .with_observation();
    trainer
        .run(ITERATIONS, |report, _trajectories| {
            let observation = report.observation.as_ref().expect("it is asked for");
            assert!(observation.log_z.is_none(), "there is more than one log Z");
        })
        .expect("finite losses");
    let (mut tv, mut log_z) = (0.0f64, 0.0f64);
    for &beta in betas {
        let env = trainer.environment().at(beta);
        let graph = StateGraph::explore(&env, 100).expect("32 states");
        let mut log_rewards = graph.log_rewards(&reward).expect("rewards");
        if relative {
            let mut allowed = vec![false; env.n_actions()];
            let prior = graph.terminal_distribution(|states, rows| {
                for (state, row) in states.iter().zip(rows.chunks_mut(allowed.len())) {
                    env.forward_mask(state, &mut allowed);
                    let n = allowed.iter().filter(|ok| **ok).count() as f64;
                    row.fill(-n.ln());
                }
            });
            let prior = prior.expect("a distribution");
            let pairs = log_rewards.iter_mut().zip(prior);
            pairs.for_each(|(log_r, p)| *log_r += p.ln());
        }
        let sampler = trainer.policy().sampler();
        let learned = exact_terminal_distribution(&env, &graph, sampler.as_ref());
        let found = total_variation(
            &learned.expect("finite"),
            &target_distribution(&log_rewards),
        );
        let error = (trainer.policy().log_z_of(&env) - log_partition(&log_rewards)).abs();
        (tv, log_z) = (tv.max(found), log_z.max(error));
    }
    (tv, log_z)
}

const BETAS: [f64; 3] = [0.5, 1.0, 2.0];

fn values() -> ConditionSet {
    ConditionSet::Values(BETAS.to_vec())
}

#[test]
fn trajectory_balance_is_exact_at_every_temperature() {
    let (tv, log_z) = distances(values(), &BETAS, TrajectoryBalance, false);
    assert!(tv <= 0.02 && log_z <= 0.02, "{tv} {log_z}");
}

#[test]
fn temperatures_of_a_range_are_exact_between_the_knots_too() {
    let set = ConditionSet::Range { from: 0.5, to: 2.0 };
    let betas = [0.5, 0.9, 1.37, 2.0];
    let (tv, log_z) = distances(set, &betas, TrajectoryBalance, false);
    assert!(tv <= 0.03 && log_z <= 0.03, "{tv} {log_z}");
}

#[test]
fn log_partition_variance_compares_trajectories_of_one_temperature() {
    let (tv, _) = distances(values(), &BETAS, LogPartitionVariance, false);
    assert!(tv <= 0.02, "{tv}");
}

#[test]
fn relative_trajectory_balance_tilts_the_prior_at_every_temperature() {
    let objective = RelativeTrajectoryBalance::<Policy> { prior: None };
    let (tv, log_z) = distances(values(), &BETAS, objective, true);
    assert!(tv <= 0.02 && log_z <= 0.02, "{tv} {log_z}");
}
