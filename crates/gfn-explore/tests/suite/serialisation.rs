//! What experiment files may say, and that no key is ignored.

use gfn_explore::{BehaviourConfig, Schedule};

fn schedule(text: &str) -> Result<Schedule, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        epsilon: Schedule,
    }
    toml::from_str::<File>(text)
        .map(|file| file.epsilon)
        .map_err(|error| error.message().to_owned())
}

fn behaviour(text: &str) -> Result<BehaviourConfig, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn a_number_is_a_constant_schedule() {
    assert_eq!(schedule("epsilon = 0.25"), Ok(Schedule::constant(0.25)));
    assert_eq!(schedule("epsilon = 1"), Ok(Schedule::constant(1.0)));
    assert_eq!(schedule("epsilon = -3"), Ok(Schedule::constant(-3.0)));
    let long = "epsilon = { kind = \"constant\", value = 0.25 }";
    assert_eq!(schedule(long), Ok(Schedule::constant(0.25)));
}

#[test]
fn tables_are_schedules_with_a_kind() {
    let linear = Schedule::Linear {
        from: 1.0,
        to: 0.5,
        iterations: 30_000,
    };
    let text = "epsilon = { kind = \"linear\", from = 1.0, to = 0.5, iterations = 30_000 }";
    assert_eq!(schedule(text), Ok(linear));
    let exponential = Schedule::Exponential {
        from: 1.0,
        factor: 0.99,
        to: 0.0,
    };
    let text = "epsilon = { kind = \"exponential\", from = 1, factor = 0.99 }";
    assert_eq!(schedule(text), Ok(exponential), "`to` is 0 unless given");
    let text = "[epsilon]\nkind = \"cosine\"\nfrom = 1.0\nto = 0.0\niterations = 7\n";
    let cosine = Schedule::Cosine {
        from: 1.0,
        to: 0.0,
        iterations: 7,
    };
    assert_eq!(schedule(text), Ok(cosine));
}

#[test]
fn wrong_schedules_are_refused_by_name() {
    for (text, message) in [
        (
            "epsilon = { kind = \"linear\", from = 1.0, to = 0.5, iterations = 3, itertions = 3 }",
            "unknown field `itertions`",
        ),
        (
            "epsilon = { kind = \"constant\", value = 1.0, to = 0.0 }",
            "unknown field `to`",
        ),
        (
            "epsilon = { kind = \"linaer\", from = 1.0 }",
            "unknown variant `linaer`",
        ),
        (
            "epsilon = { kind = \"linear\", from = 1.0, iterations = 3 }",
            "missing field `to`",
        ),
        ("epsilon = { from = 1.0 }", "missing field `kind`"),
        (
            "epsilon = \"0.1\"",
            "expected a number or a table with `kind`",
        ),
        ("epsilon = true", "expected a number or a table with `kind`"),
        (
            "epsilon = { kind = \"linear\", from = 1.0, to = 0.5, iterations = -3 }",
            "invalid value",
        ),
    ] {
        let error = schedule(text).unwrap_err();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn behaviours_have_stable_names_and_survive_a_file() {
    let half = Schedule::constant(0.5);
    let linear = Schedule::Linear {
        from: 2.0,
        to: 1.0,
        iterations: 10,
    };
    let files = [
        ("kind = \"on-policy\"", BehaviourConfig::OnPolicy {}),
        (
            "kind = \"epsilon-uniform\"\nepsilon = 0.5",
            BehaviourConfig::EpsilonUniform {
                epsilon: half,
                temperature: None,
            },
        ),
        (
            "kind = \"epsilon-uniform\"\nepsilon = 0.5\n\n[temperature]\nkind = \"linear\"\nfrom = 2.0\nto = 1.0\niterations = 10",
            BehaviourConfig::EpsilonUniform {
                epsilon: half,
                temperature: Some(linear),
            },
        ),
        (
            "kind = \"tempered\"\ntemperature = 0.5",
            BehaviourConfig::Tempered { temperature: half },
        ),
    ];
    for (text, config) in files {
        assert_eq!(behaviour(text).as_ref(), Ok(&config), "{text}");
        let written = toml::to_string(&config).unwrap();
        assert_eq!(written.trim_end(), text);
        let error = behaviour(&format!("extra = 1\n{text}")).unwrap_err();
        assert!(error.contains("unknown field `extra`"), "{text}: {error}");
    }
}

#[test]
fn on_policy_takes_no_keys() {
    let error = behaviour("kind = \"on-policy\"\nepsilon = 0.1").unwrap_err();
    assert!(error.contains("unknown field `epsilon`"), "{error}");
    let error = behaviour("kind = \"on_policy\"").unwrap_err();
    assert!(error.contains("unknown variant `on_policy`"), "{error}");
    assert!(behaviour("").unwrap_err().contains("missing field `kind`"));
}
