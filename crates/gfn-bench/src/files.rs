//! Tables that experiment files name.

use anyhow::{Context as _, Result};
use gfn_env::Table;
use std::path::Path;

/// The text of a file, with a message that says which path to check.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read {} (check the path; a relative one starts where the program runs)",
            path.display()
        )
    })
}

/// The table in a CSV file.
pub(crate) fn read_table(path: &Path) -> Result<Table> {
    Table::parse(&read_text(path)?).with_context(|| format!("in {}", path.display()))
}
