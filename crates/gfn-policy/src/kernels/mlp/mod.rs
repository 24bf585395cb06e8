//! A perceptron with ReLU over sparse rows as one operation.

mod backward;
pub(crate) mod host;
mod parameters;
mod wide;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use gfn_env::Features;
use gfn_loss::kernels::HostBackend;
use host::{Activations, Layer};
pub(crate) use parameters::Parameters;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// More layers than this run composed: the number of parents of an operation is part of its type.
pub(crate) const MAX_LAYERS: usize = 8;

/// Rows to be evaluated, and what the layers put out for them once they are.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    features: Arc<Features>,
    /// Of the first rows, from the rollout that met them under the same parameters.
    recorded: Vec<Arc<Activations>>,
    all: Arc<OnceLock<Vec<Arc<Activations>>>>,
}

impl Rows {
    pub(crate) fn new(features: Arc<Features>, recorded: Vec<Arc<Activations>>) -> Self {
        Self {
            features,
            recorded,
            all: Arc::default(),
        }
    }

    fn blocks(&self, layers: &[Layer<'_>]) -> &[Arc<Activations>] {
        self.all.get_or_init(|| {
            let mut blocks = self.recorded.clone();
            if !blocks.is_empty() {
                let parameters = host::fingerprint(layers);
                if !blocks.iter().all(|block| block.parameters() == parameters) {
                    blocks.clear();
                }
            }
            let done = blocks.iter().map(|block| block.n_rows()).sum();
            blocks.extend(host::evaluate(
                layers,
                &self.features,
                done..self.features.n_rows(),
            ));
            blocks
        })
    }
}

/// `[R, outputs]` of a perceptron with the parameters `[weight, bias]` of each layer in turn.
pub(crate) fn mlp(parameters: Vec<(Tensor<2>, Tensor<1>)>, rows: Rows) -> Tensor<2> {
    let parameters = parameters
        .into_iter()
        .flat_map(|(weight, bias)| [weight.into_dispatch(), bias.into_dispatch()])
        .collect();
    Tensor::from_dispatch(Dispatch::mlp(Parameters(parameters), rows))
}

/// The operation, forward and backward; for host memory alone.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray")
)]
pub(crate) trait MlpKernel: Backend {
    /// The outputs of all rows.
    fn mlp(#[extension_type] parameters: Parameters<Self>, rows: Rows) -> FloatTensor<Self>;

    /// The gradient for each of the parameters; the rows keep the activations of the forward pass.
    fn mlp_backward(
        #[extension_type] parameters: Parameters<Self>,
        rows: Rows,
        gradient: FloatTensor<Self>,
    ) -> Vec<FloatTensor<Self>>;
}

fn layers<'a>(values: &'a [Cow<'_, [f32]>]) -> Vec<Layer<'a>> {
    let pairs = values.chunks_exact(2);
    pairs
        .map(|pair| Layer {
            weight: &pair[0],
            bias: &pair[1],
        })
        .collect()
}

fn forward<B: HostBackend>(parameters: &[FloatTensor<B>], rows: &Rows) -> FloatTensor<B> {
    let values: Vec<_> = parameters.iter().map(B::values::<f32>).collect();
    let layers = layers(&values);
    let outputs = layers[layers.len() - 1].bias.len();
    let mut out = Vec::with_capacity(rows.features.n_rows() * outputs);
    for block in rows.blocks(&layers) {
        out.extend_from_slice(block.outputs());
    }
    B::tensor(out, &[rows.features.n_rows(), outputs])
}

fn backward<B: HostBackend>(
    parameters: &[FloatTensor<B>],
    rows: &Rows,
    gradient: &FloatTensor<B>,
) -> Vec<FloatTensor<B>> {
    let values: Vec<_> = parameters.iter().map(B::values::<f32>).collect();
    let layers = layers(&values);
    let gradient = B::values::<f32>(gradient);
    let gradients = backward::backward(&layers, &rows.features, rows.blocks(&layers), &gradient);
    gradients
        .into_iter()
        .enumerate()
        .map(|(i, values)| {
            let outputs = layers[i / 2].bias.len();
            let shape = [values.len() / outputs, outputs];
            B::tensor(values, if i % 2 == 0 { &shape } else { &shape[1..] })
        })
        .collect()
}

macro_rules! on_host {
    ($backend:ty) => {
        impl MlpKernel for $backend {
            fn mlp(parameters: Parameters<Self>, rows: Rows) -> FloatTensor<Self> {
                forward::<Self>(&parameters.0, &rows)
            }

            fn mlp_backward(
                parameters: Parameters<Self>,
                rows: Rows,
                gradient: FloatTensor<Self>,
            ) -> Vec<FloatTensor<Self>> {
                backward::<Self>(&parameters.0, &rows, &gradient)
            }
        }
    };
}
#[cfg(feature = "flex")]
on_host!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
on_host!(burn::backend::NdArray);

impl<B: MlpKernel, C: CheckpointStrategy> MlpKernel for Autodiff<B, C> {
    fn mlp(parameters: Parameters<Self>, rows: Rows) -> FloatTensor<Self> {
        let parameters = parameters.0;
        match parameters.len() {
            2 => tracked::<B, C, 2>(parameters, rows),
            4 => tracked::<B, C, 4>(parameters, rows),
            6 => tracked::<B, C, 6>(parameters, rows),
            8 => tracked::<B, C, 8>(parameters, rows),
            10 => tracked::<B, C, 10>(parameters, rows),
            12 => tracked::<B, C, 12>(parameters, rows),
            14 => tracked::<B, C, 14>(parameters, rows),
            16 => tracked::<B, C, 16>(parameters, rows),
            n => panic!("a perceptron of {} layers runs composed", n / 2),
        }
    }

    fn mlp_backward(
        _parameters: Parameters<Self>,
        _rows: Rows,
        _gradient: FloatTensor<Self>,
    ) -> Vec<FloatTensor<Self>> {
        gfn_loss::kernels::not_differentiated_twice()
    }
}

fn tracked<B: MlpKernel, C: CheckpointStrategy, const N: usize>(
    parameters: Vec<FloatTensor<Autodiff<B, C>>>,
    rows: Rows,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct Gradient;
    impl<B: MlpKernel, const N: usize> Backward<B, N> for Gradient {
        type State = (Parameters<B>, Rows);

        fn backward(
            self,
            ops: Ops<Self::State, N>,
            gradients: &mut Gradients,
            _checkpointer: &mut Checkpointer,
        ) {
            let gradient = gradients.consume::<B>(&ops.node);
            let (parameters, rows) = ops.state;
            let all = B::mlp_backward(parameters, rows, gradient);
            for (parent, gradient) in ops.parents.into_iter().zip(all) {
                if let Some(parent) = parent {
                    gradients.register::<B>(parent.id, gradient);
                }
            }
        }
    }
    let (parameters, nodes): (Vec<_>, Vec<_>) = parameters
        .into_iter()
        .map(|tensor| tensor.into_parts())
        .unzip();
    let nodes: [NodeGuard; N] = nodes
        .try_into()
        .unwrap_or_else(|_: Vec<_>| panic!("there are {N} parameters"));
    let parameters = Parameters(parameters);
    let output = B::mlp(parameters.clone(), rows.clone());
    match Backward::<B, N>::prepare::<C>(Gradient, nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(preparation) => preparation.finish((parameters, rows), output),
        OpsKind::UnTracked(preparation) => preparation.finish(output),
    }
}
