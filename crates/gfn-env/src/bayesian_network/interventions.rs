//! Which nodes were intervened on in which rows: [`Interventions`].

use super::state::MAX_NODES;
use crate::{Table, TableError};

/// What parts the names of several nodes in one field.
const SEPARATOR: char = ';';

/// The nodes that were intervened on in each row of some data.
///
/// A node that is set from outside says nothing of what its parents do to it, so that its term in a score is that of the other
/// rows; as a parent it counts in every row (Cooper and Yoo 1999).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interventions {
    /// Bit `j` of entry `r`: node `j` in row `r`.
    targets: Vec<u32>,
}

impl Interventions {
    /// None in any of `n_rows` rows.
    pub fn none(n_rows: usize) -> Self {
        Self {
            targets: vec![0; n_rows],
        }
    }

    /// Bit `j` of entry `r` says that node `j` of the `n_nodes` was intervened on in row `r`.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] where a bit stands for no node.
    pub fn new(targets: Vec<u32>, n_nodes: usize) -> Result<Self, TableError> {
        let unknown = u32::MAX.checked_shl(n_nodes as u32).unwrap_or(0);
        match targets.iter().position(|row| row & unknown != 0) {
            None => Ok(Self { targets }),
            Some(row) => Err(TableError::Column {
                column: "interventions".to_owned(),
                problem: format!(
                    "row {row} has the bits {:#b}, but there are {n_nodes} nodes",
                    targets[row]
                ),
            }),
        }
    }

    /// A column of names: a field holds the name of the node that was intervened on, several names with `;` between them, or
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`TableError::Cell`] where a name is none of `names`, or stands twice in a field.
    ///
    /// # Panics
    ///
    /// If there is no such column, or there are more than 32 names.
    pub fn from_table(table: &Table, column: usize, names: &[String]) -> Result<Self, TableError> {
        assert!(names.len() <= MAX_NODES, "at most 32 nodes");
        let of_row = |row: usize| {
            let field = table.field(row, column);
            if field.is_empty() {
                return Ok(0);
            }
            let mut targets = 0_u32;
            for name in field.split(SEPARATOR).map(str::trim) {
                let Some(node) = names.iter().position(|known| known == name) else {
                    let known = names.join(", ");
                    return Err(table.refuse(
                        row,
                        column,
                        format!(
                            "no column has the name {name:?}; it must be empty or one of {known}, several with ; between them"
                        ),
                    ));
                };
                if targets >> node & 1 == 1 {
                    return Err(table.refuse(row, column, format!("{name} stands twice")));
                }
                targets |= 1 << node;
            }
            Ok(targets)
        };
        let targets: Result<_, _> = (0..table.n_rows()).map(of_row).collect();
        Ok(Self { targets: targets? })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.targets.len()
    }

    /// The nodes that were intervened on in a row, as bits.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn targets(&self, row: usize) -> u32 {
        self.targets[row]
    }

    /// The rows in which `node` was not intervened on, in order.
    ///
    /// # Panics
    ///
    /// If `node >= 32`.
    pub fn rows_without(&self, node: usize) -> Vec<usize> {
        assert!(node < MAX_NODES, "node {node}");
        let rows = 0..self.targets.len();
        rows.filter(|row| self.targets[*row] >> node & 1 == 0)
            .collect()
    }

    /// Those rows, then those of `other`.
    pub(super) fn followed_by(mut self, other: &Self) -> Self {
        self.targets.extend_from_slice(&other.targets);
        self
    }
}
