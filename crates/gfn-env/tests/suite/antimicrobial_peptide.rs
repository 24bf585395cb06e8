//! Antimicrobial peptides: the shipped weights are those that the fit finds, nothing of the held-out families is known to it, and the
//! reward is that of its formula.

use std::collections::BTreeSet;

use gfn_env::antimicrobial_peptide::{
    AntimicrobialClassifier, AntimicrobialData, AntimicrobialReward, LabelledPeptide, RIDGE,
};
use gfn_env::{
    Enumerable as _, Environment as _, Peptide, PeptideState, Reward as _, StateGraph, Table,
    log_partition,
};

fn chains() -> Peptide {
    Peptide::new(1, 60, Peptide::AMINO_ACIDS).unwrap()
}

fn chain(text: &str) -> PeptideState {
    chains().chain(text).unwrap()
}

/// `z` as the formula says, from the weights by name.
fn logit_by_name(table: &Table, text: &str) -> f64 {
    let weight = |name: &str| {
        let row = (0..table.n_rows()).find(|row| table.field(*row, 0) == name);
        table.number(row.unwrap(), 1).unwrap()
    };
    let size = text.len().max(10) as f64;
    let letters: Vec<char> = text.chars().collect();
    let mut occurrences: Vec<String> = letters.iter().map(char::to_string).collect();
    for d in 1..=4 {
        let pairs = letters.windows(d + 1);
        occurrences.extend(pairs.map(|w| format!("{}{}{}", w[0], ".".repeat(d - 1), w[d])));
    }
    let distinct: BTreeSet<&String> = occurrences.iter().collect();
    let terms = distinct.into_iter().map(|name| {
        let count = occurrences.iter().filter(|other| *other == name).count();
        weight(name) * (count as f64 / size).sqrt()
    });
    weight("bias") + terms.sum::<f64>()
}

#[test]
fn shipped_weights_are_those_of_the_fit() {
    let data = AntimicrobialData::shipped();
    let fitted = AntimicrobialClassifier::fit(&data.training, RIDGE).unwrap();
    let shipped = AntimicrobialClassifier::shipped();
    let pairs = fitted.weights().iter().zip(shipped.weights());
    let furthest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    // Eight decimals; the fit is nearer to the minimum than that.
    assert!(furthest < 5.1e-9, "{furthest}");
    assert_eq!(fitted.to_csv(), shipped.to_csv());
    // The order of the peptides moves the sums by rounding errors only.
    let backwards: Vec<LabelledPeptide> = data.training.iter().rev().copied().collect();
    let again = AntimicrobialClassifier::fit(&backwards, RIDGE).unwrap();
    let pairs = fitted.weights().iter().zip(again.weights());
    let furthest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(furthest < 2e-11, "{furthest}");
}

#[test]
fn held_out_families_are_told_apart() {
    let data = AntimicrobialData::shipped();
    let classifier = AntimicrobialClassifier::shipped();
    let figures = classifier.figures(&data.held_out);
    assert_eq!((figures.n_peptides, figures.n_antimicrobial), (880, 482));
    assert_eq!(figures.accuracy, 748.0 / 880.0);
    assert_eq!(figures.majority_share, 482.0 / 880.0);
    assert!((figures.auroc - 0.921_631).abs() < 1e-6, "{figures:?}");
    assert!((figures.log_loss - 0.361_175).abs() < 1e-6, "{figures:?}");
    let figures = classifier.figures(&data.training);
    assert_eq!(
        (figures.n_peptides, figures.n_antimicrobial),
        (3_524, 1_842)
    );
    assert_eq!(figures.accuracy, 3_380.0 / 3_524.0);
}

#[test]
fn nothing_of_the_held_out_families_is_in_the_training_part() {
    let data = AntimicrobialData::shipped();
    let left_out = [data.n_wrong_length, data.n_contradictory, data.n_repeated];
    assert_eq!(
        (data.n_rows, left_out, data.n_families),
        (5_200, [219, 47, 530], 1_823)
    );
    let n = data.training.len() + data.held_out.len();
    assert_eq!(
        n + data.n_wrong_length + data.n_repeated + data.n_contradictory,
        data.n_rows
    );
    let distinct: BTreeSet<PeptideState> = data
        .training
        .iter()
        .chain(&data.held_out)
        .map(|peptide| peptide.chain)
        .collect();
    assert_eq!(distinct.len(), n, "no sequence stands twice, in any class");
    assert!(distinct.iter().all(|x| (10..=60).contains(&x.length())));
    let known: BTreeSet<&[u8]> = data
        .training
        .iter()
        .flat_map(|peptide| peptide.chain.letters().windows(7))
        .collect();
    for peptide in &data.held_out {
        let mut residues = peptide.chain.letters().windows(7);
        assert!(!residues.any(|w| known.contains(w)), "{}", peptide.chain);
    }
}

#[test]
fn parts_of_a_table_by_hand() {
    let text = "antimicrobial,sequence\n\
        1,KKKKKKKKKK\n\
        1,KKKKKKKKKK\n\
        0,AAAAAAAAAA\n\
        1,AAAAAAAAAA\n\
        0,AAAAAAAAA\n\
        0,CCCCCCCDDDDDDD\n\
        0,DDDDDDDEEEEEEE\n\
        0,EEEEEEEFFFFFFF\n\
        0,EEEEEEGGGGGGGG\n";
    let data = AntimicrobialData::from_table(&Table::parse(text).unwrap(), 0).unwrap();
    assert_eq!(
        (data.n_rows, data.n_wrong_length, data.n_repeated),
        (9, 1, 1)
    );
    // A relative of a relative is of the family; six residues in a row are too few.
    assert_eq!((data.n_contradictory, data.n_families), (2, 3));
    // A fifth of five peptides is one: one of the two families of one.
    assert_eq!((data.training.len(), data.held_out.len()), (4, 1));
    let refused = |text: &str| {
        let table = Table::parse(text).unwrap();
        AntimicrobialData::from_table(&table, 0)
            .unwrap_err()
            .to_string()
    };
    let error = refused("sequence,antimicrobial\nKKKKKKKKKK,2\n");
    assert!(
        error.starts_with("line 2, column antimicrobial: \"2\""),
        "{error}"
    );
    let error = refused("sequence,antimicrobial\nKKKKKKKKKB,1\n");
    assert!(error.starts_with("line 2, column sequence"), "{error}");
    assert!(refused("sequence\nKKKKKKKKKK\n").contains("antimicrobial"));
}

#[test]
fn logits_and_rewards_by_hand() {
    let classifier = AntimicrobialClassifier::shipped();
    let table = Table::parse(&classifier.to_csv()).unwrap();
    for text in [
        "K",
        "KK",
        "ACDEFGHIKL",
        "GIGKFLHSAKKFGKAFVGEIMNS",
        "MKVRASVKKICRNCKVIKRNGVVRVICTEPKHKQRQG",
    ] {
        let expected = logit_by_name(&table, text);
        let found = classifier.logit(&chain(text));
        assert!(
            (found - expected).abs() < 1e-12,
            "{text}: {found} {expected}"
        );
        for exponent in [0.5, 3.0] {
            let reward = AntimicrobialReward::new(exponent).unwrap();
            let log_reward = -exponent * (-expected).exp().ln_1p();
            let mut out = [0.0];
            reward.log_reward(&[chain(text)], &mut out).unwrap();
            assert!((out[0] - log_reward).abs() < 1e-12, "{text}");
        }
    }
    // Nothing to judge by.
    let bias = classifier.weights()[0];
    assert_eq!(classifier.logit(&chains().source()), bias);
    // A chain that has not stopped is no object.
    let reward = AntimicrobialReward::new(3.0).unwrap();
    let mut out = [0.0];
    reward.log_reward(&[chains().source()], &mut out).unwrap();
    assert!(out[0].is_nan());
    assert!(reward.log_reward_of(&chains().source()).is_finite());
}

#[test]
fn rewards_are_finite_and_bounded_by_the_norms_of_the_weights() {
    let classifier = AntimicrobialClassifier::shipped();
    let norm = |weights: &[f64]| weights.iter().map(|w| w * w).sum::<f64>().sqrt();
    let (residues, pairs) = classifier.weights()[1..].split_at(20);
    let bound = norm(residues) + pairs.chunks(400).map(norm).sum::<f64>();
    let steep = AntimicrobialReward::new(1e6).unwrap();
    for code in Peptide::AMINO_ACIDS.chars() {
        for length in [1, 9, 10, 60] {
            let x = chain(&code.to_string().repeat(length));
            let z = classifier.logit(&x) - classifier.weights()[0];
            assert!(z.abs() <= bound, "{x}: {z} {bound}");
            let log_reward = steep.log_reward_of(&x);
            assert!(log_reward.is_finite() && log_reward < 0.0);
        }
    }
}

#[test]
fn the_sum_over_short_chains_is_that_of_the_flows() {
    let env = Peptide::new(1, 2, Peptide::AMINO_ACIDS).unwrap();
    assert_eq!(env.n_terminal(), 420);
    let reward = AntimicrobialReward::new(3.0).unwrap();
    let graph = StateGraph::explore(&env, 1_000).unwrap();
    assert_eq!(graph.len(), 421 + 420);
    let log_rewards = graph.log_rewards(&reward).unwrap();
    let flows = graph.log_flows_uniform(&log_rewards);
    assert!((flows[0] - log_partition(&log_rewards)).abs() < 1e-12);
}

#[test]
fn bad_parameters_are_refused() {
    for exponent in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = AntimicrobialReward::new(exponent).unwrap_err().to_string();
        assert!(error.starts_with("`exponent`"), "{error}");
    }
    for ridge in [0.0, f64::NAN] {
        let error = AntimicrobialClassifier::fit(&[], ridge).unwrap_err();
        assert!(error.to_string().starts_with("`ridge`"), "{error}");
    }
    let csv = AntimicrobialClassifier::shipped().to_csv();
    let says = |text: &str| {
        let table = Table::parse(text).unwrap();
        AntimicrobialClassifier::from_table(&table)
            .unwrap_err()
            .to_string()
    };
    let swapped = csv.replace("\nA,", "\nX,");
    assert!(says(&swapped).starts_with("line 3, column feature: \"X\""));
    assert!(says("feature,weight\nbias,1\n").contains("1 of 1621"));
    assert!(says(&format!("{csv}K,1\n")).contains("there are 1621 features"));
    let again = AntimicrobialClassifier::from_table(&Table::parse(&csv).unwrap()).unwrap();
    assert_eq!(again, AntimicrobialClassifier::shipped());
}
