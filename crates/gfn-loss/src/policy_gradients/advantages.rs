//! Advantages of costs, on the host.

use crate::Segments;

/// Generalised advantage estimates, not discounted.
///
/// `A_t = Σ_{l≥0} λ^l·δ_{t+l}` within a trajectory, `δ_t = c_t + V(s_{t+1}) − V(s_t)`, `V = 0` after the last transition.
///
/// At `λ = 1` it is `Σ_{l≥t} c_l − V(s_t)`, unbiased whatever the critic; smaller `λ` trust the critic more.
///
/// # Shapes
///
/// - `costs`: `[N]`
/// - `values`: `[N]`, of the state before each transition
/// - output: `[N]`
///
/// # Panics
///
/// If the lengths differ from the entries of `segments`.
///
/// # Examples
///
/// ```
/// use gfn_loss::{Segments, policy_gradients::generalised_advantages};
///
/// let segments = Segments::from_lengths(&[2]);
/// let advantages = generalised_advantages(&[1.0, 2.0], &[2.0, 1.0], &segments, 0.5);
/// // δ = 1 + 1 − 2 = 0 and 2 − 1 = 1
/// assert_eq!(advantages, [0.5, 1.0]);
/// ```
///
/// # References
///
/// Schulman et al. (2016), *High-dimensional continuous control using generalized advantage estimation*,
/// <https://arxiv.org/abs/1506.02438>.
#[must_use]
pub fn generalised_advantages(
    costs: &[f64],
    values: &[f64],
    segments: &Segments,
    lambda: f64,
) -> Vec<f64> {
    let n = segments.n_entries();
    assert_eq!(costs.len(), n, "one cost per transition");
    assert_eq!(values.len(), n, "one value per transition");
    let mut advantages = vec![0.0; n];
    for ends in segments.offsets().windows(2) {
        let (mut next_value, mut advantage) = (0.0, 0.0);
        for t in (ends[0]..ends[1]).rev() {
            let delta = costs[t] + next_value - values[t];
            advantage = delta + lambda * advantage;
            advantages[t] = advantage;
            next_value = values[t];
        }
    }
    advantages
}

/// What a critic is to say of the state before each transition: `V(s_t) + A_t` with the advantages of `lambda`.
///
/// At `λ = 1` the cost to go, `Σ_{l≥t} c_l`; at `λ = 0` one step of it, `c_t + V(s_{t+1})`.
///
/// # Shapes
///
/// As [`generalised_advantages`].
///
/// # Panics
///
/// As [`generalised_advantages`].
///
/// # Examples
///
/// ```
/// use gfn_loss::{Segments, policy_gradients::value_targets};
///
/// let segments = Segments::from_lengths(&[2, 1]);
/// let targets = value_targets(&[1.0, 2.0, 5.0], &[7.0, -3.0, 0.5], &segments, 1.0);
/// assert_eq!(targets, [3.0, 2.0, 5.0]);
/// ```
#[must_use]
pub fn value_targets(costs: &[f64], values: &[f64], segments: &Segments, lambda: f64) -> Vec<f64> {
    let advantages = generalised_advantages(costs, values, segments, lambda);
    advantages.iter().zip(values).map(|(a, v)| a + v).collect()
}

/// `advantages` less their mean over all transitions of the batch.
///
/// It lowers the variance and adds a bias of order `1/B`: the mean depends on the batch that it is taken from.
///
/// # Examples
///
/// ```
/// assert_eq!(gfn_loss::policy_gradients::centred(vec![1.0, 2.0, 6.0]), [-2.0, -1.0, 3.0]);
/// ```
#[must_use]
pub fn centred(mut advantages: Vec<f64>) -> Vec<f64> {
    let mean = advantages.iter().sum::<f64>() / advantages.len().max(1) as f64;
    advantages.iter_mut().for_each(|a| *a -= mean);
    advantages
}

/// The cost of the whole trajectory less the mean of those of the others, for each of its transitions: REINFORCE without
/// a critic, unbiased.
///
/// Where there is one trajectory alone nothing is subtracted.
///
/// # Shapes
///
/// - `costs`: `[N]`
/// - output: `[N]`
///
/// # Panics
///
/// If `costs` has not one entry per transition.
///
/// # Examples
///
/// ```
/// use gfn_loss::{Segments, policy_gradients::leave_one_out};
///
/// let segments = Segments::from_lengths(&[2, 1, 1]);
/// // Sums 3, 5 and 1; means of the others 3, 2 and 4.
/// assert_eq!(leave_one_out(&[1.0, 2.0, 5.0, 1.0], &segments), [0.0, 0.0, 3.0, -3.0]);
/// ```
#[must_use]
pub fn leave_one_out(costs: &[f64], segments: &Segments) -> Vec<f64> {
    assert_eq!(costs.len(), segments.n_entries(), "one cost per transition");
    let sums: Vec<f64> = segments
        .offsets()
        .windows(2)
        .map(|ends| costs[ends[0]..ends[1]].iter().sum())
        .collect();
    let total: f64 = sums.iter().sum();
    let others = (sums.len().max(2) - 1) as f64;
    segments
        .owners()
        .map(|b| sums[b] - (total - sums[b]) / others)
        .collect()
}
