//! Training with rates that fall and a share of uniform actions, and how far from the target it ends.

use gfn_env::{
    Environment, Reward, StateGraph, log_partition, target_distribution, total_variation,
};
use gfn_explore::{EpsilonUniform, OnPolicy, Schedule};
use gfn_policy::{Policy, exact_terminal_distribution};
use gfn_train::{AdamConfig, Objective, Trainer, TrainerConfig};

/// How long and how fast to train; rates fall to a hundredth of what they start with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) iterations: u64,
    pub(crate) batch_size: usize,
    pub(crate) rate: f64,
    pub(crate) log_z_rate: f64,
    pub(crate) epsilon: f64,
}

/// Exact total variation, and the error of `log Z`, after training.
pub(crate) fn distance<E, R, P, O>(
    env: &E,
    reward: &R,
    policy: P,
    objective: O,
    budget: Budget,
) -> [f64; 2]
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    let down = |from: f64| Schedule::Cosine {
        from,
        to: from / 100.0,
        iterations: budget.iterations,
    };
    let config = TrainerConfig {
        batch_size: budget.batch_size,
        optimiser: AdamConfig {
            learning_rate: down(budget.rate),
            log_z_learning_rate: down(budget.log_z_rate),
            ..AdamConfig::default()
        },
        ..TrainerConfig::default()
    };
    let explore = Schedule::constant(budget.epsilon);
    let explore = EpsilonUniform::new(OnPolicy, explore).expect("in range");
    let mut trainer = Trainer::new(env, reward, policy, objective, config)
        .expect("a valid configuration")
        .with_behaviour(explore);
    trainer
        .run(budget.iterations, |_report, _trajectories| {})
        .expect("finite losses");
    let graph = StateGraph::explore(env, 20_000).expect("few states");
    let log_rewards = graph.log_rewards(reward).expect("rewards");
    let sampler = trainer.policy().sampler();
    let learned = exact_terminal_distribution(env, &graph, sampler.as_ref()).expect("finite");
    [
        total_variation(&learned, &target_distribution(&log_rewards)),
        (trainer.log_z() - log_partition(&log_rewards)).abs(),
    ]
}
