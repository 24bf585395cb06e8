//! Constants and indices computed on the host, uploaded beside a tensor.

use crate::transfers::upload;
use burn::tensor::{Int, Tensor, TensorData};

/// A constant with the device and the floating-point type of `like`.
pub(crate) fn constant<const D: usize, const E: usize>(
    values: Vec<f64>,
    shape: [usize; D],
    like: &Tensor<E>,
) -> Tensor<D> {
    let data = TensorData::new(values, shape);
    let device = like.device();
    upload(data, &device, |data| {
        Tensor::from_data(data, (&device, like.dtype()))
    })
}

/// Indices on the device of `like`.
pub(crate) fn indices(values: impl Iterator<Item = usize>, like: &Tensor<1>) -> Tensor<1, Int> {
    let values: Vec<i64> = values.map(|i| i as i64).collect();
    let n = values.len();
    let device = like.device();
    upload(TensorData::new(values, [n]), &device, |data| {
        Tensor::from_data(data, &device)
    })
}
