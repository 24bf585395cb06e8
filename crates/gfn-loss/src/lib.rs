//! GFlowNet objectives and regression losses as pure functions of tensors.
//!
//! A GFlowNet is trained by asking two positive quantities to agree: a *model* side, made of the
//! forward policy and of a partition function or flows, and a *target* side, made of the reward
//! and of the backward policy. This crate turns the log-probabilities of a batch of trajectories
//! into residuals of that agreement, and residuals into a loss. It knows nothing of environments,
//! networks, optimisers or randomness: it needs [`burn`] and no other crate of this workspace.
//!
//! ```text
//! LogProbs (+ log Z or log F) --objective--> Residual (t, w) --Regression g--> Σ w·g(t)
//! ```
//!
//! # The one decision: the sign is in the type
//!
//! An asymmetric regression loss changes its meaning when its argument changes sign: on-policy,
//! `e^t − t − 1` is the forward KL divergence (it seeks every mode) for `t = log target − log
//! model`, and half a χ² divergence (it avoids the low ones) for the opposite sign. Therefore every
//! objective returns a [`Residual`], which is built from both sides, keeps the sign to itself, and
//! stays unreduced until [`Residual::loss`]: the one place where `g` and the weights are applied. Only
//! [`maximum_likelihood`] and [`trajectory_likelihood`], which balance nothing, return a loss at once.
//!
//! | convention | here | elsewhere |
//! |---|---|---|
//! | sign | `t = log target − log model` (Hu et al.) | `δ = −t` in torchgfn and in most papers |
//! | argument of `g` | `t` | torchgfn gives it `δ`: its Linex(1) is ours at `α = −1` |
//! | scale | [`Regression::Squared`] is `t²`; the others have `g''(0) = 1` where it exists | some codes mix `t²` and `t²/2` |
//! | normalisation | held by the weights | applied by each loss |
//! | logarithms | natural | natural |
//! | last edge into `x` | its `log P_B` is in `log_pb` (0 for an exit action) | dropped or 0 |
//! | flow of a terminal state | `log R(x)`, see [`with_terminal_rewards`] | a special case of each loss |
//!
//! # Layout
//!
//! A batch of `B` trajectories with `N` transitions in all is flat: `log_pf` and `log_pb` have `N`
//! entries, trajectory after trajectory, and [`Segments`] says where each lies. A trajectory of
//! `n` transitions has `n + 1` states, so that `log_flow` has `N + B` entries.
//!
//! ```text
//! trajectory           0           1
//! transitions  [N]     0  1  2  |  3  4      offsets 0, 3, 5
//! states       [N+B]   0 1 2 3  |  4 5 6     3 and 6 are terminal: their flow is log R
//! ```
//!
//! The pairs of [`sub_trajectory_balance`] are flat too; see there. [`flow_matching`] reads states with their edges
//! in place of trajectories, see [`EdgeFlows`].
//!
//! Every function takes the device and the floating-point type from its inputs: `f32` for training,
//! `f64` for the checks of this crate, with or without automatic differentiation.
//!
//! Objectives run as fused operations where the device has them; see [`kernels`].
//!
//! # Examples
//!
//! Two objects of rewards 1 and 3, each one step from the source, under a uniform policy:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use gfn_loss::{LogProbs, Regression, Segments, trajectory_balance};
//!
//! let device = Device::flex().autodiff();
//! let log_pf = Tensor::<1>::from_data([0.5f32.ln(), 0.5f32.ln()], &device).require_grad();
//! let x = LogProbs::new(
//!     log_pf.clone(),
//!     Tensor::zeros([2], &device),
//!     Tensor::from_data([0.0, 3f32.ln()], &device),
//!     Segments::from_lengths(&[1, 1]),
//! );
//! let log_z = Tensor::from_data([4f32.ln()], &device);
//!
//! // Targets 1 and 3 over models 4·½: the second object is sampled too rarely.
//! let residual = trajectory_balance(&x, log_z);
//! let t: Vec<f32> = residual.target_over_model().try_into_vec_as()?;
//! assert!((t[0] - 0.5f32.ln()).abs() < 1e-6 && (t[1] - 1.5f32.ln()).abs() < 1e-6);
//!
//! let gradients = residual.loss(&Regression::HalfSquared {}).backward();
//! let direction: Vec<f32> = log_pf.grad(&gradients).expect("tracked").try_into_vec_as()?;
//! assert!(direction[0] > 0.0 && direction[1] < 0.0); // descent moves mass to the second
//! # Ok::<(), burn::tensor::TensorReadError>(())
//! ```
//!
//! # Features
//!
//! - `serde`: the configuration enums can be read from and written to files; unknown keys are errors.
//! - `flex`, `ndarray`, `wgpu`, `vulkan`, `cuda`, `cpu`: forwarded to burn; none is on by default.

mod augmented_trajectory_balance;
mod detailed_balance;
pub mod divergences;
mod edge_flows;
mod flow_matching;
mod forward_looking;
mod guided_trajectory_balance;
mod host;
pub mod kernels;
mod log_partition_variance;
mod log_probs;
mod maximum_likelihood;
mod modified_detailed_balance;
pub mod policy_gradients;
mod regression;
mod regression_error;
mod relative_trajectory_balance;
mod residual;
mod segments;
mod soft_q;
mod sub_trajectory_balance;
mod sub_trajectory_weights;
mod trajectory_balance;
pub mod transfers;

pub use augmented_trajectory_balance::augmented_trajectory_balance;
pub use detailed_balance::{TransitionNormalisation, detailed_balance, with_terminal_rewards};
pub use edge_flows::EdgeFlows;
pub use flow_matching::{StateNormalisation, flow_matching};
pub use forward_looking::forward_looking_log_flow;
pub use guided_trajectory_balance::{guided_backward, guided_trajectory_balance};
pub use kernels::Kernels;
pub use log_partition_variance::{conditional_log_partition_variance, log_partition_variance};
pub use log_probs::LogProbs;
pub use maximum_likelihood::{maximum_likelihood, trajectory_likelihood};
pub use modified_detailed_balance::modified_detailed_balance;
pub use regression::{ContinuedLoss, Regression, RegressionLoss};
pub use regression_error::RegressionError;
pub use relative_trajectory_balance::relative_trajectory_balance;
pub use residual::Residual;
pub use segments::Segments;
pub use soft_q::{Munchausen, SoftTarget, soft_q};
pub use sub_trajectory_balance::sub_trajectory_balance;
pub use sub_trajectory_weights::SubTrajectoryNormalisation;
pub use trajectory_balance::trajectory_balance;
