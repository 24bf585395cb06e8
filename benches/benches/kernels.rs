//! Each kernel beside its composed reference, on the same trajectories of the 20^4 hypergrid.

use burn::tensor::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gfn_env::{Hypergrid, HypergridReward, Purpose, Streams};
use gfn_loss::{
    LogProbs, SubTrajectoryNormalisation, TransitionNormalisation, detailed_balance,
    sub_trajectory_balance, trajectory_balance,
};
use gfn_policy::{
    BackwardPolicy, Kernels, MlpConfig, MlpFlowPolicy, OnPolicy, Policy as _, RolloutKey,
    TransitionBatch, rollout,
};

fn kernels(c: &mut Criterion) {
    let env = Hypergrid::new(4, 20).expect("a grid");
    let reward = HypergridReward::easy(&env).expect("a reward");
    let device = Device::flex().autodiff();
    let mut group = c.benchmark_group("kernels");
    group.sample_size(20);
    for kernels in [Kernels::Fused, Kernels::Composed] {
        let config = MlpConfig {
            kernels,
            ..MlpConfig::default()
        };
        let policy = MlpFlowPolicy::new(&config, &env, Streams::new(0), &device);
        let key = RolloutKey {
            streams: Streams::new(0),
            purpose: Purpose::Rollout,
            iteration: 0,
        };
        let sampler = policy.sampler();
        let trajectories =
            rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key, 64).expect("a rollout");
        let batch = TransitionBatch::new(&env, &trajectories, BackwardPolicy::Learned);
        let name = format!("{kernels:?}").to_lowercase();
        group.bench_function(
            BenchmarkId::new("perceptron-and-log-probabilities", &name),
            |b| {
                b.iter(|| {
                    let x = batch.log_probs(&policy);
                    (x.log_pf.sum() + x.log_pb.sum()).backward()
                });
            },
        );
        // Residuals alone: leaves in place of the network.
        let (x, flow) = batch.log_probs_and_log_flow(&policy);
        let leaf = |t: Tensor<1>| t.inner().autodiff().require_grad();
        let (pf, pb, flow) = (leaf(x.log_pf), leaf(x.log_pb), leaf(flow));
        let probs = || {
            LogProbs::new(
                pf.clone(),
                pb.clone(),
                x.log_reward.clone(),
                x.segments.clone(),
            )
            .with_kernels(kernels)
        };
        group.bench_function(BenchmarkId::new("trajectory-residual", &name), |b| {
            b.iter(|| {
                let t = trajectory_balance(&probs(), policy.log_z());
                t.target_over_model().sum().backward()
            });
        });
        group.bench_function(BenchmarkId::new("transition-residual", &name), |b| {
            b.iter(|| {
                let t = detailed_balance(&probs(), flow.clone(), TransitionNormalisation::Batch {});
                t.target_over_model().sum().backward()
            });
        });
        group.bench_function(BenchmarkId::new("sub-trajectory-residual", &name), |b| {
            b.iter(|| {
                let all = SubTrajectoryNormalisation::Batch {};
                let t = sub_trajectory_balance(&probs(), flow.clone(), 0.9, all);
                t.target_over_model().sum().backward()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
