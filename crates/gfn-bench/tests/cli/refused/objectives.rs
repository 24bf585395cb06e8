//! Objectives, regressions, backward policies and noise.

use super::{EXPERIMENT_FILE, Refused, refused};

pub(super) const REFUSED: &[Refused] = &[
    refused(
        &["--set", "regression.kind=linx"],
        &[EXPERIMENT_FILE, "`regression.kind`", "`linx`", "`linex`"],
    ),
    refused(
        &["--set", "regression={ kind = \"squared\", delta = 1 }"],
        &[EXPERIMENT_FILE, "`regression", "`delta`"],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"sub-trajectory-balance\", lambda = 0 }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "lambda = 0", "positive"],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"divergence\", divergence = { kind = \"renyi-alpha\", alpha = 1.0 } }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "alpha"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"tabular\", backward = \"uniform\" }",
            "--set",
            "objective={ kind = \"policy-gradient\" }",
            "--set",
            "regression={ kind = \"shifted-cosh\" }",
        ],
        &[EXPERIMENT_FILE, "`regression`", "no residuals"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"edge-flow\", backward = \"uniform\" }",
            "--set",
            "objective={ kind = \"policy-gradient\", update = { kind = \"trust-region\" } }",
        ],
        &[EXPERIMENT_FILE, "`objective.update`", "forward-mode", "mlp"],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"policy-gradient\", update = { kind = \"proximal-policy\", clip = 1.5 } }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "clip", "below 1"],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"policy-gradient\", baseline = { kind = \"critic\", lambda = 2 } }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "lambda", "between 0 and 1"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"tabular\" }",
            "--set",
            "objective={ kind = \"policy-gradient\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`backward_training`",
            "policy.backward = \"uniform\"",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"tfbind8\" }",
            "--set",
            "policy={ kind = \"mlp\", trunk = \"separate\" }",
            "--set",
            "backward_training={ kind = \"policy-gradient\", target = { kind = \"suppressed-exit\", log_reward = -4.6 } }",
        ],
        &[
            EXPERIMENT_FILE,
            "`backward_training`",
            "every state may stop",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"mlp\" }",
            "--set",
            "backward_training={ kind = \"policy-gradient\" }",
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
            "policy={ kind = \"tabular\", backward = \"uniform\" }",
            "--set",
            "objective={ kind = \"soft-dqn\", munchausen = 1.0 }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "munchausen", "below 1"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"tabular\" }",
            "--set",
            "objective={ kind = \"soft-dqn\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`backward_training`",
            "soft-dqn takes P_B as given",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"tabular\", backward = \"uniform\" }",
            "--set",
            "objective={ kind = \"policy-gradient\", costs = { kind = \"log-reward\", temperature = -1 } }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "temperature", "at least 0"],
    ),
    refused(
        &["--set", "reward_noise=-0.1"],
        &[EXPERIMENT_FILE, "`reward_noise`", "not negative"],
    ),
    refused(
        &[
            "--set",
            "reward_noise=0.1",
            "--set",
            "objective={ kind = \"modified-detailed-balance\" }",
        ],
        &[EXPERIMENT_FILE, "`reward_noise`", "along the way"],
    ),
    refused(
        &[
            "--set",
            "reward_noise=0.1",
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"mcmc\", chains = 2, back_track = { kind = \"steps\", steps = 1 } } }] }",
        ],
        &[EXPERIMENT_FILE, "`reward_noise`", "mcmc"],
    ),
    refused(
        &["--set", "objective={ kind = \"maximum-likelihood\" }"],
        &[EXPERIMENT_FILE, "`objective`", "missing field `objects`"],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"tfbind8\" }",
            "--set",
            "objective={ kind = \"forward-looking-detailed-balance\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`objective`",
            "energies of partial objects",
        ],
    ),
    refused(
        &[
            "--set",
            "environment={ kind = \"tfbind8\" }",
            "--set",
            "objective={ kind = \"modified-detailed-balance\" }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "every state may stop"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"mlp\" }",
            "--set",
            "backward_training={ kind = \"pessimistic\" }",
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
            "policy={ kind = \"tabular\" }",
            "--set",
            "backward_training={ kind = \"maximum-entropy\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`backward_training`",
            "policy.backward = \"uniform\"",
        ],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"augmented-trajectory-balance\" }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "missing field `weight`"],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"augmented-trajectory-balance\", weight = -1.0 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`objective`",
            "weight",
            "-1",
            "not be negative",
        ],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"augmented-trajectory-balance\", weight = { kind = \"linear\", from = 1.0, to = 0.0, iterations = 0 } }",
        ],
        &[
            EXPERIMENT_FILE,
            "`objective`",
            "weight",
            "at least one iteration",
        ],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"augmented-trajectory-balance\", weight = 1.0, intrinsic = { kind = \"random-network-distillation\", outputs = 0 } }",
        ],
        &[
            EXPERIMENT_FILE,
            "`objective`",
            "intrinsic",
            "outputs = 0",
            "at least 1",
        ],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"augmented-trajectory-balance\", weight = 1.0, intrinsic = { kind = \"state-count\" } }",
        ],
        &[
            EXPERIMENT_FILE,
            "`objective",
            "`state-count`",
            "`state-counts`",
        ],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"augmented-trajectory-balance\", wieght = 1.0 }",
        ],
        &[EXPERIMENT_FILE, "`objective", "`wieght`", "`weight`"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"mlp\", backward = \"uniform\" }",
            "--set",
            "objective={ kind = \"guided-trajectory-balance\", alpha = 1.5 }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "alpha = 1.5", "between 0"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"mlp\", backward = \"uniform\" }",
            "--set",
            "objective={ kind = \"guided-trajectory-balance\", alpha = 1, guide = { kind = \"substructure\", uniform_share = 0 } }",
        ],
        &[EXPERIMENT_FILE, "`objective`", "guide", "`uniform_share`"],
    ),
    refused(
        &[
            "--set",
            "objective={ kind = \"guided-trajectory-balance\", alpha = 0.5 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`backward_training`",
            "backward_training.kind = \"guided\"",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"mlp\", trunk = \"separate\" }",
            "--set",
            "backward_training={ kind = \"guided\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`backward_training`",
            "guided-trajectory-balance",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"tabular\" }",
            "--set",
            "backward_training={ kind = \"learned-maximum-entropy\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`backward_training`",
            "policy.backward = \"uniform\"",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"mlp\", backward = \"uniform\" }",
            "--set",
            "backward_training={ kind = \"learned-maximum-entropy\", hidden = [0] }",
        ],
        &[EXPERIMENT_FILE, "`backward_training`", "hidden = [0]"],
    ),
];
