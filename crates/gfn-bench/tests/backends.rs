//! The same numbers on every device that this build holds: log-probabilities, flows, residuals, gradients and sampled
//! actions against flex, on identical inputs.
#![cfg(feature = "flex")]
#![expect(
    clippy::print_stdout,
    reason = "what was skipped and what was measured belongs to the outcome of these tests"
)]

use gfn_bench::suite::parity::{ParityConfig, ParityReport, compare};
use gfn_bench::{Backend, DeviceSpec, Experiment};
use std::time::Instant;

const EXPERIMENTS: [&str; 3] = [
    r#"
name = "hypergrid"
environment = { kind = "hypergrid", dimensions = 2, side = 4, reward = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 } }
policy = { kind = "mlp", hidden = [16], backward = "learned" }
objective = { kind = "trajectory-balance" }
budget = { iterations = 1, batch_size = 8 }
"#,
    r#"
name = "bit-sequence"
environment = { kind = "bit-sequence", length = 8, word_bits = 2, order = "any-position", reward = { kind = "normalised-hamming", beta = 3.0 }, n_modes = 4 }
policy = { kind = "mlp", hidden = [16], backward = "learned" }
objective = { kind = "trajectory-balance" }
budget = { iterations = 1, batch_size = 8 }
"#,
    r#"
name = "tfbind8"
environment = { kind = "tfbind8" }
policy = { kind = "mlp", hidden = [16] }
objective = { kind = "trajectory-balance" }
budget = { iterations = 1, batch_size = 8 }
"#,
];

/// Largest relative error of any quantity. Measured: at most 1.6e-7 on ndarray and 2.3e-7 on wgpu (Mesa's lavapipe).
const TOLERANCE: f64 = 3e-6;

fn device(backend: Backend) -> DeviceSpec {
    DeviceSpec {
        backend,
        index: None,
    }
}

/// Opens the device once; `None`, with the reason on standard output, where it cannot be used here.
///
/// What CI installs has to be there: with `CI=true` in the environment a missing driver is a failure.
fn usable(spec: DeviceSpec) -> Option<DeviceSpec> {
    if !spec.backend.is_compiled() {
        println!("{spec}: skipped, not compiled in");
        return None;
    }
    match spec.open() {
        Ok(_) => Some(spec),
        Err(error) => {
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "CI has every device that it compiles: {error}"
            );
            println!("{spec}: skipped, {error}");
            None
        }
    }
}

fn parity(
    text: &str,
    kernels: &str,
    spec: DeviceSpec,
    iterations: u64,
    seconds: f64,
) -> ParityReport {
    let kernels = format!("policy.kernels={kernels}");
    let experiment = Experiment::parse(text, &[kernels]).expect("the experiment is valid");
    let config = ParityConfig {
        tolerance: 0.0,
        iterations,
        seconds,
    };
    compare(&experiment, device(Backend::Flex), spec, &config).expect("both devices work")
}

fn assert_agrees_with_flex(backend: Backend, iterations: u64) {
    let Some(spec) = usable(device(backend)) else {
        return;
    };
    let both = ["fused", "composed"].map(|kernels| EXPERIMENTS.map(|text| (text, kernels)));
    for (text, kernels) in both.into_iter().flatten() {
        let start = Instant::now();
        let report = parity(text, kernels, spec, iterations, 600.0);
        for e in &report.errors {
            println!(
                "{:<14}{:<10}{kernels:<10}{:<36}{:.1e}",
                e.experiment, e.device, e.quantity, e.relative_error
            );
        }
        println!("{:?}, {:.1?}", report.partings, start.elapsed());
        // Three of the forward pass, three residuals and three gradients.
        assert_eq!(report.errors.len(), 9);
        for e in &report.errors {
            // False for NaN.
            assert!(e.relative_error <= TOLERANCE, "{e:?}");
        }
        let [parting] = &report.partings[..] else {
            panic!("one experiment has one parting: {:?}", report.partings);
        };
        // Either all iterations sampled the same actions, or the last that was compared did not.
        match parting.first_different_iteration {
            None => assert_eq!(parting.iterations, iterations),
            Some(first) => assert_eq!(parting.iterations, first + 1),
        }
        // Initial weights and noise come from the host: the first batch is the same on every device.
        assert_ne!(parting.first_different_iteration, Some(0));
    }
}

#[test]
fn flex_repeats_itself_exactly() {
    for text in EXPERIMENTS {
        let report = parity(text, "composed", device(Backend::Flex), 5, 600.0);
        for e in &report.errors {
            assert!(e.relative_error.to_bits() == 0, "{e:?}");
        }
        assert_eq!(report.partings[0].first_different_iteration, None);
        assert_eq!(report.partings[0].iterations, 5);
    }
}

#[test]
fn a_comparison_that_runs_out_of_time_says_how_far_it_came() {
    let report = parity(EXPERIMENTS[0], "fused", device(Backend::Flex), 1000, 0.0);
    assert_eq!(report.partings[0].first_different_iteration, None);
    assert_eq!(report.partings[0].iterations, 0);
}

#[test]
fn kernels_on_flex_agree_with_plain_operations() {
    assert_agrees_with_flex(Backend::Flex, 20);
}

#[test]
fn ndarray_agrees_with_flex() {
    assert_agrees_with_flex(Backend::NdArray, 3);
}

#[test]
fn wgpu_agrees_with_flex() {
    assert_agrees_with_flex(Backend::Wgpu, 1);
}
