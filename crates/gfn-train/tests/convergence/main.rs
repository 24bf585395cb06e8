//! Every objective and every backward policy reaches the exact distribution, with tables that can represent it.
//!
//! Total variation against `R/Z` by dynamic programming, and log Z where the objective learns it, on three [`toys`].

mod augmented;
mod auxiliary;
mod backward;
mod children;
mod conditional;
mod divergence;
#[path = "../../../gfn-env/tests/suite/either_end.rs"]
mod either_end;
mod environments;
mod guided;
mod matrix;
mod policy_gradient;
mod preference;
mod replay_and_search;
mod reward_seeking;
mod thompson;
mod toys;
mod trained;
mod transformer;

use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Streams};
use gfn_loss::{StateNormalisation, SubTrajectoryNormalisation, TransitionNormalisation};
use gfn_policy::{BackwardPolicy, MlpConfig, MlpPolicy};
use gfn_train::{
    DetailedBalance, FlowMatching, ForwardLookingDetailedBalance,
    ForwardLookingSubTrajectoryBalance, LogPartitionVariance, MaximumLikelihood,
    ModifiedDetailedBalance, RelativeTrajectoryBalance, SubTrajectoryBalance, Trainer,
    TrainerConfig, TrajectoryBalance,
};
use toys::{Distance, Make, Training, grid, lattice, tree};

/// Largest exact total variation at the end.
const TV: f64 = 1e-3;
/// Largest error of log Z at the end.
const LOG_Z: f64 = 1e-3;

const BOTH: [BackwardPolicy; 2] = [BackwardPolicy::Uniform, BackwardPolicy::Learned];

fn assert_close(name: &str, training: &Training<'_>, distance: Distance, learns_log_z: bool) {
    let Distance {
        total_variation,
        log_z,
    } = distance;
    let backward = training.backward;
    assert!(
        total_variation <= TV,
        "{name} {backward:?}: total variation {total_variation}"
    );
    assert!(
        !learns_log_z || log_z <= LOG_Z,
        "{name} {backward:?}: error of log Z {log_z}"
    );
}

fn check_training(training: &Training<'_>, learns_log_z: bool) {
    for (name, distance) in [
        ("grid", grid().train(training)),
        ("tree", tree().train(training)),
        ("lattice", lattice().train(training)),
    ] {
        assert_close(name, training, distance, learns_log_z);
    }
}

fn check(objective: &Make, learns_log_z: bool) {
    for backward in BOTH {
        check_training(&Training::new(objective, backward), learns_log_z);
    }
}

#[test]
fn trajectory_balance_reaches_the_exact_distribution() {
    check(&|| Box::new(TrajectoryBalance), true);
}

#[test]
fn detailed_balance_reaches_the_exact_distribution() {
    check(&|| Box::new(DetailedBalance::default()), true);
}

#[test]
fn sub_trajectory_balance_reaches_the_exact_distribution() {
    let objective = SubTrajectoryBalance {
        lambda: 0.9,
        normalisation: SubTrajectoryNormalisation::Batch {},
    };
    check(&move || Box::new(objective), true);
}

#[test]
fn every_weighting_of_sub_trajectories_reaches_the_exact_distribution() {
    for (lambda, normalisation) in [
        (0.9, SubTrajectoryNormalisation::Trajectory {}),
        (1.9, SubTrajectoryNormalisation::Geometric {}),
        (0.9, SubTrajectoryNormalisation::Equal {}),
        (0.9, SubTrajectoryNormalisation::EqualWithin {}),
        (0.9, SubTrajectoryNormalisation::DetailedBalance {}),
        (0.9, SubTrajectoryNormalisation::DetailedBalanceWithin {}),
        (0.9, SubTrajectoryNormalisation::TrajectoryBalance {}),
    ] {
        let objective = SubTrajectoryBalance {
            lambda,
            normalisation,
        };
        let make: &Make = &move || Box::new(objective);
        let training = Training::new(make, BackwardPolicy::Learned);
        let name = format!("{normalisation:?}");
        assert_close(&name, &training, lattice().train(&training), true);
    }
}

#[test]
fn log_partition_variance_reaches_the_exact_distribution() {
    check(&|| Box::new(LogPartitionVariance), false);
}

#[test]
fn flow_matching_reaches_the_exact_distribution() {
    // P_B plays no part.
    for normalisation in [
        StateNormalisation::default(),
        StateNormalisation::Balanced { leaf_weight: 10.0 },
    ] {
        let objective = FlowMatching {
            epsilon: 0.0,
            normalisation,
        };
        let make: &Make = &move || Box::new(objective);
        check_training(&Training::new(make, BackwardPolicy::Uniform), false);
    }
}

#[test]
fn modified_detailed_balance_reaches_the_exact_distribution() {
    for normalisation in [
        TransitionNormalisation::Batch {},
        TransitionNormalisation::Trajectory {},
    ] {
        let objective = ModifiedDetailedBalance { normalisation };
        let make: &Make = &move || Box::new(objective);
        for backward in BOTH {
            let training = Training::new(make, backward);
            assert_close("grid", &training, grid().train(&training), false);
        }
    }
}

#[test]
fn modified_detailed_balance_refuses_states_that_cannot_stop() {
    let objective: &Make = &|| Box::new(ModifiedDetailedBalance::default());
    let training = Training::new(objective, BackwardPolicy::Uniform);
    let run = std::panic::AssertUnwindSafe(|| tree().train(&training));
    let message = std::panic::catch_unwind(run).expect_err("a tree has no exit");
    let message = message.downcast_ref::<String>().expect("a message");
    assert!(message.contains("NoExit"), "{message}");
}

#[test]
fn forward_looking_detailed_balance_reaches_the_exact_distribution() {
    check(&|| Box::new(ForwardLookingDetailedBalance::default()), true);
}

#[test]
fn forward_looking_sub_trajectory_balance_reaches_the_exact_distribution() {
    let objective = ForwardLookingSubTrajectoryBalance {
        lambda: 0.9,
        normalisation: SubTrajectoryNormalisation::Batch {},
    };
    check(&move || Box::new(objective), true);
}

#[test]
fn relative_trajectory_balance_reaches_the_tilted_prior() {
    let make: &Make = &|| Box::new(RelativeTrajectoryBalance { prior: None });
    let training = Training {
        relative: true,
        ..Training::new(make, BackwardPolicy::Uniform)
    };
    check_training(&training, true);
}

#[test]
fn maximum_likelihood_reaches_the_distribution_of_its_objects() {
    // 10,000 objects in proportion to R/Z, and the noise of batches of 16 at the last learning rate.
    for backward in BOTH {
        let make: &Make = &|| Box::new(MaximumLikelihood);
        let training = Training {
            on_objects: true,
            ..Training::new(make, backward)
        };
        for (name, distance) in [
            ("grid", grid().train(&training)),
            ("tree", tree().train(&training)),
            ("lattice", lattice().train(&training)),
        ] {
            let tv = distance.total_variation;
            assert!(tv <= 0.1, "{name} {backward:?}: total variation {tv}");
        }
    }
}

#[test]
fn an_untrained_policy_is_far_from_the_exact_distribution() {
    // What the bounds above are worth: the start is a long way off.
    let env = Hypergrid::new(2, 6).expect("a grid");
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).expect("a reward");
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &device);
    let trainer = Trainer::new(
        env,
        reward,
        policy,
        TrajectoryBalance,
        TrainerConfig::default(),
    )
    .expect("a valid configuration");
    let tv = trainer.exact_total_variation(100).expect("72 states");
    assert!(tv > 0.2, "{tv}");
}
