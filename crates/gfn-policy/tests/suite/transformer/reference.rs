//! A Transformer as a plain program in f64, and the policies against it.

use super::{
    assert_close, by_host, by_module, config, encoded, peptides, policy, sets, states_of, tb_loss,
};
use crate::common::{gradients, sample};
use burn::module::Module;
use gfn_env::{Environment, Trajectories};
use gfn_policy::{
    Attention, BackwardPolicy, Policy as _, TransformerConfig, TransitionBatch, Trunk, Workspace,
    named_parameters,
};
use std::collections::BTreeMap;

/// The parameters in f64, and the network and the loss as plain loops over them.
struct Reference<'a, E: Environment> {
    env: &'a E,
    batch: &'a Trajectories<E::State>,
    config: &'a TransformerConfig,
    parameters: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

impl<'a, E: Environment> Reference<'a, E> {
    fn new<M: Module>(
        policy: &M,
        config: &'a TransformerConfig,
        env: &'a E,
        batch: &'a Trajectories<E::State>,
    ) -> Self {
        let parameters = named_parameters(policy).into_iter().map(|(name, tensor)| {
            let values = tensor.values.iter().map(|v| f64::from(*v)).collect();
            (name, (tensor.shape, values))
        });
        Self {
            env,
            batch,
            config,
            parameters: parameters.collect(),
        }
    }

    /// A copy whose parameters can be moved.
    fn moved(&self) -> Self {
        Self {
            parameters: self.parameters.clone(),
            ..*self
        }
    }

    fn get(&self, name: &str) -> &[f64] {
        &self.parameters[name].1
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = self.get(&format!("{name}.weight"));
        let bias = self.get(&format!("{name}.bias"));
        let output = |o: usize| {
            let terms = x
                .iter()
                .enumerate()
                .map(|(i, v)| v * weight[i * bias.len() + o]);
            bias[o] + terms.sum::<f64>()
        };
        (0..bias.len()).map(output).collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let (gamma, beta) = (
            self.get(&format!("{name}.gamma")),
            self.get(&format!("{name}.beta")),
        );
        let normed = x.iter().map(|v| (v - mean) / (variance + 1e-5).sqrt());
        normed
            .zip(gamma)
            .zip(beta)
            .map(|((v, g), b)| v * g + b)
            .collect()
    }

    /// The outputs of network `network` for one state.
    fn outputs(&self, network: &str, state: &E::State) -> Vec<f64> {
        let features = encoded(self.env, std::slice::from_ref(state));
        let class = self.env.n_features() as u32;
        let tokens: Vec<u32> = [&[class], features.row(0).0].concat();
        let (d, n) = (self.config.width, tokens.len());
        let embedding = self.get(&format!("{network}.embedding.weight"));
        let vector = |token: &u32| embedding[*token as usize * d..][..d].to_vec();
        let mut x: Vec<Vec<f64>> = tokens.iter().map(vector).collect();
        for layer in 0..self.config.layers {
            let layer = format!("{network}.encoder.layers.{layer}");
            let normed: Vec<_> = x
                .iter()
                .map(|x| self.norm(&format!("{layer}.norm_2"), x))
                .collect();
            let project = |what: &str| -> Vec<Vec<f64>> {
                let name = format!("{layer}.mha.{what}");
                normed.iter().map(|x| self.linear(&name, x)).collect()
            };
            let (q, k, v) = (project("query"), project("key"), project("value"));
            let share = d / self.config.heads;
            for i in 0..n {
                let seen = match self.config.attention {
                    Attention::Causal => 0..i + 1,
                    _ => 0..n,
                };
                let mut context = vec![0.0; d];
                for head in (0..d).step_by(share) {
                    let score = |j: usize| {
                        let terms = (head..head + share).map(|c| q[i][c] * k[j][c]);
                        (terms.sum::<f64>() / (share as f64).sqrt()).exp()
                    };
                    let total: f64 = seen.clone().map(score).sum();
                    for j in seen.clone() {
                        for c in head..head + share {
                            context[c] += score(j) / total * v[j][c];
                        }
                    }
                }
                let output = self.linear(&format!("{layer}.mha.output"), &context);
                x[i].iter_mut().zip(output).for_each(|(x, o)| *x += o);
                let normed = self.norm(&format!("{layer}.norm_1"), &x[i]);
                let mut hidden = self.linear(&format!("{layer}.pwff.linear_inner"), &normed);
                hidden.iter_mut().for_each(|h| *h = h.max(0.0));
                let output = self.linear(&format!("{layer}.pwff.linear_outer"), &hidden);
                x[i].iter_mut().zip(output).for_each(|(x, o)| *x += o);
            }
        }
        let read = match self.config.attention {
            Attention::Causal => &x[n - 1],
            _ => &x[0],
        };
        self.linear(
            &format!("{network}.outputs"),
            &self.norm(&format!("{network}.norm"), read),
        )
    }

    /// Forward logits, then backward logits.
    fn logits(&self, state: &E::State) -> Vec<f64> {
        let mut logits = self.outputs("networks.forward", state);
        if self.config.trunk == Trunk::Separate {
            logits.extend(self.outputs("networks.backward", state));
        }
        logits
    }

    /// Mean over trajectories of `(log Z + Σ log P_F − log R − Σ log P_B)²`.
    fn trajectory_balance(&self) -> f64 {
        let (a, ab) = (self.env.n_actions(), self.env.n_backward_actions());
        let square = |b: usize| {
            let path = self.batch.trajectory(b);
            let mut difference = self.get("networks.log_z")[0] - path.log_reward;
            for t in 0..path.actions.len() {
                let mut allowed = vec![false; a];
                self.env.forward_mask(&path.states[t], &mut allowed);
                let logits = self.logits(&path.states[t]);
                difference += log_softmax(&logits[..a], &allowed, path.actions[t].index());
                let mut allowed = vec![false; ab];
                self.env.backward_mask(&path.states[t + 1], &mut allowed);
                if allowed.iter().filter(|ok| **ok).count() > 1 {
                    let logits = self.logits(&path.states[t + 1]);
                    let action = path.backward_actions[t].index();
                    difference -= log_softmax(&logits[a..], &allowed, action);
                }
            }
            difference.powi(2)
        };
        let n = self.batch.len();
        (0..n).map(square).sum::<f64>() / n as f64
    }
}

fn log_softmax(logits: &[f64], allowed: &[bool], action: usize) -> f64 {
    let terms = logits.iter().zip(allowed).filter(|(_, ok)| **ok);
    logits[action] - terms.map(|(l, _)| l.exp()).sum::<f64>().ln()
}

/// Logits of the module and of its host copy, the loss and its gradients, against the plain program.
fn compare<E: Environment>(env: &E, config: &TransformerConfig) {
    let what = format!("{:?} {:?}", config.attention, config.trunk);
    let policy = policy(config, env);
    let batch = sample(env, &policy, 4);
    let reference = Reference::new(&policy, config, env, &batch);

    let states = states_of(env, 8);
    let features = encoded(env, &states);
    let plain = |state| reference.logits(state).iter().map(|v| *v as f32).collect();
    let expected: Vec<Vec<f32>> = states.iter().map(plain).collect();
    assert_close(&what, &by_module(&policy, &features), &expected);
    let host = by_host(
        policy.sampler().as_ref(),
        &features,
        &mut Workspace::default(),
    );
    assert_close(&what, &host, &expected);

    let laid_out = TransitionBatch::new(env, &batch, config.backward);
    let loss = tb_loss(&policy, &laid_out);
    let value = f64::from(loss.clone().into_scalar::<f32>());
    let expected = reference.trajectory_balance();
    assert!(
        (value - expected).abs() < 1e-4 * expected,
        "{what}: the loss is {value}, not {expected}"
    );
    let gradients = gradients(&policy, loss);
    const H: f64 = 1e-6;
    for (name, (_, values)) in &reference.parameters {
        // Some entries of each parameter.
        for i in (0..values.len()).step_by(values.len().div_ceil(7)) {
            let at = |h: f64| {
                let mut moved = reference.moved();
                moved.parameters.get_mut(name).unwrap().1[i] += h;
                moved.trajectory_balance()
            };
            let expected = (at(H) - at(-H)) / (2.0 * H);
            let found = gradients.get(name).map_or(0.0, |g| g[i]);
            assert!(
                (found - expected).abs() < 1e-4 * (1.0 + expected.abs() + value),
                "{what}: gradient of {name}[{i}] is {found}, not {expected}"
            );
        }
    }
}

#[test]
fn logits_and_gradients_are_those_of_a_plain_program() {
    for trunk in [Trunk::Shared, Trunk::Separate] {
        let learned = BackwardPolicy::Learned;
        compare(&sets(), &config(Attention::Bidirectional, trunk, learned));
        compare(&peptides(), &config(Attention::Causal, trunk, learned));
    }
}
