//! Reading `metrics.csv`.

use std::collections::BTreeMap;
use std::path::Path;

use super::RunFileError;

/// The header that the file starts with.
const HEADER: [&str; 4] = ["step", "wall_s", "name", "value"];

/// One value of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Training iteration.
    pub step: u64,
    /// Seconds since the run started, over all its sessions.
    pub wall_s: f64,
    /// The value; NaN and infinities are kept.
    pub value: f64,
}

/// Curves by name, in ascending order of steps.
pub type Metrics = BTreeMap<String, Vec<Sample>>;

/// Why a line does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The first line is not the header.
    #[error("the header is not `step,wall_s,name,value`")]
    Header,
    /// The last line has no line end: the write was cut off, and even a number that reads may lack its last digits.
    #[error("the line was cut off")]
    CutOff,
    /// A field is missing or one too many.
    #[error("expected 4 fields, found {found}")]
    Fields {
        /// How many there are.
        found: usize,
    },
    /// A field that is no number.
    #[error("`{column}` is not a number: `{text}`")]
    Number {
        /// Which column.
        column: &'static str,
        /// What it holds.
        text: String,
    },
    /// The line is not CSV in UTF-8.
    #[error("not CSV: {0}")]
    Csv(String),
}

/// Reads a `metrics.csv` into curves.
///
/// Where a step appears twice, as after a resume from an older checkpoint, the later row counts.
///
/// # Errors
///
/// At the first line that does not read, with its number.
pub fn read_metrics(path: &Path) -> Result<Metrics, RunFileError> {
    match read_metrics_until_error(path) {
        (metrics, None) => Ok(metrics),
        (_, Some(error)) => Err(error),
    }
}

/// Reads as much of a `metrics.csv` as reads, and says what stopped it.
///
/// For reports: the last line of a run that was killed may be cut off, and the curve before it is worth showing.
#[must_use]
pub fn read_metrics_until_error(path: &Path) -> (Metrics, Option<RunFileError>) {
    let mut metrics = Metrics::new();
    let error = read_into(&mut metrics, path).err();
    for samples in metrics.values_mut() {
        // Stable, so among equal steps the later row is last; keep that one.
        samples.sort_by_key(|sample| sample.step);
        samples.reverse();
        samples.dedup_by_key(|sample| sample.step);
        samples.reverse();
    }
    (metrics, error)
}

fn read_into(metrics: &mut Metrics, path: &Path) -> Result<(), RunFileError> {
    let bytes = std::fs::read(path).map_err(|source| RunFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let complete = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    let at = |line: u64, reason| RunFileError::MetricsLine {
        path: path.to_owned(),
        line,
        reason,
    };
    // `flexible`, because the count of fields is checked below with a message of our own.
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(&bytes[..complete]);
    let mut record = csv::StringRecord::new();
    let mut expects_header = true;
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(at(line, LineError::Csv(error.to_string()))),
        }
        let line = record.position().map_or(line, csv::Position::line);
        if expects_header {
            expects_header = false;
            if record != HEADER[..] {
                return Err(at(line, LineError::Header));
            }
            continue;
        }
        let (name, sample) = sample(&record).map_err(|reason| at(line, reason))?;
        match metrics.get_mut(name) {
            Some(samples) => samples.push(sample),
            None => drop(metrics.insert(name.to_owned(), vec![sample])),
        }
    }
    match (complete == bytes.len(), expects_header) {
        (false, _) => Err(at(reader.position().line(), LineError::CutOff)),
        (true, true) => Err(at(1, LineError::Header)),
        (true, false) => Ok(()),
    }
}

fn sample(record: &csv::StringRecord) -> Result<(&str, Sample), LineError> {
    let [step, wall_s, name, value] =
        [0, 1, 2, 3].map(|index| record.get(index).unwrap_or_default());
    if record.len() != HEADER.len() {
        return Err(LineError::Fields {
            found: record.len(),
        });
    }
    let sample = Sample {
        step: number("step", step)?,
        wall_s: number("wall_s", wall_s)?,
        value: number("value", value)?,
    };
    Ok((name, sample))
}

fn number<T: std::str::FromStr>(column: &'static str, text: &str) -> Result<T, LineError> {
    // The parser's own message ("invalid float literal") adds nothing to the column and the text.
    text.parse().ok().ok_or_else(|| LineError::Number {
        column,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Metrics, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        std::fs::write(&path, text).unwrap();
        let (metrics, error) = read_metrics_until_error(&path);
        (metrics, error.map(|error| error.to_string()))
    }

    #[test]
    fn curves_are_split_by_name_and_keep_what_is_not_finite() {
        let (metrics, error) =
            read("step,wall_s,name,value\n0,0.000,loss,1.5\n0,0.001,log_z,NaN\n10,0.5,loss,-inf\n");
        assert_eq!(error, None);
        assert_eq!(metrics.keys().collect::<Vec<_>>(), ["log_z", "loss"]);
        assert!(metrics["log_z"][0].value.is_nan());
        assert_eq!(
            metrics["loss"][1],
            Sample {
                step: 10,
                wall_s: 0.5,
                value: f64::NEG_INFINITY
            }
        );
    }

    #[test]
    fn the_later_row_of_a_step_counts() {
        let (metrics, _) =
            read("step,wall_s,name,value\n1,1,a,1\n2,2,a,2\n3,3,a,3\n2,4,a,20\n3,5,a,30\n");
        let values: Vec<(u64, f64)> = metrics["a"]
            .iter()
            .map(|sample| (sample.step, sample.value))
            .collect();
        assert_eq!(values, [(1, 1.0), (2, 20.0), (3, 30.0)]);
    }

    #[test]
    fn a_bad_line_is_named_and_what_was_before_it_is_kept() {
        let header = "step,wall_s,name,value\n";
        for (rest, expected) in [
            (
                "1,0.1,loss,2\n2,0.2,lo\n",
                "metrics.csv line 3: expected 4 fields, found 3",
            ),
            (
                "1,0.1,loss,2\n2,0.2,loss,1.2",
                "metrics.csv line 3: the line was cut off",
            ),
            (
                "1,0.1,loss,2\n2,0.2,loss,x\n",
                "metrics.csv line 3: `value` is not a number: `x`",
            ),
            (
                "1,0.1,loss,2\n-2,0.2,loss,1\n",
                "metrics.csv line 3: `step` is not a number: `-2`",
            ),
        ] {
            let (metrics, error) = read(&format!("{header}{rest}"));
            assert!(
                error
                    .as_ref()
                    .is_some_and(|error| error.ends_with(expected)),
                "{error:?}"
            );
            assert_eq!(metrics["loss"].len(), 1);
        }
    }

    #[test]
    fn a_file_without_its_header_is_refused() {
        for text in ["", "1,0.1,loss,2\n", "step,time,name,value\n"] {
            let (metrics, error) = read(text);
            assert!(error.is_some_and(|error| error.contains("line 1: the header is not")));
            assert!(metrics.is_empty());
        }
        assert!(matches!(
            read_metrics(Path::new("/nonexistent")),
            Err(RunFileError::Read { .. })
        ));
    }
}
