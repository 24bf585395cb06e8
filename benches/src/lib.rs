//! Workloads that the criterion benches of this workspace share.
//!
//! Run them with `cargo bench -p gfn-benches`. Comparison with other libraries is another matter: `cargo xtask peers`.

use burn::tensor::Device;
use gfn_env::{
    Environment, Hypergrid, HypergridReward, Streams, TfBind8, TfBind8Reward, TfBind8RewardConfig,
};
use gfn_policy::{MlpConfig, MlpPolicy};
use gfn_train::{Trainer, TrainerConfig, TrajectoryBalance};

/// Trajectory balance with the field's usual perceptron, 2 x 256, batch 16, on flex.
pub type BenchTrainer<E, R> = Trainer<E, R, MlpPolicy, TrajectoryBalance>;

fn trainer<E: Environment, R: gfn_env::Reward<E::State>>(env: E, reward: R) -> BenchTrainer<E, R> {
    let policy = MlpPolicy::new(
        &MlpConfig::default(),
        &env,
        Streams::new(0),
        &Device::flex().autodiff(),
    );
    Trainer::new(
        env,
        reward,
        policy,
        TrajectoryBalance,
        TrainerConfig::default(),
    )
    .expect("the default configuration is valid")
}

/// The hypergrid of a published table: `dimensions` coordinates, `side` cells, R0 = 1e-3.
///
/// # Panics
///
/// If the grid is no grid.
pub fn hypergrid(dimensions: usize, side: usize) -> BenchTrainer<Hypergrid, HypergridReward> {
    let env = Hypergrid::new(dimensions, side).expect("a grid has coordinates and cells");
    let reward = HypergridReward::easy(&env).expect("the easy reward is defined on every grid");
    trainer(env, reward)
}

/// TFBind8 with the floor after the power.
///
/// # Panics
///
/// Never: the reward is a constant.
pub fn tfbind8() -> BenchTrainer<TfBind8, TfBind8Reward> {
    let reward = TfBind8Reward::new(TfBind8RewardConfig::floor_after_power())
        .expect("the default reward is valid");
    trainer(TfBind8::new(), reward)
}
