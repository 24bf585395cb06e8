//! Local search and Markov chains against transition matrices in f64.

use crate::common::refused;
use crate::toys::{
    Grid, State, batch_of, context, counts, grid, normalised, number, policy, probabilities,
    reward, reward_of,
};
use gfn_env::{Action, BackwardAction, Environment as _, Trajectories};
use gfn_explore::{
    BackTrack, Filter, LocalSearch, LocalSearchConfig, Mcmc, McmcConfig, TrajectorySource as _,
};
use gfn_policy::HostPolicy;

const N_OBJECTS: usize = 9;
type Matrix = [[f64; N_OBJECTS]; N_OBJECTS];

/// Every way back from `state` by `k` edges: where it leads, its probability under P_B, and that of the same edges forward.
fn ways_back(
    env: &Grid,
    policy: &dyn HostPolicy,
    state: &State,
    k: usize,
) -> Vec<(State, f64, f64)> {
    if k == 0 {
        return vec![(*state, 1.0, 1.0)];
    }
    let mut ways = Vec::new();
    let back = probabilities(env, policy, state, true);
    for (b, &p) in back.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        let mut parent = *state;
        let forward = env
            .step_back(&mut parent, BackwardAction(b as u32))
            .unwrap();
        let p_forward = probabilities(env, policy, &parent, false)[forward.0 as usize];
        for (end, q, f) in ways_back(env, policy, &parent, k - 1) {
            ways.push((end, p * q, p_forward * f));
        }
    }
    ways
}

/// Every way from `state` to an object: number, edges, probability under P_F, and that of the same edges back.
fn ways_on(env: &Grid, policy: &dyn HostPolicy, state: &State) -> Vec<(usize, usize, f64, f64)> {
    if env.is_terminal(state) {
        return vec![(number(state), 0, 1.0, 1.0)];
    }
    let mut ways = Vec::new();
    let forward = probabilities(env, policy, state, false);
    for (a, &p) in forward.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        let mut child = *state;
        let back = env.step(&mut child, Action(a as u32)).unwrap();
        let p_back = probabilities(env, policy, &child, true)[back.0 as usize];
        for (x, m, q, b) in ways_on(env, policy, &child) {
            ways.push((x, m + 1, p * q, p_back * b));
        }
    }
    ways
}

/// Probability that `k` of `n` edges are taken back, by the page's definition.
fn q(back_track: BackTrack, k: usize, n: usize) -> f64 {
    let is = |chosen: usize| if k == chosen { 1.0 } else { 0.0 };
    match back_track {
        BackTrack::Steps { steps } => is(steps.min(n)),
        BackTrack::Share { share } => is((share * n as f64).ceil() as usize),
        BackTrack::UpTo { steps } if k >= 1 && k <= steps.min(n) => 1.0 / steps.min(n) as f64,
        _ => 0.0,
    }
}

/// Proposals and accepted moves from object to object; what is not accepted stays.
fn matrices(
    env: &Grid,
    policy: &dyn HostPolicy,
    back_track: BackTrack,
    accept: impl Fn(f64, f64) -> f64,
) -> (Matrix, Matrix) {
    let (mut proposed, mut moved) = ([[0.0; N_OBJECTS]; N_OBJECTS], [[0.0; N_OBJECTS]; N_OBJECTS]);
    let objects = batch_of(env, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (x, terminal) in objects.terminals().enumerate() {
        let n = objects.length(x);
        for k in 1..=n {
            let q_there = q(back_track, k, n);
            if q_there == 0.0 {
                continue;
            }
            for (middle, p_back, p_again) in ways_back(env, policy, terminal, k) {
                for (y, m, p_on, p_undo) in ways_on(env, policy, &middle) {
                    let there = q_there * p_back * p_on;
                    let return_ = q(back_track, m, n - k + m) * p_undo * p_again;
                    let (from, to) = (reward_of(x), reward_of(y));
                    let accepted = accept(to / from, to * return_ / (from * there));
                    proposed[x][y] += there;
                    moved[x][y] += there * accepted;
                    moved[x][x] += there * (1.0 - accepted);
                }
            }
        }
    }
    (proposed, moved)
}

fn filter_of(filter: Filter) -> impl Fn(f64, f64) -> f64 {
    move |gain, ratio| match filter {
        Filter::Deterministic => f64::from(u8::from(gain > 1.0)),
        Filter::MetropolisHastings => ratio.min(1.0),
        Filter::Sigmoid => ratio / (1.0 + ratio),
        _ => unreachable!("three filters"),
    }
}

fn target() -> Vec<f64> {
    normalised(&(0..N_OBJECTS).map(reward_of).collect::<Vec<_>>())
}

fn times(p: &[f64], matrix: &Matrix) -> Vec<f64> {
    (0..N_OBJECTS)
        .map(|y| (0..N_OBJECTS).map(|x| p[x] * matrix[x][y]).sum())
        .collect()
}

const BACK_TRACKS: [BackTrack; 4] = [
    BackTrack::Steps { steps: 2 },
    BackTrack::Share { share: 0.5 },
    BackTrack::UpTo { steps: 2 },
    BackTrack::UpTo { steps: 5 },
];

#[test]
fn two_filters_keep_the_target_exactly_and_the_third_does_not() {
    let env = grid();
    let policy = policy(&env);
    for back_track in BACK_TRACKS {
        for filter in [
            Filter::MetropolisHastings,
            Filter::Sigmoid,
            Filter::Deterministic,
        ] {
            let (proposed, moved) = matrices(&env, policy.as_ref(), back_track, filter_of(filter));
            for row in proposed.iter().chain(&moved) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
            let after = times(&target(), &moved);
            let change: f64 = after.iter().zip(target()).map(|(a, t)| (a - t).abs()).sum();
            if filter == Filter::Deterministic {
                assert!(change > 0.01, "{back_track:?}: {change}");
            } else {
                assert!(change < 1e-10, "{back_track:?} {filter:?}: {change}");
            }
        }
    }
}

#[test]
fn chains_that_connect_all_objects_reach_the_target_from_anywhere() {
    let env = grid();
    let policy = policy(&env);
    let everywhere = BackTrack::UpTo { steps: 5 };
    for filter in [Filter::MetropolisHastings, Filter::Sigmoid] {
        let (_, moved) = matrices(&env, policy.as_ref(), everywhere, filter_of(filter));
        let mut p = vec![0.0; N_OBJECTS];
        p[0] = 1.0;
        for _ in 0..2_000 {
            p = times(&p, &moved);
        }
        let far: f64 = p.iter().zip(target()).map(|(a, t)| (a - t).abs()).sum();
        assert!(far < 1e-10, "{filter:?}: {far}");
    }
}

#[test]
fn acceptance_is_that_of_the_formulas() {
    for log_ratio in [-800.0, -2.0, 0.0, 0.5, 800.0f64] {
        for filter in [
            Filter::MetropolisHastings,
            Filter::Sigmoid,
            Filter::Deterministic,
        ] {
            let ratio = log_ratio.min(600.0).exp();
            let expected = filter_of(filter)(ratio, ratio);
            let found = filter.acceptance(log_ratio, log_ratio);
            assert!((found - expected).abs() < 1e-12, "{filter:?} {log_ratio}");
        }
    }
}

/// The objects of two rounds of local search of many chains from object `x`.
fn rounds(x: usize, config: LocalSearchConfig, seed: u32) -> [Vec<u64>; 2] {
    const N: usize = 20_000;
    let env = grid();
    let (policy, reward) = (policy(&env), reward());
    let own = batch_of(&env, &[x]);
    let mut search = LocalSearch::new(config).unwrap();
    let found = search
        .draw(
            &context(&env, &reward, policy.as_ref(), &own, [seed, 4]),
            2 * N,
        )
        .unwrap();
    found.validate(&env).unwrap();
    for (x, log_reward) in found.terminals().zip(found.log_reward()) {
        assert_eq!(*log_reward, reward_of(number(x)).ln());
    }
    [
        counts(found.terminals().take(N)),
        counts(found.terminals().skip(N)),
    ]
}

#[test]
fn candidates_of_both_rounds_follow_the_matrices() {
    let env = grid();
    let policy = policy(&env);
    for (case, back_track) in BACK_TRACKS.into_iter().enumerate() {
        for filter in [
            Filter::MetropolisHastings,
            Filter::Sigmoid,
            Filter::Deterministic,
        ] {
            let config = LocalSearchConfig {
                rounds: 2,
                back_track,
                filter,
            };
            let (proposed, moved) = matrices(&env, policy.as_ref(), back_track, filter_of(filter));
            let x = [4, 0, 4, 7][case];
            let [first, second] = rounds(x, config, case as u32);
            assert!(!refused(&first, &proposed[x]), "{config:?}: {first:?}");
            // The second round starts from where the first has left each chain.
            let expected = times(&moved[x], &proposed);
            assert!(!refused(&second, &expected), "{config:?}: {second:?}");
            let ignoring = times(&proposed[x], &proposed);
            assert!(refused(&second, &ignoring), "{config:?} tells nothing");
        }
    }
}

#[test]
fn local_search_gives_as_many_as_it_is_asked_for() {
    let env = grid();
    let (policy, reward) = (policy(&env), reward());
    for (n_own, n, rounds) in [(4, 28, 7), (4, 10, 4), (1, 9, 2), (0, 5, 2), (3, 0, 2)] {
        let own = batch_of(&env, &[0, 4, 8, 2][..n_own]);
        let mut search = LocalSearch::new(LocalSearchConfig {
            rounds,
            back_track: BackTrack::Steps { steps: 2 },
            filter: Filter::Deterministic,
        })
        .unwrap();
        let context = context(&env, &reward, policy.as_ref(), &own, [1, 2]);
        let found = search.draw(&context, n).unwrap();
        assert_eq!(found.len(), n);
        found.validate(&env).unwrap();
        let again = search.draw(&context, n).unwrap();
        assert_eq!(found, again, "the same context gives the same trajectories");
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let alone = one.install(|| search.draw(&context, n).unwrap());
        assert_eq!(found, alone, "whatever the number of threads");
    }
}

fn mcmc(chains: usize, moves: usize) -> Mcmc<Grid> {
    Mcmc::new(McmcConfig {
        chains,
        moves,
        back_track: BackTrack::UpTo { steps: 5 },
    })
    .unwrap()
}

#[test]
fn independent_chains_are_distributed_as_the_target() {
    let env = grid();
    let (policy, reward, own) = (policy(&env), reward(), Trajectories::new());
    let (_, moved) = {
        let uniform = uniform(&env);
        let back_track = BackTrack::UpTo { steps: 5 };
        let filter = filter_of(Filter::MetropolisHastings);
        matrices(&env, uniform.as_ref(), back_track, filter)
    };
    let uniform_start = times_from_the_source(&env);
    for seed in 0..3 {
        let mut chains = mcmc(20_000, 1);
        let mut expected = uniform_start.clone();
        for iteration in 0..12 {
            let context = context(&env, &reward, policy.as_ref(), &own, [seed, iteration]);
            let drawn = chains.draw(&context, 20_000).unwrap();
            expected = times(&expected, &moved);
            let found = counts(drawn.terminals());
            assert!(!refused(&found, &expected), "move {iteration}: {found:?}");
            if iteration == 0 {
                assert!(refused(&found, &target()), "the start tells nothing");
            }
        }
        let found = counts(chains.objects().iter());
        assert!(!refused(&found, &target()), "seed {seed}: {found:?}");
    }
}

#[test]
fn more_moves_than_there_are_streams_are_refused() {
    let env = grid();
    let (policy, reward, own) = (policy(&env), reward(), Trajectories::new());
    let context = context(&env, &reward, policy.as_ref(), &own, [0, 0]);
    let error = mcmc(1, 10_000).draw(&context, 7).unwrap_err().to_string();
    assert!(error.contains("70000 moves"), "{error}");
    assert!(error.contains("more chains or fewer moves"), "{error}");
    assert_eq!(mcmc(7, 1_000).draw(&context, 7).unwrap().len(), 7);
}

fn uniform(env: &Grid) -> Box<dyn HostPolicy> {
    use gfn_policy::Policy as _;
    let (backward, device) = (
        gfn_policy::BackwardPolicy::Uniform,
        burn::tensor::Device::flex(),
    );
    gfn_policy::TabularPolicy::new(env, backward, &device).sampler()
}

/// Where uniform rollouts end.
fn times_from_the_source(env: &Grid) -> Vec<f64> {
    let uniform = uniform(env);
    let mut p = vec![0.0; N_OBJECTS];
    for (x, _, p_on, _) in ways_on(env, uniform.as_ref(), &env.source()) {
        p[x] += p_on;
    }
    p
}

#[test]
fn chains_take_turns_and_go_on_where_they_were_saved() {
    let env = grid();
    let (policy, reward, own) = (policy(&env), reward(), Trajectories::new());
    let draw = |chains: &mut Mcmc<Grid>, iteration, n| {
        let context = context(&env, &reward, policy.as_ref(), &own, [9, iteration]);
        let drawn = chains.draw(&context, n).unwrap();
        drawn.validate(&env).unwrap();
        drawn
    };
    let (mut first, mut second) = (mcmc(5, 2), mcmc(5, 2));
    second.restore(&env, &first.save()).unwrap();
    assert_eq!(
        draw(&mut first, 0, 3),
        draw(&mut second, 0, 3),
        "both start alike"
    );
    draw(&mut second, 1, 12);
    let saved = first.save();
    second.restore(&env, &saved).unwrap();
    assert_eq!(second.save(), saved);
    for n in [3, 12, 1] {
        assert_eq!(
            draw(&mut first, n as u32, n),
            draw(&mut second, n as u32, n)
        );
    }
    let mut damaged = saved.clone();
    damaged.bytes.get_mut("chains").unwrap()[20] ^= 1;
    let error = second.restore(&env, &damaged).unwrap_err().to_string();
    assert!(error.contains("saved state of mcmc is damaged"), "{error}");
    let error = mcmc(4, 2).restore(&env, &saved).unwrap_err().to_string();
    assert!(error.contains("5 chains, and there are 4"), "{error}");
}

#[test]
fn numbers_out_of_range_make_no_search() {
    let search = |rounds, back_track| {
        let filter = Filter::Deterministic;
        let config = LocalSearchConfig {
            rounds,
            back_track,
            filter,
        };
        config.validate().unwrap_err().to_string()
    };
    assert!(search(0, BACK_TRACKS[0]).contains("`rounds` is 0"));
    let none = search(1, BackTrack::Steps { steps: 0 });
    assert!(none.contains("`back_track.steps` is 0"), "{none}");
    for share in [0.0, 1.5, f64::NAN] {
        assert!(search(1, BackTrack::Share { share }).contains("`back_track.share`"));
    }
    let chains = McmcConfig {
        chains: 0,
        moves: 1,
        back_track: BACK_TRACKS[0],
    };
    assert!(
        chains
            .validate()
            .unwrap_err()
            .to_string()
            .contains("`chains` is 0")
    );
}
