//! What a loss-guided auxiliary agent costs: an iteration with it beside one without, in turn, at the same length.
//!
//! Windows of both alternate, so that what else the machine does meets both; printed are medians and the median of the
//! ratios of neighbouring windows. `cargo bench -p gfn-benches --bench overhead`.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use gfn_env::{TfBind8, TfBind8Reward};
use gfn_train::AwakeThreads;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_millis(500);
const PAIRS: usize = 15;

type Trainer = gfn_benches::BenchTrainer<TfBind8, TfBind8Reward>;

fn main() {
    let threads = rayon::current_num_threads();
    println!(
        "TFBind8, trajectory balance, perceptron 2 x 256, {threads} threads, {PAIRS} pairs of windows of {WINDOW:?}"
    );
    for batch_size in [16, 128] {
        let mut plain = gfn_benches::tfbind8_in_batches(batch_size);
        let mut guided = gfn_benches::tfbind8_loss_guided(batch_size);
        let _awake = AwakeThreads::new();
        // Warm-up.
        time_of_iteration(&mut plain);
        time_of_iteration(&mut guided);
        let pairs: Vec<[f64; 2]> = (0..PAIRS)
            .map(|_| {
                [
                    time_of_iteration(&mut plain),
                    time_of_iteration(&mut guided),
                ]
            })
            .collect();
        let microseconds = |i: usize| 1e6 * median(pairs.iter().map(|pair| pair[i]).collect());
        let ratios: Vec<f64> = pairs.iter().map(|[plain, guided]| guided / plain).collect();
        let (low, high) = ratios
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), &r| {
                (low.min(r), high.max(r))
            });
        println!(
            "batch {batch_size}: plain {:.0} us, loss-guided {:.0} us, ratio {:.2} ({low:.2} to {high:.2})",
            microseconds(0),
            microseconds(1),
            median(ratios)
        );
    }
}

/// Seconds of an iteration, the mean over a window.
fn time_of_iteration(trainer: &mut Trainer) -> f64 {
    let start = Instant::now();
    let mut iterations = 0;
    while start.elapsed() < WINDOW {
        trainer.step().expect("training goes on");
        iterations += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(iterations)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
