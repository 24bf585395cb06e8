//! What a step tells about itself beside its loss: log-weights of its trajectories, and log Z.

use burn::tensor::Tensor;
use gfn_loss::{LogProbs, transfers};

/// Numbers of one step, before its update.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// `ζ = log R(x) + Σ log P_B − Σ log P_F` of every trajectory: each would be log Z if the policy were right.
    pub log_weights: Vec<f64>,
    /// log Z, where the objective trains it.
    pub log_z: Option<LogZ>,
}

/// log Z on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogZ {
    /// Its value.
    pub value: f64,
    /// Its learning rate in this step; Adam moves it by at most about as much.
    pub learning_rate: f64,
}

/// The loss, read back from the device.
pub(crate) fn read_loss(loss: &Tensor<1>) -> f64 {
    let loss = loss.clone().inner();
    let data = transfers::read_back(&loss.device(), || loss.into_data());
    data.iter::<f64>().sum()
}

/// The loss and the observation, with one read-back from the device; sums are made on the host in double precision.
pub(crate) fn read_back(
    loss: &Tensor<1>,
    log_z: Option<Tensor<1>>,
    log_z_learning_rate: f64,
    log_probs: Option<LogProbs>,
    log_reward: &[f64],
) -> (f64, Option<Observation>) {
    let Some(LogProbs {
        log_pf,
        log_pb,
        segments,
        ..
    }) = log_probs
    else {
        return (read_loss(loss), None);
    };
    let loss = loss.clone().inner();
    // One value; a log Z that depends on a condition has several, and none of them is watched.
    let log_z = log_z.filter(|log_z| log_z.dims() == [1]);
    let mut parts = vec![loss, log_pf.inner(), log_pb.inner()];
    parts.extend(log_z.map(Tensor::inner));
    let values: Vec<f64> = Tensor::cat(parts, 0).into_data().iter::<f64>().collect();
    let n = segments.n_entries();
    let (pf, pb) = (&values[1..=n], &values[n + 1..=2 * n]);
    let log_z = values.get(2 * n + 1).map(|&value| LogZ {
        value,
        learning_rate: log_z_learning_rate,
    });
    let observation = Observation {
        log_weights: sums(pf, pb, segments.offsets(), log_reward),
        log_z,
    };
    (values[0], Some(observation))
}

/// `ζ` of every trajectory.
pub(crate) fn log_weights(log_probs: LogProbs, log_reward: &[f64]) -> Vec<f64> {
    let values = |tensor: Tensor<1>| -> Vec<f64> { tensor.into_data().iter::<f64>().collect() };
    let (pf, pb) = (values(log_probs.log_pf), values(log_probs.log_pb));
    sums(&pf, &pb, log_probs.segments.offsets(), log_reward)
}

fn sums(log_pf: &[f64], log_pb: &[f64], offsets: &[usize], log_reward: &[f64]) -> Vec<f64> {
    offsets
        .windows(2)
        .zip(log_reward)
        .map(|(ends, log_reward)| {
            let edges = ends[0]..ends[1];
            let pairs = log_pf[edges.clone()].iter().zip(&log_pb[edges]);
            log_reward + pairs.map(|(pf, pb)| pb - pf).sum::<f64>()
        })
        .collect()
}
