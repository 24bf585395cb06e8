//! `cargo xtask bench`: build with the backends that are asked for, and no others, then run a suite.

use std::ffi::OsString;

use anyhow::{Result, bail};
use xshell::cmd;

use crate::flags::Bench;
use crate::workspace::Workspace;

/// The suite without `--suite`.
const DEFAULT_SUITE: &str = "smoke";

/// Not a folder of experiments: iterations per second beside other libraries and the arithmetic.
pub(crate) const SPEED_SUITE: &str = "speed";

/// Devices and the feature of `gfn-bench` that compiles each in; flex is always compiled.
const DEVICES: &[(&str, Option<&str>)] = &[
    ("flex", None),
    ("ndarray", Some("ndarray")),
    ("wgpu", Some("wgpu")),
    ("vulkan", Some("vulkan")),
    ("cuda", Some("cuda")),
    ("cpu", Some("cpu")),
];

/// Suites that need more than the default device.
const SUITE_DEVICES: &[(&str, &str)] = &[("backends", "flex,ndarray,wgpu")];

pub(crate) fn run(workspace: &Workspace, flags: &Bench) -> Result<()> {
    let suite = flags.suite.as_deref().unwrap_or(DEFAULT_SUITE);
    if suite == SPEED_SUITE {
        return speed(workspace, flags);
    }
    let devices = flags.devices.as_deref().or_else(|| default_devices(suite));
    let program = workspace.build_release(&features(devices.unwrap_or("flex"))?)?;
    let arguments = suite_arguments(flags, devices);
    cmd!(workspace.shell, "{program} suite {suite} {arguments...}").run()?;
    Ok(())
}

/// The comparison with other libraries, under the name that its report has among the suites.
fn speed(workspace: &Workspace, flags: &Bench) -> Result<()> {
    if flags.seeds.is_some() || flags.jobs.is_some() {
        bail!("--suite speed measures one program at a time: it has no --seeds and --jobs");
    }
    if let Some(devices) = &flags.devices {
        let features = features(devices)?;
        if flags.dry_run {
            println!(
                "benches/peers/accelerators.py --devices {devices}: our program on each device, and gfnx on the same \
                 card where its JAX sees one"
            );
            return Ok(());
        }
        return crate::peers::measure_devices(workspace, devices, &features, &flags.arguments);
    }
    if flags.dry_run {
        println!(
            "benches/peers/compare.py: our program and the drivers of other libraries in turn"
        );
        return Ok(());
    }
    crate::peers::measure(workspace, "runs/speed", &flags.arguments)
}

fn default_devices(suite: &str) -> Option<&'static str> {
    SUITE_DEVICES
        .iter()
        .find(|(name, _)| *name == suite)
        .map(|(_, devices)| *devices)
}

/// The features that a list of devices needs: each once, in the order of [`DEVICES`].
///
/// What follows a colon (`cuda:1`, `wgpu:cpu`) is left to the program, which can look at the machine.
fn features(devices: &str) -> Result<Vec<String>> {
    let asked: Vec<&str> = devices
        .split(',')
        .map(|device| device.split(':').next().unwrap_or_default().trim())
        .collect();
    for device in &asked {
        if !DEVICES.iter().any(|(name, _)| name == device) {
            let known: Vec<&str> = DEVICES.iter().map(|(name, _)| *name).collect();
            bail!(
                "--devices {devices}: unknown device `{device}`; known are {} (with an index or a kind after a \
                 colon where the backend has them, as in cuda:0 or wgpu:cpu)",
                known.join(", ")
            );
        }
    }
    Ok(DEVICES
        .iter()
        .filter(|(name, _)| asked.contains(name))
        .filter_map(|(_, feature)| feature.map(str::to_owned))
        .collect())
}

fn suite_arguments(flags: &Bench, devices: Option<&str>) -> Vec<OsString> {
    let jobs = flags.jobs.map(|jobs| jobs.to_string());
    let options = [
        ("--devices", devices),
        ("--seeds", flags.seeds.as_deref()),
        ("--jobs", jobs.as_deref()),
    ];
    let mut arguments: Vec<OsString> = Vec::new();
    for (option, value) in options {
        if let Some(value) = value {
            arguments.extend([option.into(), value.into()]);
        }
    }
    if flags.dry_run {
        arguments.push("--dry-run".into());
    }
    arguments.extend(flags.arguments.iter().cloned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Xtask, XtaskCmd};

    fn parse(arguments: &[&str]) -> Bench {
        let arguments = arguments.iter().map(OsString::from).collect();
        match Xtask::from_vec(arguments).expect("valid flags").subcommand {
            XtaskCmd::Bench(flags) => flags,
            other => panic!("not bench: {other:?}"),
        }
    }

    #[test]
    fn only_the_asked_backends_are_compiled() {
        assert!(features("flex").expect("known").is_empty());
        assert_eq!(
            features("flex,ndarray,wgpu").expect("known"),
            ["ndarray", "wgpu"]
        );
        assert_eq!(
            features("cuda:0,cuda:1,wgpu:cpu").expect("known"),
            ["wgpu", "cuda"]
        );
    }

    #[test]
    fn an_unknown_device_is_refused_with_the_known_ones() {
        let message = features("flex,gpu").expect_err("unknown").to_string();
        assert!(message.contains("unknown device `gpu`"), "{message}");
        assert!(message.contains("flex, ndarray, wgpu"), "{message}");
        assert!(features("").is_err());
    }

    #[test]
    fn the_backends_suite_asks_for_three_devices() {
        assert_eq!(default_devices("backends"), Some("flex,ndarray,wgpu"));
        assert_eq!(default_devices("smoke"), None);
    }

    #[test]
    fn speed_takes_devices_and_refuses_seeds() {
        let workspace = Workspace::find().expect("a workspace");
        let dry = |arguments: &[&str]| {
            let all = [&["bench", "--suite", "speed", "--dry-run"], arguments].concat();
            run(&workspace, &parse(&all)).map_err(|error| error.to_string())
        };
        assert_eq!(dry(&["--devices", "wgpu,cuda:0"]), Ok(()));
        assert_eq!(dry(&[]), Ok(()));
        let error = dry(&["--devices", "gpu"]).expect_err("unknown");
        assert!(error.contains("unknown device `gpu`"), "{error}");
        assert!(dry(&["--seeds", "3"]).is_err());
    }

    #[test]
    fn options_reach_the_program() {
        let flags = parse(&[
            "bench",
            "--suite",
            "smoke",
            "--seeds",
            "3",
            "--jobs",
            "2",
            "--dry-run",
            "--",
            "--set",
            "a=1",
        ]);
        let arguments = suite_arguments(&flags, Some("flex"));
        let expected = [
            "--devices",
            "flex",
            "--seeds",
            "3",
            "--jobs",
            "2",
            "--dry-run",
            "--set",
            "a=1",
        ];
        assert_eq!(arguments, expected.map(OsString::from));
        assert!(suite_arguments(&parse(&["bench"]), None).is_empty());
    }
}
