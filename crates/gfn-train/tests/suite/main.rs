//! Tests of the public interface, one module for each subject.

#[cfg(test)]
mod adam;
#[cfg(test)]
mod auxiliary;
#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod common;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod observation;
#[cfg(test)]
mod policy_gradient;
#[cfg(test)]
mod regressions;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod thompson;
#[cfg(test)]
mod threads;
