//! A run that is stopped and continued makes the numbers of one that is not.

use crate::common::{CLIP_NORM, assert_same, small_trainer, small_trainer_with};
use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Streams, SubstructureGuide, SubstructureGuideConfig};
use gfn_explore::Schedule;
use gfn_loss::Munchausen;
use gfn_policy::{BackwardPolicy, MlpConfig, MlpPolicy, Policy, Trunk};
use gfn_train::{
    BackwardTraining, Checkpoint, GuidedTrajectoryBalance, Objective, SoftDqn, TrainError, Trainer,
    TrainerConfig, TrainerState, TrajectoryBalance,
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
