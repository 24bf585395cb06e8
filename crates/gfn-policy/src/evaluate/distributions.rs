//! What policy gradients read of a batch beside the log-probabilities of its transitions: whole distributions, their
//! tangents, and values of states.

use super::{BackwardRows, TransitionBatch};
use crate::{FORBIDDEN, Policy, ValueNetwork, masked_log_softmax};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use gfn_loss::LogProbs;
use gfn_loss::transfers::upload;

impl TransitionBatch {
    /// Forward logits in the state before each transition, [`FORBIDDEN`] where an action does not exist, `[N, A]`.
    pub fn forward_logits<P: Policy>(&self, policy: &P) -> Tensor<2> {
        let device = policy.device();
        let logits = policy.logits(&self.states(&device)).forward.tensor();
        self.at_transitions(logits, &self.rows)
            .mask_fill(self.forbidden_actions(&device), FORBIDDEN)
    }

    /// `log P_F(a∣s)` of every action in the state before each transition, `[N, A]`; about [`FORBIDDEN`] where an action
    /// does not exist.
    pub fn forward_log_probabilities<P: Policy>(&self, policy: &P) -> Tensor<2> {
        let device = policy.device();
        let logits = self.forward_logits(policy);
        masked_log_softmax(logits, self.forbidden_actions(&device))
    }

    /// [`TransitionBatch::log_probs`], and `log Σ_a exp` of the forward logits in the state before each transition, `[N]`,
    /// of one pass: what flows out of a state where the logits are logarithms of flows.
    pub fn log_probs_and_log_outflow<P: Policy>(&self, policy: &P) -> (LogProbs, Tensor<1>) {
        let device = policy.device();
        let n = self.n_transitions();
        let logits = policy.logits(&self.states(&device));
        let allowed = self
            .at_transitions(logits.forward.clone().tensor(), &self.rows)
            .mask_fill(self.forbidden_actions(&device), FORBIDDEN);
        let shift = allowed.clone().detach().max_dim(1);
        let sum = (allowed - shift.clone()).exp().sum_dim(1);
        let log_outflow = (sum.log() + shift).reshape([n]);
        (self.gather(logits, &device, policy.kernels()), log_outflow)
    }

    /// How fast the forward logits in the state before each transition change as the parameters of `policy` move along
    /// `direction`, `[N, A]`, 0 where an action does not exist; `None` where the policy has no such pass.
    ///
    /// `direction` is a policy of the same shape whose parameters are the components of the direction.
    pub fn forward_tangent<P: Policy>(&self, policy: &P, direction: &P) -> Option<Tensor<2>> {
        let device = policy.device();
        let tangent = policy.forward_tangent(direction, &self.states(&device))?;
        let tangent = self.at_transitions(tangent, &self.rows);
        Some(tangent.mask_fill(self.forbidden_actions(&device), 0.0))
    }

    /// What `network` says of the state before each transition, `[N]`.
    pub fn values<P: Policy>(&self, network: &ValueNetwork, policy: &P) -> Tensor<1> {
        self.values_at(network, policy, &self.rows)
    }

    /// What `network` says of the state after each transition, `[N]`, for batches laid out for a learned P_B.
    ///
    /// A terminal state with one parent has no encoding here, because nothing is chosen there: its value is that of
    /// another state.
    ///
    /// # Panics
    ///
    /// If the batch is laid out for another P_B.
    pub fn child_values<P: Policy>(&self, network: &ValueNetwork, policy: &P) -> Tensor<1> {
        let BackwardRows::Learned { child_rows, .. } = &self.backward else {
            panic!("values of children are those of a learned P_B");
        };
        self.values_at(network, policy, child_rows)
    }

    /// How many parents the state after each transition has, counted by backward actions, `[N]`; for batches laid out for
    /// a learned P_B.
    ///
    /// # Panics
    ///
    /// If the batch is laid out for another P_B.
    pub fn n_backward_choices(&self) -> Vec<usize> {
        let BackwardRows::Learned { forbidden, .. } = &self.backward else {
            panic!("backward choices are those of a learned P_B");
        };
        let n_actions = forbidden.len() / self.n_transitions().max(1);
        let rows = forbidden.chunks_exact(n_actions.max(1));
        rows.map(|row| row.iter().filter(|forbidden| !**forbidden).count())
            .collect()
    }

    fn values_at<P: Policy>(&self, network: &ValueNetwork, policy: &P, rows: &[i32]) -> Tensor<1> {
        let device = policy.device();
        let states = crate::FeatureBatch::new(std::sync::Arc::clone(&self.features), device);
        let values = network.values(&states, policy.kernels());
        let rows = indices(rows, &values.device());
        values.select(0, rows)
    }

    /// Rows of `values` at the given places.
    fn at_transitions(&self, values: Tensor<2>, rows: &[i32]) -> Tensor<2> {
        let rows = indices(rows, &values.device());
        values.select(0, rows)
    }

    fn forbidden_actions(&self, device: &Device) -> Tensor<2, Bool> {
        let n = self.n_transitions();
        let n_actions = self.forward_forbidden.len() / n.max(1);
        let forbidden = TensorData::new(self.forward_forbidden.to_vec(), [n, n_actions]);
        upload(forbidden, device, |data| Tensor::from_data(data, device))
    }
}

fn indices(rows: &[i32], device: &Device) -> Tensor<1, Int> {
    let rows = TensorData::new(rows.to_vec(), [rows.len()]);
    upload(rows, device, |data| Tensor::from_data(data, device))
}
