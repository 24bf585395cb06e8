//! Threads change nothing but the time, on the CPU backend flex.

use crate::common::{SmallTrainer, assert_same, small_trainer};
use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Streams};
use gfn_loss::SubTrajectoryNormalisation;
use gfn_policy::{MlpConfig, MlpFlowPolicy};
use gfn_train::{AdamConfig, SubTrajectoryBalance, Trainer, TrainerConfig, TrainerState};

/// Twenty iterations of a network of the usual size: its products are above flex's bound for running in parallel.
fn train(threads: usize) -> TrainerState {
    let env = Hypergrid::new(4, 8).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let device = Device::flex().autodiff();
    let policy = MlpFlowPolicy::new(&MlpConfig::default(), &env, Streams::new(0), &device);
    let objective = SubTrajectoryBalance {
        lambda: 0.9,
        normalisation: SubTrajectoryNormalisation::Batch {},
    };
    let config = TrainerConfig {
        batch_size: 64,
        optimiser: AdamConfig {
            clip_norm: Some(10.0),
            ..AdamConfig::default()
        },
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(env, reward, policy, objective, config).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.unwrap().install(|| {
        let mut transitions = 0;
        trainer
            .run(20, |report, _| transitions += report.n_transitions)
            .unwrap();
        // Products [N, 256] x [256, 256] run in parallel from 192³ operations on: from 108 transitions.
        assert!(transitions > 20 * 108, "{transitions}");
    });
    trainer.state()
}

#[test]
fn one_and_two_threads_make_the_same_parameters_bit_for_bit() {
    let one = train(1);
    for threads in [2, 3] {
        assert_same(&train(threads), &one);
    }
}

#[test]
fn a_trainer_can_move_to_another_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<SmallTrainer>();
    let mut here = small_trainer(0);
    here.run(4, |_, _| {}).unwrap();
    let there = small_trainer(0);
    let there = std::thread::spawn(move || {
        let mut there = there;
        there.run(4, |_, _| {}).unwrap();
        there
    });
    assert_same(&there.join().unwrap().state(), &here.state());
}
