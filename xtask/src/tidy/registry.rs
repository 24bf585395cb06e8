//! Everything that an experiment can name has a page, an experiment and an exact test.
//!
//! The names stand in [`PATH`], one row each; the enums that serde reads experiments into are the other half, so that
//! neither a new variant nor a stale row goes unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::Problem;
use super::rust_text::{variants, words};
use super::tree::Tree;

/// The registry: tab-separated, with the columns of [`HEADER`].
const PATH: &str = "docs/src/registry.tsv";

/// Paths start at the root of the repository; a test is `path::function_name`.
const HEADER: &str = "kind\tname\tpage\texperiment\ttest";

/// An enum whose variants are names in experiment files.
#[derive(Debug, Clone, Copy)]
struct ConfigEnum {
    /// The `kind` column of its rows.
    kind: &'static str,
    /// Where it is defined.
    path: &'static str,
    name: &'static str,
}

/// The enums that experiments are read into. A kind can have several.
///
/// To add one: a line here, then a row in the registry for each of its variants, in kebab case or under the name that
/// `#[serde(rename = "..")]` gives it.
const CONFIG_ENUMS: &[ConfigEnum] = &[
    ConfigEnum {
        kind: "environment",
        path: "crates/gfn-bench/src/experiment/environment.rs",
        name: "EnvironmentConfig",
    },
    ConfigEnum {
        kind: "objective",
        path: "crates/gfn-bench/src/experiment/objective.rs",
        name: "ObjectiveConfig",
    },
    ConfigEnum {
        kind: "backward",
        path: "crates/gfn-bench/src/experiment/backward.rs",
        name: "BackwardTrainingConfig",
    },
    ConfigEnum {
        kind: "backward target",
        path: "crates/gfn-bench/src/experiment/backward.rs",
        name: "BackwardTargetConfig",
    },
    ConfigEnum {
        kind: "costs",
        path: "crates/gfn-train/src/policy_gradient/config.rs",
        name: "Costs",
    },
    ConfigEnum {
        kind: "policy update",
        path: "crates/gfn-train/src/policy_gradient/config.rs",
        name: "PolicyUpdate",
    },
    ConfigEnum {
        kind: "baseline",
        path: "crates/gfn-train/src/policy_gradient/config.rs",
        name: "Baseline",
    },
    ConfigEnum {
        kind: "critic loss",
        path: "crates/gfn-train/src/policy_gradient/config.rs",
        name: "CriticLoss",
    },
    ConfigEnum {
        kind: "regression",
        path: "crates/gfn-loss/src/regression.rs",
        name: "RegressionLoss",
    },
    ConfigEnum {
        kind: "policy",
        path: "crates/gfn-bench/src/experiment/policy.rs",
        name: "PolicyConfig",
    },
    ConfigEnum {
        kind: "guide",
        path: "crates/gfn-bench/src/experiment/objective.rs",
        name: "GuideConfig",
    },
    ConfigEnum {
        kind: "condition",
        path: "crates/gfn-bench/src/experiment/condition.rs",
        name: "ConditionConfig",
    },
    ConfigEnum {
        kind: "behaviour",
        path: "crates/gfn-explore/src/config.rs",
        name: "BehaviourConfig",
    },
    ConfigEnum {
        kind: "source",
        path: "crates/gfn-bench/src/experiment/exploration.rs",
        name: "SourceConfig",
    },
    ConfigEnum {
        kind: "auxiliary reward",
        path: "crates/gfn-explore/src/auxiliary.rs",
        name: "AuxiliaryReward",
    },
    ConfigEnum {
        kind: "intrinsic reward",
        path: "crates/gfn-explore/src/intrinsic/mod.rs",
        name: "IntrinsicConfig",
    },
    ConfigEnum {
        kind: "negatives",
        path: "crates/gfn-explore/src/search/energy_learning.rs",
        name: "Negatives",
    },
    ConfigEnum {
        kind: "replay",
        path: "crates/gfn-explore/src/replay/config.rs",
        name: "Priority",
    },
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    check_enums(tree, CONFIG_ENUMS)
}

fn check_enums(tree: &Tree, enums: &[ConfigEnum]) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for item in enums {
        let found = if tree.exists(item.path) {
            tree.text(item.path)?
                .and_then(|source| variants(&source, item.name))
        } else {
            None
        };
        match found {
            Some(found) => named.entry(item.kind).or_default().extend(found),
            None => problems.push(format!(
                "{}: no enum `{}` here: correct the table in xtask/src/tidy/registry.rs",
                item.path, item.name
            )),
        }
    }
    if !tree.exists(PATH) {
        problems.push(format!("{PATH}: is missing"));
        return Ok(problems);
    }
    let text = tree.text(PATH)?.unwrap_or_default();
    let rows = check_rows(tree, &text, &mut problems)?;
    for (kind, names) in &named {
        for name in names {
            if !rows.iter().any(|(row, _)| *row == (*kind, name.as_str())) {
                problems.push(format!(
                    "{PATH}: the {kind} `{name}` has no row: write its page, experiment and exact test"
                ));
            }
        }
    }
    for ((kind, name), line) in rows {
        match named.get(kind) {
            Some(names) if names.contains(name) => {}
            Some(_) => problems.push(format!(
                "{PATH}:{line}: no enum has the {kind} `{name}`: remove the row or correct its name"
            )),
            None if enums.iter().any(|item| item.kind == kind) => {}
            None => problems.push(format!(
                "{PATH}:{line}: the kind `{kind}` is not in the table in xtask/src/tidy/registry.rs"
            )),
        }
    }
    Ok(problems)
}

/// Checks what the rows point to, and returns their kinds and names with their lines.
fn check_rows<'a>(
    tree: &Tree,
    text: &'a str,
    problems: &mut Vec<Problem>,
) -> Result<BTreeMap<(&'a str, &'a str), usize>> {
    let mut rows = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if index == 0 {
            if line != HEADER {
                problems.push(format!("{PATH}:1: the first line has to be `{HEADER}`"));
            }
            continue;
        }
        let columns: Vec<&str> = line.split('\t').collect();
        let [kind, name, page, experiment, test] = columns[..] else {
            problems.push(format!("{PATH}:{number}: {} columns, not 5", columns.len()));
            continue;
        };
        if rows.insert((kind, name), number).is_some() {
            problems.push(format!("{PATH}:{number}: `{kind} {name}` has two rows"));
        }
        for (what, path) in [("page", page), ("experiment", experiment)] {
            // A page can be a section of a file.
            let file = path.split('#').next().unwrap_or_default();
            if file.is_empty() || !tree.exists(file) {
                problems.push(format!(
                    "{PATH}:{number}: the {what} of {kind} `{name}` does not exist: `{path}`"
                ));
            }
        }
        if !has_test(tree, test)? {
            problems.push(format!(
                "{PATH}:{number}: the test of {kind} `{name}` does not exist: `{test}` has to be path::function_name"
            ));
        }
    }
    Ok(rows)
}

fn has_test(tree: &Tree, test: &str) -> Result<bool> {
    let Some((path, function)) = test.split_once("::") else {
        return Ok(false);
    };
    if path.is_empty() || function.is_empty() || !tree.exists(path) {
        return Ok(false);
    }
    let head = format!("fn {function}");
    Ok(tree
        .text(path)?
        .is_some_and(|source| words(&source, &head).next().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::made_up::MadeUp;

    const ENUMS: &[ConfigEnum] = &[ConfigEnum {
        kind: "objective",
        path: "src/objective.rs",
        name: "ObjectiveConfig",
    }];

    fn problems_of(rows: &str) -> Vec<Problem> {
        let registry = format!("{HEADER}\n{rows}");
        let made_up = MadeUp::new(&[
            (
                "src/objective.rs",
                "pub enum ObjectiveConfig { TrajectoryBalance {} }\n",
            ),
            ("docs/tb.md", "# Trajectory balance\n"),
            ("experiments/tb.toml", ""),
            ("tests/exact.rs", "#[test]\nfn trajectory_balance() {}\n"),
            (PATH, &registry),
        ]);
        check_enums(&made_up.tree(), ENUMS).expect("the tree is read")
    }

    const GOOD: &str = "objective\ttrajectory-balance\tdocs/tb.md#one\texperiments/tb.toml\ttests/exact.rs::trajectory_balance\n";

    #[test]
    fn a_complete_row() {
        assert_eq!(problems_of(GOOD), Vec::<Problem>::new());
    }

    #[test]
    fn a_variant_without_a_row() {
        let problems = problems_of("");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("the objective `trajectory-balance` has no row"));
    }

    #[test]
    fn rows_that_point_nowhere() {
        let broken = GOOD
            .replace("docs/tb.md", "docs/none.md")
            .replace("tb.toml", "none.toml")
            .replace("::trajectory_balance", "::trajectory");
        let problems = problems_of(&broken);
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[test]
    fn stale_double_foreign_and_short_rows() {
        let stale = GOOD.replace("trajectory-balance", "old");
        assert_eq!(problems_of(&format!("{GOOD}{stale}")).len(), 1);
        assert_eq!(problems_of(&format!("{GOOD}{GOOD}")).len(), 1);
        let foreign = GOOD.replace("objective", "animal");
        assert_eq!(problems_of(&format!("{GOOD}{foreign}")).len(), 1);
        assert_eq!(problems_of(&format!("{GOOD}objective\n")).len(), 1);
    }

    #[test]
    fn a_missing_enum_and_a_missing_registry() {
        let made_up = MadeUp::new(&[("a", "")]);
        let problems = check_enums(&made_up.tree(), ENUMS).expect("the tree is read");
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
