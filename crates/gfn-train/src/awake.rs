//! Worker threads that stay awake between the parallel parts of an iteration.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Keeps the other threads of the current pool looking for work until it is dropped.
///
/// A parallel part of a small iteration takes some hundred microseconds; to wake a sleeping thread takes as long on
/// many machines. Work goes first: a thread that looks for it takes any that the pool has.
#[derive(Debug)]
pub struct AwakeThreads {
    stop: Arc<AtomicBool>,
}

impl AwakeThreads {
    /// For the pool of the current thread.
    #[must_use]
    pub fn new() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let own = rayon::current_thread_index();
        let until = Arc::clone(&stop);
        rayon::spawn_broadcast(move |thread| {
            if Some(thread.index()) == own {
                return;
            }
            while !until.load(Ordering::Relaxed) {
                if rayon::yield_now() != Some(rayon::Yield::Executed) {
                    std::hint::spin_loop();
                }
            }
        });
        Self { stop }
    }
}

impl Default for AwakeThreads {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for AwakeThreads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
