//! Bad input ends with a message that names file, key and remedy, and leaves what was there as it was.

use crate::program::{
    GRID, Place, TINY, assert_same_run, fail_saying, files, gfn_bench, metrics, succeed,
};
use crate::refused::{self, Refused};
use gfn_train::Checkpoint;
use std::fs;
use std::path::Path;

#[test]
fn wrong_settings_are_refused_and_a_finished_run_stays() {
    let place = Place::new(TINY);
    succeed(&mut place.run("run"));
    let before = files(&place.join("run"));
    for Refused { arguments, says } in refused::all() {
        fail_saying(place.run("run").args(*arguments), says);
        assert!(files(&place.join("run")) == before, "{arguments:?}");
    }
}

#[test]
fn a_folder_where_nothing_was_trained_takes_the_corrected_experiment() {
    let place = Place::new(TINY);
    let too_many = ["--set", "evaluation.exact_max_states=3"];
    fail_saying(
        place.run("run").args(too_many),
        &["evaluation.exact_max_states", "tabular", "kind = \"mlp\""],
    );
    assert!(place.join("run").join("failure.txt").exists());
    succeed(&mut place.run("run"));
    assert!(!place.join("run").join("failure.txt").exists());
}

#[test]
fn files_that_are_missing_or_no_experiment() {
    let place = Place::new("name = [");
    let run = |path: &Path| {
        let mut command = gfn_bench();
        command
            .arg("run")
            .arg(path)
            .arg("--out")
            .arg(place.join("run"));
        command
    };
    fail_saying(
        &mut run(&place.join("missing.toml")),
        &["missing.toml", "cannot read", "check the path"],
    );
    fail_saying(
        &mut run(&place.experiment()),
        &["experiment.toml", "not valid TOML", "line 1"],
    );
    fs::write(place.experiment(), "name = \"x\"\n").expect("it can be written");
    fail_saying(
        &mut run(&place.experiment()),
        &["experiment.toml", "missing field `environment`"],
    );
    assert!(!place.join("run").exists());
    for command in ["resume", "sample"] {
        fail_saying(
            gfn_bench().arg(command).arg(place.path()),
            &["is not a run folder", "config.toml"],
        );
    }
    fail_saying(
        gfn_bench().arg("report").arg(place.join("nowhere")),
        &["nowhere"],
    );
    fail_saying(
        gfn_bench()
            .arg("compare")
            .arg(place.path())
            .arg(place.join("nowhere")),
        &["holds no run", "config.toml"],
    );
}

#[test]
fn a_device_that_is_not_compiled_in() {
    let Some(missing) = gfn_bench::Backend::all().find(|b| !b.is_compiled()) else {
        return;
    };
    let place = Place::new(TINY);
    let feature = format!("--features {}", missing.name());
    fail_saying(
        place.run("run").args(["--device", missing.name()]),
        &["device", "is not compiled in", &feature],
    );
}

/// Neither Vulkan nor, where wgpu looks next, OpenGL.
#[test]
#[cfg(all(feature = "wgpu", target_os = "linux"))]
fn wgpu_without_a_driver_is_an_error_and_no_crash() {
    let place = Place::new(TINY);
    fail_saying(
        place
            .run("run")
            .args(["--device", "wgpu"])
            .env("VK_ICD_FILENAMES", "/nonexistent")
            .env("VK_DRIVER_FILES", "/nonexistent")
            .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent"),
        &[
            "`device`",
            "wgpu cannot be opened",
            "mesa-vulkan-drivers",
            "--device flex",
        ],
    );
}

/// A run that stands at 40 of 60 iterations.
fn unfinished(place: &Place, run: &str) {
    succeed(place.run(run).args(["--set", "budget.iterations=40"]));
}

#[test]
fn checkpoints_that_are_cut_short_foreign_or_of_another_experiment() {
    let place = Place::new(GRID);
    unfinished(&place, "run");
    unfinished(&place, "good");
    succeed(
        place
            .run("other")
            .args(["--set", "budget.iterations=20", "--seed", "1"]),
    );
    let run = place.join("run");
    let path = run.join("checkpoint.safetensors");
    let good = fs::read(&path).expect("the run has a checkpoint");
    let other = fs::read(place.join("other").join("checkpoint.safetensors"))
        .expect("the run has a checkpoint");
    let foreign = fs::read(run.join("policy.safetensors")).expect("the run has a policy");
    let cut = &good[..good.len() / 2];
    for (content, says) in [
        (cut, "cannot continue from"),
        (&good[..5], "cannot continue from"),
        (b"", "cannot continue from"),
        (&foreign, "not a checkpoint of this program"),
        (&other, "belongs to another experiment"),
    ] {
        fs::write(&path, content).expect("it can be written");
        let mut before = files(&run);
        fail_saying(
            &mut place.run("run"),
            &["checkpoint.safetensors", says, "delete it to start again"],
        );
        let mut after = files(&run);
        assert!(after.remove("failure.txt").is_some());
        before.remove("failure.txt");
        // The folder has taken the longer budget; all that the first 40 iterations left is untouched.
        assert!(before.remove("config.toml").is_some() && after.remove("config.toml").is_some());
        assert!(before == after, "{says}");
    }
    fs::write(&path, &good).expect("it can be written");
    succeed(&mut place.run("run"));
    succeed(&mut place.run("good"));
    assert_same_run(&place.join("good"), &run);
}

#[test]
fn a_damaged_source_in_a_checkpoint_is_named_with_its_file() {
    let auxiliary = format!(
        "{GRID}\n[exploration]\non_policy = 0.5\n[[exploration.sources]]\nshare = 0.5\n\
         source = {{ kind = \"auxiliary-agent\", reward = {{ kind = \"novelty\" }} }}\n"
    );
    let place = Place::new(&auxiliary);
    unfinished(&place, "run");
    unfinished(&place, "good");
    let path = place.join("run").join("checkpoint.safetensors");
    let good = fs::read(&path).expect("the run has a checkpoint");
    let mut damaged = Checkpoint::load(&path).expect("it is whole");
    let state = &mut damaged.trainer.sources[0].bytes;
    assert!(
        state
            .get_mut("intrinsic")
            .is_some_and(|bytes| bytes.pop().is_some())
    );
    damaged.save(&path).expect("it can be written");
    fail_saying(
        &mut place.run("run"),
        &["checkpoint.safetensors", "auxiliary-agent", "`intrinsic`"],
    );
    fs::write(&path, &good).expect("it can be written");
    succeed(&mut place.run("run"));
    succeed(&mut place.run("good"));
    assert_same_run(&place.join("good"), &place.join("run"));
    let rows = metrics(&place.join("run"));
    let figure = "source.auxiliary-agent.log_reward";
    assert!(rows.contains(figure), "{figure} is recorded");
}

#[test]
fn a_policy_that_does_not_fit_is_not_sampled_from() {
    let place = Place::new(GRID);
    unfinished(&place, "run");
    let run = place.join("run");
    let policy = run.join("policy.safetensors");
    let bytes = fs::read(&policy).expect("the run has a policy");
    fs::write(&policy, &bytes[..bytes.len() / 2]).expect("it can be written");
    let sample = || {
        let mut command = gfn_bench();
        command.arg("sample").arg(&run).args(["-n", "3"]);
        command
    };
    fail_saying(&mut sample(), &["policy.safetensors"]);
    let tiny = Place::new(TINY);
    succeed(&mut tiny.run("run"));
    fs::copy(tiny.join("run").join("policy.safetensors"), &policy).expect("it can be copied");
    fail_saying(&mut sample(), &["run"]);
}

#[test]
fn training_that_diverges_names_step_and_quantity_and_keeps_what_it_had() {
    let place = Place::new(GRID);
    let run = place.join("run");
    fail_saying(
        place
            .run("run")
            .args(["--set", "regression={ kind = \"linex\", alpha = 1000 }"]),
        &["iteration ", "the loss is", "Lower the learning rate"],
    );
    let failure = fs::read_to_string(run.join("failure.txt")).expect("the reason is kept");
    assert!(failure.contains("the loss is"), "{failure}");
    assert!(metrics(&run).lines().count() > 10);
    assert!(run.join("checkpoint.safetensors").exists());
    assert!(!run.join("summary.json").exists());
}

#[test]
fn folders_that_cannot_be_made() {
    let place = Place::new(TINY);
    fs::write(place.join("a-file"), "kept").expect("it can be written");
    let out = place.join("a-file").join("run");
    fail_saying(
        gfn_bench()
            .arg("run")
            .arg(place.experiment())
            .arg("--out")
            .arg(out),
        &["cannot make the folder", "a-file"],
    );
    assert!(fs::read(place.join("a-file")).is_ok_and(|text| text == b"kept"));
    if cfg!(target_os = "linux") {
        // Nobody can make a folder there, not even root.
        fail_saying(
            gfn_bench()
                .arg("run")
                .arg(place.experiment())
                .args(["--out", "/proc/gfn-bench-run"]),
            &["cannot make the folder", "/proc/gfn-bench-run"],
        );
    }
}
