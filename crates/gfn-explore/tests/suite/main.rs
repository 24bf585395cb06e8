//! Behaviours and schedules in experiment files.

#[cfg(all(test, feature = "serde"))]
mod serialisation;
