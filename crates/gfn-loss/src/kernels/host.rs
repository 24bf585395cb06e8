//! Tensors in host memory as slices: what all host kernels are written on.

use std::borrow::Cow;

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Element, Tensor, TensorData};

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

/// The entries of a tensor in row-major order as `f32`: those of the tensor itself where it lies so in host memory, and a
/// copy otherwise.
#[derive(Clone, Debug)]
pub struct HostValues(Held);

#[derive(Clone, Debug)]
enum Held {
    #[cfg(feature = "flex")]
    Shared(FloatTensor<burn::backend::Flex>),
    Copied(Vec<f32>),
}

impl HostValues {
    /// Those of a tensor on any device; waits for it.
    #[must_use]
    pub fn new<const D: usize>(tensor: Tensor<D>) -> Self {
        #[cfg(feature = "flex")]
        if let Some(shared) = shared(&tensor) {
            return Self(Held::Shared(shared));
        }
        let device = tensor.device();
        let data = crate::transfers::read_back(&device, || tensor.into_data());
        Self(Held::Copied(match data.as_slice::<f32>() {
            Ok(values) => values.to_vec(),
            Err(_other_type) => data.iter::<f32>().collect(),
        }))
    }
}

/// The storage of a tensor of `f32` in row-major order in host memory.
#[cfg(feature = "flex")]
fn shared<const D: usize>(tensor: &Tensor<D>) -> Option<FloatTensor<burn::backend::Flex>> {
    use burn::backend::{BackendTensor, DispatchTensorKind};
    use burn::tensor::DType;

    if tensor.device().is_autodiff() {
        return shared(&tensor.clone().inner());
    }
    let DispatchTensorKind::Flex(BackendTensor::Float(values)) =
        tensor.clone().into_dispatch().kind
    else {
        return None;
    };
    let whole = values.is_contiguous() && values.layout().start_offset() == 0;
    let plain = whole && values.dtype() == DType::F32;
    (plain && values.storage::<f32>().len() == values.layout().num_elements()).then_some(values)
}

impl std::ops::Deref for HostValues {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.0 {
            #[cfg(feature = "flex")]
            Held::Shared(tensor) => tensor.storage::<f32>(),
            Held::Copied(values) => values,
        }
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
