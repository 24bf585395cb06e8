//! `cargo xtask tidy`: the rules that the compiler does not know, checked on the text of the repository.
//!
//! | module | rule |
//! |---|---|
//! | [`members`] | who may depend on whom, shared lints and licence |
//! | [`registry`] | everything that an experiment can name has a page, an experiment and an exact test |
//! | [`sources`] | no files and clocks in the lower layers, no printing in libraries, no default device, short files |
//! | [`hygiene`] | white space, ends of files, host names and paths that mean nothing to a reader |

mod hygiene;
mod manifest;
mod members;
mod registry;
mod rust_text;
mod sources;
mod tree;

use anyhow::{Result, bail};

use crate::tidy::tree::Tree;
use crate::workspace::Workspace;

/// A broken rule, as `path:line: what is wrong and what to do`.
type Problem = String;

/// Reads the tree and returns what is wrong with it.
type Check = fn(&Tree) -> Result<Vec<Problem>>;

const CHECKS: &[Check] = &[
    members::check,
    registry::check,
    sources::check,
    hygiene::check,
];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tree = Tree::of_repository(workspace)?;
    let mut problems = Vec::new();
    for check in CHECKS {
        problems.extend(check(&tree)?);
    }
    if problems.is_empty() {
        println!("tidy: {} files, no problem", tree.files().len());
        return Ok(());
    }
    for problem in &problems {
        println!("{problem}");
    }
    bail!("tidy found {} problems", problems.len())
}
