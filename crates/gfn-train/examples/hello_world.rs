//! A GFlowNet on an environment and a reward of one's own, and its distance to the exact answer.
#![expect(clippy::print_stdout, reason = "a program talks to its user")]
use burn::tensor::Device;
use gfn_env::*;
use gfn_policy::{MlpConfig, MlpPolicy};
use gfn_train::{Trainer, TrajectoryBalance};
struct Coins; // a state is the list of the tosses so far, heads or tails; six make an object
#[rustfmt::skip]
impl Environment for Coins {
    type State = Vec<bool>; fn source(&self) -> Vec<bool> { vec![] }
    fn n_actions(&self) -> usize { 2 } fn n_backward_actions(&self) -> usize { 1 } fn max_len(&self) -> usize { 6 } fn n_features(&self) -> usize { 12 }
    fn is_terminal(&self, s: &Vec<bool>) -> bool { s.len() == 6 }
    fn forward_mask(&self, s: &Vec<bool>, allowed: &mut [bool]) { allowed.fill(s.len() < 6) }
    fn backward_mask(&self, s: &Vec<bool>, allowed: &mut [bool]) { allowed.fill(!s.is_empty()) }
    fn step(&self, s: &mut Vec<bool>, a: Action) -> Result<BackwardAction, EnvironmentError> {
        if s.len() == 6 || a.0 > 1 { Err(EnvironmentError::invalid_action(a, s)) } else { s.push(a.0 == 1); Ok(BackwardAction(0)) } }
    fn step_back(&self, s: &mut Vec<bool>, b: BackwardAction) -> Result<Action, EnvironmentError> {
        if b.0 > 0 { None } else { s.pop() }.map(|h| Action(h.into())).ok_or_else(|| EnvironmentError::invalid_backward_action(b, s)) }
    fn encode(&self, s: &Vec<bool>, row: &mut FeatureRow<'_>) { s.iter().enumerate().for_each(|(i, &h)| row.one(2 * i + usize::from(h))) }
}
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reward = LogRewardFn(|s: &Vec<bool>| s.iter().filter(|h| **h).count() as f64); // log R: heads
    let device = Device::flex().autodiff();
    let policy = MlpPolicy::new(&MlpConfig::default(), &Coins, Streams::new(0), &device);
    let mut trainer = Trainer::new(Coins, reward, policy, TrajectoryBalance, Default::default())?;
    trainer.run(500, |_, _| {})?;
    let distance = trainer.exact_total_variation(1_000)?;
    println!("total variation to R/Z: {distance:.4}");
    Ok(())
}
