//! Observations: [`ContinuousData`] and [`DiscreteData`].

use super::Interventions;
use super::state::MAX_NODES;
use crate::{EnvironmentError, Table, TableError};

/// Most values of a discrete variable.
const MAX_LEVELS: usize = 100;

/// Rows of finite numbers, one column for each node; no column is constant. Each row says which nodes were intervened on.
#[derive(Clone, Debug, PartialEq)]
pub struct ContinuousData {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
    interventions: Interventions,
}

/// What is done to each column of numbers before it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum DataTransform {
    /// Nothing.
    #[default]
    None,
    /// Mean 0 and variance 1, the variance with `N` below the sum.
    Standardise,
    /// The natural logarithm of positive numbers, then the same.
    LogStandardise,
}

impl ContinuousData {
    /// Columns of numbers with their names, without interventions.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] unless there are between 2 and 32 columns of one length, at least 2, of finite numbers that are
    /// not all equal.
    pub fn new(names: Vec<String>, columns: Vec<Vec<f64>>) -> Result<Self, TableError> {
        check_number(&names)?;
        let wrong = |i: usize, problem: String| TableError::Column {
            column: names[i].clone(),
            problem,
        };
        let n_rows = columns.first().map_or(0, Vec::len);
        for (i, column) in columns.iter().enumerate() {
            if column.len() != n_rows {
                let problem = format!(
                    "{} values, but the first column has {n_rows}; every column needs one for each row",
                    column.len()
                );
                return Err(wrong(i, problem));
            }
            if let Some(row) = column.iter().position(|x| !x.is_finite()) {
                let problem = format!("row {row} is {}, not a finite number", column[row]);
                return Err(wrong(i, problem));
            }
            if column.iter().all(|x| *x == column[0]) {
                let problem =
                    "all values are equal, so that no edge can be scored; leave the column out";
                return Err(wrong(i, problem.to_owned()));
            }
        }
        if columns.len() != names.len() {
            return Err(TableError::Column {
                column: names.join(", "),
                problem: format!("{} names for {} columns", names.len(), columns.len()),
            });
        }
        Ok(Self {
            interventions: Interventions::none(n_rows),
            names,
            columns,
        })
    }

    /// The columns of a table, all of them numbers but that of the name `interventions`, where it is given: this one names the
    /// nodes that were intervened on, as [`Interventions::from_table`] reads it.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] where there is no such column, otherwise as [`Table::number`], [`Interventions::from_table`] and
    /// [`ContinuousData::new`].
    pub fn from_table(table: &Table, interventions: Option<&str>) -> Result<Self, TableError> {
        let nodes = Nodes::of(table, interventions)?;
        let column = |j: &usize| {
            let j = *j;
            (0..table.n_rows())
                .map(move |i| table.number(i, j))
                .collect()
        };
        let columns: Result<Vec<Vec<f64>>, _> = nodes.columns.iter().map(column).collect();
        let data = Self::new(nodes.names, columns?)?;
        let interventions = interventions_of(table, nodes.interventions, &data.names)?;
        data.with_interventions(interventions)
    }

    /// The same data, in whose rows these nodes were intervened on.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] unless there is one entry for each row.
    pub fn with_interventions(self, interventions: Interventions) -> Result<Self, TableError> {
        check_rows(&interventions, self.n_rows())?;
        Ok(Self {
            interventions,
            ..self
        })
    }

    /// These rows, then those of `other`.
    pub(super) fn followed_by(mut self, other: &Self) -> Result<Self, TableError> {
        for (column, more) in self.columns.iter_mut().zip(&other.columns) {
            column.extend_from_slice(more);
        }
        let interventions = self.interventions.followed_by(&other.interventions);
        Self::new(self.names, self.columns)?.with_interventions(interventions)
    }

    /// Names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of columns.
    pub fn n_nodes(&self) -> usize {
        self.columns.len()
    }

    /// `N`, the number of rows.
    pub fn n_rows(&self) -> usize {
        self.columns[0].len()
    }

    /// The values of a column.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn column(&self, node: usize) -> &[f64] {
        &self.columns[node]
    }

    /// Which nodes were intervened on.
    pub fn interventions(&self) -> &Interventions {
        &self.interventions
    }

    /// The same after `transform`, which looks at all rows.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] where a logarithm is asked of a number that is not positive.
    pub fn transformed(mut self, transform: DataTransform) -> Result<Self, TableError> {
        for (name, column) in self.names.iter().zip(&mut self.columns) {
            if transform == DataTransform::LogStandardise {
                if let Some(row) = column.iter().position(|x| *x <= 0.0) {
                    return Err(TableError::Column {
                        column: name.clone(),
                        problem: format!(
                            "row {row} is {}, which has no logarithm; use transform = \"standardise\"",
                            column[row]
                        ),
                    });
                }
                column.iter_mut().for_each(|x| *x = x.ln());
            }
            if transform != DataTransform::None {
                let n = column.len() as f64;
                let mean = column.iter().sum::<f64>() / n;
                let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
                column
                    .iter_mut()
                    .for_each(|x| *x = (*x - mean) / variance.sqrt());
            }
        }
        Self::new(self.names, self.columns)?.with_interventions(self.interventions)
    }

    /// Numbers as levels: the level of a number is how many of `levels − 1` cuts lie below it, and cut `m` is the value of rank
    /// `⌈m·N/levels⌉` from below. Levels in which nothing lies do not count.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] where a column has one level only.
    ///
    /// # Panics
    ///
    /// If `levels` is 0.
    pub fn discretised(&self, levels: usize) -> Result<DiscreteData, TableError> {
        assert!(levels > 0, "at least one level");
        let cut = |column: &Vec<f64>| {
            let mut sorted = column.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let cuts: Vec<f64> = (1..levels)
                .map(|m| sorted[(m * sorted.len()).div_ceil(levels) - 1])
                .collect();
            let level = |x: &f64| cuts.partition_point(|c| c < x).to_string();
            column.iter().map(level).collect()
        };
        DiscreteData::new(self.names.clone(), self.columns.iter().map(cut).collect())?
            .with_interventions(self.interventions.clone())
    }
}

/// Rows of categories, one column for each node; no column is constant. Each row says which nodes were intervened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscreteData {
    names: Vec<String>,
    /// The texts that stand for the categories, sorted.
    categories: Vec<Vec<String>>,
    columns: Vec<Vec<u8>>,
    interventions: Interventions,
}

impl DiscreteData {
    /// Columns of texts with their names, without interventions; the distinct texts of a column are its categories.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] unless there are between 2 and 32 columns of one length, each of 2 to 100 distinct texts, none
    /// of them empty.
    pub fn new(names: Vec<String>, columns: Vec<Vec<String>>) -> Result<Self, TableError> {
        check_number(&names)?;
        let n_rows = columns.first().map_or(0, Vec::len);
        let mut data = Self {
            names,
            categories: Vec::new(),
            columns: Vec::new(),
            interventions: Interventions::none(n_rows),
        };
        for (column, name) in columns.iter().zip(&data.names) {
            let mut categories = column.clone();
            categories.sort_unstable();
            categories.dedup();
            let problem = match categories.len() {
                _ if column.len() != n_rows => "it is not as long as the first column".to_owned(),
                _ if categories.first().is_some_and(String::is_empty) => {
                    "a field is empty; name the category".to_owned()
                }
                0 | 1 => {
                    "all values are equal, so that no edge can be scored; leave the column out"
                        .to_owned()
                }
                n if n > MAX_LEVELS => format!(
                    "{n} different values, at most {MAX_LEVELS} are allowed; cut numbers with score.levels = 3"
                ),
                _ => {
                    let code = |text| categories.partition_point(|c| c < text) as u8;
                    data.columns.push(column.iter().map(code).collect());
                    data.categories.push(categories);
                    continue;
                }
            };
            return Err(TableError::Column {
                column: name.clone(),
                problem,
            });
        }
        if data.columns.len() != data.names.len() || columns.len() != data.names.len() {
            return Err(TableError::Column {
                column: data.names.join(", "),
                problem: format!("{} names for {} columns", data.names.len(), columns.len()),
            });
        }
        Ok(data)
    }

    /// Numbers of categories with the texts that stand for them, which need not all occur.
    pub(super) fn of_categories(
        names: Vec<String>,
        categories: Vec<Vec<String>>,
        columns: Vec<Vec<u8>>,
    ) -> Result<Self, TableError> {
        check_number(&names)?;
        for (name, column) in names.iter().zip(&columns) {
            if column.windows(2).all(|pair| pair[0] == pair[1]) {
                return Err(TableError::Column {
                    column: name.clone(),
                    problem: "all values are equal, so that no edge can be scored; draw more rows"
                        .to_owned(),
                });
            }
        }
        let n_rows = columns.first().map_or(0, Vec::len);
        Ok(Self {
            names,
            categories,
            columns,
            interventions: Interventions::none(n_rows),
        })
    }

    /// The columns of a table; that of the name `interventions`, where it is given, names the nodes that were intervened on, as
    /// [`Interventions::from_table`] reads it.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] where there is no such column, [`TableError::Cell`] for an empty field of another, otherwise as
    /// [`Interventions::from_table`] and [`DiscreteData::new`].
    pub fn from_table(table: &Table, interventions: Option<&str>) -> Result<Self, TableError> {
        let nodes = Nodes::of(table, interventions)?;
        let mut columns = Vec::new();
        for j in nodes.columns {
            let rows = 0..table.n_rows();
            if let Some(i) = rows.clone().find(|i| table.field(*i, j).is_empty()) {
                return Err(table.refuse(i, j, "a category needs a name"));
            }
            columns.push(rows.map(|i| table.field(i, j).to_owned()).collect());
        }
        let data = Self::new(nodes.names, columns)?;
        let interventions = interventions_of(table, nodes.interventions, &data.names)?;
        data.with_interventions(interventions)
    }

    /// The same data, in whose rows these nodes were intervened on.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] unless there is one entry for each row.
    pub fn with_interventions(self, interventions: Interventions) -> Result<Self, TableError> {
        check_rows(&interventions, self.n_rows())?;
        Ok(Self {
            interventions,
            ..self
        })
    }

    /// Names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of columns.
    pub fn n_nodes(&self) -> usize {
        self.columns.len()
    }

    /// `N`, the number of rows.
    pub fn n_rows(&self) -> usize {
        self.columns[0].len()
    }

    /// The categories of a column, in the order of their numbers.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn categories(&self, node: usize) -> &[String] {
        &self.categories[node]
    }

    /// The numbers of the categories in a column.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn column(&self, node: usize) -> &[u8] {
        &self.columns[node]
    }

    /// Which nodes were intervened on.
    pub fn interventions(&self) -> &Interventions {
        &self.interventions
    }
}

/// The columns of a table that are nodes, and the one that names those that were intervened on.
struct Nodes {
    names: Vec<String>,
    columns: Vec<usize>,
    interventions: Option<usize>,
}

impl Nodes {
    fn of(table: &Table, interventions: Option<&str>) -> Result<Self, TableError> {
        let interventions = interventions.map(|name| table.column(name)).transpose()?;
        let columns: Vec<usize> = (0..table.header().len())
            .filter(|j| Some(*j) != interventions)
            .collect();
        let names: Vec<String> = columns.iter().map(|j| table.header()[*j].clone()).collect();
        check_number(&names)?;
        Ok(Self {
            names,
            columns,
            interventions,
        })
    }
}

/// What a column says of interventions on these nodes; none where there is no such column.
fn interventions_of(
    table: &Table,
    column: Option<usize>,
    names: &[String],
) -> Result<Interventions, TableError> {
    match column {
        None => Ok(Interventions::none(table.n_rows())),
        Some(column) => Interventions::from_table(table, column, names),
    }
}

fn check_rows(interventions: &Interventions, n_rows: usize) -> Result<(), TableError> {
    if interventions.n_rows() == n_rows {
        return Ok(());
    }
    Err(TableError::Column {
        column: "interventions".to_owned(),
        problem: format!(
            "{} entries, but there are {n_rows} rows; every row needs one",
            interventions.n_rows()
        ),
    })
}

fn check_number(names: &[String]) -> Result<(), TableError> {
    if (2..=MAX_NODES).contains(&names.len()) {
        return Ok(());
    }
    Err(TableError::Column {
        column: names.join(", "),
        problem: format!("there are {}, not between 2 and {MAX_NODES}", names.len()),
    })
}

/// The parents of each node as bits, from a table with the columns `from` and `to`; cycles are allowed.
///
/// # Errors
///
/// [`TableError`] where a column is missing, a name is none of `names`, or both ends are the same.
pub fn edges_from_table(table: &Table, names: &[String]) -> Result<Vec<u32>, TableError> {
    let columns = [table.column("from")?, table.column("to")?];
    let mut parents = vec![0; names.len()];
    for row in 0..table.n_rows() {
        let [from, to] = columns.map(|column| {
            let name = table.field(row, column);
            let node = names.iter().position(|known| known == name);
            node.ok_or_else(|| {
                let known = names.join(", ");
                table.refuse(row, column, format!("it must be one of {known}"))
            })
        });
        let (from, to) = (from?, to?);
        if from == to {
            return Err(table.refuse(row, columns[1], "an edge joins two different nodes"));
        }
        parents[to] |= 1 << from;
    }
    Ok(parents)
}

/// The nodes of a graph by number, checked against the limits.
///
/// # Errors
///
/// [`EnvironmentError::InvalidParameter`] for fewer than 2 or more than 32.
pub(super) fn node_names(n: usize) -> Result<Vec<String>, EnvironmentError> {
    super::BayesianNetwork::new(n)?;
    Ok((0..n).map(|i| format!("x{i}")).collect())
}
