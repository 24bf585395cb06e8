//! Progress bars with live figures.

use gfn_bench::run::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `iterations`.
pub(super) fn bar(iterations: u64, name: &str) -> ProgressBar {
    let bar = ProgressBar::new(iterations);
    style(&bar, name);
    bar
}

/// Gives a bar its looks.
pub(super) fn style(bar: &ProgressBar, name: &str) {
    // The template is a constant of this file; without it the bar has the library's looks.
    if let Ok(style) = ProgressStyle::with_template("{prefix:34!} {wide_bar} {percent:>3}% {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
}

/// Shows the figures of `progress`.
pub(super) fn update(bar: &ProgressBar, progress: &Progress) {
    bar.set_position(progress.iteration);
    bar.set_message(message(progress));
}

fn message(p: &Progress) -> String {
    let figure = |name: &str, value: Option<f64>| {
        value.map_or_else(String::new, |v| format!(" {name} {v:.4}"))
    };
    format!(
        "{:.0} it/s loss {:.3}{}{}",
        p.iterations_per_s,
        p.loss,
        figure("TV", p.total_variation),
        figure("log Z", p.log_z)
    )
}
