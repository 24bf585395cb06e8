//! Suites: a folder of experiment files, run on devices and seeds, that ends with one report.
//!
//! `experiments/NAME/suite.toml` holds the defaults, every other `*.toml` beside it is an experiment. Cells run as
//! processes of their own, so that a crash of one (a GPU driver, say) is a row of the report and not the end of the
//! suite; finished cells are skipped and interrupted ones go on from their checkpoints.

mod cells;
mod expectations;
mod matrix;
pub mod parity;
mod pictures;

pub use cells::{Cell, CellEvent, run_cells};
pub use matrix::{AxisConfig, MatrixConfig, MatrixPlace};

use crate::device::DeviceSpec;
use crate::experiment::Experiment;
use crate::report::{self, ReportPaths, Run, Section};
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// `suite.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteConfig {
    /// Heading of the report.
    pub title: String,
    /// A paragraph of Markdown for the report.
    #[serde(default)]
    pub description: String,
    /// Devices where the command line names none.
    #[serde(default = "default_devices")]
    pub devices: Vec<String>,
    /// Seeds where the command line names none.
    #[serde(default = "default_seeds")]
    pub seeds: Vec<u64>,
    /// Whether devices are compared operation by operation as well.
    #[serde(default)]
    pub parity: Option<parity::ParityConfig>,
    /// Experiments made from one file and combinations of settings.
    #[serde(default)]
    pub matrix: Vec<MatrixConfig>,
    /// Groups of figures, drawn in one plot for each experiment.
    #[serde(default)]
    pub together: Vec<Vec<String>>,
    /// Figures drawn over training, a line for each experiment.
    #[serde(default)]
    pub curves: Vec<String>,
}

fn default_devices() -> Vec<String> {
    vec!["flex".to_owned()]
}

fn default_seeds() -> Vec<u64> {
    vec![0]
}

/// A suite read from its folder.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Name of the folder.
    pub name: String,
    /// Defaults.
    pub config: SuiteConfig,
    /// Experiments: those of files, sorted, then those of the matrices.
    pub experiments: Vec<SuiteExperiment>,
}

/// An experiment of a suite.
#[derive(Clone, Debug, PartialEq)]
pub struct SuiteExperiment {
    /// Its file.
    pub path: PathBuf,
    /// What is set over the file.
    pub overrides: Vec<String>,
    /// Both together.
    pub experiment: Experiment,
    /// Its place, where it belongs to a matrix.
    pub place: Option<MatrixPlace>,
}

impl Suite {
    /// Reads `experiments_folder/name`.
    ///
    /// # Errors
    ///
    /// If there is no such suite (the message lists those there are) or a file of it is wrong.
    pub fn load(experiments_folder: &Path, name: &str) -> Result<Self> {
        let folder = experiments_folder.join(name);
        let config_path = folder.join("suite.toml");
        if !config_path.exists() {
            bail!(
                "no suite {name:?}: {} does not exist; suites: {}",
                config_path.display(),
                names(experiments_folder).join(", ")
            );
        }
        let text = std::fs::read_to_string(&config_path)
            .with_context(|| format!("cannot read {}", config_path.display()))?;
        let config: SuiteConfig = toml::from_str(&text)
            .with_context(|| format!("suite file {}", config_path.display()))?;
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.retain(|p| {
            p.extension().is_some_and(|e| e == "toml") && p.file_name() != config_path.file_name()
        });
        paths.sort();
        if paths.is_empty() {
            bail!(
                "suite {name:?} has no experiment files in {}",
                folder.display()
            );
        }
        let is_base = |path: &PathBuf| {
            let mut bases = config.matrix.iter().map(|matrix| folder.join(&matrix.base));
            bases.any(|base| base == *path)
        };
        let mut experiments = Vec::new();
        for path in paths.into_iter().filter(|path| !is_base(path)) {
            experiments.push(SuiteExperiment {
                experiment: Experiment::load(&path, &[])?,
                path,
                overrides: Vec::new(),
                place: None,
            });
        }
        if experiments.is_empty() && !(config.curves.is_empty() && config.together.is_empty()) {
            bail!(
                "suite file {}: `curves` and `together` draw experiments with a file of their own, and all of this suite belong to \
                 matrices: move `curves` into [[matrix]]",
                config_path.display()
            );
        }
        for (number, matrix) in config.matrix.iter().enumerate() {
            let cells = matrix.expand(number, &folder);
            let context = || format!("suite file {}", config_path.display());
            experiments.extend(cells.with_context(context)?);
        }
        Ok(Self {
            name: name.to_owned(),
            config,
            experiments,
        })
    }

    /// The cells of the suite: experiment by device by seed, in folders below `runs/name`.
    ///
    /// # Errors
    ///
    /// If a device has no valid name or is not compiled in.
    pub fn cells(
        &self,
        runs_folder: &Path,
        devices: &[String],
        seeds: &[u64],
    ) -> Result<Vec<Cell>> {
        let mut cells = Vec::new();
        for device in devices {
            let spec: DeviceSpec = device.parse()?;
            spec.require_compiled()?;
            for SuiteExperiment {
                path,
                overrides,
                experiment,
                ..
            } in &self.experiments
            {
                for &seed in seeds {
                    let mut seeded = experiment.clone();
                    seeded.seed = seed;
                    cells.push(Cell {
                        fingerprint: seeded.fingerprint()?,
                        file: path.clone(),
                        overrides: overrides.clone(),
                        experiment: experiment.name.clone(),
                        iterations: experiment.budget.iterations,
                        early_stopping: experiment.budget.early_stopping.clone(),
                        device: spec.to_string(),
                        seed,
                        folder: runs_folder
                            .join(&self.name)
                            .join(&experiment.name)
                            .join(spec.folder())
                            .join(format!("seed-{seed}")),
                    });
                }
            }
        }
        Ok(cells)
    }

    /// Writes `report.html`, `report.md` and `report.json` of the runs below `runs/name` that belong to `cells`.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn report(
        &self,
        runs_folder: &Path,
        cells: &[Cell],
        extra: Vec<Section>,
    ) -> Result<(ReportPaths, Vec<Run>)> {
        let folder = runs_folder.join(&self.name);
        let runs: Vec<Run> = cells
            .iter()
            .filter(|cell| cell.folder.join(crate::run::file::CONFIG).exists())
            .map(|cell| Run::read(&cell.folder))
            .collect::<Result<_>>()?;
        let mut sections = Vec::new();
        if !self.config.description.is_empty() {
            sections
                .push(Section::new("What this is").with_paragraph(self.config.description.trim()));
        }
        for (number, matrix) in self.config.matrix.iter().enumerate() {
            let of_matrix = |e: &&SuiteExperiment| {
                let place = e.place.as_ref();
                place.is_some_and(|place| place.matrix == number)
            };
            let experiments: Vec<_> = self.experiments.iter().filter(of_matrix).collect();
            sections.push(matrix.section(&self.name, &experiments, &runs));
            sections.extend(matrix.curves(&experiments, &runs));
        }
        // The cells of a matrix have their table and the curves that it asks for; all figures of hundreds of runs would show nothing.
        let alone: Vec<&SuiteExperiment> = self
            .experiments
            .iter()
            .filter(|e| e.place.is_none())
            .collect();
        let is_alone = |run: &Run| alone.iter().any(|e| e.experiment.name == run.experiment);
        let (shown, tabulated): (Vec<Run>, Vec<Run>) = runs.iter().cloned().partition(is_alone);
        sections.extend(expectations::section(&self.name, &alone, &shown));
        sections.extend(extra);
        sections.extend(report::chosen_curves(
            &shown,
            &self.config.together,
            &self.config.curves,
        ));
        let visits_are_drawn = |e: &&SuiteExperiment| match &e.place {
            Some(place) => self.config.matrix[place.matrix].visits,
            None => true,
        };
        let drawn: BTreeSet<&str> = self
            .experiments
            .iter()
            .filter(visits_are_drawn)
            .map(|e| e.experiment.name.as_str())
            .collect();
        let visited = runs
            .iter()
            .filter(|run| drawn.contains(run.experiment.as_str()));
        sections.extend(pictures::sections(&shown, visited, &runs));
        let paths = report::write_report(&self.name, &shown, &tabulated, &sections, &folder)?;
        Ok((paths, runs))
    }
}

/// Names of the suites in a folder.
pub fn names(experiments_folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(experiments_folder)
        .into_iter()
        .flatten()
        .filter_map(|e| {
            let path = e.ok()?.path();
            path.join("suite.toml")
                .exists()
                .then(|| path.file_name().map(|n| n.to_string_lossy().into_owned()))?
        })
        .collect();
    names.sort();
    names
}
