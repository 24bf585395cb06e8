//! `gfn-bench antimicrobial-classifier`.

use anyhow::{Context as _, Result};
use clap::Args;
use gfn_bench::summary::write_atomically;
use gfn_env::AntimicrobialClassifier;
use gfn_env::antimicrobial_peptide::{AntimicrobialData, RIDGE};
use std::path::PathBuf;

/// What is done with the fitted weights.
#[derive(Debug, Args)]
pub(super) struct ClassifierArgs {
    /// File to write the weights to.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Fits the classifier to the training part of the shipped peptides and says how it does on the held-out part.
pub(super) fn fit(args: &ClassifierArgs) -> Result<()> {
    let data = AntimicrobialData::shipped();
    let classifier = AntimicrobialClassifier::fit(&data.training, RIDGE)?;
    let mut lines = vec![
        ("rows", data.n_rows.to_string()),
        ("of another length", data.n_wrong_length.to_string()),
        ("repeated", data.n_repeated.to_string()),
        ("in both classes", data.n_contradictory.to_string()),
        ("families", data.n_families.to_string()),
        ("ridge", RIDGE.to_string()),
        ("weights", classifier.weights().len().to_string()),
    ];
    for (part, peptides) in [("training", &data.training), ("held out", &data.held_out)] {
        let figures = classifier.figures(peptides);
        lines.extend([
            (part, figures.n_peptides.to_string()),
            ("antimicrobial", figures.n_antimicrobial.to_string()),
            ("accuracy", format!("{:.4}", figures.accuracy)),
            ("larger class", format!("{:.4}", figures.majority_share)),
            ("auroc", format!("{:.4}", figures.auroc)),
            ("log loss", format!("{:.4}", figures.log_loss)),
        ]);
    }
    let text = classifier.to_csv();
    let same = text == AntimicrobialClassifier::shipped().to_csv();
    let same = if same { "the same" } else { "others" };
    lines.push(("shipped weights", same.to_owned()));
    for (name, value) in lines {
        println!("{name:>24} {value}");
    }
    if let Some(path) = &args.out {
        write_atomically(path, text.as_bytes())
            .with_context(|| format!("cannot write the weights to {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
