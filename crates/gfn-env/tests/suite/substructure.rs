//! Parts of objects against the enumerated graph, and guides against the sum over all paths.

use gfn_env::guide::{
    Guide, SeenObjects, SubstructureGuide, SubstructureGuideConfig, UniformGuide,
};
use gfn_env::sequence::SequenceOrder;
use gfn_env::set::Stopping;
use gfn_env::{
    Action, BackwardAction, Bag, BayesianNetwork, BitSequence, BuildOrder, Environment, Hypergrid,
    Indexed, Peptide, Phylogeny, Sequence, Set, StateGraph, Substructure, Trajectories,
};

/// Which states lie on a path to which object, by a search backwards.
fn check_contains<E: Substructure>(env: &E) {
    let graph = StateGraph::explore(env, 2_000).unwrap();
    for &object in graph.terminals() {
        let mut on_the_way = vec![false; graph.len()];
        on_the_way[object] = true;
        let mut open = vec![object];
        while let Some(state) = open.pop() {
            for edge in graph.parents(state) {
                if !std::mem::replace(&mut on_the_way[edge.parent], true) {
                    open.push(edge.parent);
                }
            }
        }
        for (i, state) in graph.states().iter().enumerate() {
            let object = &graph.states()[object];
            assert_eq!(
                env.contains(object, state),
                on_the_way[i],
                "{state:?} in {object:?}"
            );
        }
    }
}

#[test]
fn parts_are_the_states_on_the_ways_to_an_object() {
    check_contains(&Hypergrid::new(2, 4).unwrap());
    check_contains(&Indexed::new(Hypergrid::new(3, 2).unwrap(), 100).unwrap());
    for order in [BuildOrder::Autoregressive, BuildOrder::AnyPosition] {
        check_contains(&BitSequence::new(4, 2, order).unwrap());
        check_contains(&BitSequence::new(3, 1, order).unwrap());
    }
    for order in [
        SequenceOrder::Append,
        SequenceOrder::EitherEnd,
        SequenceOrder::AnyPosition,
    ] {
        check_contains(&Sequence::new(3, 3).unwrap().with_order(order));
    }
    check_contains(&Bag::new(3, 4).unwrap());
    check_contains(&BayesianNetwork::new(3).unwrap());
    check_contains(&Phylogeny::new(4).unwrap());
    check_contains(&Peptide::new(1, 3, "KAD").unwrap());
    for stopping in [Stopping::AtSize, Stopping::AnySize] {
        check_contains(&Set::new(5, 3, stopping).unwrap());
    }
    // TFBind8 has 87,381 states: the same rule as sequences, on some words.
    let env = gfn_env::TfBind8::new();
    let word = |text: &str| env.word(text).unwrap();
    for (part, contained) in [
        ("", true),
        ("ACG", true),
        ("ACGTACGT", true),
        ("ACT", false),
        ("CGT", false),
    ] {
        assert_eq!(env.contains(&word("ACGTACGT"), &word(part)), contained);
    }
}

/// Every path from the source to `object`.
fn paths_to<E: Environment>(env: &E, object: &E::State) -> Trajectories<E::State> {
    type Path<S> = (Vec<S>, Vec<Action>, Vec<BackwardAction>);
    let mut found = Trajectories::new();
    let mut open: Vec<Path<E::State>> = vec![(vec![object.clone()], Vec::new(), Vec::new())];
    let mut allowed = vec![false; env.n_backward_actions()];
    while let Some((states, actions, backward)) = open.pop() {
        let first = states.last().unwrap();
        if env.is_source(first) {
            let reversed = |v: &Vec<Action>| v.iter().rev().copied().collect::<Vec<_>>();
            let backward: Vec<_> = backward.iter().rev().copied().collect();
            found.push(
                states.iter().rev().cloned(),
                &reversed(&actions),
                &backward,
                0.0,
            );
            continue;
        }
        env.backward_mask(first, &mut allowed);
        for b in (0..allowed.len()).filter(|&b| allowed[b]) {
            let (mut states, mut actions, mut backward) =
                (states.clone(), actions.clone(), backward.clone());
            let mut parent = first.clone();
            let back = BackwardAction(b as u32);
            actions.push(env.step_back(&mut parent, back).unwrap());
            backward.push(back);
            states.push(parent);
            open.push((states, actions, backward));
        }
    }
    found
}

/// `X`: every second object of the graph, each with a reward of its own.
fn some_objects<E: Environment>(env: &E, graph: &StateGraph<E::State>) -> SeenObjects<E::State> {
    let mut seen = SeenObjects::new(1000);
    for (i, &object) in graph.terminals().iter().enumerate().step_by(2) {
        let mut paths = paths_to(env, &graph.states()[object]);
        let rewards = vec![(i as f64 * 1.7).sin(); paths.len()];
        paths.set_log_reward(rewards);
        seen.add(&paths);
    }
    seen
}

fn check_distribution<E: Environment>(env: &E, guide: &dyn Guide<E::State>) {
    let graph = StateGraph::explore(env, 2_000).unwrap();
    let seen = some_objects(env, &graph);
    let mut uneven = 0;
    for object in graph.terminal_states() {
        let paths = paths_to(env, object);
        let log_probs = guide.log_probs(&paths, &seen).unwrap();
        let total: f64 = log_probs.iter().map(|p| p.exp()).sum();
        assert!((total - 1.0).abs() < 1e-12, "{object:?}: {total}");
        assert!(log_probs.iter().all(|p| p.is_finite()), "{object:?}");
        let first = log_probs[0];
        uneven += usize::from(log_probs.iter().any(|p| (p - first).abs() > 0.1));
    }
    assert!(uneven > 0, "the guide prefers no path to any object");
}

fn config(temperature: f64) -> SubstructureGuideConfig {
    SubstructureGuideConfig {
        temperature,
        ..SubstructureGuideConfig::default()
    }
}

#[test]
fn a_guide_is_a_distribution_over_the_paths_to_every_object() {
    for temperature in [1.0, 3.0] {
        let grid = Hypergrid::new(2, 4).unwrap();
        check_distribution(
            &grid,
            &SubstructureGuide::new(grid, config(temperature)).unwrap(),
        );
        let strings = BitSequence::new(4, 1, BuildOrder::AnyPosition).unwrap();
        let guide = SubstructureGuide::new(strings, config(temperature)).unwrap();
        check_distribution(&strings, &guide);
        let sets = Set::new(5, 3, Stopping::AnySize).unwrap();
        check_distribution(
            &sets,
            &SubstructureGuide::new(sets, config(temperature)).unwrap(),
        );
    }
    let grid = Hypergrid::new(2, 4).unwrap();
    check_distribution(&grid, &UniformGuide(grid));
}

#[test]
fn substructure_guide_by_hand() {
    // Objects of {0, 1, 2} of size 2: the way to {0, 1}, when {0, 2} with reward 3 and {1, 2} with reward 1 were seen.
    let sets = Set::new(3, 2, Stopping::AtSize).unwrap();
    let mut batch = Trajectories::new();
    for (elements, reward) in [([0, 2], 3.0f64), ([1, 2], 1.0), ([0, 1], 100.0)] {
        let states = [
            sets.source(),
            sets.subset(&elements[..1]).unwrap(),
            sets.subset(&elements).unwrap(),
        ];
        let actions = elements.map(|i| Action(i as u32));
        let backward = elements.map(|i| BackwardAction(i as u32));
        batch.push(states, &actions, &backward, reward.ln());
    }
    let mut seen = SeenObjects::new(10);
    seen.add(&batch);
    let object = sets.subset(&[0, 1]).unwrap();
    // φ({0}) = 3 and φ({1}) = 1: the object itself does not count, whatever its reward.
    for (temperature, p) in [(1.0, 3.0 / 4.0), (3.0, 27.0 / 28.0), (0.0, 0.5)] {
        let guide = SubstructureGuide::new(sets, config(temperature)).unwrap();
        let children = guide.children(&object, &sets.source(), &seen).unwrap();
        assert_eq!(children.len(), 2, "{children:?}");
        assert_eq!(children[0].state, sets.subset(&[0]).unwrap());
        let expected: f64 = 0.99 * p + 0.01 * 0.5;
        assert!((children[0].log_prob.exp() - expected).abs() < 1e-12);
        // One child is left, whose score is 0: the fallback.
        let children = guide.children(&object, &children[0].state, &seen).unwrap();
        assert_eq!((children.len(), children[0].log_prob), (1, 0.0));
        assert!(guide.children(&object, &object, &seen).unwrap().is_empty());
    }
}

#[test]
fn a_path_to_another_object_has_probability_zero() {
    let grid = Hypergrid::new(2, 3).unwrap();
    let guide = SubstructureGuide::new(grid, config(1.0)).unwrap();
    let mut batch = Trajectories::new();
    let cell = |x, y| grid.cell(&[x, y]).unwrap();
    // Jumps back: no path of the grid.
    let end = grid.exited_cell(&[1, 0]).unwrap();
    let states = [cell(0, 0), cell(0, 1), cell(1, 0), end];
    batch.push(
        states,
        &[Action(1), Action(0), grid.exit()],
        &[BackwardAction(0); 3],
        0.0,
    );
    let log_probs = guide.log_probs(&batch, &SeenObjects::new(1)).unwrap();
    assert_eq!(log_probs, [f64::NEG_INFINITY]);
}

#[test]
fn bad_parameters_of_a_guide_are_refused() {
    let good = SubstructureGuideConfig::default();
    let refused = |config: SubstructureGuideConfig| config.validate().unwrap_err().to_string();
    for temperature in [-1.0, f64::NAN, f64::INFINITY] {
        let message = refused(SubstructureGuideConfig {
            temperature,
            ..good
        });
        assert!(message.contains("`temperature`"), "{message}");
    }
    for uniform_share in [0.0, 1.5, f64::NAN] {
        let message = refused(SubstructureGuideConfig {
            uniform_share,
            ..good
        });
        assert!(message.contains("`uniform_share`"), "{message}");
    }
    let message = refused(SubstructureGuideConfig {
        capacity: 0,
        ..good
    });
    assert!(message.contains("`capacity`"), "{message}");
}

#[test]
fn seen_objects_are_bounded_and_made_again_from_their_actions() {
    let grid = Hypergrid::new(2, 4).unwrap();
    let graph = StateGraph::explore(&grid, 100).unwrap();
    let mut batch = Trajectories::new();
    for object in graph.terminal_states() {
        let paths = paths_to(&grid, object);
        let path = paths.trajectory(0);
        let states = path.states.iter().copied();
        let log_reward = 0.1 * batch.len() as f64;
        batch.push(states, path.actions, path.backward_actions, log_reward);
    }
    let mut seen = SeenObjects::new(5);
    seen.add(&batch);
    seen.add(&batch);
    assert_eq!(seen.len(), 5);
    let kept = seen.iter().map(|x| (x.actions.clone(), x.log_reward));
    let again = SeenObjects::replayed(&grid, 5, kept).unwrap();
    assert!(seen.iter().eq(again.iter()));
    // The last five of the second time.
    let last: Vec<_> = (11..16).map(|b| *batch.terminal(b)).collect();
    assert!(seen.iter().map(|x| x.state).eq(last));
    assert!(SeenObjects::replayed(&grid, 5, [(vec![Action(7)], 0.0)]).is_err());
}
