//! Devices by name: `flex`, `ndarray`, `wgpu`, `wgpu:cpu`, `wgpu:0`, `vulkan`, `cuda:0`, `cpu`.

use burn::tensor::{Device, Tensor};
use std::any::Any;
use std::fmt;
use std::panic;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// A backend of burn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Pure-Rust CPU backend, the default.
    Flex,
    /// CPU backend on the `ndarray` crate; deprecated upstream, kept while burn 0.22 has it.
    NdArray,
    /// WebGPU shaders through Vulkan, Metal or DirectX 12.
    Wgpu,
    /// SPIR-V through Vulkan.
    Vulkan,
    /// NVIDIA GPUs.
    Cuda,
    /// `CubeCL`'s just-in-time CPU backend.
    Cpu,
}

/// A backend and which of its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Backend.
    pub backend: Backend,
    /// Which device; `None` is the backend's best.
    pub index: Option<DeviceIndex>,
}

/// One of a backend's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceIndex {
    /// A GPU by number; for wgpu the number among discrete GPUs.
    Number(usize),
    /// A software adapter such as Mesa's lavapipe.
    Software,
}

/// Why a device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device has this name.
    #[error(
        "unknown device {0:?}: use one of flex, ndarray, wgpu, wgpu:cpu, wgpu:0, vulkan, cuda, cuda:0, cpu"
    )]
    Unknown(String),
    /// The program was built without the backend.
    #[error(
        "device {device} is not compiled in: build with `--features {feature}` (`cargo xtask bench --devices {device}` \
         does so by itself)"
    )]
    NotCompiled {
        /// Device asked for.
        device: String,
        /// Cargo feature that compiles it.
        feature: &'static str,
    },
    /// The backend found no adapter or driver.
    #[error("device {device} cannot be opened: {reason}; {remedy}")]
    NotFound {
        /// Device asked for.
        device: String,
        /// What the backend said.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// Every backend with its name, Cargo feature and whether this program holds it.
const BACKENDS: &[(Backend, &str, bool)] = &[
    (Backend::Flex, "flex", cfg!(feature = "flex")),
    (Backend::NdArray, "ndarray", cfg!(feature = "ndarray")),
    (Backend::Wgpu, "wgpu", cfg!(feature = "wgpu")),
    (Backend::Vulkan, "vulkan", cfg!(feature = "vulkan")),
    (Backend::Cuda, "cuda", cfg!(feature = "cuda")),
    (Backend::Cpu, "cpu", cfg!(feature = "cpu")),
];

impl Backend {
    fn entry(self) -> (&'static str, bool) {
        BACKENDS
            .iter()
            .find(|(backend, _, _)| *backend == self)
            .map_or(("", false), |&(_, name, compiled)| (name, compiled))
    }

    /// Name in device specifications, and Cargo feature.
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// Whether this program was built with the backend.
    pub fn is_compiled(self) -> bool {
        self.entry().1
    }

    /// All backends.
    pub fn all() -> impl Iterator<Item = Self> {
        BACKENDS.iter().map(|&(backend, _, _)| backend)
    }
}

impl FromStr for DeviceSpec {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index)),
            None => (text, None),
        };
        let backend = Backend::all()
            .find(|b| b.name() == name)
            .ok_or_else(unknown)?;
        let index = match (backend, index) {
            (_, None) => None,
            (Backend::Wgpu | Backend::Vulkan, Some("cpu")) => Some(DeviceIndex::Software),
            (Backend::Wgpu | Backend::Vulkan | Backend::Cuda, Some(n)) => {
                Some(DeviceIndex::Number(n.parse().ok().ok_or_else(unknown)?))
            }
            _ => return Err(unknown()),
        };
        Ok(Self { backend, index })
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.backend.name())?;
        match self.index {
            None => Ok(()),
            Some(DeviceIndex::Number(n)) => write!(f, ":{n}"),
            Some(DeviceIndex::Software) => f.write_str(":cpu"),
        }
    }
}

impl DeviceSpec {
    /// The name as a folder name (`wgpu:cpu` becomes `wgpu-cpu`).
    pub fn folder(&self) -> String {
        self.to_string().replace(':', "-")
    }

    /// Checks that the program holds the backend, without opening the device.
    ///
    /// # Errors
    ///
    /// If it was built without.
    pub fn require_compiled(&self) -> Result<(), DeviceError> {
        if self.backend.is_compiled() {
            return Ok(());
        }
        Err(DeviceError::NotCompiled {
            device: self.to_string(),
            feature: self.backend.name(),
        })
    }

    /// Opens the device and runs one small operation on it.
    ///
    /// # Errors
    ///
    /// If the backend is not compiled in, or finds no adapter or driver.
    pub fn open(&self) -> Result<Device, DeviceError> {
        self.require_compiled()?;
        let spec = *self;
        // Backends report a missing driver or adapter by a panic, at creation or at the first operation.
        quietly(move || {
            let device = spec.create();
            let sum = Tensor::<1>::from_data([1.0f32, 2.0], &device)
                .sum()
                .into_scalar::<f32>();
            (device, sum)
        })
        .and_then(|(device, sum)| {
            let right = (sum - 3.0).abs() < 1e-6;
            right
                .then_some(device)
                .ok_or_else(|| format!("it gives 1 + 2 = {sum}"))
        })
        .map_err(|reason| DeviceError::NotFound {
            device: self.to_string(),
            reason,
            remedy: self.remedy(),
        })
    }

    fn remedy(&self) -> &'static str {
        match self.backend {
            Backend::Wgpu | Backend::Vulkan => {
                "install a Vulkan driver (Debian's mesa-vulkan-drivers holds one that needs no GPU) or choose --device flex"
            }
            Backend::Cuda => {
                "install the NVIDIA driver and CUDA, check the device number, or choose --device flex"
            }
            Backend::Flex | Backend::NdArray | Backend::Cpu => "choose --device flex",
        }
    }

    fn create(self) -> Device {
        match self.backend {
            #[cfg(feature = "flex")]
            Backend::Flex => Device::flex(),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "asked for by name while burn 0.22 has it")]
            Backend::NdArray => Device::ndarray(),
            #[cfg(feature = "wgpu")]
            Backend::Wgpu => Device::wgpu(self.wgpu_kind()),
            #[cfg(feature = "vulkan")]
            Backend::Vulkan => Device::vulkan(self.wgpu_kind()),
            #[cfg(feature = "cuda")]
            Backend::Cuda => Device::cuda(match self.index {
                Some(DeviceIndex::Number(n)) => n,
                _ => 0,
            }),
            #[cfg(feature = "cpu")]
            Backend::Cpu => Device::cpu(),
            #[cfg(not(all(
                feature = "flex",
                feature = "ndarray",
                feature = "wgpu",
                feature = "vulkan",
                feature = "cuda",
                feature = "cpu"
            )))]
            other => unreachable!("`open` has refused {other:?}, which is not compiled in"),
        }
    }

    #[cfg(feature = "wgpu")]
    fn wgpu_kind(self) -> burn::tensor::DeviceKind {
        use burn::tensor::DeviceKind;
        match self.index {
            None => DeviceKind::DefaultDevice,
            Some(DeviceIndex::Number(n)) => DeviceKind::DiscreteGpu(n),
            Some(DeviceIndex::Software) => DeviceKind::Cpu,
        }
    }
}

/// Runs `f` without the default panic message; the text of the first panic is the error.
///
/// A backend's own thread may panic first, and the caller then only because nobody answers it.
fn quietly<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    // The hook is the process's: two callers at once would restore each other's.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let first = Arc::new(Mutex::new(None));
    let note = Arc::clone(&first);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let mut first = note.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| text_of(info.payload()));
    }));
    let result = panic::catch_unwind(panic::AssertUnwindSafe(f));
    panic::set_hook(hook);
    result.map_err(|payload| {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| text_of(payload.as_ref()))
    })
}

/// The first lines of a panic's message, as one.
fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("the backend gave no reason");
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .take(3)
        .collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_printed() {
        for name in [
            "flex", "ndarray", "wgpu", "wgpu:cpu", "wgpu:1", "vulkan", "cuda", "cuda:0", "cpu",
        ] {
            assert_eq!(name.parse::<DeviceSpec>().unwrap().to_string(), name);
        }
        for name in ["", "gpu", "flex:0", "cuda:x", "cuda:cpu", "wgpu:"] {
            let error = name.parse::<DeviceSpec>().unwrap_err();
            assert_eq!(error, DeviceError::Unknown(name.to_owned()));
            assert!(error.to_string().contains("use one of flex"), "{error}");
        }
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        let missing = Backend::all().find(|b| !b.is_compiled()).unwrap();
        let error = DeviceSpec {
            backend: missing,
            index: None,
        }
        .open()
        .unwrap_err()
        .to_string();
        assert!(
            error.contains(&format!("--features {}", missing.name())),
            "{error}"
        );
    }

    #[test]
    fn panics_become_reasons() {
        assert_eq!(
            quietly(|| -> () { panic!("no adapter\n\n  found") }),
            Err("no adapter found".to_owned())
        );
        // As a backend does that works in a thread of its own.
        let asked = || {
            std::thread::spawn(|| -> () {
                panic!("no driver");
            })
            .join()
            .unwrap();
        };
        assert_eq!(quietly(asked), Err("no driver".to_owned()));
    }
}
