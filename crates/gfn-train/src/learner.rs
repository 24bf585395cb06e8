//! A policy with an optimiser of its own, as auxiliary agents and the heads of an ensemble have them.

use crate::TrainError;
use crate::optimiser::{Adam, AdamConfig, AdamState};
use burn::tensor::Tensor;
use gfn_explore::SavedSource;
use gfn_policy::{NamedTensor, Policy, named_parameters, with_parameters};
use std::collections::BTreeMap;

/// What is trained apart from the main agent.
#[derive(Clone, Debug)]
pub(crate) struct Learner<P> {
    pub(crate) policy: P,
    optimiser: Adam,
}

impl<P: Policy> Learner<P> {
    /// A learner without history.
    ///
    /// # Errors
    ///
    /// If a hyper-parameter of the optimiser is out of range.
    pub(crate) fn new(policy: P, optimiser: AdamConfig) -> Result<Self, TrainError> {
        let optimiser = Adam::new(optimiser)?.with_kernels(policy.kernels());
        Ok(Self { policy, optimiser })
    }

    /// One step down `loss`; returns the loss before it. `names` are those of the loss and of the gradient norm in an error.
    pub(crate) fn descend(
        &mut self,
        loss: Tensor<1>,
        iteration: u64,
        names: [&'static str; 2],
    ) -> Result<f64, TrainError> {
        let Self { policy, optimiser } = self;
        optimiser.descend(policy, loss, iteration, names)
    }

    /// Adds the parameters and the optimiser's state to what a source saves, under names that begin with `prefix`.
    pub(crate) fn save(&self, prefix: &str, saved: &mut SavedSource) {
        let AdamState {
            step,
            first,
            second,
        } = self.optimiser.state();
        let groups = [
            ("policy", named_parameters(&self.policy)),
            ("adam.first", first),
            ("adam.second", second),
        ];
        for (group, tensors) in groups {
            let named = tensors.into_iter();
            let named = named.map(|(name, t)| (format!("{prefix}{group}.{name}"), t));
            saved.tensors.extend(named);
        }
        let step = step.to_le_bytes().to_vec();
        saved.bytes.insert(format!("{prefix}adam.step"), step);
    }

    /// The learner that [`Learner::save`] has saved under `prefix`, of the shape of this one.
    ///
    /// # Errors
    ///
    /// What is missing or of another size.
    pub(crate) fn restored(&self, prefix: &str, saved: &SavedSource) -> Result<Self, String> {
        let group = |name: &str| -> BTreeMap<String, NamedTensor> {
            let prefix = format!("{prefix}{name}.");
            let named = saved.tensors.iter();
            named
                .filter_map(|(n, t)| Some((n.strip_prefix(&prefix)?.to_owned(), t.clone())))
                .collect()
        };
        let step = saved.bytes.get(&format!("{prefix}adam.step"));
        let step = step.and_then(|bytes| bytes.as_slice().try_into().ok());
        let step = step.ok_or_else(|| format!("`{prefix}adam.step` is no number"))?;
        let state = AdamState {
            step: u64::from_le_bytes(step),
            first: group("adam.first"),
            second: group("adam.second"),
        };
        let policy = with_parameters(self.policy.clone(), &group("policy"));
        let policy = policy.map_err(|error| error.to_string())?;
        let mut optimiser = self.optimiser.clone();
        let restored = optimiser.restore(&policy, &state);
        restored.map_err(|error| error.to_string())?;
        Ok(Self { policy, optimiser })
    }
}
