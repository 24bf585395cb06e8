//! The Euclidean norm of a gradient, and log Z's part of it.

use crate::optimiser::is_log_z;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};
use gfn_loss::Kernels;
use gfn_loss::kernels::HostValues;
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSlice as _;

/// Euclidean norm of the gradient of one step, before clipping.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GradientNorm {
    /// Over all parameters together.
    pub global: f64,
    /// Over log Z alone; 0 where it has no gradient.
    pub log_z: f64,
    /// Whether the gradient was scaled down to the clip norm.
    pub clipped: bool,
}

/// The norm, with one read-back from the device.
pub(crate) fn gradient_norm<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    kernels: Kernels,
) -> GradientNorm {
    let mut squares = Squares {
        gradients,
        kernels,
        within_log_z: false,
        on_host: [0.0; 2],
        sums: Vec::new(),
        of_log_z: Vec::new(),
    };
    module.visit(&mut squares);
    let [mut total, mut log_z] = squares.on_host;
    if !squares.sums.is_empty() {
        let sums = Tensor::cat(squares.sums, 0).into_data();
        for (sum, of_log_z) in sums.iter::<f32>().zip(squares.of_log_z) {
            total += f64::from(sum);
            if of_log_z {
                log_z += f64::from(sum);
            }
        }
    }
    GradientNorm {
        global: total.sqrt(),
        log_z: log_z.sqrt(),
        clipped: false,
    }
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    kernels: Kernels,
    within_log_z: bool,
    /// Of all parameters, and of log Z.
    on_host: [f64; 2],
    sums: Vec<Tensor<1>>,
    of_log_z: Vec<bool>,
}

impl ModuleVisitor for Squares<'_> {
    // A parameter is entered under its own name, so that the last name says whether it is log Z.
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.within_log_z = is_log_z(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.within_log_z = false;
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        if self.kernels.run_on_host(&gradient.device()) && gradient.dtype() == DType::F32 {
            let sum = sum_of_squares(&HostValues::new(gradient));
            self.on_host[0] += sum;
            if self.within_log_z {
                self.on_host[1] += sum;
            }
        } else {
            self.sums.push(gradient.square().sum());
            self.of_log_z.push(self.within_log_z);
        }
    }
}

/// Entries that are summed in single precision: a long sum of small squares would lose them.
const BLOCK: usize = 4096;

/// From this number of entries on, blocks are summed side by side.
const PARALLEL: usize = 1 << 17;

/// The sums of blocks, added in order: they do not depend on the number of threads.
fn sum_of_squares(values: &[f32]) -> f64 {
    if values.len() < PARALLEL {
        return values.chunks(BLOCK).map(of_block).sum();
    }
    let blocks = values.par_chunks(BLOCK).with_min_len(8);
    let sums: Vec<f64> = blocks.map(of_block).collect();
    sums.into_iter().sum()
}

/// In sixteen interleaved sums, which the compiler vectorises.
fn of_block(block: &[f32]) -> f64 {
    let mut sums = [0.0f32; 16];
    let (whole, rest) = block.as_chunks::<16>();
    for chunk in whole {
        for (sum, &v) in sums.iter_mut().zip(chunk) {
            *sum += v * v;
        }
    }
    let rest: f64 = rest.iter().map(|&v| f64::from(v * v)).sum();
    rest + sums.iter().map(|&sum| f64::from(sum)).sum::<f64>()
}
