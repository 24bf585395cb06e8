//! The critic with its optimiser.

use super::config::CriticConfig;
use crate::TrainError;
use crate::optimiser::{Adam, AdamConfig, AdamState};
use burn::tensor::Tensor;
use gfn_env::{Environment, Streams};
use gfn_policy::{NamedTensor, Policy, ValueNetwork, named_parameters, with_parameters};
use std::collections::BTreeMap;

/// What continues a critic.
#[derive(Clone, Debug, PartialEq)]
pub struct CriticState {
    /// Its parameters by name.
    pub parameters: BTreeMap<String, NamedTensor>,
    /// State of its optimiser.
    pub optimiser: AdamState,
}

/// A value network and the optimiser that trains it.
#[derive(Clone, Debug)]
pub(crate) struct Critic {
    pub(crate) config: CriticConfig,
    pub(crate) network: ValueNetwork,
    optimiser: Adam,
    loss: f64,
}

impl Critic {
    /// A critic beside `policy`, with weights of `streams`.
    pub(crate) fn new<E: Environment, P: Policy>(
        env: &E,
        policy: &P,
        config: &CriticConfig,
        main: &AdamConfig,
        streams: Streams,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let device = policy.device();
        Ok(Self {
            network: ValueNetwork::new(env, &config.hidden, streams, &device),
            optimiser: Adam::new(config.adam(main))?.with_kernels(policy.kernels()),
            config: config.clone(),
            loss: f64::NAN,
        })
    }

    /// One step down `loss`.
    pub(crate) fn descend(&mut self, loss: Tensor<1>, iteration: u64) -> Result<(), TrainError> {
        let names = ["loss of the critic", "gradient norm of the critic"];
        let network = &mut self.network;
        self.loss = self.optimiser.descend(network, loss, iteration, names)?;
        Ok(())
    }

    /// The loss of its last step, NaN before the first.
    pub(crate) fn last_loss(&self) -> f64 {
        self.loss
    }

    pub(crate) fn state(&self) -> CriticState {
        CriticState {
            parameters: named_parameters(&self.network),
            optimiser: self.optimiser.state(),
        }
    }

    /// Continues from a saved state; nothing is changed where it does not fit.
    pub(crate) fn restore(&mut self, state: &CriticState) -> Result<(), TrainError> {
        let network = with_parameters(self.network.clone(), &state.parameters)?;
        self.optimiser.restore(&network, &state.optimiser)?;
        self.network = network;
        Ok(())
    }
}
