//! Tests of the public interface, one module for each subject.

#[cfg(test)]
mod children;
#[cfg(test)]
mod common;
#[cfg(test)]
mod conditions;
#[cfg(test)]
#[path = "../../../gfn-env/tests/suite/either_end.rs"]
mod either_end;
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
mod on_device;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod randomized_prior;
#[cfg(test)]
mod rollouts;
#[cfg(test)]
mod scores;
#[cfg(test)]
mod tangents;
#[cfg(test)]
mod transformer;
