//! The `gfn-bench` program from outside: what it writes, what it says, and what a kill or a full disk leaves.
#![cfg(feature = "cli")]

mod bad_input;
mod commands;
mod data_files;
mod determinism;
mod early_stopping;
mod energy_learning;
#[cfg(target_os = "linux")]
mod full_disk;
mod health;
mod interruption;
mod log_z_init;
mod program;
mod refused;
mod shipped;
mod suites;
mod summary;
