//! Behaviours and sources of trajectories.

use super::{EXPERIMENT_FILE, Refused, refused};

pub(super) const REFUSED: &[Refused] = &[
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
            "behaviour={ kind = \"mixture\", parts = [{ weight = 0.5, behaviour = { kind = \"on-policy\" } }] }",
        ],
        &[EXPERIMENT_FILE, "`behaviour`", "0.5", "sum to 1"],
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
