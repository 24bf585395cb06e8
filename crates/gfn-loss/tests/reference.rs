//! Every objective against loops over trajectories, states and transitions, written as in the papers.

mod common;

use burn::tensor::{Device, Tensor};
use common::dag::Dag;
use common::{Batch, F64, REGRESSIONS, SUB_TRAJECTORIES, assert_close, entries, uniform, vector};
use gfn_loss::{
    Kernels, Regression, Segments, StateNormalisation, SubTrajectoryNormalisation,
    TransitionNormalisation, augmented_trajectory_balance, conditional_log_partition_variance,
    detailed_balance, flow_matching, forward_looking_log_flow, guided_backward,
    guided_trajectory_balance, log_partition_variance, maximum_likelihood,
    modified_detailed_balance, relative_trajectory_balance, sub_trajectory_balance,
    trajectory_balance, trajectory_likelihood, with_terminal_rewards,
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

/// Lengths and losses of the sub-trajectories of every trajectory.
fn sub_trajectories(x: &Batch, g: Regression) -> Vec<Vec<(usize, f64)>> {
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
                of_this.push((j - i, g.value(t)));
            }
        }
        all.push(of_this);
    }
    all
}

/// The mean of losses of which each counts what its length says.
fn weighted_mean(spans: &[(usize, f64)], weight: impl Fn(usize) -> f64) -> f64 {
    let total: f64 = spans.iter().map(|&(d, _)| weight(d)).sum();
    spans.iter().map(|&(d, loss)| weight(d) * loss).sum::<f64>() / total
}

fn sub_trajectory_loop(
    spans: &[Vec<(usize, f64)>],
    lambda: f64,
    normalisation: SubTrajectoryNormalisation,
) -> f64 {
    let power = |d: usize| lambda.powi(d as i32);
    let single = |d: usize| f64::from(d == 1);
    let within = |weight: &dyn Fn(usize) -> f64| {
        let means = spans.iter().map(|spans| weighted_mean(spans, weight));
        mean(&means.collect::<Vec<_>>())
    };
    let all = spans.concat();
    let alike = |d: usize| -> Vec<f64> {
        let alike = all.iter().filter(|span| span.0 == d);
        alike.map(|span| span.1).collect()
    };
    match normalisation {
        SubTrajectoryNormalisation::Batch {} => weighted_mean(&all, power),
        SubTrajectoryNormalisation::Trajectory {} => within(&power),
        SubTrajectoryNormalisation::Geometric {} => {
            let longest = all
                .iter()
                .map(|span| span.0)
                .max()
                .expect("a sub-trajectory");
            let means: Vec<_> = (1..=longest).map(|d| (d, mean(&alike(d)))).collect();
            weighted_mean(&means, power)
        }
        SubTrajectoryNormalisation::Equal {} => weighted_mean(&all, |_| 1.0),
        SubTrajectoryNormalisation::EqualWithin {} => within(&|_| 1.0),
        SubTrajectoryNormalisation::DetailedBalance {} => mean(&alike(1)),
        SubTrajectoryNormalisation::DetailedBalanceWithin {} => within(&single),
        SubTrajectoryNormalisation::TrajectoryBalance {} => {
            // The whole trajectory is the one sub-trajectory of its length.
            let longest = |spans: &Vec<(usize, f64)>| spans.iter().copied().max_by_key(|s| s.0);
            let whole = spans.iter().flat_map(longest).map(|span| span.1);
            mean(&whole.collect::<Vec<_>>())
        }
        other => panic!("{other:?} has no loop"),
    }
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

    let spans = sub_trajectories(x, g);
    for normalisation in SUB_TRAJECTORIES {
        let actual = sub_trajectory_balance(&probs, flows(), lambda, normalisation);
        let expected = sub_trajectory_loop(&spans, lambda, normalisation);
        assert_close(&loss(actual.loss(&g)), &[expected], F64);
    }
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

/// The mean over trajectories of the losses of residuals of trajectories.
fn per_trajectory(x: &Batch, g: Regression, t: impl Fn(usize) -> f64) -> f64 {
    let losses: Vec<f64> = (0..x.lengths.len()).map(|b| g.value(t(b))).collect();
    mean(&losses)
}

fn check_variants(kernels: Kernels, x: &Batch, g: Regression) {
    let device = Device::flex();
    let probs = x.log_probs(&device).with_kernels(kernels);
    let at = |values: &[f64]| vector(values, &device);
    let n = x.lengths.len();
    let sum = |values: &[f64], b: usize| values[x.range(b)].iter().sum::<f64>();
    let conditional: Vec<f64> = (0..n).map(|b| x.log_z + 0.3 * b as f64).collect();

    for log_z in [vec![x.log_z], conditional] {
        let z = |b: usize| log_z[if log_z.len() == 1 { 0 } else { b }];
        let relative = relative_trajectory_balance(&probs, at(&x.log_prior), at(&log_z));
        let expected = per_trajectory(x, g, |b| {
            let posterior = z(b) + sum(&x.log_pf, b);
            x.log_reward[b] + sum(&x.log_prior, b) - posterior
        });
        assert_close(&entries(relative.loss(&g)), &[expected], F64);

        for alpha in [0.0, 0.3, 1.0] {
            let guide = at(&x.log_guide);
            let guided = guided_trajectory_balance(&probs, guide, alpha, at(&log_z));
            let expected = per_trajectory(x, g, |b| {
                let backward = alpha * x.log_guide[b] + (1.0 - alpha) * sum(&x.log_pb, b);
                x.log_reward[b] + backward - z(b) - sum(&x.log_pf, b)
            });
            assert_close(&entries(guided.loss(&g)), &[expected], F64);
        }
    }

    // Intrinsic rewards that are anything, with none at every third transition.
    let mut log_intrinsic = x.energy.clone();
    log_intrinsic
        .iter_mut()
        .skip(1)
        .step_by(3)
        .for_each(|r| *r = f64::NEG_INFINITY);
    let augmented = augmented_trajectory_balance(
        &probs,
        at(&x.state_flows()),
        at(&log_intrinsic),
        at(&[x.log_z]),
    );
    let expected = per_trajectory(x, g, |b| {
        let range = x.range(b);
        let mut t = -x.log_z;
        for i in range.clone() {
            let (p_b, r) = (x.log_pb[i].exp(), log_intrinsic[i].exp());
            t -= x.log_pf[i];
            if i + 1 == range.end {
                t += x.log_pb[i] + (x.log_reward[b].exp() + r).ln();
            } else {
                t += (p_b + r / x.log_flow[i + 1].exp()).ln();
            }
        }
        t
    });
    assert_close(&entries(augmented.loss(&g)), &[expected], F64);

    let back = guided_backward(&probs, at(&x.log_guide)).loss(&g);
    let expected = per_trajectory(x, g, |b| x.log_guide[b] - sum(&x.log_pb, b));
    assert_close(&entries(back), &[expected], F64);

    let forward: Vec<f64> = (0..n).map(|b| -sum(&x.log_pf, b)).collect();
    let backward: Vec<f64> = (0..n).map(|b| -sum(&x.log_pb, b)).collect();
    assert_close(&entries(maximum_likelihood(&probs)), &[mean(&forward)], F64);
    assert_close(
        &entries(trajectory_likelihood(&probs)),
        &[mean(&backward)],
        F64,
    );

    // Conditions 5, 2, 5, 2, ...
    let conditions: Vec<usize> = (0..n).map(|b| 5 - 3 * (b % 2)).collect();
    let variance = conditional_log_partition_variance(&probs, &conditions).loss(&g);
    let estimate = |b: usize| x.log_reward[b] + sum(&x.log_pb, b) - sum(&x.log_pf, b);
    let expected = per_trajectory(x, g, |b| {
        let alike = (0..n).filter(|&c| conditions[c] == conditions[b]);
        estimate(b) - mean(&alike.map(estimate).collect::<Vec<_>>())
    });
    assert_close(&entries(variance), &[expected], F64);
}

fn check_transitions(kernels: Kernels, x: &Batch, g: Regression) {
    let device = Device::flex();
    let probs = x.log_probs(&device).with_kernels(kernels);
    let at = |values: &[f64]| vector(values, &device);
    let (mut stopping, mut looking) = (Vec::new(), Vec::new());
    for b in 0..x.lengths.len() {
        let range = x.range(b);
        let (mut of_this, mut looking_of_this) = (Vec::new(), Vec::new());
        for i in range.clone() {
            let last = i + 1 == range.end;
            if !last {
                // R(s') P_B(s | s') P_F(stop | s) = R(s) P_F(s' | s) P_F(stop | s')
                let left = x.log_reward_before[i + 1] + x.log_pb[i] + x.log_pf_stop[i];
                let right = x.log_reward_before[i] + x.log_pf[i] + x.log_pf_stop[i + 1];
                of_this.push(g.value(left - right));
            }
            let energy = if last {
                -x.log_reward[b]
            } else {
                x.energy[i + 1]
            };
            let rest = if last { 0.0 } else { x.log_flow[i + 1] };
            let model = x.log_flow[i] + x.log_pf[i] + energy - x.energy[i];
            looking_of_this.push(g.value(rest + x.log_pb[i] - model));
        }
        stopping.push(of_this);
        looking.push(looking_of_this);
    }
    // A trajectory without a transition counts as 0.
    let mean_or_zero = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len().max(1) as f64;
    let within = |all: &[Vec<f64>]| {
        let means: Vec<f64> = all.iter().map(|losses| mean_or_zero(losses)).collect();
        mean(&means)
    };
    let energies = at(&x.state_energies());
    let flow = forward_looking_log_flow(at(&x.log_flow), energies, &x.segments());
    for (normalisation, modified, forward) in [
        (
            TransitionNormalisation::Batch {},
            mean_or_zero(&stopping.concat()),
            mean(&looking.concat()),
        ),
        (
            TransitionNormalisation::Trajectory {},
            within(&stopping),
            within(&looking),
        ),
    ] {
        let (stop, reward) = (at(&x.log_pf_stop), at(&x.log_reward_before));
        let actual = modified_detailed_balance(&probs, stop, reward, normalisation);
        assert_close(&entries(actual.loss(&g)), &[modified], F64);
        let actual = detailed_balance(&probs, flow.clone(), normalisation);
        assert_close(&entries(actual.loss(&g)), &[forward], F64);
    }
}

#[test]
fn variants_are_the_loops_of_the_papers() {
    for (seed, lengths) in [vec![4, 1, 3, 3, 2], vec![3, 3, 3], vec![1, 1], vec![6]]
        .iter()
        .enumerate()
    {
        let mut x = Batch::random(lengths, seed as u64);
        // The state that is left over the exit is the object.
        for b in 0..lengths.len() {
            let last = x.range(b).end - 1;
            x.log_reward_before[last] = x.log_reward[b];
            x.log_pf_stop[last] = x.log_pf[last];
        }
        for g in REGRESSIONS {
            for kernels in [Kernels::Fused, Kernels::Composed] {
                check_variants(kernels, &x, g);
                check_transitions(kernels, &x, g);
            }
        }
    }
}

/// Residuals of all states but the source, in sums of flows as they stand.
fn flow_matching_loop(dag: &Dag, flows: &[f64], epsilon: f64) -> Vec<f64> {
    let residual = |node: usize| {
        let (mut inflow, mut outflow) = (epsilon, epsilon + dag.reward[node]);
        for (&(parent, child), flow) in dag.edges.iter().zip(flows) {
            if child == node {
                inflow += flow;
            }
            if parent == node {
                outflow += flow;
            }
        }
        outflow.ln() - inflow.ln()
    };
    (1..dag.n_nodes).map(residual).collect()
}

#[test]
fn flow_matching_is_the_loop_of_the_paper() {
    for seed in 0..12 {
        let dag = Dag::random(2 + seed as usize, seed % 2 == 0, seed);
        let mut uniform = uniform(seed);
        let flows: Vec<f64> = dag.edges.iter().map(|_| uniform(0.01, 4.0)).collect();
        for epsilon in [0.0, 2.5e-5, 0.3] {
            let t = flow_matching_loop(&dag, &flows, epsilon);
            let x = dag.matching(&flows, &Device::flex());
            for g in REGRESSIONS {
                let (mut leaves, mut others) = (Vec::new(), Vec::new());
                for (t, reward) in t.iter().zip(&dag.reward[1..]) {
                    if *reward > 0.0 {
                        &mut leaves
                    } else {
                        &mut others
                    }
                    .push(g.value(*t));
                }
                let batch = StateNormalisation::Batch { leaf_weight: 10.0 };
                let total = 10.0 * leaves.iter().sum::<f64>() + others.iter().sum::<f64>();
                let count = 10.0 * leaves.len() as f64 + others.len() as f64;
                let actual = flow_matching(&x, epsilon, batch);
                assert_close(&entries(actual.target_over_model()), &t, F64);
                assert_close(&entries(actual.loss(&g)), &[total / count], F64);

                let balanced = StateNormalisation::Balanced { leaf_weight: 10.0 };
                let expected = if others.is_empty() {
                    mean(&leaves)
                } else {
                    (10.0 * mean(&leaves) + mean(&others)) / 11.0
                };
                let actual = flow_matching(&x, epsilon, balanced).loss(&g);
                assert_close(&entries(actual), &[expected], F64);
            }
        }
    }
}

#[test]
fn logs_of_sums_by_hand() {
    let device = Device::flex();
    let minus = f64::NEG_INFINITY;
    let values = || {
        vector(
            &[0.3, -700.0, -699.0, 1e4, minus, minus, 1e4, minus],
            &device,
        )
    };
    let logs = |lengths: &[usize]| entries(Segments::from_lengths(lengths).log_sum_exp(values()));
    // One entry passes exactly; two, one of them −∞; nothing but −∞; nothing.
    let expected = [0.3, -699.0 + (-1f64).exp().ln_1p(), 1e4, minus, 1e4, minus];
    let actual = logs(&[1, 2, 1, 2, 2, 0]);
    assert_eq!(actual[0], 0.3);
    assert_close(&[actual[1]], &[expected[1]], 1e-15);
    assert_eq!(actual[2..], expected[2..]);
    assert_eq!(logs(&[4, 4])[1], 1e4);
    assert_eq!(logs(&[1; 8]), entries(values()));
    let empty = Segments::from_lengths(&[0, 0]);
    assert_eq!(entries(empty.log_sum_exp(vector(&[], &device))), [minus; 2]);
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
        let x = Batch::random(&lengths, seed);
        check_all(&x, lambda, REGRESSIONS[which]);
        check_variants(Kernels::Fused, &x, REGRESSIONS[which]);
        check_transitions(Kernels::Fused, &x, REGRESSIONS[which]);
    }
}
