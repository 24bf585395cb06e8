//! The files that tidy looks at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xshell::cmd;

use crate::workspace::Workspace;

/// Folders that hold what programs have written.
const GENERATED_FOLDERS: &[&str] = &[".git", "target", "runs", ".venv", "__pycache__"];

/// A root and the files below it, as relative paths with `/`.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    files: BTreeSet<String>,
}

impl Tree {
    /// What git tracks or would track; every file where there is no usable git repository.
    pub(super) fn of_repository(workspace: &Workspace) -> Result<Self> {
        let listed = cmd!(
            workspace.shell,
            "git ls-files --cached --others --exclude-standard -z"
        )
        .quiet()
        .ignore_stderr()
        .read();
        match listed {
            Ok(listed) => {
                let files = listed
                    .split('\0')
                    // The index still lists a file that was deleted a moment ago.
                    .filter(|path| workspace.root.join(path).is_file())
                    .map(str::to_owned)
                    .collect();
                Ok(Self {
                    root: workspace.root.clone(),
                    files,
                })
            }
            Err(_) => Self::walk(&workspace.root),
        }
    }

    /// Every file below `root` that is not in a generated folder.
    pub(super) fn walk(root: &Path) -> Result<Self> {
        let mut files = BTreeSet::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder)
                .with_context(|| format!("cannot list {}", folder.display()))?;
            for entry in entries {
                let entry = entry?;
                let (path, name) = (entry.path(), entry.file_name());
                if entry.file_type()?.is_dir() {
                    if !GENERATED_FOLDERS.iter().any(|generated| name == *generated) {
                        folders.push(path);
                    }
                } else {
                    let relative = path.strip_prefix(root)?.to_string_lossy();
                    files.insert(relative.replace('\\', "/"));
                }
            }
        }
        Ok(Self {
            root: root.to_path_buf(),
            files,
        })
    }

    pub(super) fn files(&self) -> &BTreeSet<String> {
        &self.files
    }

    /// Whether a file or a folder is there.
    pub(super) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The text of a file, or nothing if it is binary.
    pub(super) fn text(&self, path: &str) -> Result<Option<String>> {
        let bytes =
            fs::read(self.root.join(path)).with_context(|| format!("cannot read {path}"))?;
        Ok(String::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0')))
    }
}

#[cfg(test)]
pub(super) mod made_up {
    //! Small trees for the tests of the checks.

    use std::env;
    use std::process;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    static NEXT: AtomicU32 = AtomicU32::new(0);

    /// A folder of its own, removed with the value.
    pub(in crate::tidy) struct MadeUp(PathBuf);

    impl MadeUp {
        pub(in crate::tidy) fn new(files: &[(&str, &str)]) -> Self {
            let unique = format!(
                "xtask-tidy-{}-{}",
                process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            let root = env::temp_dir().join(unique);
            for (path, text) in files {
                let path = root.join(path);
                let folder = path.parent().expect("a file lies in a folder");
                fs::create_dir_all(folder).expect("the folder is made");
                fs::write(path, text).expect("the file is written");
            }
            Self(root)
        }

        pub(in crate::tidy) fn tree(&self) -> Tree {
            Tree::walk(&self.0).expect("the tree is read")
        }
    }

    impl Drop for MadeUp {
        fn drop(&mut self) {
            // What is left in the folder for temporary files harms nobody.
            drop(fs::remove_dir_all(&self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::made_up::MadeUp;

    #[test]
    fn generated_folders_are_left_out() {
        let made_up = MadeUp::new(&[("a/b.rs", ""), ("target/c.rs", ""), ("a/runs/d.csv", "")]);
        let tree = made_up.tree();
        assert_eq!(tree.files().iter().collect::<Vec<_>>(), ["a/b.rs"]);
        assert!(tree.exists("a") && tree.exists("a/b.rs") && !tree.exists("c"));
    }

    #[test]
    fn binary_files_have_no_text() {
        let made_up = MadeUp::new(&[("a.bin", "x\0y"), ("b.txt", "x")]);
        let tree = made_up.tree();
        assert_eq!(tree.text("a.bin").expect("readable"), None);
        assert_eq!(tree.text("b.txt").expect("readable").as_deref(), Some("x"));
        assert!(tree.text("missing").is_err());
    }
}
