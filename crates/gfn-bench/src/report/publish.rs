//! The committed copy of a report.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::summary::write_atomically;

const FILES: [&str; 2] = ["report.md", "report.json"];

/// Copies `report.md`, `report.json` and `plots/` of a suite into `target_dir`.
///
/// Plots of an earlier publication that the report no longer has are removed; other files there are left alone. The
/// HTML page stays behind: it repeats the same content at many times the size.
///
/// # Errors
///
/// If the suite has no report, or a file cannot be copied.
pub fn publish(suite_dir: &Path, target_dir: &Path) -> anyhow::Result<()> {
    for name in FILES {
        if !suite_dir.join(name).is_file() {
            bail!(
                "{} has no {name}; run the suite or `gfn-bench report` first",
                suite_dir.display()
            );
        }
    }
    let (plots, target_plots) = (suite_dir.join("plots"), target_dir.join("plots"));
    fs::create_dir_all(&target_plots)
        .with_context(|| format!("cannot make the folder {}", target_plots.display()))?;
    let mut current = BTreeSet::new();
    for path in svg_files(&plots)? {
        if let Some(name) = path.file_name() {
            copy(&path, &target_plots.join(name))?;
            current.insert(name.to_owned());
        }
    }
    for name in FILES {
        copy(&suite_dir.join(name), &target_dir.join(name))?;
    }
    remove_plots_except(&current, &target_plots)
}

/// Removes the plots of an earlier report: names change with titles, and stale ones would stay for ever.
///
/// Done last, when no page refers to them any more.
pub(super) fn remove_plots_except(current: &BTreeSet<OsString>, dir: &Path) -> anyhow::Result<()> {
    for path in svg_files(dir)? {
        if path.file_name().is_some_and(|name| !current.contains(name)) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn svg_files(dir: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    if !dir.exists() {
        return Ok(files);
    }
    for entry in
        fs::read_dir(dir).with_context(|| format!("cannot read the folder {}", dir.display()))?
    {
        let path = entry
            .with_context(|| format!("cannot read the folder {}", dir.display()))?
            .path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "svg") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    Ok(write_atomically(to, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_mirrors_the_plots_and_leaves_other_files() {
        let root = tempfile::tempdir().unwrap();
        let (suite, target) = (root.path().join("suite"), root.path().join("docs/smoke"));
        fs::create_dir_all(suite.join("plots")).unwrap();
        fs::create_dir_all(target.join("plots")).unwrap();
        for (path, text) in [
            ("report.md", "md"),
            ("report.json", "{}"),
            ("report.html", "h"),
            ("plots/new.svg", "s"),
        ] {
            fs::write(suite.join(path), text).unwrap();
        }
        fs::write(target.join("plots/stale.svg"), "").unwrap();
        fs::write(target.join("notes.md"), "kept").unwrap();
        publish(&suite, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("report.md")).unwrap(), "md");
        assert_eq!(
            fs::read_to_string(target.join("plots/new.svg")).unwrap(),
            "s"
        );
        assert!(!target.join("plots/stale.svg").exists() && !target.join("report.html").exists());
        assert!(target.join("notes.md").exists());
    }

    #[test]
    fn a_suite_without_a_report_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let message = publish(root.path(), &root.path().join("target"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("has no report.md"), "{message}");
        assert!(!root.path().join("target").exists());
    }
}
