//! The server: configuration, wiring, HTTP dialects, native API and command line.
//!
//! The binary is a thin rim around this library, so that tests can start several servers in one process.

pub mod cli;
pub mod netease;
mod version;

pub use version::{COMMIT, VERSION};
