//! Policy gradients: plain loops in double precision, and what costs and advantages owe to divergences.

mod common;

use burn::tensor::{Device, Int, Tensor, TensorData};
use common::dag::Dag;
use common::{Batch, F64, assert_close, entries, vector};
use gfn_loss::policy_gradients::{
    backward_costs, categorical_kl, centred, clipped_surrogate, evaluation_balance, forward_costs,
    generalised_advantages, leave_one_out, log_z_surrogate, surrogate, value_loss, value_targets,
};
use gfn_loss::{
    LogProbs, Regression, Segments, SubTrajectoryNormalisation, sub_trajectory_balance,
    trajectory_balance,
};

const LENGTHS: [usize; 4] = [3, 1, 5, 2];

/// Costs by a plain loop.
fn costs_of(batch: &Batch) -> Vec<f64> {
    let mut costs = Vec::new();
    for b in 0..batch.lengths.len() {
        let range = batch.range(b);
        for t in range.clone() {
            let mut cost = batch.log_pf[t] - batch.log_pb[t];
            if t + 1 == range.end {
                cost -= batch.log_reward[b] - batch.log_z;
            }
            costs.push(cost);
        }
    }
    costs
}

#[test]
fn costs_are_those_of_a_plain_loop_and_sum_to_the_residual_of_trajectory_balance() {
    let device = Device::flex();
    let batch = Batch::random(&LENGTHS, 1);
    let x = batch.log_probs(&device);
    let log_z = || vector(&[batch.log_z], &device);
    let costs = forward_costs(&x, log_z());
    assert_close(&entries(costs.clone()), &costs_of(&batch), F64);
    let sums = entries(x.segments.sum(costs));
    let residuals = entries(trajectory_balance(&x, log_z()).model_over_target());
    assert_close(&sums, &residuals, F64);
    // One log Z for each trajectory.
    let several = entries(forward_costs(&x, vector(&[batch.log_z; 4], &device)));
    assert_close(&several, &costs_of(&batch), F64);
    let backward = backward_costs(x.log_pb.clone(), x.log_pf.clone());
    let expected: Vec<f64> = batch
        .log_pb
        .iter()
        .zip(&batch.log_pf)
        .map(|(b, f)| b - f)
        .collect();
    assert_close(&entries(backward), &expected, F64);
}

/// `Σ_l λ^l δ_{t+l}`, term by term.
fn advantage_by_sums(costs: &[f64], values: &[f64], t: usize, end: usize, lambda: f64) -> f64 {
    (t..end)
        .map(|k| {
            let next = if k + 1 < end { values[k + 1] } else { 0.0 };
            lambda.powi((k - t) as i32) * (costs[k] + next - values[k])
        })
        .sum()
}

#[test]
fn advantages_and_targets_are_their_sums() {
    let batch = Batch::random(&LENGTHS, 2);
    let (costs, values, segments) = (costs_of(&batch), &batch.log_flow, batch.segments());
    for lambda in [0.0, 0.3, 0.99, 1.0] {
        let advantages = generalised_advantages(&costs, values, &segments, lambda);
        let targets = value_targets(&costs, values, &segments, lambda);
        for b in 0..LENGTHS.len() {
            let range = batch.range(b);
            for t in range.clone() {
                let expected = advantage_by_sums(&costs, values, t, range.end, lambda);
                assert_close(&[advantages[t]], &[expected], F64);
                assert_close(&[targets[t]], &[expected + values[t]], F64);
            }
            if lambda == 1.0 {
                // The whole cost, less what the critic said of the source.
                let total: f64 = costs[range.clone()].iter().sum();
                let first = range.start;
                assert_close(&[advantages[first]], &[total - values[first]], F64);
                assert_close(&[targets[first]], &[total], F64);
            }
        }
    }
    let mean: f64 = centred(costs.clone()).iter().sum();
    assert!(mean.abs() < 1e-12, "{mean}");
    let coefficients = leave_one_out(&costs, &segments);
    for b in 0..LENGTHS.len() {
        let sum = |b: usize| -> f64 { costs[batch.range(b)].iter().sum() };
        let others: f64 = (0..LENGTHS.len()).filter(|&o| o != b).map(sum).sum();
        let expected = sum(b) - others / (LENGTHS.len() - 1) as f64;
        assert_close(
            &coefficients[batch.range(b)],
            &vec![expected; LENGTHS[b]],
            F64,
        );
    }
}

#[test]
fn segments_without_entries_have_no_advantages() {
    let segments = Segments::from_lengths(&[0, 2, 0]);
    let advantages = generalised_advantages(&[1.0, 1.0], &[0.0, 0.0], &segments, 1.0);
    assert_eq!(advantages, [2.0, 1.0]);
}

/// A policy on a small graph whose edges are sorted by their parents: a softmax over the edges of each node.
struct Softmax {
    dag: Dag,
    logits: Vec<f64>,
    /// Edges of each node with children.
    fans: Vec<usize>,
}

impl Softmax {
    fn new() -> Self {
        let dag = Dag::four_nodes();
        assert!(dag.edges.is_sorted());
        Self {
            dag,
            logits: vec![0.3, -0.8, 0.9, -0.2],
            fans: vec![2, 2],
        }
    }

    /// The source, 1, and the ends.
    const LOG_Z: f64 = 0.4;

    fn log_z_star(&self) -> f64 {
        self.dag.reward.iter().sum::<f64>().ln()
    }

    fn p_f(&self, logits: &[f64]) -> Vec<f64> {
        let total = |parent| -> f64 {
            let edges = self.dag.edges.iter().zip(logits);
            edges
                .filter(|((p, _), _)| *p == parent)
                .map(|(_, l)| l.exp())
                .sum()
        };
        let edges = self.dag.edges.iter().zip(logits);
        edges.map(|((p, _), l)| l.exp() / total(*p)).collect()
    }

    /// Probability of every trajectory under edges.
    fn of_paths(&self, p: &[f64]) -> Vec<f64> {
        let paths = self.dag.trajectories();
        let product = |path: &Vec<usize>| path.iter().map(|&e| p[e]).product();
        paths.iter().map(product).collect()
    }

    /// `KL(P_F‖p_B)` over trajectories.
    fn divergence(&self, logits: &[f64]) -> f64 {
        let p = self.of_paths(&self.p_f(logits));
        let paths = self.dag.trajectories();
        let of_target = paths.iter().map(|path| {
            let end = self.dag.edges[path[path.len() - 1]].1;
            let p_b: f64 = path.iter().map(|&e| self.dag.p_b[e]).product();
            p_b * self.dag.reward[end] / self.log_z_star().exp()
        });
        p.iter().zip(of_target).map(|(p, q)| p * (p / q).ln()).sum()
    }

    fn slope(&self, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let h = 1e-6;
        let at = |k: usize, step: f64| {
            let mut logits = self.logits.clone();
            logits[k] += step;
            f(&logits)
        };
        let entries = 0..self.logits.len();
        entries
            .map(|k| (at(k, h) - at(k, -h)) / (2.0 * h))
            .collect()
    }

    /// One trajectory, and the logits and log Z to differentiate by.
    fn batch(&self, path: &[usize]) -> (LogProbs, Tensor<1>, Tensor<1>) {
        let device = Device::flex().autodiff();
        let logits = vector(&self.logits, &device).require_grad();
        let segments = Segments::from_lengths(&self.fans);
        let picks = |values: Vec<i64>| {
            let n = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [n]), &device)
        };
        let owners = self.fans.iter().enumerate();
        let owners = owners.flat_map(|(i, &n)| vec![i as i64; n]).collect();
        let totals = segments
            .log_sum_exp(logits.clone())
            .select(0, picks(owners));
        let log_p = logits.clone() - totals;
        let path: Vec<i64> = path.iter().map(|&e| e as i64).collect();
        let log_pf = log_p.select(0, picks(path.clone()));
        let paths = [path.iter().map(|&e| e as usize).collect()];
        let x = self
            .dag
            .log_probs(&paths, &self.p_f(&self.logits), &self.dag.p_b, &device);
        let log_z = vector(&[Self::LOG_Z], &device).require_grad();
        (LogProbs { log_pf, ..x }, logits, log_z)
    }

    /// The expected gradient of a loss of one trajectory for the logits and for log Z.
    fn expected(&self, loss: impl Fn(&LogProbs, &Tensor<1>, &[usize]) -> Tensor<1>) -> Vec<f64> {
        let probabilities = self.of_paths(&self.p_f(&self.logits));
        let mut expected = vec![0.0; self.logits.len() + 1];
        for (path, p) in self.dag.trajectories().iter().zip(probabilities) {
            let (x, logits, log_z) = self.batch(path);
            let gradients = loss(&x, &log_z, path).backward();
            let of_logits = logits.grad(&gradients).map_or(vec![0.0; 4], entries);
            let of_log_z = log_z.grad(&gradients).map_or(vec![0.0], entries);
            for (e, g) in expected.iter_mut().zip(of_logits.iter().chain(&of_log_z)) {
                *e += p * g;
            }
        }
        expected
    }

    /// The expected cost to go of every node.
    fn exact_values(&self) -> Vec<f64> {
        let p = self.p_f(&self.logits);
        let mut values = vec![0.0; self.dag.n_nodes];
        for node in (0..self.dag.n_nodes).rev() {
            for (e, &(parent, child)) in self.dag.edges.iter().enumerate() {
                if parent == node {
                    values[node] += p[e] * (self.cost(e, &p) + values[child]);
                }
            }
        }
        values
    }

    fn cost(&self, e: usize, p: &[f64]) -> f64 {
        let child = self.dag.edges[e].1;
        let last = self.dag.edges.iter().all(|(parent, _)| *parent != child);
        let at_the_end = if last {
            self.dag.reward[child].ln() - Self::LOG_Z
        } else {
            0.0
        };
        p[e].ln() - self.dag.p_b[e].ln() - at_the_end
    }

    /// The loss of an actor and of log Z on one trajectory.
    fn actor(&self, values: &[f64], lambda: f64) -> Vec<f64> {
        self.expected(|x, log_z, path| {
            let costs = entries(forward_costs(x, log_z.clone()).detach());
            let values: Vec<f64> = path.iter().map(|&e| values[self.dag.edges[e].0]).collect();
            let advantages = generalised_advantages(&costs, &values, &x.segments, lambda);
            let advantages = vector(&advantages, &x.log_pf.device());
            let old = x.log_pf.clone().detach();
            let sums = vector(&[costs.iter().sum()], &x.log_pf.device());
            surrogate(x.log_pf.clone(), old, advantages, &x.segments)
                + log_z_surrogate(log_z.clone(), sums)
        })
    }
}

#[test]
fn the_expected_gradient_is_that_of_reverse_kl_and_half_that_of_trajectory_balance() {
    let toy = Softmax::new();
    let mut exact = toy.slope(|logits| toy.divergence(logits));
    // The gradient for log Z is the expected cost, KL + log Z − log Z*.
    exact.push(toy.divergence(&toy.logits) + Softmax::LOG_Z - toy.log_z_star());
    assert!(exact.iter().all(|g| g.abs() > 1e-2), "{exact:?}");
    let half = toy.expected(|x, log_z, _| {
        let residual = trajectory_balance(x, log_z.clone());
        residual.loss(&Regression::HalfSquared {})
    });
    assert_close(&half, &exact, 1e-7);
    // The whole cost to go is right whatever the critic says, a part of it where the critic is right.
    assert_close(&toy.actor(&[3.0, -1.0, 0.0, 0.0], 1.0), &exact, 1e-7);
    let values = toy.exact_values();
    assert_close(&values[..1], &exact[4..], 1e-12);
    for lambda in [0.0, 0.3, 1.0] {
        assert_close(&toy.actor(&values, lambda), &exact, 1e-7);
    }
    let wrong = toy.actor(&[3.0, -1.0, 0.0, 0.0], 0.0);
    assert!((wrong[0] - exact[0]).abs() > 0.1, "{wrong:?}");
}

#[test]
fn the_cost_of_another_policy_is_the_advantage_there_and_its_divergence_from_the_old_one() {
    // J(π') − J(π) = E_{π'}[Σ_t A(s, a) + KL(π'‖π)(s)]: why the divergence of a proximal update has the weight 1.
    let toy = Softmax::new();
    let other = [-0.4, 0.5, 0.1, 1.2];
    let (p, q) = (toy.p_f(&toy.logits), toy.p_f(&other));
    let values = toy.exact_values();
    let device = Device::flex();
    let rows = |p: &[f64]| {
        let logs: Vec<f64> = p.iter().map(|p| p.ln()).collect();
        vector(&logs, &device).reshape([2, 2])
    };
    let kl = entries(categorical_kl(rows(&q), rows(&p)));
    let mut difference = 0.0;
    for (path, weight) in toy.dag.trajectories().iter().zip(toy.of_paths(&q)) {
        for &e in path {
            let (parent, child) = toy.dag.edges[e];
            let advantage = toy.cost(e, &p) + values[child] - values[parent];
            difference += weight * (advantage + kl[parent]);
        }
    }
    let exact = toy.divergence(&other) - toy.divergence(&toy.logits);
    assert_close(&[difference], &[exact], 1e-12);
}

#[test]
fn a_clipped_surrogate_stops_where_it_has_gained_enough() {
    let device = Device::flex().autodiff();
    let ratios = [0.5f64, 0.9, 1.0, 1.1, 2.0];
    for sign in [1.0, -1.0] {
        let logs: Vec<f64> = ratios.iter().map(|r| r.ln()).collect();
        let log_p = vector(&logs, &device).require_grad();
        let segments = Segments::from_lengths(&[1; 5]);
        let (old, advantages) = (vector(&[0.0; 5], &device), vector(&[sign; 5], &device));
        let loss = clipped_surrogate(log_p.clone(), old, advantages, 0.2, &segments);
        let value = ratios
            .iter()
            .map(|r: &f64| (sign * r).max(sign * r.clamp(0.8, 1.2)));
        assert_close(&entries(loss.clone()), &[value.sum::<f64>() / 5.0], F64);
        let gradient = entries(log_p.grad(&loss.backward()).expect("tracked"));
        let expected: Vec<f64> = ratios
            .iter()
            .map(|&r| {
                let cut = if sign > 0.0 { r < 0.8 } else { r > 1.2 };
                if cut { 0.0 } else { sign * r / 5.0 }
            })
            .collect();
        assert_close(&gradient, &expected, F64);
    }
}

#[test]
fn divergences_of_rows_ignore_what_is_never_done() {
    let device = Device::flex().autodiff();
    let never = f64::NEG_INFINITY;
    let (a, b) = ([0.2f64, 0.8], [0.5f64, 0.5]);
    let expected: f64 = a.iter().zip(b).map(|(a, b)| a * (a / b).ln()).sum();
    for masked in [never, -1e9] {
        let rows = |p: [f64; 2]| vector(&[p[0].ln(), masked, p[1].ln()], &device).require_grad();
        let (p, q) = (rows(a), rows(b));
        let kl = categorical_kl(p.clone().reshape([1, 3]), q.clone().reshape([1, 3]));
        assert_close(&entries(kl.clone()), &[expected], F64);
        let gradients = kl.backward();
        let of_q = entries(q.grad(&gradients).expect("tracked"));
        assert_close(&of_q, &[-0.2, 0.0, -0.8], F64);
        let of_p = entries(p.grad(&gradients).expect("tracked"));
        let slope = |i: usize| a[i] * (1.0 + (a[i] / b[i]).ln());
        assert_close(&of_p, &[slope(0), 0.0, slope(1)], F64);
    }
}

#[test]
fn evaluation_balance_is_sub_trajectory_balance_of_the_values() {
    let device = Device::flex().autodiff();
    let batch = Batch::random(&LENGTHS, 4);
    let x = batch.log_probs(&device);
    let x = LogProbs {
        log_pf: x.log_pf.clone().require_grad(),
        ..x
    };
    let values = vector(&batch.log_flow, &device).require_grad();
    let log_z = vector(&[batch.log_z], &device).require_grad();
    let normalisation = SubTrajectoryNormalisation::Trajectory {};
    let residual = evaluation_balance(&x, log_z.clone(), values.clone(), 0.9, normalisation);
    // By a plain loop: V(s_i) − V(s_j) − the costs between, over all pairs of a trajectory.
    let costs = costs_of(&batch);
    let mut expected = 0.0;
    for (b, &n) in LENGTHS.iter().enumerate() {
        let range = batch.range(b);
        let pairs = || (0..n).flat_map(move |i| (i + 1..=n).map(move |j| (i, j)));
        let total: f64 = pairs().map(|(i, j)| 0.9f64.powi((j - i) as i32)).sum();
        for (i, j) in pairs() {
            let value = |k: usize| {
                if k < n {
                    batch.log_flow[range.start + k]
                } else {
                    0.0
                }
            };
            let between: f64 = costs[range.start + i..range.start + j].iter().sum();
            let share = 0.9f64.powi((j - i) as i32) / total / LENGTHS.len() as f64;
            expected += share * (value(i) - value(j) - between).powi(2);
        }
    }
    let loss = residual.loss(&Regression::Squared {});
    assert_close(&entries(loss.clone()), &[expected], F64);
    let gradients = loss.backward();
    assert!(values.grad(&gradients).is_some());
    assert!(x.log_pf.grad(&gradients).is_none() && log_z.grad(&gradients).is_none());
}

#[test]
fn the_right_values_of_a_right_policy_have_no_residual() {
    let (dag, device) = (Dag::four_nodes(), Device::flex());
    let paths = dag.trajectories();
    let x = dag.log_probs(&paths, &dag.p_f(), &dag.p_b, &device);
    let flows = dag.state_flows();
    let log_z = flows[0].ln();
    let parents = paths.concat();
    let values: Vec<f64> = parents
        .iter()
        .map(|&e| log_z - flows[dag.edges[e].0].ln())
        .collect();
    let of = |values: Vec<f64>| {
        let (log_z, values) = (vector(&[log_z], &device), vector(&values, &device));
        let normalisation = SubTrajectoryNormalisation::Trajectory {};
        entries(evaluation_balance(&x, log_z, values, 0.9, normalisation).target_over_model())
    };
    assert_close(
        &of(values.clone()),
        &vec![0.0; of(values.clone()).len()],
        1e-12,
    );
    // They are the costs to go of sub-trajectory balance's flows.
    let log_flow: Vec<f64> = values.iter().map(|v| log_z - v).collect();
    let all = gfn_loss::with_terminal_rewards(
        vector(&log_flow, &device),
        x.log_reward.clone(),
        &x.segments,
    );
    let same = sub_trajectory_balance(&x, all, 0.9, SubTrajectoryNormalisation::Trajectory {});
    assert_close(&of(values), &entries(same.target_over_model()), 1e-12);
    // The critic's loss is a plain mean over trajectories.
    let lengths: Vec<usize> = paths.iter().map(Vec::len).collect();
    let n: usize = lengths.iter().sum();
    let segments = Segments::from_lengths(&lengths);
    let loss = value_loss(
        vector(&vec![1.0; n], &device),
        vector(&vec![-1.0; n], &device),
        &segments,
    );
    assert_close(&entries(loss), &[4.0 * n as f64 / paths.len() as f64], F64);
}
