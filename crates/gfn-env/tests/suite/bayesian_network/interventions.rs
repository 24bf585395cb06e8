//! Data in which nodes were intervened on: scores without the rows of a node, and what they tell apart.

use super::scores::{marginal_by_constants, marginal_by_prediction};
use super::{all_graphs, reward};
use gfn_env::bayesian_network::{
    BdeScore, BgeScore, ContinuousData, DataTransform, DiscreteData, Interventions, LinearGaussian,
    LocalScore as _, StructurePrior, sachs, sachs_interventional,
};
use gfn_env::{Table, log_partition, target_distribution};

/// Four nodes, rows with no, one and two targets; node 3 is never one.
fn mixed() -> ContinuousData {
    let data = LinearGaussian {
        n_rows: 12,
        ..LinearGaussian::published(4, 5)
    };
    let targets = vec![0, 1, 0, 0b10, 0b11, 0, 0b100, 0, 0b101, 0, 0, 0b10];
    let interventions = Interventions::new(targets, 4).unwrap();
    let drawn = data.draw().unwrap().data;
    drawn.with_interventions(interventions).unwrap()
}

/// The rows in which a node was not intervened on, as data of their own.
fn rows_of(data: &ContinuousData, node: usize) -> ContinuousData {
    let kept = |row: &usize| data.interventions().targets(*row) >> node & 1 == 0;
    let rows: Vec<usize> = (0..data.n_rows()).filter(kept).collect();
    let column = |j| rows.iter().map(|row| data.column(j)[*row]).collect();
    let columns = (0..data.n_nodes()).map(column).collect();
    ContinuousData::new(data.names().to_vec(), columns).unwrap()
}

#[test]
fn bge_of_a_node_is_that_of_the_rows_without_an_intervention_on_it() {
    let data = mixed();
    let score = BgeScore::new(&data, 1.0, 2.0).unwrap();
    for node in 0..4 {
        let part = rows_of(&data, node);
        assert_eq!(part.n_rows(), [9, 9, 10, 12][node]);
        for parents in (0..16_u32).filter(|p| p >> node & 1 == 0) {
            for marginal in [marginal_by_constants, marginal_by_prediction] {
                let below = if parents == 0 {
                    0.0
                } else {
                    marginal(&part, parents, 2.0)
                };
                let expected = marginal(&part, parents | 1 << node, 2.0) - below;
                let found = score.local_score(node, parents);
                assert!((found - expected).abs() < 1e-10, "{node} {parents:b}");
            }
        }
    }
}

#[test]
fn bde_of_a_node_counts_the_rows_without_an_intervention_on_it() {
    let text = |levels: &str| levels.chars().map(String::from).collect::<Vec<_>>();
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let columns = ["xyxzyxxz", "01101100", "uuvvuvuv"].map(text).to_vec();
    let targets = vec![0, 0b1, 0b10, 0, 0b101, 0, 0b1, 0];
    let data = DiscreteData::new(names, columns).unwrap();
    let data = data
        .with_interventions(Interventions::new(targets.clone(), 3).unwrap())
        .unwrap();
    let ess = 1.5;
    let score = BdeScore::new(data.clone(), ess).unwrap();
    for node in 0..3 {
        let kept: Vec<usize> = (0..8)
            .filter(|row| targets[*row] >> node & 1 == 0)
            .collect();
        for parents in (0..8_u32).filter(|p| p >> node & 1 == 0) {
            let nodes: Vec<usize> = (0..3).filter(|i| parents >> i & 1 == 1).collect();
            let q: usize = nodes.iter().map(|i| data.categories(*i).len()).product();
            let r = data.categories(node).len();
            // Each row that counts, by the counts of those before it.
            let mut expected = 0.0;
            for (place, row) in kept.iter().enumerate() {
                let alike = |other: &&usize| {
                    let same = |i: &usize| data.column(*i)[**other] == data.column(*i)[*row];
                    nodes.iter().all(same)
                };
                let before: Vec<&usize> = kept[..place].iter().filter(alike).collect();
                let same = before
                    .iter()
                    .filter(|other| data.column(node)[***other] == data.column(node)[*row]);
                let cell = ess / (q * r) as f64;
                let of_configuration = before.len() as f64 + ess / q as f64;
                expected += ((same.count() as f64 + cell) / of_configuration).ln();
            }
            let found = score.local_score(node, parents);
            assert!((found - expected).abs() < 1e-12, "{node} {parents:b}");
        }
    }
}

#[test]
fn without_interventions_scores_are_those_of_observations_and_with_nothing_else_they_are_zero() {
    let data = mixed();
    let with = |targets: u32| {
        let interventions = Interventions::new(vec![targets; 12], 4).unwrap();
        data.clone().with_interventions(interventions).unwrap()
    };
    let plain = data.clone();
    let plain = plain.with_interventions(Interventions::none(12)).unwrap();
    let bge = |data: &ContinuousData| BgeScore::new(data, 1.0, 2.0).unwrap();
    let bde = |data: &ContinuousData| BdeScore::new(data.discretised(3).unwrap(), 1.0).unwrap();
    for parents in (0..16_u32).filter(|p| p >> 2 & 1 == 0) {
        // Interventions on other nodes change nothing of this one, to the last bit.
        for targets in [0, 0b1011] {
            assert_eq!(
                bge(&with(targets)).local_score(2, parents),
                bge(&plain).local_score(2, parents)
            );
            assert_eq!(
                bde(&with(targets)).local_score(2, parents),
                bde(&plain).local_score(2, parents)
            );
        }
        // A node that was always set from outside says nothing of its parents.
        assert!(bge(&with(0b100)).local_score(2, parents).abs() < 1e-12);
        assert_eq!(bde(&with(0b100)).local_score(2, parents), 0.0);
    }
}

/// `x → y`: without interventions nothing tells it from `y → x`, with them the directions have different scores.
#[test]
fn interventions_tell_equivalent_graphs_apart() {
    let drawn = |interventional_rows| {
        let model = LinearGaussian {
            edges_per_node: 0.5,
            n_rows: 30,
            interventional_rows,
            ..LinearGaussian::published(2, 1)
        };
        model.draw().unwrap()
    };
    // Half an edge for each of two nodes is one edge for sure.
    let truth = drawn(0).parents;
    let (from, to) = if truth[1] == 1 { (0, 1) } else { (1, 0) };
    assert_eq!(truth[to], 1 << from);
    let scores = |data: &ContinuousData, as_levels: bool| {
        let uniform = StructurePrior::Uniform {};
        let reward = if as_levels {
            reward(
                BdeScore::new(data.discretised(3).unwrap(), 1.0).unwrap(),
                uniform,
            )
        } else {
            reward(BgeScore::new(data, 1.0, 2.0).unwrap(), uniform)
        };
        let right = reward.term(to, 1 << from) + reward.term(from, 0);
        let wrong = reward.term(from, 1 << to) + reward.term(to, 0);
        let posterior = reward.posterior().unwrap().edge_marginals();
        let graphs = all_graphs(2);
        let all: Vec<f64> = graphs.iter().map(|graph| reward.log_score(graph)).collect();
        let p = target_distribution(&all);
        for (i, j) in [(0, 1), (1, 0)] {
            let with = graphs.iter().zip(&p).filter(|(g, _)| g.has_edge(i, j));
            let expected: f64 = with.map(|(_, p)| p).sum();
            assert!((posterior[2 * i + j] - expected).abs() < 1e-12);
        }
        assert!((reward.posterior().unwrap().log_partition() - log_partition(&all)).abs() < 1e-9);
        (right - wrong, posterior[2 * from + to])
    };
    for as_levels in [false, true] {
        let (odds, share) = scores(&drawn(0).data, as_levels);
        assert!(odds.abs() < 1e-9 && share <= 0.5 + 1e-9, "{odds} {share}");
        let (odds, share) = scores(&drawn(30).data, as_levels);
        assert!(odds > 3.0 && share > 0.9, "{as_levels}: {odds} {share}");
    }
    // By hand: each node's term on the rows that count for it.
    let data = drawn(30).data;
    let part = |node| rows_of(&data, node);
    let right = marginal_by_constants(&part(from), 1 << from, 2.0)
        + marginal_by_constants(&part(to), 0b11, 2.0)
        - marginal_by_constants(&part(to), 1 << from, 2.0);
    let wrong = marginal_by_constants(&part(to), 1 << to, 2.0)
        + marginal_by_constants(&part(from), 0b11, 2.0)
        - marginal_by_constants(&part(from), 1 << to, 2.0);
    assert!((scores(&data, false).0 - (right - wrong)).abs() < 1e-9);
}

#[test]
fn drawn_interventions_cut_a_node_from_its_parents() {
    let model = LinearGaussian {
        n_rows: 50,
        interventional_rows: 20_000,
        ..LinearGaussian::published(3, 2)
    };
    let known = model.draw().unwrap();
    assert_eq!(known.data.n_rows(), 60_050);
    let plain = LinearGaussian {
        interventional_rows: 0,
        ..model
    };
    let plain = plain.draw().unwrap();
    assert_eq!(known.parents, plain.parents);
    assert!(known.parents.iter().any(|parents| *parents != 0));
    for j in 0..3 {
        assert_eq!(known.data.column(j)[..50], *plain.data.column(j));
        let rows = 50 + 20_000 * j..50 + 20_000 * (j + 1);
        for row in rows.clone() {
            assert_eq!(known.data.interventions().targets(row), 1 << j);
        }
        // Mean 0, variance 1, no product with the parents: within five deviations of 20,000 rows.
        let x = &known.data.column(j)[rows.clone()];
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| x * x).sum::<f64>() / n;
        assert!(mean.abs() < 5.0 / n.sqrt(), "{mean}");
        assert!(
            (variance - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
            "{variance}"
        );
        for i in (0..3).filter(|i| known.parents[j] >> i & 1 == 1) {
            let y = &known.data.column(i)[rows.clone()];
            let product = x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>() / n;
            let scale = (y.iter().map(|y| y * y).sum::<f64>() / n).sqrt();
            assert!(product.abs() < 5.0 * scale / n.sqrt(), "{product}");
        }
    }
}

#[test]
fn bad_interventions_name_line_and_column() {
    let read = |text: &str| {
        ContinuousData::from_table(&Table::parse(text).unwrap(), Some("set")).map(|data| {
            let rows = 0..data.n_rows();
            rows.map(|row| data.interventions().targets(row))
                .collect::<Vec<_>>()
        })
    };
    let good = "set,a,b\n,1,2\nb,3,1\na; b,4,5\n";
    assert_eq!(read(good).unwrap(), [0, 0b10, 0b11]);
    let says = |text: &str| read(text).unwrap_err().to_string();
    let error = says("a,b,set\n1,2,\n3,1,c\n");
    assert!(error.starts_with("line 3, column set: \"c\""), "{error}");
    assert!(error.contains("one of a, b"), "{error}");
    let error = says("a,b,set\n1,2,a;a\n3,1,\n");
    assert!(error.starts_with("line 2, column set: \"a;a\""), "{error}");
    assert!(error.contains("twice"), "{error}");
    let error = says("a,b,set\n1,2,a;\n3,1,\n");
    assert!(error.contains("no column has the name \"\""), "{error}");
    assert!(says("a,b\n1,2\n3,1\n").starts_with("column set: the table has no such column"));
    let text = "a,b,set\nx,u,\ny,v,set\n";
    let error = DiscreteData::from_table(&Table::parse(text).unwrap(), Some("set"));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("line 3, column set: \"set\""), "{error}");
    let error = Interventions::new(vec![0, 0b1000], 3).unwrap_err();
    assert!(error.to_string().contains("row 1 has the bits 0b1000"));
    assert!(Interventions::new(vec![u32::MAX], 32).is_ok());
    let error = mixed().with_interventions(Interventions::none(3));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("3 entries, but there are 12 rows"),
        "{error}"
    );
    let error = LinearGaussian {
        interventional_rows: 400_000,
        ..LinearGaussian::published(3, 0)
    };
    let error = error.draw().unwrap_err().to_string();
    assert!(error.contains("interventional_rows"), "{error}");
}

#[test]
fn the_shipped_data_has_the_conditions_of_the_study() {
    let (observed, all) = (sachs(), sachs_interventional());
    assert_eq!(all.parents, observed.parents);
    assert_eq!((all.data.n_rows(), all.data.n_nodes()), (7_466, 11));
    for j in 0..11 {
        assert_eq!(all.data.column(j)[..853], *observed.data.column(j));
    }
    let node = |name: &str| all.data.names().iter().position(|n| n == name).unwrap();
    // Rows of each condition and what it acts on.
    let conditions = [
        (853, None),
        (902, None),
        (911, Some("pakts473")),
        (723, Some("PKC")),
        (810, Some("PIP2")),
        (799, Some("pmek")),
        (848, None),
        (913, Some("PKC")),
        (707, Some("PKA")),
    ];
    let mut row = 0;
    for (n_rows, target) in conditions {
        let expected = target.map_or(0, |name| 1 << node(name));
        for _ in 0..n_rows {
            assert_eq!(all.data.interventions().targets(row), expected, "{row}");
            row += 1;
        }
    }
    // Psitectorigenin takes most of PIP2 away; U0126 acts on Mek.
    let median = |name: &str, rows: std::ops::Range<usize>| {
        let mut values = all.data.column(node(name))[rows].to_vec();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    assert!(median("PIP2", 3_389..4_199) < 0.1 * median("PIP2", 0..853));
    assert!(median("pmek", 4_199..4_998) > 5.0 * median("pmek", 0..853));
    let pkc = node("PKC");
    let logs = all.data.transformed(DataTransform::LogStandardise).unwrap();
    assert_eq!(logs.interventions().rows_without(pkc).len(), 5_830);
}
