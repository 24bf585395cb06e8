//! Guided trajectory balance reaches the exact distribution where the guided flow is one of states.

use crate::toys::{Guided, Make, Training, grid, lattice, tree};
use crate::{TV, check_training};
use gfn_env::{Environment as _, Features, StateGraph};
use gfn_explore::Schedule;
use gfn_policy::{BackwardPolicy, Policy as _, TabularFlowPolicy, Workspace, masked_softmax};
use gfn_train::{BackwardTraining, GuidedTrajectoryBalance};

fn balance(alpha: f64) -> GuidedTrajectoryBalance {
    GuidedTrajectoryBalance::new(alpha).expect("between 0 and 1")
}

/// P_B has to come to rest before P_F can.
fn follows() -> BackwardTraining {
    BackwardTraining::Guided {
        learning_rate: Schedule::Cosine {
            from: 0.1,
            to: 0.0,
            iterations: crate::toys::ITERATIONS / 2,
        },
    }
}

#[test]
fn guided_trajectory_balance_reaches_the_exact_distribution() {
    // Both guides are backward policies, so that the guided flow is one of states.
    for guide in [Guided::Uniform, Guided::PathCounts] {
        let make: &Make = &|| Box::new(balance(1.0));
        let training = Training {
            guide,
            ..Training::new(make, BackwardPolicy::Uniform)
        };
        check_training(&training, true);
    }
}

#[test]
fn half_a_guide_reaches_it_where_the_backward_policy_follows() {
    let make: &Make = &|| Box::new(balance(0.5));
    let training = Training {
        guide: Guided::PathCounts,
        backward_training: follows(),
        ..Training::new(make, BackwardPolicy::Learned)
    };
    check_training(&training, true);
}

#[test]
fn the_backward_policy_becomes_the_guide() {
    let make: &Make = &|| Box::new(balance(0.5));
    let training = Training {
        guide: Guided::PathCounts,
        backward_training: follows(),
        ..Training::new(make, BackwardPolicy::Learned)
    };
    let mut furthest: f64 = 0.0;
    let mut uneven: f64 = 0.0;
    grid().train_and_look(&training, |env, policy: &TabularFlowPolicy| {
        let graph: &StateGraph<_> = env.graph();
        let counts = graph.log_path_counts();
        let sampler = policy.sampler();
        let mut allowed = vec![false; env.n_backward_actions()];
        for i in 1..graph.n_non_terminal() {
            let (mut features, mut logits) = (Features::new(env.n_features()), Vec::new());
            env.encode(&graph.states()[i], &mut features.push_row());
            sampler.backward_logits(&features, &mut Workspace::default(), &mut logits);
            env.backward_mask(&graph.states()[i], &mut allowed);
            let mut p = vec![0.0; logits.len()];
            masked_softmax(&logits, &allowed, &mut p);
            for edge in graph.parents(i) {
                let found = f64::from(p[edge.backward_action.index()]);
                let expected = (counts[edge.parent] - counts[i]).exp();
                furthest = furthest.max((found - expected).abs());
                uneven = uneven.max((expected - 1.0 / graph.n_parents(i) as f64).abs());
            }
        }
    });
    assert!(uneven > 0.3, "a uniform P_B would be {uneven} off");
    assert!(furthest < 0.01, "P_B is {furthest} off the guide");
}

#[test]
fn a_tree_has_one_way_to_every_object() {
    let make: &Make = &|| Box::new(balance(1.0));
    let training = Training {
        guide: Guided::Substructure,
        ..Training::new(make, BackwardPolicy::Uniform)
    };
    let tv = tree().train(&training).total_variation;
    assert!(tv <= TV, "total variation {tv}");
}

/// The guide by substructures is no backward policy: how far from the optimum a policy of states ends.
#[test]
fn a_guide_that_is_no_flow_of_states_leaves_a_distance() {
    for (alpha, backward, backward_training) in [
        (
            1.0,
            BackwardPolicy::Uniform,
            BackwardTraining::WithObjective,
        ),
        (0.5, BackwardPolicy::Learned, follows()),
    ] {
        let make: &Make = &move || Box::new(balance(alpha));
        let training = Training {
            guide: Guided::Substructure,
            backward_training,
            ..Training::new(make, backward)
        };
        for (name, distance) in [
            ("grid", grid().train(&training)),
            ("lattice", lattice().train(&training)),
        ] {
            let tv = distance.total_variation;
            println!("{name}, alpha {alpha}: total variation {tv:.4}");
            assert!(tv <= 0.1, "{name} {alpha}: total variation {tv}");
        }
    }
}
