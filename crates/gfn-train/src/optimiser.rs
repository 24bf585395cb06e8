//! Adam and AdamW with parameter groups, global-norm clipping and a state that is saved by parameter name.
//!
//! burn's own `ModuleOptimizer` is not used: its state is keyed by random parameter ids, it drops state that it cannot
//! read without a word, it loads onto the process's default device, and it clips each tensor by itself rather than the
//! global norm. Resuming bit for bit needs the opposite of each.

use crate::error::{TrainError, require_finite};
use crate::gradient_norm::{GradientNorm, gradient_norm};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor, TensorData};
use gfn_explore::{Schedule, ScheduleError};
use gfn_loss::kernels::HostValues;
use gfn_policy::{Kernels, NamedTensor, ParameterPath};
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::{ParallelSlice as _, ParallelSliceMut as _};
use std::collections::BTreeMap;

/// How weight decay enters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum WeightDecay {
    /// Adam: `λ θ` is added to the gradient.
    Coupled {
        /// λ.
        rate: f64,
    },
    /// AdamW: `θ ← θ − lr · λ θ` beside the step (Loshchilov and Hutter, <https://arxiv.org/abs/1711.05101>).
    Decoupled {
        /// λ.
        rate: f64,
    },
}

/// Adam's hyper-parameters; defaults are those of PyTorch with the field's rates for log Z.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamConfig {
    /// Learning rate of every parameter but log Z.
    pub learning_rate: Schedule,
    /// Learning rate of log Z, typically a hundred times larger: Adam moves a parameter by at most about its rate per
    /// step, and log Z has far to go.
    pub log_z_learning_rate: Schedule,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay; it never acts on log Z.
    pub weight_decay: Option<WeightDecay>,
    /// Largest global gradient norm; larger gradients are scaled down to it, log Z's included.
    pub clip_norm: Option<f64>,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::constant(1e-3),
            log_z_learning_rate: Schedule::constant(1e-1),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: None,
            clip_norm: None,
        }
    }
}

/// Hyper-parameters that make no optimiser.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptimiserError {
    /// A learning rate is negative or not finite.
    #[error("{name}: {source}")]
    Schedule {
        /// Which schedule.
        name: &'static str,
        /// What is wrong with it.
        source: ScheduleError,
    },
    /// A number lies outside its range.
    #[error("{name} = {value} is out of range: it must be {range}")]
    OutOfRange {
        /// Hyper-parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A saved state does not fit the policy.
    #[error(
        "the optimiser state of parameter `{0}` is missing or has another shape: the checkpoint belongs to another policy"
    )]
    State(String),
}

#[derive(Clone, Debug)]
struct Moments {
    first: Tensor<1>,
    second: Tensor<1>,
}

/// The numbers of one step for one group of parameters.
#[derive(Clone, Copy, Debug)]
struct Rates {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    /// `1 − β₁ᵗ` and `1 − β₂ᵗ`.
    corrections: [f64; 2],
    learning_rate: f64,
    decay: Option<WeightDecay>,
    /// Factor of the gradient, below 1 where it is clipped.
    scale: f64,
}

/// Adam over the parameters of a module.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    kernels: Kernels,
    step: u64,
    moments: BTreeMap<String, Moments>,
}

/// State of [`Adam`] on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamState {
    /// Updates made.
    pub step: u64,
    /// First moments by parameter name.
    pub first: BTreeMap<String, NamedTensor>,
    /// Second moments by parameter name.
    pub second: BTreeMap<String, NamedTensor>,
}

/// Whether a parameter path names log Z.
pub(crate) fn is_log_z(path: &str) -> bool {
    path.rsplit('.').next() == Some("log_z")
}

impl Adam {
    /// An optimiser without history.
    ///
    /// # Errors
    ///
    /// If a hyper-parameter is out of range.
    pub fn new(config: AdamConfig) -> Result<Self, OptimiserError> {
        for (name, schedule) in [
            ("learning_rate", &config.learning_rate),
            ("log_z_learning_rate", &config.log_z_learning_rate),
        ] {
            schedule
                .validate(0.0, 1e3)
                .map_err(|source| OptimiserError::Schedule { name, source })?;
        }
        let check = |name, value: f64, ok: bool, range| {
            if ok {
                Ok(())
            } else {
                Err(OptimiserError::OutOfRange { name, value, range })
            }
        };
        let unit = |b: f64| (0.0..1.0).contains(&b);
        check("beta_1", config.beta_1, unit(config.beta_1), "in [0, 1)")?;
        check("beta_2", config.beta_2, unit(config.beta_2), "in [0, 1)")?;
        check("epsilon", config.epsilon, config.epsilon > 0.0, "positive")?;
        if let Some(clip) = config.clip_norm {
            check("clip_norm", clip, clip > 0.0, "positive")?;
        }
        if let Some(WeightDecay::Coupled { rate } | WeightDecay::Decoupled { rate }) =
            config.weight_decay
        {
            check(
                "weight_decay.rate",
                rate,
                rate >= 0.0 && rate.is_finite(),
                "at least 0 and finite",
            )?;
        }
        Ok(Self {
            config,
            kernels: Kernels::default(),
            step: 0,
            moments: BTreeMap::new(),
        })
    }

    /// The same with another choice of kernels: one pass over host memory, or plain tensor operations.
    #[must_use]
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        Self { kernels, ..self }
    }

    /// One step of `module` down `loss`; returns the loss before it. `names` are those of the loss and of the gradient norm in an
    /// error, which leaves the module as it was.
    pub(crate) fn descend<M: Module>(
        &mut self,
        module: &mut M,
        loss: Tensor<1>,
        iteration: u64,
        names: [&'static str; 2],
    ) -> Result<f64, TrainError> {
        let value = f64::from(loss.clone().into_scalar::<f32>());
        require_finite(iteration, names[0], value)?;
        let gradients = GradientsParams::from_grads(loss.backward(), &*module);
        let (moved, norm) = self.step(module.clone(), gradients, iteration);
        require_finite(iteration, names[1], norm.global)?;
        *module = moved;
        Ok(value)
    }

    /// Updates `module` with `gradients`; learning rates are those of `iteration`.
    ///
    /// Returns the module and the gradient norm before clipping. A norm that is not finite leaves the module and the
    /// state of the optimiser as they were: a gradient whose square overflows would otherwise freeze its parameter for
    /// good, because the second moment never comes back from infinity.
    pub fn step<M: Module>(
        &mut self,
        module: M,
        gradients: GradientsParams,
        iteration: u64,
    ) -> (M, GradientNorm) {
        let mut norm = gradient_norm(&module, &gradients, self.kernels);
        if !norm.global.is_finite() {
            return (module, norm);
        }
        let scale = match self.config.clip_norm {
            Some(clip) if norm.global > clip => clip / norm.global,
            _ => 1.0,
        };
        norm.clipped = scale < 1.0;
        self.step += 1;
        let mut update = Update {
            path: ParameterPath::default(),
            scale,
            correction_1: 1.0 - self.config.beta_1.powf(self.step as f64),
            correction_2: 1.0 - self.config.beta_2.powf(self.step as f64),
            learning_rate: self.config.learning_rate.at(iteration),
            log_z_learning_rate: self.config.log_z_learning_rate.at(iteration),
            adam: self,
            gradients,
        };
        (module.map(&mut update), norm)
    }

    /// The state on the host; moments are flat, one value for each of their parameter's.
    pub fn state(&self) -> AdamState {
        let read = |t: &Tensor<1>| NamedTensor {
            shape: t.dims().to_vec(),
            values: t.to_data().iter::<f32>().collect(),
        };
        let moments = |pick: fn(&Moments) -> &Tensor<1>| {
            self.moments
                .iter()
                .map(|(name, m)| (name.clone(), read(pick(m))))
                .collect()
        };
        AdamState {
            step: self.step,
            first: moments(|m| &m.first),
            second: moments(|m| &m.second),
        }
    }

    /// Replaces the state by a saved one for the parameters of `module`.
    ///
    /// # Errors
    ///
    /// If a moment is missing, superfluous or of another size; nothing is changed then.
    pub fn restore<M: Module>(
        &mut self,
        module: &M,
        state: &AdamState,
    ) -> Result<(), OptimiserError> {
        struct Check<'a> {
            path: ParameterPath,
            state: &'a AdamState,
            moments: BTreeMap<String, Moments>,
            error: Option<String>,
        }
        impl ModuleVisitor for Check<'_> {
            fn enter_module(&mut self, name: &str, container_type: &str) {
                self.path.enter(name, container_type);
            }
            fn exit_module(&mut self, _name: &str, container_type: &str) {
                self.path.exit(container_type);
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let name = self.path.name();
                let value = param.val();
                let n = value.dims().iter().product::<usize>();
                let device = value.device().inner();
                let load = |t: Option<&NamedTensor>| {
                    t.filter(|t| t.values.len() == n)
                        .map(|t| Tensor::from_data(TensorData::new(t.values.clone(), [n]), &device))
                };
                match (
                    load(self.state.first.get(&name)),
                    load(self.state.second.get(&name)),
                ) {
                    (Some(first), Some(second)) => {
                        self.moments.insert(name, Moments { first, second });
                    }
                    // A parameter that no gradient has reached yet has no state.
                    (None, None)
                        if !self.state.first.contains_key(&name)
                            && !self.state.second.contains_key(&name) => {}
                    _ => self.error = Some(name),
                }
            }
        }
        let mut check = Check {
            path: ParameterPath::default(),
            state,
            moments: BTreeMap::new(),
            error: None,
        };
        module.visit(&mut check);
        let foreign = state
            .first
            .keys()
            .chain(state.second.keys())
            .find(|name| !check.moments.contains_key(*name));
        if let Some(name) = check.error.or_else(|| foreign.cloned()) {
            return Err(OptimiserError::State(name));
        }
        self.moments = check.moments;
        self.step = state.step;
        Ok(())
    }
}

struct Update<'a> {
    path: ParameterPath,
    adam: &'a mut Adam,
    gradients: GradientsParams,
    scale: f64,
    correction_1: f64,
    correction_2: f64,
    learning_rate: f64,
    log_z_learning_rate: f64,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let name = self.path.name();
        let log_z = is_log_z(&name);
        let learning_rate = if log_z {
            self.log_z_learning_rate
        } else {
            self.learning_rate
        };
        let decay = self.adam.config.weight_decay.filter(|_| !log_z);
        param.map(|value| {
            let tracked = value.is_require_grad();
            let shape = value.dims();
            let n = shape.iter().product::<usize>();
            let theta = value.inner().reshape([n]);
            let updated = self.update(name, theta, gradient.reshape([n]), learning_rate, decay);
            Tensor::from_inner(updated.reshape(shape)).set_require_grad(tracked)
        })
    }
}

impl Update<'_> {
    fn update(
        &mut self,
        name: String,
        theta: Tensor<1>,
        gradient: Tensor<1>,
        learning_rate: f64,
        decay: Option<WeightDecay>,
    ) -> Tensor<1> {
        let config = &self.adam.config;
        let rates = Rates {
            beta_1: config.beta_1,
            beta_2: config.beta_2,
            epsilon: config.epsilon,
            corrections: [self.correction_1, self.correction_2],
            learning_rate,
            decay,
            scale: self.scale,
        };
        let moments = self.adam.moments.remove(&name).unwrap_or_else(|| Moments {
            first: gradient.zeros_like(),
            second: gradient.zeros_like(),
        });
        let in_one_pass =
            self.adam.kernels.run_on_host(&theta.device()) && theta.dtype() == DType::F32;
        let (theta, moments) = if in_one_pass {
            update_on_host(theta, gradient, moments, rates)
        } else {
            update_composed(theta, gradient, moments, rates)
        };
        self.adam.moments.insert(name, moments);
        theta
    }
}

/// One step in plain tensor operations.
fn update_composed(
    theta: Tensor<1>,
    gradient: Tensor<1>,
    old: Moments,
    rates: Rates,
) -> (Tensor<1>, Moments) {
    let Rates {
        beta_1,
        beta_2,
        learning_rate,
        ..
    } = rates;
    let mut gradient = gradient;
    if rates.scale < 1.0 {
        gradient = gradient.mul_scalar(rates.scale);
    }
    let mut theta = theta;
    match rates.decay {
        Some(WeightDecay::Coupled { rate }) => {
            gradient = gradient + theta.clone().mul_scalar(rate);
        }
        Some(WeightDecay::Decoupled { rate }) => {
            theta = theta.mul_scalar(1.0 - learning_rate * rate);
        }
        None => {}
    }
    let moments = Moments {
        first: old.first.mul_scalar(beta_1) + gradient.clone().mul_scalar(1.0 - beta_1),
        second: old.second.mul_scalar(beta_2) + gradient.square().mul_scalar(1.0 - beta_2),
    };
    // θ − lr · (m / c1) / (√(v / c2) + ε)
    let [correction_1, correction_2] = rates.corrections;
    let denominator = moments
        .second
        .clone()
        .div_scalar(correction_2)
        .sqrt()
        .add_scalar(rates.epsilon);
    let step = moments
        .first
        .clone()
        .mul_scalar(learning_rate / correction_1)
        / denominator;
    (theta - step, moments)
}

/// Moments of parameters that get no more gradients decay into numbers that processors treat a hundred times slower.
#[inline(always)]
fn without_subnormals(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE {
        0.0
    } else {
        value
    }
}

/// Parameters that one thread updates at a time.
const CHUNK: usize = 1 << 15;

/// [`update_composed`] in one pass over memory; the moments are changed in place.
fn update_on_host(
    theta: Tensor<1>,
    gradient: Tensor<1>,
    old: Moments,
    rates: Rates,
) -> (Tensor<1>, Moments) {
    let device = theta.device();
    let values = |tensor: Tensor<1>| -> Vec<f32> {
        let values = tensor.into_data().try_into_vec::<f32>();
        values.expect("moments have the type of their parameter")
    };
    let n = theta.dims();
    let (theta, gradient) = (HostValues::new(theta), HostValues::new(gradient));
    let (mut first, mut second) = (values(old.first), values(old.second));
    // The policy before the update still holds its parameters.
    let mut updated = vec![0.0; theta.len()];
    let chunks = theta
        .par_chunks(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(
            first
                .par_chunks_mut(CHUNK)
                .zip(second.par_chunks_mut(CHUNK)),
        )
        .zip(updated.par_chunks_mut(CHUNK));
    let update = |(((theta, gradient), (first, second)), updated)| {
        pulp::Arch::new().dispatch(OnePass {
            theta,
            gradient,
            first,
            second,
            updated,
            rates,
        });
    };
    if theta.len() > CHUNK {
        chunks.for_each(update);
    } else {
        pulp::Arch::new().dispatch(OnePass {
            theta: &theta,
            gradient: &gradient,
            first: &mut first,
            second: &mut second,
            updated: &mut updated,
            rates,
        });
    }
    let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, n), &device);
    let moments = Moments {
        first: tensor(first),
        second: tensor(second),
    };
    (tensor(updated), moments)
}

/// The loop of [`update_on_host`], compiled for the vector instructions of the processor.
struct OnePass<'a> {
    theta: &'a [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    updated: &'a mut [f32],
    rates: Rates,
}

impl pulp::NullaryFnOnce for OnePass<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rates = self.rates;
        let (beta_1, beta_2) = (rates.beta_1 as f32, rates.beta_2 as f32);
        let (rest_1, rest_2) = ((1.0 - rates.beta_1) as f32, (1.0 - rates.beta_2) as f32);
        let (coupled, shrink) = match rates.decay {
            Some(WeightDecay::Coupled { rate }) => (rate as f32, 1.0),
            Some(WeightDecay::Decoupled { rate }) => {
                (0.0, (1.0 - rates.learning_rate * rate) as f32)
            }
            None => (0.0, 1.0),
        };
        let scale = rates.scale as f32;
        let rate = (rates.learning_rate / rates.corrections[0]) as f32;
        let correction = (1.0 / rates.corrections[1]) as f32;
        let epsilon = rates.epsilon as f32;
        let moments = self.first.iter_mut().zip(self.second.iter_mut());
        let values = self.theta.iter().zip(self.gradient);
        let values = values.zip(moments).zip(self.updated);
        for (((&theta, &gradient), (m, v)), updated) in values {
            let gradient = gradient * scale + theta * coupled;
            *m = without_subnormals(*m * beta_1 + gradient * rest_1);
            *v = without_subnormals(*v * beta_2 + gradient * gradient * rest_2);
            *updated = theta * shrink - *m * rate / ((*v * correction).sqrt() + epsilon);
        }
    }
}
