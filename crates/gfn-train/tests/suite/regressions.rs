//! The regression loss of an iteration follows its schedule, and a resumed run goes on along it.

use crate::common::assert_same;
use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Streams};
use gfn_explore::Schedule;
use gfn_loss::Regression;
use gfn_policy::{MlpConfig, MlpPolicy};
use gfn_train::{RegressionConfig, Trainer, TrainerConfig, TrainerState, TrajectoryBalance};

/// The state after `iterations` iterations from `start`.
fn train(
    regression: RegressionConfig,
    start: Option<&TrainerState>,
    iterations: u64,
) -> TrainerState {
    let env = Hypergrid::new(2, 4).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let network = MlpConfig {
        hidden: vec![8],
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&network, &env, Streams::new(0), &device);
    let config = TrainerConfig {
        regression,
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(env, reward, policy, TrajectoryBalance, config).unwrap();
    if let Some(state) = start {
        trainer.restore(state).unwrap();
    }
    trainer.run(iterations, |_, _| {}).unwrap();
    trainer.state()
}

#[test]
fn each_iteration_has_the_loss_of_its_schedule() {
    let annealed = RegressionConfig::linex(Schedule::Linear {
        from: 1.0,
        to: 0.0,
        iterations: 2,
    });
    let expected = [
        Regression::LINEX_1,
        Regression::LINEX_HALF,
        Regression::HalfSquared {},
        Regression::HalfSquared {},
    ];
    let mut state = None;
    for (k, g) in (1..).zip(expected) {
        let fixed = train(g.into(), state.as_ref(), k);
        let other = train(Regression::Squared {}.into(), state.as_ref(), k);
        assert_ne!(
            other.parameters, fixed.parameters,
            "the loss has an influence"
        );
        // At once from the start, and resumed from the iteration before.
        assert_same(&train(annealed.clone(), None, k), &fixed);
        assert_same(&train(annealed.clone(), state.as_ref(), k), &fixed);
        state = Some(fixed);
    }
}
