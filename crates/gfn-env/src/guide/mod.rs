//! Guides: distributions over the trajectories into an object, which guided trajectory balance asks for.
//!
//! A guide says by which ways an object is to be reached. It is any distribution over the paths of states that end in it, and
//! may depend on the objects that were sampled so far, [`SeenObjects`].

mod seen;
mod substructure;

pub use seen::{SeenObject, SeenObjects};
pub use substructure::{GuidedChild, SubstructureGuide, SubstructureGuideConfig};

use crate::{Environment, EnvironmentError, Trajectories};

/// A distribution `p(τ | x)` over the paths of states that end in an object `x`.
///
/// # Examples
///
/// A guide of one's own, that of `P_B = 1` in a tree:
///
/// ```
/// use gfn_env::guide::{Guide, SeenObjects};
/// use gfn_env::{EnvironmentError, Trajectories};
///
/// struct OnlyWay;
///
/// impl<S> Guide<S> for OnlyWay {
///     fn log_probs(&self, batch: &Trajectories<S>, _: &SeenObjects<S>) -> Result<Vec<f64>, EnvironmentError> {
///         Ok(vec![0.0; batch.len()])
///     }
/// }
/// ```
pub trait Guide<S>: Send + Sync {
    /// `log p(τ | x)` of each trajectory, `[B]`, given the objects seen so far.
    ///
    /// A trajectory of probability 0 has `-inf`, which training refuses.
    ///
    /// # Errors
    ///
    /// If the trajectories are not of the environment of the guide.
    fn log_probs(
        &self,
        trajectories: &Trajectories<S>,
        seen: &SeenObjects<S>,
    ) -> Result<Vec<f64>, EnvironmentError>;

    /// `log p` of each edge of each trajectory, `[N]`, the sums of which over trajectories are
    /// [`log_probs`](Guide::log_probs).
    ///
    /// What is not overridden puts the whole of a trajectory on its first edge, the last that a backward policy chooses: a
    /// right cost for backward policy gradients, but one that comes late.
    ///
    /// # Errors
    ///
    /// As [`log_probs`](Guide::log_probs).
    fn log_edge_probs(
        &self,
        trajectories: &Trajectories<S>,
        seen: &SeenObjects<S>,
    ) -> Result<Vec<f64>, EnvironmentError> {
        let mut edges = vec![0.0; trajectories.n_transitions()];
        let log_probs = self.log_probs(trajectories, seen)?;
        for (&first, log_prob) in trajectories.offsets().iter().zip(log_probs) {
            if let Some(edge) = edges.get_mut(first) {
                *edge = log_prob;
            }
        }
        Ok(edges)
    }

    /// How many of the latest distinct objects it wants to be kept; 0 for a guide that looks at none.
    fn capacity(&self) -> usize {
        0
    }
}

impl<S> Guide<S> for Box<dyn Guide<S>> {
    fn log_probs(
        &self,
        trajectories: &Trajectories<S>,
        seen: &SeenObjects<S>,
    ) -> Result<Vec<f64>, EnvironmentError> {
        (**self).log_probs(trajectories, seen)
    }

    fn log_edge_probs(
        &self,
        trajectories: &Trajectories<S>,
        seen: &SeenObjects<S>,
    ) -> Result<Vec<f64>, EnvironmentError> {
        (**self).log_edge_probs(trajectories, seen)
    }

    fn capacity(&self) -> usize {
        (**self).capacity()
    }
}

/// The guide that goes back from an object by a uniform choice among the backward actions: `p(τ | x) = Π 1/#parents`.
///
/// Its flow `R(x)·p(τ | x)` is Markovian, as that of every guide that is a backward policy.
#[derive(Clone, Debug)]
pub struct UniformGuide<E>(pub E);

impl<E: Environment> Guide<E::State> for UniformGuide<E> {
    fn log_probs(
        &self,
        trajectories: &Trajectories<E::State>,
        seen: &SeenObjects<E::State>,
    ) -> Result<Vec<f64>, EnvironmentError> {
        let edges = self.log_edge_probs(trajectories, seen)?;
        Ok(sums(trajectories, &edges))
    }

    fn log_edge_probs(
        &self,
        trajectories: &Trajectories<E::State>,
        _seen: &SeenObjects<E::State>,
    ) -> Result<Vec<f64>, EnvironmentError> {
        let mut allowed = vec![false; self.0.n_backward_actions()];
        let mut log_prob = |state: &E::State| {
            self.0.backward_mask(state, &mut allowed);
            -(allowed.iter().filter(|ok| **ok).count() as f64).ln()
        };
        let children = trajectories.iter().flat_map(|t| &t.states[1..]);
        Ok(children.map(&mut log_prob).collect())
    }
}

/// The sum of each trajectory's edges.
fn sums<S>(trajectories: &Trajectories<S>, edges: &[f64]) -> Vec<f64> {
    let ends = trajectories.offsets().windows(2);
    ends.map(|ends| edges[ends[0]..ends[1]].iter().sum())
        .collect()
}
