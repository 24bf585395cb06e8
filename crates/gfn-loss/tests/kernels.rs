//! Fused residuals against plain tensor operations, in values and gradients, on ragged batches.

mod common;

use burn::tensor::{Device, Tensor};
use common::{Batch, assert_close, entries, vector};
use gfn_loss::{
    Kernels, LogProbs, SubTrajectoryNormalisation, TransitionNormalisation, detailed_balance,
    sub_trajectory_balance, trajectory_balance,
};

/// Residuals of all three objectives, and the gradients of a sum of them that tells the entries apart.
fn evaluate(x: &Batch, device: &Device, kernels: Kernels) -> Vec<Vec<f64>> {
    let device = device.clone().autodiff();
    let leaf = |values: &[f64]| vector(values, &device).require_grad();
    let (pf, pb, reward) = (leaf(&x.log_pf), leaf(&x.log_pb), leaf(&x.log_reward));
    let (flow, log_z) = (leaf(&x.state_flows()), leaf(&[x.log_z]));
    let probs = LogProbs::new(pf.clone(), pb.clone(), reward, x.segments()).with_kernels(kernels);
    let sub = SubTrajectoryNormalisation::Batch {};
    let residuals = [
        trajectory_balance(&probs, log_z),
        detailed_balance(&probs, flow.clone(), TransitionNormalisation::Batch {}),
        sub_trajectory_balance(&probs, flow.clone(), 0.9, sub),
    ];
    let residuals = residuals.map(|residual| residual.target_over_model());
    let mut loss = Tensor::zeros([1], (&device, burn::tensor::DType::F64));
    for t in &residuals {
        let [n] = t.dims();
        let weights: Vec<f64> = (0..n).map(|i| (i as f64 + 1.0).sin()).collect();
        loss = loss + (t.clone() * vector(&weights, &device)).sum();
    }
    let gradients = loss.backward();
    let of = |leaf: &Tensor<1>| entries(leaf.grad(&gradients).expect("every input is used"));
    let mut all: Vec<Vec<f64>> = residuals.into_iter().map(|t| entries(t.inner())).collect();
    all.extend([of(&pf), of(&pb), of(&flow)]);
    all
}

fn check(device: &Device) {
    let batches: [&[usize]; 6] = [&[1], &[3], &[17], &[2, 2, 2], &[4, 1, 30, 2], &[1, 0, 3]];
    for (seed, lengths) in batches.into_iter().enumerate() {
        let x = Batch::random(lengths, seed as u64);
        let fused = evaluate(&x, device, Kernels::Fused);
        let composed = evaluate(&x, device, Kernels::Composed);
        for (fused, composed) in fused.iter().zip(&composed) {
            assert_close(fused, composed, 1e-12);
        }
    }
}

#[test]
fn flex() {
    assert!(Kernels::Fused.run_on_host(&Device::flex().autodiff()));
    assert!(!Kernels::Composed.run_on(&Device::flex()));
    check(&Device::flex());
}

#[cfg(feature = "ndarray")]
#[test]
#[expect(deprecated, reason = "kept for as long as burn keeps it")]
fn ndarray() {
    assert!(Kernels::Fused.run_on_host(&Device::ndarray()));
    check(&Device::ndarray());
}
