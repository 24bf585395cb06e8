//! The Ising model: three ways to the partition function, and energies.

use gfn_env::ising::IsingConfig;
use gfn_env::{
    BuildOrder, Enumerable as _, Environment as _, IsingReward, LogLinear as _, LogLinearReward,
    PartialEnergy as _, Reward as _, StateGraph, log_partition,
};
use std::sync::Arc;

fn torus(width: usize, height: usize, coupling: f64, field: f64, beta: f64) -> IsingReward {
    let config = IsingConfig::Torus {
        width,
        height,
        coupling,
    };
    IsingReward::new(&config, &[field], beta, BuildOrder::AnyPosition).unwrap()
}

/// `Z` of the torus without a field by Kaufman's formula, in closed form.
fn kaufman(n: usize, m: usize, k: f64) -> f64 {
    // cosh γ_l = cosh 2K·coth 2K − cos(πl/n), and γ_0 = 2K + log tanh K has a sign.
    let gamma = |l: usize| {
        if l == 0 {
            return 2.0 * k + k.tanh().ln();
        }
        let angle = std::f64::consts::PI * l as f64 / n as f64;
        ((2.0 * k).cosh() / (2.0 * k).tanh() - angle.cos()).acosh()
    };
    let half = m as f64 / 2.0;
    let product = |start: usize, f: &dyn Fn(f64) -> f64| {
        (0..n)
            .map(|l| 2.0 * f(half * gamma(2 * l + start)))
            .product::<f64>()
    };
    let sum = product(1, &f64::cosh)
        + product(1, &f64::sinh)
        + product(0, &f64::cosh)
        + product(0, &f64::sinh);
    (0.5 * sum).ln() + 0.5 * (n * m) as f64 * (2.0 * (2.0 * k).sinh()).ln()
}

#[test]
fn partition_by_transfer_matrices_is_that_of_all_states_and_of_the_closed_form() {
    for (width, height) in [(3, 3), (3, 4), (4, 3), (2, 5), (4, 4), (2, 2)] {
        for k in [0.1, 0.440_686_793_509_772, 0.9] {
            let reward = torus(width, height, 0.5 * k, 0.0, 2.0);
            let transfer = reward.log_partition().unwrap();
            let all = reward.log_partition_by_enumeration().unwrap();
            assert!((transfer - all).abs() < 1e-10, "{width} {height} {k}");
            let closed = kaufman(width, height, k);
            assert!((transfer - closed).abs() < 1e-9, "{width} {height} {k}");
        }
    }
    // Too many states to list.
    for (width, height) in [(8, 8), (4, 20), (10, 6)] {
        let transfer = torus(width, height, 0.3, 0.0, 1.0).log_partition().unwrap();
        assert!((transfer - kaufman(width, height, 0.3)).abs() < 1e-9);
    }
    assert!(torus(11, 11, 0.3, 0.0, 1.0).log_partition().is_none());
}

#[test]
fn fields_and_drawn_couplings_are_summed_too() {
    for (width, height) in [(3, 4), (4, 3), (2, 4)] {
        let config = IsingConfig::SpinGlass {
            width,
            height,
            scale: 0.8,
            seed: 5,
        };
        let fields: Vec<f64> = (0..width * height).map(|i| 0.1 * i as f64 - 0.4).collect();
        let reward = IsingReward::new(&config, &fields, 1.3, BuildOrder::AnyPosition).unwrap();
        let all = reward.log_partition_by_enumeration().unwrap();
        assert!((reward.log_partition().unwrap() - all).abs() < 1e-10);
    }
}

#[test]
fn listed_objects_have_the_same_sums() {
    for order in [BuildOrder::AnyPosition, BuildOrder::Autoregressive] {
        let config = IsingConfig::Torus {
            width: 3,
            height: 3,
            coupling: 0.3,
        };
        let reward = IsingReward::new(&config, &[0.2], 0.9, order).unwrap();
        let env = reward.environment();
        let objects: Vec<_> = (0..env.n_terminal()).map(|i| env.terminal(i)).collect();
        let mut log_rewards = vec![0.0; objects.len()];
        reward.log_reward(&objects, &mut log_rewards).unwrap();
        let log_z = log_partition(&log_rewards);
        assert!((reward.log_partition().unwrap() - log_z).abs() < 1e-11);
        let p = log_rewards.iter().map(|l| (l - log_z).exp());
        let (mut energy, mut mean) = (0.0, 0.0);
        for ((x, p), l) in objects.iter().zip(p).zip(&log_rewards) {
            energy += p * reward.energy_of(x);
            mean += p * l.exp();
        }
        assert!((reward.mean_energy().unwrap() - energy).abs() < 1e-6);
        assert!((reward.mean_reward().unwrap() / mean - 1.0).abs() < 1e-10);
    }
}

#[test]
fn energies_by_hand() {
    // 2 by 3 sites, columns 0 and 1: every pair of a row has two bonds.
    let reward = torus(2, 3, 1.0, 0.5, 1.0);
    let env = reward.environment();
    let up = env.string(0b11_1111).unwrap();
    assert_eq!(reward.energy_of(&up), -12.0 - 3.0);
    assert_eq!(reward.magnetisation(&up), 1.0);
    // Site 0, the first bit, turned: four bonds change by 2, and the field by 1.
    let turned = env.string(0b01_1111).unwrap();
    assert_eq!(reward.energy_of(&turned), -15.0 + 8.0 + 1.0);
    let mut part = env.source();
    let mut out = [1.0];
    reward.energy(&[part], &mut out).unwrap();
    assert_eq!(out, [0.0]);
    // Site 1 up and site 5 down, neighbours from the last row to the first.
    for action in [3, 10] {
        env.step(&mut part, gfn_env::Action(action)).unwrap();
    }
    reward.energy(&[part], &mut out).unwrap();
    assert_eq!(out, [1.0]);
    reward.log_reward(&[part], &mut out).unwrap();
    assert!(out[0].is_nan());
    // Site 3, below site 1 and above site 5, up: −1 − 0.5 and +1.
    env.step(&mut part, gfn_env::Action(7)).unwrap();
    reward.energy(&[part], &mut out).unwrap();
    assert_eq!(out, [0.5]);
    let graph = StateGraph::explore(&env, 1_000).unwrap();
    assert_eq!(graph.len(), 729);
}

#[test]
fn bad_parameters_are_refused() {
    let make = |config: &IsingConfig, fields: &[f64], beta| {
        let error = IsingReward::new(config, fields, beta, BuildOrder::AnyPosition).unwrap_err();
        error.to_string()
    };
    let good = IsingConfig::Torus {
        width: 3,
        height: 3,
        coupling: 1.0,
    };
    assert!(make(&good, &[0.0; 2], 1.0).contains("`fields`"));
    assert!(make(&good, &[f64::NAN], 1.0).contains("`fields`"));
    assert!(make(&good, &[0.0], -1.0).contains("`inverse_temperature`"));
    for (config, name) in [
        ((1, 3, 1.0), "`width`"),
        ((3, 1, 1.0), "`height`"),
        ((12, 11, 1.0), "`width`"),
        ((3, 3, f64::INFINITY), "`coupling`"),
    ] {
        let (width, height, coupling) = config;
        let config = IsingConfig::Torus {
            width,
            height,
            coupling,
        };
        assert!(make(&config, &[0.0], 1.0).contains(name));
    }
    for (n_sites, couplings, name) in [
        (0, vec![], "`n_sites`"),
        (129, vec![], "`n_sites`"),
        (2, vec![(0, 2, 1.0)], "(0, 2, 1.0)"),
        (2, vec![(1, 1, 1.0)], "(1, 1, 1.0)"),
        (2, vec![(0, 1, f64::NAN)], "(0, 1, NaN)"),
    ] {
        let config = IsingConfig::Couplings { n_sites, couplings };
        assert!(make(&config, &[0.0], 1.0).contains(name), "{name}");
    }
    let config = IsingConfig::SpinGlass {
        width: 3,
        height: 3,
        scale: -1.0,
        seed: 0,
    };
    assert!(make(&config, &[0.0], 1.0).contains("`scale`"));
}

#[test]
fn a_coupling_for_every_pair_has_the_model_among_its_own() {
    // Two bonds join each pair of columns, and both count.
    let config = IsingConfig::SpinGlass {
        width: 2,
        height: 3,
        scale: 0.7,
        seed: 4,
    };
    let fields = [0.3, -0.1, 0.0, 0.2, 0.5, -0.4];
    let reward = IsingReward::new(&config, &fields, 1.7, BuildOrder::AnyPosition).unwrap();
    let model = reward.pair_couplings();
    assert_eq!(model.n_parameters(), 15);
    let truth = reward.couplings_of_pairs();
    let env = reward.environment();
    let shared = LogLinearReward::new(Arc::new(reward.pair_couplings()));
    shared.clone().set_parameters(truth.clone()).unwrap();
    for i in 0..64 {
        let state = env.terminal(i);
        let expected = -1.7 * reward.energy_of(&state);
        assert!((model.log_reward(&state, &truth) - expected).abs() < 1e-12);
        let mut out = [0.0];
        shared.log_reward(&[state], &mut out).unwrap();
        assert!((out[0] - expected).abs() < 1e-12, "clones share parameters");
        // Statistics are derivatives of log R, one parameter after the other.
        let mut statistics = vec![0.0; 15];
        model.add_statistics(&state, &mut statistics);
        for k in 0..15 {
            let mut moved = truth.clone();
            moved[k] += 0.5;
            let difference = model.log_reward(&state, &moved) - expected;
            assert!((difference - 0.5 * statistics[k]).abs() < 1e-12, "{k}");
        }
    }
    // Of all states alike no pair is correlated.
    let states: Vec<_> = (0..64).map(|i| env.terminal(i)).collect();
    let means = shared.mean_statistics(&states);
    assert!(means.iter().all(|mean| mean.abs() < 1e-15), "{means:?}");
    let error = shared.set_parameters(vec![0.0; 14]).unwrap_err();
    assert!(error.to_string().contains("`parameters` is 14"), "{error}");
    assert!(shared.set_parameters(vec![f64::NAN; 15]).is_err());
    assert_eq!(shared.parameters(), truth);
}

/// Statistics of samples, exact ones and those of chains, within five standard errors: a false alarm in 1.7 million for each.
#[test]
fn samples_have_the_energy_of_the_model() {
    for (width, height) in [(3, 3), (3, 7)] {
        let reward = torus(width, height, 0.3, 0.1, 1.3);
        let n = 4_000;
        let samples = reward.samples(n, 60, 11).unwrap();
        let energies: Vec<f64> = samples.iter().map(|x| reward.energy_of(x)).collect();
        let mean = energies.iter().sum::<f64>() / n as f64;
        let variance = energies.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / n as f64;
        let expected = reward.mean_energy().unwrap();
        let error = (variance / n as f64).sqrt();
        assert!((mean - expected).abs() < 5.0 * error, "{mean} {expected}");
        assert_eq!(samples, reward.samples(n, 60, 11).unwrap());
        assert_ne!(samples, reward.samples(n, 60, 12).unwrap());
    }
    let error = torus(3, 3, 0.3, 0.0, 1.0).samples(1, 0, 0).unwrap_err();
    assert!(error.to_string().contains("sweeps"), "{error}");
}
