//! Every environment of the crate passes the conformance checks, whole or in samples.

use gfn_env::antimicrobial_peptide::{MAX_LENGTH, MIN_LENGTH};
use gfn_env::set::Stopping;
use gfn_env::{
    Bag, BayesianNetwork, BitSequence, BuildOrder, CheckReport, ConditionSet, Conditional,
    DeceptiveGrid, Enumerable, Environment, Hypergrid, Indexed, ListedGraph, Parentheses, Peptide,
    Phylogeny, Sequence, Set, StateGraph, Streams, TfBind8, check_enumerable, check_environment,
};

/// Checks everything, and that the walks saw the whole of a small environment.
fn check_all<E: Enumerable>(env: &E, n_walks: usize) -> CheckReport {
    let graph = StateGraph::explore(env, 5_000).unwrap();
    assert_eq!(graph.terminals().len(), env.n_terminal());
    check_enumerable(env, Streams::new(1)).unwrap();
    let report = check_environment(env, n_walks, Streams::new(1)).unwrap();
    assert_eq!(report.n_states, graph.len(), "the walks saw every state");
    assert_eq!(report.n_terminals, env.n_terminal());
    assert_eq!(report.longest_walk, env.max_len(), "the bound is tight");
    report
}

#[test]
fn hypergrids() {
    let report = check_all(&Hypergrid::new(1, 2).unwrap(), 20);
    assert_eq!((report.n_states, report.longest_row), (4, 1));
    assert_eq!(
        check_all(&Hypergrid::new(2, 3).unwrap(), 300).longest_row,
        2
    );
    check_all(&Hypergrid::new(3, 3).unwrap(), 3_000);
    // Too large to see all of it, at the limits of the parameters.
    check_environment(&Hypergrid::new(16, 2).unwrap(), 20, Streams::new(2)).unwrap();
    check_environment(&Hypergrid::new(2, 65_535).unwrap(), 20, Streams::new(2)).unwrap();
}

#[test]
fn bit_sequences() {
    for order in [BuildOrder::Autoregressive, BuildOrder::AnyPosition] {
        check_all(&BitSequence::new(6, 2, order).unwrap(), 2_000);
        check_all(&BitSequence::new(4, 1, order).unwrap(), 1_000);
        check_all(&BitSequence::new(3, 3, order).unwrap(), 200);
        check_environment(
            &BitSequence::new(120, 8, order).unwrap(),
            2,
            Streams::new(2),
        )
        .unwrap();
        let widest = BitSequence::new(128, 1, order).unwrap();
        check_environment(&widest, 2, Streams::new(2)).unwrap();
    }
}

#[test]
fn tfbind8() {
    check_enumerable(&TfBind8::new(), Streams::new(1)).unwrap();
    let report = check_environment(&TfBind8::new(), 500, Streams::new(1)).unwrap();
    assert_eq!((report.longest_walk, report.longest_row), (8, 8));
}

#[test]
fn sets() {
    for stopping in [Stopping::AtSize, Stopping::AnySize] {
        let set = |n, size| Set::new(n, size, stopping).unwrap();
        assert_eq!(check_all(&set(1, 1), 20).longest_row, 1);
        assert_eq!(check_all(&set(6, 3), 2_000).longest_row, 3);
        check_all(&set(5, 5), 2_000);
        // Too large to see all of it, at the limits of the parameters.
        check_environment(&set(64, 64), 5, Streams::new(2)).unwrap();
        check_environment(&set(64, 1), 20, Streams::new(2)).unwrap();
    }
}

#[test]
fn sequences() {
    let report = check_all(&Sequence::new(4, 3).unwrap(), 2_000);
    assert_eq!((report.longest_walk, report.longest_row), (4, 4));
    check_all(&Sequence::new(1, 2).unwrap(), 20);
    check_environment(&Sequence::new(32, 256).unwrap(), 5, Streams::new(2)).unwrap();
}

#[test]
fn peptides() {
    for (min_length, max_length) in [(1, 1), (1, 3), (2, 4), (3, 3)] {
        let env = Peptide::new(min_length, max_length, "KAD").unwrap();
        let report = check_all(&env, 3_000);
        assert_eq!(report.longest_row, max_length);
    }
    check_all(&Peptide::new(1, 2, Peptide::AMINO_ACIDS).unwrap(), 10_000);
    // Too large to see all of it, at the limits of the parameters.
    let report = check_environment(&Peptide::standard(), 100, Streams::new(2)).unwrap();
    assert_eq!((report.longest_walk, report.longest_row), (31, 30));
}

#[test]
fn antimicrobial_peptides() {
    check_all(&Peptide::new(1, 2, Peptide::AMINO_ACIDS).unwrap(), 10_000);
    let env = Peptide::new(MIN_LENGTH, MAX_LENGTH, Peptide::AMINO_ACIDS).unwrap();
    let report = check_environment(&env, 10_000, Streams::new(1)).unwrap();
    assert_eq!((report.longest_walk, report.longest_row), (61, 60));
}

#[test]
fn parentheses() {
    for (length, word_bits, n_walks) in [(5, 1, 3_000), (6, 3, 5_000), (4, 2, 1_000), (1, 1, 100)] {
        let env = Parentheses::new(length, word_bits).unwrap();
        let report = check_all(&env, n_walks);
        assert_eq!(report.longest_row, length / word_bits);
    }
    for (length, word_bits, n_walks) in [(32, 1, 10_000), (64, 1, 20), (64, 8, 20)] {
        let env = Parentheses::new(length, word_bits).unwrap();
        check_environment(&env, n_walks, Streams::new(2)).unwrap();
    }
}

#[test]
fn bags() {
    for (n_letters, size) in [(1, 1), (3, 4), (2, 6), (4, 2)] {
        check_all(&Bag::new(n_letters, size).unwrap(), 2_000);
    }
    let report = check_environment(&Bag::published(), 10_000, Streams::new(2)).unwrap();
    assert_eq!((report.longest_walk, report.longest_row), (13, 7));
    check_environment(&Bag::new(16, 32).unwrap(), 5, Streams::new(2)).unwrap();
}

#[test]
fn deceptive_grids() {
    for (dimensions, side, n_walks) in [(1, 2, 20), (1, 5, 300), (2, 4, 2_000), (3, 3, 10_000)] {
        check_all(&DeceptiveGrid::new(dimensions, side).unwrap(), n_walks);
    }
    let published = DeceptiveGrid::new(4, 32).unwrap();
    check_environment(&published, 10_000, Streams::new(2)).unwrap();
    check_environment(&DeceptiveGrid::new(16, 2).unwrap(), 20, Streams::new(2)).unwrap();
}

#[test]
fn bayesian_networks() {
    // 2·25 and 2·543 states, half of them complete.
    for (n_nodes, n_states) in [(2, 6), (3, 50), (4, 1_086)] {
        let env = BayesianNetwork::new(n_nodes).unwrap();
        let report = check_environment(&env, 10_000, Streams::new(1)).unwrap();
        let all = StateGraph::explore(&env, 2_000).unwrap();
        assert_eq!(all.len(), n_states);
        assert_eq!(report.longest_row, env.max_len() - 1);
        if n_nodes < 4 {
            assert_eq!(
                (report.n_states, report.longest_walk),
                (n_states, env.max_len())
            );
        }
    }
    for (n_nodes, n_walks) in [(5, 10_000), (11, 30), (32, 1)] {
        let env = BayesianNetwork::new(n_nodes).unwrap();
        check_environment(&env, n_walks, Streams::new(2)).unwrap();
    }
}

#[test]
fn written_graphs() {
    let edges = [
        ("s", "a"),
        ("s", "b"),
        ("a", "c"),
        ("b", "c"),
        ("c", "x"),
        ("c", "y"),
        ("b", "y"),
    ];
    let graph = ListedGraph::new(&edges, &[("x", 1.0), ("y", 4.0)], None).unwrap();
    check_all(&graph, 10_000);
    let tree = ListedGraph::perfect_binary_tree(6, &[0.0; 64]).unwrap();
    check_all(&tree, 10_000);
}

#[test]
fn phylogenies() {
    for n_taxa in [2, 3, 4, 5] {
        let env = Phylogeny::new(n_taxa).unwrap();
        let all = StateGraph::explore(&env, 1_000).unwrap();
        let report = check_environment(&env, 10_000, Streams::new(1)).unwrap();
        assert_eq!(report.n_states, all.len(), "the walks saw every state");
        assert_eq!(report.longest_walk, n_taxa - 1);
    }
    for (n_taxa, n_walks) in [(27, 100), (64, 3)] {
        let env = Phylogeny::new(n_taxa).unwrap();
        check_environment(&env, n_walks, Streams::new(2)).unwrap();
    }
}

#[test]
fn grids_under_vectors_of_conditions() {
    let grid = Hypergrid::new(2, 4).unwrap();
    for set in [
        ConditionSet::Vectors(vec![vec![1.0, 0.0, 2.0], vec![0.0, 1.0, 2.0]]),
        ConditionSet::Ranges(vec![[0.0, 1.0], [-2.0, 5.0]]),
        ConditionSet::Simplex {
            concentration: vec![1.0; 3],
        },
    ] {
        let env = Conditional::new(grid, set).unwrap();
        let report = check_environment(&env, 500, Streams::new(1)).unwrap();
        assert_eq!((report.n_states, report.longest_walk), (32, 7));
    }
}

#[test]
fn indexed_and_behind_pointers() {
    let grid = Indexed::new(Hypergrid::new(2, 3).unwrap(), 18).unwrap();
    let report = check_all(&grid, 300);
    assert_eq!(report.longest_row, 1);
    let boxed: Box<dyn Enumerable<State = _>> = Box::new(grid);
    assert_eq!(check_all(&boxed, 300), report);
    assert_eq!(check_all(&std::sync::Arc::new(boxed), 300), report);
}

#[test]
fn environments_are_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Indexed<Hypergrid>>();
    assert_send_sync::<Box<dyn Environment<State = u8>>>();
    assert_send_sync::<gfn_env::HypergridReward>();
    assert_send_sync::<gfn_env::BitSequenceReward>();
    assert_send_sync::<gfn_env::TfBind8Reward>();
    assert_send_sync::<gfn_env::SetReward>();
    assert_send_sync::<gfn_env::SequenceReward>();
    assert_send_sync::<gfn_env::BagReward>();
    assert_send_sync::<gfn_env::BayesianNetworkReward>();
    assert_send_sync::<gfn_env::DeceptiveGridReward>();
    assert_send_sync::<gfn_env::IsingReward>();
    assert_send_sync::<gfn_env::ListedGraphReward>();
    assert_send_sync::<gfn_env::PhylogenyReward>();
    assert_send_sync::<gfn_env::MultiObjectiveGridReward>();
    assert_send_sync::<gfn_env::ParenthesesReward>();
    assert_send_sync::<gfn_env::PeptideReward>();
    assert_send_sync::<gfn_env::AntimicrobialReward>();
    assert_send_sync::<gfn_env::RewardError>();
}
