//! Gradients through the whole evaluation, against a plain f64 program of the same loss.

use crate::common::{config, configs, drawn, gradients, sample};
use burn::tensor::{Device, Tensor};
use gfn_env::{BitSequence, BuildOrder, Environment, Features, Hypergrid, Streams, Trajectories};
use gfn_loss::{
    Regression, SubTrajectoryNormalisation, TransitionNormalisation, detailed_balance,
    sub_trajectory_balance, trajectory_balance,
};
use gfn_policy::{
    BackwardPolicy, FlowPolicy, MlpConfig, MlpFlowPolicy, MlpPolicy, Policy, TransitionBatch,
    Trunk, named_parameters, with_parameters,
};
use std::collections::BTreeMap;

fn tb_loss<P: Policy>(policy: &P, batch: &TransitionBatch) -> Tensor<1> {
    trajectory_balance(&batch.log_probs(policy), policy.log_z()).loss(&Regression::Squared {})
}

fn db_loss<P: FlowPolicy>(policy: &P, batch: &TransitionBatch) -> Tensor<1> {
    let (x, log_flow) = batch.log_probs_and_log_flow(policy);
    detailed_balance(&x, log_flow, TransitionNormalisation::Batch {}).loss(&Regression::Squared {})
}

fn sub_tb_loss<P: FlowPolicy>(policy: &P, batch: &TransitionBatch) -> Tensor<1> {
    let (x, log_flow) = batch.log_probs_and_log_flow(policy);
    sub_trajectory_balance(&x, log_flow, 0.9, SubTrajectoryNormalisation::Batch {})
        .loss(&Regression::Squared {})
}

fn assert_every_parameter<P: Policy>(what: &str, policy: &P, loss: Tensor<1>) {
    let gradients = gradients(policy, loss);
    for name in named_parameters(policy).keys() {
        let gradient = gradients.get(name);
        assert!(
            gradient.is_some_and(|g| g.iter().any(|v| *v != 0.0)),
            "{what}: no gradient reaches {name}"
        );
    }
}

#[test]
fn every_parameter_gets_a_gradient() {
    let device = Device::flex().autodiff();
    let grid = Hypergrid::new(2, 5).unwrap();
    for config in configs() {
        let what = format!("{config:?}");
        let policy = MlpPolicy::new(&config, &grid, Streams::new(2), &device);
        let batch = sample(&grid, &policy, 16);
        let batch = TransitionBatch::new(&grid, &batch, config.backward);
        assert_every_parameter(&what, &policy, tb_loss(&policy, &batch));
        // Loading parameters must not switch gradients off.
        let loaded = drawn(policy, 3, 0.4);
        assert_every_parameter(&what, &loaded, tb_loss(&loaded, &batch));

        let policy = MlpFlowPolicy::new(&config, &grid, Streams::new(2), &device);
        assert_every_parameter(&what, &policy, sub_tb_loss(&policy, &batch));
        let loaded = drawn(policy, 3, 0.4);
        assert_every_parameter(&what, &loaded, sub_tb_loss(&loaded, &batch));
        assert_every_parameter(&what, &loaded, db_loss(&loaded, &batch));
    }
}

#[test]
fn a_sampler_is_a_copy() {
    // A sampler holds the parameters of the moment: training afterwards does not reach it.
    let device = Device::flex().autodiff();
    let grid = Hypergrid::new(2, 5).unwrap();
    let policy = MlpPolicy::new(&configs()[1], &grid, Streams::new(2), &device);
    let mut features = Features::new(grid.n_features());
    grid.encode(&grid.source(), &mut features.push_row());
    let logits = |sampler: &dyn gfn_policy::HostPolicy| {
        let mut out = Vec::new();
        sampler.forward_logits(&features, &mut gfn_policy::Workspace::default(), &mut out);
        out
    };
    let sampler = policy.sampler();
    let before = logits(sampler.as_ref());
    let changed = drawn(policy, 8, 1.0);
    assert_eq!(logits(sampler.as_ref()), before);
    assert_ne!(logits(changed.sampler().as_ref()), before);
}

/// The parameters in f64, and the losses as plain loops over them.
#[derive(Clone)]
struct Reference<'a, E: Environment> {
    env: &'a E,
    batch: &'a Trajectories<E::State>,
    config: &'a MlpConfig,
    /// `policy.` where the network has flows.
    prefix: &'static str,
    parameters: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

/// What the networks say of one state.
struct Heads {
    forward: Vec<f64>,
    backward: Vec<f64>,
    log_flow: f64,
}

impl<E: Environment> Reference<'_, E> {
    fn get(&self, name: &str) -> Option<&(Vec<usize>, Vec<f64>)> {
        self.parameters.get(&format!("{}{name}", self.prefix))
    }

    fn mlp(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let mut h = x.to_vec();
        for layer in 0.. {
            let Some((shape, w)) = self.get(&format!("{name}.layers.{layer}.weight")) else {
                break;
            };
            let (_, bias) = self.get(&format!("{name}.layers.{layer}.bias")).unwrap();
            if layer > 0 {
                h.iter_mut().for_each(|v| *v = v.max(0.0));
            }
            let output = |o: usize| {
                let terms = h.iter().enumerate().map(|(i, v)| v * w[i * shape[1] + o]);
                bias[o] + terms.sum::<f64>()
            };
            h = (0..shape[1]).map(output).collect();
        }
        h
    }

    fn heads(&self, state: &E::State) -> Heads {
        let mut features = Features::new(self.env.n_features());
        self.env.encode(state, &mut features.push_row());
        let x: Vec<f64> = features.to_dense().iter().map(|v| f64::from(*v)).collect();
        let learned = self.config.backward == BackwardPolicy::Learned;
        let (a, ab) = (self.env.n_actions(), self.env.n_backward_actions());
        match self.config.trunk {
            Trunk::Shared => {
                let mut y = self.mlp("forward", &x);
                let mut rest = y.split_off(a);
                Heads {
                    forward: y,
                    log_flow: rest
                        .get(if learned { ab } else { 0 })
                        .copied()
                        .unwrap_or(f64::NAN),
                    backward: if learned {
                        rest.truncate(ab);
                        rest
                    } else {
                        vec![0.0; ab]
                    },
                }
            }
            _ => Heads {
                forward: self.mlp("forward", &x),
                backward: if learned {
                    self.mlp("backward", &x)
                } else {
                    vec![0.0; ab]
                },
                log_flow: self.mlp("flow", &x)[0],
            },
        }
    }

    /// `log P_F` and `log P_B` of each transition of trajectory `b`, and `log F` of each of its states.
    fn trajectory(&self, b: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let path = self.batch.trajectory(b);
        let n = path.actions.len();
        let (mut log_pf, mut log_pb) = (Vec::new(), Vec::new());
        let mut log_flow = vec![self.get("log_z").unwrap().1[0]];
        for t in 0..n {
            let heads = self.heads(&path.states[t]);
            let mut allowed = vec![false; self.env.n_actions()];
            self.env.forward_mask(&path.states[t], &mut allowed);
            log_pf.push(log_softmax(
                &heads.forward,
                &allowed,
                path.actions[t].index(),
            ));
            if t > 0 {
                log_flow.push(heads.log_flow);
            }
            let heads = self.heads(&path.states[t + 1]);
            let mut allowed = vec![false; self.env.n_backward_actions()];
            self.env.backward_mask(&path.states[t + 1], &mut allowed);
            let action = path.backward_actions[t].index();
            log_pb.push(log_softmax(&heads.backward, &allowed, action));
        }
        log_flow.push(path.log_reward);
        (log_pf, log_pb, log_flow)
    }

    /// Mean over trajectories of `(log Z + Σ log P_F − log R − Σ log P_B)²`.
    fn tb(&self) -> f64 {
        let n = self.batch.len();
        let square = |b: usize| {
            let (log_pf, log_pb, log_flow) = self.trajectory(b);
            let model = log_flow[0] + log_pf.iter().sum::<f64>();
            let target = log_flow[log_pf.len()] + log_pb.iter().sum::<f64>();
            (model - target).powi(2)
        };
        (0..n).map(square).sum::<f64>() / n as f64
    }

    /// Mean over transitions of `(log F(s) + log P_F − log F(s') − log P_B)²`.
    fn db(&self) -> f64 {
        let mut total = 0.0;
        for b in 0..self.batch.len() {
            let (log_pf, log_pb, log_flow) = self.trajectory(b);
            for t in 0..log_pf.len() {
                total += (log_flow[t] + log_pf[t] - log_flow[t + 1] - log_pb[t]).powi(2);
            }
        }
        total / self.batch.n_transitions() as f64
    }

    /// `Σ λ^{j−i} (A_j − A_i)² / Σ λ^{j−i}` over all pairs of states of all trajectories.
    fn sub_tb(&self, lambda: f64) -> f64 {
        let (mut total, mut weights) = (0.0, 0.0);
        for b in 0..self.batch.len() {
            let (log_pf, log_pb, log_flow) = self.trajectory(b);
            for i in 0..log_pf.len() {
                for j in i + 1..=log_pf.len() {
                    let model = log_flow[i] + log_pf[i..j].iter().sum::<f64>();
                    let target = log_flow[j] + log_pb[i..j].iter().sum::<f64>();
                    let weight = lambda.powi((j - i) as i32);
                    total += weight * (model - target).powi(2);
                    weights += weight;
                }
            }
        }
        total / weights
    }

    /// Compares value and gradients of `loss` with those of `reference`, by central differences in f64.
    fn check(
        &self,
        what: &str,
        reference: impl Fn(&Self) -> f64,
        value: f64,
        gradients: &BTreeMap<String, Vec<f64>>,
    ) where
        Self: Clone,
    {
        let expected = reference(self);
        assert!(
            (value - expected).abs() < 1e-4 * expected,
            "{what}: the loss is {value}, not {expected}"
        );
        const H: f64 = 1e-6;
        for (name, (_, values)) in &self.parameters {
            for i in 0..values.len() {
                let at = |h: f64| {
                    let mut moved = self.clone();
                    moved.parameters.get_mut(name).unwrap().1[i] += h;
                    reference(&moved)
                };
                let expected = (at(H) - at(-H)) / (2.0 * H);
                // A parameter that the loss does not touch may have no gradient at all.
                let found = gradients.get(name).map_or(0.0, |g| g[i]);
                assert!(
                    (found - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                    "{what}: gradient of {name}[{i}] is {found}, not {expected}"
                );
            }
        }
    }
}

fn log_softmax(logits: &[f64], allowed: &[bool], action: usize) -> f64 {
    let terms = logits.iter().zip(allowed).filter(|(_, ok)| **ok);
    logits[action] - terms.map(|(l, _)| l.exp()).sum::<f64>().ln()
}

fn compare<E: Environment + Clone>(env: &E, trunk: Trunk, backward: BackwardPolicy) {
    let device = Device::flex().autodiff();
    let config = config(&[5, 4], trunk, backward);
    let policy = MlpFlowPolicy::new(&config, env, Streams::new(2), &device);
    let policy = drawn(policy, 21, 0.8);
    let batch = sample(env, &policy, 6);
    let laid_out = TransitionBatch::new(env, &batch, backward);
    let parameters = named_parameters(&policy)
        .into_iter()
        .map(|(name, t)| {
            let values = t.values.iter().map(|v| f64::from(*v)).collect();
            (name, (t.shape, values))
        })
        .collect();
    let reference = Reference {
        env,
        batch: &batch,
        config: &config,
        prefix: "policy.",
        parameters,
    };
    let what = format!("{trunk:?} {backward:?}");
    let evaluate = |loss: Tensor<1>| {
        let value = f64::from(loss.clone().into_scalar::<f32>());
        (value, gradients(&policy, loss))
    };
    let (value, found) = evaluate(tb_loss(&policy, &laid_out));
    reference.check(&format!("{what} TB"), |r| r.tb(), value, &found);
    let (value, found) = evaluate(db_loss(&policy, &laid_out));
    reference.check(&format!("{what} DB"), |r| r.db(), value, &found);
    let (value, found) = evaluate(sub_tb_loss(&policy, &laid_out));
    reference.check(&format!("{what} SubTB"), |r| r.sub_tb(0.9), value, &found);
}

#[test]
fn gradients_equal_central_differences_of_a_plain_program() {
    let grid = Hypergrid::new(2, 3).unwrap();
    let strings = BitSequence::new(3, 1, BuildOrder::AnyPosition).unwrap();
    for trunk in [Trunk::Shared, Trunk::Separate] {
        for backward in [BackwardPolicy::Uniform, BackwardPolicy::Learned] {
            compare(&grid, trunk, backward);
            compare(&strings, trunk, backward);
        }
    }
}

#[test]
fn loading_its_own_parameters_changes_no_gradient() {
    let grid = Hypergrid::new(2, 3).unwrap();
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&configs()[0], &grid, Streams::new(2), &device);
    let tensors = named_parameters(&policy);
    let loaded = with_parameters(policy.clone(), &tensors).unwrap();
    let batch = sample(&grid, &policy, 6);
    let batch = TransitionBatch::new(&grid, &batch, policy.backward_policy());
    assert_eq!(
        gradients(&policy, tb_loss(&policy, &batch)),
        gradients(&loaded, tb_loss(&loaded, &batch))
    );
}
