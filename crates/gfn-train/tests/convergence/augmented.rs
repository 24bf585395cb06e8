//! Augmented trajectory balance: `R/Z` where the intrinsic rewards fade, and what they make of it where they do not.

use burn::tensor::Device;
use gfn_env::{
    Action, BackwardAction, Environment, Features, Hypergrid, HypergridReward, Indexed,
    LogRewardFn, Sequence, SequenceState, Streams, Trajectories, log_partition,
    target_distribution, total_variation,
};
use gfn_explore::{EpsilonUniform, Intrinsic, IntrinsicConfig, NoveltyOf, OnPolicy, Schedule};
use gfn_policy::{
    BackwardPolicy, FeatureBatch, FlowPolicy as _, Policy as _, TabularFlowPolicy,
    exact_terminal_distribution, named_parameters, with_parameters,
};
use gfn_train::{AdamConfig, AugmentedTrajectoryBalance, Trainer, TrainerConfig};
use std::sync::Arc;

const SEED: u64 = 0;

/// Networks that agree with what they are shown soon, or as good as never.
fn distillation(learning_rate: f64, scale: f64) -> IntrinsicConfig {
    IntrinsicConfig::RandomNetworkDistillation {
        of: NoveltyOf::States,
        hidden: vec![16],
        outputs: 4,
        learning_rate,
        scale,
    }
}

type Grid = Arc<Indexed<Hypergrid>>;
type GridTrainer = Trainer<Grid, HypergridReward, TabularFlowPolicy, AugmentedTrajectoryBalance>;

fn grid(side: usize) -> (Grid, HypergridReward) {
    let grid = Hypergrid::new(2, side).expect("a grid");
    let reward = HypergridReward::original(&grid, 0.1, 0.5, 2.0).expect("a reward");
    (
        Arc::new(Indexed::new(grid, 200).expect("few states")),
        reward,
    )
}

fn config(seed: u64, iterations: u64) -> TrainerConfig {
    let down = Schedule::Cosine {
        from: 0.1,
        to: 1e-3,
        iterations,
    };
    TrainerConfig {
        seed,
        optimiser: AdamConfig {
            learning_rate: down,
            log_z_learning_rate: down,
            ..AdamConfig::default()
        },
        ..TrainerConfig::default()
    }
}

/// A run whose flows all start at `exp(log_flow)`.
fn trained(
    (side, seed, iterations): (usize, u64, u64),
    log_flow: f32,
    intrinsic: &IntrinsicConfig,
    weight: Schedule,
) -> GridTrainer {
    let (env, reward) = grid(side);
    let device = Device::flex().autodiff();
    let policy = TabularFlowPolicy::new(&env, BackwardPolicy::Uniform, &device);
    let mut parameters = named_parameters(&policy);
    let flows = parameters.get_mut("log_flow").expect("a table of flows");
    flows.values.fill(log_flow);
    let policy = with_parameters(policy, &parameters).expect("the same shapes");
    let explore = EpsilonUniform::new(OnPolicy, Schedule::constant(0.1)).expect("in range");
    let objective = AugmentedTrajectoryBalance;
    let mut trainer = Trainer::new(env, reward, policy, objective, config(seed, iterations))
        .expect("a valid configuration")
        .with_behaviour(explore)
        .with_intrinsic_rewards(intrinsic, weight)
        .expect("valid intrinsic rewards");
    trainer.run(iterations, |_, _| {}).expect("finite losses");
    trainer
}

#[test]
fn intrinsic_rewards_that_fade_leave_the_target() {
    let iterations = 1200;
    let fading = Schedule::Linear {
        from: 1.0,
        to: 0.0,
        iterations: 600,
    };
    for seed in 0..3 {
        let trainer = trained(
            (8, seed, iterations),
            0.0,
            &distillation(1e-3, 10.0),
            fading,
        );
        let tv = trainer.exact_total_variation(200).expect("128 states");
        println!("fading, 8x8, seed {seed}: {tv:.1e} from the target");
        assert!(tv <= 0.02, "seed {seed}: total variation {tv}");
    }
}

/// The novelty of a state under networks that have seen nothing, by the trainer's own streams.
fn novelty<E: Environment>(env: &E, reward: &Intrinsic, state: &E::State) -> f64 {
    let mut one = Trajectories::new();
    let edge = ([Action(0)], [BackwardAction(0)]);
    one.push([env.source(), state.clone()], &edge.0, &edge.1, 0.0);
    reward.novelty(env, &one)[0]
}

/// The intrinsic reward of a trainer of [`SEED`] whose networks have learned nothing.
fn untouched(config: &IntrinsicConfig, n_features: usize) -> Intrinsic {
    let streams = Streams::new(SEED).branch(0xC5);
    Intrinsic::new(config, n_features, streams).expect("a valid reward")
}

/// The terminating distribution that balances augmented trajectory balance under given flows, and its log Z: with
/// `W = P_B + r/F` and `V(x) = R(x) + r(x)`, `V(s) = Σ W·V(s')` and `P_F(s' | s) = W·V(s')/V(s)`.
fn balanced(trainer: &GridTrainer, reward: &Intrinsic) -> (Vec<f64>, f64) {
    let env = trainer.environment();
    let graph = env.graph();
    let mut features = Features::new(env.n_features());
    for state in graph.states() {
        env.encode(state, &mut features.push_row());
    }
    let policy = trainer.policy();
    let (_, flow) = policy.logits_and_log_flow(&FeatureBatch::new(features, policy.device()));
    let log_flow: Vec<f64> = flow.tensor().into_data().iter::<f64>().collect();
    let r: Vec<f64> = graph
        .states()
        .iter()
        .map(|state| novelty(env, reward, state))
        .collect();
    let log_rewards = graph.log_rewards(trainer.reward()).expect("rewards");
    let mut v = vec![0.0; graph.len()];
    for (&x, log_reward) in graph.terminals().iter().zip(&log_rewards) {
        v[x] = log_reward.exp() + r[x];
    }
    let factor = |child: usize| {
        let p_b = 1.0 / graph.n_parents(child) as f64;
        if env.is_terminal(&graph.states()[child]) {
            p_b
        } else {
            p_b + r[child] / log_flow[child].exp()
        }
    };
    // Topological: children come after their parents.
    for i in (0..graph.n_non_terminal()).rev() {
        v[i] = graph.edges(i).map(|e| factor(e.child) * v[e.child]).sum();
    }
    let mut p = vec![0.0; graph.len()];
    p[0] = 1.0;
    for i in 0..graph.n_non_terminal() {
        for edge in graph.edges(i) {
            p[edge.child] += p[i] * factor(edge.child) * v[edge.child] / v[i];
        }
    }
    (graph.terminals().iter().map(|x| p[*x]).collect(), v[0].ln())
}

#[test]
fn intrinsic_rewards_that_stay_bias_as_the_formula_says() {
    let iterations = 2500;
    let (still, weight) = (distillation(1e-12, 5.0), Schedule::constant(1.0));
    let mut found = Vec::new();
    // The flows start at 1, and at much more.
    for log_flow in [0.0, 3.0] {
        let trainer = trained((6, SEED, iterations), log_flow, &still, weight);
        let env = trainer.environment();
        let reward = untouched(&still, env.n_features());
        let (expected, log_z) = balanced(&trainer, &reward);
        let sampler = trainer.policy().sampler();
        let graph = env.graph();
        let learned = exact_terminal_distribution(env, graph, sampler.as_ref()).expect("finite");
        let tv = total_variation(&learned, &expected);
        assert!(tv <= 0.01, "{tv} from what balances the loss");
        let off = (trainer.log_z() - log_z).abs();
        assert!(off <= 0.02, "log Z {} and not {log_z}", trainer.log_z());
        // Far from R/Z, and so is what balances the loss: it is no failure to converge.
        let log_rewards = graph.log_rewards(trainer.reward()).expect("rewards");
        let bias = total_variation(&expected, &target_distribution(&log_rewards));
        println!(
            "constant, 6x6, flows from e^{log_flow}: {tv:.1e} from the formula, {bias:.3} from the target"
        );
        assert!(bias >= 0.05, "{bias} from the target");
        assert!(log_z - log_partition(&log_rewards) > 0.1, "{log_z}");
        found.push(learned);
    }
    // Both without loss: the flows are not determined, and with them the distribution.
    let apart = total_variation(&found[0], &found[1]);
    println!("constant, 6x6: {apart:.3} from each other");
    assert!(apart >= 0.05, "{apart} from each other");
}

#[test]
fn one_step_away_the_target_is_reward_and_intrinsic_reward() {
    // One letter of six: no flow takes part, and the answer is (R + r)/Σ(R + r).
    let env = Arc::new(Indexed::new(Sequence::new(1, 6).expect("letters"), 100).expect("few"));
    let log_reward = |x: &SequenceState| f64::from(x.letters()[0]) * 0.5;
    let still = distillation(1e-12, 30.0);
    let reward = untouched(&still, env.n_features());
    let device = Device::flex().autodiff();
    let policy = TabularFlowPolicy::new(&env, BackwardPolicy::Uniform, &device);
    let weight = Schedule::constant(2.0);
    let mut trainer = Trainer::new(
        Arc::clone(&env),
        LogRewardFn(log_reward),
        policy,
        AugmentedTrajectoryBalance,
        config(SEED, 1000),
    )
    .expect("a valid configuration")
    .with_intrinsic_rewards(&still, weight)
    .expect("valid intrinsic rewards");
    trainer.run(1000, |_, _| {}).expect("finite losses");
    let graph = env.graph();
    let of = |x: &SequenceState| log_reward(x).exp() + 2.0 * novelty(&env, &reward, x);
    let augmented: Vec<f64> = graph.terminal_states().iter().map(|x| of(x).ln()).collect();
    let plain: Vec<f64> = graph.terminal_states().iter().map(log_reward).collect();
    let [expected, target] = [&augmented, &plain].map(|logs| target_distribution(logs));
    let sampler = trainer.policy().sampler();
    let learned = exact_terminal_distribution(&env, graph, sampler.as_ref()).expect("finite");
    let tv = total_variation(&learned, &expected);
    assert!(tv <= 1e-3, "{tv} from (R + r)/Z");
    assert!((trainer.log_z() - log_partition(&augmented)).abs() <= 1e-3);
    let bias = total_variation(&expected, &target);
    println!("constant, one step: {tv:.1e} from the formula, {bias:.3} from the target");
    assert!(bias >= 0.05, "{bias} from the target");
}
