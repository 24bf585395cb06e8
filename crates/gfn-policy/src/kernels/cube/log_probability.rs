//! [`LogProbability`] in CubeCL.

use crate::kernels::log_probability::{Choices, LogProbability};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps as _;
use burn::tensor::{IndexingUpdateOp, Shape, Slice};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use gfn_loss::kernels::cube::{empty_like, units, upload};

/// The largest logit of the allowed actions; logits lie from `start` on, the mask from `mask` on.
#[cube]
fn largest<F: Float, I: Int>(
    outputs: &Tensor<F>,
    forbidden: &Tensor<I>,
    start: usize,
    mask: usize,
    n_actions: usize,
) -> F {
    let mut max = F::new(-3.0e38_f32);
    for j in 0..n_actions {
        if i32::cast_from(forbidden[mask + j]) == 0i32 {
            max = F::max(max, outputs[start + j]);
        }
    }
    max
}

/// `Σ exp(ℓ − max)` over the allowed actions.
#[cube]
fn total<F: Float, I: Int>(
    outputs: &Tensor<F>,
    forbidden: &Tensor<I>,
    start: usize,
    mask: usize,
    n_actions: usize,
    max: F,
) -> F {
    let mut sum = F::new(0.0_f32);
    for j in 0..n_actions {
        if i32::cast_from(forbidden[mask + j]) == 0i32 {
            sum += (outputs[start + j] - max).exp();
        }
    }
    sum
}

/// The number of allowed actions.
#[cube]
fn allowed<F: Float, I: Int>(forbidden: &Tensor<I>, mask: usize, n_actions: usize) -> F {
    let mut allowed = F::new(0.0_f32);
    for j in 0..n_actions {
        if i32::cast_from(forbidden[mask + j]) == 0i32 {
            allowed += F::new(1.0_f32);
        }
    }
    allowed
}

/// One choice per unit.
#[cube(launch)]
fn forward<F: Float, I: Int>(
    outputs: &Tensor<F>,
    forbidden: &Tensor<I>,
    rows: &Tensor<I>,
    actions: &Tensor<I>,
    output: &mut Tensor<F>,
    first_column: u32,
    n_actions: u32,
    epsilon: f32,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let n = ABSOLUTE_POS;
    if n >= output.len() {
        terminate!();
    }
    let a = usize::cast_from(n_actions);
    let start = usize::cast_from(rows[n]) * outputs.shape(1) + usize::cast_from(first_column);
    let mask = n * a;
    let max = largest::<F, I>(outputs, forbidden, start, mask, a);
    let sum = total::<F, I>(outputs, forbidden, start, mask, a, max);
    let log_p = outputs[start + usize::cast_from(actions[n])] - max - sum.ln();
    let e = F::cast_from(epsilon);
    if epsilon == 0.0f32 {
        output[n] = log_p;
    } else {
        output[n] =
            ((F::new(1.0_f32) - e) * log_p.exp() + e / allowed::<F, I>(forbidden, mask, a)).ln();
    }
}

/// The gradient for the logits of each choice, `[N, A]`; one choice per unit.
#[cube(launch)]
fn backward<F: Float, I: Int>(
    outputs: &Tensor<F>,
    gradient: &Tensor<F>,
    forbidden: &Tensor<I>,
    rows: &Tensor<I>,
    actions: &Tensor<I>,
    output: &mut Tensor<F>,
    first_column: u32,
    n_actions: u32,
    epsilon: f32,
    #[define(F, I)] _types: [ElemType; 2],
) {
    let n = ABSOLUTE_POS;
    if n >= gradient.len() {
        terminate!();
    }
    let a = usize::cast_from(n_actions);
    let start = usize::cast_from(rows[n]) * outputs.shape(1) + usize::cast_from(first_column);
    let mask = n * a;
    let max = largest::<F, I>(outputs, forbidden, start, mask, a);
    let sum = total::<F, I>(outputs, forbidden, start, mask, a, max);
    let action = usize::cast_from(actions[n]);
    let mut factor = gradient[n];
    if epsilon != 0.0f32 {
        let e = F::cast_from(epsilon);
        let p = (F::new(1.0_f32) - e) * (outputs[start + action] - max).exp() / sum;
        factor *= p / (p + e / allowed::<F, I>(forbidden, mask, a));
    }
    for j in 0..a {
        let mut value = F::new(0.0_f32);
        if i32::cast_from(forbidden[mask + j]) == 0i32 {
            value -= factor * ((outputs[start + j] - max).exp() / sum);
        }
        if j == action {
            value += factor;
        }
        output[mask + j] = value;
    }
}

fn integers(values: &[i32], like: &CubeTensor) -> CubeTensor {
    upload(values.iter().map(|&i| i as usize), like)
}

impl LogProbability for CubeBackend {
    fn log_probability(outputs: CubeTensor, choices: Choices) -> CubeTensor {
        let outputs = into_contiguous(outputs);
        let choices = &choices.0;
        let forbidden = upload(choices.forbidden.iter().map(|&f| usize::from(f)), &outputs);
        let rows = integers(&choices.rows, &outputs);
        let actions = integers(&choices.actions, &outputs);
        let n = choices.n_choices();
        let output = empty_like(&outputs, &[n]);
        let (count, dim) = units(n, &output);
        let types = [
            dtype_to_storage_type(outputs.dtype),
            dtype_to_storage_type(rows.dtype),
        ];
        forward::launch(
            &output.client,
            count,
            dim,
            outputs.into_tensor_arg(),
            forbidden.into_tensor_arg(),
            rows.into_tensor_arg(),
            actions.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            choices.first_column as u32,
            choices.n_actions() as u32,
            choices.epsilon,
            types,
        );
        output
    }

    fn log_probability_backward(
        outputs: CubeTensor,
        gradient: CubeTensor,
        choices: Choices,
    ) -> CubeTensor {
        let (outputs, gradient) = (into_contiguous(outputs), into_contiguous(gradient));
        let choices = &choices.0;
        let forbidden = upload(choices.forbidden.iter().map(|&f| usize::from(f)), &outputs);
        let rows = integers(&choices.rows, &outputs);
        let actions = integers(&choices.actions, &outputs);
        let (n, a) = (choices.n_choices(), choices.n_actions());
        let of_logits = empty_like(&outputs, &[n, a]);
        let (count, dim) = units(n, &of_logits);
        let types = [
            dtype_to_storage_type(outputs.dtype),
            dtype_to_storage_type(rows.dtype),
        ];
        let (device, dtype) = (outputs.device.clone(), outputs.dtype);
        backward::launch(
            &of_logits.client,
            count,
            dim,
            outputs.into_tensor_arg(),
            gradient.into_tensor_arg(),
            forbidden.into_tensor_arg(),
            rows.clone().into_tensor_arg(),
            actions.into_tensor_arg(),
            of_logits.clone().into_tensor_arg(),
            choices.first_column as u32,
            a as u32,
            choices.epsilon,
            types,
        );
        // Several choices may share a row.
        let [n_rows, width] = choices.shape;
        let zeros =
            |columns| Self::float_zeros(Shape::from([n_rows, columns]), &device, dtype.into());
        let of_columns =
            Self::float_select_assign(zeros(a), 0, rows, of_logits, IndexingUpdateOp::Add);
        let columns = choices.first_column..choices.first_column + a;
        let slices = [Slice::from(0..n_rows), Slice::from(columns)];
        Self::float_slice_assign(zeros(width), &slices, of_columns)
    }
}
