//! Settings that are refused, by their subject, and what the message has to say.

mod environments;
mod exploration;
mod objectives;
mod policies;
mod runs;

/// A refused `--set` (or `--device`) and what the message has to say.
pub(crate) struct Refused {
    pub(crate) arguments: &'static [&'static str],
    pub(crate) says: &'static [&'static str],
}

const fn refused(arguments: &'static [&'static str], says: &'static [&'static str]) -> Refused {
    Refused { arguments, says }
}

const EXPERIMENT_FILE: &str = "experiment.toml: at ";

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Refused> {
    let subjects = [
        environments::REFUSED,
        exploration::REFUSED,
        objectives::REFUSED,
        policies::REFUSED,
        runs::REFUSED,
    ];
    subjects.into_iter().flatten()
}
