//! Environments under conditions, and with one action for each child.

use crate::either_end::EitherEnd;
use gfn_env::rand::RngExt as _;
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{
    Action, ChildFeatures, Condition, ConditionSet, Conditional, ConditionalReward,
    Environment as _, EnvironmentError, Features, Hypergrid, HypergridReward, HypergridState,
    Purpose, Reward as _, StateGraph, Streams, TemperedReward, UniqueChildren, check_environment,
    log_partition,
};
use std::collections::BTreeSet;

#[test]
fn one_action_for_each_child() {
    for features in [ChildFeatures::Actions, ChildFeatures::Encodings] {
        let env = UniqueChildren::new(EitherEnd, features);
        check_environment(&env, 200, Streams::new(1)).unwrap();
        let (all, unique) = (
            StateGraph::explore(&EitherEnd, 100).unwrap(),
            StateGraph::explore(&env, 100).unwrap(),
        );
        assert_eq!(all.states().len(), unique.len());
        for (i, state) in unique.states().iter().enumerate() {
            let of_all = all.index_of(state).unwrap();
            let distinct = |graph: &StateGraph<String>, i: usize| -> BTreeSet<String> {
                graph
                    .edges(i)
                    .map(|e| graph.states()[e.child].clone())
                    .collect()
            };
            assert_eq!(distinct(&unique, i), distinct(&all, of_all));
            assert_eq!(unique.edges(i).len(), distinct(&unique, i).len(), "{state}");
            let parents: BTreeSet<usize> = unique.parents(i).map(|e| e.parent).collect();
            assert_eq!(unique.n_parents(i), parents.len(), "{state}");
        }
        // From the empty string four actions lead to two children.
        assert_eq!((all.edges(0).len(), unique.edges(0).len()), (4, 2));
        let refused = env.step(&mut String::new(), Action(2)).unwrap_err();
        assert!(matches!(
            refused,
            EnvironmentError::InvalidAction { action: 2, .. }
        ));
    }
}

#[test]
fn encodings_of_children_are_taken_apart_again() {
    let env = UniqueChildren::new(EitherEnd, ChildFeatures::Encodings);
    let states = ["", "ab", "aa", "aba"];
    let mut features = Features::new(env.n_features());
    let mut plain = Features::new(9);
    for state in states {
        env.encode(&state.to_owned(), &mut features.push_row());
        EitherEnd.encode(&state.to_owned(), &mut plain.push_row());
    }
    let rows = env.layout().split(&features);
    assert_eq!(rows.states, plain);
    // Actions: a in front, b in front, a behind, b behind.
    let first = |i: usize| -> Vec<Option<u32>> { rows.first_action[4 * i..][..4].to_vec() };
    assert_eq!(first(0), [Some(0), Some(1), Some(0), Some(1)]);
    assert_eq!(first(1), [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(first(2), [Some(0), Some(1), Some(0), Some(3)]);
    assert_eq!(first(3), [None; 4]);
    let children = ["a", "b", "aab", "bab", "aba", "abb", "aaa", "baa", "aab"];
    assert_eq!(rows.child_rows.len(), children.len());
    for (child, &row) in children.iter().zip(&rows.child_rows) {
        let mut expected = Features::new(9);
        EitherEnd.encode(&(*child).to_owned(), &mut expected.push_row());
        assert_eq!(rows.children.row(row as usize), expected.row(0), "{child}");
    }
    // "aab" is a child of two states and encoded once.
    assert_eq!(rows.children.n_rows(), 8);
    assert_eq!(rows.child_rows[2], rows.child_rows[8]);
}

#[test]
fn conditions_are_graphs_of_their_own() {
    let grid = Hypergrid::new(2, 4).unwrap();
    let reward = HypergridReward::original(&grid, 0.1, 0.5, 2.0).unwrap();
    let env = Conditional::new(grid, ConditionSet::Values(vec![2.0, 0.5])).unwrap();
    check_environment(&env, 50, Streams::new(1)).unwrap();
    let log_rewards = StateGraph::explore(&grid, 100)
        .unwrap()
        .log_rewards(&reward)
        .unwrap();
    for beta in [0.5, 2.0] {
        let graph = StateGraph::explore(&env.at(beta), 100).unwrap();
        assert_eq!(graph.len(), 32);
        let tempered = graph.log_rewards(&TemperedReward(&reward)).unwrap();
        let expected: Vec<f64> = log_rewards.iter().map(|r| beta * r).collect();
        assert!((log_partition(&tempered) - log_partition(&expected)).abs() < 1e-12);
    }
    let mut out = [0.0];
    let mut state = env.at(0.5).source();
    env.step(&mut state, grid.exit()).unwrap();
    TemperedReward(&reward)
        .log_reward(&[state], &mut out)
        .unwrap();
    assert_eq!(out, [0.5 * (0.1f64 + 0.5).ln()]);
    let mut state = env.at(0.5).source();
    env.step(&mut state, Action(1)).unwrap();
    assert_eq!(env.describe(&state), "0 1 under 0.5");
}

#[test]
fn sources_are_drawn_from_the_set() {
    let grid = Hypergrid::new(1, 2).unwrap();
    let draw = |set: ConditionSet| -> Vec<f64> {
        let env = Conditional::new(grid, set).unwrap();
        let mut drawn = Vec::new();
        for lane in 0..4_000 {
            let mut rng = Streams::new(0).rng(Purpose::Rollout, 0, lane);
            let source = env.draw_source(&mut rng);
            assert!(env.is_source(&source));
            drawn.push(source.condition.value());
        }
        drawn
    };
    let values = draw(ConditionSet::Values(vec![1.0, 2.0, 4.0]));
    for value in [1.0, 2.0, 4.0] {
        // 4,000 draws of probability 1/3: five standard deviations are 149.
        let n = values.iter().filter(|v| **v == value).count();
        assert!((n as f64 - 4_000.0 / 3.0).abs() < 149.0, "{value}: {n}");
    }
    let values = draw(ConditionSet::Range {
        from: -1.0,
        to: 3.0,
    });
    assert!(values.iter().all(|v| (-1.0..3.0).contains(v)));
    // The mean of 4,000 uniform numbers of variance 16/12: five standard errors are 0.091.
    let mean = values.iter().sum::<f64>() / 4_000.0;
    assert!((mean - 1.0).abs() < 0.091, "{mean}");
}

#[test]
fn conditions_are_encoded_by_their_two_nearest_knots() {
    let grid = Hypergrid::new(1, 2).unwrap();
    let set = ConditionSet::Values(vec![4.0, 1.0, 2.0]);
    let env = Conditional::new(grid, set).unwrap();
    for (value, expected) in [
        (1.0, [1.0, 0.0, 0.0]),
        (2.0, [0.0, 1.0, 0.0]),
        (2.5, [0.0, 0.75, 0.25]),
        (4.0, [0.0, 0.0, 1.0]),
        // Beyond the set: the nearest inside.
        (0.5, [1.0, 0.0, 0.0]),
        (9.0, [0.0, 0.0, 1.0]),
    ] {
        let mut features = Features::new(env.n_features());
        env.encode(&env.at(value).source(), &mut features.push_row());
        assert_eq!(features.to_dense()[2..], expected, "{value}");
    }
    let set = ConditionSet::Range { from: 0.0, to: 7.0 };
    let env = Conditional::new(grid, set).unwrap();
    assert_eq!(env.n_condition_features(), 8);
    let mut features = Features::new(env.n_features());
    env.encode(&env.at(2.5).source(), &mut features.push_row());
    assert_eq!(
        features.to_dense()[2..],
        [0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    );
}

#[test]
fn vectors_are_encoded_number_by_number() {
    let grid = Hypergrid::new(1, 2).unwrap();
    let encoded = |env: &Conditional<Hypergrid>, condition: &[f64]| -> Vec<f32> {
        let mut features = Features::new(env.n_features());
        env.encode(&env.at(condition).source(), &mut features.push_row());
        features.to_dense()[2..].to_vec()
    };
    // Knots 0, 1, 3 and 5 alone and 2, 4.
    let vectors = [[3.0, 5.0, 2.0], [0.0, 5.0, 4.0], [1.0, 5.0, 2.0]];
    let set = ConditionSet::Vectors(vectors.map(Vec::from).to_vec());
    let env = Conditional::new(grid, set).unwrap();
    assert_eq!(env.n_condition_features(), 3 + 1 + 2);
    assert_eq!(
        encoded(&env, &[3.0, 5.0, 2.0]),
        [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    );
    assert_eq!(
        encoded(&env, &[2.0, 9.0, 2.5]),
        [0.0, 0.5, 0.5, 1.0, 0.75, 0.25]
    );
    assert_eq!(env.source().condition.values(), vectors[0]);

    // Eight knots for each range; those of a simplex lie between 0 and 1.
    let set = ConditionSet::Ranges(vec![[0.0, 7.0], [10.0, 24.0]]);
    let env = Conditional::new(grid, set).unwrap();
    let row = encoded(&env, &[6.5, 12.0]);
    let mut expected = [0.0; 16];
    (expected[6], expected[7], expected[8 + 1]) = (0.5, 0.5, 1.0);
    assert_eq!(row, expected);
    let set = ConditionSet::Simplex {
        concentration: vec![1.0, 3.0],
    };
    let env = Conditional::new(grid, set).unwrap();
    assert_eq!(env.source().condition.values(), [0.25, 0.75]);
    let row = encoded(&env, &[0.0, 1.0]);
    let mut expected = [0.0; 16];
    (expected[0], expected[15]) = (1.0, 1.0);
    assert_eq!(row, expected);
}

#[test]
fn vectors_are_drawn_from_the_set() {
    let grid = Hypergrid::new(1, 2).unwrap();
    let draw = |set: ConditionSet| -> Vec<Vec<f64>> {
        let env = Conditional::new(grid, set).unwrap();
        let lanes = 0..4_000;
        lanes
            .map(|lane| {
                let mut rng = Streams::new(0).rng(Purpose::Rollout, 0, lane);
                env.draw_source(&mut rng).condition.values().to_vec()
            })
            .collect()
    };
    let corners = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![0.5, 0.5]];
    let drawn = draw(ConditionSet::Vectors(corners.clone()));
    for corner in &corners {
        // 4,000 draws of probability 1/3: five standard deviations are 149.
        let n = drawn.iter().filter(|v| *v == corner).count();
        assert!((n as f64 - 4_000.0 / 3.0).abs() < 149.0, "{corner:?}: {n}");
    }
    let drawn = draw(ConditionSet::Ranges(vec![[-1.0, 3.0], [0.0, 1.0]]));
    let mean = |f: &dyn Fn(&[f64]) -> f64| drawn.iter().map(|v| f(v)).sum::<f64>() / 4_000.0;
    assert!(
        drawn
            .iter()
            .all(|v| (-1.0..3.0).contains(&v[0]) && (0.0..1.0).contains(&v[1]))
    );
    // Uniform numbers of variances 16/12 and 1/12: five standard errors are 0.091 and 0.023; of the product of both,
    // less its means, whose variance is 16/144: 0.026.
    assert!((mean(&|v| v[0]) - 1.0).abs() < 0.091);
    assert!((mean(&|v| v[1]) - 0.5).abs() < 0.023);
    assert!(mean(&|v| (v[0] - 1.0) * (v[1] - 0.5)).abs() < 0.026);
    let drawn = draw(ConditionSet::Simplex {
        concentration: vec![1.0; 3],
    });
    // Uniform on the triangle: means 1/3, and 1/12 for a product of two weights, whose variance is 1/90 − 1/144; five
    // standard errors are below 0.019 and 0.006.
    let mean = |f: &dyn Fn(&[f64]) -> f64| drawn.iter().map(|v| f(v)).sum::<f64>() / 4_000.0;
    for k in 0..3 {
        assert!((mean(&|v| v[k]) - 1.0 / 3.0).abs() < 0.019, "{k}");
        assert!((mean(&|v| v[k] * v[(k + 1) % 3]) - 1.0 / 12.0).abs() < 0.006);
    }
}

#[test]
fn draws_of_numbers_are_those_of_their_own_lanes() {
    // The first draw of a lane decides, and the walk goes on with the same generator: numbers of earlier releases.
    let grid = Hypergrid::new(2, 4).unwrap();
    let draws = |set: ConditionSet| -> Vec<(f64, u32)> {
        let env = Conditional::new(grid, set).unwrap();
        let lanes = 0..4;
        lanes
            .map(|lane| {
                let mut rng = Streams::new(42).rng(Purpose::Rollout, 7, lane);
                let condition = env.draw_source(&mut rng).condition.value();
                (condition, rng.random())
            })
            .collect()
    };
    let by_hand = |f: &dyn Fn(&mut ChaCha8Rng) -> f64| -> Vec<(f64, u32)> {
        let lanes = 0..4;
        lanes
            .map(|lane| {
                let mut rng = Streams::new(42).rng(Purpose::Rollout, 7, lane);
                (f(&mut rng), rng.random())
            })
            .collect()
    };
    let values = [0.5, 1.0, 2.0];
    assert_eq!(
        draws(ConditionSet::Values(values.to_vec())),
        by_hand(&|rng| values[rng.random_range(0..values.len())])
    );
    assert_eq!(
        draws(ConditionSet::Range { from: 0.5, to: 2.0 }),
        by_hand(&|rng| 0.5 + (2.0 - 0.5) * rng.random::<f64>())
    );
}

#[test]
fn closures_are_rewards_under_a_condition() {
    let grid = Hypergrid::new(2, 4).unwrap();
    let set = ConditionSet::Vectors(vec![vec![1.0, -0.5], vec![0.25, 2.0]]);
    let env = Conditional::new(grid, set).unwrap();
    // A product of exponentials, whose Z is a product of geometric sums.
    let reward = ConditionalReward(|x: &HypergridState, c: &[f64]| {
        let pairs = x.coordinates().iter().zip(c);
        pairs.map(|(x, c)| f64::from(*x) * c).sum()
    });
    for c in [[1.0, -0.5], [0.25, 2.0]] {
        let graph = StateGraph::explore(&env.at(c), 100).unwrap();
        let found = log_partition(&graph.log_rewards(&reward).unwrap());
        let geometric = |c: f64| ((4.0 * c).exp() - 1.0) / (c.exp() - 1.0);
        let expected = (geometric(c[0]) * geometric(c[1])).ln();
        assert!((found - expected).abs() < 1e-12, "{c:?}");
    }
}

#[test]
fn bad_conditions_are_refused() {
    let grid = Hypergrid::new(1, 2).unwrap();
    for set in [
        ConditionSet::Values(vec![]),
        ConditionSet::Values(vec![1.0, 1.0]),
        ConditionSet::Values(vec![f64::NAN]),
        ConditionSet::Values(vec![1.0, f64::INFINITY]),
        ConditionSet::Range { from: 1.0, to: 1.0 },
        ConditionSet::Range {
            from: 0.0,
            to: f64::INFINITY,
        },
        ConditionSet::Vectors(vec![]),
        ConditionSet::Vectors(vec![vec![]]),
        ConditionSet::Vectors(vec![vec![1.0, 2.0], vec![1.0]]),
        ConditionSet::Vectors(vec![vec![0.0, 1.0], vec![-0.0, 1.0]]),
        ConditionSet::Vectors(vec![vec![0.0, f64::NAN]]),
        ConditionSet::Ranges(vec![]),
        ConditionSet::Ranges(vec![[0.0, 1.0], [2.0, 2.0]]),
    ] {
        assert!(Conditional::new(grid, set.clone()).is_err(), "{set:?}");
    }
    for concentration in [
        vec![],
        vec![1.0],
        vec![1.0, 0.0],
        vec![1.0, -1.0],
        vec![1.0, 1e7],
    ] {
        let set = ConditionSet::Simplex { concentration };
        let error = Conditional::new(grid, set).unwrap_err().to_string();
        assert!(error.starts_with("`concentration` is ["), "{error}");
    }
    assert_eq!(Condition::new(-0.0), Condition::new(0.0));
    assert_eq!(Condition::new([1.0, -0.0]), Condition::new(vec![1.0, 0.0]));
    assert_ne!(Condition::new([1.0]), Condition::new([1.0, 0.0]));
}

#[test]
#[should_panic(expected = "the dimension of a condition")]
fn a_condition_of_another_dimension_is_a_mistake() {
    let set = ConditionSet::Vectors(vec![vec![1.0, 2.0]]);
    let env = Conditional::new(Hypergrid::new(1, 2).unwrap(), set).unwrap();
    drop(env.at(1.0));
}
