//! Policy gradients: GFlowNet training as the reduction of costs that depend on the policy itself.
//!
//! An edge `s → s'` costs `log P_F(s'∣s) − log P_B(s∣s')`, and the last edge of a trajectory into `x` also
//! `−(log R(x) − log Z)`. With the target `p_B(τ) = R(x)·P_B(τ∣x)/Z*` over trajectories and the true `Z*`, the expected
//! cost of a trajectory is
//!
//! ```text
//! J = E[Σ_t c_t] = KL(P_F‖p_B) + log Z − log Z*
//! ```
//!
//! Papers call the costs *rewards*; they are minimised. Since the expectation of `∇c` under the policy is 0, the gradient
//! of `J` is a policy gradient, `E[Σ_t A_t·∇log P_F]` with advantages `A` of the costs held fixed, and every method for
//! it applies: a critic, a trust region, a clipped surrogate. With [`log_z_surrogate`], whose gradient is that of
//! `½(log Z − log Z*)²` where `P_F` is right, the sum is half the on-policy gradient of
//! [`trajectory_balance`](crate::trajectory_balance) with the square.
//!
//! **Trajectories have to be sampled from the policy as it is.**
//!
//! | step | function |
//! |---|---|
//! | costs of the edges | [`forward_costs`], [`backward_costs`]; [`without_correction`] for plain reinforcement learning |
//! | advantages, and what a critic learns | [`generalised_advantages`], [`value_targets`], [`centred`], [`leave_one_out`] |
//! | the loss of the policy | [`surrogate`], [`clipped_surrogate`], [`categorical_kl`], [`log_z_surrogate`] |
//! | the loss of a critic | [`value_loss`], [`evaluation_balance`] |
//!
//! Advantages are computed on the host in double precision: they are constants of the losses, and a backward sum over
//! ragged trajectories is no work for a tensor.
//!
//! # References
//!
//! Niu et al. (2024), *GFlowNet training by policy gradients*, <https://arxiv.org/abs/2408.05885>. The identity is due to
//! Malkin et al. (2022), *GFlowNets and variational inference*, <https://arxiv.org/abs/2210.00580>.

mod advantages;
mod costs;
mod critics;
mod surrogates;

pub use advantages::{centred, generalised_advantages, leave_one_out, value_targets};
pub use costs::{backward_costs, forward_costs, without_correction};
pub use critics::{evaluation_balance, value_loss};
pub use surrogates::{categorical_kl, clipped_surrogate, log_z_surrogate, surrogate};
