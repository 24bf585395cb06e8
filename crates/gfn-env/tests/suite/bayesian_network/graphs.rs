//! The environment: which graphs there are and which edges they accept.

use super::all_graphs;
use gfn_env::rand::RngExt as _;
use gfn_env::{
    Action, BackwardAction, BayesianNetwork, DagState, Environment as _, Purpose, StateGraph,
    Streams,
};

#[test]
fn numbers_of_graphs_are_the_published_ones() {
    for (n, count) in [(2, 3), (3, 25), (4, 543), (5, 29_281)] {
        let env = BayesianNetwork::new(n).unwrap();
        let graph = StateGraph::explore(&env, 100_000).unwrap();
        assert_eq!(graph.terminals().len(), count);
        assert_eq!(graph.n_non_terminal(), count);
        // m edges in any order: m! trajectories, each followed by the exit.
        let paths = graph.log_path_counts();
        for (i, state) in graph.states().iter().enumerate() {
            let factorial: f64 = (1..=state.n_edges()).map(|m| (m as f64).ln()).sum();
            assert!((paths[i] - factorial).abs() < 1e-9);
        }
    }
}

/// Whether there is a path, by search along the edges.
fn reaches(state: &DagState, n: usize, from: usize, to: usize) -> bool {
    let mut seen = vec![false; n];
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        for next in (0..n).filter(|next| state.has_edge(node, *next)) {
            if !std::mem::replace(&mut seen[next], true) {
                open.push(next);
            }
        }
    }
    seen[to]
}

#[test]
fn closure_and_masks_are_those_of_a_search() {
    for n in [2, 5, 9, 32] {
        let env = BayesianNetwork::new(n).unwrap();
        let mut rng = Streams::new(1).rng(Purpose::Check, 0, n as u16);
        let mut state = env.source();
        let mut allowed = vec![false; env.n_actions()];
        // Edges come and go: three forth, two back.
        for move_ in 0..if n > 10 { 300 } else { 3_000 } {
            let forth = move_ % 5 < 3;
            let mask = if forth {
                env.forward_mask(&state, &mut allowed);
                &allowed[..allowed.len() - 1]
            } else {
                env.backward_mask(&state, &mut allowed[..n * (n - 1)]);
                &allowed[..n * (n - 1)]
            };
            let choices: Vec<usize> = (0..mask.len()).filter(|i| mask[*i]).collect();
            if choices.is_empty() {
                continue;
            }
            let choice = choices[rng.random_range(0..choices.len())] as u32;
            if forth {
                env.step(&mut state, Action(choice)).unwrap();
            } else {
                env.step_back(&mut state, BackwardAction(choice)).unwrap();
            }
            env.forward_mask(&state, &mut allowed);
            for i in 0..n {
                for j in (0..n).filter(|j| *j != i) {
                    let path = reaches(&state, n, i, j);
                    assert_eq!(state.ancestors(j) >> i & 1 == 1, path, "{i} {j} {state:?}");
                    let free = !state.has_edge(i, j) && !reaches(&state, n, j, i);
                    assert_eq!(allowed[env.edge(i, j).index()], free);
                }
                assert!(!reaches(&state, n, i, i), "a cycle");
            }
        }
    }
}

#[test]
fn every_edge_has_its_own_action() {
    let env = BayesianNetwork::new(7).unwrap();
    let pairs = (0..7).flat_map(|i| (0..7).map(move |j| (i, j)));
    let mut actions: Vec<u32> = pairs
        .filter(|(i, j)| i != j)
        .map(|(i, j)| env.edge(i, j).0)
        .collect();
    assert!(actions.is_sorted());
    actions.dedup();
    assert_eq!(actions, (0..42).collect::<Vec<_>>());
    assert_eq!(env.exit(), Action(42));
}

#[test]
fn bad_graphs_are_refused() {
    for n in [0, 1, 33] {
        let error = BayesianNetwork::new(n).unwrap_err().to_string();
        assert!(error.contains("n_nodes") && error.contains("between 2 and 32"));
    }
    let env = BayesianNetwork::new(3).unwrap();
    for edges in [
        &[(0, 3)][..],
        &[(0, 0)],
        &[(0, 1), (0, 1)],
        &[(0, 1), (1, 2), (2, 0)],
    ] {
        let error = env.object(edges).unwrap_err().to_string();
        assert!(error.contains("close no cycle"), "{error}");
    }
    let object = env.object(&[(2, 0), (0, 1)]).unwrap();
    assert_eq!(env.describe(&object), "0>1 2>0");
    assert_eq!(env.describe(&env.source()), "no edges");
    assert_eq!(all_graphs(2).len(), 3);
}
