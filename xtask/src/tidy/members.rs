//! The manifests of the members: layers, lints, licence.

use anyhow::Result;

use super::Problem;
use super::manifest::Manifest;
use super::tree::Tree;

/// Each crate and the crates of the workspace that it may depend on, also for its tests.
///
/// A crate imports only from its left: this table is the layer graph of the architecture page.
const LAYERS: &[(&str, &[&str])] = &[
    ("gfn-env", &[]),
    ("gfn-loss", &[]),
    ("gfn-policy", &["gfn-env", "gfn-loss"]),
    ("gfn-explore", &["gfn-env", "gfn-loss", "gfn-policy"]),
    (
        "gfn-train",
        &["gfn-env", "gfn-loss", "gfn-policy", "gfn-explore"],
    ),
    (
        "gfn-bench",
        &[
            "gfn-env",
            "gfn-loss",
            "gfn-policy",
            "gfn-explore",
            "gfn-train",
        ],
    ),
    (
        "gfn-benches",
        &[
            "gfn-env",
            "gfn-loss",
            "gfn-policy",
            "gfn-explore",
            "gfn-train",
            "gfn-bench",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that promise to build without a family of packages, by the start of its names.
const WITHOUT: &[(&str, &str)] = &[("gfn-env", "burn"), ("xtask", "burn")];

pub(super) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in tree.files() {
        if path == "Cargo.toml" || !(path.ends_with("/Cargo.toml")) {
            continue;
        }
        if let Some(text) = tree.text(path)? {
            check_member(path, &Manifest::parse(&text), &mut problems);
        }
    }
    Ok(problems)
}

fn check_member(path: &str, manifest: &Manifest<'_>, problems: &mut Vec<Problem>) {
    let name = manifest.value("package", "name").unwrap_or_default();
    let required = [
        ("lints", "workspace", "[lints] workspace = true"),
        (
            "package",
            "license.workspace",
            "[package] license.workspace = true",
        ),
    ];
    for (section, key, wanted) in required {
        if manifest.value(section, key) != Some("true") {
            problems.push(format!("{path}: `{wanted}` is missing"));
        }
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        problems.push(format!(
            "{path}: the crate `{name}` is not in the table of layers in xtask/src/tidy/members.rs"
        ));
        return;
    };
    for dependency in manifest.dependencies() {
        let package = dependency.package;
        let internal = LAYERS.iter().any(|(layer, _)| *layer == package);
        // A crate may ask for its own features in its tests.
        if internal && package != name && !allowed.contains(&package) {
            problems.push(format!(
                "{path}:{}: {name} may not depend on {package}: a crate imports only from its left ({})",
                dependency.line,
                if allowed.is_empty() {
                    "here nothing".to_owned()
                } else {
                    allowed.join(", ")
                }
            ));
        }
        let barred = WITHOUT
            .iter()
            .any(|(layer, start)| *layer == name && package.starts_with(start));
        if barred {
            problems.push(format!(
                "{path}:{}: {name} promises to build without {package}",
                dependency.line
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::made_up::MadeUp;

    fn manifest(name: &str, dependencies: &str) -> String {
        format!(
            "[package]\nname = \"{name}\"\nlicense.workspace = true\n[lints]\nworkspace = true\n{dependencies}"
        )
    }

    fn problems_of(path: &str, text: &str) -> Vec<Problem> {
        check(&MadeUp::new(&[(path, text)]).tree()).expect("the tree is read")
    }

    #[test]
    fn dependencies_to_the_left_are_fine() {
        let text = manifest(
            "gfn-explore",
            "[dependencies]\ngfn-env.workspace = true\ngfn-policy.workspace = true\nburn.workspace = true\n",
        );
        assert!(problems_of("crates/gfn-explore/Cargo.toml", &text).is_empty());
    }

    #[test]
    fn dependencies_to_the_right_are_problems_also_for_tests() {
        let text = manifest(
            "gfn-policy",
            "[dev-dependencies]\ngfn-train.workspace = true\n",
        );
        let problems = problems_of("crates/gfn-policy/Cargo.toml", &text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("Cargo.toml:7: gfn-policy may not depend on gfn-train"));
    }

    #[test]
    fn gfn_env_has_no_burn() {
        let text = manifest("gfn-env", "[dependencies]\nburn-tensor = \"1\"\n");
        let problems = problems_of("crates/gfn-env/Cargo.toml", &text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("without burn-tensor"));
    }

    #[test]
    fn lints_licence_and_layer_are_required() {
        let problems = problems_of("crates/new/Cargo.toml", "[package]\nname = \"new\"\n");
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
