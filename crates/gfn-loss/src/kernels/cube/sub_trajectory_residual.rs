//! [`SubTrajectoryResidual`] in CubeCL: potentials by a running sum over each trajectory, then their differences.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty_like, units, upload};
use crate::Segments;
use crate::kernels::sub_trajectory_residual::{SubTrajectoryResidual, n_pairs, pairs};

/// `A_i = log F(s_i) − Σ_{k<i} (log P_F − log P_B)`; one trajectory per unit.
#[cube(launch)]
fn potentials<F: Float, I: Int>(
    log_pf: &Tensor<F>,
    log_pb: &Tensor<F>,
    log_flow: &Tensor<F>,
    offsets: &Tensor<I>,
    output: &mut Tensor<F>,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let b = ABSOLUTE_POS;
    if b + 1 >= offsets.len() {
        terminate!();
    }
    let start = usize::cast_from(offsets[b]);
    let end = usize::cast_from(offsets[b + 1]);
    let mut running = F::new(0.0_f32);
    for i in start..end {
        output[i + b] = log_flow[i + b] - running;
        running += log_pf[i] - log_pb[i];
    }
    output[end + b] = log_flow[end + b] - running;
}

/// One sub-trajectory per unit.
#[cube(launch)]
fn differences<F: Float, I: Int>(
    potential: &Tensor<F>,
    starts: &Tensor<I>,
    ends: &Tensor<I>,
    output: &mut Tensor<F>,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let p = ABSOLUTE_POS;
    if p >= output.len() {
        terminate!();
    }
    output[p] = potential[usize::cast_from(ends[p])] - potential[usize::cast_from(starts[p])];
}

/// The gradient for the potentials, which is that for the flows: the pairs that end in a state less those that start
/// there; one state per unit. `bases` are the first pairs of trajectories.
#[cube(launch)]
fn of_potentials<F: Float, I: Int>(
    gradient: &Tensor<F>,
    owners: &Tensor<I>,
    offsets: &Tensor<I>,
    bases: &Tensor<I>,
    output: &mut Tensor<F>,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let s = ABSOLUTE_POS;
    if s >= output.len() {
        terminate!();
    }
    let b = usize::cast_from(owners[s]);
    let start = usize::cast_from(offsets[b]);
    let n = usize::cast_from(offsets[b + 1]) - start;
    let base = usize::cast_from(bases[b]);
    let j = s - b - start;
    let mut sum = F::new(0.0_f32);
    // Row i of the pairs starts behind n + (n − 1) + … + (n − i + 1) = i (2n − i + 1) / 2 others.
    for i in 0..j {
        sum += gradient[base + i * (2 * n - i + 1) / 2 + j - i - 1];
    }
    let row = base + j * (2 * n - j + 1) / 2;
    for k in 0..n - j {
        sum -= gradient[row + k];
    }
    output[s] = sum;
}

/// The gradient for `log P_B`: a step moves the potentials of all states behind it; one trajectory per unit.
#[cube(launch)]
fn of_steps<F: Float, I: Int>(
    of_potentials: &Tensor<F>,
    offsets: &Tensor<I>,
    output: &mut Tensor<F>,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let b = ABSOLUTE_POS;
    if b + 1 >= offsets.len() {
        terminate!();
    }
    let start = usize::cast_from(offsets[b]);
    let n = usize::cast_from(offsets[b + 1]) - start;
    let mut behind = F::new(0.0_f32);
    for k in 0..n {
        let i = start + n - 1 - k;
        behind += of_potentials[i + b + 1];
        output[i] = behind;
    }
}

impl SubTrajectoryResidual for CubeBackend {
    fn sub_trajectory_residual(
        log_pf: CubeTensor,
        log_pb: CubeTensor,
        log_flow: CubeTensor,
        segments: Segments,
    ) -> CubeTensor {
        let (pf, pb) = (into_contiguous(log_pf), into_contiguous(log_pb));
        let flow = into_contiguous(log_flow);
        let offsets = upload(segments.offsets().iter().copied(), &pf);
        let types = [
            dtype_to_storage_type(pf.dtype),
            dtype_to_storage_type(offsets.dtype),
        ];
        let potential = empty_like(&pf, &[segments.n_entries() + segments.n_segments()]);
        let (count, dim) = units(segments.n_segments(), &potential);
        potentials::launch(
            &potential.client,
            count,
            dim,
            pf.into_tensor_arg(),
            pb.into_tensor_arg(),
            flow.into_tensor_arg(),
            offsets.into_tensor_arg(),
            potential.clone().into_tensor_arg(),
            types,
        );
        let starts = upload(pairs(&segments).map(|(i, _)| i), &potential);
        let ends = upload(pairs(&segments).map(|(_, j)| j), &potential);
        let n = n_pairs(&segments);
        let output = empty_like(&potential, &[n]);
        let (count, dim) = units(n, &output);
        differences::launch(
            &output.client,
            count,
            dim,
            potential.into_tensor_arg(),
            starts.into_tensor_arg(),
            ends.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            types,
        );
        output
    }

    fn sub_trajectory_residual_backward(
        gradient: CubeTensor,
        segments: Segments,
    ) -> (CubeTensor, CubeTensor) {
        let gradient = into_contiguous(gradient);
        let owners = upload(segments.of_states().owners(), &gradient);
        let offsets = upload(segments.offsets().iter().copied(), &gradient);
        let bases = segments.lengths().scan(0, |base, n| {
            let first = *base;
            *base += n * (n + 1) / 2;
            Some(first)
        });
        let bases = upload(bases, &gradient);
        let types = [
            dtype_to_storage_type(gradient.dtype),
            dtype_to_storage_type(owners.dtype),
        ];
        let n = segments.n_entries() + segments.n_segments();
        let of_flow = empty_like(&gradient, &[n]);
        let (count, dim) = units(n, &of_flow);
        of_potentials::launch(
            &of_flow.client,
            count,
            dim,
            gradient.into_tensor_arg(),
            owners.into_tensor_arg(),
            offsets.clone().into_tensor_arg(),
            bases.into_tensor_arg(),
            of_flow.clone().into_tensor_arg(),
            types,
        );
        let steps = empty_like(&of_flow, &[segments.n_entries()]);
        let (count, dim) = units(segments.n_segments(), &steps);
        of_steps::launch(
            &steps.client,
            count,
            dim,
            of_flow.clone().into_tensor_arg(),
            offsets.into_tensor_arg(),
            steps.clone().into_tensor_arg(),
            types,
        );
        (steps, of_flow)
    }
}
