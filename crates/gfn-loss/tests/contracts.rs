//! What callers rely on beyond the formulas: types, refusals, threads and unused cells.

mod common;

use burn::tensor::{Device, Tensor};
use common::{Batch, assert_close, entries, vector};
use gfn_loss::{
    LogProbs, Regression, RegressionError, Residual, Segments, SubTrajectoryNormalisation,
    TransitionNormalisation, detailed_balance, log_partition_variance, sub_trajectory_balance,
    trajectory_balance,
};

#[test]
fn unused_cells_cannot_overflow() {
    // t_ij = 2000 for every pair: e^{t_ji} is fine, but in the cells i > j of a careless matrix e^{−αt}
    // would be infinite, and infinity times the weight 0 is not a number.
    let device = Device::flex().autodiff();
    let log_flow = vector(&[0.0, 2000.0, 4000.0, 0.0, 2000.0], &device).require_grad();
    let x = LogProbs::new(
        vector(&[0.0; 3], &device),
        vector(&[0.0; 3], &device),
        vector(&[4000.0, 2000.0], &device),
        Segments::from_lengths(&[2, 1]),
    );
    let batch = SubTrajectoryNormalisation::Batch {};
    let residual = sub_trajectory_balance(&x, log_flow.clone(), 1.0, batch);
    let loss = residual.loss(&Regression::Linex { alpha: -1.0 });
    let gradient = log_flow.grad(&loss.clone().backward()).unwrap();
    // Each g(t) = t − 1: (1999 + 3999 + 1999 + 1999)/4
    assert_close(&entries(loss), &[2499.0], 1e-12);
    assert_close(&entries(gradient), &[-0.5, 0.0, 0.5, -0.25, 0.25], 1e-12);
}

#[test]
fn single_precision_stays_single() {
    let device = Device::flex();
    let at = |v: &[f32]| Tensor::<1>::from_data(v, &device);
    let probs = LogProbs::new(
        at(&[-1.0, -0.5, -2.0]),
        at(&[-0.5, 0.0, 0.0]),
        at(&[0.5, 1.0]),
        Segments::from_lengths(&[2, 1]),
    );
    let flows = || at(&[1.0, 0.25, 0.5, 1.0, 1.0]);
    let g = Regression::Squared {};
    let losses = [
        trajectory_balance(&probs, at(&[1.0])).loss(&g),
        log_partition_variance(&probs).loss(&g),
        detailed_balance(&probs, flows(), TransitionNormalisation::Trajectory {}).loss(&g),
        sub_trajectory_balance(&probs, flows(), 0.5, SubTrajectoryNormalisation::Batch {}).loss(&g),
    ]
    .map(|loss| {
        assert_eq!(loss.dtype(), at(&[0.0]).dtype());
        loss.into_scalar::<f32>()
    });
    // TB: t = 0.5 − 0.5 − 1 + 1.5 = 0.5 and 1 − 1 + 2 = 2, so (1/4 + 4)/2; their variance is (3/4)².
    // DB: t = 0.25 − 0.5 − 1 + 1 = −0.25, 0.5 − 0.25 + 0.5 = 0.75 and 2: (1/16 + 9/16)/4 + 4/2.
    // SubTB: weights 2/7 for single transitions, 1/7 for the whole of 0: (1/16 + 9/16 + 4)·2/7 + 1/28.
    let expected = [2.125, 0.5625, 2.15625, 4.625 * 2.0 / 7.0 + 1.0 / 28.0];
    for (loss, expected) in losses.into_iter().zip(expected) {
        assert!((loss - expected).abs() < 1e-5, "{losses:?}");
    }
}

#[test]
#[should_panic(expected = "log_pb has 2 entries, its segments 3")]
fn lengths_are_checked() {
    let at = |n: usize| vector(&vec![0.0; n], &Device::flex());
    drop(LogProbs::new(
        at(3),
        at(2),
        at(2),
        Segments::from_lengths(&[2, 1]),
    ));
}

#[test]
#[should_panic(expected = "offsets must start with 0")]
fn offsets_start_with_zero() {
    drop(Segments::new(vec![1, 2]));
}

#[test]
#[should_panic(expected = "offsets must not decrease")]
fn offsets_do_not_decrease() {
    drop(Segments::new(vec![0, 2, 1]));
}

#[test]
#[should_panic(expected = "lambda must be finite and not negative, it is -0.5")]
fn a_negative_lambda_is_refused() {
    let device = Device::flex();
    let x = Batch::random(&[2], 12);
    let flows = vector(&x.state_flows(), &device);
    let batch = SubTrajectoryNormalisation::Batch {};
    drop(sub_trajectory_balance(
        &x.log_probs(&device),
        flows,
        -0.5,
        batch,
    ));
}

#[test]
fn public_types_cross_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<LogProbs>();
    check::<Segments>();
    check::<Residual<1>>();
    check::<Regression>();
    check::<RegressionError>();
    check::<TransitionNormalisation>();
    check::<SubTrajectoryNormalisation>();
}
