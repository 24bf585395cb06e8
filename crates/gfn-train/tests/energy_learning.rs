//! Couplings that are learned from data, against those of maximum likelihood by Newton's method on all states.

use burn::tensor::Device;
use gfn_env::{
    BitSequence, BitSequenceState, BuildOrder, Enumerable as _, Indexed, IsingConfig, IsingReward,
    LogLinear as _, LogLinearReward, Reward as _, log_partition, target_distribution,
    total_variation,
};
use gfn_explore::{
    BackTrack, EnergyLearning, EnergyLearningConfig, Negatives, Schedule, TrajectorySource as _,
};
use gfn_policy::{BackwardPolicy, Policy as _, TabularPolicy, exact_terminal_distribution};
use gfn_train::{AdamConfig, Checkpoint, Trainer, TrainerConfig, TrajectoryBalance};
use std::sync::Arc;

/// How long to learn, and how fast the couplings and the agent do at the start.
#[derive(Clone, Copy)]
struct Pace {
    iterations: u64,
    couplings: f64,
    agent: f64,
}

const FAST: Pace = Pace {
    iterations: 2_500,
    couplings: 0.02,
    agent: 0.05,
};

/// Where samples of the agent stand for the model as they are, the agent has to keep up.
const SLOW: Pace = Pace {
    iterations: 6_000,
    couplings: 0.004,
    agent: 0.1,
};

type Spins = Arc<Indexed<BitSequence>>;
type Learner = Trainer<Spins, LogLinearReward<BitSequenceState>, TabularPolicy, TrajectoryBalance>;

/// Nine spins on a torus, one after the other.
fn torus() -> IsingReward {
    let config = IsingConfig::Torus {
        width: 3,
        height: 3,
        coupling: 0.2,
    };
    IsingReward::new(&config, &[0.0], 1.0, BuildOrder::Autoregressive).expect("a torus")
}

/// Every pair statistic of every state.
fn statistics(reward: &IsingReward) -> Vec<Vec<f64>> {
    let (env, model) = (reward.environment(), reward.pair_couplings());
    let of = |i| {
        let mut statistics = vec![0.0; model.n_parameters()];
        model.add_statistics(&env.terminal(i), &mut statistics);
        statistics
    };
    (0..env.n_terminal()).map(of).collect()
}

/// `x` with `a·x = b`, by Gaussian elimination with pivots.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let best = (k..n).max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs()));
        a.swap(k, best.expect("rows"));
        b.swap(k, best.expect("rows"));
        for i in k + 1..n {
            let factor = a[i][k] / a[k][k];
            let pivot = a[k].clone();
            a[i].iter_mut()
                .zip(&pivot)
                .for_each(|(x, p)| *x -= factor * p);
            b[i] -= factor * b[k];
        }
    }
    let mut x = vec![0.0; n];
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k][j] * x[j]).sum();
        x[k] = (b[k] - known) / a[k][k];
    }
    x
}

/// The couplings at which the log-likelihood of data with these means is largest: its gradient is `mean − E[φ]`, its Hessian
/// `−Cov[φ]`, both sums over all states. It is concave, so that it does not matter where the search begins, except that whole steps from far
/// away may leave it.
fn maximum_likelihood(statistics: &[Vec<f64>], of_data: &[f64], start: Vec<f64>) -> Vec<f64> {
    let n = of_data.len();
    let mut couplings = start;
    for _ in 0..20 {
        let log_weights: Vec<f64> = statistics
            .iter()
            .map(|of| of.iter().zip(&couplings).map(|(s, c)| s * c).sum())
            .collect();
        let p = target_distribution(&log_weights);
        let mean = |k: usize| -> f64 { statistics.iter().zip(&p).map(|(s, p)| p * s[k]).sum() };
        let means: Vec<f64> = (0..n).map(mean).collect();
        let covariance = |i: usize, j: usize| -> f64 {
            let products = statistics.iter().zip(&p).map(|(s, p)| p * s[i] * s[j]);
            products.sum::<f64>() - means[i] * means[j]
        };
        let hessian = (0..n)
            .map(|i| (0..n).map(|j| covariance(i, j)).collect())
            .collect();
        let gradient: Vec<f64> = of_data.iter().zip(&means).map(|(d, m)| d - m).collect();
        let step = solve(hessian, gradient);
        let size = step.iter().fold(0.0, |size: f64, s| size.max(s.abs()));
        couplings.iter_mut().zip(step).for_each(|(c, s)| *c += s);
        if size < 1e-12 {
            return couplings;
        }
    }
    panic!("Newton's method has not ended: {couplings:?}");
}

fn rmse(a: &[f64], b: &[f64]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (squares / a.len() as f64).sqrt()
}

/// Moves from data to the source and back.
fn moved(share: f64) -> Negatives {
    Negatives::BackAndForth {
        back_track: BackTrack::Share { share },
        metropolis_hastings: true,
    }
}

fn learner(
    data: &[BitSequenceState],
    negatives: Negatives,
    l1: f64,
    pace: Pace,
) -> (Learner, LogLinearReward<BitSequenceState>) {
    let truth = torus();
    let env: Spins = Arc::new(Indexed::new(truth.environment(), 2_000).expect("1,023 states"));
    let reward = LogLinearReward::new(Arc::new(truth.pair_couplings()));
    let down = |from, to| Schedule::Cosine {
        from,
        to,
        iterations: pace.iterations,
    };
    let config = EnergyLearningConfig {
        learning_rate: down(pace.couplings, 1e-4),
        l1,
        negatives,
    };
    let source = EnergyLearning::new(&env, reward.clone(), data.to_vec(), config)
        .and_then(|source| source.with_truth(truth.couplings_of_pairs()))
        .expect("good data");
    let policy = TabularPolicy::new(&env, BackwardPolicy::Uniform, &Device::flex().autodiff());
    let config = TrainerConfig {
        seed: 1,
        batch_size: 64,
        optimiser: AdamConfig {
            learning_rate: down(pace.agent, pace.agent / 50.0),
            log_z_learning_rate: down(0.1, 1e-3),
            ..AdamConfig::default()
        },
        ..TrainerConfig::default()
    };
    let trainer = Trainer::new(env, reward.clone(), policy, TrajectoryBalance, config)
        .and_then(|trainer| trainer.with_source(Box::new(source), 0.5));
    (trainer.expect("a valid configuration"), reward)
}

#[test]
fn couplings_approach_those_of_maximum_likelihood() {
    let truth = torus();
    let data = truth.samples(1_000, 1, 3).expect("nine spins");
    let statistics = statistics(&truth);
    let of_data = LogLinearReward::new(Arc::new(truth.pair_couplings())).mean_statistics(&data);
    let best = maximum_likelihood(&statistics, &of_data, truth.couplings_of_pairs());
    let distance = rmse(&best, &truth.couplings_of_pairs());
    assert!(distance > 0.025, "the data are not the truth: {distance}");
    for (negatives, pace) in [(moved(1.0), FAST), (Negatives::Policy {}, SLOW)] {
        let (mut trainer, reward) = learner(&data, negatives, 0.0, pace);
        trainer.run(pace.iterations, |_, _| {}).expect("finite");
        let error = rmse(&reward.parameters(), &best);
        assert!(
            error < 0.025,
            "{negatives:?}: {error}, the truth is at {distance}"
        );
        // The agent follows: it samples from the model that it has helped to find, and knows its log Z.
        let env = trainer.environment();
        let log_rewards = env.graph().log_rewards(&reward).expect("finite");
        let sampler = trainer.policy().sampler();
        let learned = exact_terminal_distribution(env, env.graph(), sampler.as_ref());
        let learned = learned.expect("a distribution");
        let tv = total_variation(&learned, &target_distribution(&log_rewards));
        assert!(tv < 0.05, "{negatives:?}: {tv}");
        assert!((trainer.log_z() - log_partition(&log_rewards)).abs() < 0.05);
        // Figures are against the truth.
        let figures = trainer.source_figures();
        let figure = |name: &str| {
            let found = figures.iter().find(|(found, _)| found == name);
            found.map(|(_, value)| *value)
        };
        let error = rmse(&reward.parameters(), &truth.couplings_of_pairs());
        let found = figure("source.energy-learning.rmse").expect("a truth");
        assert!((found - error).abs() < 1e-12);
        let found = figure("source.energy-learning.negative_log_rmse").expect("a truth");
        assert!((found + error.ln()).abs() < 1e-12);
        let accepted = figure("source.energy-learning.accepted_share");
        assert_eq!(accepted.is_some(), negatives != Negatives::Policy {});
        assert!(accepted.is_none_or(|share| share > 0.8), "{accepted:?}");
    }
}

/// With a penalty the optimum moves: a coupling of 0 stays where `|mean φ(data) − E[φ]| ≤ l1`.
#[test]
fn a_penalty_pulls_couplings_to_zero() {
    let data = torus().samples(1_000, 1, 3).expect("nine spins");
    let (mut plain, without) = learner(&data, moved(1.0), 0.0, FAST);
    let (mut penalised, with) = learner(&data, moved(1.0), 0.05, FAST);
    plain.run(FAST.iterations, |_, _| {}).expect("finite");
    penalised.run(FAST.iterations, |_, _| {}).expect("finite");
    let truth = torus().couplings_of_pairs();
    let off = |parameters: Vec<f64>| -> f64 {
        let pairs = parameters.iter().zip(&truth);
        let sum = pairs.filter(|(_, t)| **t == 0.0).map(|(p, _)| p.abs());
        sum.sum::<f64>()
    };
    let (with, without) = (off(with.parameters()), off(without.parameters()));
    assert!(with < 0.5 * without, "{with} {without}");
}

#[test]
fn a_checkpoint_continues_the_couplings_bit_for_bit() {
    let data = torus().samples(50, 1, 3).expect("nine spins");
    let folder = std::env::temp_dir().join(format!("gfn-energy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("checkpoint.safetensors");
    for negatives in [Negatives::Policy {}, moved(0.5)] {
        let (mut straight, reward) = learner(&data, negatives, 0.01, FAST);
        straight.run(40, |_, _| {}).expect("finite");
        let (mut first, _) = learner(&data, negatives, 0.01, FAST);
        first.run(23, |_, _| {}).expect("finite");
        let checkpoint = Checkpoint {
            experiment: "e".to_owned(),
            trainer: first.state(),
            extra: Default::default(),
        };
        checkpoint.save(&path).expect("written");
        let (mut second, resumed) = learner(&data, negatives, 0.01, FAST);
        let loaded = Checkpoint::load(&path).expect("read");
        second.restore(&loaded.trainer).expect("its own state");
        assert_ne!(resumed.parameters(), reward.parameters());
        second.run(40, |_, _| {}).expect("finite");
        assert!(second.state() == straight.state(), "{negatives:?}");
        assert_eq!(resumed.parameters(), reward.parameters());
        // What was saved of another number of couplings is refused, and changes nothing.
        let mut damaged = loaded.trainer.clone();
        damaged.sources[0].bytes.clear();
        let error = second.restore(&damaged).expect_err("no parameters");
        assert!(error.to_string().contains("energy-learning"), "{error}");
        assert_eq!(resumed.parameters(), reward.parameters());
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// The first step of Adam is the learning rate in the direction of the gradient, whose parts are counted here by hand.
#[test]
fn a_step_goes_up_the_difference_of_the_means() {
    let data = torus().samples(20, 1, 3).expect("nine spins");
    let (mut trainer, reward) = learner(&data, Negatives::Policy {}, 0.0, FAST);
    let (report, batch) = trainer.step().expect("finite");
    assert_eq!((report.n_own, batch.len()), (32, 64));
    let model = LogLinearReward::new(Arc::new(torus().pair_couplings()));
    let of_data = model.mean_statistics(&data);
    let of_agent = model.mean_statistics(batch.terminals().take(32));
    for (k, coupling) in reward.parameters().into_iter().enumerate() {
        let gradient = of_data[k] - of_agent[k];
        let expected = if gradient == 0.0 {
            0.0
        } else {
            0.02 * gradient.signum()
        };
        assert!(
            (coupling - expected).abs() < 1e-6,
            "{k}: {coupling} {expected}"
        );
    }
    // The trajectories into data end in data, with the rewards of the parameters before the step: none of J = 0.
    for (b, terminal) in batch.terminals().enumerate().skip(32) {
        assert!(data.contains(terminal));
        assert_eq!(batch.log_reward()[b], 0.0);
    }
    let (_, batch) = trainer.step().expect("finite");
    let mut out = [0.0];
    reward
        .log_reward(&[*batch.terminal(63)], &mut out)
        .expect("finite");
    assert_ne!(out[0], batch.log_reward()[63], "it has moved on");
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let truth = torus();
    let env: Spins = Arc::new(Indexed::new(truth.environment(), 2_000).expect("1,023 states"));
    let reward = || LogLinearReward::new(Arc::new(truth.pair_couplings()));
    let config = |l1| EnergyLearningConfig {
        learning_rate: Schedule::constant(0.1),
        l1,
        negatives: Negatives::Policy {},
    };
    let data = truth.samples(5, 1, 0).expect("nine spins");
    let says = |data: Vec<BitSequenceState>, l1| {
        let source = EnergyLearning::new(&env, reward(), data, config(l1));
        source.expect_err("refused").to_string()
    };
    assert!(says(Vec::new(), 0.0).contains("no data"));
    let source = gfn_env::Environment::source(env.as_ref());
    assert!(says(vec![source], 0.0).contains("no complete object"));
    assert!(says(data.clone(), -1.0).contains("`l1` is -1"));
    let learning = EnergyLearning::new(&env, reward(), data.clone(), config(0.0));
    let learning = learning.expect("good data");
    assert_eq!(learning.name(), "energy-learning");
    assert!(learning.with_truth(vec![0.0]).is_err());
    // The trainer is given another reward than the one that is learned.
    let learning = EnergyLearning::new(&env, reward(), data, config(0.0)).expect("good data");
    let policy = TabularPolicy::new(&env, BackwardPolicy::Uniform, &Device::flex().autodiff());
    let other = reward();
    other
        .set_parameters(vec![0.3; 36])
        .expect("as many as pairs");
    let trainer = Trainer::new(
        env,
        other,
        policy,
        TrajectoryBalance,
        TrainerConfig::default(),
    );
    let trainer = trainer.and_then(|trainer| trainer.with_source(Box::new(learning), 0.5));
    let error = trainer.expect("shares").step().expect_err("two rewards");
    assert!(error.to_string().contains("give it a clone"), "{error}");
}
