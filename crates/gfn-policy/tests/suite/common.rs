//! Policies, keys and batches that several modules use.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use gfn_env::rand::RngExt as _;
use gfn_env::{Environment, LogRewardFn, Purpose, Streams, Trajectories};
use gfn_policy::{
    BackwardPolicy, MlpConfig, OnPolicy, ParameterPath, Policy, RolloutKey, Trunk,
    named_parameters, rollout, with_parameters,
};
use std::collections::BTreeMap;

/// Both trunks with both backward policies, on small networks.
pub(crate) fn configs() -> [MlpConfig; 4] {
    [
        (Trunk::Shared, BackwardPolicy::Uniform),
        (Trunk::Shared, BackwardPolicy::Learned),
        (Trunk::Separate, BackwardPolicy::Uniform),
        (Trunk::Separate, BackwardPolicy::Learned),
    ]
    .map(|(trunk, backward)| config(&[24, 16], trunk, backward))
}

pub(crate) fn config(hidden: &[usize], trunk: Trunk, backward: BackwardPolicy) -> MlpConfig {
    MlpConfig {
        hidden: hidden.to_vec(),
        trunk,
        backward,
        log_z_init: 0.75,
        ..MlpConfig::default()
    }
}

/// `module` with every parameter drawn uniformly in `±scale`: probabilities far from uniform, no zero biases.
pub(crate) fn drawn<M: Module>(module: M, seed: u64, scale: f32) -> M {
    let mut rng = Streams::new(seed).rng(Purpose::Init, 1_000, 0);
    let mut tensors = named_parameters(&module);
    for value in tensors.values_mut().flat_map(|t| &mut t.values) {
        *value = rng.random_range(-scale..scale);
    }
    with_parameters(module, &tensors).unwrap()
}

pub(crate) fn key(seed: u64) -> RolloutKey {
    RolloutKey {
        streams: Streams::new(seed),
        purpose: Purpose::Rollout,
        iteration: 0,
    }
}

/// `n` trajectories on-policy; the log-reward of each is a number of its own.
pub(crate) fn sample<E: Environment, P: Policy>(
    env: &E,
    policy: &P,
    n: usize,
) -> Trajectories<E::State> {
    let none = LogRewardFn(|_: &E::State| 0.0);
    let mut batch = rollout(env, &none, policy.sampler().as_ref(), &OnPolicy, key(1), n).unwrap();
    batch.set_log_reward((0..n).map(|b| 0.25 * b as f64 - 1.0).collect());
    batch
}

/// Whether a goodness-of-fit test refuses that `counts` were drawn with `probabilities`, at a level of 1e-4.
///
/// `G = 2 Σ n ln(n / E)` over cells of at least five expected draws (the others are merged), against the chi-square
/// distribution by the cube-root approximation of Wilson and Hilferty. A sampler that is right fails for one seed in
/// ten thousand; the seeds of the tests are fixed.
pub(crate) fn refused(counts: &[u64], probabilities: &[f64]) -> bool {
    assert_eq!(counts.len(), probabilities.len());
    let n = counts.iter().sum::<u64>() as f64;
    let mut cells = Vec::new();
    let mut rest = (0.0, 0.0);
    for (&count, p) in counts.iter().zip(probabilities) {
        if n * p < 5.0 {
            rest = (rest.0 + count as f64, rest.1 + n * p);
        } else {
            cells.push((count as f64, n * p));
        }
    }
    if rest.1 > 0.0 || rest.0 > 0.0 {
        cells.push(rest);
    }
    let g: f64 = cells
        .iter()
        .filter(|(observed, _)| *observed > 0.0)
        .map(|(observed, expected)| 2.0 * observed * (observed / expected).ln())
        .sum();
    let k = (cells.len() - 1) as f64;
    let z = ((g / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt();
    // Upper 1e-4 quantile of the normal distribution.
    z > 3.719
}

/// Gradient of every parameter by name; a parameter without gradient is left out.
pub(crate) fn gradients<M: Module>(module: &M, loss: Tensor<1>) -> BTreeMap<String, Vec<f64>> {
    struct Collect {
        path: ParameterPath,
        gradients: Gradients,
        found: BTreeMap<String, Vec<f64>>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.path.enter(name, container_type);
        }
        fn exit_module(&mut self, _name: &str, container_type: &str) {
            self.path.exit(container_type);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(&self.gradients) {
                let values = gradient.into_data().iter::<f64>().collect();
                self.found.insert(self.path.name(), values);
            }
        }
    }
    let mut collect = Collect {
        path: ParameterPath::default(),
        gradients: loss.backward(),
        found: BTreeMap::new(),
    };
    module.visit(&mut collect);
    collect.found
}
