//! Environments whose data come from files: what is wrong in a file is named with its line, and a run on a good one ends.

use crate::program::{Place, TINY, fail_saying, succeed};
use gfn_env::Table;
use gfn_env::bayesian_network::{
    Baseline, BayesianNetworkReward, BgeScore, ContinuousData, StructurePrior,
};
use std::fs;

/// A place whose file `name` has this text, and the experiment on it.
fn place(name: &str, text: &str) -> Place {
    let place = Place::new(TINY);
    fs::write(place.join(name), text).expect("it can be written");
    place
}

/// `environment = ..` with `{}` for the path of the file.
fn environment(place: &Place, name: &str, text: &str) -> String {
    let path = place.join(name);
    format!(
        "environment={}",
        text.replace("{}", &path.display().to_string())
    )
}

/// Runs with this environment and asserts that the message says all of `says`.
fn refused(name: &str, text: &str, table: &str, says: &[&str]) {
    let place = place(name, text);
    let set = environment(&place, name, table);
    let mut all = vec!["experiment.toml: "];
    all.extend_from_slice(says);
    fail_saying(place.run("run").args(["--set", &set]), &all);
    assert!(!place.join("run").exists(), "nothing was begun");
}

const BGE: &str = r#"{ kind = "bayesian-network", data = { kind = "csv", path = "{}" } }"#;
const BDE: &str = r#"{ kind = "bayesian-network", data = { kind = "csv", path = "{}" }, score = { kind = "bde" } }"#;

#[test]
fn observations_that_cannot_be_used() {
    for (text, says) in [
        ("", &["no lines at all"][..]),
        ("a,b\n1,2\n3\n", &["line 3: 1 fields"]),
        ("a,b\n1,2\n3,x\n", &["line 3, column b: \"x\""]),
        (
            "a,b\n1,2\n3,NaN\n",
            &["line 3, column b: \"NaN\"", "finite"],
        ),
        ("a,b\n1,2\n3,2\n", &["column b", "all values are equal"]),
        ("a,a\n1,2\n3,2\n", &["line 1", "\"a\" twice"]),
    ] {
        let mut all = vec!["at `environment.data`", "data.csv"];
        all.extend_from_slice(says);
        refused("data.csv", text, BGE, &all);
    }
    let says = ["at `environment.data`", "line 2, column b", "needs a name"];
    refused("data.csv", "a,b\nx,\ny,z\n", BDE, &says);
    let missing = r#"{ kind = "bayesian-network", data = { kind = "csv", path = "{}.no" } }"#;
    let says = ["at `environment.data`", "data.csv.no", "check the path"];
    refused("data.csv", "", missing, &says);
}

#[test]
fn networks_that_cannot_be_used() {
    let bde = r#"{ kind = "bayesian-network", data = { kind = "bif", path = "{}" }, score = { kind = "bde" } }"#;
    let bge = r#"{ kind = "bayesian-network", data = { kind = "bif", path = "{}" } }"#;
    let says = ["at `environment.data`", "asia.bif", "line 2", "chance"];
    refused(
        "asia.bif",
        "network asia { }\nchance ( x ) { }\n",
        bde,
        &says,
    );
    refused(
        "asia.bif",
        "",
        bge,
        &["at `environment.data`", "categories", "bde"],
    );
}

#[test]
fn known_edges_that_cannot_be_used() {
    let place = place("data.csv", "a,b\n1,2\n3,5\n4,1\n");
    fs::write(place.join("edges.csv"), "from,to\na,b\nb,c\n").expect("it can be written");
    let set = format!(
        "environment={{ kind = \"bayesian-network\", data = {{ kind = \"csv\", path = \"{}\", edges = \"{}\" }} }}",
        place.join("data.csv").display(),
        place.join("edges.csv").display()
    );
    fail_saying(
        place.run("run").args(["--set", &set]),
        &["edges.csv", "line 3, column to: \"c\"", "a, b"],
    );
}

#[test]
fn interventions_that_cannot_be_used() {
    let bge = r#"{ kind = "bayesian-network", data = { kind = "csv", path = "{}", interventions = "set" } }"#;
    let bde = r#"{ kind = "bayesian-network", data = { kind = "csv", path = "{}", interventions = "set" }, score = { kind = "bde" } }"#;
    for (text, table, says) in [
        (
            "a,b,set\n1,2,\n3,4,a\n5,1,c\n",
            bge,
            &["line 4, column set: \"c\"", "one of a, b"][..],
        ),
        (
            "a,b,set\nx,u,a; b\ny,v,1\n",
            bde,
            &["line 3, column set: \"1\"", "one of a, b"],
        ),
        (
            "a,b\n1,2\n3,4\n",
            bge,
            &["column set", "no such column", "a, b"],
        ),
        (
            "a,set\n1,\n3,a\n",
            bge,
            &["column a", "not between 2 and 32"],
        ),
    ] {
        let mut all = vec!["at `environment.data`", "data.csv"];
        all.extend_from_slice(says);
        refused("data.csv", text, table, &all);
    }
    // Without the key it is a column like any other.
    let says = ["line 2, column set: \"a\"", "finite number"];
    refused("data.csv", "a,b,set\n1,2,a\n3,1,\n", BGE, &says);
}

#[test]
fn interventions_of_a_file_count_in_the_score() {
    let text = "a,b,set\n1,2,\n2,4.1,\n3,6.2,\n0,0.1,\n5,9.8,\n4,8.1,\n5,0,b\n0,9,b\n1,8,b\n4,1,b\n3,9,b\n";
    let table = r#"{ kind = "bayesian-network", data = { kind = "csv", path = "{}", interventions = "set" } }"#;
    let figures: serde_json::Value =
        serde_json::from_str(&summary("data.csv", text, table)).expect("JSON");
    let found = figures["exact.log_z"].as_f64();
    let table = Table::parse(text).expect("a table");
    let data = ContinuousData::from_table(&table, Some("set")).expect("good data");
    let score = Box::new(BgeScore::new(&data, 1.0, 2.0).expect("good parameters"));
    let prior = StructurePrior::Uniform {};
    let reward = BayesianNetworkReward::new(score, prior, Baseline::EmptyGraph);
    let posterior = reward.expect("two nodes").posterior().expect("few nodes");
    let difference = found.expect("exact") - posterior.log_partition();
    assert!(difference.abs() < 1e-6, "{difference}");
}

#[test]
fn scores_that_do_not_fit_the_data() {
    for (table, says) in [
        (
            r#"{ kind = "bayesian-network", data = { kind = "sachs" }, score = { kind = "bde" } }"#,
            &["at `environment.score`", "set levels = 3"][..],
        ),
        (
            r#"{ kind = "bayesian-network", data = { kind = "sachs" }, score = { kind = "bde", levels = 1 } }"#,
            &["at `environment.score`", "levels = 1", "between 2 and 100"],
        ),
        (
            r#"{ kind = "bayesian-network", data = { kind = "linear-gaussian", n_nodes = 40 } }"#,
            &["at `environment.data`", "n_nodes", "between 2 and 32"],
        ),
        (
            r#"{ kind = "bayesian-network", data = { kind = "linear-gaussian", n_nodes = 4 }, prior = { kind = "edge", beta = 0.0 } }"#,
            &["at `environment`", "beta", "positive"],
        ),
        (
            r#"{ kind = "bayesian-network", data = { kind = "linear-gaussian", n_nodes = 14 }, baseline = "best-graph" }"#,
            &["at `environment`", "baseline", "empty-graph"],
        ),
        (
            r#"{ kind = "bayesian-network", data = { kind = "linear-gaussian", n_nodes = 4, rows = 3 } }"#,
            &["unknown field `rows`", "n_rows"],
        ),
    ] {
        refused("unused", "", table, says);
    }
}

#[test]
fn a_run_on_a_file_has_the_figures_of_its_edges() {
    let text = "a,b,c\n1,2,0\n2,4.1,1\n3,6.2,0\n0,0.1,1\n5,9.8,0\n4,8.1,1\n";
    let place = place("data.csv", text);
    fs::write(place.join("edges.csv"), "from,to\na,b\n").expect("it can be written");
    let path = |name: &str| place.join(name).display().to_string();
    let set = format!(
        "environment={{ kind = \"bayesian-network\", data = {{ kind = \"csv\", path = \"{}\", transform = \"standardise\", edges = \"{}\" }} }}",
        path("data.csv"),
        path("edges.csv")
    );
    succeed(place.run("run").args(["--set", &set]));
    let summary = fs::read_to_string(place.join("run").join("summary.json")).expect("it is there");
    for name in [
        "samples.expected_shd",
        "samples.expected_shd_target",
        "samples.auroc_target",
        "samples.edge_marginal_error",
        "exact.tv",
        "log_z_error",
    ] {
        assert!(summary.contains(name), "{name}: {summary}");
    }
}

/// The figures at the end of a run of this environment, whose file has this text.
fn summary(name: &str, text: &str, table: &str) -> String {
    let place = place(name, text);
    succeed(
        place
            .run("run")
            .args(["--set", &environment(&place, name, table)]),
    );
    fs::read_to_string(place.join("run").join("summary.json")).expect("it is there")
}

const GRAPH: &str = r#"{ kind = "listed-graph", graph = { kind = "file", path = "{}" } }"#;

#[test]
fn written_graphs_from_files() {
    let toml = "edges = [[\"s\", \"x\"], [\"s\", \"y\"]]\n[rewards]\nx = 1.0\ny = 3.0\n";
    assert!(summary("graph.toml", toml, GRAPH).contains("exact.tv"));
    let csv = "from,to,reward\ns,x,\ns,y,\nx,,1\ny,,3\n";
    assert!(summary("graph.csv", csv, GRAPH).contains("exact.tv"));
    for (name, text, says) in [
        (
            "graph.csv",
            "from,to,reward\ns,a,\na,s,\n",
            &["s -> a -> s form a cycle"][..],
        ),
        (
            "graph.csv",
            "from,to,reward\ns,x,\nt,y,\nx,,1\ny,,1\n",
            &["the node t cannot be reached from the source s"],
        ),
        (
            "graph.csv",
            "from,to,reward\ns,x,\nx,,no\n",
            &["line 3, column reward"],
        ),
        (
            "graph.csv",
            "from,to,reward\ns,x,\n",
            &["the node x has no children and no reward"],
        ),
        (
            "graph.toml",
            "edges = [[\"s\", \"x\"]]\n",
            &["missing field `rewards`"],
        ),
        ("graph.toml", "edges = [[\"s\"]]\n[rewards]\n", &["edges"]),
    ] {
        let mut all = vec!["at `environment.graph`", name];
        all.extend_from_slice(says);
        refused(name, text, GRAPH, &all);
    }
    refused(
        "unused",
        "",
        r#"{ kind = "perfect-binary-tree", depth = 2, reward = { kind = "listed", rewards = [1.0, 2.0] } }"#,
        &["at `environment`", "`rewards` is 2", "2^depth"],
    );
}

const TREES: &str = r#"{ kind = "phylogeny", data = { kind = "fasta", path = "{}" }, reward = { kind = "parsimony" } }"#;

#[test]
fn alignments_from_files() {
    let good = ">a\nACGT\n>b\nACGA\n>c\nTCGA\n>d\nTC-A\n";
    let figures = summary("genes.fasta", good, TREES);
    assert!(figures.contains("samples.best_score") && figures.contains("exact.tv"));
    for (text, says) in [
        ("ACGT\n", "line 1: letters before the first name"),
        (
            ">a\nACGT\n>b\nACG\n",
            "line 3: the taxon b has 3 letters, but a has 4",
        ),
        (">a\nACGT\n>b\nAC9T\n", "line 4: letter 3 is '9'"),
        (">a\nACGT\n>a\nACGT\n", "line 3: the taxon a stands twice"),
        (">a\nACGT\n", "the file ends after 1 taxa"),
    ] {
        let all = ["at `environment.data`", "genes.fasta", says];
        refused("genes.fasta", text, TREES, &all);
    }
    refused(
        "genes.fasta",
        good,
        &TREES.replace("\"parsimony\"", "\"parsimony\", temperature = 0.0"),
        &["at `environment.reward`", "`temperature`", "positive"],
    );
}

const STRINGS: &str = r#"{ kind = "sequence", length = 2, n_letters = 4, alphabet = "ACGU", order = "any-position", reward = { kind = "table", path = "{}", missing = 0.5 } }"#;

#[test]
fn rewards_of_strings_from_files() {
    let figures = summary("rewards.csv", "string,reward\nAC,3\nGU,9\n", STRINGS);
    assert!(figures.contains("exact.tv") && figures.contains("log_z_error"));
    for (text, says) in [
        ("string,value\nAC,3\n", "column reward"),
        ("string,reward\nAT,3\n", "line 2, column string: \"AT\""),
        ("string,reward\nAC,-3\n", "set a floor"),
        ("string,reward\nAC,3\nAC,4\n", "line 3, column string"),
    ] {
        let all = ["at `environment.reward`", "rewards.csv", says];
        refused("rewards.csv", text, STRINGS, &all);
    }
    let whole = STRINGS.replace(", missing = 0.5", "");
    let says = ["1 of 16 strings", "AA is not", "`missing`"];
    refused("rewards.csv", "string,reward\nAC,3\n", &whole, &says);
    let numbers = STRINGS.replace("alphabet = \"ACGU\", ", "");
    let says = ["at `environment.alphabet`", "ACGU"];
    refused("rewards.csv", "string,reward\nAC,3\n", &numbers, &says);
}

#[test]
fn couplings_that_cannot_be_used() {
    for (table, says) in [
        (
            r#"{ kind = "ising", couplings = { kind = "torus", width = 1, height = 3, coupling = 1.0 } }"#,
            &["at `environment`", "`width` is 1"][..],
        ),
        (
            r#"{ kind = "ising", couplings = { kind = "couplings", n_sites = 2, couplings = [[0, 2, 1.0]] } }"#,
            &["at `environment`", "(0, 2, 1.0)"],
        ),
        (
            r#"{ kind = "ising", couplings = { kind = "torus", width = 3, height = 3, coupling = 1.0 }, fields = [0.0, 1.0] }"#,
            &["at `environment`", "`fields`", "one for each"],
        ),
    ] {
        refused("unused", "", table, says);
    }
}

/// A program that rewards every string with 2.
#[cfg(unix)]
const TWO: &str = r#"
while read -r line; do
    id=${line#*\"id\":}; id=${id%%,*}
    objects=${line#*[}; objects=${objects%]*}; out=
    IFS=,
    for object in $objects; do out="$out${out:+,}2"; done
    unset IFS
    printf '{"id":%s,"rewards":[%s]}\n' "$id" "$out"
done
"#;

#[cfg(unix)]
const ASKED: &str = r#"{ kind = "sequence", length = 2, n_letters = 2, alphabet = "ab", reward = { kind = "process", command = ["sh", "{}"], batch_size = 3, timeout_s = 20.0, retries = 1 } }"#;

#[cfg(unix)]
#[test]
fn rewards_from_another_program() {
    let figures = summary("two.sh", TWO, ASKED);
    let figures: serde_json::Value = serde_json::from_str(&figures).expect("JSON");
    let text = figures.to_string();
    // Four strings of 2.
    assert!(text.contains("2.07944154167983"), "{text}");
    let place = place("dies.sh", "read -r line; echo no model >&2; exit 9\n");
    let set = environment(&place, "dies.sh", ASKED);
    fail_saying(
        place.run("run").args(["--set", &set]),
        &["`sh ", "exit status: 9", "no model", "tried 2 times"],
    );
    for (change, says) in [
        ("command = []", "command = []"),
        ("command = [\"sh\"], batch = 3", "unknown field `batch`"),
        ("command = [\"sh\"], timeout_s = 0.0", "timeout_s = 0"),
    ] {
        let table = format!(
            "{{ kind = \"sequence\", length = 2, n_letters = 2, alphabet = \"ab\", reward = {{ kind = \"process\", {change} }} }}"
        );
        refused("unused", "", &table, &["environment", says]);
    }
}

/// The example in the documentation answers what its page says, where there is a Python.
#[cfg(unix)]
#[test]
fn the_example_in_python_answers() {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/src/environments/reward_process.py");
    assert!(script.exists(), "{}", script.display());
    let python = std::process::Command::new("python3")
        .arg("--version")
        .output();
    if !python.is_ok_and(|found| found.status.success()) {
        // Nothing to run it with: the shell above covers the protocol.
        return;
    }
    let place = Place::new(TINY);
    let set = format!(
        "environment={{ kind = \"sequence\", length = 3, n_letters = 4, alphabet = \"ACGU\", reward = {{ kind = \"process\", command = [\"python3\", \"{}\"], timeout_s = 60.0 }} }}",
        script.display()
    );
    succeed(place.run("run").args(["--set", &set]));
    let figures = fs::read_to_string(place.join("run").join("summary.json")).expect("it is there");
    // log R is the number of G and C: (2 + 2e)^3.
    let log_z = 3.0 * (2.0 + 2.0 * 1f64.exp()).ln();
    let found: serde_json::Value = serde_json::from_str(&figures).expect("JSON");
    let text = found.to_string();
    assert!(text.contains(&format!("{log_z:.9}")), "{log_z}: {text}");
}
