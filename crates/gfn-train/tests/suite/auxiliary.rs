//! Auxiliary agents: what they are trained towards, when, and that nothing of it reaches the main agent but trajectories.

use crate::common::{SmallTrainer, assert_same, small_trainer};
use burn::tensor::Device;
use gfn_env::{
    BitSequence, BitSequenceReward, BuildOrder, Environment as _, HammingReward, Hypergrid,
    HypergridReward, Indexed, Purpose, Streams, target_distribution, total_variation,
};
use gfn_explore::{AuxiliaryReward, Intrinsic, IntrinsicConfig, NoveltyOf, Schedule};
use gfn_loss::SubTrajectoryNormalisation;
use gfn_policy::{
    BackwardPolicy, MlpConfig, MlpFlowPolicy, MlpPolicy, OnPolicy, Policy as _, RolloutKey,
    TabularFlowPolicy, TransitionBatch, exact_terminal_distribution, named_parameters, rollout,
    with_parameters,
};
use gfn_train::{
    AdamConfig, AuxiliaryAgent, AuxiliaryConfig, AuxiliaryError, DetailedBalance, FlowMatching,
    ModifiedDetailedBalance, Objective, SubTrajectoryBalance, Trainer, TrainerConfig,
    TrainingBatch, TrajectoryBalance,
};
use std::collections::BTreeMap;
use std::sync::Arc;

type Tree = Arc<Indexed<BitSequence>>;

/// Four bits, left to right: a tree, so that a trajectory is its object.
fn tree() -> (Tree, BitSequenceReward) {
    let env = BitSequence::new(4, 1, BuildOrder::Autoregressive).unwrap();
    let modes = [0b0110, 0b1111].map(|bits| env.string(bits).unwrap());
    let rule = HammingReward::RawHamming { exponent: 3.0 };
    let reward = BitSequenceReward::new(&env, rule, modes.to_vec()).unwrap();
    (Arc::new(Indexed::new(env, 100).unwrap()), reward)
}

/// A main agent that knows something: no two of its numbers are equal.
fn main_policy(env: &Tree) -> TabularFlowPolicy {
    let device = Device::flex().autodiff();
    let policy = TabularFlowPolicy::new(env, BackwardPolicy::Uniform, &device);
    let mut parameters = named_parameters(&policy);
    let values = parameters.values_mut().flat_map(|t| &mut t.values);
    for (i, value) in values.enumerate() {
        *value = (i as f32 * 1.7).sin();
    }
    with_parameters(policy, &parameters).unwrap()
}

fn adam(rate: Schedule) -> AdamConfig {
    AdamConfig {
        learning_rate: rate,
        log_z_learning_rate: rate,
        ..AdamConfig::default()
    }
}

const STREAMS: Streams = Streams::new(11);

/// The exact distribution of an auxiliary agent beside a main agent that stands still.
fn learned_beside<O>(
    objective: O,
    own: impl Objective<TabularFlowPolicy> + 'static,
    reward: &AuxiliaryReward,
) -> Vec<f64>
where
    O: Objective<TabularFlowPolicy>,
{
    let (env, target) = tree();
    let config = TrainerConfig {
        optimiser: adam(Schedule::constant(0.0)),
        ..TrainerConfig::default()
    };
    let policy = main_policy(&env);
    let auxiliary = AuxiliaryConfig {
        reward: reward.clone(),
        batch_size: 32,
        optimiser: adam(Schedule::Cosine {
            from: 0.1,
            to: 1e-3,
            iterations: 1000,
        }),
        ..AuxiliaryConfig::default()
    };
    let device = Device::flex().autodiff();
    let blank = TabularFlowPolicy::new(&env, BackwardPolicy::Uniform, &device);
    let make = {
        let blank = blank.clone();
        move |_| blank.clone()
    };
    let agent = AuxiliaryAgent::new(&env, make, own, auxiliary, STREAMS).unwrap();
    let mut trainer = Trainer::new(Arc::clone(&env), target, policy.clone(), objective, config)
        .unwrap()
        .with_source(Box::new(agent), 0.5)
        .unwrap();
    trainer.run(1000, |_, _| {}).unwrap();
    let state = trainer.state();
    assert_eq!(
        state.parameters,
        named_parameters(&policy),
        "the main agent stands still"
    );
    let tensors = state.sources[0].tensors.iter();
    let parameters: BTreeMap<_, _> = tensors
        .filter_map(|(name, t)| Some((name.strip_prefix("policy.")?.to_owned(), t.clone())))
        .collect();
    let learned = with_parameters(blank, &parameters).unwrap();
    let graph = env.graph();
    exact_terminal_distribution(&env, graph, learned.sampler().as_ref()).unwrap()
}

fn assert_target(name: &str, learned: &[f64], log_rewards: &[f64]) {
    let target = target_distribution(log_rewards);
    let tv = total_variation(learned, &target);
    assert!(tv <= 0.02, "{name}: total variation {tv}");
    // Not the plain reward, unless that is what it is sent for.
    let (env, reward) = tree();
    let plain = target_distribution(&env.graph().log_rewards(&reward).unwrap());
    let apart = total_variation(&target, &plain);
    assert!(apart > 0.05 || name == "unguided", "{name}: {apart}");
}

#[test]
fn beside_a_frozen_main_agent_each_reward_is_the_target() {
    let (env, reward) = tree();
    let policy = main_policy(&env);
    let graph = env.graph();
    let log_r = graph.log_rewards(&reward).unwrap();
    let p = exact_terminal_distribution(&env, graph, policy.sampler().as_ref()).unwrap();
    let log_z = f64::from(policy.log_z().into_scalar::<f32>());
    // One trajectory for each object, and P_B is 1.
    let t: Vec<f64> = log_r
        .iter()
        .zip(&p)
        .map(|(r, p)| r - p.ln() - log_z)
        .collect();
    assert!(t.iter().any(|t| *t > 0.5) && t.iter().any(|t| *t < -0.5));
    let mut features = gfn_env::Features::new(env.n_features());
    for x in graph.terminal_states() {
        env.encode(x, &mut features.push_row());
    }
    // A predictor that learns next to nothing.
    let intrinsic = IntrinsicConfig::RandomNetworkDistillation {
        of: NoveltyOf::Terminals,
        hidden: vec![16],
        outputs: 2,
        learning_rate: 1e-12,
        scale: 200.0,
    };
    let rnd = Intrinsic::new(&intrinsic, env.n_features(), STREAMS.branch(u16::MAX)).unwrap();
    let novelty: Vec<f64> = graph
        .terminal_states()
        .iter()
        .map(|x| {
            let mut one = gfn_env::Trajectories::new();
            let (action, back) = (gfn_env::Action(0), gfn_env::BackwardAction(0));
            one.push([env.source(), *x], &[action], &[back], 0.0);
            rnd.novelty(&env, &one)[0]
        })
        .collect();
    let of = |f: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..t.len()).map(f).collect() };
    let lambda = Schedule::constant(3.0);
    let kinds = [
        (
            "loss-guided",
            AuxiliaryReward::LossGuided {
                lambda,
                scale_decay: None,
            },
            of(&|x| (log_r[x].exp() + 3.0 * t[x] * t[x]).ln()),
        ),
        (
            "adaptive-teacher",
            AuxiliaryReward::AdaptiveTeacher {
                c: 19.0,
                alpha: 0.5,
                epsilon: 1e-3,
            },
            of(&|x| {
                let weight = if t[x] > 0.0 { 20.0 } else { 1.0 };
                (1e-3 + weight * t[x] * t[x]).ln() + 0.5 * log_r[x]
            }),
        ),
        (
            "multiplicative",
            AuxiliaryReward::Multiplicative {
                lambda: Schedule::constant(0.5),
            },
            of(&|x| 0.5 * (t[x] * t[x]).ln() + log_r[x]),
        ),
        (
            "sibling-augmented",
            AuxiliaryReward::SiblingAugmented {
                beta_sn: 1.5,
                beta_e: 0.5,
                beta_i: 1.0,
                intrinsic: intrinsic.clone(),
            },
            of(&|x| 1.5 * ((0.5 * log_r[x]).exp() + novelty[x]).ln()),
        ),
        (
            "novelty",
            AuxiliaryReward::Novelty {
                beta: 0.5,
                intrinsic,
            },
            of(&|x| 0.5 * novelty[x].ln()),
        ),
        ("unguided", AuxiliaryReward::Unguided {}, log_r.clone()),
    ];
    for (name, reward, log_rewards) in kinds {
        let learned = learned_beside(TrajectoryBalance, TrajectoryBalance, &reward);
        assert_target(name, &learned, &log_rewards);
    }
}

#[test]
fn with_detailed_balance_the_loss_is_that_of_the_trajectory() {
    let (env, reward) = tree();
    let policy = main_policy(&env);
    let graph = env.graph();
    let log_r = graph.log_rewards(&reward).unwrap();
    let objective = DetailedBalance::default();
    let guided = AuxiliaryReward::LossGuided {
        lambda: Schedule::constant(5.0),
        scale_decay: None,
    };
    // The loss of a batch of the one trajectory into x.
    let loss = |x: usize| {
        let terminal = &graph.terminal_states()[x];
        let key = RolloutKey {
            streams: Streams::new(0),
            purpose: Purpose::Check,
            iteration: 0,
        };
        let terminal = std::slice::from_ref(terminal);
        let sampler = policy.sampler();
        let one =
            gfn_policy::rollout_backward(&env, sampler.as_ref(), terminal, &log_r[x..=x], key);
        let batch = TransitionBatch::new(&env, &one.unwrap(), policy.backward_policy());
        let regression = TrainerConfig::default().regression.at(0);
        let evaluation = objective.evaluate(&policy, &TrainingBatch::from(batch), &regression);
        f64::from(evaluation.loss.into_scalar::<f32>())
    };
    let log_rewards: Vec<f64> = (0..log_r.len())
        .map(|x| (log_r[x].exp() + 5.0 * loss(x)).ln())
        .collect();
    let learned = learned_beside(objective, objective, &guided);
    assert_target("detailed balance", &learned, &log_rewards);
}

fn grid_trainer(
    reward: AuxiliaryReward,
    configure: impl FnOnce(&mut AuxiliaryConfig),
) -> Trainer<Hypergrid, HypergridReward, MlpPolicy, TrajectoryBalance> {
    let env = Hypergrid::new(2, 6).unwrap();
    let target = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let network = MlpConfig {
        hidden: vec![16],
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let make = move |streams| MlpPolicy::new(&network, &env, streams, &device);
    let mut config = AuxiliaryConfig {
        reward,
        ..AuxiliaryConfig::default()
    };
    configure(&mut config);
    let policy = make(Streams::new(0));
    let streams = Streams::new(0).branch(0);
    let agent = AuxiliaryAgent::new(&env, make, TrajectoryBalance, config, streams).unwrap();
    Trainer::new(
        env,
        target,
        policy,
        TrajectoryBalance,
        TrainerConfig::default(),
    )
    .unwrap()
    .with_source(Box::new(agent), 0.5)
    .unwrap()
}

fn guided(lambda: f64) -> AuxiliaryReward {
    AuxiliaryReward::LossGuided {
        lambda: Schedule::constant(lambda),
        scale_decay: None,
    }
}

#[test]
fn nothing_but_trajectories_reaches_the_main_agent() {
    // The first batch is the same whatever the reward; a gradient through the reward would tell the two apart.
    let mut a = grid_trainer(guided(100.0), |_| {});
    let mut b = grid_trainer(AuxiliaryReward::Unguided {}, |_| {});
    let ((_, batch), (_, same)) = (a.step().unwrap(), b.step().unwrap());
    assert_eq!(batch, same);
    assert_eq!(a.state().parameters, b.state().parameters);
    assert_ne!(a.state().sources, b.state().sources);
    for _ in 0..20 {
        a.step().unwrap();
        b.step().unwrap();
    }
    assert_ne!(a.state().parameters, b.state().parameters);
}

#[test]
fn rewards_are_of_the_main_agent_before_its_update_and_of_all_trajectories() {
    let mut trainer = grid_trainer(guided(2.0), |_| {});
    let policy = trainer.policy().clone();
    let agent = MlpConfig {
        hidden: vec![16],
        ..MlpConfig::default()
    };
    let streams = Streams::new(0).branch(0);
    let (env, reward) = (*trainer.environment(), trainer.reward().clone());
    let agent = MlpPolicy::new(&agent, &env, streams.branch(0), &policy.device());
    let key = RolloutKey {
        streams,
        purpose: Purpose::Rollout,
        iteration: 0,
    };
    let all = rollout(&env, &reward, agent.sampler().as_ref(), &OnPolicy, key, 16).unwrap();
    let transitions = TransitionBatch::new(&env, &all, policy.backward_policy());
    let mut batch = TrainingBatch::from(transitions);
    batch.by_trajectory = true;
    let regression = TrainerConfig::default().regression.at(0);
    let evaluation = TrajectoryBalance.evaluate(&policy, &batch, &regression);
    let losses: Vec<f64> = evaluation
        .by_trajectory
        .unwrap()
        .into_data()
        .iter::<f64>()
        .collect();
    let pairs = losses.iter().zip(all.log_reward());
    let log_reward = pairs.map(|(l, r)| (r.exp() + 2.0 * l).ln()).sum::<f64>() / 16.0;
    let main_loss = losses.iter().sum::<f64>() / 16.0;

    let (report, drawn) = trainer.step().unwrap();
    assert_eq!(report.n_own, 8);
    for b in 0..8 {
        assert_eq!(drawn.trajectory(8 + b), all.trajectory(b), "the first half");
    }
    let figures: BTreeMap<String, f64> = trainer.source_figures().into_iter().collect();
    for (name, expected) in [("main_loss", main_loss), ("log_reward", log_reward)] {
        let found = figures[&format!("source.auxiliary-agent.{name}")];
        let error = (found - expected).abs();
        assert!(error < 1e-5 * expected.abs(), "{name}: {found} {expected}");
    }
}

#[test]
fn periods_and_restarts() {
    let seen = |configure: &dyn Fn(&mut AuxiliaryConfig)| {
        let mut trainer = grid_trainer(guided(1.0), configure);
        let mut states = vec![trainer.state().sources];
        for _ in 0..6 {
            trainer.step().unwrap();
            states.push(trainer.state().sources);
        }
        let steps = |source: &gfn_explore::SavedSource| source.bytes["adam.step"][0];
        states.iter().map(|s| steps(&s[0])).collect::<Vec<u8>>()
    };
    assert_eq!(seen(&|_| {}), [0, 1, 2, 3, 4, 5, 6]);
    // Trained in iterations 0 and 3.
    assert_eq!(seen(&|c| c.period = 3), [0, 1, 1, 1, 2, 2, 2]);
    // Anew in iterations 2 and 4.
    let restarted = seen(&|c| c.reset_every = Some(2));
    assert_eq!(restarted, [0, 1, 2, 1, 2, 1, 2]);
}

/// The small trainer with an auxiliary agent that has everything on.
fn with_auxiliary(init: u64, reward: AuxiliaryReward, reset: Option<u64>) -> SmallTrainer {
    let trainer = small_trainer(init);
    let env = *trainer.environment();
    let network = MlpConfig {
        hidden: vec![12],
        ..MlpConfig::default()
    };
    let make = {
        let device = Device::flex().autodiff();
        move |streams| MlpFlowPolicy::new(&network, &env, streams, &device)
    };
    let objective = SubTrajectoryBalance {
        lambda: 0.9,
        normalisation: SubTrajectoryNormalisation::Batch {},
    };
    let config = AuxiliaryConfig {
        reward,
        batch_size: 12,
        period: 2,
        reset_every: reset,
        ..AuxiliaryConfig::default()
    };
    let agent = AuxiliaryAgent::new(&env, make, objective, config, Streams::new(7)).unwrap();
    trainer.with_source(Box::new(agent), 0.4).unwrap()
}

fn rewards() -> [(AuxiliaryReward, Option<u64>); 3] {
    let scaled = AuxiliaryReward::LossGuided {
        lambda: Schedule::constant(1.0),
        scale_decay: Some(0.9),
    };
    let distillation = AuxiliaryReward::SiblingAugmented {
        beta_sn: 1.0,
        beta_e: 1.0,
        beta_i: 1.0,
        intrinsic: IntrinsicConfig::default(),
    };
    let counts = AuxiliaryReward::Novelty {
        beta: 1.0,
        intrinsic: IntrinsicConfig::StateCounts {
            of: NoveltyOf::States,
            scale: 1.0,
        },
    };
    [(scaled, Some(7)), (distillation, None), (counts, None)]
}

#[test]
fn auxiliary_agents_resume_bit_for_bit() {
    for (reward, reset) in rewards() {
        crate::resume::assert_resumes(&|init| with_auxiliary(init, reward.clone(), reset));
    }
}

#[test]
fn damage_is_named_and_changes_nothing() {
    let [_, (distillation, _), (counts, _)] = rewards();
    for (reward, name) in [(distillation, "intrinsic"), (counts, "adam.step")] {
        let mut trainer = with_auxiliary(0, reward, None);
        trainer.run(3, |_, _| {}).unwrap();
        let good = trainer.state();
        let mut bad = good.clone();
        bad.sources[0].bytes.get_mut(name).unwrap().pop();
        let error = trainer.restore(&bad).unwrap_err().to_string();
        assert!(
            error.contains("auxiliary-agent") && error.contains(name),
            "{error}"
        );
        let mut bad = good.clone();
        let tensors = &mut bad.sources[0].tensors;
        let log_z = tensors
            .keys()
            .find(|name| name.ends_with("log_z") && name.starts_with("policy."));
        let log_z = log_z.unwrap().clone();
        tensors.remove(&log_z).unwrap();
        let error = trainer.restore(&bad).unwrap_err().to_string();
        assert!(
            error.contains("auxiliary-agent") && error.contains("log_z"),
            "{error}"
        );
        assert_same(&trainer.state(), &good);
    }
}

#[test]
fn threads_change_nothing() {
    let [(reward, reset), ..] = rewards();
    let train = |threads: usize| {
        let mut trainer = with_auxiliary(0, reward.clone(), reset);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap()
            .install(|| trainer.run(12, |_, _| {}).unwrap());
        trainer.state()
    };
    let one = train(1);
    for threads in [2, 3] {
        assert_same(&train(threads), &one);
    }
}

#[test]
fn what_makes_no_agent_is_refused() {
    let env = Hypergrid::new(2, 4).unwrap();
    let device = Device::flex().autodiff();
    let make = move |streams| MlpPolicy::new(&MlpConfig::default(), &env, streams, &device);
    let build = |config: AuxiliaryConfig, make| {
        AuxiliaryAgent::new(&env, make, TrajectoryBalance, config, STREAMS)
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    let config = AuxiliaryConfig::default();
    let with = |change: &dyn Fn(&mut AuxiliaryConfig)| {
        let mut config = config.clone();
        change(&mut config);
        config
    };
    for (bad, says) in [
        (with(&|c| c.period = 0), "period"),
        (with(&|c| c.reset_every = Some(0)), "reset_every"),
        (with(&|c| c.batch_size = 0), "batch_size"),
        (with(&|c| c.reward = guided(-1.0)), "lambda"),
    ] {
        let error = build(bad, make.clone());
        assert!(error.contains(says), "{error}");
    }
    let objective = ModifiedDetailedBalance::default();
    let error = AuxiliaryAgent::new(&env, make.clone(), objective, config.clone(), STREAMS);
    assert!(matches!(error.map(drop), Err(AuxiliaryError::Objective)));

    // Adaptive teachers need residuals, which flow matching does not have.
    let teacher = AuxiliaryReward::AdaptiveTeacher {
        c: 19.0,
        alpha: 0.0,
        epsilon: 1e-3,
    };
    let config = with(&|c| c.reward = teacher.clone());
    let agent = AuxiliaryAgent::new(&env, make.clone(), TrajectoryBalance, config, STREAMS);
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let objective = FlowMatching::default();
    let policy = make(Streams::new(0));
    let mut trainer = Trainer::new(env, reward, policy, objective, TrainerConfig::default())
        .unwrap()
        .with_source(Box::new(agent.unwrap()), 0.5)
        .unwrap();
    let before = named_parameters(trainer.policy());
    let error = trainer.step().map(drop).unwrap_err().to_string();
    assert!(
        error.contains("adaptive-teacher") && error.contains("loss-guided"),
        "{error}"
    );
    assert_eq!(
        named_parameters(trainer.policy()),
        before,
        "the parameters are kept"
    );
}
