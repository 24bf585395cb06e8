//! Policy-gradient trainers: resume to the last bit, what they refuse, and what their estimates owe to the divergence.

use crate::common::assert_same;
use crate::resume::assert_resumes;
use burn::tensor::Device;
use gfn_env::{
    ChildFeatures, Hypergrid, HypergridReward, Streams, SubstructureGuide, SubstructureGuideConfig,
    UniqueChildren,
};
use gfn_explore::{Priority, Replay, ReplayConfig, Schedule, Stored};
use gfn_loss::Munchausen;
use gfn_policy::{AggregatedPolicy, BackwardPolicy, MlpConfig, MlpPolicy, Trunk};
use gfn_train::{
    BackwardTarget, BackwardTraining, Baseline, Costs, CriticConfig, CriticLoss, PolicyGradient,
    PolicyUpdate, SoftDqn, TrainError, Trainer, TrainerConfig,
};

type GridTrainer = Trainer<Hypergrid, HypergridReward, MlpPolicy, PolicyGradient>;

fn critic(loss: CriticLoss) -> CriticConfig {
    CriticConfig {
        hidden: vec![8],
        loss,
        ..CriticConfig::default()
    }
}

const PROXIMAL: PolicyUpdate = PolicyUpdate::ProximalPolicy {
    epochs: 3,
    clip: 0.2,
    kl_weight: 1.0,
};

fn trust_region() -> PolicyUpdate {
    PolicyUpdate::TrustRegion {
        delta: Schedule::constant(0.01),
        cg_iterations: 10,
        line_search_steps: 20,
    }
}

fn network(trunk: Trunk, backward: BackwardPolicy) -> MlpConfig {
    MlpConfig {
        hidden: vec![16],
        trunk,
        backward,
        ..MlpConfig::default()
    }
}

/// The reward of a grid of side 6, with a trainer on it.
fn trainer(init: u64, objective: PolicyGradient, backward: BackwardTraining) -> GridTrainer {
    let env = Hypergrid::new(2, 6).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let device = Device::flex().autodiff();
    let learned = match backward {
        BackwardTraining::WithObjective => BackwardPolicy::Uniform,
        _ => BackwardPolicy::Learned,
    };
    let network = network(Trunk::Separate, learned);
    let policy = MlpPolicy::new(&network, &env, Streams::new(init), &device);
    let config = TrainerConfig {
        seed: 3,
        backward,
        ..TrainerConfig::default()
    };
    Trainer::new(env, reward, policy, objective, config).unwrap()
}

#[test]
fn every_update_resumes_bit_for_bit() {
    let balance = CriticLoss::EvaluationBalance { lambda: 0.9 };
    for (update, baseline) in [
        (
            PolicyUpdate::Gradient {},
            Baseline::Critic(critic(CriticLoss::default())),
        ),
        (PolicyUpdate::Gradient {}, Baseline::LeaveOneOut {}),
        (PROXIMAL, Baseline::Critic(critic(balance))),
        (
            trust_region(),
            Baseline::Critic(critic(CriticLoss::default())),
        ),
    ] {
        let objective = PolicyGradient {
            update,
            baseline,
            ..PolicyGradient::default()
        };
        let seen = assert_resumes(&|init| {
            trainer(init, objective.clone(), BackwardTraining::WithObjective)
        });
        assert_eq!(seen.len(), 30);
    }
}

fn backward(target: BackwardTarget) -> BackwardTraining {
    BackwardTraining::PolicyGradient {
        target,
        learning_rate: Schedule::constant(0.01),
        critic: CriticConfig {
            lambda: 1.0,
            ..critic(CriticLoss::default())
        },
    }
}

fn guided(init: u64) -> GridTrainer {
    let guide = SubstructureGuideConfig {
        capacity: 12,
        ..SubstructureGuideConfig::default()
    };
    let env = Hypergrid::new(2, 6).unwrap();
    trainer(
        init,
        PolicyGradient::default(),
        backward(BackwardTarget::Guide),
    )
    .with_guide(SubstructureGuide::new(env, guide).unwrap())
}

#[test]
fn every_backward_target_resumes_bit_for_bit() {
    let late = BackwardTarget::SuppressedExit {
        log_reward: 0.1f64.ln(),
        probability: 1e-5,
    };
    for target in [BackwardTarget::ForwardPolicy, late] {
        assert_resumes(&|init| trainer(init, PolicyGradient::default(), backward(target)));
    }
    assert_resumes(&guided);
}

#[test]
fn a_state_without_its_critic_is_refused_and_changes_nothing() {
    let mut trainer = guided(0);
    trainer.run(3, |_, _| {}).unwrap();
    let good = trainer.state();
    let mut other = good.clone();
    other.iteration = 9;
    other.critic = None;
    let error = trainer.restore(&other).unwrap_err();
    assert!(matches!(error, TrainError::OtherCritic), "{error}");
    let mut other = good.clone();
    other.iteration = 9;
    other.backward.critic = None;
    let error = trainer.restore(&other).unwrap_err();
    assert!(matches!(error, TrainError::OtherCritic), "{error}");
    let mut other = good.clone();
    let weight = "network.layers.0.weight";
    let parameters = &mut other.critic.as_mut().unwrap().parameters;
    parameters.get_mut(weight).unwrap().shape.reverse();
    let error = trainer.restore(&other).unwrap_err();
    assert!(error.to_string().contains(weight), "{error}");
    assert_same(&trainer.state(), &good);
}

#[test]
fn what_is_not_the_policys_own_is_refused() {
    let replay = Replay::new(ReplayConfig {
        stored: Stored::Trajectories,
        ..ReplayConfig::new(10, Priority::Uniform {})
    });
    let trainer = trainer(
        0,
        PolicyGradient::default(),
        BackwardTraining::WithObjective,
    );
    let error = trainer.with_source(Box::new(replay.unwrap()), 0.5);
    assert!(matches!(
        error.unwrap_err(),
        TrainError::OnPolicyOnly { .. }
    ));
}

#[test]
fn a_trust_region_needs_a_forward_mode_pass() {
    let grid = UniqueChildren::new(Hypergrid::new(2, 6).unwrap(), ChildFeatures::Actions);
    let reward = HypergridReward::original(grid.inner(), 0.1, 0.5, 2.0).unwrap();
    let device = Device::flex().autodiff();
    let network = network(Trunk::Shared, BackwardPolicy::Uniform);
    let inner = MlpPolicy::new(&network, grid.inner(), Streams::new(0), &device);
    let policy = AggregatedPolicy::new(inner, &grid);
    let objective = PolicyGradient {
        update: trust_region(),
        baseline: Baseline::LeaveOneOut {},
        ..PolicyGradient::default()
    };
    let mut trainer =
        Trainer::new(grid, reward, policy, objective, TrainerConfig::default()).unwrap();
    let error = trainer.step().unwrap_err();
    assert!(matches!(error, TrainError::NoTangent), "{error}");
}

#[test]
fn numbers_out_of_range_make_no_trainer() {
    let with = |update| PolicyGradient {
        update,
        ..PolicyGradient::default()
    };
    let of_critic = |config| PolicyGradient {
        baseline: Baseline::Critic(config),
        ..PolicyGradient::default()
    };
    let proximal = |epochs, clip, kl_weight| {
        with(PolicyUpdate::ProximalPolicy {
            epochs,
            clip,
            kl_weight,
        })
    };
    let region = |delta, cg_iterations, line_search_steps| {
        with(PolicyUpdate::TrustRegion {
            delta: Schedule::constant(delta),
            cg_iterations,
            line_search_steps,
        })
    };
    let lambda = |lambda| {
        of_critic(CriticConfig {
            lambda,
            ..CriticConfig::default()
        })
    };
    let costs = |temperature| PolicyGradient {
        costs: Costs::LogReward { temperature },
        ..PolicyGradient::default()
    };
    for (objective, says) in [
        (costs(-1.0), "temperature"),
        (proximal(0, 0.2, 1.0), "epochs"),
        (proximal(1, 1.0, 1.0), "clip"),
        (proximal(1, 0.2, f64::NAN), "kl_weight"),
        (region(0.0, 10, 20), "delta"),
        (region(0.01, 0, 20), "cg_iterations"),
        (region(0.01, 10, 0), "line_search_steps"),
        (lambda(1.1), "lambda"),
        (lambda(f64::NAN), "lambda"),
        (
            of_critic(critic(CriticLoss::Returns { lambda: -0.1 })),
            "returns",
        ),
        (
            of_critic(critic(CriticLoss::EvaluationBalance { lambda: 0.0 })),
            "evaluation balance",
        ),
        (
            of_critic(CriticConfig {
                hidden: vec![0],
                ..CriticConfig::default()
            }),
            "hidden layers",
        ),
    ] {
        let error = objective.validate().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn soft_q_learning_refuses_numbers_out_of_range() {
    let with = |alpha, least_log_p, target_rate| SoftDqn {
        munchausen: Munchausen { alpha, least_log_p },
        target_rate,
        ..SoftDqn::default()
    };
    for (objective, says) in [
        (with(1.0, -1.0, 0.5), "munchausen"),
        (with(0.1, 0.0, 0.5), "least_log_p"),
        (with(0.1, -1.0, 0.0), "target_rate"),
    ] {
        let error = objective.validate().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn the_reported_loss_is_the_mean_cost() {
    // Log-weights and log Z are watched, and tell the same.
    let objective = PolicyGradient::default();
    let mut trainer = trainer(0, objective, BackwardTraining::WithObjective).with_observation();
    for _ in 0..5 {
        let log_z = trainer.log_z();
        let (report, _) = trainer.step().unwrap();
        let observation = report.observation.unwrap();
        let weights = &observation.log_weights;
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let expected = log_z - mean;
        assert!(
            (report.loss - expected).abs() < 1e-4 * (1.0 + expected.abs()),
            "{} {expected}",
            report.loss
        );
        // Whose gradient for log Z is the mean itself.
        assert!((report.log_z_gradient_norm - expected.abs()).abs() < 1e-4);
    }
}
