//! One policy for every preference between two objectives: exact at each, with log Z of each.

use burn::tensor::Device;
use gfn_env::{
    ConditionSet, Conditional, GridObjective, Hypergrid, MultiObjectiveGridReward,
    PreferenceReward, StateGraph, Streams, log_partition, target_distribution, total_variation,
};
use gfn_explore::Schedule;
use gfn_policy::{
    BackwardPolicy, ConditionalPolicy, MlpConfig, MlpPolicy, Policy as _,
    exact_terminal_distribution,
};
use gfn_train::{
    AdamConfig, LogPartitionVariance, Objective, Trainer, TrainerConfig, TrajectoryBalance,
};

type Policy = ConditionalPolicy<MlpPolicy>;

/// A run on the 8x8 grid.
struct Run {
    set: ConditionSet,
    iterations: u64,
    seed: u64,
}

/// What is found at one preference.
#[derive(Debug)]
struct Found {
    target: Vec<f64>,
    tv: f64,
    log_z: f64,
}

impl Run {
    fn train(&self, objective: impl Objective<Policy>, measured: &[[f64; 2]]) -> Vec<Found> {
        let grid = Hypergrid::new(2, 8).expect("a grid");
        let objectives = [GridObjective::Currin, GridObjective::Shubert];
        let objectives =
            MultiObjectiveGridReward::new(&grid, &objectives, 1e-2).expect("two objectives");
        let reward = PreferenceReward::new(objectives, 4.0).expect("an exponent");
        let env = Conditional::new(grid, self.set.clone()).expect("preferences");
        let device = Device::flex().autodiff();
        let streams = Streams::new(self.seed);
        let config = MlpConfig {
            hidden: vec![64, 64],
            backward: BackwardPolicy::Uniform,
            ..MlpConfig::default()
        };
        let policy = MlpPolicy::new(&config, &env, streams, &device);
        let policy = ConditionalPolicy::new(policy, &env, &[16], streams, &device);
        let down = |from: f64| Schedule::Cosine {
            from,
            to: from / 100.0,
            iterations: self.iterations,
        };
        let config = TrainerConfig {
            batch_size: 64,
            seed: self.seed,
            optimiser: AdamConfig {
                learning_rate: down(5e-3),
                log_z_learning_rate: down(0.1),
                ..AdamConfig::default()
            },
            ..TrainerConfig::default()
        };
        let mut trainer = Trainer::new(env, reward.clone(), policy, objective, config)
            .expect("a valid configuration");
        trainer
            .run(self.iterations, |_, _| {})
            .expect("finite losses");
        let found = measured.iter().map(|w| {
            let env = trainer.environment().at(*w);
            let graph = StateGraph::explore(&env, 200).expect("128 states");
            let log_rewards = graph.log_rewards(&reward).expect("rewards");
            let sampler = trainer.policy().sampler();
            let learned = exact_terminal_distribution(&env, &graph, sampler.as_ref());
            let target = target_distribution(&log_rewards);
            Found {
                tv: total_variation(&learned.expect("finite"), &target),
                log_z: (trainer.policy().log_z_of(&env) - log_partition(&log_rewards)).abs(),
                target,
            }
        });
        found.collect()
    }
}

const PREFERENCES: [[f64; 2]; 4] = [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]];

fn values() -> ConditionSet {
    ConditionSet::Vectors(PREFERENCES.map(Vec::from).to_vec())
}

#[test]
fn trajectory_balance_is_exact_at_every_preference() {
    for seed in 0..3 {
        let run = Run {
            set: values(),
            iterations: 1_000,
            seed,
        };
        let found = run.train(TrajectoryBalance, &PREFERENCES);
        for (w, at) in PREFERENCES.iter().zip(&found) {
            let (tv, log_z) = (at.tv, at.log_z);
            println!("seed {seed} {w:?}: {tv} {log_z}");
            assert!(
                tv <= 0.02 && log_z <= 0.02,
                "seed {seed} {w:?}: {tv} {log_z}"
            );
        }
        // No one distribution is within 0.02 of all of these.
        let corners = total_variation(&found[0].target, &found[3].target);
        assert!(corners > 0.5, "{corners}");
    }
}

#[test]
fn preferences_of_the_simplex_are_exact_between_the_knots_too() {
    let run = Run {
        set: ConditionSet::Simplex {
            concentration: vec![1.0; 2],
        },
        iterations: 1_500,
        seed: 0,
    };
    let measured = [[1.0, 0.0], [0.63, 0.37], [0.5, 0.5], [0.2, 0.8], [0.0, 1.0]];
    for (w, at) in measured.iter().zip(run.train(TrajectoryBalance, &measured)) {
        println!("{w:?}: {} {}", at.tv, at.log_z);
        assert!(at.tv <= 0.03 && at.log_z <= 0.03, "{w:?}: {at:?}");
    }
}

#[test]
fn log_partition_variance_compares_trajectories_of_one_preference() {
    let run = Run {
        set: values(),
        iterations: 1_000,
        seed: 0,
    };
    for (w, at) in PREFERENCES
        .iter()
        .zip(run.train(LogPartitionVariance, &PREFERENCES))
    {
        println!("{w:?}: {}", at.tv);
        assert!(at.tv <= 0.02, "{w:?}: {}", at.tv);
    }
}
