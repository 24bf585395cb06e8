//! Graphs that are written down.

use gfn_env::listed_graph::{ListedGraphError, TreeRewardConfig};
use gfn_env::{
    Action, Enumerable as _, Environment as _, ListedGraph, ListedGraphReward, NodeState,
    StateGraph, Table, log_partition,
};

const EDGES: [(&str, &str); 7] = [
    ("s", "a"),
    ("s", "b"),
    ("a", "c"),
    ("b", "c"),
    ("c", "x"),
    ("c", "y"),
    ("b", "y"),
];

#[test]
fn flows_of_a_diamond_by_hand() {
    let graph = ListedGraph::new(&EDGES, &[("x", 1.0), ("y", 4.0)], None).unwrap();
    assert_eq!(
        (graph.n_nodes(), graph.max_len(), graph.n_terminal()),
        (6, 3, 2)
    );
    let explored = StateGraph::explore(&graph, 10).unwrap();
    let reward = ListedGraphReward(graph.clone());
    let log_rewards = explored.log_rewards(&reward).unwrap();
    let flows = explored.log_flows_uniform(&log_rewards);
    // y gives 2 to c and 2 to b; c has 1 + 2, half to a and half to b.
    for (name, flow) in [
        ("s", 5.0),
        ("a", 1.5),
        ("b", 3.5),
        ("c", 3.0),
        ("y", 4.0f64),
    ] {
        let node = explored.index_of(&graph.node(name).unwrap()).unwrap();
        assert!((flows[node] - flow.ln()).abs() < 1e-12, "{name}");
    }
    assert!((reward.log_power_sum(1.0) - log_partition(&log_rewards)).abs() < 1e-12);
    assert!((reward.log_power_sum(2.0) - 17f64.ln()).abs() < 1e-12);
}

#[test]
fn edges_are_taken_in_their_order() {
    let graph = ListedGraph::new(&EDGES, &[("x", 1.0), ("y", 4.0)], None).unwrap();
    let mut state = graph.source();
    for (action, name, back) in [(1, "b", 0), (0, "c", 1), (1, "y", 0)] {
        assert_eq!(graph.step(&mut state, Action(action)).unwrap().0, back);
        assert_eq!(graph.describe(&state), name);
    }
    assert!(graph.step(&mut state, Action(0)).is_err());
    assert!(graph.node("z").is_none() && graph.log_reward(NodeState(99)).is_nan());
}

#[test]
fn graphs_that_are_no_environment_name_the_node() {
    let of = |edges: &[(&str, &str)], rewards: &[(&str, f64)], source| {
        let error: ListedGraphError = ListedGraph::new(edges, rewards, source).unwrap_err();
        error.to_string()
    };
    let good = [("x", 1.0), ("y", 4.0)];
    assert!(of(&[], &[], None).contains("no edges"));
    let twice = [("s", "x"), ("s", "x")];
    assert!(of(&twice, &good[..1], None).contains("s -> x stands twice"));
    let loop_ = [("s", "x"), ("s", "s")];
    assert!(of(&loop_, &good[..1], None).contains("s -> s form a cycle"));
    let cycle = [("s", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "x")];
    assert!(of(&cycle, &good[..1], None).contains("a -> b -> c -> a form a cycle"));
    let apart = [("s", "x"), ("t", "y")];
    assert!(of(&apart, &good, None).contains("the node t cannot be reached from the source s"));
    assert!(of(&EDGES, &good, Some("c")).contains("an edge leads from a into the source c"));
    assert!(of(&EDGES, &good, Some("q")).contains("the source q"));
    assert!(of(&EDGES, &good[..1], None).contains("the node y has no children and no reward"));
    let with = |name, value| [good[0], good[1], (name, value)];
    assert!(of(&EDGES, &with("c", 1.0), None).contains("the node c has a reward and children"));
    assert!(of(&EDGES, &with("q", 1.0), None).contains("the node q has a reward, but no edge"));
    assert!(of(&EDGES, &with("y", 1.0), None).contains("the reward of y is given twice"));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let message = of(&EDGES, &[("x", bad), good[1]], None);
        assert!(message.contains("the reward of x is"), "{message}");
    }
}

#[test]
fn tables_hold_edges_and_rewards() {
    let read = |text: &str| ListedGraph::from_table(&Table::parse(text).unwrap());
    let text = "from,to,reward\ns,a,\ns,x,\na,x,\na,y,\nx,,2\ny,,0.5\n";
    let graph = read(text).unwrap();
    assert_eq!((graph.n_nodes(), graph.max_len()), (4, 2));
    assert!((graph.log_reward(graph.node("y").unwrap()) - 0.5f64.ln()).abs() < 1e-15);
    let says = |text: &str| read(text).unwrap_err().to_string();
    assert!(says("from,to\ns,a\n").starts_with("column reward"));
    assert!(says("from,to,reward\ns,a,\n,b,\n").starts_with("line 3, column from"));
    assert!(says("from,to,reward\ns,a,\na,,\n").starts_with("line 3, column reward"));
    assert!(says("from,to,reward\ns,a,3\n").starts_with("line 2, column reward"));
    assert!(says("from,to,reward\ns,a,\n").contains("the node a has no children"));
}

#[test]
fn trees_are_those_of_their_definition() {
    let rewards: Vec<f64> = (1..=8).map(f64::from).collect();
    let config = TreeRewardConfig::Listed {
        rewards: rewards.clone(),
    };
    let tree = config.tree(3).unwrap();
    assert_eq!(
        (tree.n_nodes(), tree.max_len(), tree.n_backward_actions()),
        (15, 3, 1)
    );
    // The path to a leaf is its number in binary, 0 for left.
    for (leaf, reward) in rewards.iter().enumerate() {
        let mut state = tree.source();
        for bit in (0..3).rev() {
            tree.step(&mut state, Action((leaf >> bit & 1) as u32))
                .unwrap();
        }
        assert_eq!(tree.index_of(&state), Some(leaf));
        assert!((tree.log_reward(state) - reward.ln()).abs() < 1e-15);
        let name = tree.describe(&state);
        assert_eq!(name.len(), 4);
        assert_eq!(tree.node(&name), Some(state));
    }
    // The same edges, written down.
    let names = |node: u32| tree.describe(&NodeState(node));
    let edges: Vec<(String, String)> = (0..7)
        .flat_map(|n| [(names(n), names(2 * n + 1)), (names(n), names(2 * n + 2))])
        .collect();
    let edges: Vec<(&str, &str)> = edges
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let leaves: Vec<String> = (7..15).map(names).collect();
    let leaves: Vec<(&str, f64)> = leaves.iter().map(String::as_str).zip(rewards).collect();
    let written = ListedGraph::new(&edges, &leaves, None).unwrap();
    for node in 0..15 {
        assert_eq!(written.describe(&NodeState(node)), names(node));
    }
    let drawn = TreeRewardConfig::LogNormal {
        scale: 2.0,
        seed: 1,
    };
    assert_eq!(drawn.tree(10).unwrap().n_terminal(), 1024);
    for (config, depth) in [
        (config.clone(), 2),
        (drawn.clone(), 0),
        (drawn, 21),
        (
            TreeRewardConfig::Listed {
                rewards: vec![1.0, 0.0],
            },
            1,
        ),
        (
            TreeRewardConfig::LogNormal {
                scale: f64::NAN,
                seed: 0,
            },
            3,
        ),
    ] {
        assert!(config.tree(depth).is_err(), "{config:?} {depth}");
    }
}

#[test]
fn layers_are_longest_paths() {
    let graph = ListedGraph::new(&EDGES, &[("x", 1.0), ("y", 4.0)], None).unwrap();
    let layer = |name: &str| graph.layers()[graph.node(name).unwrap().0 as usize];
    // y is a child of b, and of c behind it.
    let layers = ["s", "a", "b", "c", "x", "y"].map(layer);
    assert_eq!(layers, [0, 1, 1, 2, 3, 3]);
    assert_eq!(graph.edges().count(), EDGES.len());
    let tree = ListedGraph::perfect_binary_tree(2, &[0.0; 4]).unwrap();
    assert_eq!(tree.layers(), [0, 1, 1, 2, 2, 2, 2]);
    assert_eq!(tree.edges().next(), Some((0, 1)));
}
