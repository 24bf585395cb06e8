//! Gradients as vectors: inner products, combinations and their variance.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The gradients of all parameters of `module` in one vector, in the order of the parameters; zeros where a parameter has
/// none.
pub(crate) fn flattened<M: Module>(module: &M, gradients: &GradientsParams) -> Tensor<1> {
    struct Flatten<'a> {
        gradients: &'a GradientsParams,
        parts: Vec<Tensor<1>>,
    }
    impl ModuleVisitor for Flatten<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val().inner();
            let n = value.dims().iter().product::<usize>();
            let gradient = self.gradients.get::<D>(param.id);
            let gradient = gradient.unwrap_or_else(|| value.zeros_like());
            self.parts.push(gradient.reshape([n]));
        }
    }
    let mut flatten = Flatten {
        gradients,
        parts: Vec::new(),
    };
    module.visit(&mut flatten);
    Tensor::cat(flatten.parts, 0)
}

/// A module of the same shape whose parameters are the components of `vector`, in the order of [`flattened`].
pub(crate) fn unflattened<M: Module>(module: &M, vector: &Tensor<1>) -> M {
    mapped(module, vector, |_, part| part)
}

/// `module` with `factor·direction` added to its parameters, in the order of [`flattened`].
pub(crate) fn moved<M: Module>(module: &M, direction: &Tensor<1>, factor: f64) -> M {
    mapped(module, direction, |value, part| {
        value + part.mul_scalar(factor)
    })
}

/// `module` with each parameter replaced by `f` of it and of its part of `vector`, both flat.
fn mapped<M: Module>(
    module: &M,
    vector: &Tensor<1>,
    f: impl Fn(Tensor<1>, Tensor<1>) -> Tensor<1>,
) -> M {
    struct Parts<'a, F> {
        vector: &'a Tensor<1>,
        start: usize,
        f: F,
    }
    impl<F: Fn(Tensor<1>, Tensor<1>) -> Tensor<1>> ModuleMapper for Parts<'_, F> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|value| {
                let (shape, tracked) = (value.dims(), value.is_require_grad());
                let n = shape.iter().product::<usize>();
                let part = self.vector.clone().narrow(0, self.start, n);
                self.start += n;
                let new = (self.f)(value.inner().reshape([n]), part).reshape(shape);
                // In its shape before it is tracked: a parameter is a leaf of every graph.
                Tensor::from_inner(new).set_require_grad(tracked)
            })
        }
    }
    module.clone().map(&mut Parts {
        vector,
        start: 0,
        f,
    })
}

/// `gradients − coefficient·others`, parameter by parameter.
pub(crate) fn subtracted<M: Module>(
    module: &M,
    gradients: GradientsParams,
    others: &GradientsParams,
    coefficient: f64,
) -> GradientsParams {
    struct Subtract<'a> {
        gradients: GradientsParams,
        others: &'a GradientsParams,
        coefficient: f64,
    }
    impl ModuleVisitor for Subtract<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(other) = self.others.get::<D>(param.id) else {
                return;
            };
            let part = other.mul_scalar(self.coefficient);
            let combined = match self.gradients.remove::<D>(param.id) {
                Some(gradient) => gradient - part,
                None => part.neg(),
            };
            self.gradients.register(param.id, combined);
        }
    }
    let mut subtract = Subtract {
        gradients,
        others,
        coefficient,
    };
    module.visit(&mut subtract);
    subtract.gradients
}
