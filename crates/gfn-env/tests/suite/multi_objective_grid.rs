//! The multi-objective grid: published values of its objectives, their scale on a grid, and log Z at each preference.

use gfn_env::{
    ConditionSet, Conditional, GridObjective, Hypergrid, MultiObjectiveGridReward, Objectives as _,
    PreferenceReward, Reward as _, StateGraph, check_preference, log_partition,
    target_distribution, total_variation,
};
use std::f64::consts::PI;

use GridObjective::{Beale, Branin, Currin, Shubert};

const FLOOR: f64 = 1e-3;

fn grid() -> Hypergrid {
    Hypergrid::new(2, 8).unwrap()
}

fn reward(objectives: &[GridObjective]) -> MultiObjectiveGridReward {
    MultiObjectiveGridReward::new(&grid(), objectives, FLOOR).unwrap()
}

#[test]
fn objectives_have_their_published_values() {
    for (objective, point, expected, error) in [
        // The three minima, and the largest value of the domain.
        (Branin, [-PI, 12.275], 0.397_887, 1e-6),
        (Branin, [PI, 2.275], 0.397_887, 1e-6),
        (Branin, [9.424_78, 2.475], 0.397_887, 1e-6),
        (Branin, [-5.0, 0.0], 308.129, 1e-3),
        // 60/20, and 6352/624 without and with the factor 1 − e^{−1/2}; the maximum is 13.7987.
        (Currin, [0.0, 0.0], 3.0, 1e-12),
        (Currin, [1.0, 0.0], 6352.0 / 624.0, 1e-12),
        (Currin, [1.0, 1.0], 4.005_316, 1e-6),
        (Currin, [0.2167, 0.0], 13.7987, 1e-4),
        // Two of the eighteen minima.
        (Shubert, [-7.0835, 4.8580], -186.7309, 1e-4),
        (Shubert, [-1.425_13, -0.800_32], -186.7309, 1e-4),
        (Beale, [3.0, 0.5], 0.0, 1e-12),
        (Beale, [0.0, 0.0], 14.203_125, 1e-12),
        (Beale, [-1.0, -1.0], 38.703_125, 1e-12),
    ] {
        let found = objective.value(point);
        assert!(
            (found - expected).abs() < error,
            "{objective:?} {point:?}: {found}"
        );
    }
}

/// `v_k` of a cell, straight from the definition.
fn scaled(objective: GridObjective, cell: [usize; 2]) -> f64 {
    let at = |[i, j]: [usize; 2]| {
        let [[x0, x1], [y0, y1]] = objective.domain();
        let (u, v) = (i as f64 / 7.0, j as f64 / 7.0);
        objective.value([x0 + (x1 - x0) * u, y0 + (y1 - y0) * v])
    };
    let all: Vec<f64> = (0..64).map(|c| at([c / 8, c % 8])).collect();
    let low = all.iter().copied().fold(f64::MAX, f64::min);
    let high = all.iter().copied().fold(f64::MIN, f64::max);
    match objective {
        Currin => (at(cell) - low) / (high - low),
        _ => (high - at(cell)) / (high - low),
    }
}

#[test]
fn rewards_are_scaled_by_the_cells_of_the_grid() {
    let all = [Branin, Currin, Shubert, Beale];
    let reward = reward(&all);
    let mut extremes = [[f64::MAX, f64::MIN]; 4];
    for cell in 0..64 {
        let state = grid()
            .exited_cell(&[cell / 8, cell % 8])
            .expect("a cell of the grid");
        let mut out = [0.0; 4];
        reward.rewards(&[state], &mut out).unwrap();
        assert_eq!(out, reward.rewards_at(&state));
        for (k, objective) in all.into_iter().enumerate() {
            let v = scaled(objective, [cell / 8, cell % 8].map(usize::from));
            assert!((out[k] - (FLOOR + (1.0 - FLOOR) * v)).abs() < 1e-12);
            extremes[k] = [extremes[k][0].min(out[k]), extremes[k][1].max(out[k])];
        }
        assert!((reward.reward(&state) - out.iter().sum::<f64>() / 4.0).abs() < 1e-15);
    }
    for [low, high] in extremes {
        assert!((low - FLOOR).abs() < 1e-15 && (high - 1.0).abs() < 1e-15);
    }
}

#[test]
fn log_partition_of_fixed_weights_is_that_of_all_cells() {
    let weights = [0.2, 0.5, 0.3];
    let reward = reward(&[Beale, Currin, Shubert])
        .with_weights(&weights)
        .unwrap();
    let graph = StateGraph::explore(&grid(), 1_000).unwrap();
    let log_rewards = graph.log_rewards(&reward).unwrap();
    let (mut z, mut squares) = (0.0, 0.0);
    for cell in 0..64 {
        let of = |f| FLOOR + (1.0 - FLOOR) * scaled(f, [cell / 8, cell % 8]);
        let r = 0.2 * of(Beale) + 0.5 * of(Currin) + 0.3 * of(Shubert);
        z += r;
        squares += r * r;
    }
    assert!((log_partition(&log_rewards) - z.ln()).abs() < 1e-12);
    assert!((reward.log_partition() - z.ln()).abs() < 1e-12);
    assert!((reward.mean_reward() - squares / z).abs() < 1e-12);
}

#[test]
fn log_partition_at_each_preference_is_a_direct_sum() {
    let exponent = 4.0;
    let reward = PreferenceReward::new(reward(&[Currin, Shubert]), exponent).unwrap();
    let simplex = ConditionSet::Simplex {
        concentration: vec![1.0; 2],
    };
    let env = Conditional::new(grid(), simplex).unwrap();
    let mut targets = Vec::new();
    for w in [[1.0, 0.0], [0.75, 0.25], [0.5, 0.5], [0.1, 0.9], [0.0, 1.0]] {
        let graph = StateGraph::explore(&env.at(w), 1_000).unwrap();
        let log_rewards = graph.log_rewards(&reward).unwrap();
        let z: f64 = (0..64)
            .map(|cell| {
                let of = |f| FLOOR + (1.0 - FLOOR) * scaled(f, [cell / 8, cell % 8]);
                (w[0] * of(Currin) + w[1] * of(Shubert)).powf(exponent)
            })
            .sum();
        assert!(
            (log_partition(&log_rewards) - z.ln()).abs() < 1e-12,
            "{w:?}"
        );
        targets.push(target_distribution(&log_rewards));
    }
    // One policy for all of them would be far from most.
    let apart = total_variation(&targets[0], &targets[4]);
    assert!(apart > 0.5, "{apart}");
    // A preference of another dimension has no reward.
    let mut out = [0.0];
    let thirds = ConditionSet::Vectors(vec![vec![1.0, 0.0, 0.0]]);
    let env = Conditional::new(grid(), thirds).unwrap();
    let source = gfn_env::Environment::source(&env);
    reward.log_reward(&[source], &mut out).unwrap();
    assert!(out[0].is_nan());
}

#[test]
fn bad_parameters_are_refused_by_name() {
    let refused = |grid: &Hypergrid, objectives: &[GridObjective], floor| {
        let error = MultiObjectiveGridReward::new(grid, objectives, floor).unwrap_err();
        error.to_string()
    };
    let cube = Hypergrid::new(3, 8).unwrap();
    assert!(refused(&cube, &[Branin], FLOOR).starts_with("`dimensions` is 3"));
    let large = Hypergrid::new(2, 1025).unwrap();
    assert!(refused(&large, &[Branin], FLOOR).starts_with("`side` is 1025"));
    for objectives in [&[][..], &[Branin, Currin, Branin]] {
        let error = refused(&grid(), objectives, FLOOR);
        assert!(error.starts_with("`objectives` is [") && error.contains("none twice"));
    }
    for floor in [0.0, -0.1, 1.0, f64::NAN] {
        assert!(refused(&grid(), &[Branin], floor).starts_with("`floor` is"));
    }
    for exponent in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        let error = PreferenceReward::new(reward(&[Branin]), exponent).unwrap_err();
        assert!(error.to_string().starts_with("`exponent` is"));
    }
    for (weights, says) in [
        (vec![1.0], "one weight for each"),
        (vec![0.5, 0.6], "sum to 1"),
        (vec![1.5, -0.5], "negative"),
        (vec![f64::NAN, 0.5], "negative"),
    ] {
        let error = check_preference("weights", &weights, 2).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        let error = reward(&[Branin, Currin])
            .with_weights(&weights)
            .unwrap_err();
        assert!(error.to_string().starts_with("`weights` is"), "{error}");
    }
}
