//! Checkpoint files: what they hold, and what is refused.

use crate::common::{assert_same, small_trainer};
use gfn_policy::{named_parameters, to_safetensors};
use gfn_train::{Checkpoint, CheckpointError};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

fn checkpoint() -> Checkpoint {
    let mut trainer = small_trainer(0);
    trainer.run(2, |_, _| {}).unwrap();
    Checkpoint {
        experiment: "fingerprint-1".to_owned(),
        trainer: trainer.state(),
        extra: BTreeMap::from([
            ("window".to_owned(), "{\"a\": [1, 2]}\n".to_owned()),
            ("best.tv".to_owned(), "0.125".to_owned()),
        ]),
    }
}

#[test]
fn a_checkpoint_survives_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    let saved = checkpoint();
    saved.save(&path).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_same(&loaded.trainer, &saved.trainer);
    assert_eq!(loaded, saved);
    // Saving again replaces it and leaves nothing else behind.
    let mut later = saved.clone();
    later.trainer.iteration = u64::MAX;
    later.save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), later);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn files_cut_short_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    checkpoint().save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    for n in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..n]).unwrap();
        let error = Checkpoint::load(&path).unwrap_err();
        assert!(matches!(error, CheckpointError::Content { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.contains("c.safetensors") && message.contains("delete it"),
            "{message}"
        );
    }
}

#[test]
fn foreign_safetensors_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    let trainer = small_trainer(0);
    let tensors = named_parameters(trainer.policy());
    let full = BTreeMap::from(
        [
            ("format", "gfn-checkpoint-1"),
            ("experiment", "fingerprint-1"),
            ("iteration", "3"),
            ("adam.step", "3"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    let refuse = |metadata: BTreeMap<String, String>, expected: &str| {
        fs::write(&path, to_safetensors(&tensors, metadata).unwrap()).unwrap();
        let error = Checkpoint::load(&path).unwrap_err();
        assert!(
            matches!(&error, CheckpointError::Foreign { key, .. } if *key == expected),
            "{expected}: {error}"
        );
        let message = error.to_string();
        assert!(
            message.contains("c.safetensors") && message.contains(&format!("`{expected}`")),
            "{message}"
        );
    };
    refuse(BTreeMap::new(), "format");
    for key in full.keys() {
        let mut without = full.clone();
        without.remove(key);
        refuse(without, key);
    }
    for (key, value) in [
        ("format", "gfn-checkpoint-0"),
        ("iteration", "-1"),
        ("adam.step", "three"),
    ] {
        let mut wrong = full.clone();
        wrong.insert(key.to_owned(), value.to_owned());
        refuse(wrong, key);
    }
}

#[test]
fn checkpoints_of_other_experiments_and_missing_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    let error = Checkpoint::load(&path).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::File(e) if e.kind() == ErrorKind::NotFound),
        "{error}"
    );
    let message = error.to_string();
    assert!(
        message.contains("cannot read") && message.contains("c.safetensors"),
        "{message}"
    );

    checkpoint().save(&path).unwrap();
    assert!(Checkpoint::load_for(&path, "fingerprint-1").is_ok());
    let error = Checkpoint::load_for(&path, "fingerprint-2").unwrap_err();
    assert!(
        matches!(&error, CheckpointError::OtherExperiment { .. }),
        "{error}"
    );
    let message = error.to_string();
    for part in ["c.safetensors", "fingerprint-1", "fingerprint-2"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written_says_so() {
    let dir = tempfile::tempdir().unwrap();
    // A folder in the way, with something in it: it is still there afterwards, and nothing beside it.
    let path = dir.path().join("c.safetensors");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("kept"), "x").unwrap();
    let error = checkpoint().save(&path).unwrap_err();
    assert!(matches!(error, CheckpointError::File(_)), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("cannot write") && message.contains("c.safetensors"),
        "{message}"
    );
    assert_eq!(fs::read_to_string(path.join("kept")).unwrap(), "x");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let error = Checkpoint::load(&path).unwrap_err();
    assert!(error.to_string().contains("cannot read"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    // Every write to this device fails with "no space left"; the temporary file is a link to it.
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    let saved = checkpoint();
    saved.save(&path).unwrap();
    std::os::unix::fs::symlink(full, dir.path().join("c.safetensors.tmp")).unwrap();
    let mut later = saved.clone();
    later.trainer.iteration += 1;
    let error = later.save(&path).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::File(e) if e.kind() == ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(Checkpoint::load(&path).unwrap(), saved);
}
