//! Sequences built from either end or at any position, and rewards from a table.

use gfn_env::sequence::{RewardScale, SequenceOrder, SequenceTableReward};
use gfn_env::{
    Action, BackwardAction, Enumerable as _, Environment as _, Reward as _, Sequence,
    SequenceState, StateGraph, Streams, Table, check_enumerable, check_environment, log_partition,
    target_distribution,
};

fn sequence(length: usize, n_letters: usize, order: SequenceOrder) -> Sequence {
    Sequence::new(length, n_letters).unwrap().with_order(order)
}

#[test]
fn every_order_passes_the_checks() {
    for order in [
        SequenceOrder::Append,
        SequenceOrder::EitherEnd,
        SequenceOrder::AnyPosition,
    ] {
        for (length, n_letters) in [(1, 2), (3, 3), (4, 2)] {
            let env = sequence(length, n_letters, order);
            check_enumerable(&env, Streams::new(1)).unwrap();
            let report = check_environment(&env, 10_000, Streams::new(1)).unwrap();
            let graph = StateGraph::explore(&env, 1_000).unwrap();
            assert_eq!(report.n_states, graph.len(), "the walks saw every state");
            // Strings up to the length, or a letter or none at each position.
            let (d, l) = (n_letters, length as u32);
            let expected = match order {
                SequenceOrder::AnyPosition => (d + 1).pow(l),
                _ => (d.pow(l + 1) - 1) / (d - 1),
            };
            assert_eq!(graph.len(), expected);
        }
        let widest = sequence(32, 256, order);
        check_environment(&widest, 2, Streams::new(2)).unwrap();
    }
}

#[test]
fn numbers_of_trajectories() {
    // Either end: the first letter is any of L, and each later one goes to one of two ends. Any position: L!.
    for (order, count) in [
        (SequenceOrder::Append, 1.0),
        (SequenceOrder::EitherEnd, 8.0),
        (SequenceOrder::AnyPosition, 24.0f64),
    ] {
        let graph = StateGraph::explore(&sequence(4, 3, order), 1_000).unwrap();
        let paths = graph.log_path_counts();
        for i in graph.terminals() {
            assert!((paths[*i] - count.ln()).abs() < 1e-9, "{order:?}");
        }
    }
}

#[test]
fn letters_come_and_go_at_both_ends() {
    let env = sequence(3, 5, SequenceOrder::EitherEnd);
    let mut state = env.source();
    assert!(env.step(&mut state, Action(5)).is_err(), "one end at first");
    env.step(&mut state, Action(2)).unwrap();
    assert!(env.step_back(&mut state, BackwardAction(1)).is_err());
    assert_eq!(
        env.step(&mut state, Action(5 + 4)).unwrap(),
        BackwardAction(1)
    );
    assert_eq!(env.step(&mut state, Action(0)).unwrap(), BackwardAction(0));
    assert_eq!(env.describe(&state), "4 2 0");
    assert_eq!(state, env.string(&[4, 2, 0]).unwrap());
    assert_eq!(
        env.step_back(&mut state, BackwardAction(1)).unwrap(),
        Action(9)
    );
    assert_eq!(state, env.string(&[2, 0]).unwrap());
}

#[test]
fn letters_come_and_go_anywhere() {
    let env = sequence(3, 4, SequenceOrder::AnyPosition)
        .with_alphabet("ACGU")
        .unwrap();
    let mut state = env.source();
    assert_eq!(
        env.step(&mut state, Action(4 * 2 + 1)).unwrap(),
        BackwardAction(2)
    );
    assert!(env.step(&mut state, Action(4 * 2)).is_err(), "filled");
    assert_eq!(env.describe(&state), "..C");
    assert_eq!((state.letter(0), state.letter(2)), (None, Some(1)));
    env.step(&mut state, Action(0)).unwrap();
    env.step(&mut state, Action(4 + 3)).unwrap();
    assert_eq!(env.describe(&state), "AUC");
    assert_eq!(env.parse("AUC"), Some(state));
    assert_eq!(env.parse("AUCA").or(env.parse("AUT")), None);
    assert!(env.step_back(&mut state, BackwardAction(3)).is_err());
    assert_eq!(
        env.step_back(&mut state, BackwardAction(0)).unwrap(),
        Action(0)
    );
    assert_eq!(env.describe(&state), ".UC");
}

#[test]
fn bad_alphabets_are_refused() {
    let env = Sequence::new(3, 4).unwrap();
    for alphabet in ["ACG", "ACGUT", "ACGA", "AC,G", "AC G", "AC.G", ""] {
        let error = env.with_alphabet(alphabet).unwrap_err().to_string();
        assert!(error.contains("`alphabet`"), "{error}");
    }
    let error = Sequence::new(1, 65).unwrap().with_alphabet(&"a".repeat(65));
    assert!(error.is_err());
}

fn rna() -> Sequence {
    Sequence::new(2, 4).unwrap().with_alphabet("ACGU").unwrap()
}

fn table(
    text: &str,
    scale: RewardScale,
    missing: Option<f64>,
) -> Result<SequenceTableReward, gfn_env::TableError> {
    SequenceTableReward::new(&rna(), &Table::parse(text)?, scale, missing)
}

#[test]
fn rewards_are_those_of_the_table() {
    let scale = RewardScale {
        exponent: 3.0,
        scale: 10.0,
        floor: 1e-3,
    };
    let text = "string,reward,note\nAC,0.5,x\nGU,-2,y\nUU,1,z\n";
    let reward = table(text, scale, Some(0.25)).unwrap();
    let env = rna();
    let objects: Vec<SequenceState> = (0..16).map(|i| env.terminal(i)).collect();
    let mut logs = [0.0; 16];
    reward.log_reward(&objects, &mut logs).unwrap();
    for (x, l) in objects.iter().zip(logs) {
        let expected: f64 = match env.describe(x).as_str() {
            "AC" => 1.25,
            "GU" => 1e-3,
            "UU" => 10.0,
            _ => 0.25,
        };
        assert!((l - expected.ln()).abs() < 1e-12);
    }
    assert!((reward.log_power_sum(1.0).unwrap() - log_partition(&logs)).abs() < 1e-12);
    let squares: f64 = logs.iter().map(|l| (2.0 * l).exp()).sum();
    assert!((reward.log_power_sum(2.0).unwrap() - squares.ln()).abs() < 1e-12);
    reward.log_reward(&[env.source()], &mut logs[..1]).unwrap();
    assert!(logs[0].is_nan());
    let logarithms = "string,log_reward\nAC,-700\n";
    let reward = table(logarithms, RewardScale::default(), Some(1.0)).unwrap();
    reward
        .log_reward(&[env.parse("AC").unwrap()], &mut logs[..1])
        .unwrap();
    assert_eq!(logs[0], -700.0);
}

#[test]
fn flows_of_a_table_sample_it_in_every_order() {
    let text = "string,reward\nAC,3\nGU,5\nUU,1\n";
    for order in [SequenceOrder::EitherEnd, SequenceOrder::AnyPosition] {
        let env = rna().with_order(order);
        let table = Table::parse(text).unwrap();
        let reward =
            SequenceTableReward::new(&env, &table, RewardScale::default(), Some(0.5)).unwrap();
        let graph = StateGraph::explore(&env, 100).unwrap();
        let log_rewards = graph.log_rewards(&reward).unwrap();
        let flows = graph.log_flows_uniform(&log_rewards);
        assert!((flows[0] - reward.log_power_sum(1.0).unwrap()).abs() < 1e-12);
        let policy = graph.flow_policy_uniform(&flows);
        let p = graph.terminal_distribution_of_table(&policy).unwrap();
        for (p, q) in p.iter().zip(target_distribution(&log_rewards)) {
            assert!((p - q).abs() < 1e-12);
        }
    }
}

#[test]
fn bad_tables_name_line_and_column() {
    let plain = RewardScale::default();
    let says = |text: &str, missing| table(text, plain, missing).unwrap_err().to_string();
    let floor = Some(1.0);
    assert!(says("text,reward\nAC,1\n", floor).starts_with("column string"));
    assert!(says("string,value\nAC,1\n", floor).starts_with("column reward"));
    assert!(says("string,reward\nAC,1\nAT,1\n", floor).starts_with("line 3, column string"));
    assert!(says("string,reward\nACG,1\n", floor).starts_with("line 2, column string"));
    assert!(says("string,reward\nAC,many\n", floor).starts_with("line 2, column reward"));
    assert!(says("string,reward\nAC,0\n", floor).contains("set a floor"));
    assert!(says("string,reward\nAC,1\nAC,1\n", floor).starts_with("line 3, column string"));
    let message = says("string,reward\nAA,1\nAG,1\n", None);
    assert!(
        message.contains("2 of 16 strings") && message.contains("AC is not"),
        "{message}"
    );
    assert!(says("string,reward\nAC,1\n", Some(0.0)).contains("positive"));
    for bad in [
        RewardScale {
            exponent: 0.0,
            ..plain
        },
        RewardScale {
            scale: f64::NAN,
            ..plain
        },
        RewardScale {
            floor: -1.0,
            ..plain
        },
    ] {
        assert!(bad.validate().is_err());
    }
    assert!(plain.validate().is_ok());
}
