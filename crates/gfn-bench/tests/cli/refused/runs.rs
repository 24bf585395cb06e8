//! Budgets, evaluation, optimisers, devices and the file as a whole.

use super::{EXPERIMENT_FILE, Refused, refused};

pub(super) const REFUSED: &[Refused] = &[
    refused(
        &["--set", "evaluation.evry=3"],
        &[
            EXPERIMENT_FILE,
            "`evaluation.evry`",
            "unknown field",
            "`every`",
        ],
    ),
    refused(
        &["--set", "budget.iterations=many"],
        &[
            EXPERIMENT_FILE,
            "`budget.iterations`",
            "\"many\"",
            "expected u64",
        ],
    ),
    refused(
        &["--set", "budget.iterations=-4"],
        &[EXPERIMENT_FILE, "`budget.iterations`", "-4"],
    ),
    refused(
        &["--set", "name=a/b"],
        &[EXPERIMENT_FILE, "`name`", "\"a/b\"", "use letters"],
    ),
    refused(
        &["--set", "budget.batch_size=0"],
        &[
            EXPERIMENT_FILE,
            "`budget.batch_size`",
            "between 1 and 65536",
        ],
    ),
    refused(
        &["--set", "loss_scale=nan"],
        &[EXPERIMENT_FILE, "`loss_scale`", "positive and finite"],
    ),
    refused(
        &["--set", "optimiser.learning_rate=-1"],
        &[EXPERIMENT_FILE, "`optimiser`", "learning_rate", "-1"],
    ),
    refused(
        &["--set", "evaluation.best=loss"],
        &[
            EXPERIMENT_FILE,
            "`evaluation`",
            "\"loss\"",
            "use one of exact.tv",
        ],
    ),
    refused(
        &["--set", "device=gpu"],
        &[EXPERIMENT_FILE, "`device`", "\"gpu\"", "use one of flex"],
    ),
    refused(
        &["--device", "gpu"],
        &["device", "\"gpu\"", "use one of flex"],
    ),
    refused(
        &["--set", "budget.iterations"],
        &["--set", "budget.iterations", "write key=value"],
    ),
    refused(&["--set", "=3"], &["--set", "the key is empty"]),
    refused(
        &["--set", "budget.iterations.x=3"],
        &["--set", "`iterations` is not a table"],
    ),
    refused(
        &["--set", "evaluation.exact_max_states=3"],
        &["evaluation.exact_max_states", "another experiment"],
    ),
    refused(
        &["--set", "optimiser.learning_rate=0.5", "--seed", "7"],
        &[
            "another experiment",
            "`optimiser.learning_rate` is 0.05 there and 0.5 here",
            "`seed` is 0 there and 7 here",
            "choose another folder with --out, or delete it",
        ],
    ),
];
