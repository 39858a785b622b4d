//! The server: configuration, wiring, HTTP dialects, native API and command line.
//!
//! The binary is a thin rim around this library, so that tests can start several servers in one process.

pub mod cli;
mod clock;
pub mod config;
pub mod dialect;
mod files;
mod http;
pub mod logging;
pub mod native;
pub mod netease;
mod object;
mod open_files;
mod ports;
mod process_metrics;
mod retention;
mod seed;
pub mod server;
pub mod tencent;
#[cfg(test)]
mod tests;
mod version;
mod wire;

pub use version::{COMMIT, VERSION};
