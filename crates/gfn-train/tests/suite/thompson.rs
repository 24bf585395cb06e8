//! Thompson sampling: who samples, who learns from what, and what never changes.

use crate::common::{SmallTrainer, assert_same, small_trainer};
use burn::module::ModuleDisplay;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use gfn_env::{
    BitSequence, BuildOrder, Environment, Features, Hypergrid, HypergridReward, HypergridState,
    Indexed, LogRewardFn, Purpose, Streams, Trajectories, walk,
};
use gfn_explore::Schedule;
use gfn_explore::{SourceContext, TrainedBatch, TrajectorySource as _};
use gfn_policy::{
    BackwardPolicy, MlpConfig, MlpFlowPolicy, MlpPolicy, NamedTensor, OnPolicy, Policy,
    RandomizedPriorPolicy, RolloutKey, TabularPolicy, TransitionBatch, Workspace,
    masked_log_softmax_f64, named_parameters, rollout,
};
use gfn_train::{
    Adam, AdamConfig, Evaluation, Objective as _, ThompsonConfig, ThompsonSampling, Trainer,
    TrainerConfig, TrainerState, TrainingBatch, TrajectoryBalance,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const STREAMS: Streams = Streams::new(11);

fn grid() -> (Hypergrid, HypergridReward) {
    let env = Hypergrid::new(2, 6).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    (env, reward)
}

fn network(streams: Streams) -> MlpPolicy {
    let config = MlpConfig {
        hidden: vec![16],
        ..MlpConfig::default()
    };
    MlpPolicy::new(&config, &grid().0, streams, &Device::flex().autodiff())
}

fn config(heads: usize, mask_probability: f64, prior_scale: f64) -> ThompsonConfig {
    ThompsonConfig {
        heads,
        mask_probability,
        prior_scale,
        prior_hidden: vec![8],
        ..ThompsonConfig::default()
    }
}

type Tensors = BTreeMap<String, NamedTensor>;

/// Tensors of head `k` in a saved state.
fn of_head(state: &gfn_explore::SavedSource, k: usize, group: &str) -> Tensors {
    let prefix = format!("head.{k}.{group}.");
    let tensors = state.tensors.iter();
    tensors
        .filter_map(|(n, t)| Some((n.strip_prefix(&prefix)?.to_owned(), t.clone())))
        .collect()
}

/// The same under the names that they have without a prior.
fn within(tensors: Tensors) -> Tensors {
    let named = tensors.into_iter();
    named
        .map(|(name, t)| (name.strip_prefix("policy.").unwrap().to_owned(), t))
        .collect()
}

/// A trainer whose ensemble has neither priors nor masks, and heads that start as the main agent does, after 25 steps.
fn without_priors_and_masks<E, P>(env: E, reward: HypergridReward, policy: &P) -> TrainerState
where
    E: Environment<State = HypergridState>,
    P: Policy + ModuleDisplay,
{
    let same = |_| policy.clone();
    let ensemble = ThompsonSampling::new(&env, same, config(3, 1.0, 0.0), STREAMS).unwrap();
    let config = TrainerConfig::default();
    let mut trainer = Trainer::new(env, reward, policy.clone(), TrajectoryBalance, config)
        .unwrap()
        .with_source(Box::new(ensemble), 0.5)
        .unwrap();
    trainer.run(25, |_, _| {}).unwrap();
    let state = trainer.state();
    assert_ne!(state.parameters, named_parameters(policy));
    state
}

#[test]
fn without_priors_and_masks_every_head_is_the_main_agent() {
    let (env, reward) = grid();
    let tables = Indexed::new(env, 100).unwrap();
    let device = Device::flex().autodiff();
    let table = TabularPolicy::new(&tables, BackwardPolicy::Learned, &device);
    let state = without_priors_and_masks(tables, reward.clone(), &table);
    for k in 0..3 {
        let group = |name| within(of_head(&state.sources[0], k, name));
        assert_eq!(group("policy"), state.parameters, "head {k}");
        assert_eq!(group("adam.first"), state.optimiser.first, "head {k}");
        assert_eq!(group("adam.second"), state.optimiser.second, "head {k}");
    }
    // Perceptrons go on from the rollout, where the main agent has another order of rows than a head.
    let state = without_priors_and_masks(env, reward, &network(Streams::new(0)));
    let head = |k| within(of_head(&state.sources[0], k, "policy"));
    assert_eq!(head(0), head(1));
    assert_eq!(head(0), head(2));
    for (name, tensor) in &state.parameters {
        for (main, head) in tensor.values.iter().zip(&head(0)[name].values) {
            assert!((main - head).abs() < 1e-6, "{name}: {main} {head}");
        }
    }
}

/// What a head is after one step of Adam on some trajectories.
fn stepped<E: Environment>(
    env: &E,
    policy: &RandomizedPriorPolicy<MlpPolicy>,
    trajectories: &Trajectories<E::State>,
) -> Tensors {
    let transitions = TransitionBatch::new(env, trajectories, policy.backward_policy());
    let regression = TrainerConfig::default().regression.at(0);
    let Evaluation { loss, .. } =
        TrajectoryBalance.evaluate(policy, &TrainingBatch::from(transitions), &regression);
    let gradients = GradientsParams::from_grads(loss.backward(), policy);
    let mut adam = Adam::new(AdamConfig::default()).unwrap();
    named_parameters(&adam.step(policy.clone(), gradients, 0).0)
}

#[test]
fn a_head_learns_from_what_its_mask_lets_through_and_from_nothing_else() {
    let (env, reward) = grid();
    let make = || ThompsonSampling::new(&env, network, config(6, 0.3, 2.0), STREAMS).unwrap();
    let (ensemble, twin) = (make(), make());
    let policy = network(Streams::new(0));
    let config = TrainerConfig {
        batch_size: 7,
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(env, reward, policy, TrajectoryBalance, config)
        .unwrap()
        .with_source(Box::new(ensemble), 0.4)
        .unwrap();
    let (_, batch) = trainer.step().unwrap();
    let state = trainer.state();
    let (mut none, mut some) = (0, 0);
    for (k, policy) in twin.policies().enumerate() {
        let mut seen = Trajectories::new();
        for b in 0..batch.len() {
            if twin.mask(0, b)[k] {
                seen.push_copy(batch.trajectory(b));
            }
        }
        let now = of_head(&state.sources[0], k, "policy");
        if seen.is_empty() {
            none += 1;
            assert_eq!(now, named_parameters(policy), "head {k}");
        } else {
            some += 1;
            assert_eq!(now, stepped(&env, policy, &seen), "head {k}");
            assert_ne!(now, stepped(&env, policy, &batch), "head {k}");
        }
    }
    assert!(none > 0 && some > 2, "{none} {some}: both cases occur");
}

#[test]
fn masks_and_acting_heads_are_drawn_as_promised() {
    let (env, _) = grid();
    let (p, heads) = (0.3, 5);
    let make = |p| ThompsonSampling::new(&env, network, config(heads, p, 1.0), STREAMS).unwrap();
    let ensemble = make(p);
    let masks: Vec<Vec<Vec<bool>>> = (0..200)
        .map(|iteration| (0..40).map(|b| ensemble.mask(iteration, b)).collect())
        .collect();
    // Five standard deviations: each of the 25 figures of masks and 5 of acting heads fails by chance with 6e-7.
    let check = |name: &str, count: usize, n: usize, p: f64| {
        let (expected, deviation) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
        let off = (count as f64 - expected) / deviation;
        assert!(off.abs() < 5.0, "{name}: {count} of {n}, {off} deviations");
    };
    let count = |holds: &dyn Fn(usize, usize) -> bool| {
        let cells = (0..200).flat_map(|i| (0..40).map(move |b| (i, b)));
        cells.filter(|&(i, b)| holds(i, b)).count()
    };
    for k in 0..heads {
        check("share", count(&|i, b| masks[i][b][k]), 8000, p);
        let next = |i: usize, b: usize| masks[i][b][k] && masks[i][(b + 1) % 40][k];
        check("two trajectories", count(&next), 8000, p * p);
        let next = |i: usize, b: usize| masks[i][b][k] && masks[(i + 1) % 200][b][k];
        check("two iterations", count(&next), 8000, p * p);
        for other in 0..k {
            let both = |i: usize, b: usize| masks[i][b][k] && masks[i][b][other];
            check("two heads", count(&both), 8000, p * p);
        }
    }
    assert!((0..40).all(|b| make(1.0).mask(3, b).iter().all(|m| *m)));
    let acting: Vec<usize> = (0..200).flat_map(|i| ensemble.acting(i, 40)).collect();
    for k in 0..heads {
        let acts = acting.iter().filter(|head| **head == k).count();
        check("acting", acts, 8000, 1.0 / heads as f64);
    }
}

#[test]
fn each_trajectory_is_sampled_by_its_head() {
    let (env, reward) = grid();
    let make = || ThompsonSampling::new(&env, network, config(4, 0.5, 3.0), STREAMS).unwrap();
    let (mut ensemble, twin) = (make(), make());
    let main = network(Streams::new(0));
    let (sampler, own) = (main.sampler(), Trajectories::new());
    let context = SourceContext {
        environment: &env,
        reward: &reward,
        policy: sampler.as_ref(),
        behaviour: &OnPolicy,
        streams: STREAMS,
        iteration: 5,
        own: &own,
    };
    let drawn = ensemble.draw(&context, 12).unwrap();
    let acting = twin.acting(5, 12);
    let mut expected = Trajectories::new();
    for (k, policy) in twin.policies().enumerate() {
        let n = acting.iter().filter(|head| **head == k).count();
        let key = RolloutKey {
            streams: STREAMS.branch(k as u16),
            purpose: Purpose::Rollout,
            iteration: 5,
        };
        let sampler = policy.sampler();
        expected.append(rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key, n).unwrap());
    }
    assert_eq!(drawn, expected);
    assert_eq!(drawn.len(), 12);
}

/// `log P_F` of every action in a state.
fn log_pf<P: Policy, E: Environment>(env: &E, policy: &P, state: &E::State) -> Vec<f64> {
    let mut features = Features::new(env.n_features());
    env.encode(state, &mut features.push_row());
    let (sampler, mut logits) = (policy.sampler(), Vec::new());
    sampler.forward_logits(&features, &mut Workspace::default(), &mut logits);
    let mut allowed = vec![false; env.n_actions()];
    env.forward_mask(state, &mut allowed);
    let mut log_p = vec![0.0; allowed.len()];
    masked_log_softmax_f64(&logits, &allowed, &mut log_p);
    log_p
}

/// Largest total variation between the P_F of two heads in a state.
fn disagreement(of_heads: &[Vec<f64>]) -> f64 {
    let mut largest: f64 = 0.0;
    for (i, a) in of_heads.iter().enumerate() {
        for b in &of_heads[..i] {
            let pairs = a.iter().zip(b);
            let tv = pairs.map(|(a, b)| (a.exp() - b.exp()).abs()).sum::<f64>() / 2.0;
            largest = largest.max(tv);
        }
    }
    largest
}

#[test]
fn heads_agree_where_they_have_seen_all_and_are_their_priors_where_nothing() {
    // Four bits, left to right; the batch is every string that starts with 0.
    let env = BitSequence::new(4, 1, BuildOrder::Autoregressive).unwrap();
    let env = Arc::new(Indexed::new(env, 100).unwrap());
    let log_reward = |x: usize| (x as f64 * 1.7).sin();
    let mut batch = Trajectories::new();
    for x in 0..8_u32 {
        let actions: Vec<_> = (0..4)
            .rev()
            .map(|i| gfn_env::Action((x >> i) & 1))
            .collect();
        let (states, back) = walk(&env, &actions).unwrap();
        batch.push(states, &actions, &back, log_reward(x as usize));
    }
    let device = Device::flex().autodiff();
    let blank = TabularPolicy::new(&env, BackwardPolicy::Uniform, &device);
    let rate = Schedule::Cosine {
        from: 0.1,
        to: 1e-3,
        iterations: 1000,
    };
    let config = ThompsonConfig {
        optimiser: AdamConfig {
            learning_rate: rate,
            log_z_learning_rate: rate,
            ..AdamConfig::default()
        },
        ..config(4, 0.5, 5.0)
    };
    let mut ensemble = ThompsonSampling::new(&env, |_| blank.clone(), config, STREAMS).unwrap();
    let priors = |e: &ThompsonSampling<TabularPolicy>| -> Vec<Tensors> {
        e.policies().map(|p| named_parameters(p.prior())).collect()
    };
    let before = priors(&ensemble);
    assert_ne!(before[0], before[1]);
    for iteration in 0..1000 {
        let told = TrainedBatch {
            trajectories: &batch,
            n_own: 8,
            drawn: 0..0,
            losses: &[],
            residuals: &[],
            asked_losses: &[],
            asked_residuals: &[],
            iteration,
        };
        ensemble.observe(&env, &told).unwrap();
    }
    assert_eq!(priors(&ensemble), before, "priors never change");
    let graph = env.graph();
    let source = env.source();
    let (mut unseen, mut n_unseen) = (0.0, 0);
    for state in graph.states() {
        if *state == source || env.is_terminal(state) {
            continue;
        }
        let of_heads: Vec<_> = ensemble
            .policies()
            .map(|policy| log_pf(&env, policy, state))
            .collect();
        let seen = batch.states().contains(state);
        if seen {
            // Exact: the part of the reward behind each child, for all heads.
            let behind = |action: u32| -> f64 {
                let mut child = *state;
                env.step(&mut child, gfn_env::Action(action)).unwrap();
                let into = batch.iter().filter(|t| t.states.contains(&child));
                into.map(|t| t.log_reward.exp()).sum()
            };
            let parts = [behind(0), behind(1)];
            for head in &of_heads {
                let p = parts[0] / (parts[0] + parts[1]);
                let off = (head[0].exp() - p).abs();
                assert!(off < 0.01, "{state:?}: {} and not {p}", head[0].exp());
            }
            assert!(disagreement(&of_heads) < 0.02);
        } else {
            for (policy, head) in ensemble.policies().zip(&of_heads) {
                // A table that was never trained there, on top of the prior.
                let fresh = log_pf(&env, policy.prior(), state);
                let ratio = |log_p: &[f64]| log_p[0] - log_p[1];
                let off = ratio(head) - 5.0 * ratio(&fresh);
                assert!(off.abs() < 1e-5, "{state:?}: {off}");
            }
            unseen += disagreement(&of_heads);
            n_unseen += 1;
        }
    }
    let unseen = unseen / f64::from(n_unseen);
    assert!(unseen > 0.2, "{unseen} in {n_unseen} states");
}

/// The small trainer with an ensemble of networks.
fn with_ensemble(init: u64) -> SmallTrainer {
    let trainer = small_trainer(init);
    let env = *trainer.environment();
    let network = MlpConfig {
        hidden: vec![12],
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let make = |streams| MlpFlowPolicy::new(&network, &env, streams, &device);
    let ensemble = ThompsonSampling::new(&env, make, config(3, 0.4, 2.0), Streams::new(7));
    trainer
        .with_source(Box::new(ensemble.unwrap()), 0.4)
        .unwrap()
}

#[test]
fn ensembles_resume_bit_for_bit() {
    crate::resume::assert_resumes(&with_ensemble);
}

#[test]
fn threads_change_nothing() {
    let train = |threads: usize| {
        let mut trainer = with_ensemble(0);
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
fn damage_is_named_and_changes_nothing() {
    let mut trainer = with_ensemble(0);
    trainer.run(3, |_, _| {}).unwrap();
    let good = trainer.state();
    let mut refuse = |change: &dyn Fn(&mut gfn_explore::SavedSource), says: &[&str]| {
        let mut bad = good.clone();
        change(&mut bad.sources[0]);
        let error = trainer.restore(&bad).unwrap_err().to_string();
        for part in says {
            assert!(error.contains(part), "{error}");
        }
        assert_same(&trainer.state(), &good);
    };
    refuse(
        &|s| assert!(s.bytes.get_mut("head.1.adam.step").unwrap().pop().is_some()),
        &["thompson", "head 1", "adam.step"],
    );
    refuse(
        &|s| assert!(s.bytes.get_mut("latest").unwrap().pop().is_some()),
        &["thompson", "`latest`"],
    );
    let log_z = "head.2.policy.policy.policy.log_z";
    refuse(
        &|s| drop(s.tensors.remove(log_z).unwrap()),
        &["thompson", "head 2", "log_z"],
    );
    refuse(
        &|s| {
            let moment = log_z.replacen("policy", "adam.first", 1);
            drop(s.tensors.remove(&moment).unwrap());
        },
        &["thompson", "head 2", "log_z"],
    );
}

#[test]
fn what_makes_no_ensemble_is_refused() {
    let (env, _) = grid();
    let error = |config: ThompsonConfig| {
        let ensemble = ThompsonSampling::new(&env, network, config, STREAMS);
        ensemble.map(drop).unwrap_err().to_string()
    };
    for (bad, says) in [
        (config(1, 0.5, 1.0), "`heads` is 1"),
        (config(1025, 0.5, 1.0), "`heads` is 1025"),
        (config(3, 0.0, 1.0), "`mask_probability` is 0"),
        (config(3, 1.5, 1.0), "`mask_probability` is 1.5"),
        (config(3, f64::NAN, 1.0), "`mask_probability` is NaN"),
        (config(3, 0.5, -1.0), "`prior_scale` is -1"),
        (config(3, 0.5, f64::INFINITY), "`prior_scale` is inf"),
    ] {
        let error = error(bad);
        assert!(error.contains(says), "{error}");
    }
    let hidden = ThompsonConfig {
        prior_hidden: vec![4, 0],
        ..config(3, 0.5, 1.0)
    };
    assert!(error(hidden).contains("`prior_hidden`"));
}

#[test]
fn a_loss_that_is_not_finite_keeps_the_main_agent() {
    let (env, _) = grid();
    let ensemble = ThompsonSampling::new(&env, network, config(2, 1.0, 1.0), STREAMS).unwrap();
    // The main agent learns nothing from a reward that the heads cannot take: theirs overflows.
    let reward = LogRewardFn(|_: &HypergridState| 1e30);
    let policy = network(Streams::new(0));
    let config = TrainerConfig {
        regression: gfn_loss::Regression::Squared {}.linear_beyond(1.0).into(),
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(env, reward, policy, TrajectoryBalance, config)
        .unwrap()
        .with_source(Box::new(ensemble), 0.5)
        .unwrap();
    let before = named_parameters(trainer.policy());
    let error = trainer.step().map(drop).unwrap_err().to_string();
    assert!(
        error.contains("thompson") && error.contains("loss of a head"),
        "{error}"
    );
    assert_eq!(named_parameters(trainer.policy()), before);
}
