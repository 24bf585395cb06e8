//! Tensors in host memory as slices: what all host kernels are written on.

use std::borrow::Cow;

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Element, TensorData};

/// The floating-point types of host kernels: `f32` and `f64`.
pub trait HostFloat: num_traits::Float + Element + bytemuck::Pod + std::iter::Sum {}

impl HostFloat for f32 {}
impl HostFloat for f64 {}

/// A backend whose tensors lie in host memory.
pub trait HostBackend: Backend {
    /// The entries of a tensor in row-major order; without a copy where they lie so already.
    ///
    /// # Panics
    ///
    /// If the tensor holds another type than `T`.
    fn values<T: HostFloat>(tensor: &FloatTensor<Self>) -> Cow<'_, [T]>;

    /// A tensor of the given entries in row-major order.
    fn tensor<T: HostFloat>(values: Vec<T>, shape: &[usize]) -> FloatTensor<Self> {
        Self::float_from_data(TensorData::new(values, shape), &Default::default())
    }
}

#[cfg(feature = "flex")]
impl HostBackend for burn::backend::Flex {
    fn values<T: HostFloat>(tensor: &FloatTensor<Self>) -> Cow<'_, [T]> {
        let n = tensor.layout().num_elements();
        let whole = tensor.is_contiguous() && tensor.layout().start_offset() == 0;
        if whole && let Some(values) = tensor.storage::<T>().get(..n) {
            return Cow::Borrowed(values);
        }
        Cow::Owned(tensor.to_contiguous().storage::<T>()[..n].to_vec())
    }
}

#[cfg(feature = "ndarray")]
impl HostBackend for burn::backend::NdArray {
    fn values<T: HostFloat>(tensor: &FloatTensor<Self>) -> Cow<'_, [T]> {
        let data = ready(
            <Self as burn::backend::ops::FloatTensorOps<Self>>::float_into_data(tensor.clone()),
        );
        let values = data.ok().and_then(|data| data.try_into_vec::<T>().ok());
        Cow::Owned(values.expect("the type was matched before"))
    }
}

/// The result of a future of host memory, which never waits.
#[cfg(feature = "ndarray")]
fn ready<F: Future>(future: F) -> F::Output {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("a tensor in host memory is there at once"),
    }
}

/// Runs an expression for the floating-point type of a tensor.
#[doc(hidden)]
#[macro_export]
macro_rules! by_float_type {
    ($tensor:expr, $T:ident => $body:expr) => {
        match burn::backend::TensorMetadata::dtype(&$tensor) {
            burn::tensor::DType::F32 => {
                type $T = f32;
                $body
            }
            burn::tensor::DType::F64 => {
                type $T = f64;
                $body
            }
            other => panic!(
                "kernels are made for f32 and f64, not for {other:?}: ask for Kernels::Composed"
            ),
        }
    };
}
