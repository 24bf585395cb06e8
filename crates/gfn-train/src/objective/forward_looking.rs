//! Flows that know the energy of the part that is there.

use super::{Evaluation, Objective};
use crate::{Requirements, TrainingBatch};
use burn::tensor::{Tensor, TensorData};
use gfn_loss::{
    LogProbs, Regression, Segments, SubTrajectoryNormalisation, TransitionNormalisation,
    detailed_balance, sub_trajectory_balance,
};
use gfn_policy::FlowPolicy;

/// Detailed balance with `log F(s) = log F̃(s) − E(s)` between the source and the terminal states.
///
/// The network gives `F̃`. At the source the policy's log Z stands for the flow itself, so that it means what it means in
/// every other objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForwardLookingDetailedBalance {
    /// How edges are weighted.
    pub normalisation: TransitionNormalisation,
}

/// Sub-trajectory balance(λ) with the flows of [`ForwardLookingDetailedBalance`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForwardLookingSubTrajectoryBalance {
    /// Weight `λ^{length}` of a sub-trajectory; may exceed one.
    pub lambda: f64,
    /// How sub-trajectories are weighted.
    pub normalisation: SubTrajectoryNormalisation,
}

const REQUIREMENTS: Requirements = Requirements {
    energies: true,
    object_rewards: false,
    edge_flows: false,
    guide: false,
    target_rate: None,
    intrinsic: false,
};

/// The energies between source and terminal state, 0 at both ends.
fn inner_energies(energies: &[f32], segments: &Segments) -> Vec<f32> {
    let mut inner = energies.to_vec();
    for (b, ends) in segments.offsets().windows(2).enumerate() {
        inner[ends[0] + b] = 0.0;
        inner[ends[1] + b] = 0.0;
    }
    inner
}

fn log_probs_and_log_flow<P: FlowPolicy>(
    policy: &P,
    batch: &TrainingBatch,
) -> (LogProbs, Tensor<1>) {
    let (log_probs, log_flow) = batch.transitions.log_probs_and_log_flow(policy);
    let energies = batch.energies.as_ref();
    let energies = energies.expect("the requirements name the energies");
    let inner = inner_energies(energies, &log_probs.segments);
    let n = inner.len();
    let inner = Tensor::from_data(TensorData::new(inner, [n]), &log_flow.device());
    (log_probs, log_flow - inner)
}

impl<P: FlowPolicy> Objective<P> for ForwardLookingDetailedBalance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let (log_probs, log_flow) = log_probs_and_log_flow(policy, batch);
        let residual = detailed_balance(&log_probs, log_flow, self.normalisation);
        let edges = log_probs.segments.clone();
        Evaluation::of_residual(residual, regression, batch, &edges).with_log_probs(log_probs)
    }

    fn requirements(&self) -> Requirements {
        REQUIREMENTS
    }
}

impl<P: FlowPolicy> Objective<P> for ForwardLookingSubTrajectoryBalance {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let (log_probs, log_flow) = log_probs_and_log_flow(policy, batch);
        let residual =
            sub_trajectory_balance(&log_probs, log_flow, self.lambda, self.normalisation);
        let parts = log_probs.segments.of_sub_trajectories();
        Evaluation::of_residual(residual, regression, batch, &parts).with_log_probs(log_probs)
    }

    fn requirements(&self) -> Requirements {
        REQUIREMENTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_count_between_the_ends() {
        let segments = Segments::from_lengths(&[3, 1]);
        let energies = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(
            inner_energies(&energies, &segments),
            [0.0, 2.0, 3.0, 0.0, 0.0, 0.0]
        );
    }
}
