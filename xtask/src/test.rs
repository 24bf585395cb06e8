//! `cargo xtask test`: every unit, integration and documentation test, with the backends that run without a GPU.

use anyhow::Result;
use xshell::cmd;

use crate::flags::Test;
use crate::workspace::{Workspace, test_features};

pub(crate) fn run(workspace: &Workspace, flags: &Test) -> Result<()> {
    let features = test_features(flags.no_wgpu);
    let arguments = &flags.arguments;
    // The shell prints the command that it runs.
    cmd!(
        workspace.shell,
        "cargo test --workspace --features {features} {arguments...}"
    )
    .run()?;
    Ok(())
}
