//! Trajectories: layout, and validation against an environment.

use crate::walk::push_walk;
use gfn_env::{
    Action, BackwardAction, Environment as _, Hypergrid, HypergridState, Purpose, Streams,
    Trajectories, TrajectoryError,
};

fn grid() -> Hypergrid {
    Hypergrid::new(2, 3).unwrap()
}

fn walks(n: u16) -> Trajectories<HypergridState> {
    let mut batch = Trajectories::new();
    for lane in 0..n {
        let mut rng = Streams::new(5).rng(Purpose::Check, 0, lane);
        push_walk(&grid(), &mut rng, &mut batch);
    }
    batch
}

#[test]
fn the_layout_is_ragged_and_flat() {
    let mut batch = Trajectories::default();
    assert!(batch.is_empty());
    batch.push(
        ["", "a", "ab"],
        &[Action(0), Action(1)],
        &[BackwardAction(0), BackwardAction(3)],
        0.5,
    );
    batch.push(["", "c"], &[Action(2)], &[BackwardAction(1)], -1.0);
    assert_eq!((batch.len(), batch.n_transitions()), (2, 3));
    assert_eq!(batch.offsets(), [0, 2, 3]);
    assert_eq!(batch.states(), ["", "a", "ab", "", "c"]);
    assert_eq!(batch.actions(), [Action(0), Action(1), Action(2)]);
    assert_eq!(batch.log_reward(), [0.5, -1.0]);
    assert_eq!([batch.length(0), batch.length(1)], [2, 1]);
    let second = batch.trajectory(1);
    assert_eq!(second.states, ["", "c"]);
    assert_eq!(second.actions, [Action(2)]);
    assert_eq!(second.backward_actions, [BackwardAction(1)]);
    assert_eq!(second.log_reward, -1.0);
    assert_eq!(batch.terminals().collect::<Vec<_>>(), [&"ab", &"c"]);
    batch.set_log_reward(vec![1.0, 2.0]);
    assert_eq!(batch.trajectory(0).log_reward, 1.0);
}

#[test]
fn appending_is_pushing_one_by_one() {
    let mut appended = walks(3);
    let later = walks(7);
    let mut pushed = appended.clone();
    for t in later.iter() {
        pushed.push(
            t.states.to_vec(),
            t.actions,
            t.backward_actions,
            t.log_reward,
        );
    }
    appended.append(later);
    assert_eq!(appended.len(), 10);
    assert_eq!(appended, pushed);
    appended.validate(&grid()).unwrap();
}

#[test]
#[should_panic(expected = "one state more than actions")]
fn a_missing_state_panics() {
    Trajectories::new().push([1], &[Action(0)], &[BackwardAction(0)], 0.0);
}

#[test]
#[should_panic(expected = "one backward action per action")]
fn a_missing_backward_action_panics() {
    Trajectories::new().push([1, 2], &[Action(0)], &[], 0.0);
}

#[test]
#[should_panic(expected = "one log-reward per trajectory")]
fn a_missing_log_reward_panics() {
    walks(2).set_log_reward(vec![0.0]);
}

#[test]
fn validation_finds_what_is_wrong() {
    let grid = grid();
    let exit = grid.exit();
    let source = grid.source();
    let up = grid.cell(&[1, 0]).unwrap();
    let out = grid.exited_cell(&[1, 0]).unwrap();
    let error = |states: [HypergridState; 3], actions: [Action; 2], backward: [u32; 2]| {
        let mut batch = walks(2);
        batch.push(states, &actions, &backward.map(BackwardAction), 0.0);
        batch.validate(&grid).err()
    };
    assert_eq!(error([source, up, out], [Action(0), exit], [0, 0]), None);
    assert!(matches!(
        error([up, up, out], [Action(0), exit], [0, 0]),
        Some(TrajectoryError::NotTheSource { trajectory: 2, .. })
    ));
    assert!(matches!(
        error([source, up, out], [Action(0), Action(9)], [0, 0]),
        Some(TrajectoryError::Refused {
            trajectory: 2,
            step: 1,
            ..
        })
    ));
    assert!(matches!(
        error([source, up, out], [Action(1), exit], [1, 0]),
        Some(TrajectoryError::OtherState { step: 0, .. })
    ));
    assert!(matches!(
        error([source, up, out], [Action(0), exit], [0, 1]),
        Some(TrajectoryError::OtherBackwardAction {
            step: 1,
            expected: 0,
            found: 1,
            ..
        })
    ));
    let end = grid.cell(&[1, 1]).unwrap();
    assert!(matches!(
        error([source, up, end], [Action(0), Action(1)], [0, 1]),
        Some(TrajectoryError::NotTerminal { trajectory: 2, .. })
    ));
}
