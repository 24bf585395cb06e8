//! Networks in the Bayesian interchange format.

use gfn_env::bayesian_network::DiscreteNetwork;

const SPRINKLER: &str = r#"network unknown { property author nobody; }
// Cloudy days have rain and no sprinkler.
variable cloudy { type discrete [ 2 ] { yes, no }; }
variable wet {
  type discrete [ 3 ] { dry, damp, soaked };
  property position = (1, 2) ;
}
variable rain { type discrete[2] { "yes", "no" }; }
/* Children may stand before
   their parents. */
probability ( wet | cloudy, rain ) {
  (yes, yes) 0.1, 0.3, 0.6;
  (no, yes) 0.25, 0.25, 0.5;
  default 0.9, 0.1, 0.0;
}
probability ( cloudy ) { table 0.5, 0.5; }
probability ( rain | cloudy ) { (no) 0.1, 0.9; (yes) 0.7, 0.3; }
"#;

#[test]
fn frequencies_are_the_conditional_probabilities() {
    let network = DiscreteNetwork::parse(SPRINKLER).unwrap();
    assert_eq!(network.names(), ["cloudy", "wet", "rain"]);
    assert_eq!(network.parents(), [0b000, 0b101, 0b001]);
    let data = network.draw(40_000, 3).unwrap();
    assert_eq!(data.categories(1), ["dry", "damp", "soaked"]);
    let rows = || (0..data.n_rows()).map(|i| [0, 1, 2].map(|j| data.column(j)[i]));
    // P(wet | cloudy, rain), configuration by configuration.
    for (cloudy, rain, expected) in [
        (0, 0, [0.1, 0.3, 0.6]),
        (0, 1, [0.9, 0.1, 0.0]),
        (1, 0, [0.25, 0.25, 0.5]),
        (1, 1, [0.9, 0.1, 0.0]),
    ] {
        let n = rows().filter(|r| r[0] == cloudy && r[2] == rain).count() as f64;
        for (wet, p) in expected.into_iter().enumerate() {
            let of_wet = |r: &[u8; 3]| *r == [cloudy, wet as u8, rain];
            let share = rows().filter(of_wet).count() as f64 / n;
            // Five standard errors of twelve figures: a false alarm in a hundred thousand.
            let error = 5.0 * f64::sqrt(p * (1.0 - p) / n);
            assert!((share - p).abs() <= error, "{cloudy} {rain} {wet}: {share}");
        }
    }
    let rain = rows().filter(|r| r[2] == 0).count() as f64 / data.n_rows() as f64;
    assert!(
        (rain - 0.4).abs() < 5.0 * (0.24f64 / 40_000.0).sqrt(),
        "{rain}"
    );
    assert_eq!(network.draw(40_000, 3).unwrap(), data);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (from, to, says) in [
        (
            "variable rain",
            "variable cloudy",
            &["line 8", "cloudy", "twice"][..],
        ),
        (
            "discrete [ 3 ]",
            "discrete [ 2 ]",
            &["line 5", "3 categories"],
        ),
        (
            "type discrete [ 3 ]",
            "type continuous [ 3 ]",
            &["line 5", "discrete"],
        ),
        (
            "| cloudy, rain",
            "| cloudy, snow",
            &["line 11", "snow", "no variable"],
        ),
        (
            "| cloudy, rain",
            "| cloudy, wet",
            &["line 11", "its own parent"],
        ),
        (
            "(no, yes) 0.25",
            "(no, maybe) 0.25",
            &["line 13", "maybe", "rain"],
        ),
        (
            "(no, yes) 0.25",
            "(no) 0.25",
            &["line 13", "1 values", "2 parents"],
        ),
        (
            "(no, yes) 0.25",
            "(yes, yes) 0.25",
            &["line 13", "stands above"],
        ),
        (
            "0.25, 0.25, 0.5;",
            "0.25, 0.25;",
            &["line 13", "2 probabilities for 3"],
        ),
        (
            "0.25, 0.25, 0.5;",
            "0.25, 0.25, 0.6;",
            &["line 13", "sum to 1.1"],
        ),
        (
            "0.25, 0.25, 0.5;",
            "0.25, 0.25, much;",
            &["line 13", "much"],
        ),
        (
            "  default 0.9, 0.1, 0.0;\n",
            "",
            &["line 11", "2 of 4", "default"],
        ),
        (
            "probability ( cloudy )",
            "chance ( cloudy )",
            &["line 16", "chance"],
        ),
        (
            "{ (no) 0.1, 0.9; (yes) 0.7, 0.3; }",
            "{ table 0.1, 0.9, 0.7, 0.3; }",
            &["line 17", "one row"],
        ),
        (
            "(yes) 0.7, 0.3; }",
            "(yes) 0.7, 0.3;",
            &["line 17", "ends", "`}`"],
        ),
        (
            "probability ( cloudy ) { table 0.5, 0.5; }",
            "",
            &["cloudy", "no `probability`"],
        ),
        (
            "probability ( cloudy ) { table 0.5, 0.5; }",
            "probability ( cloudy | rain ) { default 0.5, 0.5; }",
            &["cloudy", "cycle"],
        ),
    ] {
        assert!(SPRINKLER.contains(from), "{from}");
        let error = DiscreteNetwork::parse(&SPRINKLER.replacen(from, to, 1)).unwrap_err();
        let message = error.to_string();
        for part in says {
            assert!(message.contains(part), "{to}: {message:?} lacks {part:?}");
        }
    }
    let none = DiscreteNetwork::parse("").unwrap_err().to_string();
    assert!(none.contains("0 variables"), "{none}");
    let constant = SPRINKLER.replace("table 0.5, 0.5", "table 1.0, 0.0");
    let error = DiscreteNetwork::parse(&constant).unwrap().draw(50, 0);
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("cloudy") && message.contains("more rows"),
        "{message}"
    );
}
