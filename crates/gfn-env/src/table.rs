//! Comma-separated text: [`Table`].
//!
//! This crate opens no files: whoever has the text hands it over.

use std::fmt;

/// What is wrong with a table; each message names the line, and the column where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no header, or nothing below it.
    #[error("the table has {found}; it needs a header line and at least one row below it")]
    Empty {
        /// What there is.
        found: &'static str,
    },
    /// A line that is wrong as a whole.
    #[error("line {line}: {problem}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A field.
    #[error("line {line}, column {column}: {value:?} is not allowed: {requirement}")]
    Cell {
        /// Number of the line, from 1.
        line: usize,
        /// Name of the column.
        column: String,
        /// The field.
        value: String,
        /// What it has to satisfy.
        requirement: String,
    },
    /// A column.
    #[error("column {column}: {problem}")]
    Column {
        /// Name of the column.
        column: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

/// A header and rows of as many fields, each with the number of its line.
///
/// Fields are parted by commas, or by tabs where the header has a tab and no comma. White space around a field is dropped. A
/// field may stand in double quotes, in which a doubled quote is one quote; it may not hold a line end. Empty lines and lines
/// that start with `#` are skipped.
///
/// # Examples
///
/// ```
/// use gfn_env::Table;
///
/// let table = Table::parse("string,reward\nAC,1.5\nAG,2\n")?;
/// assert_eq!(table.header(), ["string", "reward"]);
/// assert_eq!(table.number(1, 1)?, 2.0);
/// let error = Table::parse("string,reward\nAC\n").unwrap_err();
/// assert!(error.to_string().starts_with("line 2: "));
/// # Ok::<(), gfn_env::TableError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?}, {} rows)", self.header, self.rows.len())
    }
}

impl Table {
    /// Reads a table with at least one row below its header.
    ///
    /// # Errors
    ///
    /// [`TableError`] where there is no row, a row has more or fewer fields than the header, a name is empty or stands twice
    /// in the header, or a quote is not closed.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().enumerate();
        let mut lines = lines
            .map(|(i, line)| (i + 1, line))
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let Some((number, first)) = lines.next() else {
            return Err(TableError::Empty {
                found: "no lines at all",
            });
        };
        let separator = if first.contains('\t') && !first.contains(',') {
            '\t'
        } else {
            ','
        };
        let header = fields(number, first, separator)?;
        for (i, name) in header.iter().enumerate() {
            let problem = if name.is_empty() {
                format!("column {} of the header has no name", i + 1)
            } else if header[..i].contains(name) {
                format!("the header has the column {name:?} twice")
            } else {
                continue;
            };
            return Err(TableError::Line {
                line: number,
                problem,
            });
        }
        let mut rows = Vec::new();
        for (number, line) in lines {
            let row = fields(number, line, separator)?;
            if row.len() != header.len() {
                return Err(TableError::Line {
                    line: number,
                    problem: format!(
                        "{} fields, but the header has {} columns ({})",
                        row.len(),
                        header.len(),
                        header.join(", ")
                    ),
                });
            }
            rows.push((number, row));
        }
        if rows.is_empty() {
            return Err(TableError::Empty {
                found: "no rows below its header",
            });
        }
        Ok(Self { header, rows })
    }

    /// Names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Number of rows, at least 1.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Number of the line, from 1, of a row.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn line(&self, row: usize) -> usize {
        self.rows[row].0
    }

    /// The field at a row and a column.
    ///
    /// # Panics
    ///
    /// If there is no such row or column.
    pub fn field(&self, row: usize, column: usize) -> &str {
        &self.rows[row].1[column]
    }

    /// Number of the column of this name.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] where there is none.
    pub fn column(&self, name: &str) -> Result<usize, TableError> {
        let place = self.header.iter().position(|column| column == name);
        place.ok_or_else(|| TableError::Column {
            column: name.to_owned(),
            problem: format!(
                "the table has no such column; its header is {}",
                self.header.join(", ")
            ),
        })
    }

    /// The field at a row and a column as a finite number.
    ///
    /// # Errors
    ///
    /// [`TableError::Cell`] where it is none: text, an empty field, NaN or an infinity.
    ///
    /// # Panics
    ///
    /// If there is no such row or column.
    pub fn number(&self, row: usize, column: usize) -> Result<f64, TableError> {
        match self.field(row, column).parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.refuse(row, column, "it must be a finite number")),
        }
    }

    /// The error that refuses a field.
    ///
    /// # Panics
    ///
    /// If there is no such row or column.
    pub fn refuse(&self, row: usize, column: usize, requirement: impl Into<String>) -> TableError {
        TableError::Cell {
            line: self.line(row),
            column: self.header[column].clone(),
            value: self.field(row, column).to_owned(),
            requirement: requirement.into(),
        }
    }
}

/// The fields of a line.
fn fields(number: usize, line: &str, separator: char) -> Result<Vec<String>, TableError> {
    let mut fields = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest {
        let text = text.trim_start_matches([' ', '\r']);
        if let Some(quoted) = text.strip_prefix('"') {
            let (field, after) = quoted_field(quoted).ok_or_else(|| TableError::Line {
                line: number,
                problem: "a double quote is not closed on the same line".to_owned(),
            })?;
            let after = after.trim();
            rest = after.strip_prefix(separator);
            if rest.is_none() && !after.is_empty() {
                return Err(TableError::Line {
                    line: number,
                    problem: format!("{after:?} stands behind a field in quotes"),
                });
            }
            fields.push(field);
        } else {
            let (field, after) = match text.split_once(separator) {
                Some((field, after)) => (field, Some(after)),
                None => (text, None),
            };
            fields.push(field.trim().to_owned());
            rest = after;
        }
    }
    Ok(fields)
}

/// The text up to the closing quote, and what follows.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_tabs_comments_and_line_ends() {
        let table = Table::parse("\u{feff}# two\r\n\"a\" , \"b \"\"c\"\"\"\r\n\r\n 1,\"x,y\" \r\n");
        let table = table.unwrap();
        assert_eq!(table.header(), ["a", "b \"c\""]);
        assert_eq!(
            (table.n_rows(), table.line(0), table.field(0, 1)),
            (1, 4, "x,y")
        );
        let table = Table::parse("a\tb\n1,5\t\n").unwrap();
        assert_eq!((table.field(0, 0), table.field(0, 1)), ("1,5", ""));
    }

    #[test]
    fn bad_tables_name_line_and_column() {
        let says = |text: &str| Table::parse(text).unwrap_err().to_string();
        assert!(says("").contains("no lines at all"));
        assert!(says("a,b\n").contains("no rows below its header"));
        assert!(says("a,a\n1,2").starts_with("line 1: the header has the column \"a\" twice"));
        assert!(says("a,\n1,2").starts_with("line 1: column 2 of the header has no name"));
        assert!(says("a,b\n1,2\n\n3").starts_with("line 4: 1 fields, but the header has 2"));
        assert!(says("a\n\"1").starts_with("line 2: a double quote"));
        assert!(says("a\n\"1\"2").starts_with("line 2: \"2\" stands behind"));
        let table = Table::parse("a,b\n1,2\n3,nan\n4,\n").unwrap();
        let says = |row| table.number(row, 1).unwrap_err().to_string();
        assert!(says(1).starts_with("line 3, column b: \"nan\""));
        assert!(says(2).starts_with("line 4, column b: \"\""));
        assert!(table.column("c").unwrap_err().to_string().contains("a, b"));
    }
}
