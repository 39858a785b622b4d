//! The `carillon` binary: everything is in the library, so that tests can start several servers in one process.

use std::process::ExitCode;

fn main() -> ExitCode {
    carillon_server::cli::main()
}
