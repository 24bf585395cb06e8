//! Every objective against loops over trajectories, states and transitions, written as in the papers.

mod common;

use burn::tensor::{Device, Tensor};
use common::{Batch, F64, REGRESSIONS, assert_close, entries, vector};
use gfn_loss::{
    Kernels, Regression, Segments, SubTrajectoryNormalisation, TransitionNormalisation,
    detailed_balance, log_partition_variance, sub_trajectory_balance, trajectory_balance,
    with_terminal_rewards,
};
use proptest::prelude::*;

fn trajectory_balance_loop(x: &Batch, g: Regression) -> f64 {
    let mut loss = 0.0;
    for b in 0..x.lengths.len() {
        let mut t = x.log_reward[b] - x.log_z;
        for i in x.range(b) {
            t += x.log_pb[i] - x.log_pf[i];
        }
        loss += g.value(t);
    }
    loss / x.lengths.len() as f64
}

fn log_partition_variance_loop(x: &Batch, g: Regression) -> f64 {
    let mut estimates = Vec::new();
    for b in 0..x.lengths.len() {
        let mut estimate = x.log_reward[b];
        for i in x.range(b) {
            estimate += x.log_pb[i] - x.log_pf[i];
        }
        estimates.push(estimate);
    }
    let n = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / n;
    estimates.iter().map(|z| g.value(z - mean)).sum::<f64>() / n
}

/// Losses of the transitions of every trajectory.
fn transitions(x: &Batch, g: Regression) -> Vec<Vec<f64>> {
    let per_trajectory = |b: usize| {
        let range = x.range(b);
        let flow = |i: usize| {
            if i == range.end {
                x.log_reward[b]
            } else {
                x.log_flow[i]
            }
        };
        let t = |i| flow(i + 1) + x.log_pb[i] - flow(i) - x.log_pf[i];
        range.clone().map(|i| g.value(t(i))).collect()
    };
    (0..x.lengths.len()).map(per_trajectory).collect()
}

/// Weights and losses of the sub-trajectories of every trajectory.
fn sub_trajectories(x: &Batch, lambda: f64, g: Regression) -> Vec<Vec<(f64, f64)>> {
    let mut all = Vec::new();
    for b in 0..x.lengths.len() {
        let mut of_this = Vec::new();
        let range = x.range(b);
        let flow = |i: usize| {
            if i == range.end {
                x.log_reward[b]
            } else {
                x.log_flow[i]
            }
        };
        for i in range.clone() {
            for j in i + 1..=range.end {
                let mut t = flow(j) - flow(i);
                for k in i..j {
                    t += x.log_pb[k] - x.log_pf[k];
                }
                of_this.push((lambda.powi((j - i) as i32), g.value(t)));
            }
        }
        all.push(of_this);
    }
    all
}

fn weighted_mean(pairs: &[(f64, f64)]) -> f64 {
    let total: f64 = pairs.iter().map(|(w, _)| w).sum();
    pairs.iter().map(|(w, loss)| w * loss).sum::<f64>() / total
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn check_all(x: &Batch, lambda: f64, g: Regression) {
    for kernels in [Kernels::Fused, Kernels::Composed] {
        check_with(kernels, x, lambda, g);
    }
}

fn check_with(kernels: Kernels, x: &Batch, lambda: f64, g: Regression) {
    let device = Device::flex();
    let probs = x.log_probs(&device).with_kernels(kernels);
    let flows = || vector(&x.state_flows(), &device);
    let loss = |loss: Tensor<1>| {
        assert_eq!(loss.dims(), [1]);
        entries(loss)
    };

    let actual = loss(trajectory_balance(&probs, vector(&[x.log_z], &device)).loss(&g));
    assert_close(&actual, &[trajectory_balance_loop(x, g)], F64);

    let actual = loss(log_partition_variance(&probs).loss(&g));
    assert_close(&actual, &[log_partition_variance_loop(x, g)], F64);

    let edges = transitions(x, g);
    let batch = detailed_balance(&probs, flows(), TransitionNormalisation::Batch {});
    assert_close(&loss(batch.loss(&g)), &[mean(&edges.concat())], F64);
    let within: Vec<f64> = edges.iter().map(|losses| mean(losses)).collect();
    let trajectory = detailed_balance(&probs, flows(), TransitionNormalisation::Trajectory {});
    assert_close(&loss(trajectory.loss(&g)), &[mean(&within)], F64);

    let pairs = sub_trajectories(x, lambda, g);
    let batch = SubTrajectoryNormalisation::Batch {};
    let batch = sub_trajectory_balance(&probs, flows(), lambda, batch);
    assert_close(
        &loss(batch.loss(&g)),
        &[weighted_mean(&pairs.concat())],
        F64,
    );
    let within: Vec<f64> = pairs.iter().map(|pairs| weighted_mean(pairs)).collect();
    let trajectory = SubTrajectoryNormalisation::Trajectory {};
    let trajectory = sub_trajectory_balance(&probs, flows(), lambda, trajectory);
    assert_close(&loss(trajectory.loss(&g)), &[mean(&within)], F64);
}

#[test]
fn objectives_are_the_loops_of_the_papers() {
    for (seed, lengths) in [vec![4, 1, 3, 3, 2], vec![3, 3, 3], vec![1, 1], vec![6]]
        .iter()
        .enumerate()
    {
        let x = Batch::random(lengths, seed as u64);
        for g in REGRESSIONS {
            for lambda in [0.5, 0.9, 1.0, 1.9] {
                check_all(&x, lambda, g);
            }
        }
    }
}

#[test]
fn terminal_rewards_are_put_behind_each_trajectory() {
    let device = Device::flex();
    let x = Batch::random(&[2, 4, 1], 3);
    let flows = with_terminal_rewards(
        vector(&x.log_flow, &device),
        vector(&x.log_reward, &device),
        &x.segments(),
    );
    assert_eq!(entries(flows), x.state_flows());
}

#[test]
fn sums_by_hand() {
    let device = Device::flex();
    let values = || vector(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], &device);
    let sums = |lengths: &[usize]| entries(Segments::from_lengths(lengths).sum(values()));
    assert_eq!(sums(&[3, 0, 1, 2]), [7.0, 0.0, 8.0, 48.0]);
    assert_eq!(sums(&[2, 2, 2]), [3.0, 12.0, 48.0]);
    assert_eq!(sums(&[6]), [63.0]);
    assert_eq!(sums(&[1; 6]), entries(values()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_ragged_batch(
        lengths in prop::collection::vec(1usize..9, 1..6),
        seed: u64,
        lambda in 0.1f64..2.5,
        which in 0..REGRESSIONS.len(),
    ) {
        check_all(&Batch::random(&lengths, seed), lambda, REGRESSIONS[which]);
    }
}
