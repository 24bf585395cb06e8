//! Where training samples lay, part by part of the run, for objects that lie on a plane.

use std::collections::BTreeMap;

/// Last iteration of the first part; each part ends at four times the iteration of the one before.
const FIRST_END: u64 = 100;

/// How often each cell was sampled in each part of the run: iterations 1 to 100, 101 to 400, 401 to 1600, and so on.
///
/// The parts do not depend on the budget, so that a run which goes on with a longer one ends with the same numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visits {
    parts: Vec<BTreeMap<(usize, usize), u64>>,
}

fn end_of(part: usize) -> u64 {
    FIRST_END.saturating_mul(4_u64.saturating_pow(part as u32))
}

impl Visits {
    /// Notes a sample of the given iteration, counted from 1.
    pub fn insert(&mut self, cell: (usize, usize), iteration: u64) {
        let mut part = 0;
        while end_of(part) < iteration {
            part += 1;
        }
        if self.parts.len() <= part {
            self.parts.resize(part + 1, BTreeMap::new());
        }
        *self.parts[part].entry(cell).or_default() += 1;
    }

    /// Whether there was no sample on a plane.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// `first_iteration,last_iteration,row,column,samples`, a line for each cell that was sampled in a part of a run of
    /// `iterations`.
    pub fn to_csv(&self, iterations: u64) -> String {
        let mut text = "first_iteration,last_iteration,row,column,samples\n".to_owned();
        let mut first = 1;
        for (i, part) in self.parts.iter().enumerate() {
            let last = end_of(i).min(iterations);
            for ((row, column), n) in part {
                let line = format!("{first},{last},{row},{column},{n}\n");
                text.push_str(&line);
            }
            first = last + 1;
        }
        text
    }

    /// Text form for checkpoints: row, column and count of every cell, the parts apart by `;`.
    pub fn to_text(&self) -> String {
        let part = |part: &BTreeMap<(usize, usize), u64>| {
            let cells = part.iter();
            let cells = cells.map(|((row, column), n)| format!("{row} {column} {n}"));
            cells.collect::<Vec<_>>().join(" ")
        };
        self.parts.iter().map(part).collect::<Vec<_>>().join(";")
    }

    /// Reads [`Visits::to_text`]; `None` where the text is none.
    pub fn from_text(text: &str) -> Option<Self> {
        let parts = text.split(';').map(|part| {
            let numbers = part.split_whitespace().map(|n| n.parse().ok());
            let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
            let (cells, rest) = numbers.as_chunks();
            let entry = |&[row, column, n]: &[u64; 3]| ((row as usize, column as usize), n);
            rest.is_empty().then(|| cells.iter().map(entry).collect())
        });
        Some(Self {
            parts: parts.collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled() -> Visits {
        let mut visits = Visits::default();
        for (iteration, cell) in [(1, (0, 1)), (100, (0, 1)), (101, (2, 0)), (1601, (1, 1))] {
            visits.insert(cell, iteration);
        }
        visits
    }

    #[test]
    fn samples_are_counted_in_their_part() {
        let expected = "first_iteration,last_iteration,row,column,samples\n1,100,0,1,2\n101,400,2,0,1\n1601,2000,1,1,1\n";
        assert_eq!(sampled().to_csv(2000), expected);
        assert!(!sampled().is_empty() && Visits::default().is_empty());
    }

    #[test]
    fn visits_survive_a_checkpoint() {
        assert_eq!(Visits::from_text(&sampled().to_text()), Some(sampled()));
        for damaged in ["1 2", "1 2 3;1 2 y", "-1 0 0"] {
            assert_eq!(Visits::from_text(damaged), None, "{damaged:?}");
        }
    }
}
