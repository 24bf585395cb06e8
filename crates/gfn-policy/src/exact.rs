//! The exact terminal distribution of a policy, by dynamic programming over the explored DAG.

use crate::{HostPolicy, Workspace, masked_log_softmax_f64};
use gfn_env::{Environment, ExactError, Features, StateGraph};
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::{ParallelSlice as _, ParallelSliceMut as _};

/// `P_T(x)` of every terminal state of `graph` under `policy`, in f64, aligned with [`StateGraph::terminals`].
///
/// The network is evaluated once for each non-terminal state, on all threads; the result does not depend on their
/// number.
///
/// # Errors
///
/// If the policy's probabilities do not sum to one somewhere (NaN logits).
pub fn exact_terminal_distribution<E: Environment>(
    env: &E,
    graph: &StateGraph<E::State>,
    policy: &dyn HostPolicy,
) -> Result<Vec<f64>, ExactError> {
    let a = env.n_actions();
    graph.terminal_distribution(|states, log_probabilities| {
        const CHUNK: usize = 128;
        states
            .par_chunks(CHUNK)
            .zip(log_probabilities.par_chunks_mut(CHUNK * a))
            .for_each(|(states, out)| forward_log_probabilities(env, policy, states, out));
    })
}

fn forward_log_probabilities<E: Environment>(
    env: &E,
    policy: &dyn HostPolicy,
    states: &[E::State],
    log_probabilities: &mut [f64],
) {
    let a = env.n_actions();
    let mut features = Features::new(env.n_features());
    for state in states {
        env.encode(state, &mut features.push_row());
    }
    let (mut workspace, mut logits, mut allowed) =
        (Workspace::default(), Vec::new(), vec![false; a]);
    policy.forward_logits(&features, &mut workspace, &mut logits);
    for (i, state) in states.iter().enumerate() {
        env.forward_mask(state, &mut allowed);
        masked_log_softmax_f64(
            &logits[i * a..][..a],
            &allowed,
            &mut log_probabilities[i * a..][..a],
        );
    }
}
