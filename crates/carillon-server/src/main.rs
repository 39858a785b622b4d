//! The `carillon` binary: everything is in the library, so that tests can start several servers in one process.

use std::process::ExitCode;

/// What is freed together, as a table in memory with hundreds of thousands of rows when it is on disk, must cost nobody who
/// asks for memory later. With the system's allocator on Linux the writer stood still for tens of milliseconds after each.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    carillon_server::cli::main()
}
