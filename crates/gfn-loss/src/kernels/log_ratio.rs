//! `Σ log P_F − Σ log P_B` of every trajectory.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use super::{HostBackend as _, HostFloat, Kernels, not_differentiated_twice};
use crate::{Segments, by_float_type};

/// `r_b = Σ_{n in b} (log_pf_n − log_pb_n)`, `[N]`, `[N]` → `[B]`.
pub(crate) fn log_ratio(
    log_pf: Tensor<1>,
    log_pb: Tensor<1>,
    segments: &Segments,
    kernels: Kernels,
) -> Tensor<1> {
    if !kernels.run_on(&log_pf.device()) {
        return segments.sum(log_pf - log_pb);
    }
    Tensor::from_dispatch(Dispatch::log_ratio(
        log_pf.into_dispatch(),
        log_pb.into_dispatch(),
        segments.clone(),
    ))
}

/// The operation, forward and backward.
#[backend_extension(
    Autodiff,
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray")
)]
pub(crate) trait LogRatio: Backend {
    /// `[N]`, `[N]` → `[B]`.
    fn log_ratio(
        log_pf: FloatTensor<Self>,
        log_pb: FloatTensor<Self>,
        segments: Segments,
    ) -> FloatTensor<Self>;

    /// The gradient for `log_pf`, `[B]` → `[N]`; that for `log_pb` is its negative.
    fn log_ratio_backward(gradient: FloatTensor<Self>, segments: Segments) -> FloatTensor<Self>;
}

fn forward<T: HostFloat>(log_pf: &[T], log_pb: &[T], segments: &Segments) -> Vec<T> {
    let ends = segments.offsets().windows(2);
    ends.map(|ends| {
        let (pf, pb) = (&log_pf[ends[0]..ends[1]], &log_pb[ends[0]..ends[1]]);
        pf.iter().zip(pb).map(|(&f, &b)| f - b).sum()
    })
    .collect()
}

fn backward<T: HostFloat>(gradient: &[T], segments: &Segments) -> Vec<T> {
    let lengths = gradient.iter().zip(segments.lengths());
    lengths
        .flat_map(|(&g, length)| std::iter::repeat_n(g, length))
        .collect()
}

macro_rules! on_host {
    ($backend:ty) => {
        impl LogRatio for $backend {
            fn log_ratio(
                log_pf: FloatTensor<Self>,
                log_pb: FloatTensor<Self>,
                segments: Segments,
            ) -> FloatTensor<Self> {
                by_float_type!(log_pf, T => {
                    let (pf, pb) = (Self::values::<T>(&log_pf), Self::values::<T>(&log_pb));
                    Self::tensor(forward(&pf, &pb, &segments), &[segments.n_segments()])
                })
            }

            fn log_ratio_backward(
                gradient: FloatTensor<Self>,
                segments: Segments,
            ) -> FloatTensor<Self> {
                by_float_type!(gradient, T => {
                    let values = backward(&Self::values::<T>(&gradient), &segments);
                    Self::tensor(values, &[segments.n_entries()])
                })
            }
        }
    };
}
#[cfg(feature = "flex")]
on_host!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
on_host!(burn::backend::NdArray);

impl<B: LogRatio, C: CheckpointStrategy> LogRatio for Autodiff<B, C> {
    fn log_ratio(
        log_pf: FloatTensor<Self>,
        log_pb: FloatTensor<Self>,
        segments: Segments,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Gradient;
        impl<B: LogRatio> Backward<B, 2> for Gradient {
            type State = Segments;

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                gradients: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let gradient = gradients.consume::<B>(&ops.node);
                let gradient = B::log_ratio_backward(gradient, ops.state);
                let [pf, pb] = ops.parents;
                if let Some(parent) = pb {
                    gradients.register::<B>(parent.id, B::float_neg(gradient.clone()));
                }
                if let Some(parent) = pf {
                    gradients.register::<B>(parent.id, gradient);
                }
            }
        }
        let (log_pf, pf) = log_pf.into_parts();
        let (log_pb, pb) = log_pb.into_parts();
        let output = B::log_ratio(log_pf, log_pb, segments.clone());
        match Gradient.prepare::<C>([pf, pb]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => preparation.finish(segments, output),
            OpsKind::UnTracked(preparation) => preparation.finish(output),
        }
    }

    fn log_ratio_backward(_gradient: FloatTensor<Self>, _segments: Segments) -> FloatTensor<Self> {
        not_differentiated_twice()
    }
}
