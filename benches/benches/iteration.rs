//! Whole training iterations: rollout, evaluation, backward pass, optimiser.

use criterion::{Criterion, criterion_group, criterion_main};

fn iterations(c: &mut Criterion) {
    let mut group = c.benchmark_group("iteration");
    group.sample_size(20);
    let mut small = gfn_benches::hypergrid(2, 8);
    group.bench_function("tb-hypergrid-8x8", |b| {
        b.iter(|| small.step().expect("training goes on"));
    });
    let mut large = gfn_benches::hypergrid(4, 20);
    group.bench_function("tb-hypergrid-20x4", |b| {
        b.iter(|| large.step().expect("training goes on"));
    });
    let mut words = gfn_benches::tfbind8();
    group.bench_function("tb-tfbind8", |b| {
        b.iter(|| words.step().expect("training goes on"));
    });
    group.finish();
}

criterion_group!(benches, iterations);
criterion_main!(benches);
