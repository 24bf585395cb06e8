//! Observations: [`ContinuousData`] and [`DiscreteData`].

use super::state::MAX_NODES;
use crate::{EnvironmentError, Table, TableError};

/// Most values of a discrete variable.
const MAX_LEVELS: usize = 100;

/// Rows of finite numbers, one column for each node; no column is constant.
#[derive(Clone, Debug, PartialEq)]
pub struct ContinuousData {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
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
    /// Columns of numbers with their names.
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
        Ok(Self { names, columns })
    }

    /// The columns of a table, all of them numbers.
    ///
    /// # Errors
    ///
    /// As [`Table::number`] and [`ContinuousData::new`].
    pub fn from_table(table: &Table) -> Result<Self, TableError> {
        let column = |j| {
            (0..table.n_rows())
                .map(move |i| table.number(i, j))
                .collect()
        };
        let columns: Result<Vec<Vec<f64>>, _> = (0..table.header().len()).map(column).collect();
        Self::new(table.header().to_vec(), columns?)
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

    /// The same after `transform`.
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
        Self::new(self.names, self.columns)
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
        DiscreteData::new(self.names.clone(), self.columns.iter().map(cut).collect())
    }
}

/// Rows of categories, one column for each node; no column is constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscreteData {
    names: Vec<String>,
    /// The texts that stand for the categories, sorted.
    categories: Vec<Vec<String>>,
    columns: Vec<Vec<u8>>,
}

impl DiscreteData {
    /// Columns of texts with their names; the distinct texts of a column are its categories.
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
        Ok(Self {
            names,
            categories,
            columns,
        })
    }

    /// The columns of a table.
    ///
    /// # Errors
    ///
    /// [`TableError::Cell`] for an empty field, otherwise as [`DiscreteData::new`].
    pub fn from_table(table: &Table) -> Result<Self, TableError> {
        let mut columns = Vec::new();
        for j in 0..table.header().len() {
            let rows = 0..table.n_rows();
            if let Some(i) = rows.clone().find(|i| table.field(*i, j).is_empty()) {
                return Err(table.refuse(i, j, "a category needs a name"));
            }
            columns.push(rows.map(|i| table.field(i, j).to_owned()).collect());
        }
        Self::new(table.header().to_vec(), columns)
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
