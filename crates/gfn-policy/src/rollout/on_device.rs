//! Rollouts whose actions a device samples: every step sends the lanes alive up and reads one number of each back.
//!
//! Groups of lanes write features and masks, and follow the actions, side by side on the threads of the pool. The lanes of
//! a part of the batch take each step together; a large batch has two parts, so that the lanes of one step on the host
//! while the device works for the other.

use super::group::Group;
use super::{RolloutError, RolloutKey};
use crate::{Behaviour, DeviceActions, RowsToSample, SoftmaxMixture};
use gfn_env::rand_chacha::ChaCha8Rng;
use gfn_env::{Environment, Features};
use rayon::iter::{
    IntoParallelIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _,
};
use rayon::slice::ParallelSliceMut as _;

/// Lanes of one group: enough work for a thread to take it up, few enough to share a part among many threads.
const GROUP: usize = 64;

/// The behaviour of each lane in closed form; `None` where that of some lane has none a device can sample together with
/// the others.
pub(super) fn mixtures(
    behaviour: &dyn Behaviour,
    key: RolloutKey,
    n: usize,
) -> Option<Vec<SoftmaxMixture>> {
    let iteration = u64::from(key.iteration);
    let of = |lane: usize| match behaviour.for_lane(key.lane(lane, n)) {
        Some(own) => own.closed_form(iteration),
        None => behaviour.closed_form(iteration),
    };
    let mixtures: Vec<_> = (0..n).map(of).collect::<Option<_>>()?;
    let same = mixtures
        .windows(2)
        .all(|pair| pair[0].fixed_action == pair[1].fixed_action);
    same.then_some(mixtures)
}

/// Runs `n` lanes forward from `start` to their ends.
pub(super) fn run_lanes<'e, E: Environment>(
    env: &'e E,
    start: impl Fn(usize, &mut ChaCha8Rng) -> E::State + Sync,
    (device, mixtures): (&dyn DeviceActions, &[SoftmaxMixture]),
    key: RolloutKey,
    n: usize,
) -> Result<Vec<Group<'e, E>>, RolloutError> {
    let mut groups: Vec<_> = (0..n.div_ceil(GROUP))
        .into_par_iter()
        .map(|g| {
            let lanes = g * GROUP..((g + 1) * GROUP).min(n);
            let mut group = Group::new(env, lanes, &start, key, false);
            group.keep_unfinished();
            group
        })
        .collect();
    let of_part = groups.len().div_ceil(device.n_parts(n).max(1)).max(1);
    groups
        .par_chunks_mut(of_part)
        .map(|part| run_part(part, device, mixtures))
        .collect::<Vec<Result<(), _>>>()
        .into_iter()
        .collect::<Result<(), _>>()?;
    Ok(groups)
}

fn run_part<E: Environment>(
    groups: &mut [Group<'_, E>],
    device: &dyn DeviceActions,
    mixtures: &[SoftmaxMixture],
) -> Result<(), RolloutError> {
    loop {
        in_order(groups, |group| {
            group.prepare()?;
            group.require_ways_on()
        })?;
        let Some(rows) = gather(groups, mixtures) else {
            return Ok(());
        };
        let actions = device.sample_actions(rows);
        let mut rest = &actions[..];
        let with_actions: Vec<_> = groups
            .iter_mut()
            .map(|group| {
                let own;
                (own, rest) = rest.split_at(group.alive.len());
                (group, own)
            })
            .collect();
        with_actions
            .into_par_iter()
            .map(|(group, actions)| group.follow(actions))
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Result<(), _>>()?;
    }
}

/// Does the same to every group; which of several errors is told does not depend on the threads.
fn in_order<E: Environment>(
    groups: &mut [Group<'_, E>],
    act: impl Fn(&mut Group<'_, E>) -> Result<(), RolloutError> + Send + Sync,
) -> Result<(), RolloutError> {
    let outcomes: Vec<_> = groups.par_iter_mut().map(act).collect();
    outcomes.into_iter().collect()
}

/// What goes to the device in one step; `None` where every lane has ended.
fn gather<E: Environment>(
    groups: &mut [Group<'_, E>],
    mixtures: &[SoftmaxMixture],
) -> Option<RowsToSample> {
    let n_rows: usize = groups.iter().map(|group| group.alive.len()).sum();
    if n_rows == 0 {
        return None;
    }
    let mut rows = RowsToSample {
        features: Features::new(groups.first()?.features.width()),
        allowed: Vec::with_capacity(groups.iter().map(|group| group.allowed.len()).sum()),
        uniform: Vec::with_capacity(n_rows),
        mixtures: Vec::with_capacity(n_rows),
    };
    for group in groups {
        rows.features.append(&group.features);
        rows.allowed.extend_from_slice(&group.allowed);
        let lanes = group.alive.iter().map(|lane| group.first_lane + lane);
        rows.mixtures.extend(lanes.map(|lane| mixtures[lane]));
        rows.uniform.extend(group.draw());
    }
    Some(rows)
}
