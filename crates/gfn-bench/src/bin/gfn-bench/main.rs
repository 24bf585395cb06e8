//! The `gfn-bench` program: run experiments and suites, resume, sample, report, compare.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

/// Every iteration makes and drops the same tensors; the system's allocator hands their pages back in between.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod classifier;
mod list;
mod progress;
mod suite;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use gfn_bench::report;
use gfn_bench::run::{self, Progress, RunOptions, file};
use gfn_bench::speed::{self, SpeedConfig};
use gfn_bench::{DeviceSpec, Experiment};
use gfn_policy::{Kernels, Sampling};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Train, evaluate and compare GFlowNets.
#[derive(Debug, Parser)]
#[command(name = "gfn-bench", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment file, or go on with it where it was interrupted.
    Run(RunArgs),
    /// Go on with the run in a folder.
    Resume {
        /// Run folder.
        folder: PathBuf,
        /// Threads; all cores where left out.
        #[arg(long)]
        threads: Option<usize>,
        /// How progress is shown.
        #[arg(long, value_enum, default_value_t = ProgressStyle::Bar)]
        progress: ProgressStyle,
    },
    /// Sample objects from the policy in a run folder, as CSV with their log-reward.
    Sample {
        /// Run folder.
        folder: PathBuf,
        /// How many objects.
        #[arg(short = 'n', long, default_value_t = 100)]
        number: usize,
        /// Which samples.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Write the report of the run folders below the given ones.
    Report {
        /// Folders with runs below them.
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// Where the report goes.
        #[arg(long, default_value = "runs/report")]
        out: PathBuf,
    },
    /// Compare the runs below two folders.
    Compare {
        /// First folder.
        a: PathBuf,
        /// Second folder.
        b: PathBuf,
    },
    /// List environments, objectives, behaviours, suites and devices.
    List {
        /// Folder of the suites.
        #[arg(long, default_value = "experiments")]
        experiments: PathBuf,
    },
    /// Run a suite and write its report; finished runs are skipped.
    Suite(suite::SuiteArgs),
    /// Print a suite's report, or copy report.md, its plots and report.json to a folder that is kept under version control.
    ReportSuite {
        /// Folder of the suite's runs.
        folder: PathBuf,
        /// Where the copies go.
        #[arg(long)]
        publish: Option<PathBuf>,
    },
    /// Measure training iterations per second on a fixed workload; prints one line of JSON.
    Speed(SpeedArgs),
    /// Fit the classifier of antimicrobial peptides anew and print its held-out figures.
    AntimicrobialClassifier(classifier::ClassifierArgs),
    /// Compare a device with flex on an experiment; prints one line of JSON.
    #[command(hide = true)]
    Parity(suite::ParityArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Experiment file.
    experiment: PathBuf,
    /// Device, for example flex, ndarray, wgpu, cuda:0.
    #[arg(long)]
    device: Option<String>,
    /// Seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Change an entry of the experiment: key=value with a dotted key; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Run folder; runs/NAME/DEVICE/seed-N where left out.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Threads; all cores where left out. Results do not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// How progress is shown.
    #[arg(long, value_enum, default_value_t = ProgressStyle::Bar)]
    progress: ProgressStyle,
}

#[derive(Debug, Args)]
struct SpeedArgs {
    /// Workload.
    #[arg(long, default_value = "tb-hypergrid-4d")]
    workload: String,
    /// Trajectories of an iteration.
    #[arg(long, default_value_t = 16)]
    batch_size: usize,
    /// Cells along each coordinate of a hypergrid.
    #[arg(long, default_value_t = 20)]
    side: usize,
    /// Plain tensor operations instead of fused ones.
    #[arg(long)]
    composed: bool,
    /// Where trajectories are sampled: where it is faster, from a copy of the weights on the host, or on the device.
    #[arg(long, value_enum, default_value_t = SamplingPlace::Automatic)]
    sampling: SamplingPlace,
    /// Measure transfers between host and device in a further window.
    #[arg(long)]
    transfers: bool,
    /// Device.
    #[arg(long, default_value = "flex")]
    device: String,
    /// Probability of the exit in every state; 0 samples from the policy itself.
    #[arg(long, default_value_t = 0.0)]
    stop_probability: f64,
    /// Length of a window.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Number of windows.
    #[arg(long, default_value_t = 3)]
    windows: usize,
    /// Iterations before the first window.
    #[arg(long, default_value_t = 50)]
    warm_up: u64,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Where trajectories are sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SamplingPlace {
    /// By the size of the batch on an accelerator, on the host elsewhere.
    Automatic,
    /// From a copy of the weights on the host.
    Host,
    /// On the device.
    Device,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProgressStyle {
    /// A bar on the terminal.
    Bar,
    /// Lines of JSON on standard output.
    Json,
    /// Nothing.
    None,
}

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", run::explain(&error));
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run(args) => run_experiment(&args),
        Command::Resume {
            folder,
            threads,
            progress,
        } => {
            let config = folder.join(file::CONFIG);
            if !config.exists() {
                bail!(
                    "{} is not a run folder: it has no {}",
                    folder.display(),
                    file::CONFIG
                );
            }
            let experiment = Experiment::load(&config, &[])?;
            run_in(&experiment, &folder, threads, progress)
        }
        Command::Sample {
            folder,
            number,
            seed,
        } => {
            let mut out = std::io::stdout().lock();
            run::sample_csv(&folder, number, seed, &mut out)?;
            out.flush().context("cannot write to standard output")
        }
        Command::Report { folders, out } => {
            let runs = report::collect(&folders)?;
            let name = out
                .file_name()
                .map_or_else(|| "report".into(), |n| n.to_string_lossy().into_owned());
            let paths = report::write_report(&name, &runs, &[], &[], &out)?;
            println!("{}", suite::terminal_table(&report::results_table(&runs)));
            println!("{}", paths.html.display());
            Ok(())
        }
        Command::Compare { a, b } => {
            let comparison = report::compare(&report::collect(&[a])?, &report::collect(&[b])?);
            println!("{}", suite::terminal_table(&comparison.to_table()));
            Ok(())
        }
        Command::List { experiments } => {
            list::print(&experiments);
            Ok(())
        }
        Command::Suite(args) => suite::run(&args),
        Command::ReportSuite { folder, publish } => match publish {
            Some(target) => report::publish(&folder, &target),
            None => {
                let path = folder.join("report.md");
                let text = std::fs::read_to_string(&path).with_context(|| {
                    format!("cannot read {}: run the suite first", path.display())
                })?;
                println!("{text}");
                Ok(())
            }
        },
        Command::Speed(args) => measure_speed(args),
        Command::AntimicrobialClassifier(args) => classifier::fit(&args),
        Command::Parity(args) => suite::parity(&args),
    }
}

/// The pool is the process's: rollouts and CPU backends share it.
fn use_threads(threads: Option<usize>) -> Result<usize> {
    let threads =
        threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if threads == 0 {
        bail!("--threads is at least 1");
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
        .context("cannot start threads")?;
    Ok(threads)
}

fn run_experiment(args: &RunArgs) -> Result<()> {
    let mut experiment = Experiment::load(&args.experiment, &args.overrides)?;
    if let Some(device) = &args.device {
        experiment.device.clone_from(device);
    }
    if let Some(seed) = args.seed {
        experiment.seed = seed;
    }
    let spec: DeviceSpec = experiment.device.parse().context("at `device`")?;
    let folder = args.out.clone().unwrap_or_else(|| {
        Path::new("runs")
            .join(&experiment.name)
            .join(spec.folder())
            .join(format!("seed-{}", experiment.seed))
    });
    run_in(&experiment, &folder, args.threads, args.progress)
}

fn run_in(
    experiment: &Experiment,
    folder: &Path,
    threads: Option<usize>,
    style: ProgressStyle,
) -> Result<()> {
    let threads = use_threads(threads)?;
    let bar = (style == ProgressStyle::Bar)
        .then(|| progress::bar(experiment.budget.iterations, &experiment.name));
    let mut tell = |p: &Progress| match (&bar, style) {
        (Some(bar), _) => {
            for diagnosis in &p.diagnoses {
                bar.suspend(|| eprintln!("{diagnosis}"));
            }
            progress::update(bar, p);
        }
        (None, ProgressStyle::Json) => {
            if let Ok(line) = serde_json::to_string(p) {
                println!("{line}");
            }
        }
        (None, _) => {
            for diagnosis in &p.diagnoses {
                eprintln!("{diagnosis}");
            }
        }
    };
    let options = RunOptions {
        threads,
        progress: &mut tell,
    };
    let summary = run::run(experiment, folder, options)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
        for name in [
            "exact.tv",
            "exact.l1_sum",
            "log_z",
            "log_z_error",
            "modes_found",
            "speed.iterations_per_s",
        ] {
            if let Some(value) = summary.figure(name) {
                println!("{name:>24} {value:.6}");
            }
        }
        if let Some(reason) = summary.text("stopped") {
            println!("{:>24} {reason}", "stopped");
        }
        println!("{}", folder.display());
    }
    Ok(())
}

fn measure_speed(args: SpeedArgs) -> Result<()> {
    let device = args.device.parse::<DeviceSpec>()?.open()?;
    let threads = use_threads(Some(args.threads))?;
    let config = SpeedConfig {
        workload: args.workload,
        batch_size: args.batch_size,
        side: args.side,
        kernels: if args.composed {
            Kernels::Composed
        } else {
            Kernels::Fused
        },
        sampling: match args.sampling {
            SamplingPlace::Automatic => Sampling::Automatic,
            SamplingPlace::Host => Sampling::Host,
            SamplingPlace::Device => Sampling::Device,
        },
        transfers: args.transfers,
        stop_probability: args.stop_probability,
        seconds: args.seconds,
        windows: args.windows,
        warm_up: args.warm_up,
        threads,
        seed: args.seed,
    };
    println!(
        "{}",
        serde_json::to_string(&speed::measure(&config, &device)?)?
    );
    Ok(())
}
