//! Batches with trajectories from elsewhere.

use burn::tensor::Device;
use gfn_env::{Hypergrid, HypergridReward, HypergridState, Purpose, Streams, Trajectories};
use gfn_explore::{
    OnPolicy, SavedSource, SourceContext, SourceError, TrainedBatch, TrajectorySource,
};
use gfn_loss::SubTrajectoryNormalisation;
use gfn_policy::{
    MlpConfig, MlpFlowPolicy, NamedTensor, Policy as _, RolloutKey, TransitionBatch,
    named_parameters, rollout,
};
use gfn_train::{
    Checkpoint, DetailedBalance, DivergenceControl, DivergenceObjective, FlowMatching,
    LogPartitionVariance, ModifiedDetailedBalance, Objective, RelativeTrajectoryBalance,
    SubTrajectoryBalance, TrainError, Trainer, TrainerConfig, TrainingBatch, TrajectoryBalance,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

type Batch = Trajectories<HypergridState>;

/// What a source was told of one batch.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    batch: Batch,
    n_own: usize,
    drawn: std::ops::Range<usize>,
    losses: Vec<f64>,
    residuals: Vec<f64>,
    asked: Vec<f64>,
    asked_residuals: Vec<f64>,
}

/// Trajectories of the agent with random numbers of the source's own, some of them, and a count as its state.
struct Echo {
    name: &'static str,
    at_most: usize,
    asks: Option<Batch>,
    drawn: u32,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Echo {
    fn new(name: &'static str, at_most: usize) -> (Self, Arc<Mutex<Vec<Told>>>) {
        let told = Arc::default();
        let source = Self {
            name,
            at_most,
            asks: None,
            drawn: 0,
            told: Arc::clone(&told),
        };
        (source, told)
    }
}

impl TrajectorySource<Hypergrid> for Echo {
    fn name(&self) -> &'static str {
        self.name
    }

    fn offers(&self, n: usize) -> usize {
        n.min(self.at_most)
    }

    fn draw(
        &mut self,
        context: &SourceContext<'_, Hypergrid>,
        n: usize,
    ) -> Result<Batch, SourceError> {
        let key = RolloutKey {
            streams: context.streams,
            purpose: Purpose::Rollout,
            iteration: context.iteration,
        };
        self.drawn += n as u32;
        let (env, policy) = (context.environment, context.policy);
        Ok(rollout(env, context.reward, policy, &OnPolicy, key, n)?)
    }

    fn asks(&self) -> Option<&Batch> {
        self.asks.as_ref()
    }

    fn observe(
        &mut self,
        _environment: &Hypergrid,
        batch: &TrainedBatch<'_, HypergridState>,
    ) -> Result<(), SourceError> {
        self.told.lock().unwrap().push(Told {
            batch: batch.trajectories.clone(),
            n_own: batch.n_own,
            drawn: batch.drawn.clone(),
            losses: batch.losses.to_vec(),
            residuals: batch.residuals.to_vec(),
            asked: batch.asked_losses.to_vec(),
            asked_residuals: batch.asked_residuals.to_vec(),
        });
        Ok(())
    }

    fn save(&self) -> SavedSource {
        let tensor = NamedTensor {
            shape: vec![1],
            values: vec![self.drawn as f32],
        };
        SavedSource {
            tensors: BTreeMap::from([("count".to_owned(), tensor)]),
            bytes: BTreeMap::from([("count".to_owned(), self.drawn.to_le_bytes().to_vec())]),
        }
    }

    fn restore(
        &mut self,
        _environment: &Hypergrid,
        saved: &SavedSource,
    ) -> Result<(), SourceError> {
        let bytes = saved.bytes.get("count").map(Vec::as_slice);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        self.drawn = bytes
            .map(u32::from_le_bytes)
            .ok_or_else(|| SourceError::Saved {
                source_name: self.name,
                reason: "`count` is no number".to_owned(),
            })?;
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        vec![("drawn", f64::from(self.drawn))]
    }
}

fn problem() -> (Hypergrid, HypergridReward, MlpFlowPolicy) {
    let env = Hypergrid::new(2, 5).unwrap();
    let reward = HypergridReward::original(&env, 0.1, 0.5, 2.0).unwrap();
    let network = MlpConfig {
        hidden: vec![16],
        log_z_init: 0.75,
        ..MlpConfig::default()
    };
    let device = Device::flex().autodiff();
    let policy = MlpFlowPolicy::new(&network, &env, Streams::new(1), &device);
    (env, reward, policy)
}

type Mixed<O> = Trainer<Hypergrid, HypergridReward, MlpFlowPolicy, O>;

fn trainer<O: Objective<MlpFlowPolicy>>(objective: O) -> Mixed<O> {
    let (env, reward, policy) = problem();
    let config = TrainerConfig {
        batch_size: 10,
        seed: 5,
        ..TrainerConfig::default()
    };
    Trainer::new(env, reward, policy, objective, config).unwrap()
}

#[test]
fn a_batch_is_the_agents_own_lanes_then_those_of_each_source() {
    let (_, alone) = trainer(TrajectoryBalance).step().unwrap();
    let (first, told) = Echo::new("first", 9);
    let (second, _) = Echo::new("second", 1);
    let mut mixed = trainer(TrajectoryBalance)
        .with_source(Box::new(first), 0.3)
        .unwrap()
        .with_source(Box::new(second), 0.3)
        .unwrap();
    let (report, batch) = mixed.step().unwrap();
    // 4 own, 3 and 3, of which the second has one: the agent samples two more itself.
    assert_eq!((report.n_own, batch.len()), (6, 10));
    assert_eq!(batch.part(0..6), alone.part(0..6));
    let told = told.lock().unwrap();
    assert_eq!((told[0].n_own, told[0].drawn.clone()), (6, 6..9));
    assert_eq!(told[0].batch, batch);
    assert_ne!(batch.part(6..7), batch.part(9..10), "streams of their own");
    let figures = mixed.source_figures();
    assert_eq!(
        figures,
        [
            ("source.first.drawn".to_owned(), 3.0),
            ("source.second.drawn".to_owned(), 1.0)
        ]
    );
}

#[test]
fn what_is_observed_is_of_the_agents_own_trajectories() {
    let observed = |shares: &[f64]| {
        let mut mixed = trainer(TrajectoryBalance).with_observation();
        for share in shares {
            let (source, _) = Echo::new("echo", 10);
            mixed = mixed.with_source(Box::new(source), *share).unwrap();
        }
        let (report, _) = mixed.step().unwrap();
        report.observation.unwrap().log_weights
    };
    let (alone, mixed) = (observed(&[]), observed(&[0.4]));
    assert_eq!((alone.len(), mixed.len()), (10, 6));
    for (a, b) in mixed.iter().zip(&alone) {
        assert!((a - b).abs() < 1e-5, "{a} is not {b}");
    }
}

#[test]
fn a_whole_batch_can_come_from_sources() {
    let (source, told) = Echo::new("all", 10);
    let mut trainer = trainer(TrajectoryBalance)
        .with_source(Box::new(source), 1.0)
        .unwrap();
    let before = named_parameters(trainer.policy());
    let (report, batch) = trainer.step().unwrap();
    assert_eq!((report.n_own, batch.len()), (0, 10));
    assert_eq!(told.lock().unwrap()[0].drawn, 0..10);
    assert_ne!(named_parameters(trainer.policy()), before);
}

/// The batch scored anew, trajectory by trajectory, by a policy that has nothing recorded.
#[test]
fn one_pass_scores_all_and_each_trajectory_has_its_own_loss() {
    fn check<O: Objective<MlpFlowPolicy> + Clone>(objective: O, has_residuals: bool) {
        let (mut source, told) = Echo::new("source", 5);
        let (env, reward, policy) = problem();
        let key = RolloutKey {
            streams: Streams::new(99),
            purpose: Purpose::Check,
            iteration: 0,
        };
        let sampler = policy.sampler();
        let asked = rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key, 4).unwrap();
        source.asks = Some(asked.clone());
        let mut mixed = trainer(objective.clone())
            .with_source(Box::new(source), 0.5)
            .unwrap();
        let (report, batch) = mixed.step().unwrap();
        let told = told.lock().unwrap().remove(0);
        let regression = TrainerConfig::default().regression.at(0);
        let by_itself = |all: &Batch, b: usize| {
            let one = all.part(b..b + 1);
            let transitions = TransitionBatch::new(&env, &one, policy.backward_policy());
            let mut batch = TrainingBatch::from(transitions);
            let needs = objective.requirements();
            if needs.edge_flows {
                batch.edge_flows = Some(gfn_policy::EdgeFlowBatch::new(&env, &one).unwrap());
            }
            if needs.object_rewards {
                let t = one.trajectory(0);
                let objects = t.states[..t.actions.len()].iter().map(|s| {
                    let mut s = *s;
                    gfn_env::Environment::step(&env, &mut s, env.exit()).unwrap();
                    s
                });
                let objects: Vec<_> = objects.collect();
                let mut out = vec![0.0; objects.len()];
                gfn_env::checked_log_reward(&reward, &objects, &mut out).unwrap();
                batch.object_log_reward = Some(out.iter().map(|v| *v as f32).collect());
            }
            f64::from(
                objective
                    .evaluate(&policy, &batch, &regression)
                    .loss
                    .into_scalar::<f32>(),
            )
        };
        assert_eq!((told.losses.len(), told.asked.len()), (10, 4));
        for (all, losses) in [(&batch, &told.losses), (&asked, &told.asked)] {
            for (b, &loss) in losses.iter().enumerate() {
                let expected = by_itself(all, b);
                let name = std::any::type_name::<O>();
                assert!(
                    (loss - expected).abs() <= 1e-4 * (1.0 + expected.abs()),
                    "{name} {b}: {loss} {expected}"
                );
            }
        }
        assert!(report.loss.is_finite());
        assert_eq!(told.residuals.len(), if has_residuals { 10 } else { 0 });
        assert_eq!(
            told.asked_residuals.len(),
            if has_residuals { 4 } else { 0 }
        );
    }
    check(TrajectoryBalance, true);
    check(RelativeTrajectoryBalance { prior: None }, true);
    check(DetailedBalance::default(), true);
    let normalisation = SubTrajectoryNormalisation::Trajectory {};
    let lambda = 0.9;
    check(
        SubTrajectoryBalance {
            lambda,
            normalisation,
        },
        true,
    );
    check(FlowMatching::default(), false);
    check(ModifiedDetailedBalance::default(), true);
}

#[test]
fn trajectory_balance_tells_the_square_of_its_residuals() {
    let (source, told) = Echo::new("source", 5);
    let mut mixed = trainer(TrajectoryBalance)
        .with_source(Box::new(source), 0.5)
        .unwrap();
    let (report, _) = mixed.step().unwrap();
    let told = told.lock().unwrap().remove(0);
    for (loss, t) in told.losses.iter().zip(&told.residuals) {
        assert!((loss - t * t).abs() < 1e-4 * (1.0 + loss), "{loss} {t}");
    }
    let mean = told.losses.iter().sum::<f64>() / 10.0;
    assert!((report.loss - mean).abs() < 1e-5 * (1.0 + mean));

    // Log Z that is not learned: the residuals of a batch have the mean 0.
    let (source, told) = Echo::new("source", 5);
    let mut mixed = trainer(LogPartitionVariance)
        .with_source(Box::new(source), 0.5)
        .unwrap();
    let (report, _) = mixed.step().unwrap();
    let told = told.lock().unwrap().remove(0);
    assert!(told.residuals.iter().sum::<f64>().abs() < 1e-9);
    let variance = told.residuals.iter().map(|t| t * t).sum::<f64>() / 10.0;
    assert!((report.loss - variance).abs() < 1e-5 * (1.0 + variance));
}

#[test]
fn recorded_activations_of_the_own_part_serve_as_they_are() {
    // Equal to a pass over the same trajectories without a recording, to the last bit.
    let (env, reward, policy) = problem();
    let key = |n| RolloutKey {
        streams: Streams::new(n),
        purpose: Purpose::Rollout,
        iteration: 0,
    };
    let sampler = policy.sampler();
    let sampler = sampler.as_ref();
    let (mut all, recording) =
        gfn_policy::record_rollout(&env, &reward, sampler, &OnPolicy, key(1), 7).unwrap();
    all.append(rollout(&env, &reward, sampler, &OnPolicy, key(2), 5).unwrap());
    let backward = policy.backward_policy();
    let recorded = TransitionBatch::recorded(&env, &all, backward, recording).log_probs(&policy);
    let anew = TransitionBatch::new(&env, &all, backward).log_probs(&policy);
    let bits = |t: burn::tensor::Tensor<1>| -> Vec<u32> {
        t.into_data().iter::<f32>().map(f32::to_bits).collect()
    };
    assert_eq!(bits(recorded.log_pf), bits(anew.log_pf));
    assert_eq!(bits(recorded.log_pb), bits(anew.log_pb));
}

#[test]
fn the_state_of_sources_goes_through_a_checkpoint() {
    let make = || {
        let (first, _) = Echo::new("first", 9);
        let (second, _) = Echo::new("second", 9);
        trainer(TrajectoryBalance)
            .with_source(Box::new(first), 0.3)
            .unwrap()
            .with_source(Box::new(second), 0.2)
            .unwrap()
    };
    let mut whole = make();
    whole.run(3, |_, _| {}).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    let checkpoint = Checkpoint {
        experiment: "abc".to_owned(),
        trainer: whole.state(),
        extra: BTreeMap::new(),
    };
    checkpoint.save(&path).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_eq!(loaded, checkpoint);
    let mut continued = make();
    continued.restore(&loaded.trainer).unwrap();
    whole.run(5, |_, _| {}).unwrap();
    continued.run(5, |_, _| {}).unwrap();
    assert_eq!(continued.state(), whole.state());
    assert_eq!(continued.source_figures(), whole.source_figures());

    // Damage: the second source is named, and nothing has changed.
    let mut damaged = loaded.trainer.clone();
    damaged.iteration = 77;
    damaged.sources[1].bytes.get_mut("count").unwrap().pop();
    let before = continued.state();
    let error = continued.restore(&damaged).unwrap_err().to_string();
    assert!(
        error.contains("second") && error.contains("damaged"),
        "{error}"
    );
    assert_eq!(continued.state(), before);
    damaged.sources.pop();
    let error = continued.restore(&damaged).unwrap_err().to_string();
    assert!(
        error.contains("of 1 sources") && error.contains("not of 2"),
        "{error}"
    );
}

#[test]
fn unusable_shares_and_objectives_are_refused() {
    let with = |shares: &[f64]| {
        let mut made = trainer(TrajectoryBalance);
        for &share in shares {
            made = made.with_source(Box::new(Echo::new("echo", 9).0), share)?;
        }
        Ok::<_, TrainError>(made)
    };
    for shares in [&[0.0][..], &[-0.1], &[1.1], &[f64::NAN], &[0.6, 0.5]] {
        let error = with(shares).map(drop).unwrap_err();
        assert!(matches!(error, TrainError::OutOfRange { .. }), "{shares:?}");
    }
    assert!(with(&[0.1, 0.2, 0.7]).is_ok(), "rounding is no excess");
    let divergence = DivergenceObjective {
        divergence: gfn_loss::divergences::Divergence::ReverseKl {},
        control_variate: DivergenceControl::None,
    };
    let echo = Box::new(Echo::new("echo", 9).0);
    let error = trainer(divergence).with_source(echo, 0.5).map(drop);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("echo") && error.contains("as it is alone"),
        "{error}"
    );
}
