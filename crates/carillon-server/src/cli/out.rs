//! What commands print: results to standard output, remarks to standard error.

use std::fmt::Display;
use std::io::{self, Write as _};

/// A line of what the command was asked for.
///
/// # Errors
/// Nobody reads it any more, or it cannot be written.
pub(super) fn line(text: impl Display) -> anyhow::Result<()> {
    self::text(format_args!("{text}\n"))
}

/// As [`line()`], of a text that ends its lines itself.
///
/// # Errors
/// As [`line()`].
pub(super) fn text(text: impl Display) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")?;
    stdout.flush()?;
    Ok(())
}

/// A remark for whoever watches. Nobody is left to tell when it cannot be written.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether the error is that the reader of the output went away, as `head` does.
pub(super) fn is_closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The error with its causes; those that it quotes already are not said twice.
pub(super) fn explained(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_quoted_already_is_not_said_twice() {
        let error = anyhow::anyhow!("no room").context("the store did not open: no room").context("not started");
        assert_eq!(explained(&error), "not started: the store did not open: no room");
    }
}
