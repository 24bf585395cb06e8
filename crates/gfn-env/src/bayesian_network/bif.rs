//! Discrete networks in the Bayesian interchange format: [`DiscreteNetwork`].

use std::collections::BTreeMap;

use rand::RngExt as _;

use super::data::DiscreteData;
use super::state::MAX_NODES;
use crate::{Purpose, Streams, TableError};

/// By how much the probabilities of a row may miss their sum of 1: published files round them.
const ROUNDING: f64 = 1e-3;

/// A discrete Bayesian network: variables, parents and conditional probabilities.
///
/// It is read from the Bayesian interchange format (BIF), version 0.15: `network`, `variable` with `type discrete`, and
/// `probability` blocks, whose entries are `table ..;` for a variable without parents and one row `(a, b) ..;` for each
/// configuration of the parents otherwise, `default ..;` for those that have no row. Properties and comments are skipped.
///
/// # Examples
///
/// ```
/// use gfn_env::bayesian_network::DiscreteNetwork;
///
/// let network = DiscreteNetwork::parse(
///     "variable rain { type discrete [ 2 ] { yes, no }; }
///      variable wet { type discrete [ 2 ] { yes, no }; }
///      probability ( rain ) { table 0.2, 0.8; }
///      probability ( wet | rain ) { (yes) 0.9, 0.1; (no) 0.1, 0.9; }",
/// )?;
/// assert_eq!(network.names(), ["rain", "wet"]);
/// assert_eq!(network.parents(), [0b00, 0b01]);
/// let data = network.draw(100, 0)?;
/// assert_eq!(data.n_rows(), 100);
/// # Ok::<(), gfn_env::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DiscreteNetwork {
    names: Vec<String>,
    variables: Vec<Variable>,
    /// Parents come before children.
    order: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Variable {
    categories: Vec<String>,
    parents: Vec<usize>,
    /// For each configuration of the parents, the last of them changing fastest, the probability of each category.
    rows: Vec<Vec<f64>>,
}

impl DiscreteNetwork {
    /// Reads a network.
    ///
    /// # Errors
    ///
    /// [`TableError::Line`] with the line for what does not belong there, variables and categories that do not exist or stand
    /// twice, probabilities that are negative or do not sum to 1, and configurations of the parents without a row;
    /// [`TableError::Column`] with the variable for one without probabilities, and for a cycle; both for fewer than 2 and more
    /// than 32 variables.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut reader = Reader::new(text);
        let mut names: Vec<String> = Vec::new();
        let mut categories: Vec<Vec<String>> = Vec::new();
        let mut given: BTreeMap<usize, Variable> = BTreeMap::new();
        while let Some(token) = reader.next() {
            match token.text {
                "network" => {
                    reader.next();
                    reader.block(|_, _| Ok(()))?;
                }
                "variable" => {
                    let name = reader.word("the name of a variable")?;
                    if names.iter().any(|known| known == name.text) {
                        return Err(name.refused("the variable stands twice"));
                    }
                    names.push(name.text.to_owned());
                    categories.push(reader.categories(name)?);
                }
                "probability" => {
                    let at = reader.line;
                    let (node, variable) = reader.probabilities(&names, &categories)?;
                    if given.insert(node, variable).is_some() {
                        let problem = format!("probabilities of {} stand twice", names[node]);
                        return Err(TableError::Line { line: at, problem });
                    }
                }
                _ => {
                    return Err(token.refused("expected `network`, `variable` or `probability`"));
                }
            }
        }
        if !(2..=MAX_NODES).contains(&names.len()) {
            return Err(TableError::Column {
                column: names.join(", "),
                problem: format!(
                    "there are {} variables, not between 2 and {MAX_NODES}",
                    names.len()
                ),
            });
        }
        let mut variables = Vec::with_capacity(names.len());
        for (node, name) in names.iter().enumerate() {
            variables.push(given.remove(&node).ok_or_else(|| TableError::Column {
                column: name.clone(),
                problem: "the variable has no `probability` block".to_owned(),
            })?);
        }
        let order = in_order(&names, &variables)?;
        Ok(Self {
            names,
            variables,
            order,
        })
    }

    /// Names of the variables, in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// For each node the bits of its parents: bit `i` of entry `j` is the edge `i → j`.
    pub fn parents(&self) -> Vec<u32> {
        let bits = |v: &Variable| v.parents.iter().fold(0, |bits, i| bits | 1 << i);
        self.variables.iter().map(bits).collect()
    }

    /// Observations, parents before children, from the stream `(Problem, 1, 0)` of `seed`. Categories are those of the file, seen or
    /// not.
    ///
    /// # Errors
    ///
    /// [`TableError::Column`] for a variable that has one value in all rows.
    pub fn draw(&self, n_rows: usize, seed: u64) -> Result<DiscreteData, TableError> {
        let mut rng = Streams::new(seed).rng(Purpose::Problem, 1, 0);
        let d = self.names.len();
        let mut columns = vec![Vec::with_capacity(n_rows); d];
        let mut row = vec![0_usize; d];
        for _ in 0..n_rows {
            for &node in &self.order {
                let variable = &self.variables[node];
                let configuration = variable.parents.iter().fold(0, |index, &parent| {
                    index * self.variables[parent].categories.len() + row[parent]
                });
                let probabilities = &variable.rows[configuration];
                let mut left = rng.random::<f64>() * probabilities.iter().sum::<f64>();
                let below = probabilities.iter().position(|p| {
                    left -= p;
                    left < 0.0
                });
                // Rounding may leave a draw at the very end.
                let last = probabilities.iter().rposition(|p| *p > 0.0).unwrap_or(0);
                row[node] = below.unwrap_or(last);
            }
            for (column, category) in columns.iter_mut().zip(&row) {
                column.push(*category as u8);
            }
        }
        let categories = self.variables.iter().map(|v| v.categories.clone());
        DiscreteData::of_categories(self.names.clone(), categories.collect(), columns)
    }
}

/// The variables, parents before children.
fn in_order(names: &[String], variables: &[Variable]) -> Result<Vec<usize>, TableError> {
    let mut order: Vec<usize> = Vec::with_capacity(names.len());
    while order.len() < names.len() {
        let ready = |node: &usize| {
            !order.contains(node) && variables[*node].parents.iter().all(|p| order.contains(p))
        };
        match (0..names.len()).find(ready) {
            Some(node) => order.push(node),
            None => {
                let left = (0..names.len()).find(|node| !order.contains(node));
                return Err(TableError::Column {
                    column: left.map_or_else(String::new, |node| names[node].clone()),
                    problem: "the variable is on a cycle, or behind one; a network has none"
                        .to_owned(),
                });
            }
        }
    }
    Ok(order)
}

#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

impl Token<'_> {
    fn refused(self, problem: &str) -> TableError {
        TableError::Line {
            line: self.line,
            problem: format!("{:?}: {problem}", self.text),
        }
    }
}

/// Words, and the characters that part them.
struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

const SIGNS: &[char] = &['{', '}', '(', ')', '[', ']', ';', ',', '|'];

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            line: 1,
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.skip(blank);
            if self.rest.starts_with("//") {
                self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.skip(self.rest.find("*/").map_or(self.rest.len(), |at| at + 2));
            } else {
                break;
            }
        }
        let rest = self.rest;
        let first = rest.chars().next()?;
        let length = if SIGNS.contains(&first) {
            1
        } else if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |end| end + 2)
        } else {
            let ends = |c: char| c.is_whitespace() || SIGNS.contains(&c);
            rest.find(ends).unwrap_or(rest.len())
        };
        let token = Token {
            text: rest[..length].trim_matches('"'),
            line: self.line,
        };
        self.skip(length);
        Some(token)
    }

    fn needed(&mut self, what: &str) -> Result<Token<'a>, TableError> {
        let line = self.line;
        self.next().ok_or_else(|| TableError::Line {
            line,
            problem: format!("the file ends where {what} is expected"),
        })
    }

    fn word(&mut self, what: &str) -> Result<Token<'a>, TableError> {
        let token = self.needed(what)?;
        if SIGNS.iter().any(|sign| token.text.starts_with(*sign)) {
            return Err(token.refused(&format!("expected {what}")));
        }
        Ok(token)
    }

    fn sign(&mut self, sign: &str) -> Result<(), TableError> {
        let token = self.needed(&format!("`{sign}`"))?;
        if token.text == sign {
            return Ok(());
        }
        Err(token.refused(&format!("expected `{sign}`")))
    }

    /// The statements between braces: `entry` is called with the first token of each, but those of properties, which are skipped.
    fn block(
        &mut self,
        mut entry: impl FnMut(&mut Self, Token<'a>) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        self.sign("{")?;
        loop {
            let token = self.needed("`}`")?;
            match token.text {
                "}" => return Ok(()),
                "property" => while self.needed("`;`")?.text != ";" {},
                _ => entry(self, token)?,
            }
        }
    }

    /// `a, b, .. close`, the commas optional.
    fn list(&mut self, close: &str) -> Result<Vec<Token<'a>>, TableError> {
        let mut list = Vec::new();
        loop {
            let token = self.needed(&format!("`{close}`"))?;
            match token.text {
                "," => {}
                text if text == close => return Ok(list),
                _ if SIGNS.iter().any(|sign| token.text.starts_with(*sign)) => {
                    return Err(token.refused(&format!("expected `{close}`")));
                }
                _ => list.push(token),
            }
        }
    }

    /// `{ type discrete [ n ] { a, b }; }` behind the name of a variable.
    fn categories(&mut self, name: Token<'a>) -> Result<Vec<String>, TableError> {
        let mut found: Option<Vec<String>> = None;
        self.block(|reader, token| {
            if token.text != "type" {
                return Err(token.refused("expected `type`"));
            }
            let kind = reader.word("`discrete`")?;
            if kind.text != "discrete" {
                return Err(kind.refused("variables are `discrete`"));
            }
            reader.sign("[")?;
            let count = reader.word("a number")?;
            reader.sign("]")?;
            reader.sign("{")?;
            let list = reader.list("}")?;
            reader.sign(";")?;
            if count.text.parse() != Ok(list.len()) {
                return Err(count.refused(&format!("there are {} categories", list.len())));
            }
            if !(2..=100).contains(&list.len()) {
                return Err(count.refused("a variable has 2 to 100 categories"));
            }
            let names: Vec<String> = list.iter().map(|t| t.text.to_owned()).collect();
            for (i, token) in list.iter().enumerate() {
                if names[..i].contains(&names[i]) {
                    return Err(token.refused("the category stands twice"));
                }
            }
            found = Some(names);
            Ok(())
        })?;
        found.ok_or_else(|| name.refused("the variable has no `type discrete`"))
    }

    /// `( x | a, b ) { .. }` behind `probability`.
    fn probabilities(
        &mut self,
        names: &[String],
        categories: &[Vec<String>],
    ) -> Result<(usize, Variable), TableError> {
        let node_of = |token: Token<'_>| {
            let known = names.iter().position(|name| name == token.text);
            known.ok_or_else(|| {
                token.refused("no variable of this name stands above; variables come first")
            })
        };
        self.sign("(")?;
        let name = self.word("the name of a variable")?;
        let node = node_of(name)?;
        let parents: Vec<usize> = {
            let token = self.needed("`)`")?;
            match token.text {
                ")" => Vec::new(),
                "|" => {
                    let list = self.list(")")?;
                    list.into_iter().map(node_of).collect::<Result<_, _>>()?
                }
                _ => return Err(token.refused("expected `|` or `)`")),
            }
        };
        let mut twice = parents.clone();
        twice.push(node);
        twice.sort_unstable();
        twice.dedup();
        if twice.len() != parents.len() + 1 {
            return Err(name.refused("a variable is its own parent, or a parent stands twice"));
        }
        let size = |&i: &usize| categories[i].len();
        // Against a product that overflows; tables of this size fit no file.
        let n_rows = parents
            .iter()
            .map(size)
            .try_fold(1_usize, usize::checked_mul)
            .filter(|n| *n <= 1 << 24)
            .ok_or_else(|| name.refused("the variable has too many configurations of parents"))?;
        let mut rows: Vec<Option<Vec<f64>>> = vec![None; n_rows];
        let mut default = None;
        self.block(|reader, token| {
            let n = categories[node].len();
            match token.text {
                "table" if parents.is_empty() => rows[0] = Some(reader.row(token, n)?),
                "table" => {
                    return Err(token.refused(
                        "a variable with parents has one row `(a, b) ..;` for each of their configurations",
                    ));
                }
                "default" => default = Some(reader.row(token, n)?),
                "(" => {
                    let values = reader.list(")")?;
                    if values.len() != parents.len() {
                        return Err(token.refused(&format!(
                            "{} values, but the variable has {} parents",
                            values.len(),
                            parents.len()
                        )));
                    }
                    let mut index = 0;
                    for (value, &parent) in values.iter().zip(&parents) {
                        let place = categories[parent].iter().position(|c| c == value.text);
                        let place = place.ok_or_else(|| {
                            value.refused(&format!("no category of {}", names[parent]))
                        })?;
                        index = index * categories[parent].len() + place;
                    }
                    let row = reader.row(token, n)?;
                    if rows[index].replace(row).is_some() {
                        return Err(token.refused("a row for these values of the parents stands above"));
                    }
                }
                _ => return Err(token.refused("expected `table`, `default` or `(`")),
            }
            Ok(())
        })?;
        let missing = rows.iter().filter(|row| row.is_none()).count();
        let rows: Option<Vec<Vec<f64>>> = rows
            .into_iter()
            .map(|row| row.or_else(|| default.clone()))
            .collect();
        let rows = rows.ok_or_else(|| {
            name.refused(&format!(
                "{missing} of {n_rows} configurations of the parents have no row, and there is no `default`"
            ))
        })?;
        let categories = categories[node].clone();
        let variable = Variable {
            categories,
            parents,
            rows,
        };
        Ok((node, variable))
    }

    /// `p, q, ..;` of a distribution over `n` categories.
    fn row(&mut self, at: Token<'a>, n: usize) -> Result<Vec<f64>, TableError> {
        let list = self.list(";")?;
        let mut row = Vec::with_capacity(n);
        for token in &list {
            let p: Option<f64> = token.text.parse().ok();
            let p = p.filter(|p| (0.0..=1.0).contains(p));
            row.push(p.ok_or_else(|| token.refused("a probability is between 0 and 1"))?);
        }
        if row.len() != n {
            let problem = format!("{} probabilities for {n} categories", row.len());
            return Err(at.refused(&problem));
        }
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > ROUNDING {
            return Err(at.refused(&format!("the probabilities sum to {sum}, not to 1")));
        }
        Ok(row)
    }
}
