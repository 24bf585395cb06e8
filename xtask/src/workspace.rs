//! Where things are: the root of the workspace, its target folder and the programs built there.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xshell::{Shell, cmd};

/// The backends that every test build compiles, as features of `gfn-bench` (flex is on by default).
const TEST_BACKENDS: &[&str] = &["ndarray", "wgpu"];

/// A shell in the root of the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) shell: Shell,
    pub(crate) root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the workspace from the place of this crate, whatever the current folder is.
    pub(crate) fn find() -> Result<Self> {
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest)
            .parent()
            .context("the xtask crate has no parent folder")?
            .to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |target| root.join(target));
        let shell = Shell::new()?;
        shell.change_dir(&root);
        Ok(Self {
            shell,
            root,
            target,
        })
    }

    /// The folder that cargo builds into.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The `gfn-bench` program of a profile folder, `debug` or `release`.
    pub(crate) fn program(&self, profile: &str) -> PathBuf {
        self.target
            .join(profile)
            .join(format!("gfn-bench{}", env::consts::EXE_SUFFIX))
    }

    /// Builds `gfn-bench` in release mode with these backends beside flex, and returns the program.
    pub(crate) fn build_release(&self, backends: &[String]) -> Result<PathBuf> {
        let features = if backends.is_empty() {
            Vec::new()
        } else {
            vec!["--features".to_owned(), backends.join(",")]
        };
        cmd!(
            self.shell,
            "cargo build --release --package gfn-bench {features...}"
        )
        .run()?;
        Ok(self.program("release"))
    }
}

/// The one set of features that lint, test and documentation builds share, so that nothing is compiled twice.
pub(crate) fn test_features(without_wgpu: bool) -> String {
    TEST_BACKENDS
        .iter()
        .filter(|backend| !(without_wgpu && **backend == "wgpu"))
        .map(|backend| format!("gfn-bench/{backend}"))
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_the_test_build() {
        assert_eq!(test_features(false), "gfn-bench/ndarray,gfn-bench/wgpu");
        assert_eq!(test_features(true), "gfn-bench/ndarray");
    }

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        let workspace = Workspace::find().expect("the workspace is found");
        assert!(workspace.root.join("Cargo.lock").is_file());
        assert!(workspace.program("release").starts_with(workspace.target()));
    }
}
