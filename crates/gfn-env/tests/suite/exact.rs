//! Exact answers against values worked by hand, and against each other.

use gfn_env::bayesian_network::{Baseline, BgeScore, LinearGaussian, StructurePrior};
use gfn_env::exact::{DEFAULT_CHUNK, Edge, ExactError};
use gfn_env::phylogeny::{PhylogenyRewardConfig, SimulatedAlignment};
use gfn_env::rand::RngExt as _;
use gfn_env::set::Stopping;
use gfn_env::{
    Action, AntimicrobialReward, BackwardAction, Bag, BagReward, BagRewardConfig,
    BayesianNetworkReward, BitSequence, BitSequenceReward, BuildOrder, DeceptiveGrid,
    DeceptiveGridReward, DeceptiveGridRewardConfig, Enumerable as _, Environment, EnvironmentError,
    FeatureRow, GridObjective, HammingReward, Hypergrid, HypergridReward, IsingConfig, IsingReward,
    LogRewardFn, MultiObjectiveGridReward, Parentheses, ParenthesesReward, ParenthesesRewardConfig,
    Peptide, PeptideReward, PeptideRewardConfig, PhylogenyReward, Purpose, Reward, RewardError,
    Sequence, SequenceReward, SequenceRewardConfig, Set, SetReward, SetRewardConfig, StateGraph,
    Streams, TfBind8, TfBind8Reward, TfBind8RewardConfig, log_partition, target_distribution,
};
use proptest::prelude::*;

/// Uniform over allowed actions, for a chunk of states.
fn uniform<E: Environment>(env: &E) -> impl Fn(&[E::State], &mut [f64]) {
    let n = env.n_actions();
    move |states, out| {
        let mut allowed = vec![false; n];
        for (state, row) in states.iter().zip(out.chunks_mut(n)) {
            env.forward_mask(state, &mut allowed);
            let count = allowed.iter().filter(|a| **a).count();
            // Entries of forbidden actions are ignored, whatever they are.
            row.fill(77.0);
            for (r, _) in row.iter_mut().zip(&allowed).filter(|(_, a)| **a) {
                *r = -(count as f64).ln();
            }
        }
    }
}

/// `P_T` of the uniform policy, in the order of `Enumerable`.
fn uniform_terminal(env: &Hypergrid) -> Vec<f64> {
    let graph = StateGraph::explore(env, 1_000).unwrap();
    let p = graph.terminal_distribution(uniform(env)).unwrap();
    let mut ordered = vec![0.0; env.n_terminal()];
    for (state, p) in graph.terminal_states().iter().zip(p) {
        ordered[env.index_of(state).unwrap()] = p;
    }
    ordered
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= tolerance, "entry {i} is {f}, not {e}");
    }
}

#[test]
fn uniform_policy_on_two_by_two() {
    // 00 has three actions: exit 1/3, to 10 and 01 1/3 each. Those have two: exit 1/3·1/2 = 1/6, and 1/6 each goes on to
    // 11, where all of 1/3 exits.
    let p = uniform_terminal(&Hypergrid::new(2, 2).unwrap());
    assert_close(&p, &[1.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 3.0], 1e-15);
}

#[test]
fn uniform_policy_on_three_by_three() {
    // Mass reaching a cell, and what exits there:
    //   00: 1,                       a third exits: 1/3
    //   01, 10: 1/3,                 a third exits: 1/9, 1/9 goes each way
    //   02, 20: 1/9,                 half exits: 1/18
    //   11: 1/9 + 1/9 = 2/9,         a third exits: 2/27
    //   12, 21: 1/18 + 2/27 = 7/54,  half exits: 7/108
    //   22: 7/108 + 7/108 = 7/54,    all exits
    let p = uniform_terminal(&Hypergrid::new(2, 3).unwrap());
    let expected = [
        1.0 / 3.0,
        1.0 / 9.0,
        1.0 / 18.0, //
        1.0 / 9.0,
        2.0 / 27.0,
        7.0 / 108.0, //
        1.0 / 18.0,
        7.0 / 108.0,
        7.0 / 54.0,
    ];
    assert_close(&p, &expected, 1e-15);
}

#[test]
fn states_are_in_topological_order() {
    let grid = Hypergrid::new(2, 3).unwrap();
    let graph = StateGraph::explore(&grid, 18).unwrap();
    assert_eq!((graph.len(), graph.n_non_terminal()), (18, 9));
    // 9 exits, and 2·3 steps along each axis.
    assert_eq!(graph.n_edges(), 9 + 12);
    assert_eq!(graph.states()[0], grid.source());
    assert_eq!(graph.terminals(), (9..18).collect::<Vec<_>>());
    for (i, state) in graph.states().iter().enumerate() {
        assert_eq!(graph.index_of(state), Some(i));
        assert_eq!(grid.is_terminal(state), i >= 9);
        for Edge {
            action,
            backward_action,
            child,
        } in graph.edges(i)
        {
            assert!(child > i, "edge {i} -> {child}");
            let mut next = *state;
            assert_eq!(grid.step(&mut next, action).unwrap(), backward_action);
            assert_eq!(graph.states()[child], next);
            let back = graph.parents(child).find(|p| p.parent == i).unwrap();
            assert_eq!(
                (back.action, back.backward_action),
                (action, backward_action)
            );
        }
        let mut parents = vec![false; 2];
        grid.backward_mask(state, &mut parents);
        assert_eq!(graph.n_parents(i), parents.iter().filter(|a| **a).count());
    }
    assert_eq!(
        graph.index_of(&Hypergrid::new(2, 4).unwrap().cell(&[3, 3]).unwrap()),
        None
    );
}

#[test]
fn the_size_limit_names_both_numbers() {
    let grid = Hypergrid::new(2, 8).unwrap();
    assert!(StateGraph::explore(&grid, 128).is_ok());
    let error = StateGraph::explore(&grid, 127).unwrap_err();
    assert_eq!(
        error,
        ExactError::TooManyStates {
            found: 128,
            max_states: 127
        }
    );
    assert!(error.to_string().contains("128") && error.to_string().contains("127"));
}

/// Zero to four on a line; what happens at the end is the point.
#[derive(Clone, Copy, PartialEq)]
enum Line {
    Cycle,
    DeadEnd,
    Refuses,
}

impl Environment for Line {
    type State = u8;
    fn source(&self) -> u8 {
        0
    }
    fn n_actions(&self) -> usize {
        1
    }
    fn n_backward_actions(&self) -> usize {
        1
    }
    fn max_len(&self) -> usize {
        4
    }
    fn n_features(&self) -> usize {
        5
    }
    fn is_terminal(&self, _: &u8) -> bool {
        false
    }
    fn forward_mask(&self, state: &u8, allowed: &mut [bool]) {
        allowed[0] = *state < 4 || *self != Self::DeadEnd;
    }
    fn backward_mask(&self, state: &u8, allowed: &mut [bool]) {
        allowed[0] = *state > 0;
    }
    fn step(&self, state: &mut u8, action: Action) -> Result<BackwardAction, EnvironmentError> {
        match (*state, self) {
            (4, Self::Cycle) => *state = 2,
            (4, _) => return Err(EnvironmentError::invalid_action(action, state)),
            _ => *state += 1,
        }
        Ok(BackwardAction(0))
    }
    fn step_back(&self, state: &mut u8, _: BackwardAction) -> Result<Action, EnvironmentError> {
        *state -= 1;
        Ok(Action(0))
    }
    fn encode(&self, state: &u8, row: &mut FeatureRow<'_>) {
        row.one(usize::from(*state));
    }
}

#[test]
fn graphs_that_are_not_pointed_and_acyclic_are_refused() {
    let error = |env: Line| StateGraph::explore(&env, 100).unwrap_err();
    assert_eq!(error(Line::Cycle), ExactError::Cycle { state: "2".into() });
    assert_eq!(
        error(Line::DeadEnd),
        ExactError::DeadEnd { state: "4".into() }
    );
    assert!(matches!(error(Line::Refuses), ExactError::Refused { .. }));
}

#[test]
fn rows_that_are_no_distribution_are_refused() {
    let grid = Hypergrid::new(2, 3).unwrap();
    let graph = StateGraph::explore(&grid, 100).unwrap();
    // Not masked: 1/3 for each action, also at the border, where only two or one are allowed.
    let error = graph
        .terminal_distribution(|_, out| out.fill(-(3f64.ln())))
        .unwrap_err();
    let ExactError::NotNormalised { state, mass } = error else {
        panic!("{error:?}");
    };
    assert_eq!(state, "[2, 0]");
    assert!((mass - 2.0 / 3.0).abs() < 1e-15);
    // Not written at all.
    let error = graph.terminal_distribution(|_, _| {}).unwrap_err();
    assert!(matches!(error, ExactError::NotNormalised { mass, .. } if mass.is_nan()));
    let error = graph.log_flows(&[0.0; 9], |_, _| {}).unwrap_err();
    assert!(matches!(error, ExactError::NotNormalised { mass, .. } if mass.is_nan()));
}

#[test]
fn mass_is_reported_and_not_renormalised() {
    let grid = Hypergrid::new(2, 3).unwrap();
    let graph = StateGraph::explore(&grid, 100).unwrap();
    let exact = uniform(&grid);
    // Every row sums to exp(-1e-4), and a trajectory to cell x has |x| + 1 steps.
    let p = graph
        .terminal_distribution(|states, out| {
            exact(states, out);
            out.iter_mut().for_each(|v| *v -= 1e-4);
        })
        .unwrap();
    let q = graph.terminal_distribution(&exact).unwrap();
    for ((state, p), q) in graph.terminal_states().iter().zip(&p).zip(&q) {
        let steps: u16 = state.coordinates().iter().sum::<u16>() + 1;
        assert!((p - q * (-1e-4 * f64::from(steps)).exp()).abs() < 1e-15);
    }
    assert!((q.iter().sum::<f64>() - 1.0).abs() < 1e-15);
}

#[test]
fn chunks_change_nothing() {
    let grid = Hypergrid::new(3, 5).unwrap();
    let graph = StateGraph::explore(&grid, 1_000).unwrap();
    let policy = uniform(&grid);
    let whole = graph.terminal_distribution(&policy).unwrap();
    let mut sizes = Vec::new();
    let parts = graph
        .terminal_distribution_chunked(7, |states, out| {
            sizes.push(states.len());
            policy(states, out);
        })
        .unwrap();
    assert_eq!(parts, whole);
    assert_eq!((sizes.len(), sizes[17]), (18, 125 - 17 * 7));
    const { assert!(DEFAULT_CHUNK >= 125, "one chunk above") };
}

/// The flows of a reward induce a policy that samples it.
fn check_flows<E: Environment, R: Reward<E::State>>(env: &E, reward: &R) {
    let graph = StateGraph::explore(env, 100_000).unwrap();
    let log_rewards = graph.log_rewards(reward).unwrap();
    let log_z = log_partition(&log_rewards);
    let target = target_distribution(&log_rewards);

    let flows = graph.log_flows_uniform(&log_rewards);
    assert!((flows[0] - log_z).abs() < 1e-12, "{} {log_z}", flows[0]);
    let table = graph.flow_policy_uniform(&flows);
    let p = graph.terminal_distribution_of_table(&table).unwrap();
    assert_close(&p, &target, 1e-12);

    // Another backward policy: other flows, the same terminal distribution.
    let n = env.n_backward_actions();
    let skewed = |states: &[E::State], out: &mut [f64]| {
        let mut allowed = vec![false; n];
        for (state, row) in states.iter().zip(out.chunks_mut(n)) {
            env.backward_mask(state, &mut allowed);
            let weights: Vec<f64> = (1u8..)
                .zip(&allowed)
                .map(|(i, a)| if *a { f64::from(i) } else { 0.0 })
                .collect();
            let total: f64 = weights.iter().sum();
            for (r, w) in row.iter_mut().zip(weights) {
                *r = (w / total).ln();
            }
        }
    };
    let flows = graph.log_flows(&log_rewards, skewed).unwrap();
    assert!((flows[0] - log_z).abs() < 1e-12);
    let other = graph.flow_policy(&flows, skewed).unwrap();
    let p = graph.terminal_distribution_of_table(&other).unwrap();
    assert_close(&p, &target, 1e-12);
    if (0..graph.len()).any(|i| graph.n_parents(i) > 1) {
        assert_ne!(table, other);
    }
}

#[test]
fn flow_policies_sample_the_reward() {
    let grid = Hypergrid::new(2, 8).unwrap();
    check_flows(&grid, &HypergridReward::easy(&grid).unwrap());
    for order in [BuildOrder::Autoregressive, BuildOrder::AnyPosition] {
        let env = BitSequence::new(8, 2, order).unwrap();
        let rule = HammingReward::RawHamming { exponent: 2.0 };
        let reward = BitSequenceReward::with_drawn_modes(&env, rule, 3, 0).unwrap();
        check_flows(&env, &reward);
    }
    let reward = TfBind8Reward::new(TfBind8RewardConfig::floor_after_power()).unwrap();
    check_flows(&TfBind8::new(), &reward);
    for stopping in [Stopping::AtSize, Stopping::AnySize] {
        let env = Set::new(8, 4, stopping).unwrap();
        let config = SetRewardConfig::AdditiveNormal {
            scale: 1.0,
            seed: 0,
        };
        check_flows(&env, &SetReward::new(&env, config).unwrap());
    }
    let env = Sequence::new(4, 5).unwrap();
    let config = SequenceRewardConfig::AdditiveNormal {
        scale: 1.0,
        seed: 0,
    };
    check_flows(&env, &SequenceReward::new(&env, config).unwrap());
    let env = Peptide::new(2, 5, "KADL").unwrap();
    let reward = PeptideReward::new(&env, PeptideRewardConfig::gates()).unwrap();
    check_flows(&env, &reward);
    let env = Peptide::new(1, 3, Peptide::AMINO_ACIDS).unwrap();
    check_flows(&env, &AntimicrobialReward::new(3.0).unwrap());
    let env = Parentheses::new(10, 1).unwrap();
    let reward = ParenthesesReward::new(&env, ParenthesesRewardConfig::deceptive_short()).unwrap();
    check_flows(&env, &reward);
    let env = Bag::new(4, 6).unwrap();
    let config = BagRewardConfig::repeated_letter().with_threshold(4);
    check_flows(&env, &BagReward::new(&env, config).unwrap());
    let env = DeceptiveGrid::new(2, 8).unwrap();
    let config = DeceptiveGridRewardConfig::deceptive();
    check_flows(&env, &DeceptiveGridReward::new(&env, config).unwrap());
    let known = LinearGaussian::published(4, 0).draw().unwrap();
    let score = BgeScore::new(&known.data, 1.0, 2.0).unwrap();
    let prior = StructurePrior::Uniform {};
    let reward = BayesianNetworkReward::new(Box::new(score), prior, Baseline::BestGraph).unwrap();
    check_flows(&reward.environment(), &reward);
    let couplings = IsingConfig::SpinGlass {
        width: 2,
        height: 3,
        scale: 0.7,
        seed: 0,
    };
    let reward = IsingReward::new(&couplings, &[0.1], 1.0, BuildOrder::AnyPosition).unwrap();
    check_flows(&reward.environment(), &reward);
    let alignment = SimulatedAlignment {
        n_taxa: 5,
        n_sites: 30,
        branch_length: 0.3,
        seed: 0,
    };
    let config = PhylogenyRewardConfig::JukesCantor {
        branch_length: 0.3,
        temperature: 5.0,
        constant: None,
    };
    let reward = PhylogenyReward::new(&alignment.draw().unwrap(), config).unwrap();
    check_flows(&reward.environment(), &reward);
    let env = Hypergrid::new(2, 8).unwrap();
    let objectives = [GridObjective::Branin, GridObjective::Currin];
    let reward = MultiObjectiveGridReward::new(&env, &objectives, 1e-3).unwrap();
    check_flows(&env, &reward);
}

#[test]
fn flows_of_a_small_grid_by_hand() {
    // D = 1, H = 2, R(0) = 1, R(1) = 3: F(1) = 3, F(0) = 1 + 3 = 4, so P_F(step | 0) = 3/4.
    let grid = Hypergrid::new(1, 2).unwrap();
    let graph = StateGraph::explore(&grid, 4).unwrap();
    let reward =
        LogRewardFn(|s: &gfn_env::HypergridState| f64::from(1 + 2 * s.coordinates()[0]).ln());
    let flows = graph.log_flows_uniform(&graph.log_rewards(&reward).unwrap());
    assert_close(&flows[..2], &[4f64.ln(), 3f64.ln()], 1e-15);
    let table = graph.flow_policy_uniform(&flows);
    assert_close(&table[..2], &[0.75f64.ln(), 0.25f64.ln()], 1e-15);
    assert_eq!(table[2..4], [f64::NEG_INFINITY, 0.0]);
    assert_eq!(table[4..], [f64::NEG_INFINITY; 4]);
}

#[test]
fn rewards_of_zero_have_no_mass() {
    let grid = Hypergrid::new(2, 3).unwrap();
    let graph = StateGraph::explore(&grid, 100).unwrap();
    // Only (1, 1) has a reward: beyond it there is no flow.
    let reward = LogRewardFn(|s: &gfn_env::HypergridState| {
        if s.coordinates() == [1, 1] {
            2f64.ln()
        } else {
            f64::NEG_INFINITY
        }
    });
    let log_rewards = graph.log_rewards(&reward).unwrap();
    let flows = graph.log_flows_uniform(&log_rewards);
    assert!((flows[0] - 2f64.ln()).abs() < 1e-15);
    let p = graph
        .terminal_distribution_of_table(&graph.flow_policy_uniform(&flows))
        .unwrap();
    assert_close(&p, &target_distribution(&log_rewards), 1e-15);
    let nan = LogRewardFn(|_: &gfn_env::HypergridState| f64::NAN);
    assert!(matches!(
        graph.log_rewards(&nan),
        Err(RewardError::NotANumber { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The exact `P_T` of a random policy is a distribution, and is what its rollouts would sample: the mass of each cell is
    /// the mass that reaches it times the probability of its exit.
    #[test]
    fn terminal_mass_is_conserved(d in 1usize..4, h in 2usize..6, seed in any::<u64>()) {
        let grid = Hypergrid::new(d, h).unwrap();
        let graph = StateGraph::explore(&grid, 1_000).unwrap();
        let mut rng = Streams::new(seed).rng(Purpose::Check, 0, 0);
        let n = grid.n_actions();
        let p = graph.terminal_distribution(|states, out| {
            let mut allowed = vec![false; n];
            for (state, row) in states.iter().zip(out.chunks_mut(n)) {
                grid.forward_mask(state, &mut allowed);
                row.iter_mut().for_each(|r| *r = rng.random_range(-3.0..3.0));
                let total: f64 = row.iter().zip(&allowed).filter(|(_, a)| **a).map(|(r, _)| r.exp()).sum();
                row.iter_mut().for_each(|r| *r -= total.ln());
            }
        }).unwrap();
        prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        prop_assert!(p.iter().all(|p| *p > 0.0));
    }
}
