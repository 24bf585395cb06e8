//! A uniform random walk, shared by the tests.

use gfn_env::rand::{Rng, RngExt as _};
use gfn_env::{Action, BackwardAction, Environment, Trajectories};

/// Appends one uniformly random complete trajectory.
pub(crate) fn push_walk<E: Environment>(
    env: &E,
    rng: &mut impl Rng,
    batch: &mut Trajectories<E::State>,
) {
    let mut state = env.source();
    let mut states = vec![state.clone()];
    let (mut actions, mut backward_actions): (Vec<Action>, Vec<BackwardAction>) = (vec![], vec![]);
    let mut allowed = vec![false; env.n_actions()];
    while !env.is_terminal(&state) {
        env.forward_mask(&state, &mut allowed);
        let choices: Vec<u32> = (0u32..)
            .zip(&allowed)
            .filter_map(|(i, a)| a.then_some(i))
            .collect();
        let action = Action(choices[rng.random_range(0..choices.len())]);
        backward_actions.push(env.step(&mut state, action).unwrap());
        actions.push(action);
        states.push(state.clone());
    }
    batch.push(states, &actions, &backward_actions, 0.0);
}
