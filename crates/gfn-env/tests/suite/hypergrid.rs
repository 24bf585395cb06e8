//! The hypergrid and its standard reward against exact values.

use gfn_env::{
    Action, BackwardAction, Enumerable as _, Environment as _, EnvironmentError, Hypergrid,
    HypergridReward, Reward as _, log_partition,
};
use proptest::prelude::*;

/// Rewards in units of 1e-7, so that `Z` is an integer.
const EASY: [i128; 3] = [10_000, 5_000_000, 20_000_000];
const HARD: [i128; 3] = [1_000, 10_000_000, 30_000_000];
const MOAT: [i128; 3] = [1_000, -990, 9_999_990];

fn with_r0(r0: i128) -> [i128; 3] {
    [r0, 5_000_000, 20_000_000]
}

fn reward(grid: &Hypergrid, units: [i128; 3]) -> HypergridReward {
    let [r0, r1, r2] = units.map(|u| u as f64 / 1e7);
    HypergridReward::original(grid, r0, r1, r2).unwrap()
}

/// `Z = R0·H^D + R1·n1^D + R2·n2^D` in integers.
fn exact_log_z(d: u32, h: u32, units: [i128; 3], [n1, n2]: [usize; 2]) -> f64 {
    let z = units[0] * i128::from(h).pow(d)
        + units[1] * (n1 as i128).pow(d)
        + units[2] * (n2 as i128).pow(d);
    (z as f64 / 1e7).ln()
}

#[test]
fn band_counts() {
    // Side, n1, n2. On the sides 9, 16, 21 and 256 a coordinate lies exactly on the bound of the outer region or of the
    // ring; on 11 and 21 the ring bounds are coordinates, which single precision lets in.
    let rows = [
        (5, 2, 0),
        (8, 4, 2),
        (9, 4, 2),
        (10, 6, 2),
        (11, 6, 0),
        (12, 6, 2),
        (16, 8, 2),
        (20, 10, 4),
        (21, 10, 2),
        (32, 16, 6),
        (64, 32, 12),
        (128, 64, 26),
        (256, 128, 50),
    ];
    for (h, n1, n2) in rows {
        let reward = reward(&Hypergrid::new(2, h).unwrap(), EASY);
        assert_eq!(reward.band_counts(), Some([n1, n2]), "H = {h}");
        assert_eq!(reward.n_mode_cells(), Some((n2 * n2) as u128));
    }
}

#[test]
fn log_partition_oracles() {
    // D, H, rewards, log Z to six decimals.
    let rows = [
        (2, 8, EASY, 2.776581),
        (2, 8, with_r0(1_000_000), 3.109061),
        (2, 16, with_r0(1_000_000), 4.183576),
        (2, 32, with_r0(1_000_000), 5.711751),
        (2, 64, with_r0(1_000_000), 7.098045),
        (2, 64, with_r0(100_000), 6.734544),
        (2, 64, EASY, 6.689719),
        (2, 128, with_r0(100_000), 8.178594),
        (2, 256, with_r0(100_000), 9.53585),
        (3, 64, with_r0(100_000), 10.019555),
        (3, 128, with_r0(100_000), 12.139909),
        (4, 8, with_r0(1_000_000), 6.344934),
        (4, 8, with_r0(100_000), 5.303106),
        (4, 8, EASY, 5.100452),
        (4, 12, EASY, 6.552131),
        (4, 16, with_r0(1_000_000), 9.063417),
        (4, 16, EASY, 7.671145),
        (4, 32, with_r0(1_000_000), 11.850951),
        (4, 32, with_r0(100_000), 10.733038),
        (4, 32, EASY, 10.502560),
        (4, 20, EASY, 8.643297),
        (4, 20, HARD, 9.285819),
        (4, 20, MOAT, 5.602155),
        (2, 10, EASY, 3.261935),
        (2, 5, EASY, 0.705570),
        (2, 32, HARD, 5.897435),
        (2, 64, HARD, 7.28373),
        (2, 128, HARD, 8.720238),
    ];
    for (d, h, units, expected) in rows {
        let grid = Hypergrid::new(d, h).unwrap();
        let reward = reward(&grid, units);
        let exact = exact_log_z(d as u32, h as u32, units, reward.band_counts().unwrap());
        assert!((exact - expected).abs() < 5.1e-7, "D {d} H {h}: {exact}");
        let closed = reward.log_partition().unwrap();
        assert!((closed - exact).abs() < 1e-12, "D {d} H {h}: {closed}");
        if grid.n_terminal() <= 200_000 {
            let cells: Vec<_> = (0..grid.n_terminal()).map(|i| grid.terminal(i)).collect();
            let mut log_rewards = vec![0.0; cells.len()];
            reward.log_reward(&cells, &mut log_rewards).unwrap();
            let summed = log_partition(&log_rewards);
            assert!((summed - exact).abs() < 1e-11, "D {d} H {h}: {summed}");
        }
    }
}

#[test]
fn published_settings_are_what_they_say() {
    let grid = Hypergrid::new(4, 20).unwrap();
    let log_z = |r: Result<HypergridReward, EnvironmentError>| r.unwrap().log_partition().unwrap();
    assert!((log_z(HypergridReward::easy(&grid)) - 8.643297).abs() < 1e-6);
    assert!((log_z(HypergridReward::hard(&grid)) - 9.285819).abs() < 1e-6);
    assert!((log_z(HypergridReward::moat(&grid)) - 5.602155).abs() < 1e-6);
    let moat = HypergridReward::moat(&grid).unwrap();
    let r = |x: u16| moat.reward(&grid.cell(&[x; 4]).unwrap());
    assert!((r(10) - 1e-4).abs() < 1e-18, "inside");
    assert!((r(0) - 1e-6).abs() < 1e-18, "in the moat");
    assert!((r(2) - 1.0).abs() < 1e-15, "on a mode");
}

#[test]
fn modes_are_counted_as_cells_and_as_boxes() {
    let grid = Hypergrid::new(2, 20).unwrap();
    let reward = HypergridReward::easy(&grid).unwrap();
    let mut per_box = [0; 4];
    let mut cells = 0;
    for i in 0..grid.n_terminal() {
        let cell = grid.terminal(i);
        assert_eq!(reward.is_mode(&cell), reward.reward(&cell) == 2.501);
        match reward.mode_component(&cell) {
            Some(b) => per_box[b] += 1,
            None => assert!(!reward.is_mode(&cell)),
        }
        cells += u128::from(reward.is_mode(&cell));
    }
    assert_eq!(per_box, [4; 4]);
    assert_eq!(reward.n_mode_cells(), Some(cells));
    // Coordinate 0 low, coordinate 1 high.
    let corner = grid.cell(&[2, 17]).unwrap();
    assert_eq!(reward.mode_component(&corner), Some(0b10));
    // A grid without a ring has no modes.
    let coarse = Hypergrid::new(2, 5).unwrap();
    let reward = HypergridReward::easy(&coarse).unwrap();
    assert_eq!(reward.n_mode_cells(), Some(0));
}

#[test]
fn negative_rewards_are_refused() {
    let grid = Hypergrid::new(2, 8).unwrap();
    let refused = |r0, r1, r2| HypergridReward::original(&grid, r0, r1, r2).is_err();
    assert!(refused(-1e-3, 0.5, 2.0));
    assert!(refused(1e-4, -2e-4, 1.0));
    assert!(refused(1e-4, 0.5, -1.0));
    assert!(refused(f64::NAN, 0.5, 2.0));
    assert!(refused(0.0, f64::INFINITY, 2.0));
    assert!(!refused(0.0, 0.5, 2.0));
}

#[test]
fn parameters_are_validated() {
    let error = |d, h| Hypergrid::new(d, h).unwrap_err().to_string();
    assert_eq!(
        error(0, 8),
        "`dimensions` is 0, but it must be between 1 and 16"
    );
    assert!(error(17, 8).starts_with("`dimensions` is 17"));
    assert_eq!(
        error(2, 1),
        "`side` is 1, but it must be between 2 and 65535"
    );
    assert!(error(2, 65_536).starts_with("`side` is 65536"));
    let grid = Hypergrid::new(2, 8).unwrap();
    assert!(grid.cell(&[1]).is_err());
    assert!(grid.cell(&[1, 8]).is_err());
}

#[test]
fn the_exit_edge() {
    let grid = Hypergrid::new(2, 8).unwrap();
    let mut state = grid.cell(&[3, 0]).unwrap();
    assert_eq!(
        grid.step(&mut state, grid.exit()).unwrap(),
        BackwardAction(0)
    );
    assert_eq!(state, grid.exited_cell(&[3, 0]).unwrap());
    let mut mask = [true; 3];
    grid.forward_mask(&state, &mut mask);
    assert_eq!(mask, [false; 3]);
    grid.backward_mask(&state, &mut mask[..2]);
    assert_eq!(mask[..2], [true, false]);
    assert!(grid.step(&mut state, Action(0)).is_err());
    assert_eq!(
        grid.step_back(&mut state, BackwardAction(0)).unwrap(),
        Action(2)
    );
    assert_eq!(grid.describe(&state), "3 0");
}

#[test]
fn grids_too_large_to_number() {
    let grid = Hypergrid::new(10, 128).unwrap();
    assert_eq!(grid.n_terminal(), usize::MAX);
    assert_eq!(grid.index_of(&grid.exited_cell(&[1; 10]).unwrap()), None);
    // 26 of 128 values are in the ring; the closed forms go on.
    let reward = HypergridReward::easy(&grid).unwrap();
    assert_eq!(reward.n_mode_cells(), Some(26u128.pow(10)));
    let exact = exact_log_z(10, 128, EASY, [64, 26]);
    assert!((reward.log_partition().unwrap() - exact).abs() < 1e-9);
}

proptest! {
    #[test]
    fn indices_are_row_major(d in 1usize..5, h in 2usize..7, index in any::<proptest::sample::Index>()) {
        let grid = Hypergrid::new(d, h).unwrap();
        let i = index.index(grid.n_terminal());
        let state = grid.terminal(i);
        prop_assert_eq!(grid.index_of(&state), Some(i));
        let by_hand = state.coordinates().iter().enumerate()
            .map(|(j, x)| usize::from(*x) * h.pow((d - 1 - j) as u32))
            .sum::<usize>();
        prop_assert_eq!(by_hand, i);
    }

    /// Integers decide as exact fractions do, for any side.
    #[test]
    fn bands_match_exact_fractions(h in 2usize..2_000, x in any::<proptest::sample::Index>()) {
        let x = x.index(h) as i64;
        let h1 = h as i64 - 1;
        // |x/h1 − 1/2| > 1/4 where |4x − 2·h1| > h1, and 3/10 < |..| < 4/10 where 3·h1 < |10x − 5·h1| < 4·h1.
        let outside = (4 * x - 2 * h1).abs() > h1;
        let ring = (3 * h1 + 1..4 * h1).contains(&(10 * x - 5 * h1).abs());
        let grid = Hypergrid::new(1, h).unwrap();
        let reward = HypergridReward::original(&grid, 1.0, 2.0, 4.0).unwrap();
        let expected = 1.0 + 2.0 * f64::from(outside) + 4.0 * f64::from(ring);
        prop_assert_eq!(reward.reward(&grid.cell(&[x as u16]).unwrap()), expected);
    }
}
