//! Rollouts from a copy of the weights on the host, and sampled in tensor operations as on an accelerator.
//!
//! On flex both run on the same cores, so this shows what the operations of the device path cost, not what a GPU gains:
//! `cargo xtask bench --suite speed --devices wgpu,cuda` measures that.

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gfn_env::{Hypergrid, HypergridReward, Purpose, Streams};
use gfn_policy::{MlpConfig, MlpPolicy, OnPolicy, Policy as _, RolloutKey, Sampling, rollout};

fn rollouts(c: &mut Criterion) {
    let env = Hypergrid::new(4, 20).expect("a grid");
    let reward = HypergridReward::easy(&env).expect("a reward");
    let policy = MlpPolicy::new(
        &MlpConfig::default(),
        &env,
        Streams::new(0),
        &Device::flex(),
    );
    let key = RolloutKey {
        streams: Streams::new(0),
        purpose: Purpose::Rollout,
        iteration: 0,
    };
    let mut group = c.benchmark_group("rollout");
    group.sample_size(10);
    for (name, sampling) in [("host", Sampling::Host), ("device", Sampling::Device)] {
        let policy = policy.clone().with_sampling(sampling);
        for n in [16, 256, 4096] {
            group.bench_function(BenchmarkId::new(name, n), |b| {
                b.iter(|| {
                    // With the copy of the weights that an iteration makes.
                    let sampler = policy.sampler();
                    rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key, n).expect("a rollout")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, rollouts);
criterion_main!(benches);
