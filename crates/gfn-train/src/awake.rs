//! Worker threads that stay awake between the parallel parts of an iteration.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whether threads are kept awake by someone.
static HELD: AtomicBool = AtomicBool::new(false);

/// How long [`AwakeThreads::new`] waits for threads that are busy elsewhere.
const PATIENCE: Duration = Duration::from_millis(2);

/// Keeps the other threads of the current pool looking for work until it is dropped.
///
/// A parallel part of a small iteration takes some hundred microseconds; to wake a sleeping thread takes as long on
/// many machines. Work goes first: a thread that looks for it takes any that the pool has.
///
/// Threads that are busy when it is made sleep as they would without it, and there is one at a time: another that is made
/// meanwhile does nothing. Both keep a thread from looking for work while work that it has begun waits below on its stack.
#[derive(Debug)]
pub struct AwakeThreads {
    kept: Option<Arc<Kept>>,
}

#[derive(Debug)]
struct Kept {
    entrance: Mutex<Entrance>,
    stop: AtomicBool,
}

/// Who may still begin to look for work.
///
/// A thread that waits for a part of a job may be given any other job meanwhile, this endless one too, and would not come back
/// to the first before the end. So threads begin while there is no job of the caller yet, or not at all.
#[derive(Debug)]
struct Entrance {
    is_open: bool,
    entered: usize,
}

impl Kept {
    fn entrance(&self) -> MutexGuard<'_, Entrance> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enters(&self) -> bool {
        let mut entrance = self.entrance();
        entrance.entered += usize::from(entrance.is_open);
        entrance.is_open
    }
}

impl AwakeThreads {
    /// For the pool of the current thread.
    #[must_use]
    pub fn new() -> Self {
        if HELD.swap(true, Ordering::AcqRel) {
            return Self { kept: None };
        }
        let kept = Arc::new(Kept {
            entrance: Mutex::new(Entrance {
                is_open: true,
                entered: 0,
            }),
            stop: AtomicBool::new(false),
        });
        let own = rayon::current_thread_index();
        let shared = Arc::clone(&kept);
        rayon::spawn_broadcast(move |thread| {
            if Some(thread.index()) == own || !shared.enters() {
                return;
            }
            while !shared.stop.load(Ordering::Relaxed) {
                if rayon::yield_now() != Some(rayon::Yield::Executed) {
                    std::hint::spin_loop();
                }
            }
        });
        let others = rayon::current_num_threads() - usize::from(own.is_some());
        let start = Instant::now();
        while kept.entrance().entered < others && start.elapsed() < PATIENCE {
            std::thread::yield_now();
        }
        kept.entrance().is_open = false;
        Self { kept: Some(kept) }
    }
}

impl Default for AwakeThreads {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for AwakeThreads {
    fn drop(&mut self) {
        if let Some(kept) = &self.kept {
            kept.stop.store(true, Ordering::Relaxed);
            HELD.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
    use std::sync::mpsc;

    /// Joins within joins, which make threads wait for each other.
    fn work() -> u64 {
        let inner = |i: u64| (0..64).into_par_iter().map(|j| i ^ j).sum::<u64>();
        (0..16_u64).into_par_iter().map(inner).sum()
    }

    /// `work` many times, each with threads that were just told to stay awake.
    fn rounds() {
        for _ in 0..300 {
            let _awake = AwakeThreads::new();
            assert_eq!(work(), work());
        }
    }

    /// Whether `work` ends in time; where not, its threads stay behind.
    fn ends(work: impl FnOnce() + Send + 'static) -> bool {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            work();
            sender.send(()).ok();
        });
        receiver.recv_timeout(Duration::from_secs(60)).is_ok()
    }

    fn pool() -> rayon::ThreadPool {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(3);
        builder.build().expect("three threads")
    }

    #[test]
    fn work_ends_that_begins_while_threads_are_told_to_stay_awake() {
        // From within a pool, and by two from outside who share one.
        let all = || {
            pool().install(rounds);
            let two = [(); 2].map(|()| std::thread::spawn(rounds));
            for one in two {
                one.join().expect("the sums are right");
            }
        };
        assert!(ends(all), "threads wait for each other");
    }

    /// The one that keeps threads awake, when others have let go.
    fn holder() -> AwakeThreads {
        loop {
            let awake = AwakeThreads::new();
            if awake.kept.is_some() {
                return awake;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_is_busy_is_not_kept() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        let goes_on = pool.expect("two threads").install(|| {
            let (started, has_started) = mpsc::channel();
            let (go, goes) = mpsc::channel();
            let (done, is_done) = mpsc::channel();
            rayon::spawn(move || {
                started.send(()).ok();
                goes.recv().ok();
                // As a thread does that waits for a part of its job.
                rayon::yield_now();
                done.send(()).ok();
            });
            has_started.recv().expect("the other thread takes it");
            let awake = holder();
            go.send(()).expect("the job waits");
            let goes_on = is_done.recv_timeout(Duration::from_secs(20)).is_ok();
            drop(awake);
            goes_on
        });
        assert!(
            goes_on,
            "the job waits for the end of what keeps its thread awake"
        );
    }

    #[test]
    fn one_at_a_time() {
        let ended = ends(|| {
            pool().install(|| {
                let outer = AwakeThreads::new();
                let inner = AwakeThreads::new();
                assert!(outer.kept.is_none() || inner.kept.is_none());
            });
        });
        assert!(ended);
    }
}
