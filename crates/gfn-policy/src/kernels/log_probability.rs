//! Log-probabilities of chosen actions: softmax over the allowed columns of a row, at one of them.

use super::exponential;
use crate::masked_log_softmax;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::{Int, Tensor, TensorData};
use gfn_loss::by_float_type;
use gfn_loss::kernels::{HostBackend as _, HostFloat, Kernels, not_differentiated_twice};
use gfn_loss::transfers::upload;
use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};
use rayon::slice::ParallelSliceMut as _;
use std::any::{Any, TypeId};
use std::sync::{Arc, OnceLock};

/// Which entries of a matrix of outputs are chosen.
#[derive(Clone, Debug)]
pub(crate) struct Choices(pub(crate) Arc<ChoicesOfRows>);

#[derive(Debug)]
pub(crate) struct ChoicesOfRows {
    /// Shape `[R, W]` of the outputs.
    pub(crate) shape: [usize; 2],
    /// The first of the `A` columns that hold the logits.
    pub(crate) first_column: usize,
    /// Row of each choice, `[N]`.
    pub(crate) rows: Arc<[i32]>,
    /// Action of each choice, `[N]`.
    pub(crate) actions: Arc<[i32]>,
    /// Whether an action does not exist, `[N, A]`.
    pub(crate) forbidden: Arc<[bool]>,
    /// Share of the uniform distribution over the allowed actions.
    pub(crate) epsilon: f32,
    /// What the forward pass over host memory leaves for the backward pass, an [`Exponentials`].
    pub(crate) kept: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl ChoicesOfRows {
    pub(crate) fn n_choices(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn n_actions(&self) -> usize {
        self.forbidden.len() / self.rows.len().max(1)
    }
}

/// `log ((1 − ε) p_a + ε / k)` of each choice `a` among `k` allowed actions, with `p` the softmax over these; `[N]`.
pub(crate) fn log_probability(
    outputs: Tensor<2>,
    choices: ChoicesOfRows,
    kernels: Kernels,
) -> Tensor<1> {
    if !kernels.run_on(&outputs.device()) {
        return composed(outputs, &choices);
    }
    let output = Dispatch::log_probability(outputs.into_dispatch(), Choices(Arc::new(choices)));
    Tensor::from_dispatch(output)
}

fn composed(outputs: Tensor<2>, choices: &ChoicesOfRows) -> Tensor<1> {
    let device = outputs.device();
    let (n, a) = (choices.n_choices(), choices.n_actions());
    let in_order = n == choices.shape[0]
        && choices
            .rows
            .iter()
            .enumerate()
            .all(|(i, &r)| r as usize == i);
    let logits = outputs.narrow(1, choices.first_column, a);
    let logits = if in_order {
        logits
    } else {
        let rows = TensorData::new(choices.rows.to_vec(), [n]);
        let rows: Tensor<1, Int> = upload(rows, &device, |data| Tensor::from_data(data, &device));
        logits.select(0, rows)
    };
    let forbidden = TensorData::new(choices.forbidden.to_vec(), [n, a]);
    let forbidden = upload(forbidden, &device, |data| Tensor::from_data(data, &device));
    let actions = TensorData::new(choices.actions.to_vec(), [n, 1]);
    let actions: Tensor<2, Int> = upload(actions, &device, |data| Tensor::from_data(data, &device));
    let log_p = masked_log_softmax(logits, forbidden)
        .gather(1, actions)
        .squeeze_dim::<1>(1);
    if choices.epsilon == 0.0 {
        return log_p;
    }
    let uniform: Vec<f32> = choices
        .forbidden
        .chunks_exact(a)
        .map(|row| choices.epsilon / row.iter().filter(|f| !**f).count() as f32)
        .collect();
    let uniform = Tensor::from_data(TensorData::new(uniform, [n]), (&device, log_p.dtype()));
    (log_p.exp().mul_scalar(1.0 - choices.epsilon) + uniform).log()
}

/// The operation, forward and backward.
#[backend_extension(
    Autodiff,
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray")
)]
pub(crate) trait LogProbability: Backend {
    /// `[R, W]` → `[N]`.
    fn log_probability(outputs: FloatTensor<Self>, choices: Choices) -> FloatTensor<Self>;

    /// The gradient for the outputs, `[N]` → `[R, W]`.
    fn log_probability_backward(
        outputs: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        choices: Choices,
    ) -> FloatTensor<Self>;
}

/// From this number of entries on, rows are computed side by side.
const PARALLEL: usize = 1 << 15;

/// With more entries, the backward pass computes the exponentials again rather than that they are kept.
const MOST_KEPT: usize = 1 << 24;

/// The softmax of each choice but for the division.
#[derive(Debug)]
struct Exponentials<T> {
    /// `exp(ℓ − max)` of the allowed actions, 0 elsewhere, `[N, A]`.
    weights: Vec<T>,
    /// Their sums and numbers, `[N]`.
    sums: Vec<(T, usize)>,
}

/// `exp(ℓ − max)` of the allowed actions into `weights`, 0 elsewhere; returns the maximum, the sum and their number.
fn exponentials<T: HostFloat>(
    logits: &[T],
    forbidden: &[bool],
    weights: &mut [T],
) -> (T, T, usize) {
    if TypeId::of::<T>() == TypeId::of::<f32>() {
        let (logits, weights) = (
            bytemuck::cast_slice(logits),
            bytemuck::cast_slice_mut(weights),
        );
        let row = exponential::exponentials(logits, forbidden, false, weights);
        let float = |v: f32| T::from(v).unwrap_or_else(T::nan);
        return (float(row.max), float(row.sum), row.allowed);
    }
    let mut max = T::neg_infinity();
    let mut allowed = 0;
    for (&l, &f) in logits.iter().zip(forbidden) {
        if !f {
            allowed += 1;
            if l > max {
                max = l;
            }
        }
    }
    let mut sum = T::zero();
    for ((w, &l), &f) in weights.iter_mut().zip(logits).zip(forbidden) {
        *w = if f { T::zero() } else { (l - max).exp() };
        sum = sum + *w;
    }
    (max, sum, allowed)
}

/// The logits of a choice.
fn logits_of<'a, T>(outputs: &'a [T], choices: &ChoicesOfRows, n: usize) -> &'a [T] {
    let start = choices.rows[n] as usize * choices.shape[1] + choices.first_column;
    &outputs[start..start + choices.n_actions()]
}

fn forbidden_of(choices: &ChoicesOfRows, n: usize) -> &[bool] {
    let a = choices.n_actions();
    &choices.forbidden[n * a..(n + 1) * a]
}

fn forward<T: HostFloat>(outputs: &[T], choices: &ChoicesOfRows) -> Vec<T> {
    let (n, a) = (choices.n_choices(), choices.n_actions());
    let keep = n * a <= MOST_KEPT;
    let value = |n: usize, weights: &mut [T]| {
        let (logits, action) = (logits_of(outputs, choices, n), choices.actions[n] as usize);
        let (max, sum, allowed) = exponentials(logits, forbidden_of(choices, n), weights);
        let value = if choices.epsilon == 0.0 {
            logits[action] - max - sum.ln()
        } else {
            let (keep, share) = mixture::<T>(choices.epsilon);
            (keep * weights[action] / sum + share(allowed)).ln()
        };
        (value, (sum, allowed))
    };
    if !keep {
        let mut weights = vec![T::zero(); a];
        return (0..n).map(|n| value(n, &mut weights).0).collect();
    }
    let mut weights = vec![T::zero(); n * a];
    let (values, sums) = if n * a >= PARALLEL {
        let rows = weights.par_chunks_exact_mut(a).enumerate();
        rows.map(|(n, weights)| value(n, weights)).unzip()
    } else {
        let rows = weights.chunks_exact_mut(a.max(1)).enumerate();
        rows.map(|(n, weights)| value(n, weights)).unzip()
    };
    choices
        .kept
        .get_or_init(|| Box::new(Exponentials { weights, sums }));
    values
}

/// The gradient of one choice `g` into its row of logits, which is added to.
fn add_gradient<T: HostFloat>(
    out: &mut [T],
    weights: &[T],
    (sum, allowed): (T, usize),
    action: usize,
    g: T,
    epsilon: f32,
) {
    // d log q / d ℓ_j = (1 − ε) p_a / q · (δ_aj − p_j)
    let factor = if epsilon == 0.0 {
        g
    } else {
        let (keep, share) = mixture::<T>(epsilon);
        let p = keep * weights[action] / sum;
        g * p / (p + share(allowed))
    };
    for (out, weights) in out
        .chunks_mut(exponential::PIECE)
        .zip(weights.chunks(exponential::PIECE))
    {
        // Where no action is allowed there is nothing to add.
        if weights.iter().any(|w| *w != T::zero()) {
            for (o, &w) in out.iter_mut().zip(weights) {
                *o = *o - factor * (w / sum);
            }
        }
    }
    out[action] = out[action] + factor;
}

fn backward<T: HostFloat>(outputs: &[T], gradient: &[T], choices: &ChoicesOfRows) -> Vec<T> {
    let (n, a, width) = (choices.n_choices(), choices.n_actions(), choices.shape[1]);
    let mut out = vec![T::zero(); choices.shape[0] * width];
    let kept = choices.kept.get();
    let Some(kept) = kept.and_then(|kept| kept.downcast_ref::<Exponentials<T>>()) else {
        let mut weights = vec![T::zero(); a];
        for (n, &g) in gradient.iter().enumerate() {
            let logits = logits_of(outputs, choices, n);
            let (_, sum, allowed) = exponentials(logits, forbidden_of(choices, n), &mut weights);
            let start = choices.rows[n] as usize * width + choices.first_column;
            let (out, action) = (&mut out[start..start + a], choices.actions[n] as usize);
            let sum = (sum, allowed);
            add_gradient(out, &weights, sum, action, g, choices.epsilon);
        }
        return out;
    };
    let add = |n: usize, row: &mut [T]| {
        let out = &mut row[choices.first_column..choices.first_column + a];
        let (weights, action) = (
            &kept.weights[n * a..(n + 1) * a],
            choices.actions[n] as usize,
        );
        add_gradient(
            out,
            weights,
            kept.sums[n],
            action,
            gradient[n],
            choices.epsilon,
        );
    };
    let of_rows = Some(n * a >= PARALLEL)
        .filter(|many| *many)
        .and_then(|_| choice_of_rows(choices));
    if let Some(of_rows) = of_rows {
        let rows = out.par_chunks_exact_mut(width).zip(of_rows.par_iter());
        rows.for_each(|(row, choice)| {
            if let Some(n) = choice {
                add(*n, row);
            }
        });
    } else {
        for (n, &row) in choices.rows.iter().enumerate() {
            add(n, &mut out[row as usize * width..][..width]);
        }
    }
    out
}

/// The choice that belongs to each row, unless there are several.
fn choice_of_rows(choices: &ChoicesOfRows) -> Option<Vec<Option<usize>>> {
    let mut of_rows = vec![None; choices.shape[0]];
    for (n, &row) in choices.rows.iter().enumerate() {
        if of_rows[row as usize].replace(n).is_some() {
            return None;
        }
    }
    Some(of_rows)
}

/// `1 − ε`, and `ε / k` for `k` allowed actions.
fn mixture<T: HostFloat>(epsilon: f32) -> (T, impl Fn(usize) -> T) {
    let float = |v: f64| T::from(v).unwrap_or_else(T::nan);
    let epsilon = f64::from(epsilon);
    (float(1.0 - epsilon), move |k| float(epsilon / k as f64))
}

macro_rules! on_host {
    ($backend:ty) => {
        impl LogProbability for $backend {
            fn log_probability(outputs: FloatTensor<Self>, choices: Choices) -> FloatTensor<Self> {
                by_float_type!(outputs, T => {
                    let values = forward(&Self::values::<T>(&outputs), &choices.0);
                    Self::tensor(values, &[choices.0.n_choices()])
                })
            }

            fn log_probability_backward(
                outputs: FloatTensor<Self>,
                gradient: FloatTensor<Self>,
                choices: Choices,
            ) -> FloatTensor<Self> {
                by_float_type!(outputs, T => {
                    let (outputs, gradient) =
                        (Self::values::<T>(&outputs), Self::values::<T>(&gradient));
                    Self::tensor(backward(&outputs, &gradient, &choices.0), &choices.0.shape)
                })
            }
        }
    };
}
#[cfg(feature = "flex")]
on_host!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
on_host!(burn::backend::NdArray);

impl<B: LogProbability, C: CheckpointStrategy> LogProbability for Autodiff<B, C> {
    fn log_probability(outputs: FloatTensor<Self>, choices: Choices) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Gradient;
        impl<B: LogProbability> Backward<B, 1> for Gradient {
            type State = (FloatTensor<B>, Choices);

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                gradients: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let gradient = gradients.consume::<B>(&ops.node);
                let (outputs, choices) = ops.state;
                let [parent] = ops.parents;
                if let Some(parent) = parent {
                    let gradient = B::log_probability_backward(outputs, gradient, choices);
                    gradients.register::<B>(parent.id, gradient);
                }
            }
        }
        let (outputs, node) = outputs.into_parts();
        let output = B::log_probability(outputs.clone(), choices.clone());
        match Gradient.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => preparation.finish((outputs, choices), output),
            OpsKind::UnTracked(preparation) => preparation.finish(output),
        }
    }

    fn log_probability_backward(
        _outputs: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _choices: Choices,
    ) -> FloatTensor<Self> {
        not_differentiated_twice()
    }
}
