//! Tests of the public interface, one module for each subject.

#[cfg(test)]
mod common;
#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod gradients;
mod kernels;
#[cfg(test)]
mod masks;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod rollouts;
#[cfg(test)]
mod scores;
