//! Numbers of a configuration that are out of range.

/// A number of a source or a behaviour that is not usable.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{name}` is {value}: {remedy}")]
pub struct RangeError {
    /// The key.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// What it has to be.
    pub remedy: &'static str,
}

impl RangeError {
    /// An error unless `holds`.
    pub(crate) fn unless(
        holds: bool,
        name: &'static str,
        value: f64,
        remedy: &'static str,
    ) -> Result<(), Self> {
        if holds {
            return Ok(());
        }
        Err(Self {
            name,
            value,
            remedy,
        })
    }
}
