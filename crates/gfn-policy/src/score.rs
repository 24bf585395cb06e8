//! Scores of whole trajectories on the host in f64, and what follows from them: importance weights and Monte-Carlo
//! estimates of log P_T. Used for evaluation; training goes through [`crate::TransitionBatch`].

use crate::{
    BackwardPolicy, HostPolicy, RolloutError, RolloutKey, Workspace, masked_log_softmax_f64,
    rollout_backward,
};
use gfn_env::{Environment, Features, Trajectories};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

/// `Σ log P_F` and `Σ log P_B` of one trajectory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrajectoryScore {
    /// `Σ_t log P_F(s_{t+1} | s_t)`.
    pub log_pf: f64,
    /// `Σ_t log P_B(s_t | s_{t+1})`.
    pub log_pb: f64,
}

/// Scores every trajectory under `policy`.
pub fn score_trajectories<E: Environment>(
    env: &E,
    policy: &dyn HostPolicy,
    trajectories: &Trajectories<E::State>,
) -> Vec<TrajectoryScore> {
    const CHUNK: usize = 32;
    (0..trajectories.len().div_ceil(CHUNK))
        .into_par_iter()
        .flat_map_iter(|c| {
            let mut scorer = Scorer::new(env, policy);
            (c * CHUNK..((c + 1) * CHUNK).min(trajectories.len()))
                .map(|b| scorer.score(trajectories, b))
                .collect::<Vec<_>>()
        })
        .collect()
}

struct Scorer<'a, E: Environment> {
    env: &'a E,
    policy: &'a dyn HostPolicy,
    features: Features,
    workspace: Workspace,
    logits: Vec<f32>,
    allowed: Vec<bool>,
    log_probabilities: Vec<f64>,
}

impl<'a, E: Environment> Scorer<'a, E> {
    fn new(env: &'a E, policy: &'a dyn HostPolicy) -> Self {
        let width = env.n_actions().max(env.n_backward_actions());
        Self {
            env,
            policy,
            features: Features::new(env.n_features()),
            workspace: Workspace::default(),
            logits: Vec::new(),
            allowed: vec![false; width],
            log_probabilities: vec![0.0; width],
        }
    }

    fn encode(&mut self, states: &[E::State]) {
        self.features.clear();
        for state in states {
            self.env.encode(state, &mut self.features.push_row());
        }
    }

    fn score(&mut self, trajectories: &Trajectories<E::State>, b: usize) -> TrajectoryScore {
        let env = self.env;
        let trajectory = trajectories.trajectory(b);
        let (a, ab) = (env.n_actions(), env.n_backward_actions());
        let (parents, children) = (
            &trajectory.states[..trajectory.actions.len()],
            &trajectory.states[1..],
        );
        self.encode(parents);
        self.policy
            .forward_logits(&self.features, &mut self.workspace, &mut self.logits);
        let mut log_pf = 0.0;
        for (t, (state, action)) in parents.iter().zip(trajectory.actions).enumerate() {
            env.forward_mask(state, &mut self.allowed[..a]);
            let row = &self.logits[t * a..][..a];
            masked_log_softmax_f64(row, &self.allowed[..a], &mut self.log_probabilities[..a]);
            log_pf += self.log_probabilities[action.index()];
        }
        let learned = self.policy.backward_policy() == BackwardPolicy::Learned;
        if learned {
            self.encode(children);
            self.policy
                .backward_logits(&self.features, &mut self.workspace, &mut self.logits);
        }
        let mut log_pb = 0.0;
        for (t, (state, action)) in children.iter().zip(trajectory.backward_actions).enumerate() {
            env.backward_mask(state, &mut self.allowed[..ab]);
            if learned {
                let row = &self.logits[t * ab..][..ab];
                masked_log_softmax_f64(row, &self.allowed[..ab], &mut self.log_probabilities[..ab]);
                log_pb += self.log_probabilities[action.index()];
            } else {
                let parents = self.allowed[..ab].iter().filter(|ok| **ok).count();
                log_pb -= (parents as f64).ln();
            }
        }
        TrajectoryScore { log_pf, log_pb }
    }
}

/// Monte-Carlo estimate of `log P_T(x)` for each `x`, from `n_samples` backward trajectories each.
///
/// `log (1/K) Σ_k P_F(τ_k) / P_B(τ_k | x)` with `τ_k ~ P_B(· | x)`: the probability is unbiased, its logarithm is a
/// lower bound in expectation. Sample `k` of terminal `i` uses the stream (purpose, `key.iteration + k`, `i`).
///
/// # Errors
///
/// See [`RolloutError`].
pub fn estimate_log_terminal_probability<E: Environment>(
    env: &E,
    policy: &dyn HostPolicy,
    terminals: &[E::State],
    n_samples: u32,
    key: RolloutKey,
) -> Result<Vec<f64>, RolloutError> {
    let zeros = vec![0.0; terminals.len()];
    let mut log_weights = vec![Vec::with_capacity(n_samples as usize); terminals.len()];
    for k in 0..n_samples {
        let key = RolloutKey {
            iteration: key.iteration.wrapping_add(k),
            ..key
        };
        let trajectories = rollout_backward(env, policy, terminals, &zeros, key)?;
        for (weights, score) in
            log_weights
                .iter_mut()
                .zip(score_trajectories(env, policy, &trajectories))
        {
            weights.push(score.log_pf - score.log_pb);
        }
    }
    Ok(log_weights.iter().map(|w| log_mean_exp(w)).collect())
}

fn log_mean_exp(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + (values.iter().map(|v| (v - max).exp()).sum::<f64>() / values.len() as f64).ln()
}
