//! Multi-objective grid: a [hypergrid](crate::hypergrid) of two dimensions whose cells have several rewards.
//!
//! The dynamics are those of [`Hypergrid`](crate::Hypergrid), with all of its conventions; what is new are the rewards.
//!
//! # Conventions
//!
//! | | |
//! |---|---|
//! | place of a cell | `x_d/(H − 1)` of the way through the domain of each [objective](GridObjective) |
//! | scaled objective | `v = (f − worst)/(best − worst)`, worst and best over the cells of this grid |
//! | reward of an objective | `R_k = floor + (1 − floor)·v_k` |
//! | reward | `Σ_k w_k·R_k`, with fixed weights or those of a condition |
//!
//! A published value of an objective at a point is that of [`GridObjective::value`]. Published rewards of the field divide by
//! rounded constants instead of scaling by the cells, and some turn other objectives around: figures do not compare.
//!
//! # References
//!
//! Jain et al. (2023), *Multi-objective GFlowNets*, <https://arxiv.org/abs/2210.12765>.

mod functions;
mod reward;

pub use functions::GridObjective;
pub use reward::MultiObjectiveGridReward;
