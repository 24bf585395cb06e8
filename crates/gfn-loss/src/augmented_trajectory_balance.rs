//! Trajectory balance with flows that leave along the way: generative augmented flow networks.

use burn::tensor::{Bool, Tensor, TensorData};

use crate::host::indices;
use crate::log_probs::check_per_state;
use crate::transfers::upload;
use crate::{LogProbs, Residual, trajectory_balance};

/// Augmented-trajectory-balance residuals, one per trajectory of states `s_0 → s_1 → … → s_n = x`.
///
/// `t = log (R(x) + r_{n−1}) + Σ_{t<n−1} log (P_B(s_t | s_{t+1}) + r_t/F(s_{t+1})) + log P_B(s_{n−1} | x)
///  − log Z − Σ_t log P_F(s_{t+1} | s_t)`
///
/// with an intrinsic reward `r_t ≥ 0` of every transition. That of the last is added to the reward of the object; that of
/// any other is a flow that leaves at the edge beside the one that goes on, and is divided by the flow `F` of the state that the
/// edge leads to. With `r = 0` this is [`trajectory_balance`], to the last bit. With any other `r` another distribution
/// balances it: with `W = P_B + r/F` and `V(x) = R(x) + r`, `V(s) = Σ_{s'} W(s → s')·V(s')`, it is
/// `P_F(s' | s) = W(s → s')·V(s')/V(s)` with `Z = V(s_0)`. Every positive `F` can be balanced so: the flows follow the gradient,
/// and no condition of their own determines them.
///
/// # Shapes
///
/// - `x`: `B` trajectories with `N` transitions, see [`LogProbs`]
/// - `log_flow`: `[N + B]`, `log F` of every state along the trajectories; those of sources and terminal states are not read
/// - `log_intrinsic`: `[N]`, `log r` of every transition; `−∞` where there is none
/// - `log_z`: `[1]`, or `[B]` for a partition function that depends on a condition
/// - output: `[B]`, with weights `1/B`
///
/// # Panics
///
/// If a tensor has another length.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gfn_loss::{LogProbs, Segments, augmented_trajectory_balance};
///
/// let device = Device::flex();
/// let x = LogProbs::new(
///     Tensor::from_data([-1.0, -0.5], &device),
///     Tensor::from_data([0.25f32.ln(), 0.0], &device),
///     Tensor::from_data([3f32.ln()], &device),
///     Segments::from_lengths(&[2]),
/// );
/// // Of the states s_0, s_1 and x.
/// let log_flow = Tensor::from_data([0.0, 2f32.ln(), 0.0], &device);
/// // ½ at the first edge, 1 at the object.
/// let log_intrinsic = Tensor::from_data([0.5f32.ln(), 0.0], &device);
/// let residual = augmented_trajectory_balance(&x, log_flow, log_intrinsic, Tensor::from_data([0.5], &device));
/// // log (3 + 1) + log (¼ + ½/2) + 0 − 0.5 + 1.5
/// let expected = 4f32.ln() + 0.5f32.ln() + 1.0;
/// assert!((residual.target_over_model().into_scalar::<f32>() - expected).abs() < 1e-6);
/// ```
///
/// # References
///
/// Pan et al. (2023), *Generative augmented flow networks*, <https://arxiv.org/abs/2210.03308>. The paper squares `−t`.
#[must_use]
pub fn augmented_trajectory_balance(
    x: &LogProbs,
    log_flow: Tensor<1>,
    log_intrinsic: Tensor<1>,
    log_z: Tensor<1>,
) -> Residual<1> {
    let segments = &x.segments;
    check_per_state("log_flow", &log_flow, segments);
    segments.check_entries("log_intrinsic", &log_intrinsic);
    let ends = || segments.offsets()[1..].iter().copied();
    assert!(
        segments.lengths().all(|n| n > 0),
        "a trajectory has at least one transition"
    );
    let mut is_last = vec![false; segments.n_entries()];
    ends().for_each(|end| is_last[end - 1] = true);
    let n = is_last.len();
    let device = log_flow.device();
    let is_last: Tensor<1, Bool> = upload(TensorData::new(is_last, [n]), &device, |data| {
        Tensor::from_data(data, &device)
    });
    // The state behind transition `i` of trajectory `b` is the `(i + b + 1)`-th.
    let behind = segments.owners().enumerate().map(|(i, b)| i + b + 1);
    let behind = log_flow.select(0, indices(behind, &log_intrinsic));
    let leaving = (log_intrinsic.clone() - behind).mask_fill(is_last, f64::NEG_INFINITY);
    let at_objects = log_intrinsic.select(0, indices(ends().map(|end| end - 1), &log_z));
    let augmented = LogProbs {
        log_pb: log_add_exp(x.log_pb.clone(), leaving),
        log_reward: log_add_exp(x.log_reward.clone(), at_objects),
        ..x.clone()
    };
    trajectory_balance(&augmented, log_z)
}

/// `log (exp a + exp b)` of finite `a`: `a` to the last bit, with no gradient in `b`, where `b` is `−∞`.
fn log_add_exp(a: Tensor<1>, b: Tensor<1>) -> Tensor<1> {
    let shift = a.clone().detach().max_pair(b.clone().detach());
    ((a - shift.clone()).exp() + (b - shift.clone()).exp()).log() + shift
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use crate::{LogProbs, Segments, augmented_trajectory_balance, trajectory_balance};

    fn at(values: &[f32]) -> Tensor<1> {
        Tensor::from_data(values, &Device::flex())
    }

    fn batch() -> LogProbs {
        LogProbs::new(
            at(&[-1.0, -0.5, -2.0]),
            at(&[0.5f32.ln(), 0.25f32.ln(), 0.5f32.ln()]),
            at(&[3f32.ln(), 1f32.ln()]),
            Segments::from_lengths(&[2, 1]),
        )
    }

    #[test]
    fn two_trajectories_by_hand() {
        // log F of s_0, s_1, x; s_0, x.
        let log_flow = at(&[9.0, 4f32.ln(), 9.0, 9.0, 9.0]);
        let log_intrinsic = at(&[2f32.ln(), 5f32.ln(), 1f32.ln()]);
        let residual = augmented_trajectory_balance(&batch(), log_flow, log_intrinsic, at(&[0.5]));
        let t = residual.target_over_model().try_into_vec_as::<f32>();
        // log (3 + 5) + log (½ + 2/4) + log ¼ − 0.5 + 1.5; log (1 + 1) + log ½ − 0.5 + 2
        let expected = [8f32.ln() + 0.25f32.ln() + 1.0, 1.5];
        for (t, expected) in t.unwrap().iter().zip(expected) {
            assert!((t - expected).abs() < 1e-6, "{t} {expected}");
        }
        let weight = residual.weight().try_into_vec_as::<f32>();
        assert_eq!(weight.unwrap(), [0.5, 0.5]);
    }

    #[test]
    fn without_intrinsic_rewards_it_is_trajectory_balance_to_the_last_bit() {
        let log_flow = at(&[9.0, 4f32.ln(), 9.0, 9.0, 9.0]);
        let none = at(&[f32::NEG_INFINITY; 3]);
        let augmented = augmented_trajectory_balance(&batch(), log_flow, none, at(&[0.5]));
        let plain = trajectory_balance(&batch(), at(&[0.5]));
        let bits = |t: Tensor<1>| -> Vec<f32> { t.try_into_vec_as().unwrap() };
        assert_eq!(
            bits(augmented.target_over_model()),
            bits(plain.target_over_model())
        );
    }

    #[test]
    #[should_panic(expected = "log_intrinsic has 2 entries")]
    fn an_intrinsic_reward_for_every_transition() {
        let residual =
            augmented_trajectory_balance(&batch(), at(&[0.0; 5]), at(&[0.0; 2]), at(&[0.0]));
        drop(residual);
    }
}
