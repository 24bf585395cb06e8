//! `cargo xtask peers`: other libraries and ours, measured in turn on the same work.
//!
//! The drivers and the comparison are Python, because the other libraries are; see `benches/peers/README.md`. This
//! task makes their environments, builds our program and starts the comparison.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use xshell::cmd;

use crate::flags::Peers;
use crate::workspace::Workspace;

/// Each has an environment of its own: their pins disagree.
const LIBRARIES: &[&str] = &["gfnx", "torchgfn"];

/// One round of two short windows, and the smallest sizes of the sweep.
const QUICK: &[&str] = &[
    "--rounds",
    "1",
    "--windows",
    "2",
    "--seconds",
    "1",
    "--threads",
    "2",
    "--sweep-batches",
    "16,64",
    "--sweep-sides",
    "8",
];

pub(crate) fn run(workspace: &Workspace, flags: &Peers) -> Result<()> {
    if flags.setup_only {
        for library in LIBRARIES {
            install(workspace, library)?;
        }
        workspace.build_release(&[])?;
        return Ok(());
    }
    let mut arguments: Vec<OsString> = Vec::new();
    if flags.quick {
        arguments.extend(QUICK.iter().map(OsString::from));
    }
    arguments.extend(flags.arguments.iter().cloned());
    measure(workspace, "runs/peers", &arguments)
}

/// Runs the comparison and writes its report under `out`.
pub(crate) fn measure(workspace: &Workspace, out: &str, arguments: &[OsString]) -> Result<()> {
    let mut programs: Vec<OsString> = Vec::new();
    for library in LIBRARIES {
        let python = install(workspace, library)?;
        programs.extend([format!("--{library}").into(), python.into()]);
    }
    let program = workspace.build_release(&[])?;
    programs.extend(["--ours".into(), program.into()]);
    cmd!(
        workspace.shell,
        "python3 benches/peers/compare.py {programs...} --out {out} {arguments...}"
    )
    .run()?;
    Ok(())
}

/// Runs our program on devices, and gfnx beside it, and writes the table under `runs/speed-devices`.
pub(crate) fn measure_devices(
    workspace: &Workspace,
    devices: &str,
    features: &[String],
    arguments: &[OsString],
) -> Result<()> {
    let python = install(workspace, "gfnx")?;
    let program = workspace.build_release(features)?;
    cmd!(
        workspace.shell,
        "python3 benches/peers/accelerators.py --gfnx {python} --ours {program} --devices {devices} --out runs/speed-devices {arguments...}"
    )
    .run()?;
    Ok(())
}

/// Makes the environment of a library, unless it is there with the same requirements, and returns its Python.
fn install(workspace: &Workspace, library: &str) -> Result<PathBuf> {
    let shell = &workspace.shell;
    let file = format!("benches/peers/requirements-{library}.txt");
    let requirements = shell.read_file(&file)?;
    let environment = workspace
        .target()
        .join("peers")
        .join(format!("venv-{library}"));
    let python = program_of(&environment, "python");
    // Written after a complete installation: an interrupted one is started anew.
    let marker = environment.join("installed-requirements.txt");
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    let version = cmd!(
        shell,
        "python3 -c 'import sys; print(sys.version_info.major * 100 + sys.version_info.minor)'"
    )
    .read()
    .context("python3 is needed to run the other libraries")?;
    ensure!(
        ["311", "312"].contains(&version.trim()),
        "the pinned versions of the other libraries need Python 3.11 or 3.12 as `python3`"
    );
    println!("installing {library}: this downloads a lot the first time");
    cmd!(shell, "python3 -m venv --clear {environment}").run()?;
    cmd!(
        shell,
        "{python} -m pip install --quiet --no-deps --requirement {file}"
    )
    .run()?;
    fs::write(&marker, requirements)?;
    Ok(python)
}

fn program_of(environment: &Path, name: &str) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    environment.join(folder).join(name)
}
