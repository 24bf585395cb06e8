//! Fused operations against plain tensor operations, in values and gradients, at odd sizes.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use gfn_env::{
    BitSequence, BitSequenceReward, BuildOrder, Features, HammingReward, Hypergrid,
    HypergridReward, Purpose, Streams,
};
use gfn_loss::trajectory_balance;
use gfn_policy::{
    BackwardPolicy, FeatureBatch, FlowPolicy as _, Kernels, MlpConfig, MlpFlowPolicy, OnPolicy,
    Policy as _, RolloutKey, TransitionBatch, Trunk, record_rollout,
};

/// Largest difference over the largest value. Single precision in sums of up to 515 terms.
const TOLERANCE: f32 = 1e-5;

fn gradients<M: Module>(module: &M, loss: Tensor<1>) -> Vec<f32> {
    struct Collect {
        gradients: GradientsParams,
        values: Vec<f32>,
    }
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                self.values.extend(gradient.into_data().iter::<f32>());
            }
        }
    }
    let mut collect = Collect {
        gradients: GradientsParams::from_grads(loss.backward(), module),
        values: Vec::new(),
    };
    module.visit(&mut collect);
    collect.values
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[track_caller]
fn assert_close(actual: &[f32], expected: &[f32], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3f32, |s, v| s.max(v.abs()));
    for (i, (a, b)) in actual.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= TOLERANCE * scale,
            "{what}: entry {i}: {a} is not {b}"
        );
    }
}

fn grid() -> Hypergrid {
    Hypergrid::new(3, 6).expect("a valid grid")
}

fn policy(hidden: &[usize], trunk: Trunk, kernels: Kernels) -> MlpFlowPolicy {
    let config = MlpConfig {
        hidden: hidden.to_vec(),
        trunk,
        kernels,
        ..MlpConfig::default()
    };
    MlpFlowPolicy::new(
        &config,
        &grid(),
        Streams::new(7),
        &Device::flex().autodiff(),
    )
}

/// Rows with no, one and several entries, not all of them ones.
fn rows(n: usize) -> Features {
    let mut features = Features::new(18);
    for i in 0..n {
        let mut row = features.push_row();
        for j in 0..i % 4 {
            row.set((i * 5 + j * 7) % 18, 1.0 - 0.25 * j as f32);
        }
    }
    features
}

#[test]
fn perceptrons_of_odd_sizes() {
    for hidden in [&[] as &[usize], &[1], &[31], &[256, 31], &[31, 1, 256]] {
        for trunk in [Trunk::Shared, Trunk::Separate] {
            for n in [0, 1, 3, 17, 515] {
                let [fused, composed] = [Kernels::Fused, Kernels::Composed].map(|kernels| {
                    let policy = policy(hidden, trunk, kernels);
                    let batch = FeatureBatch::new(rows(n), policy.device());
                    let (logits, flow) = policy.logits_and_log_flow(&batch);
                    let backward = logits.backward.expect("P_B is learned").tensor();
                    let outputs =
                        Tensor::cat(vec![logits.forward.tensor(), backward, flow.tensor()], 1);
                    let values = read(outputs.clone());
                    if n == 0 {
                        return (values, Vec::new());
                    }
                    let loss = outputs.clone().square().sum() + outputs.sum();
                    (values, gradients(&policy, loss))
                });
                let what = format!("{hidden:?}, {trunk:?}, {n} rows");
                assert_close(&fused.0, &composed.0, &what);
                assert_close(&fused.1, &composed.1, &format!("{what}, gradient"));
            }
        }
    }
}

fn key() -> RolloutKey {
    RolloutKey {
        streams: Streams::new(3),
        purpose: Purpose::Rollout,
        iteration: 5,
    }
}

#[test]
fn a_recorded_rollout_is_evaluated_to_the_same_bits() {
    let env = grid();
    let reward = HypergridReward::easy(&env).expect("a reward");
    for trunk in [Trunk::Shared, Trunk::Separate] {
        for n in [1, 7, 40] {
            let policy = policy(&[31, 64], trunk, Kernels::Fused);
            let (trajectories, recording) = record_rollout(
                &env,
                &reward,
                policy.sampler().as_ref(),
                &OnPolicy,
                key(),
                n,
            )
            .expect("a rollout");
            let learned = BackwardPolicy::Learned;
            let batches = [
                TransitionBatch::recorded(&env, &trajectories, learned, recording),
                TransitionBatch::new(&env, &trajectories, learned),
            ];
            let [recorded, anew] = batches.map(|batch| {
                let (x, flow) = batch.log_probs_and_log_flow(&policy);
                let loss =
                    trajectory_balance(&x, policy.log_z()).loss(&gfn_loss::Regression::Squared {});
                let values = [read(x.log_pf), read(x.log_pb), read(flow)].concat();
                (values, gradients(&policy, loss))
            });
            assert_eq!(recorded.0, anew.0, "{trunk:?}, {n} trajectories");
            // The rows come in another order, and so do the sums over them.
            assert_close(&recorded.1, &anew.1, "gradient");
        }
    }
}

#[test]
fn the_mixture_with_the_uniform_policy() {
    let env = grid();
    let reward = HypergridReward::easy(&env).expect("a reward");
    let sampler = policy(&[31], Trunk::Shared, Kernels::Fused).sampler();
    let (trajectories, _) =
        record_rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key(), 9).expect("a rollout");
    for epsilon in [0.0, 0.3, 1.0] {
        let [fused, composed] = [Kernels::Fused, Kernels::Composed].map(|kernels| {
            let policy = policy(&[31], Trunk::Shared, kernels);
            let batch = TransitionBatch::new(&env, &trajectories, BackwardPolicy::Learned);
            let mixture = batch.log_mixture(&policy, epsilon);
            let gradient = gradients(&policy, mixture.clone().sum());
            (read(mixture), gradient)
        });
        assert_close(&fused.0, &composed.0, "mixture");
        assert_close(&fused.1, &composed.1, "gradient of the mixture");
        if epsilon == 1.0 {
            // log 1/k of k allowed actions: between 1 and 4 on a grid of 3 dimensions.
            let uniform = [1.0f32, 2.0, 3.0, 4.0].map(|k| (1.0 / k).ln());
            assert!(
                fused
                    .0
                    .iter()
                    .all(|v| uniform.iter().any(|u| (u - v).abs() < 1e-6))
            );
            assert!(fused.1.iter().all(|g| *g == 0.0));
        }
    }
}

#[test]
fn a_recording_of_other_parameters_is_not_believed() {
    let env = grid();
    let reward = HypergridReward::easy(&env).expect("a reward");
    let recorded = policy(&[31], Trunk::Shared, Kernels::Fused);
    let config = MlpConfig {
        hidden: vec![31],
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let other = MlpFlowPolicy::new(&config, &env, Streams::new(8), &device);
    let sampler = recorded.sampler();
    let (trajectories, recording) =
        record_rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key(), 6).expect("a rollout");
    let learned = BackwardPolicy::Learned;
    let batch = TransitionBatch::recorded(&env, &trajectories, learned, recording);
    let anew = TransitionBatch::new(&env, &trajectories, learned);
    let of = |batch: &TransitionBatch| read(batch.log_probs(&other).log_pf);
    assert_eq!(of(&batch), of(&anew));
}

/// 768 forward actions, of which a third is forbidden from each step to the next.
#[test]
fn a_wide_head_without_its_forbidden_actions() {
    let env = BitSequence::new(24, 8, BuildOrder::AnyPosition).expect("an environment");
    let rule = HammingReward::NormalisedHamming { beta: 3.0 };
    let reward = BitSequenceReward::with_drawn_modes(&env, rule, 4, 0).expect("a reward");
    let device = Device::flex().autodiff();
    for learned in [BackwardPolicy::Learned, BackwardPolicy::Uniform] {
        let [fused, composed] = [Kernels::Fused, Kernels::Composed].map(|kernels| {
            let config = MlpConfig {
                hidden: vec![31, 64],
                backward: learned,
                kernels,
                ..MlpConfig::default()
            };
            MlpFlowPolicy::new(&config, &env, Streams::new(5), &device)
        });
        for n in [1, 7, 40] {
            let sampler = fused.sampler();
            let (trajectories, recording) =
                record_rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key(), n)
                    .expect("a rollout");
            let anew = || TransitionBatch::new(&env, &trajectories, learned);
            let recorded = TransitionBatch::recorded(&env, &trajectories, learned, recording);
            let [recorded, anew, composed] =
                [(&fused, recorded), (&fused, anew()), (&composed, anew())].map(
                    |(policy, batch)| {
                        let (x, flow) = batch.log_probs_and_log_flow(policy);
                        let loss = trajectory_balance(&x, policy.log_z())
                            .loss(&gfn_loss::Regression::Squared {})
                            + flow.clone().square().sum();
                        let values = [read(x.log_pf), read(x.log_pb), read(flow)].concat();
                        (values, gradients(policy, loss))
                    },
                );
            let what = format!("{learned:?}, {n} trajectories");
            assert_eq!(recorded.0, anew.0, "{what}");
            assert_close(&recorded.0, &composed.0, &what);
            assert_close(&recorded.1, &composed.1, &format!("{what}, gradient"));
            assert_close(&anew.1, &composed.1, &format!("{what}, gradient anew"));
        }
    }
}
