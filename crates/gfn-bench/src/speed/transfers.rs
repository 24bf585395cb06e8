//! The share of training that goes into transfers between host and device.

use super::Totals;
use anyhow::Result;
use gfn_env::{Environment, Reward};
use gfn_loss::transfers;
use gfn_policy::Policy;
use gfn_train::{Objective, Trainer};
use serde::Serialize;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What transfers take, of a window in which each waits until the device has done its earlier work.
///
/// So each transfer is timed alone, and nothing runs beside it: the window is slower than the others, and the shares are
/// those of its own time. See [`gfn_loss::transfers`] for what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TransferFigures {
    /// Iterations per second of this window.
    pub iterations_per_s: f64,
    /// Share of its time from the host to the device.
    pub upload_share: f64,
    /// Share of its time from the device to the host.
    pub read_back_share: f64,
    /// Bytes that went up, over the transitions of the window.
    pub uploaded_bytes_per_transition: f64,
    /// Bytes that came back.
    pub read_back_bytes_per_transition: f64,
}

/// Trains for one more window.
pub(super) fn measure<E, R, P, O>(
    trainer: &mut Trainer<E, R, P, O>,
    window: Duration,
) -> Result<TransferFigures>
where
    E: Environment,
    R: Reward<E::State>,
    P: Policy,
    O: Objective<P>,
{
    let mut totals = Totals::default();
    transfers::start(nanoseconds);
    let outcome = totals.run(trainer, window);
    let moved = transfers::stop();
    let (iterations_per_s, _) = outcome?;
    let share = |ns: u64| ns as f64 * 1e-9 / totals.seconds;
    let of_transition = |bytes: u64| bytes as f64 / totals.transitions as f64;
    Ok(TransferFigures {
        iterations_per_s,
        upload_share: share(moved.upload_ns),
        read_back_share: share(moved.read_back_ns),
        uploaded_bytes_per_transition: of_transition(moved.uploaded_bytes),
        read_back_bytes_per_transition: of_transition(moved.read_back_bytes),
    })
}

fn nanoseconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
