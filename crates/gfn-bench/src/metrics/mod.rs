//! What a run is measured by: exact distances first, estimates where nothing exact is at hand.
//!
//! | Names | From | Needs |
//! |---|---|---|
//! | `exact.*`, `log_z_error` | [`exact`] | a DAG that can be enumerated |
//! | `condition.*` | [`conditional`] | the same, under each condition |
//! | `window.*` | [`window`] | the same, and recent training samples |
//! | `samples.*`, `top_k.*` | [`samples`] | fresh on-policy samples |
//! | `correlation.*` | [`correlation`] | a test set and backward trajectories |
//! | `modes_found` | [`modes`] | the problem's modes |
//! | `visits.csv` | [`visits`] | objects that lie on a plane |

pub mod conditional;
pub mod correlation;
pub mod distance;
pub mod exact;
pub mod modes;
pub mod samples;
pub mod statistics;
pub mod visits;
pub mod window;

/// Named figures of one evaluation, in the order in which they are reported.
pub type Figures = Vec<(String, f64)>;

/// Adds a figure.
pub(crate) fn push(figures: &mut Figures, name: &str, value: f64) {
    figures.push((name.to_owned(), value));
}
