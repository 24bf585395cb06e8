//! Agents that learn from replay, search and mixed behaviours still reach `R/Z`, and continue bit for bit.

use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, HypergridState, Indexed, LogRewardFn, Reward, Streams};
use gfn_explore::{
    BackTrack, BehaviourConfig, Filter, LocalSearch, LocalSearchConfig, Mcmc, McmcConfig,
    NoisePeriod, Priority, Replay, ReplayConfig, Schedule, Stored, TrajectorySource,
    WeightedBehaviour,
};
use gfn_policy::{BackwardPolicy, MlpConfig, MlpPolicy, Policy, TabularPolicy};
use gfn_train::{AdamConfig, Checkpoint, Trainer, TrainerConfig, TrajectoryBalance};
use std::sync::Arc;

const ITERATIONS: u64 = 1_500;

type Grid = Arc<Indexed<Hypergrid>>;

fn replay(priority: Priority, stored: Stored) -> Box<dyn TrajectorySource<Grid>> {
    let config = ReplayConfig {
        stored,
        ..ReplayConfig::new(1_000, priority)
    };
    let distance = |a: &HypergridState, b: &HypergridState| {
        let pairs = a.coordinates().iter().zip(b.coordinates());
        pairs.map(|(x, y)| f64::from(x.abs_diff(*y))).sum()
    };
    Box::new(Replay::with_distance(config, Box::new(distance)).expect("numbers in range"))
}

fn search(filter: Filter) -> Box<dyn TrajectorySource<Grid>> {
    let config = LocalSearchConfig {
        rounds: 3,
        back_track: BackTrack::UpTo { steps: 6 },
        filter,
    };
    Box::new(LocalSearch::new(config).expect("numbers in range"))
}

fn mcmc() -> Box<dyn TrajectorySource<Grid>> {
    let config = McmcConfig {
        chains: 6,
        moves: 2,
        back_track: BackTrack::UpTo { steps: 15 },
    };
    Box::new(Mcmc::new(config).expect("numbers in range"))
}

type Sources = Vec<(Box<dyn TrajectorySource<Grid>>, f64)>;

fn kinds() -> Vec<(&'static str, Sources)> {
    let half = |source| vec![(source, 0.5)];
    let (objects, paths) = (Stored::Terminals, Stored::Trajectories);
    let prt = || Priority::Prt { percentile: 0.9 };
    let loss = Priority::LossPrioritised { exponent: 1.0 };
    let rank = Priority::RankPrioritised { k: 0.01 };
    let reward = Priority::RewardPrioritised { exponent: 1.0 };
    let cutoff = Priority::DiversityCutoff { cutoff: 1.0 };
    vec![
        ("uniform", half(replay(Priority::Uniform {}, paths))),
        ("reward", half(replay(reward, objects))),
        ("prt", half(replay(prt(), objects))),
        ("rank", half(replay(rank, objects))),
        ("loss", half(replay(loss, paths))),
        ("diversity", half(replay(cutoff, objects))),
        ("deterministic", half(search(Filter::Deterministic))),
        (
            "metropolis-hastings",
            half(search(Filter::MetropolisHastings)),
        ),
        ("sigmoid", half(search(Filter::Sigmoid))),
        ("mcmc", half(mcmc())),
        (
            "search and replay",
            vec![
                (search(Filter::Deterministic), 0.25),
                (replay(prt(), objects), 0.25),
            ],
        ),
    ]
}

fn config(seed: u64, from: f64, to: f64) -> TrainerConfig {
    let down = Schedule::Cosine {
        from,
        to,
        iterations: ITERATIONS,
    };
    TrainerConfig {
        seed,
        batch_size: 32,
        optimiser: AdamConfig {
            learning_rate: down,
            log_z_learning_rate: Schedule::Cosine {
                from: 0.1,
                to,
                iterations: ITERATIONS,
            },
            ..AdamConfig::default()
        },
        ..TrainerConfig::default()
    }
}

fn grid() -> Grid {
    let grid = Hypergrid::new(2, 8).expect("a grid");
    Arc::new(Indexed::new(grid, 200).expect("128 states"))
}

fn tabular<R: Reward<HypergridState>>(
    reward: R,
    seed: u64,
    sources: Sources,
) -> Trainer<Grid, R, TabularPolicy, TrajectoryBalance> {
    let env = grid();
    let policy = TabularPolicy::new(&env, BackwardPolicy::Uniform, &Device::flex().autodiff());
    let config = config(seed, 0.1, 1e-3);
    let trainer = Trainer::new(env, reward, policy, TrajectoryBalance, config);
    sources.into_iter().fold(
        trainer.expect("a valid configuration"),
        |trainer, (source, share)| trainer.with_source(source, share).expect("a share"),
    )
}

fn distance<R, P: Policy>(mut trainer: Trainer<Grid, R, P, TrajectoryBalance>) -> f64
where
    R: Reward<HypergridState>,
{
    trainer.run(ITERATIONS, |_, _| {}).expect("finite");
    trainer.exact_total_variation(200).expect("128 states")
}

fn original() -> HypergridReward {
    let grid = Hypergrid::new(2, 8).expect("a grid");
    HypergridReward::original(&grid, 0.1, 0.5, 2.0).expect("a reward")
}

#[test]
fn every_source_leaves_the_agent_its_target() {
    for seed in 0..3 {
        for (name, sources) in kinds() {
            let tv = distance(tabular(original(), seed, sources));
            assert!(tv <= 0.02, "{name}, seed {seed}: total variation {tv}");
        }
    }
}

#[test]
fn no_source_is_worse_than_on_policy_on_a_flat_reward() {
    let flat = || LogRewardFn(|_: &HypergridState| 0.0);
    let alone = distance(tabular(flat(), 0, Vec::new()));
    for (name, sources) in kinds() {
        let tv = distance(tabular(flat(), 0, sources));
        assert!(tv <= alone + 0.01, "{name}: {tv}, on-policy {alone}");
    }
}

/// Every behaviour that is not the policy's own.
fn behaviours() -> Vec<BehaviourConfig> {
    let noisy = |per| BehaviourConfig::NoisyLayers {
        sigma: Schedule::constant(0.5),
        per,
    };
    let part = |weight, behaviour| WeightedBehaviour { weight, behaviour };
    let mixture = BehaviourConfig::Mixture {
        parts: vec![
            part(0.5, BehaviourConfig::OnPolicy {}),
            part(0.5, noisy(NoisePeriod::Iteration)),
        ],
        assignment: gfn_explore::Assignment::Shares,
    };
    let epsilon = Schedule::constant(0.1);
    let temperature = Schedule::constant(2.0);
    vec![
        BehaviourConfig::EpsilonUniform {
            epsilon,
            temperature: None,
        },
        BehaviourConfig::Tempered { temperature },
        noisy(NoisePeriod::Lane),
        mixture,
    ]
}

/// Exact total variation of a perceptron that has learned from what `behaviour` sampled.
fn behaved<R: Reward<HypergridState>>(reward: R, seed: u64, behaviour: &BehaviourConfig) -> f64 {
    let env = grid();
    let network = MlpConfig {
        hidden: vec![32],
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&network, &env, Streams::new(seed), &device);
    let config = config(seed, 0.02, 1e-5);
    let trainer = Trainer::new(env, reward, policy, TrajectoryBalance, config);
    let built = behaviour.build().expect("numbers in range");
    let trainer = trainer.expect("a valid configuration");
    distance(trainer.with_behaviour(built))
}

#[test]
fn every_behaviour_leaves_the_agent_its_target() {
    for behaviour in behaviours() {
        for seed in 0..3 {
            let tv = behaved(original(), seed, &behaviour);
            assert!(
                tv <= 0.02,
                "{behaviour:?}, seed {seed}: total variation {tv}"
            );
        }
    }
}

#[test]
fn no_behaviour_is_worse_than_on_policy_on_a_flat_reward() {
    let flat = || LogRewardFn(|_: &HypergridState| 0.0);
    let alone = behaved(flat(), 0, &BehaviourConfig::OnPolicy {});
    for behaviour in behaviours() {
        let tv = behaved(flat(), 0, &behaviour);
        assert!(tv <= alone + 0.01, "{behaviour:?}: {tv}, on-policy {alone}");
    }
}

#[test]
fn a_checkpoint_continues_buffers_and_chains_bit_for_bit() {
    let folder = std::env::temp_dir().join(format!("gfn-sources-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, sources) in kinds() {
        let fresh = || {
            kinds()
                .into_iter()
                .find(|(other, _)| *other == name)
                .expect("a kind")
                .1
        };
        let mut straight = tabular(original(), 5, sources);
        straight.run(40, |_, _| {}).expect("finite");
        let mut first = tabular(original(), 5, fresh());
        first.run(23, |_, _| {}).expect("finite");
        let path = folder.join("checkpoint.safetensors");
        let checkpoint = Checkpoint {
            experiment: "e".to_owned(),
            trainer: first.state(),
            extra: Default::default(),
        };
        checkpoint.save(&path).expect("written");
        let mut second = tabular(original(), 5, fresh());
        let loaded = Checkpoint::load(&path).expect("read");
        second.restore(&loaded.trainer).expect("its own state");
        second.run(40, |_, _| {}).expect("finite");
        assert!(second.state() == straight.state(), "{name}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}
