//! Configurations as TOML.

use gfn_env::set::Stopping;
use gfn_env::{
    Action, Bag, BagOrder, BagRewardConfig, BagState, BayesianNetwork, BitSequence,
    BitSequenceState, BuildOrder, DagState, DeceptiveGridRewardConfig, Environment as _,
    GridObjective, HammingReward, Hypergrid, HypergridRewardConfig, HypergridState, Parentheses,
    ParenthesesRewardConfig, ParenthesesState, Peptide, PeptideRewardConfig, PeptideState,
    Sequence, SequenceRewardConfig, SequenceState, Set, SetRewardConfig, SetState, TfBind8,
    TfBind8RewardConfig, TfBind8State,
};

#[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Experiment {
    order: BuildOrder,
    grid: HypergridRewardConfig,
    bits: HammingReward,
    dna: TfBind8RewardConfig,
    stopping: Stopping,
    set: SetRewardConfig,
    drawn_set: SetRewardConfig,
    sequence: SequenceRewardConfig,
    drawn_sequence: SequenceRewardConfig,
    chain: PeptideRewardConfig,
    parentheses: ParenthesesRewardConfig,
    bag_order: BagOrder,
    bag: BagRewardConfig,
    deceptive: DeceptiveGridRewardConfig,
    objectives: Vec<GridObjective>,
}

const TEXT: &str = r#"
order = "any-position"
grid = { kind = "original", r0 = 0.1, r1 = 0.5, r2 = 2.0 }
bits = { kind = "normalised-hamming", beta = 3.0 }
dna = { kind = "floor-after-power", exponent = 3.0, scale = 10.0, floor = 1e-3 }
stopping = "any-size"
set = { kind = "additive", log_weights = [0.5, -1.0] }
drawn_set = { kind = "additive-normal", scale = 2.0 }
sequence = { kind = "additive", log_weights = [[0.5, -1.0]] }
drawn_sequence = { kind = "separable-normal", scale = 2.0, seed = 3 }
chain = { kind = "gates", exponent = 1.0, floor = 1e-8 }
parentheses = { kind = "deceptive-short", log_balanced = 0.0, log_short = -1.5, log_other = -10.0, short_length = 8 }
bag_order = "append"
bag = { kind = "repeated-letter", threshold = 7, poor = 0.01, rich = 10.0, mode = 30.0, mode_probability = 0.25 }
deceptive = { kind = "deceptive", r0 = 1e-5, r1 = 0.1, r2 = 2.0 }
objectives = ["branin", "currin", "shubert", "beale"]
"#;

#[test]
fn configurations_survive_a_round_trip() {
    let experiment: Experiment = toml::from_str(TEXT).unwrap();
    assert_eq!(
        experiment,
        Experiment {
            order: BuildOrder::AnyPosition,
            grid: HypergridRewardConfig::Original {
                r0: 0.1,
                r1: 0.5,
                r2: 2.0
            },
            bits: HammingReward::NormalisedHamming { beta: 3.0 },
            dna: TfBind8RewardConfig::floor_after_power(),
            stopping: Stopping::AnySize,
            set: SetRewardConfig::Additive {
                log_weights: vec![0.5, -1.0]
            },
            drawn_set: SetRewardConfig::AdditiveNormal {
                scale: 2.0,
                seed: 0
            },
            sequence: SequenceRewardConfig::Additive {
                log_weights: vec![vec![0.5, -1.0]]
            },
            drawn_sequence: SequenceRewardConfig::SeparableNormal {
                scale: 2.0,
                seed: 3
            },
            chain: PeptideRewardConfig::gates(),
            parentheses: ParenthesesRewardConfig::deceptive_short(),
            bag_order: BagOrder::Append,
            bag: BagRewardConfig::repeated_letter(),
            deceptive: DeceptiveGridRewardConfig::deceptive(),
            objectives: vec![
                GridObjective::Branin,
                GridObjective::Currin,
                GridObjective::Shubert,
                GridObjective::Beale
            ],
        }
    );
    let again: Experiment = toml::from_str(&toml::to_string(&experiment).unwrap()).unwrap();
    assert_eq!(again, experiment);
}

#[test]
fn nested_and_optional_fields() {
    let text = r#"
        kind = "corrupted"
        rate = 0.1
        seed = 1
        [base]
        kind = "conditional-multiscale"
        r0 = 0.1
        base = 4
        filter-width = 2
        seed = 42
        tiers = [{ weight = 1.0 }, { weight = 10.0, modulus = 2 }]
    "#;
    // Fields keep their Rust names: only kinds are in kebab case.
    let error = toml::from_str::<HypergridRewardConfig>(text).unwrap_err();
    assert!(error.to_string().contains("filter-width"), "{error}");
    let text = text.replace("filter-width", "filter_width");
    let config: HypergridRewardConfig = toml::from_str(&text).unwrap();
    let again: HypergridRewardConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn unknown_fields_and_kinds_are_refused() {
    for (from, to) in [
        ("beta = 3.0", "betta = 3.0"),
        ("beta = 3.0", "beta = 3.0, n = 1"),
        ("normalised-hamming", "hamming"),
        ("r2 = 2.0", "r2 = 2.0, r3 = 1.0"),
        ("any-size", "any"),
        ("additive-normal", "normal"),
        ("seed = 3", "sead = 3"),
        ("exponent = 1.0", "beta = 1.0"),
        ("\"currin\"", "\"curin\""),
    ] {
        let text = TEXT.replace(from, to);
        assert!(toml::from_str::<Experiment>(&text).is_err(), "{to}");
    }
}

#[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
struct States {
    action: Action,
    cell: HypergridState,
    bits: BitSequenceState,
    word: TfBind8State,
    set: SetState,
    sequence: SequenceState,
    chain: PeptideState,
    begun: PeptideState,
    open: ParenthesesState,
    exited: ParenthesesState,
    letters: BagState,
}

#[test]
fn states_survive_a_round_trip() {
    let sequence = BitSequence::new(120, 8, BuildOrder::AnyPosition).unwrap();
    let mut bits = sequence.source();
    sequence.step(&mut bits, Action(255)).unwrap();
    let states = States {
        action: Action(3),
        cell: Hypergrid::new(3, 8)
            .unwrap()
            .exited_cell(&[1, 0, 7])
            .unwrap(),
        bits,
        word: TfBind8::new().word("ACG").unwrap(),
        set: Set::new(64, 2, Stopping::AtSize)
            .unwrap()
            .subset(&[63, 1])
            .unwrap(),
        sequence: Sequence::new(6, 8).unwrap().string(&[7, 0]).unwrap(),
        chain: Peptide::standard().chain("GIGKFLHSAK").unwrap(),
        begun: PeptideState::try_from("MKV".to_owned()).unwrap(),
        open: ParenthesesState::try_from("(()".to_owned()).unwrap(),
        exited: Parentheses::new(4, 1).unwrap().string("()").unwrap(),
        letters: Bag::published().bag("ABBG").unwrap(),
    };
    let text = toml::to_string(&states).unwrap();
    let again: States = toml::from_str(&text).unwrap();
    assert_eq!(again, states);
    // What is written is a promise too, and what no environment has is refused.
    for (part, bad) in [
        ("coordinates = [1, 0, 7]", "coordinates = []"),
        ("elements = [1, 63]", "elements = [1, 64]"),
        ("elements = [1, 63]", "elements = [1, 1]"),
        ("[7, 0]", "[7, 256]"),
        ("\"ACG\"", "\"ACX\""),
        ("\"ACG\"", "\"ACGTACGTA\""),
        ("\"GIGKFLHSAK*\"", "\"GIGKFLHSAB*\""),
        ("\"MKV\"", "\"M*V\""),
        ("\"(()\"", "\"([)\""),
        ("\"ABBG\"", "\"ABBQ\""),
        ("\"ABBG\"", "\"BABG\""),
        ("\"().\"", "\"(.)\""),
        (
            "\"MKV\"",
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
        ),
        ("\"ff0000000000000000000000000000/1\"", "\"ff/g\""),
    ] {
        assert!(text.contains(part), "{text}");
        let bad = text.replace(part, bad);
        assert!(toml::from_str::<States>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn graphs_and_their_priors_survive_a_round_trip() {
    use gfn_env::bayesian_network::{Baseline, DataTransform, LinearGaussian, StructurePrior};

    #[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
    #[serde(deny_unknown_fields)]
    struct Structures {
        baseline: Baseline,
        transform: DataTransform,
        drawn: LinearGaussian,
        priors: Vec<StructurePrior>,
        object: DagState,
    }
    let text = r#"
baseline = "best-graph"
transform = "log-standardise"
drawn = { n_nodes = 5 }
priors = [{ kind = "uniform" }, { kind = "erdos-renyi", edges_per_node = 1.0 }, { kind = "edge", beta = 0.5 }, { kind = "fair" }]
object = { edges = [[0, 1], [2, 1]], stopped = true }
"#;
    let structures: Structures = toml::from_str(text).unwrap();
    assert_eq!(structures.drawn, LinearGaussian::published(5, 0));
    let env = BayesianNetwork::new(3).unwrap();
    assert_eq!(structures.object, env.object(&[(0, 1), (2, 1)]).unwrap());
    let again: Structures = toml::from_str(&toml::to_string(&structures).unwrap()).unwrap();
    assert_eq!(again, structures);
    for (part, bad) in [
        ("[2, 1]", "[1, 0]"),
        ("[2, 1]", "[2, 32]"),
        ("beta = 0.5", "betta = 0.5"),
        ("n_nodes = 5", "n_nodes = 5, n = 1"),
    ] {
        let bad = text.replace(part, bad);
        assert!(toml::from_str::<Structures>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn graphs_trees_and_spins_survive_a_round_trip() {
    use gfn_env::listed_graph::TreeRewardConfig;
    use gfn_env::phylogeny::{Gaps, PhylogenyRewardConfig};
    use gfn_env::sequence::{RewardScale, SequenceOrder};
    use gfn_env::{ForestState, IsingConfig, NodeState, Phylogeny};

    #[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        couplings: Vec<IsingConfig>,
        leaves: Vec<TreeRewardConfig>,
        rewards: Vec<PhylogenyRewardConfig>,
        orders: Vec<SequenceOrder>,
        scale: RewardScale,
        node: NodeState,
        forest: ForestState,
        gaps: SequenceState,
    }
    let text = r#"
couplings = [
  { kind = "torus", width = 3, height = 4, coupling = 0.5 },
  { kind = "spin-glass", width = 2, height = 2, scale = 1.0 },
  { kind = "couplings", n_sites = 2, couplings = [[0, 1, -0.5]] },
]
leaves = [{ kind = "listed", rewards = [1.0, 2.0] }, { kind = "log-normal", scale = 1.0 }]
rewards = [{ kind = "parsimony" }, { kind = "parsimony", gaps = "fifth-state" }, { kind = "jukes-cantor", branch_length = 0.1, constant = 2.0 }]
orders = ["append", "either-end", "any-position"]
scale = { exponent = 3.0 }
node = 4
forest = [[0, 2], [0, 1, 2]]
gaps = [-1, 3, -1, 0]
"#;
    let written: Written = toml::from_str(text).unwrap();
    let parsimony = PhylogenyRewardConfig::Parsimony {
        temperature: 4.0,
        constant: None,
        gaps: Gaps::Unknown,
    };
    assert_eq!(written.rewards[0], parsimony);
    let env = Phylogeny::new(3).unwrap();
    assert_eq!(written.forest, env.object(&[0b101, 0b111]).unwrap());
    let strings = Sequence::new(5, 4).unwrap();
    let strings = strings.with_order(SequenceOrder::AnyPosition);
    let mut gaps = strings.source();
    for action in [4 + 3, 12] {
        strings.step(&mut gaps, Action(action)).unwrap();
    }
    assert_eq!(written.gaps, gaps);
    let again: Written = toml::from_str(&toml::to_string(&written).unwrap()).unwrap();
    assert_eq!(again, written);
    for (part, bad) in [
        ("[0, 1, 2]", "[1, 2]"),
        ("[0, 1, 2]", "[0, 1, 64]"),
        ("[-1, 3, -1, 0]", "[-1, 3, -1]"),
        ("[-1, 3, -1, 0]", "[-2, 3]"),
        ("exponent = 3.0", "power = 3.0"),
        ("any-position", "anywhere"),
        ("\"parsimony\"", "\"parsimony\", scale = 1.0"),
    ] {
        let bad = text.replace(part, bad);
        assert!(toml::from_str::<Written>(&bad).is_err(), "{bad}");
    }
}
