//! The configuration enums in files: names, round trips, and no key is ignored.
#![cfg(feature = "serde")]

mod common;

use common::{SUB_TRAJECTORIES, with_continued};
use gfn_loss::divergences::{ControlVariate, Divergence, TsallisScale};
use gfn_loss::{
    Regression, StateNormalisation, SubTrajectoryNormalisation, TransitionNormalisation,
};
use serde::{Serialize, de::DeserializeOwned};

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

/// Every value survives TOML and JSON, and is refused with one key more.
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = toml::to_string(value).expect("serialisable");
    assert_eq!(parse::<T>(&text).as_ref(), Ok(value), "{text}");
    let json = serde_json::to_string(value).expect("serialisable");
    assert_eq!(
        &serde_json::from_str::<T>(&json).expect("readable"),
        value,
        "{json}"
    );

    let error = parse::<T>(&format!("{text}alhpa = 1.0\n")).expect_err("one key too many");
    assert!(error.contains("unknown field `alhpa`"), "{text}: {error}");
}

#[test]
fn every_variant_round_trips_and_refuses_unknown_keys() {
    with_continued().iter().for_each(check);
    check(&ControlVariate::None {});
    check(&ControlVariate::LeaveOneOut {});
    check(&TransitionNormalisation::Batch {});
    check(&TransitionNormalisation::Trajectory {});
    SUB_TRAJECTORIES.iter().for_each(check);
    check(&StateNormalisation::Batch { leaf_weight: 10.0 });
    check(&StateNormalisation::Balanced { leaf_weight: 0.5 });
}

#[test]
fn names_in_files_are_stable() {
    let files = [
        ("kind = 'squared'", Regression::Squared {}),
        ("kind = 'half-squared'", Regression::HalfSquared {}),
        (
            "kind = 'huber'\ndelta = 2.0",
            Regression::Huber { delta: 2.0 },
        ),
        ("kind = 'shifted-cosh'", Regression::ShiftedCosh {}),
        (
            "kind = 'linex'\nalpha = -1.0",
            Regression::Linex { alpha: -1.0 },
        ),
        ("kind = 'absolute-value'", Regression::AbsoluteValue {}),
        ("kind = 'jensen-shannon'", Regression::JensenShannon {}),
        ("kind = 'symmetric-kl'", Regression::SymmetricKl {}),
        (
            "kind = 'linear-beyond'\nthreshold = 10.0\nloss = { kind = 'linex', alpha = 1.0 }",
            Regression::LINEX_1.linear_beyond(10.0),
        ),
    ];
    for (text, expected) in files {
        assert_eq!(parse(text), Ok(expected));
        assert!(text.contains(&format!("'{}'", expected.name())));
    }
    assert_eq!(files.map(|(_, loss)| loss.name()), Regression::NAMES);
    let trajectory = parse("kind = 'trajectory'");
    assert_eq!(trajectory, Ok(TransitionNormalisation::Trajectory {}));
    let names = [
        "batch",
        "trajectory",
        "geometric",
        "equal",
        "equal-within",
        "detailed-balance",
        "detailed-balance-within",
        "trajectory-balance",
    ];
    for (name, expected) in names.into_iter().zip(SUB_TRAJECTORIES) {
        assert_eq!(parse(&format!("kind = '{name}'")), Ok(expected));
    }
    let within = parse("kind = 'geometric-within'");
    assert_eq!(within, Ok(SubTrajectoryNormalisation::Trajectory {}));
    let balanced = parse("kind = 'balanced'\nleaf_weight = 10.0");
    assert_eq!(
        balanced,
        Ok(StateNormalisation::Balanced { leaf_weight: 10.0 })
    );
}

#[test]
fn divergences_in_files() {
    let tsallis = |scale| Divergence::TsallisAlpha { alpha: 0.5, scale };
    let constant = TsallisScale::Constant { log_scale: 2.0 };
    for (text, expected) in [
        ("kind = 'reverse-kl'", Divergence::ReverseKl {}),
        ("kind = 'forward-kl'", Divergence::ForwardKl {}),
        (
            "kind = 'renyi-alpha'\nalpha = -2.0",
            Divergence::RenyiAlpha { alpha: -2.0 },
        ),
        (
            "kind = 'tsallis-alpha'\nalpha = 0.5",
            tsallis(TsallisScale::Batch {}),
        ),
        (
            "kind = 'tsallis-alpha'\nalpha = 0.5\nscale = { kind = 'constant', log_scale = 2.0 }",
            tsallis(constant),
        ),
    ] {
        assert_eq!(parse(text), Ok(expected));
        assert!(text.contains(&format!("'{}'", expected.name())));
        check(&expected);
    }
    let control = parse("kind = 'leave-one-out'");
    assert_eq!(control, Ok(ControlVariate::LeaveOneOut {}));
    let error = parse::<Divergence>("kind = 'tsallis-alpha'\nalpha = 0.5\nscael = 1").unwrap_err();
    assert!(error.contains("unknown field `scael`"), "{error}");
}

#[test]
fn wrong_files_are_refused() {
    for (text, expected) in [
        ("kind = 'linx'\nalpha = 1.0", "unknown variant `linx`"),
        ("kind = 'linex'", "missing field `alpha`"),
        ("alpha = 1.0", "missing field `kind`"),
        ("kind = 'linex'\nalpha = 'one'", "invalid type"),
        (
            "kind = 'linear-beyond'\nthreshold = 2.0\n\
             loss = { kind = 'linear-beyond', threshold = 1.0, loss = { kind = 'squared' } }",
            "the inner loss is linear-beyond itself, from 1",
        ),
    ] {
        let error = parse::<Regression>(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
