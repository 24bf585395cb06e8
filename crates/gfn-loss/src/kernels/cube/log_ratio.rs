//! [`LogRatio`] in CubeCL.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty_like, units, upload};
use crate::Segments;
use crate::kernels::log_ratio::LogRatio;

/// One trajectory per unit.
#[cube(launch)]
fn forward<F: Float, I: Int>(
    log_pf: &Tensor<F>,
    log_pb: &Tensor<F>,
    offsets: &Tensor<I>,
    output: &mut Tensor<F>,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let b = ABSOLUTE_POS;
    if b >= output.len() {
        terminate!();
    }
    let start = usize::cast_from(offsets[b]);
    let end = usize::cast_from(offsets[b + 1]);
    let mut sum = F::new(0.0_f32);
    for i in start..end {
        sum += log_pf[i] - log_pb[i];
    }
    output[b] = sum;
}

/// One transition per unit.
#[cube(launch)]
fn backward<F: Float, I: Int>(
    gradient: &Tensor<F>,
    owners: &Tensor<I>,
    output: &mut Tensor<F>,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let i = ABSOLUTE_POS;
    if i >= output.len() {
        terminate!();
    }
    output[i] = gradient[usize::cast_from(owners[i])];
}

impl LogRatio for CubeBackend {
    fn log_ratio(log_pf: CubeTensor, log_pb: CubeTensor, segments: Segments) -> CubeTensor {
        let (pf, pb) = (into_contiguous(log_pf), into_contiguous(log_pb));
        let offsets = upload(segments.offsets().iter().copied(), &pf);
        let n = segments.n_segments();
        let output = empty_like(&pf, &[n]);
        let (count, dim) = units(n, &output);
        let types = [
            dtype_to_storage_type(pf.dtype),
            dtype_to_storage_type(offsets.dtype),
        ];
        forward::launch(
            &output.client,
            count,
            dim,
            pf.into_tensor_arg(),
            pb.into_tensor_arg(),
            offsets.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            types,
        );
        output
    }

    fn log_ratio_backward(gradient: CubeTensor, segments: Segments) -> CubeTensor {
        let gradient = into_contiguous(gradient);
        let owners = upload(segments.owners(), &gradient);
        let n = segments.n_entries();
        let output = empty_like(&gradient, &[n]);
        let (count, dim) = units(n, &output);
        let types = [
            dtype_to_storage_type(gradient.dtype),
            dtype_to_storage_type(owners.dtype),
        ];
        backward::launch(
            &output.client,
            count,
            dim,
            gradient.into_tensor_arg(),
            owners.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            types,
        );
        output
    }
}
