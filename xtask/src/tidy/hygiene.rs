//! The text of every file that would be committed.

use anyhow::Result;

use super::Problem;
use super::tree::Tree;

/// Files written by programs, in their own form: cargo names the registry in the lock file.
const GENERATED: &[&str] = &["Cargo.lock"];

/// Formats where white space at the end of a line means something, or that a plotting library has written.
const WITH_TRAILING_SPACE: &[&str] = &[".tsv", ".csv", ".svg", ".html", ".patch"];

/// Hosts of package registries: builds go through the ordinary clients and their configuration.
///
/// Each is written in two halves so that this file does not break its own rule.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("download.", "pytorch.org"),
    concat!("proxy.", "golang.org"),
];

/// Starts of absolute paths of one machine.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/t", "mp/"),
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in tree.files() {
        if GENERATED.contains(&path.as_str()) {
            continue;
        }
        if let Some(text) = tree.text(path)? {
            check_text(path, &text, &mut problems);
        }
    }
    Ok(problems)
}

fn check_text(path: &str, text: &str, problems: &mut Vec<Problem>) {
    if !text.is_empty() && !text.ends_with('\n') {
        problems.push(format!("{path}: the last line does not end with a newline"));
    }
    let may_trail = WITH_TRAILING_SPACE.iter().any(|end| path.ends_with(end));
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.ends_with([' ', '\t', '\r']) && !may_trail {
            problems.push(format!(
                "{path}:{number}: white space at the end of the line"
            ));
        }
        for host in REGISTRY_HOSTS {
            if line.contains(host) {
                problems.push(format!(
                    "{path}:{number}: names the host {host}: leave hosts to the configuration of the client"
                ));
            }
        }
        for start in MACHINE_PATHS {
            if has_path(line, start) {
                problems.push(format!(
                    "{path}:{number}: an absolute path below {start}: it exists on one machine only"
                ));
            }
        }
    }
}

/// Whether the line has an absolute path; `docs/work/` is a relative one, and a web address has a host before it.
fn has_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(offset, _)| {
        !line[..offset].ends_with(|before: char| {
            before.is_alphanumeric() || ['.', '_', '-', '}', ')', '*', '~'].contains(&before)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::made_up::MadeUp;

    fn problems_of(path: &str, text: &str) -> Vec<Problem> {
        check(&MadeUp::new(&[(path, text)]).tree()).expect("the tree is read")
    }

    #[test]
    fn white_space() {
        let problems = problems_of("a.md", "a \nb\nc");
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems_of("a.md", "a\n\nb\n").is_empty());
        assert!(problems_of("a.md", "").is_empty());
        assert!(problems_of("a.tsv", "a\t\n").is_empty());
    }

    #[test]
    fn hosts() {
        let line = format!("see https://{}/crates/burn\n", REGISTRY_HOSTS[0]);
        assert_eq!(problems_of("a.md", &line).len(), 1);
        assert!(problems_of("Cargo.lock", &line).is_empty());
    }

    #[test]
    fn machine_paths() {
        let path = MACHINE_PATHS[0];
        assert_eq!(problems_of("a.md", &format!("in `{path}me/x`\n")).len(), 1);
        assert!(problems_of("a.md", &format!("https://example.org{path}me\n")).is_empty());
        assert!(problems_of("a.md", &format!("docs{path}x and ./docs{path}x\n")).is_empty());
    }

    #[test]
    fn binary_files_are_left_alone() {
        assert!(problems_of("a.bin", "a \0").is_empty());
    }
}
