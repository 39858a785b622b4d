//! How far a run is: a bar on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// A bar that vanishes at its end.
pub(super) fn bar(what: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>20} {wide_bar} {percent:>3}%, {eta} left");
    let style = style.expect("the template is one that the library knows");
    ProgressBar::new(length).with_style(style).with_message(what).with_finish(ProgressFinish::AndClear)
}
