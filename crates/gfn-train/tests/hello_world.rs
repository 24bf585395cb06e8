//! The README's first program: it runs, it learns, and the README shows it as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `cargo test` builds the examples beside the folder of the test programs.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("tests are in <profile>/deps");
    profile
        .join("examples")
        .join(format!("hello_world{}", std::env::consts::EXE_SUFFIX))
}

#[test]
fn it_comes_close_to_the_exact_distribution() {
    let output = Command::new(example())
        .output()
        .expect("`cargo test` builds the examples; `--test` alone does not");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let distance: f64 = text
        .trim()
        .strip_prefix("total variation to R/Z: ")
        .and_then(|d| d.parse().ok())
        .unwrap_or_else(|| panic!("no distance in {text:?}"));
    assert!(distance < 0.02, "{text}");
}

#[test]
fn it_has_at_most_thirty_lines_and_is_the_one_in_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| std::fs::read_to_string(&path).expect("a file of the repository");
    let program = read(root.join("examples/hello_world.rs"));
    assert!(program.lines().count() <= 30);
    let readme = read(root.join("../../README.md"));
    assert!(
        readme.contains(&format!("```rust\n{program}```")),
        "paste crates/gfn-train/examples/hello_world.rs into README.md"
    );
}
