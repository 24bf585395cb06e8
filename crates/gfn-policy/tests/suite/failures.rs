//! Rollouts that cannot go on say why.

use crate::common::{configs, key};
use burn::tensor::Device;
use gfn_env::{
    Action, BackwardAction, Environment, EnvironmentError, FeatureRow, Hypergrid, HypergridState,
    LogRewardFn, RewardError, Streams,
};
use gfn_policy::{
    HostPolicy, MlpConfig, MlpPolicy, OnPolicy, Policy as _, RolloutError, Sampling,
    named_parameters, rollout, rollout_backward, with_parameters,
};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Action 0 is allowed at the border.
    MaskAllowsWhatStepRefuses,
    /// Nothing is allowed in the cell 1 0.
    NothingAllowed,
    /// Nothing leads back from the cell 1 0.
    NothingLeadsBack,
    /// One edge less than the longest trajectory has.
    LongerThanPromised,
}

/// A 3 by 3 grid with a fault.
struct Faulty(Hypergrid, Fault);

impl Environment for Faulty {
    type State = HypergridState;

    fn source(&self) -> HypergridState {
        self.0.source()
    }
    fn n_actions(&self) -> usize {
        self.0.n_actions()
    }
    fn n_backward_actions(&self) -> usize {
        self.0.n_backward_actions()
    }
    fn max_len(&self) -> usize {
        self.0.max_len() - usize::from(self.1 == Fault::LongerThanPromised)
    }
    fn n_features(&self) -> usize {
        self.0.n_features()
    }
    fn is_terminal(&self, state: &HypergridState) -> bool {
        self.0.is_terminal(state)
    }
    fn forward_mask(&self, state: &HypergridState, allowed: &mut [bool]) {
        self.0.forward_mask(state, allowed);
        if self.1 == Fault::MaskAllowsWhatStepRefuses {
            allowed[0] = true;
        }
        if self.1 == Fault::NothingAllowed && state.coordinates() == [1, 0] {
            allowed.fill(false);
        }
    }
    fn backward_mask(&self, state: &HypergridState, allowed: &mut [bool]) {
        self.0.backward_mask(state, allowed);
        if self.1 == Fault::NothingLeadsBack && state.coordinates() == [1, 0] {
            allowed.fill(false);
        }
    }
    fn step(
        &self,
        state: &mut HypergridState,
        action: Action,
    ) -> Result<BackwardAction, EnvironmentError> {
        self.0.step(state, action)
    }
    fn step_back(
        &self,
        state: &mut HypergridState,
        action: BackwardAction,
    ) -> Result<Action, EnvironmentError> {
        self.0.step_back(state, action)
    }
    fn encode(&self, state: &HypergridState, row: &mut FeatureRow<'_>) {
        self.0.encode(state, row);
    }
}

fn faulty(fault: Fault) -> Faulty {
    Faulty(Hypergrid::new(2, 3).unwrap(), fault)
}

fn policy(config: &MlpConfig) -> MlpPolicy {
    let env = Hypergrid::new(2, 3).unwrap();
    MlpPolicy::new(config, &env, Streams::new(0), &Device::flex())
}

fn forward(env: &Faulty, policy: &dyn HostPolicy, n: usize) -> Result<usize, RolloutError> {
    let reward = LogRewardFn(|_: &HypergridState| 0.0);
    rollout(env, &reward, policy, &OnPolicy, key(0), n).map(|t| t.len())
}

fn backward(env: &Faulty, policy: &dyn HostPolicy) -> Result<usize, RolloutError> {
    let terminals = vec![env.0.exited_cell(&[2, 2]).unwrap(); 64];
    rollout_backward(env, policy, &terminals, &[0.0; 64], key(0)).map(|t| t.len())
}

#[test]
fn wrong_masks_and_lengths_are_named() {
    let policy = policy(&configs()[0]).sampler();
    let policy = policy.as_ref();
    assert_eq!(forward(&faulty(Fault::None), policy, 64).unwrap(), 64);
    assert_eq!(backward(&faulty(Fault::None), policy).unwrap(), 64);

    let error = forward(&faulty(Fault::MaskAllowsWhatStepRefuses), policy, 64).unwrap_err();
    assert!(
        matches!(
            &error,
            RolloutError::Environment(EnvironmentError::InvalidAction { action: 0, .. })
        ),
        "{error}"
    );
    assert!(error.to_string().contains("state [2, "), "{error}");

    let error = forward(&faulty(Fault::NothingAllowed), policy, 64).unwrap_err();
    assert!(
        matches!(&error, RolloutError::DeadEnd { direction: "forward", state } if state == "[1, 0]"),
        "{error}"
    );
    let error = backward(&faulty(Fault::NothingLeadsBack), policy).unwrap_err();
    assert!(
        matches!(&error, RolloutError::DeadEnd { direction: "backward", state } if state == "[1, 0]"),
        "{error}"
    );

    let short = faulty(Fault::LongerThanPromised);
    let error = forward(&short, policy, 256).unwrap_err();
    assert!(
        matches!(error, RolloutError::TooLong { max_len: 4 }),
        "{error}"
    );
    let error = backward(&short, policy).unwrap_err();
    assert!(
        matches!(error, RolloutError::TooLong { max_len: 4 }),
        "{error}"
    );
}

#[test]
fn wrong_masks_and_lengths_are_named_where_the_device_samples() {
    let policy = policy(&configs()[0]).with_sampling(Sampling::Device);
    let policy = policy.sampler();
    let of = |fault, n| forward(&faulty(fault), policy.as_ref(), n);
    assert_eq!(of(Fault::None, 64).unwrap(), 64);
    let error = of(Fault::MaskAllowsWhatStepRefuses, 64).unwrap_err();
    assert!(
        matches!(
            &error,
            RolloutError::Environment(EnvironmentError::InvalidAction { action: 0, .. })
        ),
        "{error}"
    );
    let error = of(Fault::NothingAllowed, 64).unwrap_err();
    assert!(
        matches!(&error, RolloutError::DeadEnd { direction: "forward", state } if state == "[1, 0]"),
        "{error}"
    );
    let error = of(Fault::LongerThanPromised, 256).unwrap_err();
    assert!(
        matches!(error, RolloutError::TooLong { max_len: 4 }),
        "{error}"
    );
}

#[test]
fn logits_that_are_not_finite_name_lane_and_state() {
    for config in configs() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            // The bias of one output: the rest of the network is as it was.
            let good = policy(&config);
            let mut tensors = named_parameters(&good);
            tensors.get_mut("forward.layers.2.bias").unwrap().values[1] = value;
            let bad = with_parameters(good, &tensors).unwrap().sampler();
            let error = forward(&faulty(Fault::None), bad.as_ref(), 4).unwrap_err();
            assert!(
                matches!(&error, RolloutError::NonFiniteLogits { lane: 0, state } if state == "[0, 0]"),
                "{error}"
            );
        }
    }
}

#[test]
fn backward_logits_that_are_not_finite_are_refused() {
    for (config, head) in configs().into_iter().zip(["", "forward", "", "backward"]) {
        if head.is_empty() {
            continue;
        }
        let good = policy(&config);
        let mut tensors = named_parameters(&good);
        let bias = tensors.get_mut(&format!("{head}.layers.2.bias")).unwrap();
        *bias.values.last_mut().unwrap() = f32::NAN;
        let bad = with_parameters(good, &tensors).unwrap().sampler();
        let error = backward(&faulty(Fault::None), bad.as_ref()).unwrap_err();
        assert!(
            matches!(&error, RolloutError::NonFiniteLogits { lane: 0, state } if state == "[2, 2] exited"),
            "{error}"
        );
    }
}

#[test]
fn unusable_rewards_name_the_state() {
    let env = Hypergrid::new(2, 3).unwrap();
    let sampler = policy(&configs()[0]).sampler();
    for (value, text) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        let reward = LogRewardFn(move |x: &HypergridState| {
            if x.coordinates() == [0, 1] {
                value
            } else {
                1.0
            }
        });
        let error = rollout(&env, &reward, sampler.as_ref(), &OnPolicy, key(0), 64).unwrap_err();
        assert!(
            matches!(&error, RolloutError::Reward(_)),
            "{value}: {error}"
        );
        let message = error.to_string();
        assert!(
            message.contains("[0, 1] exited") && message.contains(text),
            "{message}"
        );
    }
    struct Fails;
    impl gfn_env::Reward<HypergridState> for Fails {
        fn log_reward(&self, _: &[HypergridState], _: &mut [f64]) -> Result<(), RewardError> {
            Err(RewardError::Failed {
                source: "the oracle is away".into(),
            })
        }
    }
    let error = rollout(&env, &Fails, sampler.as_ref(), &OnPolicy, key(0), 4).unwrap_err();
    assert!(error.to_string().contains("the oracle is away"), "{error}");
}

#[test]
fn more_lanes_than_streams_are_refused() {
    let sampler = policy(&configs()[0]).sampler();
    let error = forward(&faulty(Fault::None), sampler.as_ref(), 65_537).unwrap_err();
    assert!(
        matches!(error, RolloutError::TooManyLanes(65_537)),
        "{error}"
    );
}
