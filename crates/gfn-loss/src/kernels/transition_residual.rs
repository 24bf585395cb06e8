//! The detailed-balance residual of every transition.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use super::{HostBackend as _, HostFloat, Kernels, not_differentiated_twice};
use crate::host::indices;
use crate::{Segments, by_float_type};

/// `t_n = log F(s') + log P_B − log F(s) − log P_F` of the transition `n` from `s` to `s'`.
///
/// `log_pf`, `log_pb` `[N]`, `log_flow` `[N + B]` → `[N]`.
pub(crate) fn transition_residual(
    log_pf: Tensor<1>,
    log_pb: Tensor<1>,
    log_flow: Tensor<1>,
    segments: &Segments,
    kernels: Kernels,
) -> Tensor<1> {
    if !kernels.run_on(&log_pf.device()) {
        let parent = indices(parents(segments).into_iter(), &log_flow);
        let child = indices(parents(segments).into_iter().map(|s| s + 1), &log_flow);
        let log_model = log_flow.clone().select(0, parent) + log_pf;
        return log_flow.select(0, child) + log_pb - log_model;
    }
    Tensor::from_dispatch(Dispatch::transition_residual(
        log_pf.into_dispatch(),
        log_pb.into_dispatch(),
        log_flow.into_dispatch(),
        segments.clone(),
    ))
}

/// The state that each transition leaves: transition `i` of trajectory `b` leaves state `i + b`, and reaches the next.
pub(crate) fn parents(segments: &Segments) -> Vec<usize> {
    let owners = segments.owners().enumerate();
    owners.map(|(i, b)| i + b).collect()
}

/// The operation, forward and backward.
#[backend_extension(
    Autodiff,
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray")
)]
pub(crate) trait TransitionResidual: Backend {
    /// `[N]`, `[N]`, `[N + B]` → `[N]`.
    fn transition_residual(
        log_pf: FloatTensor<Self>,
        log_pb: FloatTensor<Self>,
        log_flow: FloatTensor<Self>,
        segments: Segments,
    ) -> FloatTensor<Self>;

    /// The gradient for `log_flow`, `[N]` → `[N + B]`; `log_pb` has the given one and `log_pf` its negative.
    fn transition_residual_backward(
        gradient: FloatTensor<Self>,
        segments: Segments,
    ) -> FloatTensor<Self>;
}

fn forward<T: HostFloat>(pf: &[T], pb: &[T], flow: &[T], segments: &Segments) -> Vec<T> {
    let mut out = Vec::with_capacity(pf.len());
    for (b, ends) in segments.offsets().windows(2).enumerate() {
        out.extend((ends[0]..ends[1]).map(|i| (flow[i + b + 1] + pb[i]) - (flow[i + b] + pf[i])));
    }
    out
}

fn backward<T: HostFloat>(gradient: &[T], segments: &Segments) -> Vec<T> {
    let mut flow = vec![T::zero(); segments.n_entries() + segments.n_segments()];
    for (b, ends) in segments.offsets().windows(2).enumerate() {
        for i in ends[0]..ends[1] {
            flow[i + b] = flow[i + b] - gradient[i];
            flow[i + b + 1] = flow[i + b + 1] + gradient[i];
        }
    }
    flow
}

macro_rules! on_host {
    ($backend:ty) => {
        impl TransitionResidual for $backend {
            fn transition_residual(
                log_pf: FloatTensor<Self>,
                log_pb: FloatTensor<Self>,
                log_flow: FloatTensor<Self>,
                segments: Segments,
            ) -> FloatTensor<Self> {
                by_float_type!(log_pf, T => {
                    let (pf, pb) = (Self::values::<T>(&log_pf), Self::values::<T>(&log_pb));
                    let flow = Self::values::<T>(&log_flow);
                    Self::tensor(forward(&pf, &pb, &flow, &segments), &[segments.n_entries()])
                })
            }

            fn transition_residual_backward(
                gradient: FloatTensor<Self>,
                segments: Segments,
            ) -> FloatTensor<Self> {
                by_float_type!(gradient, T => {
                    let values = backward(&Self::values::<T>(&gradient), &segments);
                    let n = values.len();
                    Self::tensor(values, &[n])
                })
            }
        }
    };
}
#[cfg(feature = "flex")]
on_host!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
on_host!(burn::backend::NdArray);

impl<B: TransitionResidual, C: CheckpointStrategy> TransitionResidual for Autodiff<B, C> {
    fn transition_residual(
        log_pf: FloatTensor<Self>,
        log_pb: FloatTensor<Self>,
        log_flow: FloatTensor<Self>,
        segments: Segments,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Gradient;
        impl<B: TransitionResidual> Backward<B, 3> for Gradient {
            type State = Segments;

            fn backward(
                self,
                ops: Ops<Self::State, 3>,
                gradients: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let gradient = gradients.consume::<B>(&ops.node);
                let [pf, pb, flow] = ops.parents;
                if let Some(parent) = flow {
                    let of_flow = B::transition_residual_backward(gradient.clone(), ops.state);
                    gradients.register::<B>(parent.id, of_flow);
                }
                if let Some(parent) = pf {
                    gradients.register::<B>(parent.id, B::float_neg(gradient.clone()));
                }
                if let Some(parent) = pb {
                    gradients.register::<B>(parent.id, gradient);
                }
            }
        }
        let (log_pf, pf) = log_pf.into_parts();
        let (log_pb, pb) = log_pb.into_parts();
        let (log_flow, flow) = log_flow.into_parts();
        let output = B::transition_residual(log_pf, log_pb, log_flow, segments.clone());
        let preparation = Gradient.prepare::<C>([pf, pb, flow]).compute_bound();
        match preparation.stateful() {
            OpsKind::Tracked(preparation) => preparation.finish(segments, output),
            OpsKind::UnTracked(preparation) => preparation.finish(output),
        }
    }

    fn transition_residual_backward(
        _gradient: FloatTensor<Self>,
        _segments: Segments,
    ) -> FloatTensor<Self> {
        not_differentiated_twice()
    }
}
