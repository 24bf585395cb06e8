//! Sampled objects follow the exact distribution of the behaviour, by G-tests at fixed seeds.
//!
//! Each test draws 20,000 trajectories for each of three seeds and refuses at a level of 1e-4: a sampler that is right
//! fails for one seed in ten thousand, and the seeds are fixed. Every test also shows that it can tell: the same counts
//! are refused for a neighbouring behaviour.

mod common;

use burn::tensor::Device;
use common::refused;
use gfn_env::rand::RngExt as _;
use gfn_env::{
    Environment as _, Features, Hypergrid, Indexed, LogRewardFn, Purpose, StateGraph, Streams,
};
use gfn_explore::{
    Assignment, Behaviour, BehaviourConfig, NoisePeriod, Schedule, WeightedBehaviour,
};
use gfn_policy::{
    BackwardPolicy, HostPolicy, LaneKey, MlpConfig, MlpPolicy, Policy as _, RolloutKey,
    TabularPolicy, Workspace, exact_terminal_distribution, named_parameters, rollout,
    with_parameters,
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

/// How often each object was sampled by the lanes `lanes` of a batch.
fn counts_of_lanes(
    env: &Grid,
    policy: &dyn HostPolicy,
    behaviour: &dyn Behaviour,
    lanes: std::ops::Range<usize>,
) -> Vec<u64> {
    let key = RolloutKey {
        streams: Streams::new(4),
        purpose: Purpose::Rollout,
        iteration: 0,
    };
    let none = LogRewardFn(|_: &_| 0.0);
    let batch = rollout(env, &none, policy, behaviour, key, N).expect("a correct environment");
    let graph: &StateGraph<_> = env.graph();
    let mut counts = vec![0; graph.terminals().len()];
    for lane in lanes {
        let i = graph.index_of(batch.terminal(lane)).expect("a state");
        counts[i - graph.n_non_terminal()] += 1;
    }
    counts
}

fn half_hot(weight: f64, assignment: Assignment) -> BehaviourConfig {
    let hot = BehaviourConfig::Tempered {
        temperature: Schedule::constant(3.0),
    };
    let part = |weight, behaviour| WeightedBehaviour { weight, behaviour };
    BehaviourConfig::Mixture {
        parts: vec![
            part(weight, BehaviourConfig::OnPolicy {}),
            part(1.0 - weight, hot),
        ],
        assignment,
    }
}

/// `weight p + (1 − weight) q`.
fn blend(weight: f64, p: &[f64], q: &[f64]) -> Vec<f64> {
    let pairs = p.iter().zip(q);
    pairs
        .map(|(p, q)| weight * p + (1.0 - weight) * q)
        .collect()
}

#[test]
fn mixture_samples_follow_the_exact_distribution() {
    let env = grid();
    let policy = policy(&env);
    let cold = exact(&env, policy.as_ref(), |logits| softmax(logits, 1.0));
    let hot = exact(&env, policy.as_ref(), |logits| softmax(logits, 3.0));
    // Trajectories are drawn by one behaviour each: the distribution is that of the mixture of whole trajectories.
    let draws = half_hot(0.25, Assignment::Draws).build().expect("weights");
    for seed in SEEDS {
        let found = counts(&env, policy.as_ref(), draws.as_ref(), seed, 0);
        assert!(!refused(&found, &blend(0.25, &cold, &hot)), "seed {seed}");
        assert!(refused(&found, &blend(0.35, &cold, &hot)), "seed {seed}");
    }
    let shares = half_hot(0.25, Assignment::Shares).build().expect("weights");
    let of = |lanes| counts_of_lanes(&env, policy.as_ref(), shares.as_ref(), lanes);
    let (first, rest) = (of(0..N / 4), of(N / 4..N));
    assert!(
        !refused(&first, &cold) && refused(&first, &hot),
        "{first:?}"
    );
    assert!(!refused(&rest, &hot) && refused(&rest, &cold), "{rest:?}");
}

#[test]
fn lanes_of_a_mixture_do_not_depend_on_the_threads_and_draws_not_on_the_batch() {
    let env = grid();
    let policy = policy(&env);
    let none = LogRewardFn(|_: &_| 0.0);
    let key = RolloutKey {
        streams: Streams::new(4),
        purpose: Purpose::Rollout,
        iteration: 3,
    };
    let behaviour = half_hot(0.5, Assignment::Draws).build().expect("weights");
    let run = |n| rollout(&env, &none, policy.as_ref(), behaviour.as_ref(), key, n).expect("valid");
    let all = run(70);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a pool");
    assert_eq!(all, pool.install(|| run(70)));
    let few = run(9);
    for lane in 0..9 {
        assert_eq!(few.trajectory(lane), all.trajectory(lane));
    }
}

#[test]
fn mixtures_of_wrong_weights_are_refused() {
    for (weight, says) in [
        (1.5, "parts.weight"),
        (0.0, "parts.weight"),
        (f64::NAN, "parts.weight"),
    ] {
        let error = half_hot(weight, Assignment::Shares)
            .build()
            .err()
            .expect("refused");
        assert!(error.to_string().contains(says), "{error}");
    }
    let part = |weight| WeightedBehaviour {
        weight,
        behaviour: BehaviourConfig::OnPolicy {},
    };
    for parts in [vec![part(0.5), part(0.4)], vec![]] {
        let assignment = Assignment::Shares;
        let error = BehaviourConfig::Mixture { parts, assignment }.build();
        let error = error.err().expect("refused").to_string();
        assert!(error.contains("sum to 1"), "{error}");
    }
}

#[test]
fn noisy_layers_sample_the_perceptron_with_noise_on_its_last_layer() {
    let env = Hypergrid::new(2, 5).expect("a grid");
    let graph = StateGraph::explore(&env, 100).expect("fifty states");
    let config = MlpConfig {
        hidden: vec![16],
        backward: BackwardPolicy::Uniform,
        ..MlpConfig::default()
    };
    let plain = MlpPolicy::new(&config, &env, Streams::new(5), &Device::flex());
    let noisy = BehaviourConfig::NoisyLayers {
        sigma: Schedule::constant(2.0),
        per: NoisePeriod::Iteration,
    };
    let noisy = noisy.build().expect("a schedule in range");
    let key = RolloutKey {
        streams: Streams::new(11),
        purpose: Purpose::Rollout,
        iteration: 2,
    };
    // The noise of the weights, read off unit vectors of the hidden layer; that of the biases off zeros.
    let lane = noisy.for_lane(LaneKey {
        streams: key.streams,
        purpose: key.purpose,
        iteration: key.iteration,
        lane: 77,
        n_lanes: N,
    });
    let lane = lane.expect("noise of an iteration");
    let move_by = |hidden: &[f32]| {
        let mut logits = vec![0.0; env.n_actions()];
        lane.move_logits(hidden, 2, &mut logits);
        logits
    };
    let bias = move_by(&[0.0; 16]);
    let mut tensors = named_parameters(&plain);
    let n_actions = env.n_actions();
    for (name, tensor) in &mut tensors {
        if tensor.shape == [16, n_actions] {
            for unit in 0..16 {
                let mut hidden = [0.0; 16];
                hidden[unit] = 1.0;
                for (a, moved) in move_by(&hidden).iter().enumerate() {
                    tensor.values[unit * n_actions + a] += moved - bias[a];
                }
            }
        } else if tensor.shape == [n_actions] && name.contains("bias") {
            for (value, moved) in tensor.values.iter_mut().zip(&bias) {
                *value += moved;
            }
        }
    }
    let moved = with_parameters(plain.clone(), &tensors).expect("the same shapes");
    let exact = |policy: &MlpPolicy| {
        exact_terminal_distribution(&env, &graph, policy.sampler().as_ref()).expect("finite")
    };
    let none = LogRewardFn(|_: &_| 0.0);
    let sampler = plain.sampler();
    let batch = rollout(&env, &none, sampler.as_ref(), noisy.as_ref(), key, N).expect("valid");
    let mut counts = vec![0; graph.terminals().len()];
    for x in batch.terminals() {
        counts[graph.index_of(x).expect("a state") - graph.n_non_terminal()] += 1;
    }
    assert!(!refused(&counts, &exact(&moved)), "{counts:?}");
    assert!(refused(&counts, &exact(&plain)), "{counts:?}");
    // A table has no hidden layer to move logits from.
    let table = TabularPolicy::new(&grid(), BackwardPolicy::Uniform, &Device::flex());
    let error = rollout(
        &grid(),
        &none,
        table.sampler().as_ref(),
        noisy.as_ref(),
        key,
        4,
    );
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("at least one hidden layer"), "{error}");
}
