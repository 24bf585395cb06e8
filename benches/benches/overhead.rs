//! What a method costs beside trajectory balance: iterations of both in turn, at the same length.
//!
//! Windows alternate, so that what else the machine does meets all; printed are medians, and medians of the ratios of
//! neighbouring windows with the smallest and the largest. `cargo bench -p gfn-benches --bench overhead`.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use gfn_env::{Environment, Reward};
use gfn_explore::Schedule;
use gfn_policy::Policy;
use gfn_train::{
    AwakeThreads, Objective, PolicyGradient, PolicyUpdate, Trainer, TrajectoryBalance,
};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_millis(500);
const PAIRS: usize = 15;

type Iteration<'a> = Box<dyn FnMut() + 'a>;

fn main() {
    let threads = rayon::current_num_threads();
    println!("perceptron 2 x 256, {threads} threads, {PAIRS} rounds of windows of {WINDOW:?}");
    for batch_size in [16, 128] {
        let mut plain = gfn_benches::tfbind8_in_batches(batch_size);
        let mut guided = gfn_benches::tfbind8_loss_guided(batch_size);
        compare(
            &format!("loss-guided agents, TFBind8, batch {batch_size}"),
            vec![
                ("trajectory balance", iteration(&mut plain)),
                ("loss-guided", iteration(&mut guided)),
            ],
        );
    }
    policy_gradients("TFBind8", gfn_benches::tfbind8_with);
    policy_gradients("hypergrid 32x32", gfn_benches::hypergrid_with);
}

/// Actor and critic, and trust regions with one and with ten conjugate gradients: the ninth part of what these differ by is the
/// price of one, and what is left after ten of them is that of the gradient, the critic and the line search.
fn policy_gradients<E, R, P>(
    problem: &str,
    make: impl Fn(Box<dyn Objective<P>>) -> Trainer<E, R, P, Box<dyn Objective<P>>>,
) where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
{
    let of = |update| {
        make(Box::new(PolicyGradient {
            update,
            ..PolicyGradient::default()
        }))
    };
    let region = |cg_iterations| PolicyUpdate::TrustRegion {
        delta: Schedule::constant(0.01),
        cg_iterations,
        line_search_steps: 20,
    };
    let mut balance = make(Box::new(TrajectoryBalance));
    let mut actor = of(PolicyUpdate::Gradient {});
    let mut short = of(region(1));
    let mut long = of(region(10));
    let medians = compare(
        &format!("policy gradients, {problem}, batch 128"),
        vec![
            ("trajectory balance", iteration(&mut balance)),
            ("actor and critic", iteration(&mut actor)),
            ("trust region, 1 conjugate gradient", iteration(&mut short)),
            ("trust region, 10 conjugate gradients", iteration(&mut long)),
        ],
    );
    let each = (medians[3] - medians[2]) / 9.0;
    println!(
        "  of the last: a conjugate gradient {each:.0} us, the rest {:.0} us",
        medians[3] - 10.0 * each
    );
}

fn iteration<E, R, P, O>(trainer: &mut Trainer<E, R, P, O>) -> Iteration<'_>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    Box::new(move || {
        trainer.step().expect("training goes on");
    })
}

/// Prints the medians in microseconds and returns them.
fn compare(title: &str, mut methods: Vec<(&str, Iteration<'_>)>) -> Vec<f64> {
    let _awake = AwakeThreads::new();
    for (_, warm_up) in &mut methods {
        time_of(warm_up);
    }
    let rounds: Vec<Vec<f64>> = (0..PAIRS)
        .map(|_| methods.iter_mut().map(|(_, m)| time_of(m)).collect())
        .collect();
    println!("{title}");
    let column = |i: usize| -> Vec<f64> { rounds.iter().map(|round| round[i]).collect() };
    let mut medians = Vec::new();
    for (i, (name, _)) in methods.iter().enumerate() {
        let mut ratios: Vec<f64> = rounds.iter().map(|round| round[i] / round[0]).collect();
        ratios.sort_by(f64::total_cmp);
        let microseconds = 1e6 * median(column(i));
        println!(
            "  {name}: {microseconds:.0} us, ratio {:.2} ({:.2} to {:.2})",
            median(ratios.clone()),
            ratios[0],
            ratios[PAIRS - 1]
        );
        medians.push(microseconds);
    }
    medians
}

/// Seconds of an iteration, the mean over a window.
fn time_of(iteration: &mut Iteration<'_>) -> f64 {
    let start = Instant::now();
    let mut iterations = 0;
    while start.elapsed() < WINDOW {
        iteration();
        iterations += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(iterations)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
