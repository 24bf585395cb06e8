//! Main agents with every kind of auxiliary agent still reach `R/Z`.

use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Indexed, Reward, Streams};
use gfn_explore::{AuxiliaryReward, IntrinsicConfig, NoveltyOf, Schedule};
use gfn_policy::{BackwardPolicy, TabularPolicy};
use gfn_train::{
    AdamConfig, AuxiliaryAgent, AuxiliaryConfig, Trainer, TrainerConfig, TrajectoryBalance,
};
use std::sync::Arc;

const ITERATIONS: u64 = 800;

fn kinds() -> Vec<(&'static str, AuxiliaryReward)> {
    let lambda = Schedule::constant(1.0);
    let distillation = IntrinsicConfig::RandomNetworkDistillation {
        of: NoveltyOf::Terminals,
        hidden: vec![16],
        outputs: 4,
        learning_rate: 1e-3,
        scale: 1.0,
    };
    let counts = IntrinsicConfig::StateCounts {
        of: NoveltyOf::States,
        scale: 1.0,
    };
    vec![
        (
            "loss-guided",
            AuxiliaryReward::LossGuided {
                lambda,
                scale_decay: None,
            },
        ),
        (
            "loss-guided, scaled",
            AuxiliaryReward::LossGuided {
                lambda,
                scale_decay: Some(0.9),
            },
        ),
        (
            "adaptive-teacher",
            AuxiliaryReward::AdaptiveTeacher {
                c: 19.0,
                alpha: 0.5,
                epsilon: 1e-3,
            },
        ),
        ("multiplicative", AuxiliaryReward::Multiplicative { lambda }),
        (
            "sibling-augmented",
            AuxiliaryReward::SiblingAugmented {
                beta_sn: 1.0,
                beta_e: 1.0,
                beta_i: 1.0,
                intrinsic: distillation,
            },
        ),
        (
            "novelty",
            AuxiliaryReward::Novelty {
                beta: 1.0,
                intrinsic: counts,
            },
        ),
        ("unguided", AuxiliaryReward::Unguided {}),
    ]
}

/// Exact total variation at the end of a run on an 8x8 grid.
fn distance<R>(target: impl Fn(&Hypergrid) -> R, kind: Option<&AuxiliaryReward>, seed: u64) -> f64
where
    R: Reward<gfn_env::HypergridState>,
{
    let grid = Hypergrid::new(2, 8).expect("a grid");
    let reward = target(&grid);
    let env = Arc::new(Indexed::new(grid, 200).expect("128 states"));
    let device = Device::flex().autodiff();
    let blank = TabularPolicy::new(&env, BackwardPolicy::Uniform, &device);
    let down = Schedule::Cosine {
        from: 0.1,
        to: 1e-3,
        iterations: ITERATIONS,
    };
    let optimiser = AdamConfig {
        learning_rate: down,
        log_z_learning_rate: down,
        ..AdamConfig::default()
    };
    let config = TrainerConfig {
        seed,
        optimiser: optimiser.clone(),
        ..TrainerConfig::default()
    };
    let trainer = Trainer::new(
        Arc::clone(&env),
        reward,
        blank.clone(),
        TrajectoryBalance,
        config,
    );
    let mut trainer = trainer.expect("a valid configuration");
    if let Some(kind) = kind {
        let config = AuxiliaryConfig {
            reward: kind.clone(),
            optimiser,
            ..AuxiliaryConfig::default()
        };
        let streams = Streams::new(seed).branch(0);
        let agent = AuxiliaryAgent::new(
            &env,
            move |_| blank.clone(),
            TrajectoryBalance,
            config,
            streams,
        );
        let agent = Box::new(agent.expect("a valid configuration"));
        trainer = trainer.with_source(agent, 0.5).expect("a share");
    }
    trainer.run(ITERATIONS, |_, _| {}).expect("finite losses");
    trainer.exact_total_variation(200).expect("128 states")
}

#[test]
fn every_auxiliary_agent_leaves_the_main_agent_its_target() {
    for (name, kind) in kinds() {
        for seed in 0..3 {
            let target = |grid: &Hypergrid| HypergridReward::original(grid, 0.1, 0.5, 2.0).unwrap();
            let tv = distance(target, Some(&kind), seed);
            assert!(tv <= 0.02, "{name}, seed {seed}: total variation {tv}");
        }
    }
}

#[test]
fn on_a_flat_reward_no_auxiliary_agent_makes_it_worse() {
    let flat = |_: &Hypergrid| gfn_env::LogRewardFn(|_: &gfn_env::HypergridState| 0.5);
    let alone = distance(flat, None, 0);
    for (name, kind) in kinds() {
        let tv = distance(flat, Some(&kind), 0);
        assert!(tv <= alone + 0.005, "{name}: {tv}, alone {alone}");
    }
}
