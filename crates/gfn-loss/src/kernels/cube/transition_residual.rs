//! [`TransitionResidual`] in CubeCL.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty_like, units, upload};
use crate::Segments;
use crate::kernels::transition_residual::{TransitionResidual, parents};

/// One transition per unit.
#[cube(launch)]
fn forward<F: Float, I: Int>(
    log_pf: &Tensor<F>,
    log_pb: &Tensor<F>,
    log_flow: &Tensor<F>,
    parents: &Tensor<I>,
    output: &mut Tensor<F>,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let i = ABSOLUTE_POS;
    if i >= output.len() {
        terminate!();
    }
    let s = usize::cast_from(parents[i]);
    output[i] = (log_flow[s + 1] + log_pb[i]) - (log_flow[s] + log_pf[i]);
}

/// One state per unit: the transition into it less the one out of it.
#[cube(launch)]
fn backward<F: Float, I: Int>(
    gradient: &Tensor<F>,
    owners: &Tensor<I>,
    offsets: &Tensor<I>,
    output: &mut Tensor<F>,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let s = ABSOLUTE_POS;
    if s >= output.len() {
        terminate!();
    }
    let b = usize::cast_from(owners[s]);
    let i = s - b;
    let mut sum = F::new(0.0_f32);
    if i > usize::cast_from(offsets[b]) {
        sum += gradient[i - 1];
    }
    if i < usize::cast_from(offsets[b + 1]) {
        sum -= gradient[i];
    }
    output[s] = sum;
}

impl TransitionResidual for CubeBackend {
    fn transition_residual(
        log_pf: CubeTensor,
        log_pb: CubeTensor,
        log_flow: CubeTensor,
        segments: Segments,
    ) -> CubeTensor {
        let (pf, pb) = (into_contiguous(log_pf), into_contiguous(log_pb));
        let flow = into_contiguous(log_flow);
        let parents = upload(parents(&segments).into_iter(), &pf);
        let n = segments.n_entries();
        let output = empty_like(&pf, &[n]);
        let (count, dim) = units(n, &output);
        let types = [
            dtype_to_storage_type(pf.dtype),
            dtype_to_storage_type(parents.dtype),
        ];
        forward::launch(
            &output.client,
            count,
            dim,
            pf.into_tensor_arg(),
            pb.into_tensor_arg(),
            flow.into_tensor_arg(),
            parents.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            types,
        );
        output
    }

    fn transition_residual_backward(gradient: CubeTensor, segments: Segments) -> CubeTensor {
        let gradient = into_contiguous(gradient);
        let owners = upload(segments.of_states().owners(), &gradient);
        let offsets = upload(segments.offsets().iter().copied(), &gradient);
        let n = segments.n_entries() + segments.n_segments();
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
            offsets.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            types,
        );
        output
    }
}
