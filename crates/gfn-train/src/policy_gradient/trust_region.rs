//! Trust-region updates: the natural gradient by conjugate gradients, and a backtracking line search.
//!
//! The Fisher matrix of the mean divergence over the visited states is `F = (1/N) Σ_s Jᵀ (diag p − ppᵀ) J`, with `J` the
//! derivative of the logits of a state for the parameters. A product `Fv` is made of a forward-mode pass, `Jv`, of the
//! little matrix of the softmax, and of an ordinary backward pass: `Jᵀu` is the gradient of `Σ logits·u` with `u` held
//! fixed. No derivative is taken twice, and nothing is approximated.

use crate::TrainError;
use crate::error::require_finite;
use crate::gradients::{flattened, moved, unflattened};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, activation};
use gfn_loss::policy_gradients::{categorical_kl, surrogate};
use gfn_policy::{Policy, TransitionBatch};

/// Share of `‖b‖²` that the squared residual may keep where conjugate gradients stop.
const RESIDUAL: f64 = 1e-10;

/// An update on one batch.
pub(crate) struct TrustRegion<'a> {
    pub(crate) batch: &'a TransitionBatch,
    /// `[N]`.
    pub(crate) advantages: Tensor<1>,
    pub(crate) delta: f64,
    pub(crate) cg_iterations: usize,
    pub(crate) line_search_steps: usize,
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TrustRegionStep {
    /// Norm of the policy gradient.
    pub(crate) gradient_norm: f64,
    /// Share of the full step that was taken, `½^j`; 0 where none was accepted.
    pub(crate) length: f64,
    /// Mean `KL(π_old‖π)` over the visited states.
    pub(crate) divergence: f64,
    /// The surrogate before and after.
    pub(crate) surrogate: [f64; 2],
}

impl TrustRegion<'_> {
    /// The updated policy, or `policy` as it was where no step is accepted.
    pub(crate) fn step<P: Policy>(
        &self,
        policy: P,
        iteration: u64,
    ) -> Result<(P, TrustRegionStep), TrainError> {
        let log_pf = self.batch.log_probs(&policy).log_pf;
        let old_taken = log_pf.clone().detach();
        let loss = self.surrogate(log_pf, &old_taken);
        let before = scalar(loss.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &policy);
        let gradient = flattened(&policy, &gradients);
        let gradient_norm = dot(&gradient, &gradient).sqrt();
        require_finite(iteration, "gradient norm", gradient_norm)?;
        let mut taken = TrustRegionStep {
            gradient_norm,
            length: 0.0,
            divergence: 0.0,
            surrogate: [before; 2],
        };
        let old = self.batch.forward_log_probabilities(&policy).detach();
        let fisher = |v: Tensor<1>| self.fisher_product(&policy, &old, v);
        let direction = conjugate_gradients(fisher, gradient.clone(), self.cg_iterations)?;
        let slope = dot(&gradient, &direction);
        // Where the policy is as good as the batch can tell there is no direction.
        if !(slope > 0.0 && slope.is_finite()) {
            return Ok((policy, taken));
        }
        let full = (2.0 * self.delta / slope).sqrt();
        for j in 0..self.line_search_steps {
            let length = 0.5f64.powi(j as i32);
            let tried = moved(&policy, &direction, -full * length);
            let log_pf = self.batch.log_probs(&tried).log_pf.detach();
            let after = scalar(self.surrogate(log_pf, &old_taken));
            let new = self.batch.forward_log_probabilities(&tried).detach();
            let divergence = scalar(categorical_kl(old.clone(), new).mean());
            if after < before && divergence <= self.delta {
                taken.length = length;
                taken.divergence = divergence;
                taken.surrogate[1] = after;
                return Ok((tried, taken));
            }
        }
        Ok((policy, taken))
    }

    fn surrogate(&self, log_pf: Tensor<1>, old: &Tensor<1>) -> Tensor<1> {
        let advantages = self.advantages.clone();
        surrogate(log_pf, old.clone(), advantages, self.batch.segments())
    }

    /// `Fv`, with the parameters in the order of [`flattened`].
    pub(crate) fn fisher_product<P: Policy>(
        &self,
        policy: &P,
        log_p: &Tensor<2>,
        v: Tensor<1>,
    ) -> Result<Tensor<1>, TrainError> {
        let direction = unflattened(policy, &v);
        let tangent = self.batch.forward_tangent(policy, &direction);
        let tangent = tangent.ok_or(TrainError::NoTangent)?;
        let p = activation::softmax(log_p.clone(), 1);
        let along = (p.clone() * tangent.clone()).sum_dim(1);
        let n = self.batch.n_transitions() as f64;
        let u = (p * (tangent - along)).div_scalar(n).detach();
        let loss = (self.batch.forward_logits(policy) * u).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), policy);
        Ok(flattened(policy, &gradients))
    }
}

/// `x` with `Ax = b` for a positive semidefinite `A`, from 0, as far as `iterations` go.
fn conjugate_gradients(
    product: impl Fn(Tensor<1>) -> Result<Tensor<1>, TrainError>,
    b: Tensor<1>,
    iterations: usize,
) -> Result<Tensor<1>, TrainError> {
    let mut x = b.zeros_like();
    let mut residual = b.clone();
    let mut direction = b.clone();
    let mut square = dot(&residual, &residual);
    let enough = RESIDUAL * square;
    for _ in 0..iterations {
        if square <= enough || square == 0.0 {
            break;
        }
        let image = product(direction.clone())?;
        let curvature = dot(&direction, &image);
        // A direction that the divergence does not feel.
        if !(curvature > 0.0 && curvature.is_finite()) {
            break;
        }
        let step = square / curvature;
        x = x + direction.clone().mul_scalar(step);
        residual = residual - image.mul_scalar(step);
        let next = dot(&residual, &residual);
        direction = residual.clone() + direction.mul_scalar(next / square);
        square = next;
    }
    Ok(x)
}

fn dot(a: &Tensor<1>, b: &Tensor<1>) -> f64 {
    scalar((a.clone() * b.clone()).sum())
}

fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_scalar::<f32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};
    use gfn_env::rand::RngExt as _;
    use gfn_env::{Environment as _, Features, Hypergrid, HypergridState, Purpose, Streams};
    use gfn_env::{LogRewardFn, Trajectories};
    use gfn_policy::{
        BackwardPolicy, MlpConfig, MlpPolicy, NamedTensor, OnPolicy, RolloutKey, named_parameters,
        rollout,
    };
    use std::collections::BTreeMap;

    fn toy() -> (Hypergrid, MlpPolicy, Trajectories<HypergridState>) {
        let env = Hypergrid::new(2, 4).unwrap();
        let config = MlpConfig {
            hidden: vec![9, 7],
            backward: BackwardPolicy::Uniform,
            ..MlpConfig::default()
        };
        let device = Device::flex().autodiff();
        let policy = MlpPolicy::new(&config, &env, Streams::new(2), &device);
        let reward = LogRewardFn(|_: &HypergridState| 0.0);
        let key = RolloutKey {
            streams: Streams::new(1),
            purpose: Purpose::Rollout,
            iteration: 0,
        };
        let sampler = policy.sampler();
        let batch = rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key, 12).unwrap();
        (env, policy, batch)
    }

    fn region<'a>(batch: &'a TransitionBatch, advantages: Tensor<1>) -> TrustRegion<'a> {
        TrustRegion {
            batch,
            advantages,
            delta: 0.01,
            cg_iterations: 10,
            line_search_steps: 20,
        }
    }

    fn drawn(seed: u64, n: usize) -> Vec<f32> {
        let mut rng = Streams::new(seed).rng(Purpose::Init, 0, 0);
        (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    fn tensor(values: Vec<f32>, device: &Device) -> Tensor<1> {
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), device)
    }

    type Parameters = BTreeMap<String, NamedTensor>;

    /// `log P_F` of every transition's state, in f64, with the parameters moved by `step` along `direction`.
    fn log_probabilities(
        env: &Hypergrid,
        batch: &Trajectories<HypergridState>,
        (at, along, step): (&Parameters, &Parameters, f64),
    ) -> Vec<Vec<f64>> {
        let moved = |name: &str| -> Vec<f64> {
            let pairs = at[name].values.iter().zip(&along[name].values);
            pairs
                .map(|(a, v)| f64::from(*a) + step * f64::from(*v))
                .collect()
        };
        let layers: Vec<(usize, Vec<f64>, Vec<f64>)> = (0..3)
            .map(|i| {
                let name = format!("forward.layers.{i}.weight");
                let outputs = at[&name].shape[1];
                let bias = moved(&format!("forward.layers.{i}.bias"));
                (outputs, moved(&name), bias)
            })
            .collect();
        let mut rows = Vec::new();
        for trajectory in batch.iter() {
            for state in &trajectory.states[..trajectory.actions.len()] {
                let mut features = Features::new(env.n_features());
                env.encode(state, &mut features.push_row());
                let mut h: Vec<f64> = features.to_dense().into_iter().map(f64::from).collect();
                for (i, (outputs, weight, bias)) in layers.iter().enumerate() {
                    if i > 0 {
                        h.iter_mut().for_each(|v| *v = v.max(0.0));
                    }
                    let output = |o: usize| {
                        let terms = h
                            .iter()
                            .enumerate()
                            .map(|(k, v)| v * weight[k * outputs + o]);
                        bias[o] + terms.sum::<f64>()
                    };
                    h = (0..*outputs).map(output).collect();
                }
                let mut allowed = vec![false; env.n_actions()];
                env.forward_mask(state, &mut allowed);
                let most = h.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = (0..h.len())
                    .filter(|&a| allowed[a])
                    .map(|a| (h[a] - most).exp())
                    .sum();
                let log_p = |a: usize| {
                    if allowed[a] {
                        h[a] - most - sum.ln()
                    } else {
                        -1e9
                    }
                };
                rows.push((0..h.len()).map(log_p).collect());
            }
        }
        rows
    }

    fn mean_kl(old: &[Vec<f64>], new: &[Vec<f64>]) -> f64 {
        let rows = old.iter().zip(new).map(|(p, q)| -> f64 {
            let terms = p.iter().zip(q).map(|(p, q)| p.exp() * (p - q));
            terms.sum()
        });
        rows.sum::<f64>() / old.len() as f64
    }

    #[test]
    fn fisher_products_are_second_differences_of_the_divergence() {
        let (env, policy, trajectories) = toy();
        let batch = TransitionBatch::new(&env, &trajectories, BackwardPolicy::Uniform);
        let device = policy.device();
        let n = named_parameters(&policy)
            .values()
            .map(|t| t.values.len())
            .sum();
        let region = region(&batch, tensor(vec![0.0; batch.n_transitions()], &device));
        let log_p = batch.forward_log_probabilities(&policy).detach();
        let at = named_parameters(&policy);
        let quadratic = |v: &Tensor<1>| {
            let along = named_parameters(&unflattened(&policy, v));
            let moved = |step| log_probabilities(&env, &trajectories, (&at, &along, step));
            let (old, h) = (moved(0.0), 1e-4);
            (mean_kl(&old, &moved(h)) + mean_kl(&old, &moved(-h))) / (h * h)
        };
        let product = |v: &Tensor<1>| region.fisher_product(&policy, &log_p, v.clone()).unwrap();
        for seed in 0..5 {
            let u = tensor(drawn(2 * seed, n), &device.clone().inner());
            let v = tensor(drawn(2 * seed + 1, n), &device.clone().inner());
            let (of_u, of_v) = (product(&u), product(&v));
            let expected = quadratic(&v);
            let found = dot(&v, &of_v);
            assert!(
                (found - expected).abs() < 1e-4 * (1.0 + expected),
                "{found} is not {expected}"
            );
            // A symmetric matrix is known by all its quadratic forms: the mixed one by polarisation.
            let sum = quadratic(&(u.clone() + v.clone()));
            let mixed = (sum - quadratic(&u) - expected) / 2.0;
            for found in [dot(&u, &of_v), dot(&v, &of_u)] {
                assert!(
                    (found - mixed).abs() < 1e-4 * (1.0 + mixed.abs()),
                    "{found} is not {mixed}"
                );
            }
        }
    }

    #[test]
    fn an_accepted_step_lowers_the_surrogate_and_stays_in_the_region() {
        let (env, policy, trajectories) = toy();
        let batch = TransitionBatch::new(&env, &trajectories, BackwardPolicy::Uniform);
        let device = policy.device();
        for seed in 0..10 {
            let advantages = tensor(drawn(seed, batch.n_transitions()), &device);
            let region = region(&batch, advantages);
            let (moved, step) = region.step(policy.clone(), 0).unwrap();
            assert!(step.length > 0.0 && step.gradient_norm > 0.0, "{step:?}");
            assert!(step.surrogate[1] < step.surrogate[0], "{step:?}");
            // Near the bound, or the region would not be one; in f64 by a program of its own.
            let (at, now) = (named_parameters(&policy), named_parameters(&moved));
            let none: Parameters = at
                .iter()
                .map(|(name, t)| {
                    let values = vec![0.0; t.values.len()];
                    let shape = t.shape.clone();
                    (name.clone(), NamedTensor { shape, values })
                })
                .collect();
            let of = |p| log_probabilities(&env, &trajectories, (p, &none, 0.0));
            let divergence = mean_kl(&of(&at), &of(&now));
            assert!(divergence <= 0.01 + 1e-6 && divergence > 1e-3, "{step:?}");
            assert!((divergence - step.divergence).abs() < 1e-5, "{step:?}");
            // log Z is none of its business.
            assert_eq!(at["log_z"], now["log_z"]);
        }
    }

    #[test]
    fn a_step_that_is_not_accepted_leaves_the_policy() {
        let (env, policy, trajectories) = toy();
        let batch = TransitionBatch::new(&env, &trajectories, BackwardPolicy::Uniform);
        let device = policy.device();
        let advantages = tensor(drawn(3, batch.n_transitions()), &device);
        // Far beyond where the divergence is quadratic, and one try.
        let wild = TrustRegion {
            delta: 50.0,
            line_search_steps: 1,
            ..region(&batch, advantages)
        };
        let (kept, step) = wild.step(policy.clone(), 0).unwrap();
        assert_eq!(step.length, 0.0, "{step:?}");
        assert_eq!(named_parameters(&kept), named_parameters(&policy));
        // No gradient, no direction.
        let none = tensor(vec![0.0; batch.n_transitions()], &device);
        let (kept, step) = region(&batch, none).step(policy.clone(), 0).unwrap();
        assert_eq!((step.length, step.gradient_norm), (0.0, 0.0));
        assert_eq!(named_parameters(&kept), named_parameters(&policy));
    }

    #[test]
    fn conjugate_gradients_solve_a_small_system() {
        let device = Device::flex();
        // A = [[4, 1], [1, 3]], b = (1, 2): x = (1, 7)/11.
        let product = |v: Tensor<1>| {
            let rows = Tensor::<2>::from_data([[4.0, 1.0], [1.0, 3.0]], &device);
            Ok(rows.matmul(v.unsqueeze_dim::<2>(1)).reshape([2]))
        };
        let b = Tensor::from_data([1.0f32, 2.0], &device);
        let x: Vec<f64> = conjugate_gradients(product, b, 2)
            .unwrap()
            .into_data()
            .iter()
            .collect();
        for (x, expected) in x.iter().zip([1.0 / 11.0, 7.0 / 11.0]) {
            assert!((x - expected).abs() < 1e-6, "{x} {expected}");
        }
    }
}
