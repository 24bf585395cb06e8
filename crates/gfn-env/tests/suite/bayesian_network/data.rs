//! Data: drawn, shipped and read.

use gfn_env::Table;
use gfn_env::bayesian_network::{
    ContinuousData, DataTransform, DiscreteData, LinearGaussian, edges_from_table, sachs,
};

fn read(text: &str) -> Result<ContinuousData, gfn_env::TableError> {
    ContinuousData::from_table(&Table::parse(text)?, None)
}

#[test]
fn bad_tables_name_line_and_column() {
    let says = |text: &str| read(text).unwrap_err().to_string();
    assert!(says("a,b\n1,2\n3\n").starts_with("line 3: 1 fields"));
    assert!(says("a,b\n1,2\n3,x\n").starts_with("line 3, column b: \"x\""));
    assert!(says("a,b\n1,2\n3,NaN\n").starts_with("line 3, column b: \"NaN\""));
    assert!(says("a,b\n1,2\n3,inf\n").starts_with("line 3, column b: \"inf\""));
    assert!(says("a,b\n1,2\n3,2\n").starts_with("column b: all values are equal"));
    assert!(says("a,b\n1,2\n").starts_with("column a: all values are equal"));
    assert!(says("a\n1\n2\n").contains("not between 2 and 32"));
    let names = || vec!["a".to_owned(), "b".to_owned()];
    let columns = vec![vec![1.0, 2.0], vec![1.0, 2.0, 3.0]];
    let error = ContinuousData::new(names(), columns).unwrap_err();
    assert!(error.to_string().starts_with("column b: 3 values"));
    let error = ContinuousData::new(names(), vec![vec![1.0, 2.0]]).unwrap_err();
    assert!(error.to_string().contains("2 names for 1 columns"));
    let text = |row: &[&str]| row.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let error = DiscreteData::new(names(), vec![text(&["x", "y"]), text(&["x", "x"])]);
    assert!(error.unwrap_err().to_string().starts_with("column b: all"));
    let table = Table::parse("a,b\nx,\ny,z\n").unwrap();
    let error = DiscreteData::from_table(&table, None)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("line 2, column b: \"\""), "{error}");
    let many: Vec<String> = (0..101).map(|i| i.to_string()).collect();
    let error = DiscreteData::new(names(), vec![many.clone(), many]).unwrap_err();
    assert!(error.to_string().contains("score.levels = 3"), "{error}");
}

#[test]
fn bad_edges_name_line_and_column() {
    let names = vec!["a".to_owned(), "b".to_owned()];
    let says = |text: &str| {
        let table = Table::parse(text).unwrap();
        edges_from_table(&table, &names).unwrap_err().to_string()
    };
    assert!(says("from,to\na,b\na,c\n").starts_with("line 3, column to: \"c\""));
    assert!(says("from,to\na,a\n").starts_with("line 2, column to: \"a\""));
    assert!(says("from,into\na,b\n").starts_with("column to: "));
    let table = Table::parse("from,to\na,b\nb,a\n").unwrap();
    assert_eq!(edges_from_table(&table, &names).unwrap(), [0b10, 0b1]);
}

#[test]
fn the_shipped_data_is_that_of_the_study() {
    let known = sachs();
    assert_eq!((known.data.n_rows(), known.data.n_nodes()), (853, 11));
    let edges: u32 = known.parents.iter().map(|p| p.count_ones()).sum();
    assert_eq!(edges, 18);
    assert_eq!(known.data.names()[..2], ["praf", "pmek"]);
    assert_eq!(known.data.column(0)[..3], [26.4, 35.9, 59.4]);
    let standard = known
        .data
        .transformed(DataTransform::LogStandardise)
        .unwrap();
    for j in 0..11 {
        let column = standard.column(j);
        let n = column.len() as f64;
        let mean = column.iter().sum::<f64>() / n;
        let variance = column.iter().map(|x| x * x).sum::<f64>() / n;
        assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
    }
}

#[test]
fn logarithms_of_what_has_none_are_refused() {
    let data = read("a,b\n1,2\n0,3\n").unwrap();
    let error = data.transformed(DataTransform::LogStandardise).unwrap_err();
    assert!(error.to_string().starts_with("column a: row 1 is 0"));
}

#[test]
fn levels_hold_as_many_values() {
    let data = read("a,b\n1,5\n2,5\n3,5\n4,5\n5,5\n6,9\n").unwrap();
    let levels = data.discretised(3).unwrap();
    assert_eq!(levels.column(0), [0, 0, 1, 1, 2, 2]);
    // Ties stay together: the middle level of b is empty and does not count.
    assert_eq!(levels.column(1), [0, 0, 0, 0, 0, 1]);
    assert_eq!(levels.categories(1).len(), 2);
}

#[test]
fn drawn_data_has_the_moments_of_its_graph() {
    let drawn = LinearGaussian {
        n_rows: 40_000,
        ..LinearGaussian::published(5, 7)
    };
    let known = drawn.draw().unwrap();
    for j in 0..5 {
        let parents: Vec<usize> = (0..5).filter(|i| known.parents[j] >> i & 1 == 1).collect();
        let column = known.data.column(j);
        if parents.is_empty() {
            // The variance of a root is that of the noise: 0.1, within five deviations of √(2/n).
            let variance = column.iter().map(|x| x * x).sum::<f64>() / 40_000.0;
            assert!((variance - 0.1).abs() < 5.0 * 0.1 * (2.0f64 / 40_000.0).sqrt());
        }
    }
    assert!(known.parents.iter().any(|p| *p != 0));
    assert_eq!(drawn.draw().unwrap(), known);
    // The expected number of edges: 4,000 pairs of 400 graphs at 1/2 each, within five deviations.
    let edges: u32 = (0..400)
        .map(|seed| {
            let known = LinearGaussian::published(5, seed).draw().unwrap();
            known.parents.iter().map(|p| p.count_ones()).sum::<u32>()
        })
        .sum();
    assert!(
        (f64::from(edges) - 2_000.0).abs() < 5.0 * 1_000.0f64.sqrt(),
        "{edges}"
    );
}
