//! Policies and conditions.

use super::{EXPERIMENT_FILE, Refused, refused};

pub(super) const REFUSED: &[Refused] = &[
    refused(
        &["--set", "policy={ kind = \"edge-flow\", hidden = [] }"],
        &[
            EXPERIMENT_FILE,
            "`policy`",
            "hidden = []",
            "at least one layer",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"tabular\", children = \"aggregated\" }",
        ],
        &[EXPERIMENT_FILE, "`policy", "unknown field `children`"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"transformer\", width = 30, heads = 4 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`policy`",
            "width = 30",
            "no multiple of heads = 4",
        ],
    ),
    refused(
        &["--set", "policy={ kind = \"transformer\", layers = 0 }"],
        &[EXPERIMENT_FILE, "`policy`", "layers = 0", "at least 1"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"transformer\", attention = \"causal\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`policy`",
            "attention = \"causal\"",
            "does not append",
            "attention = \"bidirectional\"",
        ],
    ),
    refused(
        &["--set", "policy={ kind = \"transformer\", hidden = [16] }"],
        &[EXPERIMENT_FILE, "`policy", "unknown field `hidden`"],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"phylogeny\", data = { kind = \"simulated\", n_taxa = 4, n_sites = 8, branch_length = 0.3, seed = 1 }, reward = { kind = \"parsimony\", temperature = 4.0 } }",
            "--set",
            "policy={ kind = \"transformer\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`policy`",
            "tokens are features that are 1",
            "policy.kind = \"mlp\"",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"transformer\" }",
            "--set",
            "behaviour={ kind = \"noisy-layers\", sigma = 0.1 }",
        ],
        &[EXPERIMENT_FILE, "`behaviour`", "policy.kind = \"mlp\""],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"transformer\" }",
            "--set",
            "backward_training={ kind = \"trajectory-likelihood\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`backward_training`",
            "policy.trunk = \"separate\"",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"transformer\" }",
            "--set",
            "condition={ kind = \"temperature\", values = [0.5, 1.0] }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "policy.kind = \"mlp\""],
    ),
    refused(
        &["--set", "condition={ kind = \"temperature\" }"],
        &[EXPERIMENT_FILE, "`condition`", "`values`", "`range`"],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"temperature\", values = [1.0, -2.0] }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "-2", "not negative"],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"temperature\", values = [1.0, 1.0] }",
            "--set",
            "policy={ kind = \"mlp\" }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "`values`", "different"],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"temperature\", values = [0.5, 1.0] }",
            "--set",
            "objective={ kind = \"detailed-balance\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "no log Z of a condition",
            "trajectory-balance",
        ],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"temperature\", range = { from = 0.5, to = 1.0 } }",
            "--set",
            "objective={ kind = \"log-partition-variance\" }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "`range`", "`values`"],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"temperature\", values = [0.5, 1.0] }",
            "--set",
            "policy={ kind = \"tabular\" }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "policy.kind = \"mlp\""],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"temperature\", values = [0.5, 1.0] }",
            "--set",
            "policy={ kind = \"mlp\" }",
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacity = 50, priority = { kind = \"uniform\" } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "replay",
            "exploration.sources",
        ],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"temperature\", values = [0.5, 1.0] }",
            "--set",
            "policy={ kind = \"mlp\", backward = \"uniform\" }",
            "--set",
            "backward_training={ kind = \"maximum-entropy\" }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "\"with-objective\""],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"temperature\", values = [0.5, 1.0] }",
            "--set",
            "evaluation.best=exact.jsd",
            "--set",
            "policy={ kind = \"mlp\" }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "exact.jsd", "use exact.tv"],
    ),
    refused(
        &[
            "--set",
            "condition={ kind = \"preference\", concentration = 1.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "one objective",
            "multi-objective-grid",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentration = 1.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "one objective",
            "at least two `objectives`",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", exponent = 2.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`values`",
            "`concentration`",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", values = [[1.0, 0.0]], concentration = 1.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`values`",
            "`concentration`",
            "one of them",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", values = [[0.5, 0.6]] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`values` is [0.5, 0.6]",
            "sum to 1",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", values = [[1.5, -0.5]] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`values` is [1.5, -0.5]",
            "negative",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", values = [[0.5, 0.25, 0.25]] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`values` is [0.5, 0.25, 0.25]",
            "one weight for each objective",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", values = [] }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "`values` is empty"],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", values = [[1.0, 0.0], [1.0, 0.0]] }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "`values`", "different"],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentration = 0.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`concentration` is [0.0, 0.0]",
            "above 0",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentration = -1.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`concentration` is [-1.0, -1.0]",
            "above 0",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentration = 1.0, exponent = 0.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`exponent` is 0.0",
            "above 0",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentration = 1.0, measured = [] }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "`measured` is empty"],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentration = 1.0, measured = [[0.5, 0.4]] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`measured` is [0.5, 0.4]",
            "sum to 1",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentration = 1.0 }",
            "--set",
            "policy={ kind = \"mlp\" }",
            "--set",
            "objective={ kind = \"log-partition-variance\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition`",
            "`concentration`",
            "`values`",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentration = 1.0 }",
        ],
        &[EXPERIMENT_FILE, "`condition`", "policy.kind = \"mlp\""],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"] }",
            "--set",
            "condition={ kind = \"preference\", concentratoin = 1.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`condition",
            "`concentratoin`",
            "`concentration`",
        ],
    ),
];
