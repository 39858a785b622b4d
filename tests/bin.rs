//! The server's binary, under a name that the tests can ask cargo for.

use std::process::ExitCode;

fn main() -> ExitCode {
    carillon_server::cli::main()
}
