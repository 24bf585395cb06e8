//! Policy gradients reach the target with every update, baseline and critic, and with every way to train P_B.

use crate::toys::{Distance, Guided, Make, Training, grid, lattice, tree, wide_grid};
use gfn_explore::Schedule;
use gfn_policy::BackwardPolicy;
use gfn_train::{
    BackwardTarget, BackwardTraining, Baseline, CriticConfig, CriticLoss, PolicyGradient,
    PolicyUpdate,
};

const ITERATIONS: u64 = 1_000;

fn down(from: f64) -> Schedule {
    Schedule::Cosine {
        from,
        to: 0.01 * from,
        iterations: ITERATIONS,
    }
}

/// A table of values.
fn critic(loss: CriticLoss) -> CriticConfig {
    CriticConfig {
        hidden: vec![],
        learning_rate: down(0.3),
        loss,
        ..CriticConfig::default()
    }
}

fn returns() -> Baseline {
    Baseline::Critic(critic(CriticLoss::Returns { lambda: 1.0 }))
}

fn with(update: PolicyUpdate, baseline: Baseline) -> PolicyGradient {
    PolicyGradient {
        update,
        baseline,
        ..PolicyGradient::default()
    }
}

fn assert_close(name: &str, distance: Distance) {
    let Distance {
        total_variation,
        log_z,
    } = distance;
    assert!(
        total_variation <= 0.02,
        "{name}: total variation {total_variation}"
    );
    assert!(log_z <= 0.02, "{name}: error of log Z {log_z}");
}

fn training(objective: &Make) -> Training<'_> {
    Training {
        epsilon: 0.0,
        batch_size: 64,
        iterations: ITERATIONS,
        ..Training::new(objective, BackwardPolicy::Uniform)
    }
}

fn check(objective: PolicyGradient) {
    let make: &Make = &move || Box::new(objective.clone());
    let training = training(make);
    assert_close("8x8 grid", wide_grid().train(&training));
    assert_close("tree", tree().train(&training));
    assert_close("lattice", lattice().train(&training));
}

#[test]
fn actor_and_critic_reach_the_exact_distribution() {
    check(with(PolicyUpdate::Gradient {}, returns()));
}

#[test]
fn leave_one_out_reaches_the_exact_distribution() {
    check(with(PolicyUpdate::Gradient {}, Baseline::LeaveOneOut {}));
}

#[test]
fn evaluation_balance_reaches_the_exact_distribution() {
    let loss = CriticLoss::EvaluationBalance { lambda: 0.9 };
    let baseline = Baseline::Critic(critic(loss));
    check(with(PolicyUpdate::Gradient {}, baseline));
}

#[test]
fn proximal_policy_updates_reach_the_exact_distribution() {
    let update = PolicyUpdate::ProximalPolicy {
        epochs: 3,
        clip: 0.2,
        kl_weight: 1.0,
    };
    check(with(update, returns()));
}

#[test]
fn trust_regions_reach_the_exact_distribution() {
    let update = PolicyUpdate::TrustRegion {
        delta: down(0.01),
        cg_iterations: 10,
        line_search_steps: 20,
    };
    check(with(update, returns()));
}

fn check_backward(target: BackwardTarget, guide: Guided) {
    let objective = with(PolicyUpdate::Gradient {}, returns());
    let make: &Make = &move || Box::new(objective.clone());
    let training = Training {
        backward: BackwardPolicy::Learned,
        backward_training: BackwardTraining::PolicyGradient {
            target,
            learning_rate: down(0.03),
            critic: CriticConfig {
                lambda: 1.0,
                ..critic(CriticLoss::default())
            },
        },
        guide,
        ..training(make)
    };
    assert_close("grid", grid().train(&training));
    // Objects with several parents; its states cannot stop.
    if !matches!(target, BackwardTarget::SuppressedExit { .. }) {
        assert_close("lattice", lattice().train(&training));
    }
}

#[test]
fn a_backward_policy_that_follows_the_forward_one_reaches_the_exact_distribution() {
    check_backward(BackwardTarget::ForwardPolicy, Guided::Not);
}

#[test]
fn a_backward_policy_that_exits_late_reaches_the_exact_distribution() {
    let target = BackwardTarget::SuppressedExit {
        log_reward: 0.1f64.ln(),
        probability: 1e-5,
    };
    check_backward(target, Guided::Not);
}

#[test]
fn a_backward_policy_that_follows_a_guide_reaches_the_exact_distribution() {
    check_backward(BackwardTarget::Guide, Guided::Substructure);
    check_backward(BackwardTarget::Guide, Guided::PathCounts);
}
