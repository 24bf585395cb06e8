//! A run that is stopped and continued makes the numbers of one that is not.

use crate::common::{CLIP_NORM, SmallTrainer, assert_same, small_trainer, small_trainer_with};
use gfn_train::{BackwardTraining, Checkpoint, TrainError, TrainerState};
use std::collections::BTreeMap;

/// What an observer sees of one iteration, the times left out.
type Seen = (u64, u64, usize, u64, u64, Vec<String>);

fn run(trainer: &mut SmallTrainer, to: u64) -> Vec<Seen> {
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
    let learning_rate = gfn_explore::Schedule::constant(0.01);
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

/// Runs 30 iterations at once and in parts, and returns what was seen.
pub(crate) fn assert_resumes(make: &dyn Fn(u64) -> SmallTrainer) -> Vec<Seen> {
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
