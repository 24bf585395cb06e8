//! Reinforcement learning with and without the correction for the number of ways to an object.

use crate::toys::{Distance, Make, Training, grid, lattice, tree};
use gfn_explore::Schedule;
use gfn_loss::Munchausen;
use gfn_policy::BackwardPolicy;
use gfn_train::{Baseline, Costs, CriticConfig, PolicyGradient, PolicyUpdate, SoftDqn};

const ITERATIONS: u64 = 1_500;

fn close(name: &str, distance: Distance, bound: f64) {
    let tv = distance.total_variation;
    assert!(tv <= bound, "{name}: total variation {tv}");
}

fn soft(alpha: f64, corrected: bool) -> SoftDqn {
    SoftDqn {
        munchausen: Munchausen {
            alpha,
            least_log_p: -100.0,
        },
        corrected,
        ..SoftDqn::default()
    }
}

#[test]
fn soft_q_learning_reaches_the_exact_distribution_off_policy() {
    for alpha in [0.0, 0.15] {
        let make: &Make = &move || Box::new(soft(alpha, true));
        let training = Training {
            iterations: ITERATIONS,
            batch_size: 32,
            ..Training::new(make, BackwardPolicy::Uniform)
        };
        close("grid", grid().train(&training), 0.01);
        close("tree", tree().train(&training), 0.01);
        close("lattice", lattice().train(&training), 0.01);
    }
}

fn actor(temperature: f64) -> PolicyGradient {
    let critic = CriticConfig {
        hidden: vec![],
        learning_rate: Schedule::Cosine {
            from: 0.3,
            to: 3e-3,
            iterations: ITERATIONS,
        },
        ..CriticConfig::default()
    };
    PolicyGradient {
        costs: Costs::LogReward { temperature },
        update: PolicyUpdate::Gradient {},
        baseline: Baseline::Critic(critic),
    }
}

fn own(make: &Make) -> Training<'_> {
    Training {
        epsilon: 0.0,
        batch_size: 64,
        iterations: ITERATIONS,
        ..Training::new(make, BackwardPolicy::Uniform)
    }
}

#[test]
fn without_the_correction_objects_count_once_for_every_way_to_them() {
    let soft: &Make = &|| Box::new(soft(0.0, false));
    let actor: &Make = &|| Box::new(actor(1.0));
    for (name, training) in [("soft Q", own(soft)), ("actor and critic", own(actor))] {
        // In a tree there is one way to each: nothing to correct.
        close(name, tree().train(&training), 0.02);
        // On a grid it is another distribution, and they reach it exactly.
        let far = grid().train(&training).total_variation;
        assert!(far > 0.3, "{name}: total variation {far}");
        let counted = Training {
            counted: true,
            ..training
        };
        close(name, grid().train(&counted), 0.02);
    }
}

#[test]
fn advantage_actor_critic_without_entropy_keeps_one_object() {
    let make: &Make = &|| Box::new(actor(0.0));
    let far = tree().train(&own(make)).total_variation;
    assert!(far > 0.5, "total variation {far}");
}
