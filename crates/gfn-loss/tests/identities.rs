//! What the objectives owe to each other.

mod common;

use burn::tensor::Device;
use common::{Batch, F64, REGRESSIONS, SUB_TRAJECTORIES, assert_close, entries, vector};
use gfn_loss::{
    LogProbs, Regression, Residual, Segments, SubTrajectoryNormalisation, TransitionNormalisation,
    augmented_trajectory_balance, conditional_log_partition_variance, detailed_balance,
    forward_looking_log_flow, guided_backward, guided_trajectory_balance, log_partition_variance,
    maximum_likelihood, modified_detailed_balance, relative_trajectory_balance,
    sub_trajectory_balance, trajectory_balance, trajectory_likelihood,
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

fn relative(x: &Batch) -> Residual<1> {
    let device = Device::flex();
    let (log_prior, log_z) = (vector(&x.log_prior, &device), vector(&[x.log_z], &device));
    relative_trajectory_balance(&x.log_probs(&device), log_prior, log_z)
}

fn guided(x: &Batch, alpha: f64) -> Residual<1> {
    let device = Device::flex();
    let (log_guide, log_z) = (vector(&x.log_guide, &device), vector(&[x.log_z], &device));
    guided_trajectory_balance(&x.log_probs(&device), log_guide, alpha, log_z)
}

fn back(x: &Batch) -> Residual<1> {
    let device = Device::flex();
    guided_backward(&x.log_probs(&device), vector(&x.log_guide, &device))
}

/// Conditions 1, 0, 1, 0, ...
fn conditional(x: &Batch) -> Residual<1> {
    let conditions: Vec<usize> = (0..x.lengths.len()).map(|b| (b + 1) % 2).collect();
    conditional_log_partition_variance(&x.log_probs(&Device::flex()), &conditions)
}

fn modified(x: &Batch, normalisation: TransitionNormalisation) -> Residual<1> {
    let device = Device::flex();
    let (stop, reward) = (
        vector(&x.log_pf_stop, &device),
        vector(&x.log_reward_before, &device),
    );
    modified_detailed_balance(&x.log_probs(&device), stop, reward, normalisation)
}

/// Flows of all states from forward-looking flows.
fn looking(x: &Batch) -> Vec<f64> {
    let device = Device::flex();
    let (flow, energy) = (
        vector(&x.log_flow, &device),
        vector(&x.state_energies(), &device),
    );
    entries(forward_looking_log_flow(flow, energy, &x.segments()))
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
        for lambda in [1e-12, 1e-200] {
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
        for lambda in [1e-12, 0.9, 1.9] {
            sums.extend(SUB_TRAJECTORIES.map(|n| sub_trajectory(&x, lambda, n).weight().sum()));
        }
        sums.extend([
            relative(&x).weight().sum(),
            guided(&x, 0.3).weight().sum(),
            back(&x).weight().sum(),
            conditional(&x).weight().sum(),
        ]);
        if lengths.iter().all(|n| *n > 1) {
            let of = |n| modified(&x, n).weight().sum();
            sums.push(of(TransitionNormalisation::Batch {}));
            sums.push(of(TransitionNormalisation::Trajectory {}));
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
        let equal = SubTrajectoryNormalisation::EqualWithin {};
        let equal = |x: &Batch| loss(sub_trajectory(x, 0.9, equal), g);
        let single = SubTrajectoryNormalisation::DetailedBalanceWithin {};
        let single = |x: &Batch| loss(sub_trajectory(x, 0.9, single), g);
        let full = SubTrajectoryNormalisation::TrajectoryBalance {};
        let full = |x: &Batch| loss(sub_trajectory(x, 0.9, full), g);
        let relative = |x: &Batch| loss(relative(x), g);
        let guided = |x: &Batch| loss(guided(x, 0.3), g);
        let back = |x: &Batch| loss(back(x), g);
        let stops = |x: &Batch| loss(modified(x, TransitionNormalisation::Trajectory {}), g);
        let forward = |x: &Batch| entries(maximum_likelihood(&x.log_probs(&Device::flex())))[0];
        let backward = |x: &Batch| entries(trajectory_likelihood(&x.log_probs(&Device::flex())))[0];
        let all: [&dyn Fn(&Batch) -> f64; 12] = [
            &whole, &edges, &spans, &equal, &single, &full, &relative, &guided, &back, &stops,
            &forward, &backward,
        ];
        for one in all {
            assert_close(&[one(&x)], &[mean_of_singles(&one)], F64);
        }
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

#[test]
fn the_limits_of_sub_trajectories_have_their_variants() {
    let x = Batch::random(&RAGGED, 12);
    for g in REGRESSIONS {
        let at = |normalisation| loss(sub_trajectory(&x, 0.7, normalisation), g);
        let pairs = [
            (
                at(SubTrajectoryNormalisation::DetailedBalance {}),
                loss(detailed(&x, TransitionNormalisation::Batch {}), g),
            ),
            (
                at(SubTrajectoryNormalisation::DetailedBalanceWithin {}),
                loss(detailed(&x, TransitionNormalisation::Trajectory {}), g),
            ),
            (
                at(SubTrajectoryNormalisation::TrajectoryBalance {}),
                loss(trajectory_residual(&x), g),
            ),
            (
                at(SubTrajectoryNormalisation::Equal {}),
                loss(
                    sub_trajectory(&x, 1.0, SubTrajectoryNormalisation::Batch {}),
                    g,
                ),
            ),
            (
                at(SubTrajectoryNormalisation::EqualWithin {}),
                loss(
                    sub_trajectory(&x, 1.0, SubTrajectoryNormalisation::Trajectory {}),
                    g,
                ),
            ),
        ];
        for (actual, expected) in pairs {
            assert_close(&[actual], &[expected], F64);
        }
    }
}

#[test]
fn means_of_lengths_leave_single_transitions_or_the_longest_trajectories() {
    let x = Batch::random(&[3, 1, 4, 4], 13);
    let geometric = SubTrajectoryNormalisation::Geometric {};
    for g in REGRESSIONS {
        let single = loss(detailed(&x, TransitionNormalisation::Batch {}), g);
        assert_close(
            &[loss(sub_trajectory(&x, 1e-12, geometric), g)],
            &[single],
            F64,
        );
        let longest = [2, 3].map(|b| loss(trajectory_residual(&x.single(b)), g));
        let longest = (longest[0] + longest[1]) / 2.0;
        assert_close(
            &[loss(sub_trajectory(&x, 1e12, geometric), g)],
            &[longest],
            F64,
        );
    }
}

#[test]
fn forward_looking_flows_without_energy_are_plain() {
    let mut x = Batch::random(&RAGGED, 14);
    x.energy.fill(0.0);
    assert_eq!(looking(&x), x.state_flows());
}

#[test]
fn energies_and_flows_shifted_together_change_nothing() {
    // F̃ = F·e^E: the same flows, and so the same losses of transitions and sub-trajectories.
    let plain = Batch::random(&RAGGED, 15);
    let mut shifted = plain.clone();
    for (flow, energy) in shifted.log_flow.iter_mut().zip(&plain.energy) {
        *flow += energy;
    }
    assert_close(&looking(&shifted), &plain.state_flows(), 1e-15);
    let device = Device::flex();
    let probs = plain.log_probs(&device);
    let both = [looking(&shifted), plain.state_flows()].map(|flows| {
        let flows = vector(&flows, &device);
        let edges = detailed_balance(&probs, flows.clone(), TransitionNormalisation::Batch {});
        let batch = SubTrajectoryNormalisation::Batch {};
        let spans = sub_trajectory_balance(&probs, flows, 0.9, batch);
        [edges, spans].map(|residual| entries(residual.target_over_model()))
    });
    for (looking, plain) in both[0].iter().zip(&both[1]) {
        assert_close(looking, plain, 1e-12);
    }
    // Energies alone do change them: a difference of energies enters each residual.
    assert!((looking(&plain)[0] - plain.state_flows()[0]).abs() > 1e-3);
}

#[test]
fn a_prior_on_a_tree_is_a_factor_of_the_reward() {
    // R(x) = r(x)·P_0(path), P_B = 1.
    let x = Batch::random(&RAGGED, 16);
    let mut product = x.clone();
    product.log_pb.fill(0.0);
    for b in 0..x.lengths.len() {
        product.log_reward[b] += x.log_prior[x.range(b)].iter().sum::<f64>();
    }
    let expected = entries(trajectory_residual(&product).target_over_model());
    assert_close(&entries(relative(&x).target_over_model()), &expected, F64);
    assert_eq!(
        entries(relative(&x).weight()),
        entries(trajectory_residual(&product).weight())
    );
    // The backward policy has no part in it.
    let mut other = x.clone();
    other.log_pb.fill(-7.0);
    assert_eq!(
        entries(relative(&other).target_over_model()),
        entries(relative(&x).target_over_model())
    );
}

#[test]
fn stopping_everywhere_fixes_the_flows() {
    // F(s) = R(s) / P_F(stop | s): detailed balance on the transitions that are no exit.
    let x = Batch::random(&[3, 2, 5, 2], 17);
    let device = Device::flex();
    let inner = |values: &[f64]| -> Vec<f64> {
        let of = |b: usize| values[x.range(b).start..x.range(b).end - 1].to_vec();
        (0..x.lengths.len()).flat_map(of).collect()
    };
    let states = x.log_reward_before.iter().zip(&x.log_pf_stop);
    let flows: Vec<f64> = states.map(|(reward, stop)| reward - stop).collect();
    let lengths: Vec<usize> = x.lengths.iter().map(|n| n - 1).collect();
    let probs = LogProbs::new(
        vector(&inner(&x.log_pf), &device),
        vector(&inner(&x.log_pb), &device),
        vector(&x.log_reward, &device),
        Segments::from_lengths(&lengths),
    );
    for normalisation in [
        TransitionNormalisation::Batch {},
        TransitionNormalisation::Trajectory {},
    ] {
        let plain = detailed_balance(&probs, vector(&flows, &device), normalisation);
        let modified = modified(&x, normalisation);
        let t = inner(&entries(modified.target_over_model()));
        assert_eq!(t, entries(plain.target_over_model()));
        let weight = inner(&entries(modified.weight()));
        assert_eq!(weight, entries(plain.weight()));
        for g in REGRESSIONS {
            assert_close(&[loss(modified.clone(), g)], &[loss(plain.clone(), g)], F64);
        }
    }
}

#[test]
fn a_guide_that_is_the_backward_policy_changes_nothing() {
    let mut x = Batch::random(&RAGGED, 18);
    let plain = entries(trajectory_residual(&x).target_over_model());
    // Without a share, any guide; with one, the backward policy itself.
    assert_eq!(entries(guided(&x, 0.0).target_over_model()), plain);
    assert!((entries(guided(&x, 0.3).target_over_model())[0] - plain[0]).abs() > 1e-3);
    x.log_guide = (0..x.lengths.len())
        .map(|b| x.log_pb[x.range(b)].iter().sum())
        .collect();
    for alpha in [0.3, 1.0] {
        assert_close(&entries(guided(&x, alpha).target_over_model()), &plain, F64);
    }
    assert_close(&entries(back(&x).target_over_model()), &[0.0; 5], F64);
}

#[test]
fn conditional_variance_is_the_variance_of_each_condition() {
    let x = Batch::random(&RAGGED, 19);
    let device = Device::flex();
    let probs = x.log_probs(&device);
    let variance = |conditions: &[usize]| {
        let residual = conditional_log_partition_variance(&probs, conditions);
        entries(residual.target_over_model())
    };
    let whole = entries(log_partition_variance(&probs).target_over_model());
    assert_close(&variance(&[3; 5]), &whole, 1e-12);
    assert_close(&variance(&[4, 2, 0, 1, 3]), &[0.0; 5], F64);

    // Trajectories 0, 2, 3 and 1, 4: trajectory balance at the mean of each.
    let zero = trajectory_balance(&probs, vector(&[0.0], &device));
    let estimates = entries(zero.target_over_model());
    let first = (estimates[0] + estimates[2] + estimates[3]) / 3.0;
    let second = (estimates[1] + estimates[4]) / 2.0;
    let log_z = vector(&[first, second, first, first, second], &device);
    let balance = entries(trajectory_balance(&probs, log_z).target_over_model());
    assert_close(&variance(&[9, 0, 9, 9, 0]), &balance, F64);
    assert_close(&variance(&[0, 1, 0, 0, 1]), &balance, F64);
}

#[test]
fn augmented_balance_is_trajectory_balance_with_what_leaves_added() {
    let x = Batch::random(&RAGGED, 20);
    let device = Device::flex();
    let probs = x.log_probs(&device);
    let log_z = || vector(&[x.log_z], &device);
    let augmented = |log_intrinsic: &[f64]| {
        let (flows, r) = (
            vector(&x.state_flows(), &device),
            vector(log_intrinsic, &device),
        );
        let residual = augmented_trajectory_balance(&probs, flows, r, log_z());
        entries(residual.target_over_model())
    };
    let none = vec![f64::NEG_INFINITY; x.log_pf.len()];
    let plain = entries(trajectory_residual(&x).target_over_model());
    assert_eq!(augmented(&none), plain, "to the last bit");
    // At the last transitions alone: the reward R + r.
    let mut at_objects = none.clone();
    let mut richer = x.clone();
    for b in 0..x.lengths.len() {
        let last = x.range(b).end - 1;
        at_objects[last] = x.energy[last];
        richer.log_reward[b] = (x.log_reward[b].exp() + x.energy[last].exp()).ln();
    }
    let expected = entries(trajectory_residual(&richer).target_over_model());
    assert_close(&augmented(&at_objects), &expected, F64);
    // As much as the state behind the edge lets through, whatever that is: P_B + 1.
    let mut as_flow = none;
    let mut open = x.clone();
    for b in 0..x.lengths.len() {
        let (start, last) = (x.range(b).start, x.range(b).end - 1);
        as_flow[start..last].copy_from_slice(&x.log_flow[start + 1..=last]);
        for log_pb in &mut open.log_pb[start..last] {
            *log_pb = log_pb.exp().ln_1p();
        }
    }
    let expected = entries(trajectory_residual(&open).target_over_model());
    assert_close(&augmented(&as_flow), &expected, F64);
}
