//! Sampled objects follow the exact distribution of the behaviour, by G-tests at fixed seeds.
//!
//! Each test draws 20,000 trajectories for each of three seeds and refuses at a level of 1e-4: a sampler that is right
//! fails for one seed in ten thousand, and the seeds are fixed. Every test also shows that it can tell: the same counts
//! are refused for a neighbouring behaviour.

use burn::tensor::Device;
use gfn_env::rand::RngExt as _;
use gfn_env::{
    Environment as _, Features, Hypergrid, Indexed, LogRewardFn, Purpose, StateGraph, Streams,
};
use gfn_explore::{Behaviour, BehaviourConfig, Schedule};
use gfn_policy::{
    BackwardPolicy, HostPolicy, Policy as _, RolloutKey, TabularPolicy, Workspace,
    named_parameters, rollout, with_parameters,
};

const N: usize = 20_000;
const SEEDS: [u64; 3] = [0, 1, 2];

type Grid = Indexed<Hypergrid>;

fn grid() -> Grid {
    Indexed::new(Hypergrid::new(2, 5).expect("a grid"), 100).expect("fifty states")
}

/// A table of logits uniform in ±2: probabilities of neighbouring actions differ by a factor of up to 50.
fn policy(env: &Grid) -> Box<dyn HostPolicy> {
    let table = TabularPolicy::new(env, BackwardPolicy::Uniform, &Device::flex());
    let mut tensors = named_parameters(&table);
    let mut rng = Streams::new(99).rng(Purpose::Init, 0, 0);
    for value in tensors.values_mut().flat_map(|t| &mut t.values) {
        *value = rng.random_range(-2.0..2.0);
    }
    with_parameters(table, &tensors)
        .expect("its own shapes")
        .sampler()
}

/// The exact terminal distribution where `behaviour` turns the logits of the allowed actions into probabilities.
fn exact(env: &Grid, policy: &dyn HostPolicy, behaviour: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let a = env.n_actions();
    env.graph()
        .terminal_distribution(|states, out| {
            for (state, row) in states.iter().zip(out.chunks_mut(a)) {
                let mut features = Features::new(env.n_features());
                env.encode(state, &mut features.push_row());
                let (mut logits, mut allowed) = (Vec::new(), vec![false; a]);
                policy.forward_logits(&features, &mut Workspace::default(), &mut logits);
                env.forward_mask(state, &mut allowed);
                let indices: Vec<usize> = (0..a).filter(|i| allowed[*i]).collect();
                let choices: Vec<f64> = indices.iter().map(|i| f64::from(logits[*i])).collect();
                row.fill(f64::NEG_INFINITY);
                for (i, p) in indices.into_iter().zip(behaviour(&choices)) {
                    row[i] = p.ln();
                }
            }
        })
        .expect("rows of probabilities")
}

/// `softmax(logits / temperature)`.
fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
    let weights: Vec<f64> = logits.iter().map(|l| (l / temperature).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

/// `(1 − ε) p + ε / n`.
fn mixed(p: Vec<f64>, epsilon: f64) -> Vec<f64> {
    let share = epsilon / p.len() as f64;
    p.iter().map(|p| (1.0 - epsilon) * p + share).collect()
}

/// How often each object was sampled at `iteration`.
fn counts(
    env: &Grid,
    policy: &dyn HostPolicy,
    behaviour: &dyn Behaviour,
    seed: u64,
    iteration: u32,
) -> Vec<u64> {
    let key = RolloutKey {
        streams: Streams::new(seed),
        purpose: Purpose::Rollout,
        iteration,
    };
    let none = LogRewardFn(|_: &_| 0.0);
    let batch = rollout(env, &none, policy, behaviour, key, N).expect("a correct environment");
    let graph: &StateGraph<_> = env.graph();
    let mut counts = vec![0; graph.terminals().len()];
    for object in batch.terminals() {
        let i = graph.index_of(object).expect("a state of the grid");
        counts[i - graph.n_non_terminal()] += 1;
    }
    counts
}

/// Whether a G-test refuses that `counts` were drawn with `probabilities`, at a level of 1e-4.
///
/// `G = 2 Σ n ln(n / E)` over cells of at least five expected draws (the others are merged), against the chi-square
/// distribution by the cube-root approximation of Wilson and Hilferty.
fn refused(counts: &[u64], probabilities: &[f64]) -> bool {
    assert_eq!(counts.len(), probabilities.len());
    let n = counts.iter().sum::<u64>() as f64;
    let mut cells = Vec::new();
    let mut rest = (0.0, 0.0);
    for (&count, p) in counts.iter().zip(probabilities) {
        if n * p < 5.0 {
            rest = (rest.0 + count as f64, rest.1 + n * p);
        } else {
            cells.push((count as f64, n * p));
        }
    }
    if rest.0 > 0.0 || rest.1 > 0.0 {
        cells.push(rest);
    }
    let g: f64 = cells
        .iter()
        .filter(|(observed, _)| *observed > 0.0)
        .map(|(observed, expected)| 2.0 * observed * (observed / expected).ln())
        .sum();
    let k = (cells.len() - 1) as f64;
    let z = ((g / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt();
    // Upper 1e-4 quantile of the normal distribution.
    z > 3.719
}

/// Samples with `config` fit `right` and do not fit `wrong`.
fn check(
    config: &BehaviourConfig,
    iteration: u32,
    right: impl Fn(&[f64]) -> Vec<f64>,
    wrong: impl Fn(&[f64]) -> Vec<f64>,
) {
    let env = grid();
    let policy = policy(&env);
    let behaviour = config.build().expect("schedules in range");
    let (right, wrong) = (
        exact(&env, policy.as_ref(), right),
        exact(&env, policy.as_ref(), wrong),
    );
    for seed in SEEDS {
        let counts = counts(&env, policy.as_ref(), behaviour.as_ref(), seed, iteration);
        assert!(!refused(&counts, &right), "seed {seed}: {counts:?}");
        assert!(refused(&counts, &wrong), "seed {seed} tells nothing");
    }
}

#[test]
fn on_policy_samples_follow_the_exact_distribution() {
    check(
        &BehaviourConfig::OnPolicy {},
        0,
        |logits| softmax(logits, 1.0),
        |logits| softmax(logits, 1.1),
    );
}

#[test]
fn epsilon_uniform_samples_follow_the_exact_distribution() {
    let epsilon = BehaviourConfig::EpsilonUniform {
        epsilon: Schedule::constant(0.3),
        temperature: None,
    };
    check(
        &epsilon,
        0,
        |logits| mixed(softmax(logits, 1.0), 0.3),
        |logits| mixed(softmax(logits, 1.0), 0.24),
    );
}

#[test]
fn tempered_samples_follow_the_exact_distribution() {
    let tempered = BehaviourConfig::Tempered {
        temperature: Schedule::constant(2.0),
    };
    check(
        &tempered,
        0,
        |logits| softmax(logits, 2.0),
        |logits| softmax(logits, 1.75),
    );
}

#[test]
fn schedules_move_samples_with_the_iteration() {
    let down = |from: f64, to: f64| Schedule::Linear {
        from,
        to,
        iterations: 10,
    };
    let both = BehaviourConfig::EpsilonUniform {
        epsilon: down(1.0, 0.0),
        temperature: Some(down(3.0, 1.0)),
    };
    // Half way: ε = 0.5 over temperature 2.
    check(
        &both,
        5,
        |logits| mixed(softmax(logits, 2.0), 0.5),
        |logits| mixed(softmax(logits, 1.0), 0.5),
    );
    check(
        &both,
        10,
        |logits| softmax(logits, 1.0),
        |logits| mixed(softmax(logits, 1.0), 0.1),
    );
}

#[test]
fn the_test_refuses_at_its_level() {
    // Upper 1e-4 quantiles of chi-square: 15.14 for one degree of freedom (where the approximation says 16.21, a level of
    // 6e-5), 161.32 for 100. With counts n/2 ± d of two equal cells G is nearly 4 d²/n: 16.21 at d = 201.3 for 10,000.
    assert!(!refused(&[5_200, 4_800], &[0.5, 0.5]));
    assert!(refused(&[5_203, 4_797], &[0.5, 0.5]));
    // 101 cells of 1,000 expected, half of them d too many: G is nearly 100·d²/1,000, 160 for d = 40 and 168.1 for 41.
    let cells = |d: u64| -> Vec<u64> {
        let shift = |i: u64| {
            if i.is_multiple_of(2) {
                1_000 + d
            } else {
                1_000 - d
            }
        };
        (0..100).map(shift).chain([1_000]).collect()
    };
    let p = [1.0 / 101.0; 101];
    assert!(!refused(&cells(40), &p));
    assert!(refused(&cells(41), &p));
}

#[test]
fn schedules_out_of_range_make_no_behaviour() {
    let bad = Schedule::constant(1.5);
    for config in [
        BehaviourConfig::EpsilonUniform {
            epsilon: bad,
            temperature: None,
        },
        BehaviourConfig::EpsilonUniform {
            epsilon: Schedule::constant(0.1),
            temperature: Some(Schedule::constant(0.0)),
        },
        BehaviourConfig::Tempered {
            temperature: Schedule::constant(f64::INFINITY),
        },
    ] {
        assert!(config.build().is_err(), "{config:?}");
    }
}
