//! Bytes and time of transfers between host memory and a device, counted while somebody asks for it.
//!
//! Devices queue their work, so the time of a call says little about the transfer in it. While a measurement runs, the
//! device is made to finish what it was given before each transfer, and the transfer itself before the clock is read
//! again: what is counted is the transfer alone, from host memory to device memory or back, with the conversion of types
//! that goes with it. These waits cost time of their own and take away what runs side by side, so a program is slower while
//! it is measured; without a measurement a transfer costs one read of a flag.
//!
//! Counted are the states, masks, numbers and indices that go up and the sampled actions, logits, weights and losses that
//! come back. Parameters that are made or restored, and single numbers that an optimiser reads, are not.
//!
//! The counters are those of the whole process.

use burn::tensor::{Device, TensorData};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What was transferred during a measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// Bytes from the host to the device.
    pub uploaded_bytes: u64,
    /// Nanoseconds that they took.
    pub upload_ns: u64,
    /// Bytes from the device to the host.
    pub read_back_bytes: u64,
    /// Nanoseconds that they took.
    pub read_back_ns: u64,
}

static MEASURING: AtomicBool = AtomicBool::new(false);
static CLOCK: OnceLock<fn() -> u64> = OnceLock::new();
static UPLOAD: Counter = Counter::new();
static READ_BACK: Counter = Counter::new();

struct Counter {
    bytes: AtomicU64,
    ns: AtomicU64,
}

impl Counter {
    const fn new() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            ns: AtomicU64::new(0),
        }
    }

    /// Counts what `transfer` moves; `wait` lets the device finish.
    fn count<T>(
        &self,
        wait: impl Fn(),
        transfer: impl FnOnce() -> T,
        bytes: impl Fn(&T) -> usize,
    ) -> T {
        let now = || CLOCK.get().map_or(0, |clock| clock());
        wait();
        let start = now();
        let moved = transfer();
        wait();
        self.ns
            .fetch_add(now().saturating_sub(start), Ordering::Relaxed);
        self.bytes
            .fetch_add(bytes(&moved) as u64, Ordering::Relaxed);
        moved
    }

    fn take(&self) -> (u64, u64) {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        (take(&self.bytes), take(&self.ns))
    }
}

/// Starts to count from zero, with a clock in nanoseconds: this crate has none. The clock of the first measurement of a
/// process is that of all.
pub fn start(clock: fn() -> u64) {
    CLOCK.get_or_init(|| clock);
    UPLOAD.take();
    READ_BACK.take();
    MEASURING.store(true, Ordering::Relaxed);
}

/// Whether a measurement runs.
pub fn measuring() -> bool {
    MEASURING.load(Ordering::Relaxed)
}

/// Ends the measurement and returns what it has counted.
pub fn stop() -> Transfers {
    MEASURING.store(false, Ordering::Relaxed);
    let ((uploaded_bytes, upload_ns), (read_back_bytes, read_back_ns)) =
        (UPLOAD.take(), READ_BACK.take());
    Transfers {
        uploaded_bytes,
        upload_ns,
        read_back_bytes,
        read_back_ns,
    }
}

/// Makes a tensor of `data` on `device`, as an upload.
pub fn upload<T>(data: TensorData, device: &Device, make: impl FnOnce(TensorData) -> T) -> T {
    upload_and_wait(data, || wait(device), make)
}

/// [`upload`] inside a kernel, where devices have another type: `wait` lets the device finish.
pub fn upload_and_wait<T>(
    data: TensorData,
    wait: impl Fn(),
    make: impl FnOnce(TensorData) -> T,
) -> T {
    if !measuring() {
        return make(data);
    }
    let bytes = data.as_bytes().len();
    UPLOAD.count(wait, || make(data), |_| bytes)
}

/// Reads data back from `device`.
pub fn read_back(device: &Device, read: impl FnOnce() -> TensorData) -> TensorData {
    if !measuring() {
        return read();
    }
    READ_BACK.count(|| wait(device), read, |data| data.as_bytes().len())
}

fn wait(device: &Device) {
    // A device that cannot finish says so where its results are used.
    device.sync().ok();
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::tensor::Tensor;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn a_measurement_counts_what_is_moved_while_it_runs() {
        // A clock that moves by 5 whenever it is read.
        fn clock() -> u64 {
            static NOW: AtomicU64 = AtomicU64::new(0);
            NOW.fetch_add(5, Ordering::Relaxed)
        }
        let device = Device::flex();
        let there_and_back = || {
            let data = TensorData::new(vec![1.0f32, 2.0, 3.0], [3]);
            let tensor: Tensor<1> = upload(data, &device, |data| Tensor::from_data(data, &device));
            let back = read_back(&device, || tensor.sum().into_data());
            assert_eq!(back.iter::<f32>().next(), Some(6.0));
        };
        there_and_back();
        start(clock);
        assert!(measuring());
        there_and_back();
        there_and_back();
        let expected = Transfers {
            uploaded_bytes: 24,
            upload_ns: 10,
            read_back_bytes: 8,
            read_back_ns: 10,
        };
        assert_eq!(stop(), expected);
        there_and_back();
        assert!(!measuring());
        assert_eq!(stop(), Transfers::default());
    }
}
