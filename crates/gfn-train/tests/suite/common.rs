//! A small trainer that several modules use.

use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, Streams};
use gfn_explore::{EpsilonUniform, OnPolicy, Schedule};
use gfn_loss::SubTrajectoryNormalisation;
use gfn_policy::{MlpConfig, MlpFlowPolicy, NamedTensor, Trunk};
use gfn_train::{
    AdamConfig, AdamState, BackwardTraining, CriticState, SubTrajectoryBalance, Trainer,
    TrainerConfig, TrainerState, WeightDecay,
};
use std::collections::BTreeMap;

pub(crate) type SmallTrainer =
    Trainer<Hypergrid, HypergridReward, MlpFlowPolicy, SubTrajectoryBalance>;

/// Exceeded by some steps and not by others.
pub(crate) const CLIP_NORM: f64 = 0.3;

/// Everything on: flows, learned P_B, schedules, clipping, weight decay.
///
/// `init` seeds the initial weights alone: a trainer that is restored must not depend on it.
pub(crate) fn small_trainer(init: u64) -> SmallTrainer {
    small_trainer_with(init, BackwardTraining::WithObjective)
}

pub(crate) fn small_trainer_with(init: u64, backward: BackwardTraining) -> SmallTrainer {
    let env = Hypergrid::new(2, 6).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let network = MlpConfig {
        hidden: vec![16, 12],
        trunk: Trunk::Separate,
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpFlowPolicy::new(&network, &env, Streams::new(init), &device);
    let down = |from: f64| Schedule::Cosine {
        from,
        to: 0.0,
        iterations: 40,
    };
    let objective = SubTrajectoryBalance {
        lambda: 0.9,
        normalisation: SubTrajectoryNormalisation::Trajectory {},
    };
    let config = TrainerConfig {
        batch_size: 20,
        seed: 3,
        loss_scale: 0.5,
        optimiser: AdamConfig {
            learning_rate: down(1e-2),
            log_z_learning_rate: down(1e-1),
            weight_decay: Some(WeightDecay::Decoupled { rate: 0.01 }),
            clip_norm: Some(CLIP_NORM),
            ..AdamConfig::default()
        },
        backward,
        ..TrainerConfig::default()
    };
    Trainer::new(env, reward, policy, objective, config)
        .unwrap()
        .with_behaviour(EpsilonUniform::new(OnPolicy, down(0.5)).unwrap())
}

fn bits(tensors: &BTreeMap<String, NamedTensor>) -> Vec<(String, Vec<usize>, Vec<u32>)> {
    tensors
        .iter()
        .map(|(name, t)| {
            let bits = t.values.iter().map(|v| v.to_bits()).collect();
            (name.clone(), t.shape.clone(), bits)
        })
        .collect()
}

/// Fails unless both states are equal to the last bit.
pub(crate) fn assert_same(a: &TrainerState, b: &TrainerState) {
    assert_eq!(a.iteration, b.iteration);
    assert_eq!(bits(&a.parameters), bits(&b.parameters));
    assert_eq!(a.optimiser.step, b.optimiser.step);
    assert_eq!(bits(&a.optimiser.first), bits(&b.optimiser.first));
    assert_eq!(bits(&a.optimiser.second), bits(&b.optimiser.second));
    assert_eq!(bits(&a.backward.target), bits(&b.backward.target));
    assert_eq!(a.backward.buffer, b.backward.buffer);
    assert_eq!(a.seen, b.seen);
    assert_eq!(a.intrinsic, b.intrinsic);
    assert_eq!(a.sources.len(), b.sources.len());
    for (a, b) in a.sources.iter().zip(&b.sources) {
        assert_eq!(bits(&a.tensors), bits(&b.tensors));
        assert_eq!(a.bytes, b.bytes);
    }
    let moments = |state: &TrainerState| {
        let optimiser = state.backward.optimiser.as_ref();
        optimiser.map(|o| (o.step, bits(&o.first), bits(&o.second)))
    };
    assert_eq!(moments(a), moments(b));
    assert_eq!(bits(&a.target), bits(&b.target));
    let critic = |state: Option<&CriticState>| {
        state.map(|critic| {
            let AdamState {
                step,
                first,
                second,
            } = &critic.optimiser;
            let tensors = [&critic.parameters, first, second].map(bits);
            (*step, tensors)
        })
    };
    assert_eq!(critic(a.critic.as_ref()), critic(b.critic.as_ref()));
    let (a, b) = (a.backward.critic.as_ref(), b.backward.critic.as_ref());
    assert_eq!(critic(a), critic(b));
}
