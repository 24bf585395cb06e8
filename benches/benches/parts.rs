//! Parts of an iteration on the 20^4 hypergrid, and exact evaluation on 8^4.

use criterion::{Criterion, criterion_group, criterion_main};
use gfn_env::{Purpose, StateGraph, Streams};
use gfn_loss::{Regression, Segments, trajectory_balance};
use gfn_policy::{
    OnPolicy, Policy as _, RolloutKey, TransitionBatch, exact_terminal_distribution, rollout,
};

fn parts(c: &mut Criterion) {
    let trainer = gfn_benches::hypergrid(4, 20);
    let (env, reward, policy) = (trainer.environment(), trainer.reward(), trainer.policy());
    let key = RolloutKey {
        streams: Streams::new(0),
        purpose: Purpose::Rollout,
        iteration: 0,
    };
    let sampler = policy.sampler();
    let sample = || rollout(env, reward, sampler.as_ref(), &OnPolicy, key, 16).expect("a rollout");
    let trajectories = sample();
    let encode = || TransitionBatch::new(env, &trajectories, policy.backward_policy());
    let batch = encode();
    let mut group = c.benchmark_group("parts");
    group.sample_size(20);
    group.bench_function("copy-of-the-weights", |b| {
        b.iter(|| policy.sampler());
    });
    group.bench_function("rollout", |b| {
        b.iter(sample);
    });
    group.bench_function("encode", |b| {
        b.iter(encode);
    });
    group.bench_function("log-probabilities", |b| {
        b.iter(|| batch.log_probs(policy));
    });
    group.bench_function("forward-and-backward", |b| {
        b.iter(|| {
            let x = batch.log_probs(policy);
            trajectory_balance(&x, policy.log_z())
                .loss(&Regression::Squared {})
                .backward()
        });
    });
    group.bench_function("segment-sum", |b| {
        let x = batch.log_probs(policy);
        let segments: &Segments = batch.segments();
        b.iter(|| segments.sum(x.log_pf.clone()));
    });
    let small = gfn_benches::hypergrid(4, 8);
    let graph = StateGraph::explore(small.environment(), 100_000).expect("8^4 has few states");
    let small_sampler = small.policy().sampler();
    group.bench_function("exact-distribution-8x4", |b| {
        b.iter(|| exact_terminal_distribution(small.environment(), &graph, small_sampler.as_ref()));
    });
    group.finish();
}

criterion_group!(benches, parts);
criterion_main!(benches);
