//! What the objectives owe to each other.

mod common;

use burn::tensor::Device;
use common::{Batch, F64, REGRESSIONS, assert_close, entries, vector};
use gfn_loss::{
    Regression, Residual, SubTrajectoryNormalisation, TransitionNormalisation, detailed_balance,
    log_partition_variance, sub_trajectory_balance, trajectory_balance,
};

const RAGGED: [usize; 5] = [3, 1, 4, 2, 1];

/// Flows of all states with `F(s_0) = Z` in every trajectory.
fn flows_from_log_z(x: &Batch) -> Vec<f64> {
    let mut x = x.clone();
    for b in 0..x.lengths.len() {
        let source = x.range(b).start;
        x.log_flow[source] = x.log_z;
    }
    x.state_flows()
}

fn trajectory_residual(x: &Batch) -> Residual<1> {
    let device = Device::flex();
    trajectory_balance(&x.log_probs(&device), vector(&[x.log_z], &device))
}

fn detailed(x: &Batch, normalisation: TransitionNormalisation) -> Residual<1> {
    let device = Device::flex();
    let flows = vector(&flows_from_log_z(x), &device);
    detailed_balance(&x.log_probs(&device), flows, normalisation)
}

fn sub_trajectory(
    x: &Batch,
    lambda: f64,
    normalisation: SubTrajectoryNormalisation,
) -> Residual<1> {
    let device = Device::flex();
    let flows = vector(&flows_from_log_z(x), &device);
    sub_trajectory_balance(&x.log_probs(&device), flows, lambda, normalisation)
}

fn loss<const D: usize>(residual: Residual<D>, g: Regression) -> f64 {
    entries(residual.loss(&g))[0]
}

#[test]
fn detailed_balance_telescopes_to_trajectory_balance() {
    let x = Batch::random(&RAGGED, 1);
    let edges = detailed(&x, TransitionNormalisation::Batch {});
    let sums = x.segments().sum(edges.target_over_model());
    let whole = trajectory_residual(&x).target_over_model();
    assert_close(&entries(sums), &entries(whole), F64);
}

#[test]
fn the_full_spans_are_trajectory_balance() {
    let x = Batch::random(&RAGGED, 2);
    let all = sub_trajectory(&x, 1.0, SubTrajectoryNormalisation::Batch {});
    let all = entries(all.target_over_model());
    // The whole trajectory is the last of the n pairs that start at its first state.
    let firsts = x.lengths.iter().scan(0, |pairs, n| {
        let first = *pairs;
        *pairs += n * (n + 1) / 2;
        Some(first + n - 1)
    });
    let spans = firsts.map(|span| all[span]);
    let whole = trajectory_residual(&x).target_over_model();
    assert_close(&spans.collect::<Vec<_>>(), &entries(whole), F64);
}

#[test]
fn a_large_lambda_is_trajectory_balance() {
    let x = Batch::random(&RAGGED, 3);
    let within = SubTrajectoryNormalisation::Trajectory {};
    for g in REGRESSIONS {
        let whole = loss(trajectory_residual(&x), g);
        assert_close(&[loss(sub_trajectory(&x, 1e12, within), g)], &[whole], F64);
    }
    // Normalised over the batch, the longest trajectory alone remains.
    let batch = SubTrajectoryNormalisation::Batch {};
    let longest = loss(trajectory_residual(&x.single(2)), Regression::Squared {});
    let actual = loss(sub_trajectory(&x, 1e12, batch), Regression::Squared {});
    assert_close(&[actual], &[longest], F64);
}

#[test]
fn a_small_lambda_is_the_mean_of_detailed_balance() {
    let x = Batch::random(&RAGGED, 4);
    for g in REGRESSIONS {
        for lambda in [0.0, 1e-12, 1e-200] {
            let batch = SubTrajectoryNormalisation::Batch {};
            let actual = loss(sub_trajectory(&x, lambda, batch), g);
            let expected = loss(detailed(&x, TransitionNormalisation::Batch {}), g);
            assert_close(&[actual], &[expected], F64);

            let within = SubTrajectoryNormalisation::Trajectory {};
            let actual = loss(sub_trajectory(&x, lambda, within), g);
            let expected = loss(detailed(&x, TransitionNormalisation::Trajectory {}), g);
            assert_close(&[actual], &[expected], F64);
        }
    }
}

#[test]
fn on_single_transitions_all_balances_are_one() {
    let x = Batch::random(&[1; 4], 5);
    for g in REGRESSIONS {
        let whole = loss(trajectory_residual(&x), g);
        let edges = loss(detailed(&x, TransitionNormalisation::Batch {}), g);
        let batch = SubTrajectoryNormalisation::Batch {};
        assert_close(&[edges], &[whole], F64);
        assert_close(&[loss(sub_trajectory(&x, 0.9, batch), g)], &[whole], F64);
    }
}

#[test]
fn normalisations_coincide_for_equal_lengths_only() {
    let transitions = |x: &Batch| {
        [
            TransitionNormalisation::Batch {},
            TransitionNormalisation::Trajectory {},
        ]
        .map(|n| loss(detailed(x, n), Regression::Squared {}))
    };
    let spans = |x: &Batch| {
        [
            SubTrajectoryNormalisation::Batch {},
            SubTrajectoryNormalisation::Trajectory {},
        ]
        .map(|n| loss(sub_trajectory(x, 0.9, n), Regression::Squared {}))
    };
    let equal = Batch::random(&[3; 4], 6);
    for [batch, within] in [transitions(&equal), spans(&equal)] {
        assert_close(&[batch], &[within], F64);
    }
    let ragged = Batch::random(&RAGGED, 6);
    for [batch, within] in [transitions(&ragged), spans(&ragged)] {
        assert!((batch - within).abs() > 1e-3, "{batch} {within}");
    }
}

#[test]
fn weights_sum_to_one() {
    for lengths in [&RAGGED[..], &[2, 2], &[1]] {
        let x = Batch::random(lengths, 7);
        let mut sums = vec![
            trajectory_residual(&x).weight().sum(),
            log_partition_variance(&x.log_probs(&Device::flex()))
                .weight()
                .sum(),
            detailed(&x, TransitionNormalisation::Batch {})
                .weight()
                .sum(),
            detailed(&x, TransitionNormalisation::Trajectory {})
                .weight()
                .sum(),
        ];
        for lambda in [0.0, 0.9, 1.9] {
            let [batch, within] = [
                SubTrajectoryNormalisation::Batch {},
                SubTrajectoryNormalisation::Trajectory {},
            ]
            .map(|n| sub_trajectory(&x, lambda, n).weight().sum());
            sums.extend([batch, within]);
        }
        for sum in sums {
            assert_close(&entries(sum), &[1.0], 1e-12);
        }
    }
}

#[test]
fn a_ragged_batch_is_the_mean_of_its_trajectories() {
    let x = Batch::random(&RAGGED, 8);
    let mean_of_singles = |one: &dyn Fn(&Batch) -> f64| {
        let n = x.lengths.len();
        (0..n).map(|b| one(&x.single(b))).sum::<f64>() / n as f64
    };
    for g in REGRESSIONS {
        let whole = |x: &Batch| loss(trajectory_residual(x), g);
        let edges = |x: &Batch| loss(detailed(x, TransitionNormalisation::Trajectory {}), g);
        let within = SubTrajectoryNormalisation::Trajectory {};
        let spans = |x: &Batch| loss(sub_trajectory(x, 0.9, within), g);
        assert_close(&[whole(&x)], &[mean_of_singles(&whole)], F64);
        assert_close(&[edges(&x)], &[mean_of_singles(&edges)], F64);
        assert_close(&[spans(&x)], &[mean_of_singles(&spans)], F64);
    }
}

#[test]
fn a_reward_factor_is_absorbed_by_the_partition_function() {
    let x = Batch::random(&RAGGED, 9);
    let c = 0.83;
    let mut scaled = x.clone();
    scaled.log_reward.iter_mut().for_each(|r| *r += c);
    let residuals = |x: &Batch| {
        entries(log_partition_variance(&x.log_probs(&Device::flex())).target_over_model())
    };
    assert_close(&residuals(&scaled), &residuals(&x), F64);

    assert!(
        (loss(trajectory_residual(&scaled), Regression::Squared {})
            - loss(trajectory_residual(&x), Regression::Squared {}))
        .abs()
            > 1e-3
    );
    scaled.log_z += c;
    scaled.log_flow.iter_mut().for_each(|f| *f += c);
    for g in REGRESSIONS {
        let edges = |x: &Batch| loss(detailed(x, TransitionNormalisation::Batch {}), g);
        let spans = |x: &Batch| {
            loss(
                sub_trajectory(x, 0.9, SubTrajectoryNormalisation::Batch {}),
                g,
            )
        };
        let whole = |x: &Batch| loss(trajectory_residual(x), g);
        assert_close(&[whole(&scaled)], &[whole(&x)], F64);
        assert_close(&[edges(&scaled)], &[edges(&x)], F64);
        assert_close(&[spans(&scaled)], &[spans(&x)], F64);
    }
}

#[test]
fn log_partition_variance_is_trajectory_balance_at_the_best_partition_function() {
    let x = Batch::random(&RAGGED, 10);
    let device = Device::flex();
    let probs = x.log_probs(&device);
    let variance = log_partition_variance(&probs);
    let t = entries(variance.target_over_model());
    assert_close(&[t.iter().sum()], &[0.0], F64);

    let variance = loss(variance, Regression::Squared {});
    let at = |log_z: f64| {
        let residual = trajectory_balance(&probs, vector(&[log_z], &device));
        loss(residual, Regression::Squared {})
    };
    // A parabola with curvature 1 around its lowest point, ζ̄.
    let best = x.log_z
        + entries(trajectory_residual(&x).target_over_model())
            .iter()
            .sum::<f64>()
            / 5.0;
    assert_close(
        &[at(best), at(best + 0.3), at(best - 0.3)],
        &[variance, variance + 0.09, variance + 0.09],
        F64,
    );
}

#[test]
fn the_two_signs_are_opposite() {
    let residual = trajectory_residual(&Batch::random(&RAGGED, 11));
    let opposite = entries(residual.model_over_target().neg());
    assert_eq!(entries(residual.target_over_model()), opposite);
    // A model that gives too little, target 2 over model 1, has t > 0.
    let at = |v: f64| vector(&[v], &Device::flex());
    let residual = Residual::new(at(0.0), at(2f64.ln()), at(1.0));
    assert_close(&entries(residual.target_over_model()), &[2f64.ln()], 1e-15);
}
