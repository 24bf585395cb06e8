//! Main agents beside an ensemble that takes turns at sampling still reach `R/Z`.

use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Indexed, Streams};
use gfn_explore::Schedule;
use gfn_policy::{BackwardPolicy, TabularPolicy};
use gfn_train::{
    AdamConfig, ThompsonConfig, ThompsonSampling, Trainer, TrainerConfig, TrajectoryBalance,
};
use std::sync::Arc;

const ITERATIONS: u64 = 800;

/// Exact total variation of the main agent at the end of a run on an 8x8 grid, whose reward is flat without `modes`; a share of 0
/// is the main agent alone.
fn distance(share: f64, seed: u64, modes: bool) -> f64 {
    let grid = Hypergrid::new(2, 8).expect("a grid");
    let (r0, r1, r2) = if modes {
        (0.1, 0.5, 2.0)
    } else {
        (1.0, 0.0, 0.0)
    };
    let reward = HypergridReward::original(&grid, r0, r1, r2).expect("a reward");
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
    let ensemble = ThompsonConfig {
        heads: 4,
        mask_probability: 0.5,
        prior_scale: 3.0,
        prior_hidden: vec![16],
        optimiser,
        ..ThompsonConfig::default()
    };
    let streams = Streams::new(seed).branch(0);
    let ensemble = ThompsonSampling::new(&env, |_| blank.clone(), ensemble, streams);
    let ensemble = Box::new(ensemble.expect("a valid configuration"));
    let trainer = Trainer::new(Arc::clone(&env), reward, blank, TrajectoryBalance, config);
    let mut trainer = trainer.expect("a valid configuration");
    if share > 0.0 {
        trainer = trainer.with_source(ensemble, share).expect("a share");
    }
    trainer.run(ITERATIONS, |_, _| {}).expect("finite losses");
    trainer.exact_total_variation(200).expect("128 states")
}

#[test]
fn heads_that_act_leave_the_main_agent_its_target() {
    // All trajectories are those of heads in the second case, as in the paper.
    for share in [0.5, 1.0] {
        for seed in 0..3 {
            let tv = distance(share, seed, true);
            assert!(
                tv <= 0.02,
                "share {share}, seed {seed}: total variation {tv}"
            );
        }
    }
}

#[test]
fn on_a_flat_reward_heads_make_it_no_worse() {
    let alone = distance(0.0, 0, false);
    for share in [0.5, 1.0] {
        let tv = distance(share, 0, false);
        assert!(tv <= alone + 0.005, "share {share}: {tv}, alone {alone}");
    }
}
