//! Fused operations of policies; [`gfn_loss::kernels`] says what a kernel is and how to add one.
//!
//! | operation | host memory | CubeCL |
//! |---|---|---|
//! | `mlp`: a perceptron over sparse rows | yes | composed |
//! | `log_probability`: masked log-softmax at the taken action | yes | yes |
#![cfg_attr(
    feature = "ndarray",
    expect(
        deprecated,
        reason = "burn deprecates ndarray; it runs here for as long as it is kept there"
    )
)]

#[cfg(feature = "cube")]
mod cube;
pub(crate) mod exponential;
pub(crate) mod log_probability;
pub(crate) mod mlp;
mod narrow;
pub(crate) mod panels;
pub(crate) mod product;
pub(crate) mod vectorised;
