//! What Rust sources may not say, and how long they may be.

use anyhow::Result;

use super::Problem;
use super::rust_text::{blank_comments_and_literals, is_test_file, line_of, without_tests, words};
use super::tree::Tree;

/// Crates without files and clocks: what they compute depends on their arguments alone.
const WITHOUT_FILES_AND_CLOCKS: &[&str] = &["gfn-env", "gfn-loss", "gfn-policy", "gfn-explore"];

/// Modules of the standard library that those crates leave alone.
const FILES_AND_CLOCKS: &[&str] = &["fs", "time"];

/// Only programs print.
const PRINTING: &[&str] = &["println!", "eprintln!", "print!", "eprint!"];

/// Lines of a Rust file without its tests.
const LONGEST_FILE: usize = 600;

pub(super) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in tree.files() {
        if !path.ends_with(".rs") || is_test_file(path) {
            continue;
        }
        let Some(source) = tree.text(path)? else {
            continue;
        };
        let source = without_tests(&source);
        let lines = source.lines().count();
        if lines > LONGEST_FILE {
            problems.push(format!(
                "{path}: {lines} lines without tests; split a file before it has {LONGEST_FILE}"
            ));
        }
        let mut parts = path.split('/');
        if let (Some("crates"), Some(member), Some("src")) =
            (parts.next(), parts.next(), parts.next())
        {
            check_library(path, member, source, &mut problems);
        }
    }
    Ok(problems)
}

fn check_library(path: &str, member: &str, source: &str, problems: &mut Vec<Problem>) {
    let code = blank_comments_and_literals(source);
    if WITHOUT_FILES_AND_CLOCKS.contains(&member) {
        let mut found: Vec<(usize, String)> = standard_modules(&code)
            .into_iter()
            .filter(|(_, module)| FILES_AND_CLOCKS.contains(module))
            .map(|(offset, module)| (offset, format!("std::{module}")))
            .collect();
        found.extend(words(&code, "SystemTime").map(|offset| (offset, "SystemTime".to_owned())));
        for (offset, name) in found {
            problems.push(format!(
                "{path}:{}: {name} in {member}: only gfn-train and gfn-bench touch files and clocks",
                line_of(&code, offset)
            ));
        }
    }
    let is_program = path.contains("/src/bin/") || path.ends_with("/src/main.rs");
    if !is_program {
        for printing in PRINTING {
            for offset in words(&code, printing) {
                problems.push(format!(
                    "{path}:{}: {printing} in a library: only programs print",
                    line_of(&code, offset)
                ));
            }
        }
    }
    for offset in words(&code, "Device::default()") {
        problems.push(format!(
            "{path}:{}: Device::default() depends on which features were compiled in: take the device as an argument",
            line_of(&code, offset)
        ));
    }
}

/// Modules directly below `std` that the code names, alone or in a group, with their offsets.
fn standard_modules(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for start in words(code, "std::") {
        let offset = start + "std::".len();
        let rest = &code[offset..];
        match rest.strip_prefix('{') {
            Some(group) => {
                found.extend(
                    group_items(group)
                        .into_iter()
                        .map(|(at, item)| (offset + 1 + at, first_name(item))),
                );
            }
            None => found.push((offset, first_name(rest))),
        }
    }
    found
}

/// The items of `a, b::{c, d}, e}` up to the closing brace, with their offsets.
fn group_items(group: &str) -> Vec<(usize, &str)> {
    let mut items = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (offset, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                items.push((start, &group[start..offset]));
                break;
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                items.push((start, &group[start..offset]));
                start = offset + 1;
            }
            _ => {}
        }
    }
    items
        .into_iter()
        .map(|(start, item)| (start + item.len() - item.trim_start().len(), item.trim()))
        .collect()
}

fn first_name(path: &str) -> &str {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    path.split(|character| !is_name(character))
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::made_up::MadeUp;

    fn problems_of(path: &str, source: &str) -> Vec<Problem> {
        check(&MadeUp::new(&[(path, source)]).tree()).expect("the tree is read")
    }

    #[test]
    fn files_and_clocks_in_the_lower_layers() {
        let source = "use std::{\n    fmt,\n    time::Instant,\n};\nuse std::fs::read;\n";
        let problems = problems_of("crates/gfn-env/src/lib.rs", source);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("crates/gfn-env/src/lib.rs:3: std::time"));
        assert!(problems[1].starts_with("crates/gfn-env/src/lib.rs:5: std::fs"));
        assert!(problems_of("crates/gfn-train/src/lib.rs", source).is_empty());
        assert!(problems_of("crates/gfn-env/tests/a.rs", source).is_empty());
    }

    #[test]
    fn comments_strings_and_tests_may_say_anything() {
        let source = "/// println!(\"std::fs\"); Device::default()\nconst A: &str = \"std::time println!()\";\n\
                      #[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n";
        assert!(problems_of("crates/gfn-loss/src/a.rs", source).is_empty());
    }

    #[test]
    fn only_programs_print() {
        let source = "fn main() { println!(); eprintln!(); }\n";
        assert_eq!(problems_of("crates/gfn-bench/src/a.rs", source).len(), 2);
        assert!(problems_of("crates/gfn-bench/src/bin/a.rs", source).is_empty());
        assert!(problems_of("xtask/src/a.rs", source).is_empty());
    }

    #[test]
    fn no_default_device() {
        let problems = problems_of(
            "crates/gfn-train/src/a.rs",
            "\nlet d = Device::default();\n",
        );
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("a.rs:2:"));
    }

    #[test]
    fn long_files() {
        let long = "// x\n".repeat(LONGEST_FILE + 1);
        assert_eq!(problems_of("xtask/src/a.rs", &long).len(), 1);
        let tested = format!(
            "{}#[cfg(test)]\nmod tests {{\n{long}}}\n",
            "// x\n".repeat(LONGEST_FILE)
        );
        assert!(problems_of("xtask/src/a.rs", &tested).is_empty());
    }
}
