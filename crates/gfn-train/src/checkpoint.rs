//! Checkpoints: one safetensors file that holds everything a run needs to continue bit for bit.
//!
//! | Entry | Content |
//! |---|---|
//! | `policy.<name>` | parameters |
//! | `adam.first.<name>`, `adam.second.<name>` | moments of the optimiser |
//! | `backward.target.<name>`, `backward.first.<name>`, `backward.second.<name>` | slow copy and moments of a P_B that is trained by itself |
//! | metadata `backward.step`, `backward.buffer` | its updates, and the actions of its buffer: `,` between actions, a space between trajectories, `;` between batches |
//! | `target.<name>` | the target network |
//! | `critic.network.<name>`, `critic.adam.first.<name>`, `critic.adam.second.<name>` | a critic and its moments; metadata `critic.step` counts its updates |
//! | `backward.critic.*` | the same of the critic of P_B |
//! | metadata `guide.seen` | objects that a guide may look at: the bits of the log-reward in hexadecimal, `:`, actions with `,` between; a space between objects |
//! | `source.<i>.tensor.<name>`, `source.<i>.bytes.<name>` | state of source `i` of trajectories: tensors, and bytes in a form of its own (U8) |
//! | metadata `sources` | number of sources, where there are any |
//! | metadata `format` | `gfn-checkpoint-1` |
//! | metadata `experiment` | fingerprint of the experiment that wrote it |
//! | metadata `iteration`, `adam.step` | counters |
//! | metadata `extra.<name>` | state of observers, as they wrote it |
//!
//! Random generators are keyed by iteration and lane, so no generator state is saved.

use crate::files::{FileError, write_atomically};
use crate::{AdamState, BackwardState, CriticState, KeptObject, TrainerState};
use gfn_explore::SavedSource;
use gfn_policy::{
    NamedTensor, ParametersError, from_safetensors_with_bytes, to_safetensors_with_bytes,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FORMAT: &str = "gfn-checkpoint-1";

/// Entry of the state of intrinsic rewards.
const INTRINSIC: &str = "intrinsic";

/// A run at some iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Fingerprint of the experiment: a checkpoint continues only the experiment that wrote it.
    pub experiment: String,
    /// Trainer state.
    pub trainer: TrainerState,
    /// State of observers (windows of samples, bests, elapsed time) by name.
    pub extra: BTreeMap<String, String>,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Cut short or no safetensors file.
    #[error("{path}: {source}; delete it to start again or restore a copy")]
    Content {
        /// File.
        path: String,
        /// What is wrong.
        source: ParametersError,
    },
    /// A safetensors file, but not one of ours.
    #[error("{path} is not a checkpoint of this program: its metadata has no valid `{key}`")]
    Foreign {
        /// File.
        path: String,
        /// Missing or unreadable key.
        key: &'static str,
    },
    /// Written by another experiment.
    #[error(
        "{path} belongs to another experiment (fingerprint {found}, this one has {expected}): resume with the \
         configuration that wrote it, or start in a new folder"
    )]
    OtherExperiment {
        /// File.
        path: String,
        /// Fingerprint of the running experiment.
        expected: String,
        /// Fingerprint in the file.
        found: String,
    },
}

impl Checkpoint {
    /// Writes the checkpoint in one piece: the file at `path` is the old one or the new one, never half.
    ///
    /// # Errors
    ///
    /// If the file cannot be written; the old one stays.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let mut tensors = BTreeMap::new();
        let state = &self.trainer;
        let mut groups = vec![
            ("policy.", &state.parameters),
            ("adam.first.", &state.optimiser.first),
            ("adam.second.", &state.optimiser.second),
            ("backward.target.", &state.backward.target),
            ("target.", &state.target),
        ];
        if let Some(optimiser) = &state.backward.optimiser {
            groups.push(("backward.first.", &optimiser.first));
            groups.push(("backward.second.", &optimiser.second));
        }
        let critics = critics(state);
        for (prefix, critic) in &critics {
            groups.push((prefix.parameters, &critic.parameters));
            groups.push((prefix.first, &critic.optimiser.first));
            groups.push((prefix.second, &critic.optimiser.second));
        }
        for (prefix, group) in groups {
            tensors.extend(
                group
                    .iter()
                    .map(|(name, t)| (format!("{prefix}{name}"), t.clone())),
            );
        }
        let mut metadata = BTreeMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("experiment".to_owned(), self.experiment.clone()),
            ("iteration".to_owned(), state.iteration.to_string()),
            ("adam.step".to_owned(), state.optimiser.step.to_string()),
        ]);
        if let Some(optimiser) = &state.backward.optimiser {
            metadata.insert("backward.step".to_owned(), optimiser.step.to_string());
        }
        for (prefix, critic) in &critics {
            metadata.insert(prefix.step.to_owned(), critic.optimiser.step.to_string());
        }
        if !state.backward.buffer.is_empty() {
            let text = buffer_to_text(&state.backward.buffer);
            metadata.insert("backward.buffer".to_owned(), text);
        }
        if !state.seen.is_empty() {
            metadata.insert("guide.seen".to_owned(), seen_to_text(&state.seen));
        }
        let mut blobs = BTreeMap::new();
        if !state.intrinsic.is_empty() {
            blobs.insert(INTRINSIC.to_owned(), state.intrinsic.clone());
        }
        if !state.sources.is_empty() {
            metadata.insert("sources".to_owned(), state.sources.len().to_string());
        }
        for (i, source) in state.sources.iter().enumerate() {
            let tensors_of = source.tensors.iter();
            tensors.extend(tensors_of.map(|(n, t)| (format!("source.{i}.tensor.{n}"), t.clone())));
            let bytes_of = source.bytes.iter();
            blobs.extend(bytes_of.map(|(n, b)| (format!("source.{i}.bytes.{n}"), b.clone())));
        }
        metadata.extend(
            self.extra
                .iter()
                .map(|(name, value)| (format!("extra.{name}"), value.clone())),
        );
        let bytes = to_safetensors_with_bytes(&tensors, &blobs, metadata)
            .map_err(|source| content(path, source))?;
        Ok(write_atomically(path, &bytes)?)
    }

    /// Reads a checkpoint, whatever experiment wrote it.
    ///
    /// # Errors
    ///
    /// If the file is missing, cut short, or no checkpoint.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path).map_err(|e| FileError::new("read", path, e))?;
        let (tensors, blobs, mut metadata) =
            from_safetensors_with_bytes(&bytes).map_err(|source| content(path, source))?;
        let foreign = |key| CheckpointError::Foreign {
            path: path.display().to_string(),
            key,
        };
        if metadata.remove("format").as_deref() != Some(FORMAT) {
            return Err(foreign("format"));
        }
        let experiment = metadata
            .remove("experiment")
            .ok_or_else(|| foreign("experiment"))?;
        let has_backward = metadata.contains_key("backward.step");
        let mut number = |key| {
            metadata
                .remove(key)
                .and_then(|v| v.parse::<u64>().ok())
                .ok_or_else(|| foreign(key))
        };
        let (iteration, step) = (number("iteration")?, number("adam.step")?);
        let backward_step = has_backward.then(|| number("backward.step")).transpose()?;
        let buffer = match metadata.remove("backward.buffer") {
            Some(text) => buffer_from_text(&text).ok_or_else(|| foreign("backward.buffer"))?,
            None => Vec::new(),
        };
        let seen = match metadata.remove("guide.seen") {
            Some(text) => seen_from_text(&text).ok_or_else(|| foreign("guide.seen"))?,
            None => Vec::new(),
        };
        let sources = match metadata.remove("sources") {
            Some(n) => n.parse().map_err(|_no_number| foreign("sources"))?,
            None => 0,
        };
        let group = |prefix: &str| -> BTreeMap<String, NamedTensor> {
            tensors
                .iter()
                .filter_map(|(name, t)| Some((name.strip_prefix(prefix)?.to_owned(), t.clone())))
                .collect()
        };
        let mut critic_of =
            |prefix: &CriticEntries| -> Result<Option<CriticState>, CheckpointError> {
                let Some(step) = metadata.remove(prefix.step) else {
                    return Ok(None);
                };
                let step = step.parse().map_err(|_no_number| foreign(prefix.step))?;
                Ok(Some(CriticState {
                    parameters: group(prefix.parameters),
                    optimiser: AdamState {
                        step,
                        first: group(prefix.first),
                        second: group(prefix.second),
                    },
                }))
            };
        let (critic, backward_critic) = (critic_of(&CRITIC)?, critic_of(&BACKWARD_CRITIC)?);
        let blobs_of = |prefix: &str| -> BTreeMap<String, Vec<u8>> {
            blobs
                .iter()
                .filter_map(|(name, b)| Some((name.strip_prefix(prefix)?.to_owned(), b.clone())))
                .collect()
        };
        Ok(Self {
            experiment,
            trainer: TrainerState {
                iteration,
                parameters: group("policy."),
                optimiser: AdamState {
                    step,
                    first: group("adam.first."),
                    second: group("adam.second."),
                },
                backward: BackwardState {
                    optimiser: backward_step.map(|step| AdamState {
                        step,
                        first: group("backward.first."),
                        second: group("backward.second."),
                    }),
                    target: group("backward.target."),
                    buffer,
                    critic: backward_critic,
                },
                seen,
                intrinsic: blobs.get(INTRINSIC).cloned().unwrap_or_default(),
                sources: (0..sources)
                    .map(|i: usize| SavedSource {
                        tensors: group(&format!("source.{i}.tensor.")),
                        bytes: blobs_of(&format!("source.{i}.bytes.")),
                    })
                    .collect(),
                critic,
                target: group("target."),
            },
            extra: metadata
                .into_iter()
                .filter_map(|(name, value)| Some((name.strip_prefix("extra.")?.to_owned(), value)))
                .collect(),
        })
    }

    /// Reads a checkpoint of the experiment with this fingerprint.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::load`], and if another experiment wrote it.
    pub fn load_for(path: &Path, experiment: &str) -> Result<Self, CheckpointError> {
        let checkpoint = Self::load(path)?;
        if checkpoint.experiment != experiment {
            return Err(CheckpointError::OtherExperiment {
                path: path.display().to_string(),
                expected: experiment.to_owned(),
                found: checkpoint.experiment,
            });
        }
        Ok(checkpoint)
    }
}

/// Names of the entries of a critic. No prefix of parameters begins another group's names.
struct CriticEntries {
    parameters: &'static str,
    first: &'static str,
    second: &'static str,
    step: &'static str,
}

const CRITIC: CriticEntries = CriticEntries {
    parameters: "critic.network.",
    first: "critic.adam.first.",
    second: "critic.adam.second.",
    step: "critic.step",
};

const BACKWARD_CRITIC: CriticEntries = CriticEntries {
    parameters: "backward.critic.network.",
    first: "backward.critic.adam.first.",
    second: "backward.critic.adam.second.",
    step: "backward.critic.step",
};

fn critics(state: &TrainerState) -> Vec<(CriticEntries, &CriticState)> {
    let forward = state.critic.as_ref().map(|critic| (CRITIC, critic));
    let backward = state.backward.critic.as_ref();
    let backward = backward.map(|critic| (BACKWARD_CRITIC, critic));
    forward.into_iter().chain(backward).collect()
}

type Actions = Vec<Vec<Vec<u32>>>;

fn seen_to_text(seen: &[KeptObject]) -> String {
    let object = |(actions, log_reward): &KeptObject| {
        let actions: Vec<String> = actions.iter().map(u32::to_string).collect();
        format!("{:x}:{}", log_reward.to_bits(), actions.join(","))
    };
    let objects: Vec<String> = seen.iter().map(object).collect();
    objects.join(" ")
}

fn seen_from_text(text: &str) -> Option<Vec<KeptObject>> {
    let object = |text: &str| -> Option<KeptObject> {
        let (bits, actions) = text.split_once(':')?;
        let log_reward = f64::from_bits(u64::from_str_radix(bits, 16).ok()?);
        let actions: Option<Vec<u32>> = actions.split(',').map(|a| a.parse().ok()).collect();
        Some((actions?, log_reward))
    };
    text.split(' ').map(object).collect()
}

fn buffer_to_text(batches: &Actions) -> String {
    let trajectory = |actions: &Vec<u32>| {
        let actions: Vec<String> = actions.iter().map(u32::to_string).collect();
        actions.join(",")
    };
    let batch = |batch: &Vec<Vec<u32>>| {
        let trajectories: Vec<String> = batch.iter().map(trajectory).collect();
        trajectories.join(" ")
    };
    let batches: Vec<String> = batches.iter().map(batch).collect();
    batches.join(";")
}

fn buffer_from_text(text: &str) -> Option<Actions> {
    let trajectory = |text: &str| -> Option<Vec<u32>> {
        text.split(',').map(|action| action.parse().ok()).collect()
    };
    let batch = |text: &str| -> Option<Vec<Vec<u32>>> { text.split(' ').map(trajectory).collect() };
    text.split(';').map(batch).collect()
}

fn content(path: &Path, source: ParametersError) -> CheckpointError {
    CheckpointError::Content {
        path: path.display().to_string(),
        source,
    }
}
