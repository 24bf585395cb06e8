//! Gradients against central differences, in double precision.

mod common;

use burn::tensor::{Device, Tensor};
use common::{Batch, REGRESSIONS, SUB_TRAJECTORIES, assert_close, entries, vector};
use gfn_loss::{
    EdgeFlows, LogProbs, Regression, Residual, Segments, StateNormalisation,
    SubTrajectoryNormalisation, TransitionNormalisation, augmented_trajectory_balance,
    conditional_log_partition_variance, detailed_balance, flow_matching, forward_looking_log_flow,
    guided_backward, guided_trajectory_balance, log_partition_variance, maximum_likelihood,
    modified_detailed_balance, relative_trajectory_balance, sub_trajectory_balance,
    trajectory_balance, trajectory_likelihood, with_terminal_rewards,
};
use proptest::prelude::*;

/// All differentiable inputs of an objective.
#[derive(Clone)]
struct Inputs {
    probs: LogProbs,
    log_flow: Tensor<1>,
    log_z: Tensor<1>,
}

/// How the loss is made of them.
type Loss = fn(&Inputs, &Regression) -> Tensor<1>;

fn flows(x: &Inputs) -> Tensor<1> {
    let log_reward = x.probs.log_reward.clone();
    with_terminal_rewards(x.log_flow.clone(), log_reward, &x.probs.segments)
}

fn sub_trajectory(
    x: &Inputs,
    lambda: f64,
    normalisation: SubTrajectoryNormalisation,
) -> Residual<1> {
    sub_trajectory_balance(&x.probs, flows(x), lambda, normalisation)
}

/// Forward-looking flows, with energies that depend on other inputs than the flows do.
fn looking(x: &Inputs) -> Tensor<1> {
    let energy = x.probs.log_pb.clone().square();
    let at_ends = x.probs.log_reward.clone().neg();
    let energy = with_terminal_rewards(energy, at_ends, &x.probs.segments);
    forward_looking_log_flow(x.log_flow.clone(), energy, &x.probs.segments)
}

/// A value of each trajectory that depends on the flows.
fn guide(x: &Inputs) -> Tensor<1> {
    x.probs.segments.sum(x.log_flow.clone().sin())
}

fn modified(x: &Inputs, normalisation: TransitionNormalisation) -> Residual<1> {
    let (stop, reward) = (x.log_flow.clone(), x.log_flow.clone().square());
    modified_detailed_balance(&x.probs, stop, reward, normalisation)
}

/// States with as many edges in as the trajectories are long, and out of all but the last of several.
fn matching(x: &Inputs, epsilon: f64, normalisation: StateNormalisation) -> Residual<1> {
    let segments = &x.probs.segments;
    let last = segments.n_segments() - 1;
    // One state alone keeps its edges: a tensor cannot be narrowed to nothing.
    let n_out = segments.offsets()[last.max(1)];
    let mut offsets = segments.offsets().to_vec();
    offsets[last + 1] = n_out;
    let mut is_terminal = vec![false; last];
    is_terminal.push(true);
    let edges = EdgeFlows::new(
        x.probs.log_pf.clone(),
        segments.clone(),
        x.probs.log_pb.clone().narrow(0, 0, n_out),
        Segments::new(offsets),
        x.probs.log_reward.clone(),
        is_terminal,
    );
    flow_matching(&edges, epsilon, normalisation)
}

/// Intrinsic rewards that depend on another input than the flows do, `−∞` at one transition.
fn augmented(x: &Inputs) -> Residual<1> {
    let log_intrinsic = x.probs.log_pf.clone().sin();
    let mut none_at_first = vec![0.0; x.probs.segments.n_entries()];
    none_at_first[0] = f64::NEG_INFINITY;
    let none_at_first = vector(&none_at_first, &log_intrinsic.device());
    let log_intrinsic = log_intrinsic + none_at_first;
    augmented_trajectory_balance(&x.probs, flows(x), log_intrinsic, x.log_z.clone())
}

const OBJECTIVES: [(&str, Loss); 18] = [
    ("augmented trajectory balance", |x, g| augmented(x).loss(g)),
    ("trajectory balance", |x, g| {
        trajectory_balance(&x.probs, x.log_z.clone()).loss(g)
    }),
    ("detailed balance, batch", |x, g| {
        detailed_balance(&x.probs, flows(x), TransitionNormalisation::Batch {}).loss(g)
    }),
    ("detailed balance, trajectory", |x, g| {
        detailed_balance(&x.probs, flows(x), TransitionNormalisation::Trajectory {}).loss(g)
    }),
    ("sub-trajectory balance, batch", |x, g| {
        sub_trajectory(x, 0.9, SubTrajectoryNormalisation::Batch {}).loss(g)
    }),
    ("sub-trajectory balance, trajectory", |x, g| {
        sub_trajectory(x, 1.9, SubTrajectoryNormalisation::Trajectory {}).loss(g)
    }),
    ("forward-looking detailed balance", |x, g| {
        detailed_balance(&x.probs, looking(x), TransitionNormalisation::Batch {}).loss(g)
    }),
    ("forward-looking sub-trajectory balance", |x, g| {
        let batch = SubTrajectoryNormalisation::Batch {};
        sub_trajectory_balance(&x.probs, looking(x), 0.9, batch).loss(g)
    }),
    ("modified detailed balance, batch", |x, g| {
        modified(x, TransitionNormalisation::Batch {}).loss(g)
    }),
    ("modified detailed balance, trajectory", |x, g| {
        modified(x, TransitionNormalisation::Trajectory {}).loss(g)
    }),
    ("relative trajectory balance", |x, g| {
        relative_trajectory_balance(&x.probs, x.log_flow.clone(), x.log_z.clone()).loss(g)
    }),
    ("guided trajectory balance", |x, g| {
        guided_trajectory_balance(&x.probs, guide(x), 0.3, x.log_z.clone()).loss(g)
    }),
    ("guided backward policy", |x, g| {
        guided_backward(&x.probs, guide(x)).loss(g)
    }),
    ("flow matching, batch", |x, g| {
        let batch = StateNormalisation::Batch { leaf_weight: 10.0 };
        matching(x, 0.0, batch).loss(g)
    }),
    ("flow matching, balanced", |x, g| {
        let balanced = StateNormalisation::Balanced { leaf_weight: 10.0 };
        matching(x, 0.1, balanced).loss(g)
    }),
    ("logs of sums", |x, _| {
        let logs = x.probs.segments.log_sum_exp(x.log_flow.clone());
        logs.square().sum()
    }),
    ("maximum likelihood", |x, _| maximum_likelihood(&x.probs)),
    ("trajectory likelihood", |x, _| {
        trajectory_likelihood(&x.probs)
    }),
];

/// `[log_pf, log_pb, log_reward, log_flow, log_z]` of a batch, in this order everywhere below.
fn values(x: &Batch) -> [Vec<f64>; 5] {
    let log_z = vec![x.log_z];
    let log_flow = x.log_flow.clone();
    [
        x.log_pf.clone(),
        x.log_pb.clone(),
        x.log_reward.clone(),
        log_flow,
        log_z,
    ]
}

fn inputs(tensors: &[Tensor<1>; 5], segments: &Segments) -> Inputs {
    let [log_pf, log_pb, log_reward, log_flow, log_z] = tensors.clone();
    let probs = LogProbs::new(log_pf, log_pb, log_reward, segments.clone());
    Inputs {
        probs,
        log_flow,
        log_z,
    }
}

fn check(name: &str, x: &Batch, loss: impl Fn(&Inputs) -> Tensor<1>) {
    let tracked = Device::flex().autodiff();
    let segments = x.segments();
    let leaves = values(x).map(|v| vector(&v, &tracked).require_grad());
    let gradients = loss(&inputs(&leaves, &segments)).backward();

    let plain = Device::flex();
    let at = |v: &[Vec<f64>; 5]| {
        let tensors = [0, 1, 2, 3, 4].map(|k: usize| vector(&v[k], &plain));
        entries(loss(&inputs(&tensors, &segments)))[0]
    };
    let h = 1e-5;
    for (k, leaf) in leaves.iter().enumerate() {
        let centre = values(x);
        let differences: Vec<f64> = (0..centre[k].len())
            .map(|i| {
                let (mut low, mut high) = (centre.clone(), centre.clone());
                low[k][i] -= h;
                high[k][i] += h;
                (at(&high) - at(&low)) / (2.0 * h)
            })
            .collect();
        match leaf.grad(&gradients) {
            Some(gradient) => assert_close(&entries(gradient), &differences, 1e-8),
            None => assert!(
                differences.iter().all(|d| *d == 0.0),
                "{name}: no gradient for input {k}, but {differences:?}"
            ),
        }
    }
}

#[test]
fn every_objective_with_every_regression() {
    for lengths in [vec![3, 1, 2], vec![2, 2]] {
        let x = Batch::random(&lengths, 11);
        for (name, loss) in OBJECTIVES {
            for g in REGRESSIONS {
                check(name, &x, |x| loss(x, &g));
            }
        }
    }
}

#[test]
fn every_weight_of_sub_trajectories() {
    let x = Batch::random(&[3, 1, 2], 17);
    for normalisation in SUB_TRAJECTORIES {
        for lambda in [0.4, 2.5] {
            check("sub-trajectory balance", &x, |x| {
                sub_trajectory(x, lambda, normalisation).loss(&Regression::ShiftedCosh {})
            });
        }
    }
}

#[test]
fn one_partition_function_per_trajectory() {
    let x = Batch::random(&[3, 1, 2], 12);
    for g in REGRESSIONS {
        check("conditional", &x, |x| {
            // log Z of trajectory b is log_z plus the flow of state b, whatever it means.
            let log_z = x.log_z.clone() + x.log_flow.clone().narrow(0, 0, 3);
            let prior = x.log_flow.clone().sin();
            let relative = relative_trajectory_balance(&x.probs, prior, log_z.clone()).loss(&g);
            trajectory_balance(&x.probs, log_z).loss(&g) + relative
        });
    }
}

#[test]
fn edges_without_flow_have_no_gradient() {
    // All kinds of −∞: one of several edges, all edges, an empty segment; the loss must not see the difference.
    let device = Device::flex().autodiff();
    let minus = f64::NEG_INFINITY;
    let values = [0.5, minus, -0.25, minus, minus, 1.5];
    let leaf = vector(&values, &device).require_grad();
    let logs = Segments::from_lengths(&[3, 2, 0, 1]).log_sum_exp(leaf.clone());
    let finite = logs
        .clone()
        .mask_fill(logs.clone().equal_scalar(minus), 0.0);
    let gradient = leaf.grad(&finite.square().sum().backward()).unwrap();
    let total = 0.5f64.exp() + (-0.25f64).exp();
    let share = |v: f64| 2.0 * total.ln() * v.exp() / total;
    let expected = [share(0.5), 0.0, share(-0.25), 0.0, 0.0, 3.0];
    assert_close(&entries(gradient), &expected, 1e-12);
}

/// The mean over the batch of `log R + Σ log P_B − Σ log P_F`, not detached.
fn mean_estimate(x: &LogProbs) -> Tensor<1> {
    let log_ratio = x.segments.sum(x.log_pb.clone() - x.log_pf.clone());
    (x.log_reward.clone() + log_ratio).mean()
}

#[test]
fn log_partition_variance_is_a_variance() {
    // For squares the detached mean changes nothing: the gradient is that of the whole function.
    let x = Batch::random(&[3, 1, 2, 2], 13);
    for g in [Regression::Squared {}, Regression::HalfSquared {}] {
        check("variance", &x, |x| {
            log_partition_variance(&x.probs).loss(&g)
        });
    }
}

#[test]
fn log_partition_variance_descends_at_a_fixed_mean() {
    // For any loss: the gradient of trajectory balance at log Z = the mean, held fixed.
    let x = Batch::random(&[3, 1, 2, 2], 14);
    let fixed = entries(mean_estimate(&x.log_probs(&Device::flex())))[0];
    let fixed = Batch { log_z: fixed, ..x };
    for g in REGRESSIONS {
        let device = Device::flex().autodiff();
        let gradient = |residual: fn(&LogProbs, f64, &Device) -> Residual<1>| {
            let mut probs = fixed.log_probs(&device);
            probs.log_pf = probs.log_pf.require_grad();
            let loss = residual(&probs, fixed.log_z, &device).loss(&g);
            entries(probs.log_pf.grad(&loss.backward()).unwrap())
        };
        let variance = gradient(|x, _, _| log_partition_variance(x));
        let balance = gradient(|x, z, device| trajectory_balance(x, vector(&[z], device)));
        assert_close(&variance, &balance, 1e-12);
    }
}

#[test]
fn detaching_the_mean_changes_no_squared_gradient() {
    let x = Batch::random(&[3, 1, 2, 2], 15);
    let device = Device::flex().autodiff();
    let gradient = |residual: fn(&LogProbs) -> Residual<1>, g: &Regression| {
        let mut probs = x.log_probs(&device);
        probs.log_pf = probs.log_pf.require_grad();
        let loss = residual(&probs).loss(g);
        entries(probs.log_pf.grad(&loss.backward()).unwrap())
    };
    let attached = |x: &LogProbs| trajectory_balance(x, mean_estimate(x));
    for g in [Regression::Squared {}, Regression::HalfSquared {}] {
        let detached = gradient(log_partition_variance, &g);
        assert_close(&detached, &gradient(attached, &g), 1e-12);
    }
    // An asymmetric loss sees the difference: the comparison above can fail.
    let g = Regression::Linex { alpha: 1.0 };
    let detached = gradient(log_partition_variance, &g);
    let attached = gradient(attached, &g);
    assert!((detached[0] - attached[0]).abs() > 1e-3);
}

#[test]
fn conditional_variance_descends_at_fixed_means() {
    let x = Batch::random(&[3, 1, 2, 2], 18);
    let device = Device::flex().autodiff();
    let conditions = [1, 0, 1, 0];
    let probs = x.log_probs(&Device::flex());
    let zero = trajectory_balance(&probs, vector(&[0.0], &Device::flex()));
    let estimates = entries(zero.target_over_model());
    let means = [
        (estimates[1] + estimates[3]) / 2.0,
        (estimates[0] + estimates[2]) / 2.0,
    ];
    let log_z = conditions.map(|condition| means[condition]);
    for g in REGRESSIONS {
        let gradient = |residual: &dyn Fn(&LogProbs) -> Residual<1>| {
            let mut probs = x.log_probs(&device);
            probs.log_pf = probs.log_pf.require_grad();
            let loss = residual(&probs).loss(&g);
            entries(probs.log_pf.grad(&loss.backward()).unwrap())
        };
        let variance = gradient(&|x| conditional_log_partition_variance(x, &conditions));
        let balance = gradient(&|x| trajectory_balance(x, vector(&log_z, &device)));
        assert_close(&variance, &balance, 1e-12);
    }
}

#[test]
fn a_detached_backward_policy_has_no_gradient_and_the_same_loss() {
    let x = Batch::random(&[3, 1, 2], 19);
    let device = Device::flex().autodiff();
    let mut probs = x.log_probs(&device);
    probs.log_pf = probs.log_pf.require_grad();
    probs.log_pb = probs.log_pb.require_grad();
    let g = Regression::ShiftedCosh {};
    let loss = |probs: &LogProbs| trajectory_balance(probs, vector(&[x.log_z], &device)).loss(&g);
    let detached = loss(&probs.clone().with_backward_detached());
    assert_eq!(entries(detached.clone()), entries(loss(&probs)));
    let gradients = detached.backward();
    assert!(probs.log_pb.grad(&gradients).is_none());
    let forward = entries(probs.log_pf.grad(&gradients).unwrap());
    let gradients = loss(&probs).backward();
    assert_eq!(entries(probs.log_pf.grad(&gradients).unwrap()), forward);
    assert!(probs.log_pb.grad(&gradients).is_some());
}

#[test]
fn a_batch_without_tracking_has_the_same_loss() {
    let x = Batch::random(&[3, 1, 2], 16);
    for (name, loss) in OBJECTIVES {
        let at = |device: &Device| {
            let tensors = values(&x).map(|v| vector(&v, device));
            entries(loss(
                &inputs(&tensors, &x.segments()),
                &Regression::Squared {},
            ))
        };
        assert_eq!(
            at(&Device::flex()),
            at(&Device::flex().autodiff()),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_ragged_batch(
        lengths in prop::collection::vec(1usize..5, 1..4),
        seed: u64,
        objective in 0..OBJECTIVES.len(),
        smooth in prop::sample::select(vec![
            Regression::HalfSquared {},
            Regression::ShiftedCosh {},
            Regression::Linex { alpha: 0.5 },
        ]),
    ) {
        let (name, loss) = OBJECTIVES[objective];
        check(name, &Batch::random(&lengths, seed), |x| loss(x, &smooth));
    }
}
