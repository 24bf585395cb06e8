//! `[objective]`: what the policy is trained to satisfy.

use anyhow::{Result, bail};
use gfn_loss::{SubTrajectoryNormalisation, TransitionNormalisation};
use serde::{Deserialize, Serialize};

/// A training objective by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ObjectiveConfig {
    /// [`gfn_loss::trajectory_balance`].
    TrajectoryBalance {},
    /// [`gfn_loss::detailed_balance`].
    DetailedBalance {
        /// How edges are weighted.
        #[serde(default)]
        normalisation: TransitionNormalisation,
    },
    /// [`gfn_loss::sub_trajectory_balance`].
    SubTrajectoryBalance {
        /// Weight `λ^{length}` of a sub-trajectory.
        lambda: f64,
        /// How sub-trajectories are weighted; the paper normalises over the batch.
        #[serde(default)]
        normalisation: SubTrajectoryNormalisation,
    },
    /// [`gfn_loss::log_partition_variance`].
    LogPartitionVariance {},
}

impl ObjectiveConfig {
    pub(super) fn validate(&self) -> Result<()> {
        if let Self::SubTrajectoryBalance { lambda, .. } = self
            && !(*lambda > 0.0 && lambda.is_finite())
        {
            bail!("lambda = {lambda} must be positive and finite");
        }
        Ok(())
    }
}
