//! CubeCL kernels, for wgpu, CUDA and the other runtimes of `CubeBackend`, and what they are launched with.
//!
//! Each kernel computes one entry of its output per unit, or one trajectory where a running sum needs an order.

mod log_ratio;
mod sub_trajectory_residual;
mod transition_residual;

use crate::transfers::upload_and_wait;
use burn::backend::ops::IntTensorOps as _;
use burn::backend::{Backend as _, TensorMetadata as _};
use burn::tensor::{Shape, TensorData};
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::{CubeCount, CubeDim};

/// Indices on the device of `like`.
pub fn upload(values: impl Iterator<Item = usize>, like: &CubeTensor) -> CubeTensor {
    let values: Vec<i32> = values.map(|i| i as i32).collect();
    let n = values.len();
    let device = like.device();
    // A device that cannot finish says so where its results are used.
    let wait = || {
        CubeBackend::sync(&device).ok();
    };
    upload_and_wait(TensorData::new(values, [n]), wait, |data| {
        CubeBackend::int_from_data(data, &device)
    })
}

/// A tensor without content, of the type and on the device of `like`.
pub fn empty_like(like: &CubeTensor, shape: &[usize]) -> CubeTensor {
    let shape = Shape::from(shape.to_vec());
    empty_device_dtype(like.client.clone(), like.device.clone(), shape, like.dtype)
}

/// How many units are launched for `n` entries.
pub fn units(n: usize, tensor: &CubeTensor) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(&tensor.client, n);
    (calculate_cube_count_elemwise(&tensor.client, n, dim), dim)
}
