//! Inflow equals outflow.

use super::{Evaluation, LogZSource, Objective};
use crate::{Requirements, TrainingBatch};
use gfn_loss::{Regression, StateNormalisation, flow_matching};
use gfn_policy::Policy;

/// Flow matching at every visited state behind the source: `log (ε + Σ inflow) = log (ε + R + Σ outflow)`, see
/// [`flow_matching`].
///
/// Forward logits are logarithms of edge flows. Neither a backward policy nor the policy's log Z plays a part; log Z is the
/// log-sum-exp of the source's logits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlowMatching {
    /// Added to both sides, in the units of the reward.
    pub epsilon: f64,
    /// How states are weighted.
    pub normalisation: StateNormalisation,
}

impl<P: Policy> Objective<P> for FlowMatching {
    fn evaluate(&self, policy: &P, batch: &TrainingBatch, regression: &Regression) -> Evaluation {
        let flows = batch.edge_flows.as_ref();
        let flows = flows.expect("the requirements name the edge flows");
        let residual = flow_matching(&flows.evaluate(policy), self.epsilon, self.normalisation);
        // Each transition has one child, and so one of the visited states.
        let states = batch.transitions.segments();
        Evaluation::of_residual(residual, regression, batch, states)
    }

    fn requirements(&self) -> Requirements {
        Requirements {
            edge_flows: true,
            ..Requirements::default()
        }
    }

    fn log_z(&self) -> LogZSource {
        LogZSource::SourceOutflow
    }
}
