//! CubeCL kernels of policies; `gfn_loss::kernels::cube` holds what they are launched with.

mod log_probability;
