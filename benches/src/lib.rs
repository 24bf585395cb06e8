//! Workloads that the criterion benches of this workspace share.
//!
//! Run them with `cargo bench -p gfn-benches`. Comparison with other libraries is another matter: `cargo xtask peers`.

use burn::tensor::Device;
use gfn_env::{
    Environment, Hypergrid, HypergridReward, Reward, Streams, TfBind8, TfBind8Reward,
    TfBind8RewardConfig,
};
use gfn_policy::{BackwardPolicy, MlpConfig, MlpPolicy};
use gfn_train::{
    AuxiliaryAgent, AuxiliaryConfig, Objective, Trainer, TrainerConfig, TrajectoryBalance,
};

/// Trajectory balance with the field's usual perceptron, 2 x 256, batch 16, on flex.
pub type BenchTrainer<E, R> = Trainer<E, R, MlpPolicy, TrajectoryBalance>;

fn policy<E: Environment>(env: &E, streams: Streams) -> MlpPolicy {
    MlpPolicy::new(
        &MlpConfig::default(),
        env,
        streams,
        &Device::flex().autodiff(),
    )
}

fn trainer<E: Environment, R: Reward<E::State>>(
    env: E,
    reward: R,
    batch_size: usize,
) -> BenchTrainer<E, R> {
    let policy = policy(&env, Streams::new(0));
    let config = TrainerConfig {
        batch_size,
        ..TrainerConfig::default()
    };
    Trainer::new(env, reward, policy, TrajectoryBalance, config)
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
    trainer(env, reward, TrainerConfig::default().batch_size)
}

/// TFBind8 with the floor after the power.
///
/// # Panics
///
/// Never: the reward is a constant.
pub fn tfbind8() -> BenchTrainer<TfBind8, TfBind8Reward> {
    tfbind8_in_batches(TrainerConfig::default().batch_size)
}

/// [`tfbind8`] with batches of `batch_size`.
///
/// # Panics
///
/// If a batch of that size is refused.
pub fn tfbind8_in_batches(batch_size: usize) -> BenchTrainer<TfBind8, TfBind8Reward> {
    let reward = TfBind8Reward::new(TfBind8RewardConfig::floor_after_power())
        .expect("the default reward is valid");
    trainer(TfBind8::new(), reward, batch_size)
}

/// [`tfbind8_in_batches`], half of each batch of a loss-guided auxiliary agent with batches of the same size.
///
/// # Panics
///
/// If a batch of that size is refused.
pub fn tfbind8_loss_guided(batch_size: usize) -> BenchTrainer<TfBind8, TfBind8Reward> {
    let config = AuxiliaryConfig {
        batch_size,
        ..AuxiliaryConfig::default()
    };
    let make = |streams| policy(&TfBind8::new(), streams);
    let streams = Streams::new(0).branch(0);
    let agent = AuxiliaryAgent::new(&TfBind8::new(), make, TrajectoryBalance, config, streams)
        .expect("the default configuration is valid");
    tfbind8_in_batches(batch_size)
        .with_source(Box::new(agent), 0.5)
        .expect("half is a share")
}

/// A trainer of any objective, with the perceptron of [`BenchTrainer`] and a uniform P_B.
pub type UniformTrainer<E, R> = Trainer<E, R, MlpPolicy, Box<dyn Objective<MlpPolicy>>>;

fn with_uniform_backward<E: Environment, R: Reward<E::State>>(
    env: E,
    reward: R,
    objective: Box<dyn Objective<MlpPolicy>>,
    batch_size: usize,
) -> UniformTrainer<E, R> {
    let network = MlpConfig {
        backward: BackwardPolicy::Uniform,
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&network, &env, Streams::new(0), &device);
    let config = TrainerConfig {
        batch_size,
        ..TrainerConfig::default()
    };
    Trainer::new(env, reward, policy, objective, config).expect("the objective is valid")
}

/// TFBind8 with `objective`, batches of 128 and a uniform P_B.
///
/// # Panics
///
/// If the objective is refused.
pub fn tfbind8_with(
    objective: Box<dyn Objective<MlpPolicy>>,
) -> UniformTrainer<TfBind8, TfBind8Reward> {
    let reward = TfBind8Reward::new(TfBind8RewardConfig::floor_after_power())
        .expect("the default reward is valid");
    with_uniform_backward(TfBind8::new(), reward, objective, 128)
}

/// The hypergrid 32x32 with `objective`, batches of 128 and a uniform P_B.
///
/// # Panics
///
/// If the objective is refused.
pub fn hypergrid_with(
    objective: Box<dyn Objective<MlpPolicy>>,
) -> UniformTrainer<Hypergrid, HypergridReward> {
    let env = Hypergrid::new(2, 32).expect("a grid has coordinates and cells");
    let reward = HypergridReward::easy(&env).expect("the easy reward is defined on every grid");
    with_uniform_backward(env, reward, objective, 128)
}
