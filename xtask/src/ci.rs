//! `cargo xtask ci`: everything that a change has to pass, with the wall time of each step.
//!
//! All steps share one target folder. Lint and documentation share features and reuse each other's metadata, and the last
//! step runs the program that the test build has left, so each dependency is compiled twice (metadata and code) and never
//! a third time.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use xshell::cmd;

use crate::flags::{Ci, Test};
use crate::workspace::{Workspace, test_features};
use crate::{test, tidy};

/// A step: its name and what it does.
type Step<'a> = (&'a str, &'a dyn Fn() -> Result<()>);

pub(crate) fn run(workspace: &Workspace, flags: &Ci) -> Result<()> {
    let shell = &workspace.shell;
    // Lint and documentation leave wgpu out: checking the GPU stack takes longer than all other checks together, and of
    // this workspace's code it adds a dozen lines, which the test build compiles.
    let features = test_features(true);
    let tests = Test {
        arguments: Vec::new(),
        no_wgpu: flags.no_wgpu,
    };
    let steps: [Step<'_>; 7] = [
        ("format", &|| {
            Ok(cmd!(shell, "cargo fmt --all --check").run()?)
        }),
        ("lint", &|| {
            Ok(cmd!(
                shell,
                "cargo clippy --workspace --all-targets --features {features} -- --deny warnings"
            )
            .run()?)
        }),
        ("test", &|| test::run(workspace, &tests)),
        ("documentation", &|| documentation(workspace, &features)),
        ("gfn-env alone", &|| gfn_env_alone(workspace)),
        ("tidy", &|| tidy::run(workspace)),
        ("smoke", &|| smoke(workspace)),
    ];
    let mut times = Vec::new();
    for (name, step) in steps {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = step();
        times.push((name, start.elapsed()));
        if let Err(error) = outcome {
            println!("\n{}", table(&times));
            return Err(error).with_context(|| format!("the step `{name}` failed"));
        }
    }
    println!("\n{}", table(&times));
    Ok(())
}

/// Builds the documentation of the libraries and of their examples.
///
/// Naming the examples makes cargo choose the features with the test dependencies, as lint and test do; without them
/// two features far below burn differ, and all of burn would be checked once more.
fn documentation(workspace: &Workspace, features: &str) -> Result<()> {
    cmd!(
        workspace.shell,
        "cargo doc --no-deps --workspace --lib --examples --features {features}"
    )
    .env("RUSTDOCFLAGS", "--deny warnings")
    .run()?;
    Ok(())
}

/// The environments promise to build without tensors: checked alone, because the workspace build would hide it.
fn gfn_env_alone(workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    cmd!(shell, "cargo check --package gfn-env").run()?;
    let tree = cmd!(
        shell,
        "cargo tree --package gfn-env --edges normal --all-features --prefix none"
    )
    .read()?;
    if let Some(line) = tree.lines().find(|line| line.starts_with("burn")) {
        bail!("gfn-env has to build without burn, but depends on {line}");
    }
    Ok(())
}

/// Runs the reduced suite with the program of the test build.
///
/// `cargo run --package gfn-bench` would choose the features of that package alone and compile burn once more.
fn smoke(workspace: &Workspace) -> Result<()> {
    let program = workspace.program("debug");
    ensure!(
        program.is_file(),
        "{} is missing: the test build leaves it there as long as gfn-bench has integration tests",
        program.display()
    );
    cmd!(workspace.shell, "{program} suite ci").run()?;
    Ok(())
}

/// The steps and their times, and the sum.
fn table(times: &[(&str, Duration)]) -> String {
    let total = times.iter().map(|(_, time)| *time).sum();
    times
        .iter()
        .copied()
        .chain([("total", total)])
        .map(|(name, time)| format!("{name:<16}{:>8.1} s", time.as_secs_f64()))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ends_with_the_sum() {
        let table = table(&[
            ("lint", Duration::from_millis(1_500)),
            ("test", Duration::from_secs(2)),
        ]);
        assert_eq!(
            table.lines().collect::<Vec<_>>(),
            [
                "lint                 1.5 s",
                "test                 2.0 s",
                "total                3.5 s"
            ]
        );
    }
}
