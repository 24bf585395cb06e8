//! Bad input ends with a message that names file, key and remedy, and leaves what was there as it was.

use crate::program::{
    GRID, Place, TINY, assert_same_run, fail_saying, files, gfn_bench, metrics, succeed,
};
use gfn_train::Checkpoint;
use std::fs;
use std::path::Path;

/// A refused `--set` (or `--device`) and what the message has to say.
struct Refused {
    arguments: &'static [&'static str],
    says: &'static [&'static str],
}

const fn refused(arguments: &'static [&'static str], says: &'static [&'static str]) -> Refused {
    Refused { arguments, says }
}

const EXPERIMENT_FILE: &str = "experiment.toml: at ";

const REFUSED: &[Refused] = &[
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
        &["--set", "regression.kind=linx"],
        &[EXPERIMENT_FILE, "`regression.kind`", "`linx`", "`linex`"],
    ),
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
            "objective={ kind = \"divergence\", divergence = { kind = \"reverse-kl\" } }",
            "--set",
            "behaviour={ kind = \"epsilon-uniform\", epsilon = 0.1 }",
        ],
        &[EXPERIMENT_FILE, "`behaviour`", "on-policy"],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"tabular\", backward = \"uniform\" }",
            "--set",
            "objective={ kind = \"policy-gradient\" }",
            "--set",
            "behaviour={ kind = \"epsilon-uniform\", epsilon = 0.1 }",
        ],
        &[
            EXPERIMENT_FILE,
            "`behaviour`",
            "`policy-gradient`",
            "on-policy",
        ],
    ),
    refused(
        &[
            "--set",
            "policy={ kind = \"tabular\", backward = \"uniform\" }",
            "--set",
            "objective={ kind = \"policy-gradient\" }",
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"mcmc\", chains = 2, back_track = { kind = \"steps\", steps = 1 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "`policy-gradient`",
            "mcmc",
        ],
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
            "behaviour={ kind = \"mixture\", parts = [{ weight = 0.5, behaviour = { kind = \"on-policy\" } }] }",
        ],
        &[EXPERIMENT_FILE, "`behaviour`", "0.5", "sum to 1"],
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
        &[
            "--set",
            "policy={ kind = \"tabular\" }",
            "--set",
            "behaviour={ kind = \"noisy-layers\", sigma = 0.5 }",
        ],
        &[EXPERIMENT_FILE, "`behaviour`", "policy.hidden"],
    ),
    refused(
        &["--set", "behaviour={ kind = \"noisy-layers\", sigma = -1 }"],
        &[EXPERIMENT_FILE, "`behaviour`", "-1", "[0, 1000]"],
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
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.4, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guided\" } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sum to 0.9",
            "on_policy = 0.6",
        ],
    ),
    refused(
        &["--set", "exploration={ on_policy = 0.5 }"],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sum to 0.5",
            "on_policy = 1",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 1.0, sources = [{ share = 0, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guided\" } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sources[0].share = 0",
            "above 0",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = -0.5, sources = [{ share = 1.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guided\" } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "on_policy = -0.5",
            "[0, 1]",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guided\", lambda = -1.0 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sources[0].source",
            "lambda",
            "-1",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guidet\" } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration.sources",
            "`loss-guidet`",
            "`loss-guided`",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"novelty\", intrinsic = { kind = \"state-counts\", scale = 0.0 } } } }] }",
        ],
        &[EXPERIMENT_FILE, "`exploration`", "scale = 0", "positive"],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guided\" }, period = 0 } }] }",
        ],
        &[EXPERIMENT_FILE, "`exploration`", "period", "at least 1"],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guided\" }, perod = 2 } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration.sources",
            "`perod`",
            "`period`",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guided\" } } }] }",
            "--set",
            "objective={ kind = \"divergence\", divergence = { kind = \"reverse-kl\" } }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "`divergence`",
            "auxiliary-agent",
            "trajectory-balance",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"loss-guided\" }, objective = \"main\" } }] }",
            "--set",
            "objective={ kind = \"flow-matching\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "objective = \"main\"",
            "objective = \"trajectory-balance\"",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"auxiliary-agent\", reward = { kind = \"adaptive-teacher\" } } }] }",
            "--set",
            "objective={ kind = \"flow-matching\" }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "`adaptive-teacher`",
            "`loss-guided`",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"thompson\", heads = 1 } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sources[0].source",
            "`heads` is 1",
            "between 2",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"thompson\", heads = 5000 } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sources[0].source",
            "`heads` is 5000",
            "between 2",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"thompson\", mask_probability = 0.0 } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sources[0].source",
            "`mask_probability` is 0",
            "above 0",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"thompson\", mask_probability = 1.5 } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sources[0].source",
            "`mask_probability` is 1.5",
            "at most 1",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"thompson\", prior_scale = -1.0 } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sources[0].source",
            "`prior_scale` is -1",
            "not be negative",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"thompson\", prior_hidden = [8, 0] } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration`",
            "sources[0].source",
            "`prior_hidden`",
            "at least one unit",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"thompson\", head = 3 } }] }",
        ],
        &[EXPERIMENT_FILE, "`exploration.sources", "`head`", "`heads`"],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"thompson\" } }] }",
            "--set",
            "objective={ kind = \"divergence\", divergence = { kind = \"reverse-kl\" } }",
        ],
        &[EXPERIMENT_FILE, "`exploration`", "`divergence`", "thompson"],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacity = 0, priority = { kind = \"uniform\" } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "sources[0].source",
            "`capacity` is 0",
            "at least one",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacity = 50, priority = { kind = \"prt\", percentile = 1.0 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "`priority.percentile` is 1",
            "between 0 and 1",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacity = 50, priority = { kind = \"diversity-cutoff\", cutoff = -2.0 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "`priority.cutoff` is -2",
            "not negative",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacity = 50, priority = { kind = \"rank-prioritised\", k = 0.0 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "`priority.k` is 0",
            "positive",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacity = 50, priority = { kind = \"best\" } } }] }",
        ],
        &[EXPERIMENT_FILE, "`exploration", "`best`", "`prt`"],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacty = 50, priority = { kind = \"uniform\" } } }] }",
        ],
        &[EXPERIMENT_FILE, "`exploration", "`capacty`", "`capacity`"],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"replay\", capacity = 50, distinct = false, priority = { kind = \"prt\" } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "`distinct`",
            "leave the key out",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"local-search\", rounds = 0, back_track = { kind = \"steps\", steps = 2 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "`rounds` is 0",
            "between 1",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"local-search\", rounds = 2, back_track = { kind = \"steps\", steps = 0 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "`back_track.steps` is 0",
            "at least one edge",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"local-search\", rounds = 2, back_track = { kind = \"share\", share = 1.5 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "`back_track.share` is 1.5",
            "at most 1",
        ],
    ),
    refused(
        &[
            "--set",
            "exploration={ on_policy = 0.5, sources = [{ share = 0.5, source = { kind = \"mcmc\", chains = 0, back_track = { kind = \"up-to\", steps = 2 } } }] }",
        ],
        &[
            EXPERIMENT_FILE,
            "`exploration",
            "`chains` is 0",
            "between 1",
        ],
    ),
];

#[test]
fn wrong_settings_are_refused_and_a_finished_run_stays() {
    let place = Place::new(TINY);
    succeed(&mut place.run("run"));
    let before = files(&place.join("run"));
    for Refused { arguments, says } in REFUSED {
        fail_saying(place.run("run").args(*arguments), says);
        assert!(files(&place.join("run")) == before, "{arguments:?}");
    }
}

#[test]
fn a_folder_where_nothing_was_trained_takes_the_corrected_experiment() {
    let place = Place::new(TINY);
    let too_many = ["--set", "evaluation.exact_max_states=3"];
    fail_saying(
        place.run("run").args(too_many),
        &["evaluation.exact_max_states", "tabular", "kind = \"mlp\""],
    );
    assert!(place.join("run").join("failure.txt").exists());
    succeed(&mut place.run("run"));
    assert!(!place.join("run").join("failure.txt").exists());
}

#[test]
fn files_that_are_missing_or_no_experiment() {
    let place = Place::new("name = [");
    let run = |path: &Path| {
        let mut command = gfn_bench();
        command
            .arg("run")
            .arg(path)
            .arg("--out")
            .arg(place.join("run"));
        command
    };
    fail_saying(
        &mut run(&place.join("missing.toml")),
        &["missing.toml", "cannot read", "check the path"],
    );
    fail_saying(
        &mut run(&place.experiment()),
        &["experiment.toml", "not valid TOML", "line 1"],
    );
    fs::write(place.experiment(), "name = \"x\"\n").expect("it can be written");
    fail_saying(
        &mut run(&place.experiment()),
        &["experiment.toml", "missing field `environment`"],
    );
    assert!(!place.join("run").exists());
    for command in ["resume", "sample"] {
        fail_saying(
            gfn_bench().arg(command).arg(place.path()),
            &["is not a run folder", "config.toml"],
        );
    }
    fail_saying(
        gfn_bench().arg("report").arg(place.join("nowhere")),
        &["nowhere"],
    );
    fail_saying(
        gfn_bench()
            .arg("compare")
            .arg(place.path())
            .arg(place.join("nowhere")),
        &["holds no run", "config.toml"],
    );
}

#[test]
fn a_device_that_is_not_compiled_in() {
    let Some(missing) = gfn_bench::Backend::all().find(|b| !b.is_compiled()) else {
        return;
    };
    let place = Place::new(TINY);
    let feature = format!("--features {}", missing.name());
    fail_saying(
        place.run("run").args(["--device", missing.name()]),
        &["device", "is not compiled in", &feature],
    );
}

/// Neither Vulkan nor, where wgpu looks next, OpenGL.
#[test]
#[cfg(all(feature = "wgpu", target_os = "linux"))]
fn wgpu_without_a_driver_is_an_error_and_no_crash() {
    let place = Place::new(TINY);
    fail_saying(
        place
            .run("run")
            .args(["--device", "wgpu"])
            .env("VK_ICD_FILENAMES", "/nonexistent")
            .env("VK_DRIVER_FILES", "/nonexistent")
            .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent"),
        &[
            "`device`",
            "wgpu cannot be opened",
            "mesa-vulkan-drivers",
            "--device flex",
        ],
    );
}

/// A run that stands at 40 of 60 iterations.
fn unfinished(place: &Place, run: &str) {
    succeed(place.run(run).args(["--set", "budget.iterations=40"]));
}

#[test]
fn checkpoints_that_are_cut_short_foreign_or_of_another_experiment() {
    let place = Place::new(GRID);
    unfinished(&place, "run");
    unfinished(&place, "good");
    succeed(
        place
            .run("other")
            .args(["--set", "budget.iterations=20", "--seed", "1"]),
    );
    let run = place.join("run");
    let path = run.join("checkpoint.safetensors");
    let good = fs::read(&path).expect("the run has a checkpoint");
    let other = fs::read(place.join("other").join("checkpoint.safetensors"))
        .expect("the run has a checkpoint");
    let foreign = fs::read(run.join("policy.safetensors")).expect("the run has a policy");
    let cut = &good[..good.len() / 2];
    for (content, says) in [
        (cut, "cannot continue from"),
        (&good[..5], "cannot continue from"),
        (b"", "cannot continue from"),
        (&foreign, "not a checkpoint of this program"),
        (&other, "belongs to another experiment"),
    ] {
        fs::write(&path, content).expect("it can be written");
        let mut before = files(&run);
        fail_saying(
            &mut place.run("run"),
            &["checkpoint.safetensors", says, "delete it to start again"],
        );
        let mut after = files(&run);
        assert!(after.remove("failure.txt").is_some());
        before.remove("failure.txt");
        // The folder has taken the longer budget; all that the first 40 iterations left is untouched.
        assert!(before.remove("config.toml").is_some() && after.remove("config.toml").is_some());
        assert!(before == after, "{says}");
    }
    fs::write(&path, &good).expect("it can be written");
    succeed(&mut place.run("run"));
    succeed(&mut place.run("good"));
    assert_same_run(&place.join("good"), &run);
}

#[test]
fn a_damaged_source_in_a_checkpoint_is_named_with_its_file() {
    let auxiliary = format!(
        "{GRID}\n[exploration]\non_policy = 0.5\n[[exploration.sources]]\nshare = 0.5\n\
         source = {{ kind = \"auxiliary-agent\", reward = {{ kind = \"novelty\" }} }}\n"
    );
    let place = Place::new(&auxiliary);
    unfinished(&place, "run");
    unfinished(&place, "good");
    let path = place.join("run").join("checkpoint.safetensors");
    let good = fs::read(&path).expect("the run has a checkpoint");
    let mut damaged = Checkpoint::load(&path).expect("it is whole");
    let state = &mut damaged.trainer.sources[0].bytes;
    assert!(
        state
            .get_mut("intrinsic")
            .is_some_and(|bytes| bytes.pop().is_some())
    );
    damaged.save(&path).expect("it can be written");
    fail_saying(
        &mut place.run("run"),
        &["checkpoint.safetensors", "auxiliary-agent", "`intrinsic`"],
    );
    fs::write(&path, &good).expect("it can be written");
    succeed(&mut place.run("run"));
    succeed(&mut place.run("good"));
    assert_same_run(&place.join("good"), &place.join("run"));
    let rows = metrics(&place.join("run"));
    let figure = "source.auxiliary-agent.log_reward";
    assert!(rows.contains(figure), "{figure} is recorded");
}

#[test]
fn a_policy_that_does_not_fit_is_not_sampled_from() {
    let place = Place::new(GRID);
    unfinished(&place, "run");
    let run = place.join("run");
    let policy = run.join("policy.safetensors");
    let bytes = fs::read(&policy).expect("the run has a policy");
    fs::write(&policy, &bytes[..bytes.len() / 2]).expect("it can be written");
    let sample = || {
        let mut command = gfn_bench();
        command.arg("sample").arg(&run).args(["-n", "3"]);
        command
    };
    fail_saying(&mut sample(), &["policy.safetensors"]);
    let tiny = Place::new(TINY);
    succeed(&mut tiny.run("run"));
    fs::copy(tiny.join("run").join("policy.safetensors"), &policy).expect("it can be copied");
    fail_saying(&mut sample(), &["run"]);
}

#[test]
fn training_that_diverges_names_step_and_quantity_and_keeps_what_it_had() {
    let place = Place::new(GRID);
    let run = place.join("run");
    fail_saying(
        place
            .run("run")
            .args(["--set", "regression={ kind = \"linex\", alpha = 1000 }"]),
        &["iteration ", "the loss is", "Lower the learning rate"],
    );
    let failure = fs::read_to_string(run.join("failure.txt")).expect("the reason is kept");
    assert!(failure.contains("the loss is"), "{failure}");
    assert!(metrics(&run).lines().count() > 10);
    assert!(run.join("checkpoint.safetensors").exists());
    assert!(!run.join("summary.json").exists());
}

#[test]
fn folders_that_cannot_be_made() {
    let place = Place::new(TINY);
    fs::write(place.join("a-file"), "kept").expect("it can be written");
    let out = place.join("a-file").join("run");
    fail_saying(
        gfn_bench()
            .arg("run")
            .arg(place.experiment())
            .arg("--out")
            .arg(out),
        &["cannot make the folder", "a-file"],
    );
    assert!(fs::read(place.join("a-file")).is_ok_and(|text| text == b"kept"));
    if cfg!(target_os = "linux") {
        // Nobody can make a folder there, not even root.
        fail_saying(
            gfn_bench()
                .arg("run")
                .arg(place.experiment())
                .args(["--out", "/proc/gfn-bench-run"]),
            &["cannot make the folder", "/proc/gfn-bench-run"],
        );
    }
}
