//! `cargo xtask report` and `cargo xtask compare`: what runs have left, read again by the program.

use std::path::absolute;

use anyhow::{Result, ensure};
use xshell::cmd;

use crate::bench::SPEED_SUITE;
use crate::flags::{Compare, Report};
use crate::workspace::Workspace;

pub(crate) fn report(workspace: &Workspace, flags: &Report) -> Result<()> {
    let suite = &flags.suite;
    let runs = format!("runs/{suite}");
    ensure!(
        workspace.root.join(&runs).is_dir(),
        "{runs} does not exist: run `cargo xtask bench --suite {suite}` first"
    );
    if suite == SPEED_SUITE {
        // Written by the comparison as it is; there is no run to read again.
        let published = format!("docs/studies/{suite}");
        if flags.publish {
            workspace.shell.create_dir(&published)?;
            for file in ["report.md", "report.json"] {
                let to = format!("{published}/{file}");
                workspace.shell.copy_file(format!("{runs}/{file}"), to)?;
            }
        }
        print!(
            "{}",
            workspace.shell.read_file(format!("{runs}/report.md"))?
        );
        return Ok(());
    }
    let publish = if flags.publish {
        vec!["--publish".to_owned(), format!("docs/studies/{suite}")]
    } else {
        Vec::new()
    };
    let program = workspace.build_release(&[])?;
    cmd!(
        workspace.shell,
        "{program} report-suite {runs} {publish...}"
    )
    .run()?;
    Ok(())
}

pub(crate) fn compare(workspace: &Workspace, flags: &Compare) -> Result<()> {
    // The program runs in the root of the workspace, and the paths are relative to where the user is.
    let (left, right) = (absolute(&flags.left)?, absolute(&flags.right)?);
    let program = workspace.build_release(&[])?;
    cmd!(workspace.shell, "{program} compare {left} {right}").run()?;
    Ok(())
}
