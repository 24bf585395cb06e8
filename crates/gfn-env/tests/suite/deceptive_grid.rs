//! The deceptive grid: where walks end, the reward as it is written, and log Z by counting against the list of cells.

use gfn_env::{
    Action, DeceptiveGrid, DeceptiveGridReward, DeceptiveGridRewardConfig, Enumerable as _,
    Environment as _, Reward as _, StateGraph, log_partition,
};

fn published(grid: &DeceptiveGrid) -> DeceptiveGridReward {
    DeceptiveGridReward::new(grid, DeceptiveGridRewardConfig::deceptive()).expect("in range")
}

/// The formula as the paper writes it, in floating point.
fn formula(coordinates: &[u16], side: usize) -> f64 {
    let x = |c: &u16| (2.0 * f64::from(*c) / (side as f64 - 1.0) - 1.0).abs();
    let outer = coordinates.iter().all(|c| x(c) > 0.2);
    let ring = coordinates.iter().all(|c| 0.6 < x(c) && x(c) < 0.8);
    1e-5 + 0.1 - 0.1 * f64::from(u8::from(outer)) + 2.0 * f64::from(u8::from(ring))
}

#[test]
fn walks_end_at_the_far_sides() {
    let grid = DeceptiveGrid::new(2, 3).unwrap();
    let mut state = grid.source();
    for action in [0, 1, 1] {
        grid.step(&mut state, Action(action)).unwrap();
    }
    assert_eq!(state.coordinates(), [1, 2]);
    assert!(grid.is_terminal(&state) && !state.has_exited());
    assert!(grid.step(&mut state, grid.exit()).is_err());
    let mut allowed = [true; 2];
    grid.backward_mask(&state, &mut allowed);
    assert_eq!(allowed, [false, true], "[0, 2] is terminal, and no parent");
    // Four cells within, and two at each of two sides.
    let texts: Vec<String> = (0..8).map(|i| grid.describe(&grid.terminal(i))).collect();
    assert_eq!(
        texts,
        ["0 0", "0 1", "1 0", "1 1", "2 0", "2 1", "0 2", "1 2"]
    );
    assert!(grid.object(&[2, 2]).is_err());
    assert_eq!(
        DeceptiveGrid::new(16, 65_535).unwrap().n_terminal(),
        usize::MAX
    );
}

#[test]
fn log_partition_by_counting_is_that_of_all_cells() {
    // No coordinate of these sides lies on a bound, where floating point would decide.
    for (dimensions, side) in [(1, 2), (1, 8), (2, 8), (2, 32), (3, 8), (2, 17), (4, 5)] {
        let grid = DeceptiveGrid::new(dimensions, side).unwrap();
        let reward = published(&grid);
        let graph = StateGraph::explore(&grid, 20_000).unwrap();
        assert_eq!(graph.terminals().len(), grid.n_terminal());
        let expected: Vec<f64> = graph
            .terminal_states()
            .iter()
            .map(|x| formula(x.coordinates(), side).ln())
            .collect();
        let log_rewards = graph.log_rewards(&reward).unwrap();
        for (a, b) in log_rewards.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-10, "{dimensions} {side}");
        }
        let log_z = log_partition(&expected);
        let squares: f64 = expected.iter().map(|l| (2.0 * l).exp()).sum();
        assert!((reward.log_partition() - log_z).abs() < 1e-9, "{side}");
        assert!(
            (reward.mean_reward() - squares / log_z.exp()).abs() < 1e-9,
            "{side}"
        );
    }
}

#[test]
fn coordinates_on_a_bound_are_on_neither_side() {
    // x = -1, -0.8, -0.6, ..: 0.2 is not outside the cross, 0.6 and 0.8 are not in the ring.
    let grid = DeceptiveGrid::new(1, 11).unwrap();
    let rewards: Vec<f64> = (0..11)
        .map(|i| {
            let mut out = [0.0];
            published(&grid)
                .log_reward(&[grid.object(&[i]).unwrap()], &mut out)
                .unwrap();
            (out[0].exp() * 1e5).round()
        })
        .collect();
    let (low, cross) = (1.0, 10_001.0);
    assert_eq!(
        rewards,
        [low, low, low, low, cross, cross, cross, low, low, low, low]
    );
    assert_eq!(published(&grid).n_mode_regions(), 0);
}

#[test]
fn modes_lie_in_regions() {
    let grid = DeceptiveGrid::new(2, 32).unwrap();
    let reward = published(&grid);
    assert_eq!(reward.n_mode_regions(), 4);
    let objects = (0..grid.n_terminal()).map(|i| grid.terminal(i));
    let mut sizes = [0; 4];
    for x in objects {
        assert_eq!(reward.is_mode(&x), formula(x.coordinates(), 32) > 1.0);
        if let Some(region) = reward.mode_region(&x) {
            sizes[region as usize] += 1;
        }
    }
    // |x| in (0.6, 0.8): 4, 5 and 6 of 0..32, and three from above.
    assert_eq!(sizes, [9; 4]);
}

#[test]
fn bad_parameters_are_refused() {
    let refused = |d, side| DeceptiveGrid::new(d, side).unwrap_err().to_string();
    assert!(refused(0, 8).starts_with("`dimensions`"));
    assert!(refused(2, 1).starts_with("`side`"));
    let grid = DeceptiveGrid::new(2, 8).unwrap();
    for (r0, r1, r2, name) in [
        (0.0, 0.1, 2.0, "`r0`"),
        (f64::NAN, 0.1, 2.0, "`r0`"),
        (1e-5, -0.1, 2.0, "`r1`"),
        (1e-5, 0.1, f64::INFINITY, "`r2`"),
    ] {
        let config = DeceptiveGridRewardConfig::Deceptive { r0, r1, r2 };
        let error = DeceptiveGridReward::new(&grid, config)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(name), "{error}");
    }
}
