//! The command line of `cargo xtask`.

use std::ffi::OsString;
use std::path::PathBuf;

xflags::xflags! {
    /// Tasks of the workspace.
    cmd xtask {
        /// Build the program in release mode and run a suite of experiments.
        cmd bench {
            /// Suite to run (default: smoke).
            optional --suite suite: String
            /// Devices, separated by commas: flex, ndarray, wgpu, wgpu:cpu, vulkan, cuda:0, cpu.
            optional --devices devices: String
            /// Number of seeds, or the seeds separated by commas.
            optional --seeds seeds: String
            /// Cells of the suite that run at the same time.
            optional --jobs jobs: u32
            /// Print what would run, and run nothing.
            optional --dry-run
            /// Further arguments for `gfn-bench suite`, after `--`.
            repeated arguments: OsString
        }
        /// Run every test and documentation test of the workspace.
        cmd test {
            /// Leave the wgpu backend out: it takes most of the compile time.
            optional --no-wgpu
            /// Further arguments for `cargo test`: a filter, or options after `--`.
            repeated arguments: OsString
        }
        /// Run everything that a change has to pass, in the order of what fails fastest.
        cmd ci {
            /// Leave the wgpu backend out: it takes most of the compile time.
            optional --no-wgpu
        }
        /// Check layers, manifests, the registry of names and the text of the sources. Compiles nothing.
        cmd tidy {}
        /// Measure gfnx, torchgfn and this workspace side by side.
        cmd peers {
            /// Install the other libraries and build ours, and measure nothing.
            optional --setup-only
            /// Two short windows for each library: shows that everything runs, proves nothing.
            optional --quick
            /// Further arguments for `benches/peers/compare.py`, after `--`.
            repeated arguments: OsString
        }
        /// Write the report of a finished suite again.
        cmd report {
            /// Name of the suite: the folder under `runs/`.
            required suite: String
            /// Copy report, plots and figures to `docs/studies/`, which is committed.
            optional --publish
        }
        /// Compare two run folders or two suites.
        cmd compare {
            /// The first folder.
            required left: PathBuf
            /// The second folder.
            required right: PathBuf
        }
    }
}
