//! The progress bar.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Makes a bar on standard error, hidden without a terminal or with `--quiet`.
pub fn progress_bar(what: &'static str, length: usize, quiet: bool) -> ProgressBar {
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let style = ProgressStyle::with_template("{prefix:<10} {bar:40} {pos}/{len} {elapsed} {msg}")
        .expect("the template is fixed");
    ProgressBar::with_draw_target(Some(length as u64), target)
        .with_style(style)
        .with_prefix(what)
}
