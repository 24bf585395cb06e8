//! Soft Q-learning: a plain loop in double precision, and where its residuals vanish.

mod common;

use burn::tensor::{Device, Tensor};
use common::dag::Dag;
use common::{Batch, F64, assert_close, entries, vector};
use gfn_loss::{Munchausen, Regression, SoftTarget, TransitionNormalisation, soft_q};

const LENGTHS: [usize; 4] = [3, 1, 5, 2];
const BATCH: TransitionNormalisation = TransitionNormalisation::Batch {};

#[test]
fn residuals_are_those_of_a_plain_loop_and_the_target_is_given() {
    let device = Device::flex().autodiff();
    let batch = Batch::random(&LENGTHS, 7);
    let x = batch.log_probs(&device);
    let tracked = |values: &[f64]| vector(values, &device).require_grad();
    let (q, values, log_p) = (
        tracked(&batch.energy),
        tracked(&batch.log_flow),
        tracked(&batch.log_pf_stop),
    );
    for munchausen in [
        Munchausen {
            alpha: 0.0,
            least_log_p: -1.0,
        },
        Munchausen {
            alpha: 0.15,
            least_log_p: -1.0,
        },
    ] {
        let target = SoftTarget {
            values: values.clone(),
            log_p: log_p.clone(),
        };
        let residual = soft_q(&x, q.clone(), target, munchausen, BATCH);
        let mut expected = Vec::new();
        for b in 0..LENGTHS.len() {
            let range = batch.range(b);
            for t in range.clone() {
                let next = if t + 1 < range.end {
                    batch.log_flow[t + 1]
                } else {
                    batch.log_reward[b]
                };
                let bonus = (munchausen.temperature() * batch.log_pf_stop[t]).max(-1.0);
                let y = batch.log_pb[t] + munchausen.alpha * bonus + next;
                expected.push(y - batch.energy[t]);
            }
        }
        assert_close(&entries(residual.target_over_model()), &expected, F64);
        let gradients = residual.loss(&Regression::HalfSquared {}).backward();
        let of_q = entries(q.grad(&gradients).expect("tracked"));
        let n = expected.len() as f64;
        let slopes: Vec<f64> = expected.iter().map(|t| -t / n).collect();
        assert_close(&of_q, &slopes, F64);
        assert!(values.grad(&gradients).is_none() && log_p.grad(&gradients).is_none());
    }
}

/// The action values of edges that soft Q-learning ends at, by iterating its own targets backward through the graph, and the
/// policy that they lead to.
fn fixed_point(dag: &Dag, munchausen: Munchausen) -> (Vec<f64>, Vec<f64>) {
    let temperature = munchausen.temperature();
    let (mut q, mut values) = (vec![0.0; dag.edges.len()], vec![0.0; dag.n_nodes]);
    let mut p = vec![0.0; dag.edges.len()];
    for node in (0..dag.n_nodes).rev() {
        let edges: Vec<usize> = (0..dag.edges.len())
            .filter(|&e| dag.edges[e].0 == node)
            .collect();
        if edges.is_empty() {
            values[node] = dag.reward[node].ln();
            continue;
        }
        // Munchausen's addition holds the policy itself: iterate.
        for _ in 0..2_000 {
            for &e in &edges {
                let log_p = f64::ln(if p[e] > 0.0 { p[e] } else { 1.0 });
                let bonus = munchausen.alpha * (temperature * log_p).max(munchausen.least_log_p);
                q[e] = dag.p_b[e].ln() + bonus + values[dag.edges[e].1];
            }
            let sum: f64 = edges.iter().map(|&e| (q[e] / temperature).exp()).sum();
            for &e in &edges {
                p[e] = (q[e] / temperature).exp() / sum;
            }
            values[node] = temperature * sum.ln();
        }
    }
    (q, p)
}

#[test]
fn the_fixed_point_samples_in_proportion_to_the_reward() {
    let (dag, device) = (Dag::four_nodes(), Device::flex());
    let paths = dag.trajectories();
    for alpha in [0.0, 0.15, 0.5] {
        let munchausen = Munchausen {
            alpha,
            least_log_p: -100.0,
        };
        let (q, p) = fixed_point(&dag, munchausen);
        assert_close(&p, &dag.p_f(), 1e-9);
        let log_flows: Vec<f64> = dag.edge_flows().iter().map(|f| f.ln()).collect();
        if alpha == 0.0 {
            assert_close(&q, &log_flows, 1e-9);
        } else {
            assert!((q[0] - log_flows[0]).abs() > 0.05, "{q:?} {log_flows:?}");
        }
        // The function of the crate has no residual there.
        let x = dag.log_probs(&paths, &p, &dag.p_b, &device);
        let of = |f: &dyn Fn(usize) -> f64| -> Tensor<1> {
            let values: Vec<f64> = paths.concat().into_iter().map(f).collect();
            vector(&values, &device)
        };
        let temperature = munchausen.temperature();
        let value = |e: usize| {
            let from = dag.edges[e].0;
            let edges = (0..q.len()).filter(|&o| dag.edges[o].0 == from);
            temperature * edges.map(|o| (q[o] / temperature).exp()).sum::<f64>().ln()
        };
        let target = SoftTarget {
            values: of(&value),
            log_p: of(&|e| p[e].ln()),
        };
        let t = entries(soft_q(&x, of(&|e| q[e]), target, munchausen, BATCH).target_over_model());
        assert_close(&t, &vec![0.0; t.len()], 1e-9);
    }
}
