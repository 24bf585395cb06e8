//! Tasks of the workspace: `cargo xtask bench`, `test`, `ci`, `tidy`, `peers`, `report` and `compare`.
//!
//! One file for each task. This crate imports none of the workspace's crates, so that it builds in seconds and still
//! works when they do not compile.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the terminal"
)]

mod bench;
mod ci;
mod flags;
mod peers;
mod report;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

use crate::flags::{Xtask, XtaskCmd};
use crate::workspace::Workspace;

fn main() -> ExitCode {
    match run(Xtask::from_env_or_exit()) {
        Ok(()) => ExitCode::SUCCESS,
        // Printed here and not returned from `main`, which would add a backtrace to every failed command.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Xtask) -> Result<()> {
    let workspace = Workspace::find()?;
    match flags.subcommand {
        XtaskCmd::Bench(flags) => bench::run(&workspace, &flags),
        XtaskCmd::Test(flags) => test::run(&workspace, &flags),
        XtaskCmd::Ci(flags) => ci::run(&workspace, &flags),
        XtaskCmd::Tidy(_) => tidy::run(&workspace),
        XtaskCmd::Peers(flags) => peers::run(&workspace, &flags),
        XtaskCmd::Report(flags) => report::report(&workspace, &flags),
        XtaskCmd::Compare(flags) => report::compare(&workspace, &flags),
    }
}
