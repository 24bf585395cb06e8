//! Backward policies that are trained by themselves leave the optimum where it is.

use crate::check_training;
use crate::toys::{Make, Training};
use gfn_explore::Schedule;
use gfn_policy::BackwardPolicy;
use gfn_train::{BackwardTraining, DetailedBalance, SubTrajectoryBalance, TrajectoryBalance};

fn check(backward_training: &BackwardTraining, backward: BackwardPolicy) {
    let sub_trajectory = SubTrajectoryBalance {
        lambda: 0.9,
        normalisation: gfn_loss::SubTrajectoryNormalisation::Batch {},
    };
    let objectives: [&Make; 3] = [
        &|| Box::new(TrajectoryBalance),
        &|| Box::new(DetailedBalance::default()),
        &move || Box::new(sub_trajectory),
    ];
    for objective in objectives {
        let training = Training {
            backward_training: backward_training.clone(),
            ..Training::new(objective, backward)
        };
        check_training(&training, true);
    }
}

/// P_B has to come to rest before P_F can: its rate falls to zero halfway.
fn rate() -> Schedule {
    Schedule::Cosine {
        from: 0.05,
        to: 0.0,
        iterations: crate::toys::ITERATIONS / 2,
    }
}

#[test]
fn trajectory_likelihood_reaches_the_exact_distribution() {
    let training = BackwardTraining::TrajectoryLikelihood {
        target_rate: 0.25,
        learning_rate: rate(),
    };
    check(&training, BackwardPolicy::Learned);
}

#[test]
fn pessimistic_reaches_the_exact_distribution() {
    let training = BackwardTraining::Pessimistic {
        batches: 20,
        learning_rate: rate(),
    };
    check(&training, BackwardPolicy::Learned);
}

#[test]
fn learned_maximum_entropy_reaches_the_exact_distribution() {
    // Without hidden layers the network is a table.
    let training = BackwardTraining::LearnedMaximumEntropy {
        hidden: vec![],
        learning_rate: rate(),
    };
    check(&training, BackwardPolicy::Uniform);
}

#[test]
fn maximum_entropy_reaches_the_exact_distribution() {
    let training = BackwardTraining::MaximumEntropy { max_states: 1000 };
    check(&training, BackwardPolicy::Uniform);
}
