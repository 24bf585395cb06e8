//! A run that is stopped and continued makes the numbers of one that is not.

use crate::common::{CLIP_NORM, assert_same, small_trainer, small_trainer_with};
use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Streams, SubstructureGuide, SubstructureGuideConfig};
use gfn_explore::{IntrinsicConfig, NoveltyOf, Schedule};
use gfn_loss::Munchausen;
use gfn_policy::{BackwardPolicy, MlpConfig, MlpFlowPolicy, MlpPolicy, Policy, Trunk};
use gfn_train::{
    AugmentedTrajectoryBalance, BackwardTraining, Checkpoint, GuidedTrajectoryBalance, Objective,
    SoftDqn, TrainError, Trainer, TrainerConfig, TrainerState, TrajectoryBalance,
};
use std::collections::BTreeMap;

/// What an observer sees of one iteration, the times left out.
type Seen = (u64, u64, usize, u64, u64, Vec<String>);

fn run<P: Policy, O: Objective<P>>(
    trainer: &mut Trainer<Hypergrid, HypergridReward, P, O>,
    to: u64,
) -> Vec<Seen> {
    let mut seen = Vec::new();
    trainer
        .run(to, |report, trajectories| {
            seen.push((
                report.iteration,
                report.loss.to_bits(),
                report.n_transitions,
                report.mean_log_reward.to_bits(),
                report.gradient_norm.to_bits(),
                trajectories.terminals().map(|x| format!("{x:?}")).collect(),
            ));
        })
        .unwrap();
    seen
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one_bit_for_bit() {
    let seen = assert_resumes(&small_trainer);
    let clipped = seen
        .iter()
        .filter(|s| f64::from_bits(s.4) > CLIP_NORM)
        .count();
    assert!(clipped > 0 && clipped < 30, "{clipped} steps are clipped");
}

#[test]
fn a_backward_policy_that_is_trained_by_itself_resumes_bit_for_bit() {
    let learning_rate = Schedule::constant(0.01);
    // Fewer batches than iterations, so that the buffer has dropped some.
    for backward in [
        BackwardTraining::TrajectoryLikelihood {
            target_rate: 0.25,
            learning_rate,
        },
        BackwardTraining::Pessimistic {
            batches: 5,
            learning_rate,
        },
    ] {
        assert_resumes(&|init| small_trainer_with(init, backward.clone()));
    }
}

#[test]
fn a_target_network_resumes_bit_for_bit() {
    assert_resumes(&|init| {
        let env = Hypergrid::new(2, 6).unwrap();
        let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
        let network = MlpConfig {
            hidden: vec![16],
            backward: BackwardPolicy::Uniform,
            ..MlpConfig::default()
        };
        let device = Device::flex().autodiff();
        let policy = MlpPolicy::new(&network, &env, Streams::new(init), &device);
        let objective = SoftDqn {
            munchausen: Munchausen {
                alpha: 0.15,
                least_log_p: -100.0,
            },
            ..SoftDqn::default()
        };
        Trainer::new(env, reward, policy, objective, TrainerConfig::default()).unwrap()
    });
}

#[test]
fn learned_path_counts_resume_bit_for_bit() {
    assert_resumes(&|init| {
        let env = Hypergrid::new(2, 6).unwrap();
        let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
        let network = MlpConfig {
            hidden: vec![16],
            backward: BackwardPolicy::Uniform,
            ..MlpConfig::default()
        };
        let device = Device::flex().autodiff();
        let policy = MlpPolicy::new(&network, &env, Streams::new(init), &device);
        let config = TrainerConfig {
            seed: 3,
            backward: BackwardTraining::LearnedMaximumEntropy {
                hidden: vec![8],
                learning_rate: Schedule::constant(0.01),
            },
            ..TrainerConfig::default()
        };
        Trainer::new(env, reward, policy, TrajectoryBalance, config).unwrap()
    });
}

#[test]
fn the_objects_of_a_guide_resume_bit_for_bit() {
    let make = |init| guided_trainer(init);
    let seen = assert_resumes(&make);
    // The objects matter: with others before it, the last loss is another.
    let mut trainer = make(0);
    trainer.run(29, |_, _| {}).unwrap();
    let mut state = trainer.state();
    assert_eq!(state.seen.len(), 12, "the oldest are dropped");
    state.seen.truncate(3);
    trainer.restore(&state).unwrap();
    let (report, _) = trainer.step().unwrap();
    assert_ne!(report.loss.to_bits(), seen[29].1);
    // Actions that the environment refuses are no objects of it.
    state.seen[0].0 = vec![9];
    let error = trainer.restore(&state).unwrap_err();
    assert!(matches!(error, TrainError::Buffer), "{error}");
}

#[test]
fn intrinsic_rewards_resume_bit_for_bit() {
    let counts = IntrinsicConfig::StateCounts {
        of: NoveltyOf::Terminals,
        scale: 0.5,
    };
    for intrinsic in [IntrinsicConfig::default(), counts] {
        let seen = assert_resumes(&|init| augmented_trainer(init, &intrinsic));
        // What was learned matters: from nothing, the loss is another.
        let mut trainer = augmented_trainer(0, &intrinsic);
        trainer.run(9, |_, _| {}).unwrap();
        let mut state = trainer.state();
        state.intrinsic = augmented_trainer(0, &intrinsic).state().intrinsic;
        trainer.restore(&state).unwrap();
        assert_ne!(trainer.step().unwrap().0.loss.to_bits(), seen[9].1);
        let good = trainer.state();
        state.intrinsic.push(0);
        let error = trainer.restore(&state).unwrap_err();
        assert!(matches!(error, TrainError::IntrinsicState), "{error}");
        assert_same(&trainer.state(), &good);
    }
}

/// Augmented trajectory balance with intrinsic rewards that fade within the run.
fn augmented_trainer(
    init: u64,
    intrinsic: &IntrinsicConfig,
) -> Trainer<Hypergrid, HypergridReward, MlpFlowPolicy, AugmentedTrajectoryBalance> {
    let env = Hypergrid::new(2, 6).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let network = MlpConfig {
        hidden: vec![16],
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpFlowPolicy::new(&network, &env, Streams::new(init), &device);
    let config = TrainerConfig::default();
    let fading = Schedule::Linear {
        from: 2.0,
        to: 0.0,
        iterations: 20,
    };
    Trainer::new(env, reward, policy, AugmentedTrajectoryBalance, config)
        .unwrap()
        .with_intrinsic_rewards(intrinsic, fading)
        .unwrap()
}

/// Guided trajectory balance, with a P_B that follows, on few objects.
fn guided_trainer(
    init: u64,
) -> Trainer<Hypergrid, HypergridReward, MlpPolicy, GuidedTrajectoryBalance> {
    let env = Hypergrid::new(2, 6).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let network = MlpConfig {
        hidden: vec![16],
        trunk: Trunk::Separate,
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&network, &env, Streams::new(init), &device);
    let config = TrainerConfig {
        backward: BackwardTraining::Guided {
            learning_rate: Schedule::constant(0.01),
        },
        ..TrainerConfig::default()
    };
    let guide = SubstructureGuideConfig {
        capacity: 12,
        ..SubstructureGuideConfig::default()
    };
    let objective = GuidedTrajectoryBalance::new(0.5).unwrap();
    Trainer::new(env, reward, policy, objective, config)
        .unwrap()
        .with_guide(SubstructureGuide::new(env, guide).unwrap())
}

/// Runs 30 iterations at once and in parts, and returns what was seen.
pub(crate) fn assert_resumes<P: Policy, O: Objective<P>>(
    make: &dyn Fn(u64) -> Trainer<Hypergrid, HypergridReward, P, O>,
) -> Vec<Seen> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    let mut whole = make(0);
    let seen = run(&mut whole, 30);
    assert_eq!(seen.len(), 30);
    // Stopped after 1 and after 12 iterations, at each stop through a file and into a trainer with other weights.
    let mut parts = Vec::new();
    let mut state: Option<TrainerState> = None;
    for (init, stop) in [(0, 1), (77, 12), (78, 30)] {
        let mut trainer = make(init);
        if let Some(state) = &state {
            trainer.restore(state).unwrap();
            assert_same(&trainer.state(), state);
        }
        parts.extend(run(&mut trainer, stop));
        let checkpoint = Checkpoint {
            experiment: "abc".to_owned(),
            trainer: trainer.state(),
            extra: BTreeMap::new(),
        };
        checkpoint.save(&path).unwrap();
        state = Some(Checkpoint::load_for(&path, "abc").unwrap().trainer);
    }
    assert_eq!(parts, seen);
    assert_same(&state.unwrap(), &whole.state());
    seen
}

#[test]
fn a_state_of_another_policy_is_refused_and_changes_nothing() {
    let mut trainer = small_trainer(0);
    trainer.run(3, |_, _| {}).unwrap();
    let good = trainer.state();

    let mut other = good.clone();
    other.iteration = 9;
    let weight = "policy.forward.layers.0.weight";
    other.parameters.get_mut(weight).unwrap().shape.reverse();
    let error = trainer.restore(&other).unwrap_err();
    assert!(matches!(error, TrainError::Parameters(_)), "{error}");
    assert!(error.to_string().contains(weight), "{error}");
    assert_same(&trainer.state(), &good);

    // Parameters that fit with moments that do not: neither is taken.
    let mut other = good.clone();
    other.iteration = 9;
    for value in other.parameters.values_mut().flat_map(|t| &mut t.values) {
        *value += 1.0;
    }
    other.optimiser.second.remove(weight);
    let error = trainer.restore(&other).unwrap_err();
    assert!(matches!(error, TrainError::Optimiser(_)), "{error}");
    assert!(error.to_string().contains(weight), "{error}");
    assert_same(&trainer.state(), &good);
}

#[test]
fn intrinsic_rewards_have_to_be_given_and_in_range() {
    let env = Hypergrid::new(2, 4).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let make = || {
        let device = Device::flex().autodiff();
        let policy = MlpFlowPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &device);
        let config = TrainerConfig::default();
        Trainer::new(
            env,
            reward.clone(),
            policy,
            AugmentedTrajectoryBalance,
            config,
        )
        .unwrap()
    };
    let error = make().step().map(drop).unwrap_err();
    assert!(matches!(error, TrainError::NoIntrinsic), "{error}");
    let refused = |intrinsic: &IntrinsicConfig, weight: f64| {
        let with = make().with_intrinsic_rewards(intrinsic, Schedule::constant(weight));
        with.map(drop).unwrap_err()
    };
    let error = refused(&IntrinsicConfig::default(), -1.0);
    assert!(matches!(error, TrainError::IntrinsicWeight(_)), "{error}");
    let none = IntrinsicConfig::StateCounts {
        of: NoveltyOf::States,
        scale: 0.0,
    };
    let error = refused(&none, 1.0);
    assert!(matches!(error, TrainError::Intrinsic(_)), "{error}");
}
