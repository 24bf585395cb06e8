//! Initial values of layers, drawn on the host so that they are equal on every backend.

use burn::module::Param;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, TensorData};
use gfn_env::rand::RngExt as _;
use gfn_env::{Purpose, Streams};

/// Draws the layers of one module, in order; layer `i` has a stream of its own.
#[derive(Debug)]
pub(crate) struct LayerInit {
    streams: Streams,
    next: u32,
}

impl LayerInit {
    pub(crate) fn new(streams: Streams) -> Self {
        Self { streams, next: 0 }
    }

    /// A layer with weight and bias uniform in `±1/√inputs`, the default of PyTorch and Equinox.
    pub(crate) fn linear(&mut self, inputs: usize, outputs: usize, device: &Device) -> Linear {
        let mut rng = self.streams.rng(Purpose::Init, self.next, 0);
        self.next += 1;
        let bound = 1.0 / (inputs as f32).sqrt();
        let mut draw =
            |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-bound..bound)).collect() };
        let weight = TensorData::new(draw(inputs * outputs), [inputs, outputs]);
        let bias = TensorData::new(draw(outputs), [outputs]);
        Linear {
            weight: Param::from_data(weight, device),
            bias: Some(Param::from_data(bias, device)),
        }
    }

    /// A table of `n` vectors with entries uniform in `±1`.
    pub(crate) fn embedding(&mut self, n: usize, width: usize, device: &Device) -> Embedding {
        let mut rng = self.streams.rng(Purpose::Init, self.next, 0);
        self.next += 1;
        let values: Vec<f32> = (0..n * width)
            .map(|_| rng.random_range(-1.0..1.0))
            .collect();
        Embedding {
            weight: Param::from_data(TensorData::new(values, [n, width]), device),
        }
    }

    /// A layer of zeros, which draws nothing.
    pub(crate) fn zeros(inputs: usize, outputs: usize, device: &Device) -> Linear {
        let zeros = |n: usize| vec![0.0f32; n];
        let weight = TensorData::new(zeros(inputs * outputs), [inputs, outputs]);
        Linear {
            weight: Param::from_data(weight, device),
            bias: Some(Param::from_data(
                TensorData::new(zeros(outputs), [outputs]),
                device,
            )),
        }
    }
}
