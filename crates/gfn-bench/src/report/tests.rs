//! The whole report from run folders.

use std::path::Path;

use super::testing::{RunFolder, tree};
use super::*;
use crate::metrics::statistics::Spread;
use crate::plot::{HeatMap, HeatPanel, LinePlot};

fn sample_runs() -> Vec<Run> {
    let root = tree(&[
        RunFolder::new("grid-tb", "flex", 0),
        RunFolder::new("grid-tb", "flex", 1)
            .with_figures(&[("exact.tv", None), ("exact.jsd", Some(1e-5))]),
        RunFolder::new("grid-tb", "flex", 2).failed("loss is NaN <at step> 12"),
        RunFolder::new("grid-db", "wgpu:cpu", 0)
            .without("summary.json")
            .without("metrics.csv"),
    ]);
    collect(&[root.path()]).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_report_is_three_files_that_agree() {
    let out = tempfile::tempdir().unwrap();
    let extra = Section::new("Backends")
        .with_paragraph("On *identical* inputs.")
        .with_plot(HeatMap::new("Grid", "p").with_panel(HeatPanel::new("target", 2, vec![0.25; 4])))
        .with_row(
            ReportRow::new(
                "smoke",
                "grid-tb",
                "flex",
                "exact.tv",
                Spread::of_finite([0.5]),
            )
            .with_published(0.25, Verdict::NotReproduced),
        );
    let paths = write_report("smoke", &sample_runs(), &[], &[extra], out.path()).unwrap();

    let (html, markdown) = (read(&paths.html), read(&paths.markdown));
    for text in [&html, &markdown] {
        for expected in ["grid-tb", "not reproduced", "Backends"] {
            assert!(text.contains(expected), "{expected} is missing");
        }
        assert!(
            text.contains("loss is NaN &lt;at step"),
            "failure reasons are shown and escaped"
        );
        assert!(text.contains("grid-db/wgpu:cpu/seed-0") && text.contains("side = 8"));
    }
    assert!(
        !html.contains("<script") && !html.contains("<link") && !html.contains("src="),
        "one file, no scripts"
    );

    let links: Vec<&str> = markdown
        .split("](plots/")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert_eq!(links.len(), html.matches("<svg").count());
    for link in links {
        assert!(
            read(&out.path().join("plots").join(link)).starts_with("<svg"),
            "{link}"
        );
    }

    let file: ReportFile = serde_json::from_str(&read(&paths.json)).unwrap();
    let tv: Vec<&ReportRow> = file
        .rows
        .iter()
        .filter(|row| row.metric == "exact.tv")
        .collect();
    assert_eq!((tv.len(), tv[0].published, tv[0].n), (1, Some(0.25), 1));
    let jsd = file
        .rows
        .iter()
        .find(|row| row.metric == "exact.jsd")
        .unwrap();
    assert_eq!(
        (jsd.n, jsd.median, jsd.published, jsd.verdict),
        (1, Some(1e-5), None, None)
    );
    assert!(
        file.rows.iter().all(|row| row.cell == "grid-tb"),
        "only complete runs have figures"
    );
}

#[test]
fn writing_again_gives_the_same_bytes_and_no_stale_plots() {
    let out = tempfile::tempdir().unwrap();
    let old = Section::new("Old").with_plot(LinePlot::new("gone", "x", "y"));
    write_report("smoke", &sample_runs(), &[], &[old], out.path()).unwrap();
    assert!(out.path().join("plots/old-gone.svg").exists());
    let paths = write_report("smoke", &sample_runs(), &[], &[], out.path()).unwrap();
    assert!(!out.path().join("plots/old-gone.svg").exists());
    let before = (read(&paths.html), read(&paths.markdown), read(&paths.json));
    let paths = write_report("smoke", &sample_runs(), &[], &[], out.path()).unwrap();
    assert_eq!(
        (read(&paths.html), read(&paths.markdown), read(&paths.json)),
        before
    );
}

#[test]
fn a_suite_without_a_complete_run_still_reports() {
    let out = tempfile::tempdir().unwrap();
    let root = tree(&[RunFolder::new("a", "flex", 0).failed("no Vulkan driver")]);
    let paths = write_report(
        "smoke",
        &collect(&[root.path()]).unwrap(),
        &[],
        &[],
        out.path(),
    )
    .unwrap();
    let html = read(&paths.html);
    assert!(html.contains("No run is complete") && html.contains("no Vulkan driver"));
    assert!(read(&paths.json).contains("\"rows\": []"));
    write_report("nothing", &[], &[], &[], out.path()).unwrap();
}

#[test]
fn tabulated_runs_add_their_problems_and_versions_alone() {
    let out = tempfile::tempdir().unwrap();
    let root = tree(&[
        RunFolder::new("cell-a", "flex", 0),
        RunFolder::new("cell-b", "flex", 0).failed("the loss is infinite"),
    ]);
    let runs = collect(&[root.path()]).unwrap();
    let table = Section::new("Matrix").with_paragraph("figures of the cells");
    let paths = write_report("matrix", &[], &runs, &[table], out.path()).unwrap();
    let page = read(&paths.markdown);
    assert!(page.contains("the loss is infinite") && page.contains("Versions and devices"));
    assert!(!page.contains("## Configurations") && !page.contains("complete runs"));
    assert!(read(&paths.json).contains("\"rows\": []"));
}
