//! Which divergence each regression loss descends, on-policy and exactly.
//!
//! A batch that holds every trajectory as often as the policy samples it has the expectation under the
//! policy as its mean. The policy is a softmax of parameters whose probabilities are such frequencies.

mod common;

use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation::log_softmax};
use common::{assert_close, entries, vector};
use gfn_loss::{LogProbs, Regression, Residual, Segments, trajectory_balance};

/// How often each of five objects is sampled, of 32 times.
const COUNTS: [usize; 5] = [1, 4, 16, 8, 3];
/// Rewards, not normalised.
const REWARDS: [f64; 5] = [2.0, 1.0, 0.5, 3.0, 1.5];

fn softmax(theta: &[f64]) -> Vec<f64> {
    let total: f64 = theta.iter().map(|v| v.exp()).sum();
    theta.iter().map(|v| v.exp() / total).collect()
}

fn target() -> Vec<f64> {
    let total: f64 = REWARDS.iter().sum();
    REWARDS.iter().map(|r| r / total).collect()
}

fn parameters() -> Vec<f64> {
    COUNTS.iter().map(|&count| (count as f64).ln()).collect()
}

/// The gradient of a divergence of `p_F` to the target, by central differences.
fn slope(divergence: impl Fn(&[f64], &[f64]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let at = |k: usize, step: f64| {
        let mut theta = parameters();
        theta[k] += step;
        divergence(&softmax(&theta), &target())
    };
    let slope = |k| (at(k, h) - at(k, -h)) / (2.0 * h);
    (0..COUNTS.len()).map(slope).collect()
}

fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum()
}

fn chi_squared(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q).powi(2) / q).sum()
}

fn hellinger(p: &[f64], q: &[f64]) -> f64 {
    let root = |p: &f64, q: &f64| (p.sqrt() - q.sqrt()).powi(2);
    p.iter().zip(q).map(|(p, q)| root(p, q)).sum()
}

/// The gradient with respect to the parameters of the loss of an on-policy batch of 32 trajectories.
fn on_policy(g: Regression, residual: fn(&LogProbs, Tensor<1>) -> Residual<1>) -> Vec<f64> {
    let device = Device::flex().autodiff();
    let theta = vector(&parameters(), &device).require_grad();
    let objects = COUNTS.iter().enumerate();
    let objects: Vec<usize> = objects.flat_map(|(i, &n)| vec![i; n]).collect();
    let chosen: Vec<i64> = objects.iter().map(|&i| i as i64).collect();
    let log_reward: Vec<f64> = objects.iter().map(|&i| REWARDS[i].ln()).collect();
    let n = objects.len();
    let chosen = Tensor::<1, Int>::from_data(TensorData::new(chosen, [n]), &device);

    let log_pf = log_softmax(theta.clone(), 0).select(0, chosen);
    let log_pb = log_pf.zeros_like();
    let segments = Segments::from_lengths(&vec![1; n]);
    let x = LogProbs::new(log_pf, log_pb, vector(&log_reward, &device), segments);
    let log_z = vector(&[REWARDS.iter().sum::<f64>().ln()], &device);
    let gradients = residual(&x, log_z).loss(&g).backward();
    entries(theta.grad(&gradients).expect("a gradient"))
}

#[test]
fn linex_one_is_forward_kl() {
    let gradient = on_policy(Regression::Linex { alpha: 1.0 }, trajectory_balance);
    assert_close(&gradient, &slope(|p, q| kl(q, p)), 1e-8);
}

#[test]
fn half_squared_is_reverse_kl() {
    let gradient = on_policy(Regression::HalfSquared {}, trajectory_balance);
    assert_close(&gradient, &slope(kl), 1e-8);
}

#[test]
fn squared_is_twice_reverse_kl() {
    let gradient = on_policy(Regression::Squared {}, trajectory_balance);
    assert_close(&gradient, &slope(|p, q| 2.0 * kl(p, q)), 1e-8);
}

#[test]
fn linex_half_is_twice_the_squared_hellinger_sum() {
    let gradient = on_policy(Regression::Linex { alpha: 0.5 }, trajectory_balance);
    assert_close(&gradient, &slope(|p, q| 2.0 * hellinger(p, q)), 1e-8);
}

#[test]
fn shifted_cosh_is_half_of_forward_kl_and_half_chi_squared() {
    let gradient = on_policy(Regression::ShiftedCosh {}, trajectory_balance);
    let expected = slope(|p, q| 0.5 * (kl(q, p) + 0.5 * chi_squared(p, q)));
    assert_close(&gradient, &expected, 1e-8);
}

#[test]
fn linex_minus_one_is_half_chi_squared() {
    let gradient = on_policy(Regression::Linex { alpha: -1.0 }, trajectory_balance);
    assert_close(&gradient, &slope(|p, q| 0.5 * chi_squared(p, q)), 1e-8);
}

#[test]
fn the_opposite_sign_is_not_forward_kl() {
    // What happens to whoever feeds log model − log target to Linex(1).
    let wrong = |x: &LogProbs, log_z: Tensor<1>| {
        let right = trajectory_balance(x, log_z);
        let zero = right.weight().zeros_like();
        Residual::new(zero, right.model_over_target(), right.weight())
    };
    let gradient = on_policy(Regression::Linex { alpha: 1.0 }, wrong);
    assert_close(&gradient, &slope(|p, q| 0.5 * chi_squared(p, q)), 1e-8);

    let forward_kl = slope(|p, q| kl(q, p));
    let difference = gradient.iter().zip(&forward_kl).map(|(a, b)| (a - b).abs());
    assert!(difference.fold(0.0, f64::max) > 0.1);
}

#[test]
fn an_error_of_log_z_moves_no_squared_gradient() {
    // On-policy, log Z is a baseline: E[∇ log P_F] = 0. Not so for an asymmetric loss.
    let shifted = |x: &LogProbs, log_z: Tensor<1>| trajectory_balance(x, log_z.add_scalar(0.7));
    let g = Regression::Squared {};
    assert_close(
        &on_policy(g, shifted),
        &on_policy(g, trajectory_balance),
        1e-9,
    );
    let g = Regression::Linex { alpha: 1.0 };
    let (moved, still) = (on_policy(g, shifted), on_policy(g, trajectory_balance));
    assert!((moved[3] - still[3]).abs() > 1e-2);
}

#[test]
fn over_two_steps_squared_is_twice_the_kl_of_trajectories() {
    // A diamond: s0 → a | b → x | y, with P_F(a) = 1/2, P_F(x | a) = 1/4, P_F(x | b) = 1/2, so that
    // (a, x), (a, y), (b, x), (b, y) are sampled 1, 3, 2, 2 times of 8. R = 1, 3; P_B(a | x) = 0.3,
    // P_B(a | y) = 0.6.
    let theta = [0.0, 0.0, 0.0, 3f64.ln(), 0.0, 0.0];
    let p_b = [0.3, 0.6, 0.7, 0.4];
    let reward = [1.0, 3.0, 1.0, 3.0];
    let counts = [1, 3, 2, 2];
    // The choices of each trajectory among the six parameters: those at s0, at a and at b.
    let choices: [[usize; 2]; 4] = [[0, 2], [0, 3], [1, 4], [1, 5]];

    let sampled: Vec<usize> = (0..4).flat_map(|i| vec![i; counts[i]]).collect();
    let device = Device::flex().autodiff();
    let leaf = vector(&theta, &device).require_grad();
    let log_p = log_softmax(leaf.clone().reshape([3, 2]), 1).reshape([6]);
    let chosen = sampled.iter().flat_map(|&i| choices[i]);
    let chosen: Vec<i64> = chosen.map(|k| k as i64).collect();
    let chosen = Tensor::<1, Int>::from_data(TensorData::new(chosen, [16]), &device);
    let log_pb: Vec<f64> = sampled
        .iter()
        .flat_map(|&i| [0.0, f64::ln(p_b[i])])
        .collect();
    let log_reward: Vec<f64> = sampled.iter().map(|&i| f64::ln(reward[i])).collect();
    let x = LogProbs::new(
        log_p.select(0, chosen),
        vector(&log_pb, &device),
        vector(&log_reward, &device),
        Segments::from_lengths(&[2; 8]),
    );
    assert_eq!(x.log_pf.dtype(), DType::F64);
    let log_z = vector(&[4f64.ln()], &device);
    let loss = trajectory_balance(&x, log_z).loss(&Regression::Squared {});
    let gradient = entries(leaf.grad(&loss.backward()).unwrap());

    let divergence = |theta: &[f64]| {
        let p: Vec<f64> = theta.chunks(2).flat_map(softmax).collect();
        let p_f = choices.map(|[first, second]| p[first] * p[second]);
        let p_b: Vec<f64> = (0..4).map(|i| p_b[i] * reward[i] / 4.0).collect();
        2.0 * kl(&p_f, &p_b)
    };
    let h = 1e-5;
    let expected: Vec<f64> = (0..6)
        .map(|k| {
            let (mut low, mut high) = (theta, theta);
            low[k] -= h;
            high[k] += h;
            (divergence(&high) - divergence(&low)) / (2.0 * h)
        })
        .collect();
    assert_close(&gradient, &expected, 1e-8);
}
