//! Environments and rewards.

use super::{EXPERIMENT_FILE, Refused, refused};

pub(super) const REFUSED: &[Refused] = &[
    refused(
        &["--set", "environment.kind=hypergird"],
        &[
            EXPERIMENT_FILE,
            "`environment.kind`",
            "`hypergird`",
            "`hypergrid`",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"curin\"] }",
        ],
        &[EXPERIMENT_FILE, "`environment", "`curin`", "`currin`"],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"branin\"] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`objectives` is [Branin, Branin]",
            "none twice",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`objectives` is []",
            "at least one",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"], weights = [0.5, 0.4] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`weights` is [0.5, 0.4]",
            "sum to 1",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"], weights = [1.0] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`weights` is [1.0]",
            "one weight for each objective",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 4, objectives = [\"branin\", \"currin\"], floor = 0.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`floor` is 0.0",
            "above 0",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"multi-objective-grid\", side = 2000, objectives = [\"branin\", \"currin\"] }",
        ],
        &[EXPERIMENT_FILE, "`environment`", "`side` is 2000", "1024"],
    ),
    refused(
        &["--set", "environment.side=0"],
        &[EXPERIMENT_FILE, "`environment`", "`side` is 0", "between 2"],
    ),
    refused(
        &["--set", "environment.reward.r0=-1"],
        &[
            EXPERIMENT_FILE,
            "`environment.reward`",
            "-1",
            "not negative",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"parentheses\", length = 9, word_bits = 2 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`word_bits` is 2",
            "divide the length",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"parentheses\", reward = { kind = \"deceptive-short\", log_balanced = 0.0, log_short = nan, log_other = -10.0, short_length = 8 } }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment.reward`",
            "`log_short` is NaN",
            "finite",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"antimicrobial-peptide\", max_length = 0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`max_length` is 0",
            "between 1 and 60",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"antimicrobial-peptide\", max_length = 9 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`min_length` is 10",
            "at most `max_length`",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"antimicrobial-peptide\", exponent = 0.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`exponent` is 0",
            "positive and finite",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"antimicrobial-peptide\", beta = 3.0 }",
        ],
        &[EXPERIMENT_FILE, "`environment", "`beta`", "`exponent`"],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"peptide\", max_length = 31 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment.reward`",
            "`max_length` is 31",
            "at most 30",
        ],
    ),
    refused(
        &["--set", "environment={ kind = \"bag\", size = 33 }"],
        &[
            EXPERIMENT_FILE,
            "`environment`",
            "`size` is 33",
            "between 1 and 32",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"bag\", n_letters = 16, size = 32 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment.reward`",
            "`size` is 32",
            "take fewer letters",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"bag\", order = \"prepend\" }",
        ],
        &[EXPERIMENT_FILE, "`environment", "`prepend`", "`append`"],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"deceptive-grid\", dimensions = 2, side = 8, reward = { kind = \"deceptive\", r0 = 0.0, r1 = 0.1, r2 = 2.0 } }",
        ],
        &[
            EXPERIMENT_FILE,
            "`environment.reward`",
            "`r0` is 0",
            "positive",
        ],
    ),
];
