//! The command line: says which build this is.

use std::io::Write;
use std::process::ExitCode;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    match writeln!(std::io::stdout(), "carillon {}", crate::VERSION) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
