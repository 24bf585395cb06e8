//! Fused operations, and what a new one needs.
//!
//! Small batches spend their time in the overhead of single tensor operations. A *kernel* does in one operation, forward
//! and backward, what would otherwise be many. Every kernel has a *composed* form in plain tensor operations: that is
//! what it means, what runs on a backend without the kernel, and what the parity tests hold it to.
//! [`Kernels::Composed`] asks for it.
//!
//! To add a kernel, follow `log_ratio.rs`, the smallest one. Its file has, from top to bottom:
//!
//! 1. the function that callers use: the kernel where [`Kernels::run_on`] says so, the composed form elsewhere;
//! 2. the backend extension, a trait with a forward and a backward function (`#[backend_extension]` makes the dispatch);
//! 3. the loops for host memory, over slices, for `f32` and `f64`, shared by all [`HostBackend`]s;
//! 4. the registration with automatic differentiation, which says what the backward pass keeps.
//!
//! The CubeCL form, for GPUs, lies in the file of the same name in `cube/`.
#![cfg_attr(
    feature = "ndarray",
    expect(
        deprecated,
        reason = "burn deprecates ndarray; it runs here for as long as it is kept there"
    )
)]

#[cfg(feature = "cube")]
pub mod cube;
pub mod host;
pub(crate) mod log_ratio;
pub(crate) mod sub_trajectory_residual;
pub(crate) mod transition_residual;

pub use host::{HostBackend, HostFloat, HostValues};

use burn::tensor::Device;

/// Which implementation of the fused operations is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Kernels {
    /// The kernels, on devices that have them; the default.
    #[default]
    Fused,
    /// Plain tensor operations everywhere: the reference that the kernels are tested against.
    Composed,
}

/// Where the tensors of a device lie, as far as kernels are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Host,
    #[cfg(feature = "cube")]
    Cube,
    Elsewhere,
}

impl Kernels {
    /// Whether a kernel that exists for host memory and in CubeCL runs for tensors of `device`.
    #[must_use]
    pub fn run_on(self, device: &Device) -> bool {
        self == Self::Fused && place(device) != Place::Elsewhere
    }

    /// Whether a kernel that exists for host memory alone runs for tensors of `device`.
    #[must_use]
    pub fn run_on_host(self, device: &Device) -> bool {
        self == Self::Fused && place(device) == Place::Host
    }
}

fn place(device: &Device) -> Place {
    use burn::backend::DispatchDevice;

    #[allow(
        unreachable_patterns,
        clippy::allow_attributes,
        reason = "which variants there are depends on the features of burn"
    )]
    fn of(device: &DispatchDevice) -> Place {
        match device {
            DispatchDevice::Autodiff(inner) => of(inner),
            #[cfg(feature = "flex")]
            DispatchDevice::Flex(_) => Place::Host,
            #[cfg(feature = "ndarray")]
            DispatchDevice::NdArray(_) => Place::Host,
            #[cfg(feature = "cube")]
            DispatchDevice::Cube(_) => Place::Cube,
            _ => Place::Elsewhere,
        }
    }
    of(device.as_dispatch())
}

/// What the backward function of a kernel does where it would be differentiated itself: nothing needs that.
///
/// # Panics
///
/// Always.
pub fn not_differentiated_twice<T>() -> T {
    panic!("the backward pass of a kernel is not differentiated: ask for Kernels::Composed")
}
